//! The headers by which a service learns who a request is for, and which client headers are struck because of that.
//!
//! A name is compared as the laxest server behind the gate would: letters without regard to case, everything that is
//! no letter or digit as `-`. CGI and WSGI turn `-` into `_`, some servers turn more; a client that may send
//! `Aldgate_Subject` could otherwise say who it is.

use bytes::Bytes;
use std::ops::Range;

/// The signed identity assertion (a JWT, see [`crate::token::identity_assertion`]).
pub const ASSERTION: &str = "aldgate-identity";
/// The subject: the account's ID.
pub const SUBJECT: &str = "aldgate-subject";
/// The session's handle.
pub const SESSION: &str = "aldgate-session";
/// The identity level: `P0`, `P5` or `P9`.
pub const IDENTITY_LEVEL: &str = "aldgate-identity-level";
/// The credential components shown at sign-in, as `Cm` or `Cp.Cd`.
pub const COMPONENTS: &str = "aldgate-components";
/// When the person last proved who they are, seconds since the epoch.
pub const AUTH_TIME: &str = "aldgate-auth-time";
/// Every header that says who a request is for, in the order in which their values are kept.
pub const IDENTITY: [&str; 6] = [ASSERTION, SUBJECT, SESSION, IDENTITY_LEVEL, COMPONENTS, AUTH_TIME];

/// The certificate that the client has shown, on routes that demand one: its digest and its names.
pub const CLIENT_CERTIFICATE: &str = "aldgate-client-certificate";

/// The same, signed, for the backend: a JWT (see [`crate::token::certificate_assertion`]).
pub const CERTIFICATE_ASSERTION: &str = "aldgate-certificate-assertion";

/// The request's own identifier, for logs and support.
pub const REQUEST_ID: &str = "aldgate-request-id";

/// What [`IDENTITY`] says about one session to one service, as the lines of a header: written once, and sent as they are
/// with every request for as long as they may be.
#[derive(Debug, PartialEq, Eq)]
pub struct IdentityLines {
    lines: Bytes,
    values: [Range<usize>; 6],
}

impl IdentityLines {
    /// The lines that say these values, which stand in the order of [`IDENTITY`]. `None` if one of them has a byte that
    /// no header takes (RFC 9110, section 5.5).
    pub fn of(values: [&str; 6]) -> Option<Self> {
        let mut lines = Vec::with_capacity(values.iter().zip(IDENTITY).map(|(v, name)| v.len() + name.len() + 4).sum());
        let mut places = [const { 0..0 }; 6];
        for ((value, name), place) in values.iter().zip(IDENTITY).zip(&mut places) {
            if !value.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
                return None;
            }
            lines.extend_from_slice(name.as_bytes());
            lines.extend_from_slice(b": ");
            *place = lines.len()..lines.len() + value.len();
            lines.extend_from_slice(value.as_bytes());
            lines.extend_from_slice(b"\r\n");
        }
        Some(Self { lines: lines.into(), values: places })
    }

    /// The lines, each with its end.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    /// The value at a place of [`IDENTITY`].
    pub fn value(&self, place: usize) -> Option<Bytes> {
        self.values.get(place).map(|range| self.lines.slice(range.clone()))
    }
}

const OURS: &[u8] = b"aldgate";

/// Headers by which a proxy speaks to a service, in normal spelling: who is asking, from where, and for which path.
/// Some servers believe them (`X-Original-URL` changes the path that IIS acts on); only the gate may say such things.
pub const FORWARDING: [&str; 25] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-real-ip",
    "x-original-url",
    "x-original-uri",
    "x-original-method",
    "x-rewrite-url",
    "x-client-ip",
    "true-client-ip",
    "remote-user", // Authelia's names, and what CGI calls the user.
    "remote-name",
    "remote-groups",
    "remote-email",
    "proxy",       // httpoxy: CGI makes HTTP_PROXY of it.
    "client-cert", // RFC 9440, and what other proxies say of a client's certificate.
    "client-cert-chain",
    "x-client-cert",
    "x-client-certificate",
    "x-arr-clientcert",
];

/// How the other headers begin that only the gate may set: forwarding, and the names of other gateways whose headers a
/// service may be told to believe (see [`crate::policy::alias`]).
const BEGINNINGS: [&[u8]; 8] = [
    b"x-forwarded-",
    b"x-auth-request-",
    b"x-pomerium-",
    b"x-amzn-oidc-",
    b"cf-access-",
    b"x-amzn-mtls-",
    b"x-ssl-client-",
    b"ssl-client-",
];

