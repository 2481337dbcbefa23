//! A verdict in the words of each proxy.
//!
//! Allow is 200 without a body and nothing else, and is never kept (RFC 9111: `no-store`). Deny is what the client
//! gets: relayed whole by Traefik, Caddy, Envoy and our script for HAProxy. nginx knows 401 and 403 only; anything else
//! it turns into a 500, which is the right thing where nothing can be decided.

use super::Dialect;
use super::decision::{Allowed, Denied, Verdict};
use crate::exchange::Exchange;
use crate::identity;
use crate::reply::{self, Reply};
use aldgate_core::identity_header as names;
use aldgate_core::policy::alias::Alias;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use std::collections::BTreeSet;

/// What Envoy takes away from the request before it goes on.
const ENVOY_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

const REQUEST_ID: HeaderName = HeaderName::from_static(names::REQUEST_ID);

/// The headers that the service shall get, whatever the client sent under their names: who the request is for, and what
/// is left of the client's credentials.
///
/// # Errors
/// When one of them cannot be a header: the request must not go on without it.
pub fn to_set(
    allowed: Allowed,
    exchange: &Exchange,
) -> Result<Vec<(HeaderName, HeaderValue)>, http::header::InvalidHeaderValue> {
    let mut headers = vec![(REQUEST_ID, HeaderValue::from_str(&exchange.reference)?)];
    if let Some(told) = allowed.told {
        for header in told.headers(identity::aliases(&allowed.route.target)) {
            headers.push(header?);
        }
    }
    headers.extend(allowed.credentials);
    Ok(headers)
}

/// What Envoy says to the service itself; what the client sent under these names is gone already.
pub const ENVOYS_OWN: [&str; 3] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-client-cert"];

/// The names that must be taken from the request because nothing was set under them, on a route that judges methods or
/// does not.
pub fn to_remove(set: &[(HeaderName, HeaderValue)], judges_method: bool) -> BTreeSet<&'static str> {
    let aliases = Alias::ALL.iter().flat_map(|alias| alias.headers()).map(|(name, _)| *name);
    let ours = names::IDENTITY.into_iter().chain([names::CLIENT_CERTIFICATE]).chain(names::FORWARDING);
    let theirs = aliases.chain(Alias::NOT_GIVEN).chain(["cookie", "authorization", "dpop"]);
    let overrides = names::METHOD_OVERRIDES.into_iter().filter(|_| judges_method);
    let all = ours.chain(theirs).chain(overrides).filter(|name| !ENVOYS_OWN.contains(name));
    all.filter(|name| !set.iter().any(|(there, _)| there == name)).collect()
}

/// The answer in a dialect over HTTP.
pub fn http(dialect: Dialect, verdict: Verdict, exchange: &Exchange) -> Response<Bytes> {
    let answer = match verdict {
        Verdict::Allow(allowed) => allow(dialect, allowed, exchange),
        Verdict::Deny(denied) => {
            deny(dialect, denied).with(names::REQUEST_ID, exchange.reference.as_str()).into_response().ok()
        }
    };
    answer.unwrap_or_else(|| reply::response(StatusCode::INTERNAL_SERVER_ERROR, HeaderMap::new(), Bytes::new()))
}

fn allow(dialect: Dialect, allowed: Allowed, exchange: &Exchange) -> Option<Response<Bytes>> {
    let judges_method = allowed.route.judges_method();
    let set = to_set(allowed, exchange).ok()?;
    let mut headers = HeaderMap::with_capacity(set.len() + 4); // And `Date`, which is added to each answer.
    headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if dialect == Dialect::Envoy {
        let removed = Vec::from_iter(to_remove(&set, judges_method)).join(", ");
        headers.insert(ENVOY_REMOVE, HeaderValue::try_from(removed).ok()?);
    }
    for (name, value) in set {
        headers.insert(name, value);
    }
    Some(reply::response(StatusCode::OK, headers, Bytes::new()))
}

fn deny(dialect: Dialect, denied: Denied) -> Reply {
    let Denied { mut reply, authenticate } = denied;
    if dialect != Dialect::Nginx {
        return reply;
    }
    match (reply.status, authenticate) {
        (303, Some(authenticate)) => {
            reply.status = 401; // Its configuration makes a redirection of the Location.
            reply.with("www-authenticate", authenticate)
        }
        (400 | 402..500, _) => {
            reply.status = 403;
            reply
        }
        _ => reply,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nginx_gets_no_status_that_it_does_not_know_but_what_makes_it_fail_closed() {
        for (status, authenticate, expected) in [
            (303, true, 401),
            (401, true, 401),
            (401, false, 401),
            (400, false, 403),
            (403, true, 403),
            (404, false, 403),
            (405, false, 403),
            (431, false, 403),
            (500, false, 500),
            (503, false, 503),
        ] {
            let authenticate = authenticate.then(|| "Bearer".to_owned());
            let denied = Denied { reply: Reply::empty(status), authenticate };
            assert_eq!(deny(Dialect::Nginx, denied).status, expected, "{status}");
        }
    }

    #[test]
    fn whatever_is_not_set_is_taken_away() {
        let set = [(HeaderName::from_static("remote-user"), HeaderValue::from_static("x"))];
        let removed = to_remove(&set, false);
        assert!(!removed.contains("remote-user"));
        for name in names::IDENTITY.into_iter().chain([
            names::CLIENT_CERTIFICATE,
            "cookie",
            "cf-access-jwt-assertion",
            "x-forwarded-email",
        ]) {
            assert!(removed.contains(name), "{name}");
        }
    }
}
