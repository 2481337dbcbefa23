//! The private listener, for this machine only: metrics and health, the questions of proxies that stand in front of
//! services (see [`crate::authz`]), and the revocation of access tokens.

pub mod places;

use crate::authz::{self, Dialect};
use crate::reply::Reply;
use crate::state::EdgeState;
use crate::token::revoke;
use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use pingora::apps::ServerApp;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use places::Places;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_io_timeout::TimeoutStream;

/// Connections at once: a proxy keeps one for each question under way, of which there are seldom more than hundreds.
const CONNECTIONS_MAX: usize = 4_096;

/// How long the next request's header may take, from the end of the one before it. Longer than proxies keep an idle
/// connection (nginx 60 s, Traefik and Caddy 90 s; Envoy an hour, but 60 s by `config/envoy`), so that it is never we who
/// close one on which a question is coming.
const HEADER_DEADLINE: Duration = Duration::from_mins(2);

/// Longest header: that of a client, and what its proxy says of it beside.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// How long a body may take: it comes from this machine.
const BODY_DEADLINE: Duration = Duration::from_secs(2);

/// How long an answer may stand still because nobody reads it.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// How much of a body that comes with a question is read away to keep the connection.
const QUESTION_BODY_BYTES_MAX: usize = 64 * 1024;

/// What answers there.
pub struct Private {
    state: Arc<EdgeState>,
    places: Places,
}

impl Private {
    /// Over the gateway's parts.
    pub fn new(state: Arc<EdgeState>) -> Self {
        Self { state, places: Places::new(CONNECTIONS_MAX) }
    }

    fn health(&self, method: &Method, path: &str) -> Reply {
        if method != Method::GET && method != Method::HEAD {
            return text(405, "GET only\n");
        }
        match path {
            "/metrics" => Reply::typed(200, "text/plain; version=0.0.4; charset=utf-8", {
                self.state.metrics.places_taken(&self.state.admission);
                if let Some(room) = &self.state.waiting_room {
                    let (inside, waiting) = room.held();
                    self.state.metrics.waiting_room(inside, waiting);
                }
                self.state.metrics.exposition(&self.state.hot)
            }),
            "/livez" => text(200, "alive\n"),
            "/readyz" => self.readiness(),
            _ => text(404, "/metrics, /livez, /readyz, /authz/ and /tokens/revoke are here\n"),
        }
    }

    /// Whether a balancer should send requests here. A gateway whose backend or warm tier is down stays: it serves what
    /// is hot, all gateways would leave at once, and nobody would be better off. The answer says what is missing.
    fn readiness(&self) -> Reply {
        if !self.state.ready.load(Ordering::Relaxed) {
            return text(503, "draining\n");
        }
        let said = match (self.state.breaker.is_open(), self.state.metrics.feed_is_live()) {
            (false, true) => "ready\n",
            (true, true) => "ready\nthe backend does not answer\n",
            (false, false) => "ready\nthe warm tier is silent\n",
            (true, false) => "ready\nthe backend does not answer\nthe warm tier is silent\n",
        };
        text(200, said)
    }

    /// Answers one request. A proxy may send the original host with its question, so that the guard against other names
    /// is for the rest alone; why a web page gains nothing by asking is said at [`crate::authz`].
    async fn answer(&self, request: Request<Incoming>) -> Response<Bytes> {
        let (header, body) = request.into_parts();
        if let Some(dialect) = origin_form(&header).and_then(Dialect::at) {
            if !body.is_end_stream() {
                drop(whole(body, QUESTION_BODY_BYTES_MAX).await); // Some proxies send the client's along.
            }
            return authz::answer(dialect, &header, &self.state).await;
        }
        let reply = if !is_for_this_machine(&header) {
            text(421, "for this machine only\n")
        } else if header.method == Method::POST && header.uri.path() == revoke::PATH {
            self.revoke(&header, body).await
        } else {
            self.health(&header.method, header.uri.path())
        };
        reply.into_response().unwrap_or_default()
    }

    /// `POST /tokens/revoke`.
    async fn revoke(&self, header: &Parts, body: Incoming) -> Reply {
        let Some(body) = whole(body, revoke::BODY_BYTES_MAX).await else {
            return text(400, "the body is too long or came too slowly\n");
        };
        let now = self.state.clock.now();
        let generation = self.state.snapshot.current();
        let (status, said) = revoke::answer(&header.headers, &body, &generation.tokens, now).await;
        text(status, said)
    }
}

fn text(status: u16, body: &'static str) -> Reply {
    Reply::typed(status, "text/plain; charset=utf-8", body)
}

/// Path and query. A request that names an address whole is for a proxy, which this is not.
fn origin_form(header: &Parts) -> Option<&str> {
    header.uri.path_and_query().filter(|_| header.uri.authority().is_none()).map(http::uri::PathAndQuery::as_str)
}

/// Whether the request names this machine. A web page that lets its own name point here (DNS rebinding) would name
/// that.
fn is_for_this_machine(header: &Parts) -> bool {
    let host = header.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The body; `None` if it is longer than `bytes_max`, too slow or broken.
async fn whole(body: Incoming, bytes_max: usize) -> Option<Bytes> {
    let reading = Limited::new(body, bytes_max).collect();
    Some(tokio::time::timeout(BODY_DEADLINE, reading).await.ok()?.ok()?.to_bytes())
}

/// Served by hyper rather than by Pingora's session, which is made to be proxied from: what is answered here is mostly a
/// header, and a decision takes 36,000 instructions so instead of 60,000 (callgrind).
#[async_trait]
impl ServerApp for Private {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let _place = self.places.take(&self.state)?;
        let service = service_fn(async |request| {
            let mut response = self.answer(request).await;
            if *shutdown.borrow() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response.map(Full::new))
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_DEADLINE));
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_DEADLINE)
            .max_buf_size(HEADER_BYTES_MAX)
            .writev(false) // Most answers are one piece.
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        if let Err(error) = served.await {
            tracing::debug!(%error, "a connection to the private listener broke");
        }
        None
    }
}
