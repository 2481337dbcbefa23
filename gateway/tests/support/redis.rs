//! A real `redis-server`, with the users of `config/redis` and the functions loaded by its administrator, as an
//! operator sets it up. Killed when dropped.

use super::deployment::Tier;
use aldgate_core::secret::{MasterKey, Secret};
use aldgate_core::warm::redis::{Options, RedisWarm};
use aldgate_gateway::clock::SystemClock;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How long it may take to answer; a loaded machine is slow.
const READY: Duration = Duration::from_secs(30);

const ADMIN_PASSWORD: &str = "replace-this-admin-password";
const PASSWORD: &str = "replace-this-password";

/// What a server says to its primary, if it has one.
const AS_REPLICA: [&str; 4] = ["--masteruser", "replica", "--masterauth", "replace-this-replica-password"];

/// What was acknowledged is on the disk, as `config/redis/redis.conf` says.
pub const DURABLE: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

pub struct Redis {
    pub port: u16,
    arguments: Vec<String>,
    child: Child,
    home: TempDir,
}

impl Redis {
    /// One with the functions.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let redis = Self::bare(arguments).await;
        redis.load();
        redis
    }

    /// One that answers, without the functions: a replica gets its primary's.
    pub async fn bare(arguments: &[&str]) -> Self {
        let home = TempDir::new().expect("a directory");
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let port = free_port();
        let child = run(port, &home, &arguments);
        let redis = Self { port, arguments, child, home };
        redis.answers().await;
        redis
    }

    /// One that copies another, and has caught up with it.
    pub async fn replica_of(primary: &Self, arguments: &[&str]) -> Self {
        let port = primary.port.to_string();
        let replica = Self::bare(&[&["--replicaof", "127.0.0.1", &port], arguments].concat()).await;
        replica.has_what(primary).await;
        replica
    }

    /// Starts it again on the files that it left, after it was killed.
    pub async fn revive(&mut self) {
        self.kill();
        self.child = run(self.port, &self.home, &self.arguments);
        self.answers().await;
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    async fn answers(&self) {
        until("it answers", async || self.admin(&["PING"]) == "PONG").await;
    }

    /// Loads the functions, as its administrator does.
    pub fn load(&self) {
        let functions =
            Command::new(env!("CARGO_BIN_EXE_aldgate")).arg("redis-functions").output().expect("the binary");
        let text = String::from_utf8(functions.stdout).expect("text");
        assert_eq!(self.admin(&["FUNCTION", "LOAD", "REPLACE", &text]), "aldgate_1");
    }

    /// Waits until it has received whatever its primary has written by now.
    pub async fn has_what(&self, primary: &Self) {
        let written = primary.replication("master_repl_offset").expect("an offset");
        let up = || self.replication("master_link_status").as_deref() == Some("up");
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
        let written = number(Some(written)).expect("a number");
        let received = || number(self.replication("slave_repl_offset")).is_some_and(|received| received >= written);
        until("the replica is in step", async || up() && received()).await;
    }

    fn replication(&self, field: &str) -> Option<String> {
        let said = self.admin(&["INFO", "replication"]);
        let value = said.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        Some(value.trim().to_owned())
    }

    /// Whether it says that it is a primary.
    pub fn is_primary(&self) -> bool {
        self.replication("role").as_deref() == Some("master")
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

impl Tier for Redis {
    fn configuration(&self, dir: &Path) -> String {
        configuration(&[self], dir)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a configuration says to reach these; the password's file is written into `dir`. More keys of the tier may
/// follow.
pub fn configuration(servers: &[&Redis], dir: &Path) -> String {
    let at = |server: &&Redis| SocketAddr::from((Ipv4Addr::LOCALHOST, server.port));
    configuration_at(&servers.iter().map(at).collect::<Vec<_>>(), dir)
}

/// The same by the addresses at which they are reached.
pub fn configuration_at(addresses: &[SocketAddr], dir: &Path) -> String {
    let password_file = dir.join("redis-password");
    std::fs::write(&password_file, PASSWORD).expect("a file");
    let addresses: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    format!(
        "[warm]\nkind = \"redis\"\naddresses = {addresses:?}\nuser = \"aldgate\"\npassword_file = {password_file:?}\n"
    )
}

fn run(port: u16, home: &TempDir, arguments: &[String]) -> Child {
    let users = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/redis/users.acl");
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"])
        .args(["--repl-diskless-sync-delay", "0"]) // A test's replica need not wait for another one.
        .args(AS_REPLICA)
        .arg("--aclfile")
        .arg(users)
        .arg("--dir")
        .arg(home.path())
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// A port that nobody listens on, below those that the system gives to connections: between the moment at which it is
/// found free and that at which a server takes it, nobody else is given it. No two tests of a process get the same.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    loop {
        let n = std::process::id().wrapping_mul(97).wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + n % 12_000).expect("below 32,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Waits until servers have come to something.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(READY, waiting).await.unwrap_or_else(|_| panic!("in time: {what}"));
}
