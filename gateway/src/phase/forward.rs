//! Third phase: what a service gets. Whatever the client said in our name is struck; what we know is set.

use crate::exchange::Exchange;
use crate::identity::{self, Told};
use crate::metrics::AnsweredBy;
use crate::request::cookies;
use crate::state::EdgeState;
use aldgate_core::identity_header as names;
use aldgate_core::policy::route::{Route, Target};
use aldgate_core::session::cookie;
use aldgate_core::token::identity_assertion::BrokenSigningKey;
use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, EXPECT};
use pingora::http::{RequestHeader, ResponseHeader};
use std::net::IpAddr;

const DPOP: HeaderName = HeaderName::from_static("dpop");

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

/// What becomes of a request's header on its way to its upstream: which of the client's fields go no further, and what
/// the gate says in their place. Decided once, whichever way the request then takes.
pub struct Dress<'a> {
    exchange: &'a Exchange,
    route: &'a Route,
    told: Option<Told>,
    /// What the backend is told of the client's certificate, if it has shown one.
    certificate: Option<String>,
    /// The client's cookies, where they are said anew: without ours, or in one line.
    cookies: Option<Vec<u8>>,
}

impl<'a> Dress<'a> {
    /// For a permitted request.
    ///
    /// # Errors
    /// [`CannotForward`] also without a permit: nothing goes on unjudged.
    pub fn of(header: &RequestHeader, exchange: &'a Exchange, state: &EdgeState) -> Result<Self, CannotForward> {
        let permit = exchange.permit.as_ref().ok_or(CannotForward)?;
        let told = identity::for_permit(state, permit, exchange.now)?;
        let certificate = identity::of_certificate(state, permit, exchange)?;
        let mut dress = Self { exchange, route: permit.route(), told, certificate, cookies: None };
        dress.cookies =
            if dress.sees_our_cookies() { in_one_line(header) } else { cookie::without_ours(cookies(header)) };
        Ok(dress)
    }

    fn sees_our_cookies(&self) -> bool {
        self.route.target == Target::Backend
    }

    /// Whether a field of the client's goes no further, in whatever spelling.
    pub fn strikes(&self, name: &[u8]) -> bool {
        let is = |other: &HeaderName| name.eq_ignore_ascii_case(other.as_str().as_bytes());
        names::is_ours(name)
            || (self.route.judges_method() && names::overrides_method(name))
            || ((!self.sees_our_cookies() || self.cookies.is_some()) && is(&COOKIE))
            || is(&EXPECT) // The gate has answered it: the body is on its way.
            || (self.told.as_ref().is_some_and(|told| told.by_token) && (is(&AUTHORIZATION) || is(&DPOP)))
    }

    /// Says each field that the gate says, but for [`Self::told`]. The client's fields of these names are all struck.
    ///
    /// # Errors
    /// As `say` has them; [`CannotForward`] where something that must be said is not known.
    pub fn say(
        &self,
        mut say: impl FnMut(&'static str, &[u8]) -> Result<(), CannotForward>,
    ) -> Result<(), CannotForward> {
        self.say_forwarding(&mut say)?;
        say(names::REQUEST_ID, self.exchange.reference.as_bytes())?;
        if let Some(cookies) = &self.cookies {
            say("cookie", cookies)?;
        }
        if self.route.client_certificate.is_some() {
            let certificate = self.exchange.certificate.as_deref().ok_or(CannotForward)?;
            say(names::CLIENT_CERTIFICATE, certificate.header_value().as_ref())?;
        }
        if let Some(certificate) = &self.certificate {
            say(names::CERTIFICATE_ASSERTION, certificate.as_bytes())?;
        }
        let aliases = identity::aliases(&self.route.target);
        self.told.iter().flat_map(|told| told.aliased(aliases)).try_for_each(|(name, value)| say(name, &value))
    }

    /// Who the request is for, which is said beside the rest.
    pub const fn told(&self) -> Option<&Told> {
        self.told.as_ref()
    }

    fn say_forwarding(
        &self,
        say: &mut impl FnMut(&'static str, &[u8]) -> Result<(), CannotForward>,
    ) -> Result<(), CannotForward> {
        let proto = if self.exchange.tls { "https" } else { "http" };
        let authority = self.exchange.authority.as_str();
        say("x-forwarded-proto", proto.as_bytes())?;
        say("x-forwarded-host", authority.as_bytes())?;
        // RFC 7239: an IPv6 address stands in brackets and quotes; a host with a port in quotes.
        let (open, close) = match self.exchange.client {
            Some(IpAddr::V6(_)) => ("\"[", "]\""),
            Some(IpAddr::V4(_)) | None => ("", ""),
        };
        let client = self.exchange.client.map(text);
        let node = client.as_deref().unwrap_or("unknown");
        let forwarded = ["for=", open, node, close, ";host=\"", authority, "\";proto=", proto].concat();
        say("forwarded", forwarded.as_bytes())?;
        client.iter().try_for_each(|client| say("x-forwarded-for", client.as_bytes()))
    }
}

/// An address as text: what [`IpAddr`] says, but that each request needs it, and its [`Display`] takes ten times as long
/// for IPv4.
///
/// [`Display`]: std::fmt::Display
fn text(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            text.push('.');
        }
        for (digit, from) in [(octet / 100, 100), (octet / 10 % 10, 10), (octet % 10, 0)] {
            if octet >= from {
                text.push(char::from(b'0' + digit));
            }
        }
    }
    text
}

/// The lines of cookies that HTTP/2 may send, joined (RFC 9113, section 8.2.3); nothing where there is one or none.
fn in_one_line(header: &RequestHeader) -> Option<Vec<u8>> {
    cookies(header).nth(1)?;
    Some(cookies(header).collect::<Vec<_>>().join(&b"; "[..]))
}

/// Rewrites the request's header for its upstream.
///
/// # Errors
/// [`CannotForward`]: the request must not go on.
pub fn dress(header: &mut RequestHeader, exchange: &Exchange, state: &EdgeState) -> Result<(), CannotForward> {
    let dress = Dress::of(header, exchange, state)?;
    let struck = header.headers.keys().filter(|name| dress.strikes(name.as_str().as_bytes()));
    for name in struck.cloned().collect::<Vec<_>>() {
        header.remove_header(&name);
    }
    let mut say = |name, value: &[u8]| Ok(header.insert_header(name, value)?);
    dress.say(&mut say)?;
    dress.told().into_iter().flat_map(Told::fields).try_for_each(|(name, value)| say(name, &value))
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
    fn an_address_is_written_as_everybody_writes_it() {
        for address in ["0.0.0.0", "1.20.100.255", "9.10.99.200", "127.0.0.1", "::1", "2001:db8::1"] {
            let parsed: IpAddr = address.parse().expect("an address");
            assert_eq!(text(parsed), address);
        }
    }
}
