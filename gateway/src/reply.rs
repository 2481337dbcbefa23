//! An answer of the edge's own, and how it is written: always with a length, so that the connection can be kept.

use aldgate_core::language::{Language, VARY};
use aldgate_core::policy::platform::PAGE_POLICY;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use pingora::protocols::http::{HttpTask, ServerSession};
use pingora::{ErrorType, OrErr as _, Result};
use std::str::FromStr as _;
use std::time::Duration;

/// How much of a body that nobody asked for is read away to keep the connection.
const DRAIN_BYTES_MAX: usize = 64 * 1024;
const DRAIN_DEADLINE: Duration = Duration::from_millis(500);

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Headers, in order.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

impl Reply {
    /// An empty answer.
    pub const fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// JSON.
    pub fn json(status: u16, body: String) -> Self {
        Self::typed(status, "application/json", body)
    }

    /// A body with its media type.
    pub fn typed(status: u16, media_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type", media_type.to_owned())], body: body.into() }
    }

    /// A page, with its language and its security headers.
    pub fn page(status: u16, language: Language, html: String) -> Self {
        Self::typed(status, "text/html; charset=utf-8", html)
            .with("content-language", language.tag())
            .with("vary", VARY)
            .with("content-security-policy", PAGE_POLICY)
            .with("referrer-policy", "no-referrer")
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer as a message of HTTP.
    ///
    /// # Errors
    /// When a header cannot be one.
    pub fn into_response(self) -> Result<Response<Bytes>> {
        let status = StatusCode::from_u16(self.status).or_err(ErrorType::InvalidHTTPHeader, "status")?;
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 5); // And what Pingora adds.
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(value).or_err(ErrorType::InvalidHTTPHeader, "value")?;
            headers.append(HeaderName::from_str(name).or_err(ErrorType::InvalidHTTPHeader, "name")?, value);
        }
        // RFC 9110, section 8.6: never with 204; with 304 it would have to be the length of what is not sent.
        if !matches!(self.status, 204 | 304) {
            headers.insert(header::CONTENT_LENGTH, self.body.len().into());
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(response(status, headers, self.body))
    }

    /// Writes the answer: header and body in one piece.
    ///
    /// # Errors
    /// When the client went away.
    pub async fn write(self, session: &mut ServerSession) -> Result<()> {
        drain(session).await;
        let (header, body) = self.into_response()?.into_parts();
        let bodiless = session.req_header().method == http::Method::HEAD || body.is_empty();
        let mut tasks = vec![HttpTask::Header(Box::new(header.into()), bodiless)];
        if !bodiless {
            tasks.push(HttpTask::Body(Some(body), true));
        }
        session.response_duplex_vec(tasks).await.map(|_| ())
    }
}

/// A message with these fields, as they are: set one by one in Pingora's header, each name would be copied and read once
/// more.
pub fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Reads away a small body, so that the connection stays usable; a large or slow one costs the connection.
async fn drain(session: &mut ServerSession) {
    if session.is_body_done() {
        return;
    }
    let reading = async {
        let mut left = DRAIN_BYTES_MAX;
        loop {
            match session.read_request_body().await {
                Ok(None) => return true,
                Ok(Some(piece)) if piece.len() <= left => left -= piece.len(),
                // What follows a body that was not read to its end is not the next request.
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    };
    if !tokio::time::timeout(DRAIN_DEADLINE, reading).await.unwrap_or(false) {
        session.set_keepalive(None);
    }
}
