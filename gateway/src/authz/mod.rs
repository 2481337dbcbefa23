//! Answering for other proxies: nginx, HAProxy, Caddy, Traefik or Envoy stands in front of a service and asks this gate
//! about each request. One decision, the same as the edge's own; a dialect is how the question and the answer are
//! written.
//!
//! A question comes to the private listener, and there alone are `X-Forwarded-*` and `X-Original-*` believed: the proxy
//! in front vouches for them. [`original`] makes one request of them or refuses, [`decision`] judges it, [`answer`]
//! says it so that the proxy understands and, whatever else goes wrong, fails closed.
//!
//! Why a web page gains nothing by asking (the listener is on loopback, and a browser may run on this machine): a page
//! whose own name points here (DNS rebinding) has no session cookie under that name, and scripts cannot set `Cookie`; a
//! page of another origin would need a header of its own for every dialect, for which the browser first asks leave, and
//! nobody here gives it. So only questions about a request without a session can be asked, and whoever asks them learns
//! what the public listener would tell them.

pub mod answer;
pub mod decision;
pub mod envoy_grpc;
pub mod original;

use crate::exchange::Exchange;
use crate::phase::record;
use crate::state::EdgeState;
use bytes::Bytes;
use http::Response;
use http::request::Parts;
use original::OriginalRequest;

/// The path below which questions are asked over HTTP.
pub const PREFIX: &str = "/authz/";

/// How a proxy asks over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// nginx' `auth_request`, at `/authz/nginx`.
    Nginx,
    /// Traefik's and Caddy's forward authentication, at `/authz/forward`.
    Forward,
    /// HAProxy's Lua, at `/authz/haproxy`.
    Haproxy,
    /// Envoy's ext_authz over HTTP: the original path stands behind `/authz/envoy`.
    Envoy,
}

impl Dialect {
    /// The dialect that is spoken at a path, which may carry a query.
    pub fn at(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(PREFIX)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name == "envoy" {
            return after.starts_with('/').then_some(Self::Envoy);
        }
        // Caddy leaves the original query behind the path; what is asked about stands in headers.
        match (name, after.starts_with('/')) {
            ("nginx", false) => Some(Self::Nginx),
            ("forward", false) => Some(Self::Forward),
            ("haproxy", false) => Some(Self::Haproxy),
            _ => None,
        }
    }
}

/// Answers a question that came over HTTP.
pub async fn answer(dialect: Dialect, question: &Parts, state: &EdgeState) -> Response<Bytes> {
    let mut exchange = Exchange::begin(state);
    let original = OriginalRequest::over_http(dialect, question, &state.issuer);
    let decision = decision::decide(original, &mut exchange, state).await;
    let answer = answer::http(dialect, decision.verdict, &exchange);
    let asked_about = decision.header.as_deref().unwrap_or(question);
    record::record(asked_about, answer.status().as_u16(), &exchange, state);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_one_path() {
        assert_eq!(Dialect::at("/authz/nginx"), Some(Dialect::Nginx));
        assert_eq!(Dialect::at("/authz/forward"), Some(Dialect::Forward));
        assert_eq!(Dialect::at("/authz/forward?a=/b"), Some(Dialect::Forward));
        assert_eq!(Dialect::at("/authz/haproxy"), Some(Dialect::Haproxy));
        assert_eq!(Dialect::at("/authz/envoy/"), Some(Dialect::Envoy));
        assert_eq!(Dialect::at("/authz/envoy/app/?x=/"), Some(Dialect::Envoy));
        for path in ["/authz/", "/authz/nginx/", "/authz/nginxx", "/authz/envoy", "/authz/envoyx/", "/metrics", "/"] {
            assert_eq!(Dialect::at(path), None, "{path}");
        }
    }
}
