//! Requests at a fixed rate, on kept connections and on fresh ones, over plain HTTP, TLS and HTTP/2: none may fail while
//! gateways come and go. Session checks, unless something else is asked for.

use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::instance::Instance;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pingora::tls::TlsConnector;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::interval;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How often each client asks for what costs little.
pub(crate) const EVERY: Duration = Duration::from_millis(4);

/// Clients: one opens a connection for each request, the others keep theirs.
pub(crate) const CLIENTS: usize = 8;

/// How often a request that a server has provably not begun is sent again, on another connection. Browsers do the same.
const ATTEMPTS: usize = 3;

/// A request, how often it is made, and the status that its answer must have.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    pub(crate) every: Duration,
    pub(crate) status: u16,
}

impl Asked {
    /// A page, by somebody who is signed in.
    pub(crate) const fn get(path: &'static str) -> Self {
        Self { method: Method::GET, path, headers: Vec::new(), body: Bytes::new(), every: EVERY, status: 200 }
    }
}

/// How people reach a gateway.
#[derive(Clone)]
pub(crate) enum Way {
    Http,
    Https(TlsConnector),
    Http2(TlsConnector),
}

impl Way {
    /// HTTP/1.1 over TLS; the certificates of this deployment's gateways are good, no others.
    pub(crate) fn https(deployment: &Deployment) -> Self {
        Self::Https(connector(deployment, b"http/1.1"))
    }

    /// HTTP/2.
    pub(crate) fn http2(deployment: &Deployment) -> Self {
        Self::Http2(connector(deployment, b"h2"))
    }

    /// Where a gateway is reached so.
    pub(crate) fn to(&self, gateway: &Instance) -> SocketAddr {
        let port = match self {
            Self::Http => gateway.ports.http,
            Self::Https(_) | Self::Http2(_) => gateway.ports.https,
        };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port))
    }

    async fn dial(&self, address: SocketAddr) -> Result<Sender, Failed> {
        let stream = TcpStream::connect(address).await?;
        let (tls, is_http2) = match self {
            Self::Http => return first(stream).await,
            Self::Https(tls) => (tls, false),
            Self::Http2(tls) => (tls, true),
        };
        let stream = tls.connect(ServerName::try_from("localhost")?, stream).await?;
        if !is_http2 {
            return first(stream).await;
        }
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Sender::Second(sender))
    }
}

fn connector(deployment: &Deployment, protocol: &[u8]) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for n in 0..deployment.gateways.len() {
        let path = deployment.gateway_data(n).join("tls/certificate.pem");
        roots.add(CertificateDer::from_pem_file(path).expect("a certificate")).expect("a root");
    }
    let config = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let config = config.with_safe_default_protocol_versions().expect("versions").with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn first(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Sender, Failed> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(Sender::First(sender))
}

/// A connection, by its version of HTTP.
enum Sender {
    First(http1::SendRequest<Full<Bytes>>),
    Second(http2::SendRequest<Full<Bytes>>),
}

impl Sender {
    fn is_closed(&self) -> bool {
        match self {
            Self::First(sender) => sender.is_closed(),
            Self::Second(sender) => sender.is_closed(),
        }
    }

    async fn send(&mut self, client: &Client, asked: &Asked) -> Result<Response<Incoming>, hyper::Error> {
        let pairs: Vec<_> = client.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (host, path) = (&client.host, asked.path);
        let mut request = Request::builder().method(asked.method.clone());
        if !pairs.is_empty() {
            request = request.header("cookie", pairs.join("; "));
        }
        request = asked.headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let body = Full::new(asked.body.clone());
        match self {
            Self::First(sender) => {
                let request = request.uri(path).header("host", host).body(body);
                sender.send_request(request.expect("a request")).await
            }
            Self::Second(sender) => {
                let request = request.uri(format!("https://{host}{path}")).body(body);
                sender.send_request(request.expect("a request")).await
            }
        }
    }
}

/// What became of one request.
enum Fate {
    /// It was answered; whether its connection may be used again, as far as the server has said.
    Answered(bool),
    /// It was never sent, or the server has said that it has not begun it.
    NotBegun(hyper::Error),
}

/// Whether the server says so: a GOAWAY without an error ends those requests only that came after the last one which it
/// has taken up (RFC 9113, section 6.8; `h2` lets the others go on), and REFUSED_STREAM one (section 8.7).
fn is_refused(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        let (gone, refused) = (h2::Reason::NO_ERROR, h2::Reason::REFUSED_STREAM);
        let says = |reason| cause.is_remote() && cause.reason() == Some(reason);
        (cause.is_go_away() && says(gone)) || (cause.is_reset() && says(refused))
    })
}

