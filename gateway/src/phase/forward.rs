//! Third phase: what a service gets. Whatever the client said in our name is struck; what we know is set.

use crate::exchange::Exchange;
use crate::identity;
use crate::metrics::AnsweredBy;
use crate::state::EdgeState;
use aldgate_core::identity_header as names;
use aldgate_core::policy::route::Target;
use aldgate_core::session::cookie;
use aldgate_core::token::identity_assertion::BrokenSigningKey;
use http::{HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use std::net::IpAddr;

/// A header of the request could not be set; it must not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the request for the service could not be made")]
pub struct CannotForward;

impl From<BrokenSigningKey> for CannotForward {
    fn from(_: BrokenSigningKey) -> Self {
        Self
    }
}

impl From<Box<pingora::Error>> for CannotForward {
    fn from(_: Box<pingora::Error>) -> Self {
        Self
    }
}

/// Who will answer a permitted request.
pub const fn answers(target: &Target) -> AnsweredBy {
    match target {
        Target::Edge(_) => AnsweredBy::Edge,
        Target::Backend => AnsweredBy::Backend,
        Target::Service(_) => AnsweredBy::Service,
    }
}

/// Rewrites the request's header for its upstream.
///
/// # Errors
/// [`CannotForward`] also without a permit: nothing goes on unjudged.
pub fn dress(header: &mut RequestHeader, exchange: &Exchange, state: &EdgeState) -> Result<(), CannotForward> {
    let permit = exchange.permit.as_ref().ok_or(CannotForward)?;
    let route = permit.route();
    let target = &route.target;
    strike(header, names::is_ours);
    if route.judges_method() {
        strike(header, names::overrides_method);
    }
    header.remove_header(&http::header::EXPECT); // The gate has answered it: the body is on its way.
    forwarding(header, exchange)?;
    header.insert_header(names::REQUEST_ID, exchange.reference.as_str())?;
    if *target == Target::Backend {
        in_one_line(header)?;
    } else {
        without_our_cookies(header)?;
    }
    if route.client_certificate.is_some() {
        let certificate = exchange.certificate.as_deref().ok_or(CannotForward)?;
        header.insert_header(names::CLIENT_CERTIFICATE, certificate.header_value())?;
    }
    if let Some(told) = identity::for_permit(state, permit, exchange.now)? {
        if told.by_token {
            header.remove_header(&http::header::AUTHORIZATION);
            header.remove_header("dpop");
        }
        for said in told.headers(identity::aliases(target)) {
            let (name, value) = said.map_err(|_| CannotForward)?;
            header.insert_header(name, value)?;
        }
    }
    Ok(())
}

/// Removes every header whose name is of a kind, in every spelling.
fn strike(header: &mut RequestHeader, is_of_kind: fn(&[u8]) -> bool) {
    let struck: Vec<HeaderName> =
        header.headers.keys().filter(|name| is_of_kind(name.as_str().as_bytes())).cloned().collect();
    for name in struck {
        header.remove_header(&name);
    }
}

fn forwarding(header: &mut RequestHeader, exchange: &Exchange) -> Result<(), CannotForward> {
    let proto = if exchange.tls { "https" } else { "http" };
    let authority = exchange.authority.as_str();
    header.insert_header("x-forwarded-proto", proto)?;
    header.insert_header("x-forwarded-host", authority)?;
    // RFC 7239: an IPv6 address stands in brackets and quotes; a host with a port in quotes.
    let node = match exchange.client {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(client)) => client.to_string(),
        Some(IpAddr::V6(client)) => format!("\"[{client}]\""),
    };
    header.insert_header("forwarded", format!("for={node};host=\"{authority}\";proto={proto}"))?;
    if let Some(client) = exchange.client {
        header.insert_header("x-forwarded-for", client.to_string())?;
    }
    Ok(())
}

/// Joins the lines of cookies that HTTP/2 may send (RFC 9113, section 8.2.3).
fn in_one_line(header: &mut RequestHeader) -> Result<(), CannotForward> {
    let lines = header.headers.get_all(http::header::COOKIE);
    if lines.iter().nth(1).is_some() {
        let joined = lines.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
        header.insert_header(http::header::COOKIE, joined)?;
    }
    Ok(())
}

fn without_our_cookies(header: &mut RequestHeader) -> Result<(), CannotForward> {
    let values = header.headers.get_all(http::header::COOKIE).iter().map(HeaderValue::as_bytes);
    let kept = cookie::without_ours(values);
    header.remove_header(&http::header::COOKIE);
    if let Some(kept) = kept {
        header.insert_header(http::header::COOKIE, kept)?;
    }
    Ok(())
}

/// What a service may not say for the whole log-in host: a worker beyond its own path, or that our cookies be cleared.
const NOT_A_SERVICES: [&str; 2] = ["service-worker-allowed", "clear-site-data"];

/// Removes from a service's answer what would set or remove a cookie of ours or take over our pages.
pub fn undress(response: &mut ResponseHeader) {
    for name in NOT_A_SERVICES {
        response.remove_header(name);
    }
    let values: Vec<HeaderValue> = response.headers.get_all(http::header::SET_COOKIE).iter().cloned().collect();
    if values.iter().any(|value| cookie::is_ours(value.as_bytes())) {
        response.remove_header(&http::header::SET_COOKIE);
        for value in values.into_iter().filter(|value| !cookie::is_ours(value.as_bytes())) {
            // It was a valid header a moment ago; if it no longer is, the service's cookie is lost, not ours let in.
            let _ = response.append_header(http::header::SET_COOKIE, value);
        }
    }
}

/// Whether an answer ends where every client sees it end: in chunks, or not, and in nothing else (RFC 9112, section 6.3).
/// What Pingora has read as a length is a length.
pub fn is_clear(response: &ResponseHeader) -> bool {
    let mut codings = response.headers.get_all(http::header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => {
            response.version == http::Version::HTTP_11 && coding.as_bytes().eq_ignore_ascii_case(b"chunked")
        }
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_cannot_set_our_cookie() {
        let mut response = ResponseHeader::build(200, None).expect("header");
        for value in ["a=1", "__Host-aldgate=stolen; Path=/", "__HOST-ALDGATE=x", "=__Host-aldgate=x", "b=2"] {
            response.append_header("set-cookie", value).expect("header");
        }
        response.append_header("Service-Worker-Allowed", "/").expect("header");
        response.append_header("clear-site-data", "*").expect("header");
        undress(&mut response);
        assert_eq!(response.headers.keys_len(), 1, "{response:?}");
        let kept: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
        assert_eq!(kept, ["a=1", "b=2"]);
    }

    #[test]
    fn what_a_client_says_in_our_name_is_struck() {
        let mut header = RequestHeader::build("GET", b"/", None).expect("header");
        for name in ["Aldgate-Subject", "aldgate_subject", "X-Forwarded-For", "x_forwarded_host", "Forwarded", "accept"]
        {
            header.append_header(name.to_owned(), "forged").expect("header");
        }
        strike(&mut header, names::is_ours);
        let left: Vec<_> = header.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["accept"]);
    }
}
