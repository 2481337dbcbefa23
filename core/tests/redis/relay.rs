//! A TCP relay to a server, which can be cut and joined again: the network between one process and Redis.

use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) struct Relay {
    pub(crate) address: String,
    joined: Arc<watch::Sender<bool>>,
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
        let joined = Arc::new(watch::Sender::new(true));
        let sender = joined.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut joined = sender.subscribe();
                let server = server.clone();
                tokio::spawn(async move {
                    if !*joined.borrow_and_update() {
                        return;
                    }
                    let Ok(mut upstream) = TcpStream::connect(server).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut upstream) => {}
                        _ = joined.wait_for(|joined| !joined) => {}
                    }
                });
            }
        });
        Self { address, joined, task: task.abort_handle() }
    }

    /// Breaks every connection, and lets none through from now on.
    pub(crate) fn cut(&self) {
        self.joined.send_replace(false);
    }

    pub(crate) fn join(&self) {
        self.joined.send_replace(true);
    }
}
