//! A real `redis-server`, with the users of `config/redis` and the functions loaded by its administrator, as an
//! operator sets it up. Killed when dropped.

use aldgate_core::secret::{MasterKey, Secret};
use aldgate_core::warm::redis::{Options, RedisWarm};
use aldgate_gateway::clock::SystemClock;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// How long it may take to answer; a loaded machine is slow.
const READY: Duration = Duration::from_secs(30);

const ADMIN_PASSWORD: &str = "replace-this-admin-password";
const PASSWORD: &str = "replace-this-password";

pub struct Redis {
    pub port: u16,
    child: Child,
    _home: TempDir,
}

impl Redis {
    pub async fn start() -> Self {
        let home = TempDir::new().expect("a directory");
        let users = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/redis/users.acl");
        let held = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = held.local_addr().expect("an address").port();
        drop(held);
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
            .arg("--aclfile")
            .arg(users)
            .arg("--dir")
            .arg(home.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let redis = Self { port, child, _home: home };
        let ready = async {
            while redis.admin(&["PING"]) != "PONG" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(READY, ready).await.expect("ready in time");
        let functions =
            Command::new(env!("CARGO_BIN_EXE_aldgate")).arg("redis-functions").output().expect("the binary");
        let text = String::from_utf8(functions.stdout).expect("text");
        assert_eq!(redis.admin(&["FUNCTION", "LOAD", "REPLACE", &text]), "aldgate_1");
        redis
    }

    /// Runs a command as the administrator.
    pub fn admin(&self, words: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string(), "--user", "admin", "--no-auth-warning", "-a", ADMIN_PASSWORD])
            .args(words)
            .output()
            .expect("redis-cli is installed");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// What a configuration says to reach it; the password's file is written into `dir`.
    pub fn configuration(&self, dir: &Path) -> String {
        let password_file = dir.join("redis-password");
        std::fs::write(&password_file, PASSWORD).expect("a file");
        format!(
            "[warm]\nkind = \"redis\"\naddresses = [\"127.0.0.1:{}\"]\nuser = \"aldgate\"\npassword_file = {password_file:?}\n",
            self.port
        )
    }

    /// A tier of the test's own on it.
    pub async fn warm(&self, master: &MasterKey) -> Arc<RedisWarm> {
        let address = format!("127.0.0.1:{}", self.port).parse().expect("an address");
        let password = Some(Secret::new(PASSWORD.into()));
        let options = Options { user: Some("aldgate".into()), password, ..Options::new(vec![address]) };
        Arc::new(RedisWarm::connect(options, master, Arc::new(SystemClock), None).await.expect("connected"))
    }

    /// Stops it from answering, or lets it answer again.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill").success());
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
