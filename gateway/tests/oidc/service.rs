//! A service in a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a service may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    held.local_addr().expect("an address").port()
}

/// A running service; killed when dropped.
pub(crate) struct Service {
    child: Child,
    /// Where it is.
    pub(crate) origin: String,
}

impl Service {
    /// Starts a program and waits until it says that it listens.
    pub(crate) async fn start(command: &mut Command, port: u16) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a service");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let (ready, said) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let listens = lines.by_ref().map_while(Result::ok).any(|line| line.contains("listening"));
            let _ = ready.send(listens);
            lines.for_each(drop);
        });
        let service = Self { child, origin: format!("http://localhost:{port}") };
        let listens = tokio::time::timeout(READY, said).await.expect("in time").expect("a word");
        assert!(listens, "the service ended");
        service
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
