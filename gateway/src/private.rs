//! The private listener: metrics, health and the revocation of access tokens, for this machine only.

use crate::state::EdgeState;
use crate::token::revoke;
use async_trait::async_trait;
use http::{Method, Response, StatusCode};
use pingora::apps::http_app::ServeHttp;
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What answers there.
pub struct Private {
    state: Arc<EdgeState>,
}

impl Private {
    /// Over the gateway's parts.
    pub const fn new(state: Arc<EdgeState>) -> Self {
        Self { state }
    }

    fn answer(&self, method: &Method, path: &str) -> (StatusCode, &'static str, Vec<u8>) {
        const TEXT: &str = "text/plain; charset=utf-8";
        if method != Method::GET && method != Method::HEAD {
            return (StatusCode::METHOD_NOT_ALLOWED, TEXT, b"GET only\n".to_vec());
        }
        match path {
            "/metrics" => (
                StatusCode::OK,
                "text/plain; version=0.0.4; charset=utf-8",
                self.state.metrics.exposition(&self.state.hot),
            ),
            "/livez" => (StatusCode::OK, TEXT, b"alive\n".to_vec()),
            "/readyz" if self.state.ready.load(Ordering::Relaxed) => (StatusCode::OK, TEXT, b"ready\n".to_vec()),
            "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, TEXT, b"draining\n".to_vec()),
            _ => (StatusCode::NOT_FOUND, TEXT, b"/metrics, /livez and /readyz are here\n".to_vec()),
        }
    }

    /// `POST /tokens/revoke`.
    async fn revoke(&self, session: &mut ServerSession) -> (StatusCode, &'static str, Vec<u8>) {
        const TEXT: &str = "text/plain; charset=utf-8";
        let Some(body) = whole_body(session, revoke::BODY_BYTES_MAX).await else {
            return (StatusCode::BAD_REQUEST, TEXT, b"the body is too long or came too slowly\n".to_vec());
        };
        let now = self.state.clock.now();
        let (status, text) = revoke::answer(&session.req_header().headers, &body, &self.state.tokens, now).await;
        (status, TEXT, text.as_bytes().to_vec())
    }
}

/// Whether the request names this machine. A web page that lets its own name point here (DNS rebinding) would name that.
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
impl ServeHttp for Private {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let header = session.req_header();
        let (status, media_type, body) = if !is_for_this_machine(header) {
            (StatusCode::MISDIRECTED_REQUEST, "text/plain; charset=utf-8", b"for this machine only\n".to_vec())
        } else if header.method == Method::POST && header.uri.path() == revoke::PATH {
            self.revoke(session).await
        } else {
            self.answer(&header.method, header.uri.path())
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(media_type));
        let length = http::HeaderValue::from(response.body().len());
        response.headers_mut().insert(http::header::CONTENT_LENGTH, length);
        response
    }
}
