//! Errors as programs read them (RFC 6749, section 5.2; RFC 6750, section 3).

use crate::fault::Fault;
use crate::http::problem::Problem;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

/// When to come back, in seconds, if something of ours is busy or down.
const RETRY_AFTER_SECS: HeaderValue = HeaderValue::from_static("5");

/// An error with its code.
pub(super) fn error(status: StatusCode, code: &str, description: &str) -> Response {
    (status, Json(json!({"error": code, "error_description": plain(description)}))).into_response()
}

/// What `error_description` may hold (RFC 6749, section 5.2): no quote and no backslash.
pub(super) fn plain(text: &str) -> String {
    let fits = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
    text.chars().map(|c| if fits(c) { c } else { '\'' }).collect()
}

/// A fault of ours: nothing about the request.
pub(super) fn failed(fault: Fault) -> Response {
    match Problem::from(fault) {
        Problem::Unavailable => {
            let mut response =
                error(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again in a moment");
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECS);
            response
        }
        _ => error(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "something of ours is broken"),
    }
}

/// A body that was not read.
pub(super) fn unread(problem: Problem) -> Response {
    match problem {
        Problem::TooLong => error(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is too long"),
        Problem::ContentType => {
            let description = "the body must be application/x-www-form-urlencoded";
            error(StatusCode::BAD_REQUEST, "invalid_request", description)
        }
        _ => error(StatusCode::BAD_REQUEST, "invalid_request", "the body cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::keys::KeysFailed;
    use crate::store::StoreError;

    #[test]
    fn whoever_asks_while_the_database_is_busy_is_asked_to_come_again_whatever_was_read() {
        let status = |fault| failed(fault).status();
        for busy in [Fault::Store(StoreError::Busy), Fault::Keys(KeysFailed::Store(StoreError::Busy))] {
            assert_eq!(status(busy), StatusCode::SERVICE_UNAVAILABLE);
        }
        let broken = || StoreError::Broken("x".into());
        for broken in [Fault::Store(broken()), Fault::Keys(KeysFailed::Store(broken()))] {
            assert_eq!(status(broken), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}
