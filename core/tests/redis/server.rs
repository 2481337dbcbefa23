//! A `redis-server` of a test: on a free port of the loopback, its files in a directory of its own, killed when
//! dropped.

use redis::aio::MultiplexedConnection;
use redis::{Client, FromRedisValue};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long a server may take for anything on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) port: u16,
    home: TempDir,
    arguments: Vec<String>,
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// A server with these arguments besides its port; not yet answering.
    pub(crate) fn spawn(port: u16, home: TempDir, arguments: &[&str]) -> Self {
        Self::with(port, home, [&["--port", &port.to_string()], arguments].concat())
    }

    /// A server with a file of configuration, if it comes first, and arguments that say the port; not yet answering.
    pub(crate) fn with(port: u16, home: TempDir, arguments: Vec<&str>) -> Self {
        let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        let child = run(&arguments, &home);
        Self { port, home, arguments, child }
    }

    /// A server that answers.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let server = Self::spawn(free_port(), home(), arguments);
        server.answers().await;
        server
    }

    /// Waits until this server answers, and not another one that had the same port for a moment.
    pub(crate) async fn answers(&self) {
        let mine = format!("process_id:{}\r\n", self.child.id());
        eventually("the server answers", async || {
            self.try_ask::<String>(&["INFO", "server"]).await.is_ok_and(|said| said.contains(&mine))
        })
        .await;
    }

    /// The directory of its files.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts a server that was killed again, with the files that it left.
    pub(crate) fn revive(&mut self) {
        self.child = run(&self.arguments, &self.home);
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A connection as the default user, who may do everything.
    pub(crate) async fn link(&self) -> MultiplexedConnection {
        self.try_link().await.expect("the server answers")
    }

    async fn try_link(&self) -> redis::RedisResult<MultiplexedConnection> {
        Client::open(format!("redis://{}", self.address()))?.get_multiplexed_async_connection().await
    }

    async fn try_ask<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut link = self.try_link().await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut link).await
    }

    /// Sends one command by hand.
    pub(crate) async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).await.expect("the server does it")
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal, `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }
}

fn run(arguments: &[String], home: &TempDir) -> Child {
    Command::new("redis-server")
        .args(arguments)
        .args(["--bind", "127.0.0.1", "--save", "", "--loglevel", "warning", "--dir"])
        .arg(home.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server of Debian's package is installed")
}

pub(crate) fn home() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Asks until it is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "in time: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
