//! The private listener, for this machine only: metrics and health, the questions of proxies that stand in front of
//! services (see [`crate::authz`]), and the revocation of access tokens.

use crate::authz::{self, Dialect};
use crate::reply::Reply;
use crate::state::EdgeState;
use crate::token::revoke;
use async_trait::async_trait;
use http::Method;
use pingora::apps::{HttpPersistentSettings, HttpServerApp, ReusedHttpStream};
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

const KEEPALIVE_SECS: u64 = 60; // Proxies keep their connections as long, and open them anew at a cost to a request.
const READ: Duration = Duration::from_secs(5); // Whoever asks is on this machine.
const WRITE: Duration = Duration::from_secs(5);
const DRAIN: Duration = Duration::from_secs(1);

/// What answers there.
pub struct Private {
    state: Arc<EdgeState>,
}

impl Private {
    /// Over the gateway's parts.
    pub const fn new(state: Arc<EdgeState>) -> Self {
        Self { state }
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
    async fn answer(&self, session: &mut ServerSession) -> pingora::Result<()> {
        let header = session.req_header();
        let path = std::str::from_utf8(header.raw_path()).unwrap_or_default();
        if let Some(dialect) = Dialect::at(path) {
            return authz::answer(dialect, session, &self.state).await;
        }
        let reply = if !is_for_this_machine(header) {
            text(421, "for this machine only\n")
        } else if header.method == Method::POST && header.uri.path() == revoke::PATH {
            self.revoke(session).await
        } else {
            self.health(&header.method, header.uri.path())
        };
        reply.write(session).await
    }

    /// `POST /tokens/revoke`.
    async fn revoke(&self, session: &mut ServerSession) -> Reply {
        let Some(body) = whole_body(session, revoke::BODY_BYTES_MAX).await else {
            return text(400, "the body is too long or came too slowly\n");
        };
        let now = self.state.clock.now();
        let generation = self.state.snapshot.current();
        let (status, said) = revoke::answer(&session.req_header().headers, &body, &generation.tokens, now).await;
        text(status, said)
    }
}

fn text(status: u16, body: &'static str) -> Reply {
    Reply::typed(status, "text/plain; charset=utf-8", body)
}

/// Whether the request names this machine. A web page that lets its own name point here (DNS rebinding) would name
/// that.
fn is_for_this_machine(header: &RequestHeader) -> bool {
    let host = header.headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// How long a body may take: it comes from this machine.
const BODY_DEADLINE: Duration = Duration::from_secs(2);

/// The body; `None` if it is longer than `max`, too slow or broken.
async fn whole_body(session: &mut ServerSession, max: usize) -> Option<Vec<u8>> {
    let reading = async {
        let mut body = Vec::new();
        while let Some(piece) = session.read_request_body().await.ok()? {
            if body.len() + piece.len() > max {
                return None;
            }
            body.extend_from_slice(&piece);
        }
        Some(body)
    };
    tokio::time::timeout(BODY_DEADLINE, reading).await.ok()?
}

#[async_trait]
impl HttpServerApp for Private {
    async fn process_new_http(
        self: &Arc<Self>,
        mut session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        session.set_read_timeout(Some(READ));
        match session.read_request().await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                tracing::debug!(%error, "no request on the private listener");
                return None;
            }
        }
        session.set_keepalive((!*shutdown.borrow()).then_some(KEEPALIVE_SECS));
        session.set_write_timeout(Some(WRITE));
        session.set_total_drain_timeout(Some(DRAIN));
        if let Err(error) = self.answer(&mut session).await {
            tracing::debug!(%error, "the asker went away");
            return None;
        }
        let settings = HttpPersistentSettings::for_session(&session);
        let reusable = session.finish().await.ok()??;
        Some(ReusedHttpStream::from_reusable_stream(reusable, settings))
    }
}
