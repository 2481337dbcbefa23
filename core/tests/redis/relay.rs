//! A TCP relay to a server: the network between one process and Redis. It can be cut, it can swallow everything without
//! a word, and it can be whole again.

use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Whole,
    Cut,
    Swallowing,
}

pub(crate) struct Relay {
    pub(crate) address: String,
    network: Arc<watch::Sender<Network>>,
    task: AbortHandle,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    pub(crate) async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound").to_string();
        let network = Arc::new(watch::Sender::new(Network::Whole));
        let sender = network.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, server.clone(), sender.subscribe()));
            }
        });
        Self { address, network, task: task.abort_handle() }
    }

    /// Breaks every connection, and lets none through from now on.
    pub(crate) fn cut(&self) {
        self.network.send_replace(Network::Cut);
    }

    /// Keeps every connection, takes new ones, and carries nothing.
    pub(crate) fn swallow(&self) {
        self.network.send_replace(Network::Swallowing);
    }

    pub(crate) fn join(&self) {
        self.network.send_replace(Network::Whole);
    }
}

/// Carries one connection. Once it has swallowed something it is never whole again, as a real one would not be.
async fn relay(mut client: TcpStream, server: String, mut network: watch::Receiver<Network>) {
    let mut upstream = None;
    if *network.borrow() == Network::Whole {
        let Ok(connected) = TcpStream::connect(server).await else { return };
        tokio::select! {
            _ = copy_bidirectional(&mut client, upstream.insert(connected)) => return,
            _ = network.wait_for(|network| *network != Network::Whole) => {}
        }
    }
    // What swallows holds both connections open until they are cut, or for good.
    let _ = network.wait_for(|network| *network == Network::Cut).await;
}
