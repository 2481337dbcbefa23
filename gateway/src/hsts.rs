//! `Strict-Transport-Security` (RFC 6797): whoever came over TLS once does not try without it again.
//!
//! Every answer over TLS says it, whoever gives it, and none over plain HTTP, where it must not stand (section 7.2). What
//! a service says under that name is overruled: a host has one policy, and it is the listener's.

use crate::exchange::Exchange;
use crate::reply::Reply;
use http::HeaderValue;
use pingora::http::ResponseHeader;
use std::time::Duration;

const NAME: &str = "strict-transport-security";

/// What is said for a span; nothing without one. Nothing is said of subdomains: they may be somebody else's.
pub fn value(span: Option<Duration>) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("max-age={}", span?.as_secs())).ok()
}

/// Says it in the answer of a service or of the backend, over TLS.
pub fn on_answer(exchange: &Exchange, response: &mut ResponseHeader) {
    if !exchange.tls {
        return;
    }
    if let Some(value) = &exchange.generation.hsts {
        // A value that was one when the generation was made.
        let _ = response.insert_header(NAME, value.clone());
    }
}

/// Says it in an answer of the edge's own, over TLS.
pub(crate) fn on_reply(exchange: &Exchange, reply: Reply) -> Reply {
    match exchange.generation.hsts.as_ref().filter(|_| exchange.tls).and_then(|value| value.to_str().ok()) {
        Some(value) => reply.with(NAME, value),
        None => reply,
    }
}
