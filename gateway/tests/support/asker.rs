//! The private listener of a world, and what proxies ask there.

use super::http::Answer;
use super::world::{World, parse};
use aldgate_gateway::authz::envoy_grpc::EnvoyGrpc;
use aldgate_gateway::private::Private;
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream;
use pingora::services::listening::Service;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The private listener on a port of its own, and Envoy's beside it; both end with this value.
pub struct Asker {
    pub private: SocketAddr,
    pub grpc: SocketAddr,
    _stop: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
}

/// Serves an application on a port of its own.
async fn listen<A: ServerApp + Send + Sync + 'static>(
    app: A,
    stopped: &watch::Receiver<bool>,
) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (app, stopped) = (Arc::new(app), stopped.clone());
    let task = tokio::spawn(async move {
        let mut connections = JoinSet::new(); // They end with this task.
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let (app, stopped) = (app.clone(), stopped.clone());
            connections.spawn(Service::<A>::handle_event(Box::new(Stream::from(stream)), app, stopped));
        }
    });
    (address, task)
}

impl Asker {
    pub async fn of(world: &World) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (private, http) = listen(Private::new(world.state.clone()), &stopped).await;
        let (grpc, envoy) = listen(EnvoyGrpc::new(world.state.clone()), &stopped).await;
        Self { private, grpc, _stop: stop, tasks: [http, envoy] }
    }

    /// One question, with the headers in this order.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request.push_str(&format!("host: {}\r\n", self.private));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        parse(&self.raw(request.as_bytes()).await)
    }

    /// Raw bytes on a fresh connection, and everything that comes back.
    pub async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.private).await.expect("connected");
        stream.write_all(request).await.expect("written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