/// One request.
async fn send(sender: &mut Sender, client: &Client, asked: &Asked) -> Result<Fate, Failed> {
    let answer = match sender.send(client, asked).await {
        Ok(answer) => answer,
        Err(error) if error.is_canceled() || is_refused(&error) => return Ok(Fate::NotBegun(error)),
        Err(error) => return Err(error.into()),
    };
    if answer.status() != asked.status {
        return Err(format!("status {}", answer.status()).into());
    }
    let goes_on = answer.headers().get("connection").is_none_or(|said| said != "close");
    answer.into_body().collect().await?;
    Ok(Fate::Answered(goes_on))
}

/// Where people are sent just now: a balancer would choose among those that are ready.
pub(crate) type Ready = Arc<Mutex<SocketAddr>>;

/// What people send for as long as they are let.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failures: Arc<Mutex<Vec<Failure>>>,
    tasks: JoinSet<()>,
}

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Whether its connection was opened for it.
    pub(crate) fresh: bool,
    /// What was asked for, and what came of it.
    #[expect(dead_code, reason = "read where a test fails")]
    pub(crate) what: String,
}

/// One of those who ask.
struct Asker {
    client: Client,
    ready: Ready,
    way: Way,
    asked: Asked,
    keeps: bool,
    kept: Option<(SocketAddr, Sender)>,
    fresh: bool,
}

impl Asker {
    async fn ask(&mut self) -> Result<(), Failed> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let address = *self.ready.lock().expect("a lock");
            let begun = self.kept.take().filter(|(at, sender)| *at == address && !sender.is_closed());
            self.fresh = begun.is_none();
            let mut sender = match begun {
                Some((_, sender)) => sender,
                None => self.way.dial(address).await?,
            };
            match send(&mut sender, &self.client, &self.asked).await? {
                Fate::Answered(goes_on) => {
                    self.kept = (self.keeps && goes_on).then_some((address, sender));
                    return Ok(());
                }
                Fate::NotBegun(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| "never sent".into(), Failed::from))
    }
}

impl Load {
    /// Session checks.
    pub(crate) fn on(client: &Client, ready: &Ready, way: &Way) -> Self {
        let mut load = Self::none();
        for n in 0..CLIENTS {
            load.add(client, ready, way, Asked::get("/session"), n > 0);
        }
        load
    }

    /// Nothing yet.
    pub(crate) fn none() -> Self {
        Self { stop: Arc::default(), answered: Arc::default(), failures: Arc::default(), tasks: JoinSet::new() }
    }

    /// One more asks, on a connection that is kept as long as it lasts or on one for each request.
    pub(crate) fn add(&mut self, client: &Client, ready: &Ready, way: &Way, asked: Asked, keeps: bool) {
        let host = format!("localhost:{}", ready.lock().expect("a lock").port());
        let client = Client { host, ..client.clone() };
        let (ready, way) = (ready.clone(), way.clone());
        self.spawn(Asker { client, ready, way, asked, keeps, kept: None, fresh: true });
    }

    fn spawn(&mut self, mut asker: Asker) {
        let (stop, answered, failures) = (self.stop.clone(), self.answered.clone(), self.failures.clone());
        self.tasks.spawn(async move {
            let mut due = interval(asker.asked.every);
            while !stop.load(Ordering::SeqCst) {
                due.tick().await;
                match asker.ask().await {
                    Ok(()) => drop(answered.fetch_add(1, Ordering::SeqCst)),
                    Err(error) => {
                        let what = format!("{} {}: {error:?}", asker.asked.method, asker.asked.path);
                        failures.lock().expect("a lock").push(Failure { fresh: asker.fresh, what });
                    }
                }
            }
        });
    }

    /// How many requests were answered; none may have failed.
    pub(crate) async fn none_failed(self) -> usize {
        let (answered, failures) = self.end().await;
        assert!(failures.is_empty(), "{} failed, {answered} did not, {:?}", failures.len(), failures.first());
        answered
    }

    /// How many requests were answered, and what became of the others.
    pub(crate) async fn end(mut self) -> (usize, Vec<Failure>) {
        self.stop.store(true, Ordering::SeqCst);
        while self.tasks.join_next().await.is_some() {}
        (self.answered.load(Ordering::SeqCst), std::mem::take(&mut *self.failures.lock().expect("a lock")))
    }
}
