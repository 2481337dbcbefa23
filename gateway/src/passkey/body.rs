//! Reading the body of one of the edge's own endpoints: bounded in bytes and in time.

use crate::problem::Problem;
use crate::request::declared_length;
use pingora::protocols::http::ServerSession;
use std::time::Duration;

/// Longest body of an endpoint; an assertion takes 1 to 4 KiB.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long a whole body may take. HTTP/2 bodies have no other deadline.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// Reads a JSON body whole.
///
/// # Errors
/// The problem to answer with: another media type, too large, too slow, or broken off.
pub async fn read_json(session: &mut ServerSession) -> Result<Vec<u8>, Problem> {
    if !is_json(session) {
        return Err(Problem::UnsupportedMediaType);
    }
    if declared_length(session.req_header()).is_some_and(|length| length > BODY_BYTES_MAX as u64) {
        return Err(Problem::TooLarge);
    }
    let body = tokio::time::timeout(BODY_DEADLINE, read(session)).await.unwrap_or(Err(Problem::Timeout));
    if body.is_err() {
        session.set_keepalive(None); // What follows a body that was not read to its end is not the next request.
    }
    body
}

/// JSON by its declaration. A page of another site can send a form or plain text, but not this, without asking first
/// (Fetch, "CORS-safelisted request-header").
fn is_json(session: &ServerSession) -> bool {
    let declared = session.req_header().headers.get(http::header::CONTENT_TYPE);
    let media_type = declared.and_then(|value| value.to_str().ok()).and_then(|text| text.split(';').next());
    media_type.is_some_and(|text| text.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(session: &mut ServerSession) -> Result<Vec<u8>, Problem> {
    let mut body = Vec::new();
    while let Some(piece) = session.read_request_body().await.map_err(|_| Problem::BadRequest)? {
        if body.len() + piece.len() > BODY_BYTES_MAX {
            return Err(Problem::TooLarge);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}
