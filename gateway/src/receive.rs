//! A request's body before its upstream is asked: read as far as it has come, so that a body which is malformed is
//! refused before the upstream hears of it.
//!
//! For the backend the body is read whole: none of its forms is longer than [`BODY_BYTES_MAX`]. For a service what comes
//! at once is read, up to [`AHEAD_BYTES_MAX`]; a longer or slower body streams, and one that turns bad then ends the
//! upstream's connection in the middle of the request, which therefore never becomes one. Pingora keeps what was read
//! (its buffer for retries) and sends it first.

use crate::deadline;
use crate::passkey::body::BODY_BYTES_MAX;
use crate::problem::Problem;
use http::Method;
use pingora::protocols::http::ServerSession;
use std::time::Duration;

/// How long a whole body for the backend may take, and how long one for a service is waited for.
const WHOLE: Duration = Duration::from_secs(5);
const AHEAD: Duration = Duration::from_millis(250);

/// Pingora keeps 64 KiB. A read gives no more than [`PIECE_BYTES_MAX`], as does a frame of HTTP/2.
const KEPT_BYTES_MAX: usize = 64 * 1024;
const PIECE_BYTES_MAX: usize = 16 * 1024;
const AHEAD_BYTES_MAX: usize = KEPT_BYTES_MAX - PIECE_BYTES_MAX;

/// Reads a body for the backend to its end.
///
/// # Errors
/// The problem to answer with: malformed, too large, too slow, or broken off.
pub async fn whole(session: &mut ServerSession) -> Result<(), Problem> {
    if session.is_body_done() {
        return Ok(());
    }
    begin(session).await?;
    tokio::time::timeout(WHOLE, read(session, BODY_BYTES_MAX)).await.unwrap_or(Err(Problem::Timeout))
}

/// Reads a body for a service as far as it comes at once.
///
/// # Errors
/// The problem to answer with: malformed, broken off, or a body where there may be none.
pub async fn ahead(session: &mut ServerSession) -> Result<(), Problem> {
    if session.is_body_done() || session.is_upgrade_req() {
        return Ok(());
    }
    begin(session).await?;
    deadline::read_at_most(session, Some(PIECE_BYTES_MAX));
    let read = tokio::time::timeout(AHEAD, read(session, usize::MAX)).await;
    deadline::read_at_most(session, None);
    match read {
        Ok(Err(problem)) => Err(problem),
        _ if session.retry_buffer_truncated() => Err(Problem::Internal), // Part of it would be lost.
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// Keeps what will be read, and lets a client that waits send it. The upstream is not asked whether it wants it.
async fn begin(session: &mut ServerSession) -> Result<(), Problem> {
    session.enable_retry_buffering();
    if session.req_header().headers.contains_key(http::header::EXPECT) {
        session.write_continue_response().await.map_err(|_| Problem::BadRequest)?;
    }
    Ok(())
}

/// Reads until the end, or for as long as all that was read can be kept.
async fn read(session: &mut ServerSession, bytes_max: usize) -> Result<(), Problem> {
    let has_none = matches!(session.req_header().method, Method::GET | Method::HEAD);
    let mut bytes = 0;
    while bytes_max != usize::MAX || bytes <= AHEAD_BYTES_MAX {
        let Some(piece) = session.read_request_body().await.map_err(|_| Problem::BadRequest)? else { return Ok(()) };
        bytes += piece.len();
        if bytes > bytes_max {
            return Err(Problem::TooLarge);
        }
        if has_none && bytes > 0 {
            return Err(Problem::BadRequest);
        }
    }
    Ok(())
}
