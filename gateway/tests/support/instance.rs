//! A whole Aldgate: the real binary, on free ports, in a directory of its own. Killed when dropped.

use super::http::Client;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// How long the program may take to be ready; a loaded machine is slow.
const READY: Duration = Duration::from_secs(30);

pub struct Instance {
    pub dir: Arc<TempDir>,
    pub ports: Ports,
    pub child: Child,
    /// What it has written to its terminal so far.
    pub terminal: Arc<Mutex<String>>,
}

#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub http: u16,
    pub https: u16,
    pub private: u16,
    pub demo: u16,
    pub authz_grpc: u16,
}

impl Ports {
    /// Five ports that are free now.
    pub fn free() -> Self {
        let held: Vec<_> = (0..5).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")).collect();
        let port = |at: usize| held[at].local_addr().expect("an address").port();
        Self { http: port(0), https: port(1), private: port(2), demo: port(3), authz_grpc: port(4) }
    }
}

/// The configuration of an instance; `more` is appended.
pub fn config(dir: &Path, ports: Ports, more: &str) -> String {
    config_ending(dir, ports, ("0s", "1s"), more)
}

/// The same with another end: how long it is announced, and how long requests under way are given.
fn config_ending(dir: &Path, ports: Ports, (announce, drain): (&str, &str), more: &str) -> String {
    let Ports { http, https, private, demo, authz_grpc } = ports;
    format!(
        r#"
        [data]
        dir = "{}"
        [edge]
        http = "127.0.0.1:{http}"
        https = "127.0.0.1:{https}"
        private = "127.0.0.1:{private}"
        authz_grpc = "127.0.0.1:{authz_grpc}"
        threads = 2
        announce = "{announce}"
        drain = "{drain}"
        [relying_party]
        origins = ["http://localhost:{http}", "https://localhost:{https}"]
        [demo]
        listen = "127.0.0.1:{demo}"
        {more}
        "#,
        dir.join("data").display()
    )
}

impl Instance {
    /// Starts one and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    pub async fn start_with(more: &str) -> Self {
        let dir = Arc::new(TempDir::new().expect("a directory"));
        Self::start_in(dir, Ports::free(), more).await
    }

    /// Starts one on data that may be there already.
    pub async fn start_in(dir: Arc<TempDir>, ports: Ports, more: &str) -> Self {
        let text = config(dir.path(), ports, more);
        Self::start_as(dir, ports, &text).await
    }

    /// Starts one that announces its end.
    pub async fn start_announcing(dir: Arc<TempDir>, announce: &str, drain: &str, more: &str) -> Self {
        let ports = Ports::free();
        let text = config_ending(dir.path(), ports, (announce, drain), more);
        Self::start_as(dir, ports, &text).await
    }

    /// Starts one on this configuration.
    pub async fn start_as(dir: Arc<TempDir>, ports: Ports, text: &str) -> Self {
        let path = dir.path().join("aldgate.toml");
        std::fs::write(&path, text).expect("a file");
        Self::run(dir, ports, command(&path), "Aldgate is ready").await
    }

    /// Runs a program until it says that it is ready.
    pub async fn run(dir: Arc<TempDir>, ports: Ports, mut command: Command, ready: &str) -> Self {
        let errors = File::create(dir.path().join(format!("stderr-{}", ports.http))).expect("a file");
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().expect("the binary");
        let terminal = Arc::new(Mutex::new(String::new()));
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let kept = terminal.clone();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let mut kept = kept.lock().expect("a lock");
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let mut instance = Self { dir, ports, child, terminal };
        instance.wait_until_it_says(ready).await;
        instance
    }

    async fn wait_until_it_says(&mut self, text: &str) {
        let ready = async {
            while !self.said(text) {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    panic!("aldgate ended with {status}: {}", self.errors());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(READY, ready).await.expect("ready in time");
    }

    /// Whether a text has appeared in its terminal.
    pub fn said(&self, text: &str) -> bool {
        self.terminal.lock().expect("a lock").contains(text)
    }

    /// In how many lines of its terminal and its standard error a text stands.
    pub fn terminal_lines(&self, text: &str) -> usize {
        let said = self.errors() + &self.terminal.lock().expect("a lock");
        said.lines().filter(|line| line.contains(text)).count()
    }

    /// What it has written to its standard error so far.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("stderr-{}", self.ports.http))).expect("a file")
    }

    pub fn client(&self) -> Client {
        Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.http)))
    }

    pub fn private_client(&self) -> Client {
        Client::new(SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.private)))
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// How many messages in the outbox go to an address and say something.
    pub fn messages_to(&self, address: &str, what: &str) -> usize {
        let files = std::fs::read_dir(self.data().join("outbox")).expect("an outbox").flatten();
        let messages = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        messages.filter(|message| message.contains(address) && message.contains(what)).count()
    }

    /// The newest message in the outbox that goes to an address.
    pub fn message_to(&self, address: &str) -> Option<String> {
        let mut files: Vec<_> = std::fs::read_dir(self.data().join("outbox")).ok()?.flatten().collect();
        files.sort_by_key(std::fs::DirEntry::file_name);
        files.iter().rev().filter_map(|file| std::fs::read_to_string(file.path()).ok()).find(|m| m.contains(address))
    }

    /// The newest message to an address that says something, as soon as there is one: what tells of a change is delivered
    /// beside the request that made it.
    pub async fn told(&self, address: &str, what: &str) -> String {
        let told = async {
            loop {
                match self.message_to(address).filter(|message| message.contains(what)) {
                    Some(message) => return message,
                    None => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), told).await.unwrap_or_else(|_| panic!("{address}: no {what:?}"))
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(status.expect("kill").success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = async {
            loop {
                if let Some(status) = self.child.try_wait().expect("a child") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("an end")
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `aldgate up` on a configuration file.
pub fn command(config: &Path) -> Command {
    command_of("up", config)
}

/// A command of the program on a configuration file.
pub fn command_of(name: &str, config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aldgate"));
    command.args([name, "--config"]).arg(config).env_remove("RUST_LOG");
    command
}
