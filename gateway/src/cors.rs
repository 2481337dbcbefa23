//! Pages of other origins: which of them may use a route, and what their browsers are told (the CORS protocol of the
//! Fetch standard, section 3.2).
//!
//! Only routes with a policy of their own are judged here; elsewhere a service's own CORS headers stand. On such a
//! route
//!
//! - a preflight is answered by the edge, without a session and without the service: 204 with what is allowed, or 403;
//! - the answers to a page that is listed, refusals included, say that it may read them;
//! - a page that is not listed, or that uses a method which is not, may still be shown what it cannot read (GET, HEAD),
//!   but can change nothing and open no WebSocket: 403. `SameSite=Lax` keeps our cookie from pages of other sites, but
//!   not from other origins of the same site, such as a sibling host that somebody has taken over;
//! - what the service says about origins is struck.
//!
//! No answer ever allows `*` or `null`.

use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::policy::cors::{Cors, Preflight, Reader};
use aldgate_core::policy::path::NormalPath;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN, UPGRADE, VARY,
};
use http::{HeaderValue, Method};
use pingora::http::{RequestHeader, ResponseHeader};
use std::sync::Arc;

/// What a page may read of the edge's own refusals besides their bodies: what to do about them.
const EXPOSED: &str = "www-authenticate, link, retry-after, allow";

/// What the edge has to say about a request for reasons of its origin.
#[derive(Debug)]
pub enum Crossing {
    /// Nothing: it goes on to be judged. If a page of another origin may read the answer, the exchange says so.
    GoesOn,
    /// It was a preflight, and everything that it asked for is allowed.
    Granted(Reply),
    /// The page may not do this.
    Refused(Problem),
}

/// Judges an admitted request by its origin.
pub fn cross(header: &RequestHeader, exchange: &mut Exchange, state: &EdgeState) -> Crossing {
    let mut origins = header.headers.get_all(ORIGIN).iter();
    let Some(first) = origins.next() else { return Crossing::GoesOn };
    let Some(cors) = policy(header, exchange, state) else { return Crossing::GoesOn };
    // Two of them, or one that is no text, is no origin that anybody has listed.
    let origin = first.to_str().ok().filter(|_| origins.next().is_none()).unwrap_or_default();
    if is_own(origin, header, exchange) {
        return Crossing::GoesOn;
    }
    if let Some(asked) = preflight(origin, header) {
        return if cors.grants(&asked) {
            Crossing::Granted(granted(&cors, origin))
        } else {
            Crossing::Refused(Problem::CrossOrigin)
        };
    }
    if cors.allows(origin) && cors.takes(header.method.as_str()) {
        exchange.reader = Some(Reader { origin: origin.to_owned(), cors });
        Crossing::GoesOn
    } else if changes_nothing(header) {
        Crossing::GoesOn
    } else {
        Crossing::Refused(Problem::CrossOrigin)
    }
}

/// The policy of the route that will be judged; nothing where none will, which the judgement then says.
fn policy(header: &RequestHeader, exchange: &Exchange, state: &EdgeState) -> Option<Arc<Cors>> {
    let path = NormalPath::parse(header.uri.path()).ok()?;
    state.snapshot.load().routes.find(&exchange.host, path).ok()??.cors.clone()
}

/// Whether the request comes from a page of the very origin that it goes to. Where the browser says so, that holds (no
/// page can set this header; a form without a referrer has the origin `null` also at home). TLS may end before us, so
/// `https` counts as ours on a plain connection too.
fn is_own(origin: &str, header: &RequestHeader, exchange: &Exchange) -> bool {
    let said = header.headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"same-origin");
    let authority = match origin.split_once("://") {
        Some(("https", authority)) => Some(authority),
        Some(("http", authority)) if !exchange.tls => Some(authority),
        _ => None,
    };
    said || authority.is_some_and(|authority| authority.eq_ignore_ascii_case(&exchange.authority))
}

fn preflight<'a>(origin: &'a str, header: &'a RequestHeader) -> Option<Preflight<'a>> {
    if header.method != Method::OPTIONS {
        return None;
    }
    let text = |name: &HeaderName| header.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let method = text(&ACCESS_CONTROL_REQUEST_METHOD)?;
    let several = header.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().nth(1).is_some();
    let headers = if several { "?" } else { text(&ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default() };
    Some(Preflight { origin, method, headers })
}

/// A WebSocket begins with a GET, but is no reading: CORS does not protect it, so the list of origins has to.
fn changes_nothing(header: &RequestHeader) -> bool {
    header.method.is_safe() && !header.headers.contains_key(UPGRADE)
}

fn granted(cors: &Cors, origin: &str) -> Reply {
    let reply = Reply::empty(204)
        .with("access-control-allow-origin", origin)
        .with("access-control-allow-methods", cors.methods.join(", "))
        .with("access-control-max-age", cors.max_age.as_secs().to_string())
        .with("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
    let reply = if cors.headers.is_empty() {
        reply
    } else {
        reply.with("access-control-allow-headers", cors.headers.join(", "))
    };
    if cors.credentials { reply.with("access-control-allow-credentials", "true") } else { reply }
}

/// The same answer of the edge's own, readable for the page that it goes to, if there is one that may.
pub fn readable(reply: Reply, exchange: &Exchange) -> Reply {
    let Some(reader) = &exchange.reader else { return reply };
    let exposed = std::iter::once(EXPOSED).chain(reader.cors.expose.iter().map(String::as_str));
    let reply = reply
        .with("access-control-allow-origin", reader.origin.as_str())
        .with("access-control-expose-headers", exposed.collect::<Vec<_>>().join(", "))
        .with("vary", "Origin");
    if reader.cors.credentials { reply.with("access-control-allow-credentials", "true") } else { reply }
}

/// Puts the gate's word about origins in the place of the service's, on routes that have a policy.
///
/// # Errors
/// When a header cannot be set; the answer must not go on as it is.
pub fn overrule(response: &mut ResponseHeader, exchange: &Exchange) -> pingora::Result<()> {
    let route = exchange.permit.as_ref().map(aldgate_core::verdict::Permit::route);
    if route.is_none_or(|route| route.cors.is_none()) {
        return Ok(());
    }
    let names = response.headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
    for name in names.cloned().collect::<Vec<_>>() {
        response.remove_header(&name);
    }
    // Also without an origin: a cache must not give this answer to a page that may read another.
    response.append_header(VARY, HeaderValue::from_static("Origin"))?;
    let Some(reader) = &exchange.reader else { return Ok(()) };
    response.insert_header(ACCESS_CONTROL_ALLOW_ORIGIN, reader.origin.as_str())?;
    if reader.cors.credentials {
        response.insert_header(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"))?;
    }
    if !reader.cors.expose.is_empty() {
        response.insert_header(ACCESS_CONTROL_EXPOSE_HEADERS, reader.cors.expose.join(", "))?;
    }
    Ok(())
}