const fn normal(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte.to_ascii_lowercase() } else { b'-' }
}

fn reads_as(name: &[u8], normal_name: &[u8]) -> bool {
    name.len() == normal_name.len() && name.iter().zip(normal_name).all(|(b, n)| normal(*b) == *n)
}

/// Whether a header of this name is the gate's alone: struck from whatever a client sends, in every spelling.
pub fn is_ours(name: &[u8]) -> bool {
    let prefixed = name.get(..OURS.len()).is_some_and(|start| reads_as(start, OURS))
        && name.get(OURS.len()).is_none_or(|next| normal(*next) == b'-');
    let begins = |with: &[u8]| name.get(..with.len()).is_some_and(|start| reads_as(start, with));
    let forwarding = may_be_forwarding(name)
        && (FORWARDING.iter().any(|ours| reads_as(name, ours.as_bytes()))
            || BEGINNINGS.iter().any(|start| begins(start)));
    prefixed || forwarding
}

/// Whether a name begins as one of [`FORWARDING`] or [`BEGINNINGS`] does. Most begin otherwise, and need no search; this is
/// asked of each header of each request.
fn may_be_forwarding(name: &[u8]) -> bool {
    let &[first, second, ..] = name else { return false };
    matches!(&[normal(first), normal(second)], b"cf" | b"cl" | b"fo" | b"pr" | b"re" | b"ss" | b"tr" | b"x-")
}

/// Headers by which a client asks a service to take a request for one of another method.
pub const METHOD_OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];

/// Whether a header of this name would change the method that a service acts on, and with it what the gate has judged.
pub fn overrides_method(name: &[u8]) -> bool {
    METHOD_OVERRIDES.iter().any(|ours| reads_as(name, ours.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_the_values_that_they_were_made_of() {
        let values = ["a.b.c", "subject", "session", "P0", "Cm", "1"];
        let lines = IdentityLines::of(values).expect("plain values");
        let expected = "aldgate-identity: a.b.c\r\naldgate-subject: subject\r\naldgate-session: session\r\n\
                        aldgate-identity-level: P0\r\naldgate-components: Cm\r\naldgate-auth-time: 1\r\n";
        assert_eq!(std::str::from_utf8(lines.lines()), Ok(expected));
        for (place, value) in values.into_iter().enumerate() {
            assert_eq!(lines.value(place).as_deref(), Some(value.as_bytes()));
        }
        assert_eq!(lines.value(6), None);
        for bad in ["a\r\nx: y", "\u{7f}", "\u{e9}", "\0"] {
            assert_eq!(IdentityLines::of([bad, "", "", "", "", ""]), None, "{bad:?}");
        }
    }

    #[test]
    fn every_spelling_of_ours_is_ours() {
        for name in [
            "Aldgate-Subject",
            "aldgate_subject",
            "ALDGATE.SUBJECT",
            "aldgate-identity",
            "Aldgate",
            "aldgate-anything-new",
            "X-Forwarded-For",
            "x_forwarded_for",
            "X-FORWARDED-ANYTHING",
            "Forwarded",
            "x-real-ip",
            "X_Real_IP",
            "X-Original-URL",
            "x_rewrite_url",
            "Proxy",
            "REMOTE_USER",
            "True-Client-IP",
            "Cf_Access_Jwt_Assertion",
            "X-Pomerium-Claim-Anything",
            "Client-Cert",
            "client_cert_chain",
            "X-SSL-Client-Verify",
            "ssl_client_s_dn",
            "X-Amzn-Mtls-Clientcert-Subject",
            "X-Forwarded-Client-Cert",
        ] {
            assert!(is_ours(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn no_name_is_passed_over_for_how_it_begins() {
        let names = FORWARDING.iter().map(|name| name.as_bytes()).chain(BEGINNINGS);
        for name in names {
            assert!(may_be_forwarding(name), "{}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn every_spelling_of_a_method_override_is_one() {
        for name in ["X-HTTP-Method-Override", "x_http_method_override", "X-HTTP-METHOD", "X-Method.Override"] {
            assert!(overrides_method(name.as_bytes()), "{name}");
        }
        assert!(!overrides_method(b"x-method") && !overrides_method(b"method"));
    }

    #[test]
    fn other_headers_pass() {
        for name in [
            "host",
            "accept",
            "x-request-id",
            "aldgatekeeper",
            "forward",
            "x-forwarded",
            "x-real",
            "cf-ray",
            "remote",
            "client-certs",
            "ssl-client",
            "",
        ] {
            assert!(!is_ours(name.as_bytes()), "{name}");
        }
    }
}
