//! Pages of other origins: which of them may use a route, and what their browsers are told (the CORS protocol of the
//! Fetch standard, section 3.2).
//!
//! Only routes with a policy of their own are judged here; elsewhere a service's own CORS headers stand, and so does
//! its own care for where a request comes from. On a route with a policy
//!
//! - a preflight is answered by the edge, without a session and without the service: 204 with what is allowed, or 403;
//! - the answers to a page that is listed, refusals included, say that it may read them;
//! - a page that is not listed, that uses a method which is not, or that sends cookies without leave, may still be
//!   shown what it cannot read (GET, HEAD), but can change nothing and open no WebSocket: 403. `SameSite=Lax` keeps our
//!   cookie from pages of other sites, but not from other origins of the same site, such as a sibling host that
//!   somebody has taken over;
//! - what the service says about origins is struck;
//! - every answer varies by the origin, so that a cache gives none of them to another page.
//!
//! No answer ever allows `*` or `null`.

use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::reply::Reply;
use aldgate_core::policy::cors::{Cors, Preflight, Sharing};
use aldgate_core::policy::path::NormalPath;
use aldgate_core::policy::route::Route;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, COOKIE, HeaderName, ORIGIN, SEC_WEBSOCKET_KEY,
    UPGRADE, VARY,
};
use http::{HeaderValue, Method};
use pingora::http::{RequestHeader, ResponseHeader};
use std::sync::Arc;

/// What a page may read of the edge's own refusals besides their bodies: what to do about them.
const EXPOSED: &str = "www-authenticate, dpop-nonce, link, retry-after, allow";

/// What stands for an origin, a method or a list of names that is doubled or no text: nothing that anybody has listed.
const NONSENSE: &str = "?";

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
pub fn cross(header: &RequestHeader, exchange: &mut Exchange) -> Crossing {
    let Some(route) = route(header, exchange) else { return Crossing::GoesOn };
    let Some(cors) = route.cors.clone() else { return Crossing::GoesOn };
    let origin = the_one(header, &ORIGIN);
    if let Some(asked) = origin.and_then(|origin| preflight(origin, header)) {
        let granted = cors.grants(&asked).then(|| granted(&cors, asked.origin));
        exchange.sharing = Some(Sharing { cors, reader: None });
        return granted.map_or(Crossing::Refused(Problem::CrossOrigin), Crossing::Granted);
    }
    let may = changes_nothing(header) || may_change(origin, &route, &cors, header, exchange);
    let reader = origin.filter(|origin| cors.allows(origin)).map(str::to_owned);
    exchange.sharing = Some(Sharing { cors, reader });
    if may { Crossing::GoesOn } else { Crossing::Refused(Problem::CrossOrigin) }
}

/// The route that will be judged; nothing where none will, which the judgement then says.
fn route(header: &RequestHeader, exchange: &Exchange) -> Option<Arc<Route>> {
    let routes = &exchange.generation.routes;
    if !routes.shares() {
        return None;
    }
    let path = NormalPath::parse(header.uri.path()).ok()?;
    routes.find(&exchange.host, path).ok()?.cloned()
}

/// The value of a header that may stand there once.
fn the_one<'a>(header: &'a RequestHeader, name: &HeaderName) -> Option<&'a str> {
    let mut values = header.headers.get_all(name).iter();
    let value = values.next()?.to_str().unwrap_or(NONSENSE);
    Some(if values.next().is_none() { value } else { NONSENSE })
}

fn preflight<'a>(origin: &'a str, header: &'a RequestHeader) -> Option<Preflight<'a>> {
    if header.method != Method::OPTIONS {
        return None;
    }
    let method = the_one(header, &ACCESS_CONTROL_REQUEST_METHOD)?;
    let headers = the_one(header, &ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default();
    Some(Preflight { origin, method, headers })
}

/// A WebSocket begins with a GET, but is no reading: CORS does not protect it, so the list of origins has to. A proxy
/// that asks about a request may have kept back what is between itself and its client, such as `Upgrade`.
fn changes_nothing(header: &RequestHeader) -> bool {
    let begins_web_socket = [UPGRADE, SEC_WEBSOCKET_KEY].iter().any(|name| header.headers.contains_key(name));
    header.method.is_safe() && !begins_web_socket
}

/// Whether whoever sends this may change something: a page of our own origin, a listed one that keeps to its policy,
/// or no page at all. Browsers name the origin with every method that is not safe; one that does not at least says
/// where the page stands.
fn may_change(origin: Option<&str>, route: &Route, cors: &Cors, header: &RequestHeader, exchange: &Exchange) -> bool {
    let site = the_one(header, &SEC_FETCH_SITE);
    match (origin, site) {
        // No page can set this header. A form without a referrer has the origin `null` also at home.
        (_, Some("same-origin")) | (None, None | Some("none")) => true,
        (None, Some(_)) => false,
        (Some(origin), _) if is_own(origin, exchange) => true,
        (Some(origin), _) => {
            // Where the route itself does not take the method, the judgement says so.
            let by_method = cors.takes(header.method.as_str()) || !route.takes(header.method.as_str());
            cors.allows(origin) && by_method && (cors.credentials || !header.headers.contains_key(COOKIE))
        }
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether this is the very origin that the request goes to. TLS may end before us, so `https` counts as ours on a
/// plain connection too.
fn is_own(origin: &str, exchange: &Exchange) -> bool {
    let authority = match origin.split_once("://") {
        Some(("https", authority)) => Some(authority),
        Some(("http", authority)) if !exchange.tls => Some(authority),
        _ => None,
    };
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(&exchange.authority))
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
    let Some(Sharing { cors, reader }) = &exchange.sharing else { return reply };
    let reply = reply.with("vary", "Origin");
    let Some(reader) = reader else { return reply };
    let exposed = std::iter::once(EXPOSED).chain(cors.expose.iter().map(String::as_str));
    let reply = reply
        .with("access-control-allow-origin", reader.as_str())
        .with("access-control-expose-headers", exposed.collect::<Vec<_>>().join(", "));
    if cors.credentials { reply.with("access-control-allow-credentials", "true") } else { reply }
}

/// Puts the gate's word about origins in the place of the service's, on routes that have a policy.
///
/// # Errors
/// When a header cannot be set; the answer must not go on as it is.
pub fn overrule(response: &mut ResponseHeader, exchange: &Exchange, method: &Method) -> pingora::Result<()> {
    let route = exchange.permit.as_ref().map(aldgate_core::verdict::Permit::route);
    let Some(cors) = route.and_then(|route| route.cors.as_ref()) else { return Ok(()) };
    let names = response.headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
    for name in names.cloned().collect::<Vec<_>>() {
        response.remove_header(&name);
    }
    // Also without an origin: a cache must not give this answer to a page that may read another.
    response.append_header(VARY, HeaderValue::from_static("Origin"))?;
    let reader = exchange.sharing.as_ref().and_then(|sharing| sharing.reader.as_deref());
    let Some(reader) = reader.filter(|_| cors.takes(method.as_str())) else {
        return Ok(());
    };
    response.insert_header(ACCESS_CONTROL_ALLOW_ORIGIN, reader)?;
    if cors.credentials {
        response.insert_header(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"))?;
    }
    if !cors.expose.is_empty() {
        response.insert_header(ACCESS_CONTROL_EXPOSE_HEADERS, cors.expose.join(", "))?;
    }
    Ok(())
}
