//! A token issuer's server: it answers whatever it is told to, and counts who asks.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What it does with each request.
#[derive(Debug, Clone)]
struct Behaviour {
    status: StatusCode,
    body: String,
    takes: Duration,
    /// Where it sends whoever asks.
    location: Option<String>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    asked: AtomicUsize,
    last: Mutex<(HeaderMap, String)>,
}

/// The server; it ends when this is dropped.
pub struct IssuerServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for IssuerServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, HeaderMap, String) {
    shared.asked.fetch_add(1, Ordering::SeqCst);
    *shared.last.lock().expect("lock") = (headers, body);
    let behaviour = shared.behaviour.lock().expect("lock").clone();
    tokio::time::sleep(behaviour.takes).await;
    let mut headers = HeaderMap::new();
    if let Some(location) = &behaviour.location {
        headers.insert("location", location.parse().expect("a value"));
    }
    (behaviour.status, headers, behaviour.body)
}

impl IssuerServer {
    /// One that answers every request with this.
    pub async fn answering(body: impl Into<String>) -> Self {
        let behaviour = Behaviour { status: StatusCode::OK, body: body.into(), takes: Duration::ZERO, location: None };
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            asked: AtomicUsize::new(0),
            last: Mutex::new((HeaderMap::new(), String::new())),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let app = Router::new().fallback(any(answer)).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("served") });
        Self { address, shared, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}/endpoint", self.address)
    }

    /// From now on it answers so.
    pub fn answer(&self, status: u16, body: impl Into<String>) {
        let mut behaviour = self.shared.behaviour.lock().expect("lock");
        behaviour.status = StatusCode::from_u16(status).expect("a status");
        behaviour.body = body.into();
    }

    /// From now on it sends everybody there, in this way.
    pub fn redirect(&self, status: u16, to: &str) {
        self.answer(status, "");
        self.shared.behaviour.lock().expect("lock").location = Some(to.to_owned());
    }

    /// From now on it takes so long.
    pub fn take(&self, span: Duration) {
        self.shared.behaviour.lock().expect("lock").takes = span;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// The last request's headers and body.
    pub fn last(&self) -> (HeaderMap, String) {
        self.shared.last.lock().expect("lock").clone()
    }
}
