//! PostgreSQL beside Redis, as a deployment of several backends has them. Ended when dropped.

#[path = "../../../backend/tests/support/postgres.rs"]
mod server;

use super::deployment::Tier;
use super::redis::Redis;
pub use server::Postgres;
use std::path::Path;
use std::process::Command;

/// Redis beside PostgreSQL.
pub struct OnPostgres {
    pub redis: Redis,
    pub postgres: Postgres,
    pub url: String,
}

impl OnPostgres {
    pub async fn start() -> Self {
        let postgres = Postgres::start();
        let url = postgres.database();
        Self { redis: Redis::start().await, postgres, url }
    }

    /// Sends a signal to the database: to the server, and to each of the processes by which it serves a connection, which
    /// would go on without it for a while.
    pub fn signal_database(&self, signal: &str) {
        let server = self.postgres.pid();
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}")).arg(server.to_string()).args(children_of(server));
        assert!(kill.status().expect("kill").success());
    }

    /// Starts it again on what it left, after it was killed.
    pub fn revive_database(&mut self) {
        self.postgres.stop();
        self.postgres.run_server();
    }
}

/// The processes that a process has started, as `/proc/PID/stat` tells: the second field behind the name in brackets.
fn children_of(parent: u32) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let is_child = |stat: String| {
        let parent_of_it = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        parent_of_it == Some(parent.to_string().as_str())
    };
    let children = processes.filter(|process| std::fs::read_to_string(process.path().join("stat")).is_ok_and(is_child));
    children.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}

impl Tier for OnPostgres {
    fn configuration(&self, dir: &Path) -> String {
        format!("[store]\nurl = {:?}\n{}", self.url, self.redis.configuration(dir))
    }
}
