//! Where a client takes its answers: an exact address, registered beforehand (RFC 9700, section 2.1; RFC 6749, section
//! 3.1.2).
//!
//! What a request names is compared byte by byte with what was registered and never parsed. What is registered is read
//! strictly here, so that nothing which two readers could take for two addresses is ever redirected to.

use axum::http::Uri;
use ring::digest::{SHA256, digest};

/// Longest address: with code, state and `iss` it stays below what browsers and servers take.
const URI_BYTES_MAX: usize = 512;

/// Bytes of a [`RedirectUri::digest`]: it tells the few addresses of one client apart, and is itself sealed.
pub(crate) const DIGEST_BYTES: usize = 16;

/// A registered address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(String);

/// Why a text is no address to redirect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRedirectUri {
    /// Not an absolute address, or one with something in it that readers take differently.
    #[error("must be an absolute https address without user, fragment, wildcard or escaped host")]
    Malformed,
    /// Not https, and not this machine.
    #[error("must be https, or http on localhost for development")]
    NotHttps,
    /// Too long.
    #[error("must be at most 512 characters")]
    TooLong,
}

impl RedirectUri {
    /// Reads an address as it is registered.
    ///
    /// # Errors
    /// [`BadRedirectUri`].
    pub fn parse(text: &str) -> Result<Self, BadRedirectUri> {
        if text.len() > URI_BYTES_MAX {
            return Err(BadRedirectUri::TooLong);
        }
        let plain = |byte: u8| byte.is_ascii_graphic() && !br##""<>\^`{|}#*"##.contains(&byte);
        let uri: Uri = text.parse().map_err(|_| BadRedirectUri::Malformed)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(BadRedirectUri::Malformed);
        };
        let host = authority.host();
        let odd = host.is_empty() || host.ends_with('.') || host.contains('%') || authority.as_str().contains('@');
        let dotted = uri.path().split('/').any(|segment| matches!(segment, "." | ".."));
        if !text.bytes().all(plain) || odd || dotted {
            return Err(BadRedirectUri::Malformed);
        }
        let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        match scheme {
            "https" => Ok(Self(text.to_owned())),
            "http" if here => Ok(Self(text.to_owned())),
            _ => Err(BadRedirectUri::NotHttps),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has a query, which some profiles do not allow.
    pub(crate) fn has_query(&self) -> bool {
        self.0.contains('?')
    }

    /// Its origin: what a page's policy must let forms lead to.
    pub(crate) fn origin(&self) -> &str {
        let after_scheme = self.0.find("://").map_or(0, |at| at + 3);
        let end = self.0.get(after_scheme..).and_then(|rest| rest.find(['/', '?'])).map(|at| after_scheme + at);
        self.0.get(..end.unwrap_or(self.0.len())).unwrap_or_default()
    }

    /// Its host, without the port.
    pub(crate) fn host(&self) -> &str {
        let authority = self.origin().split_once("://").map_or("", |(_, authority)| authority);
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// By what a sealed value names it.
    pub(crate) fn digest(&self) -> [u8; DIGEST_BYTES] {
        digest_of(&self.0)
    }

    /// The address with these parameters in its query (RFC 6749, section 4.1.2).
    pub(crate) fn with(&self, parameters: &[(&str, &str)]) -> String {
        let mut out = self.0.clone();
        let mut separator = if self.has_query() { '&' } else { '?' };
        for (name, value) in parameters {
            out.push(separator);
            out.push_str(name);
            out.push('=');
            value.bytes().for_each(|byte| push_escaped(&mut out, byte));
            separator = '&';
        }
        out
    }
}

/// The digest of an address as somebody names it.
pub(crate) fn digest_of(text: &str) -> [u8; DIGEST_BYTES] {
    let mut out = [0; DIGEST_BYTES];
    out.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..DIGEST_BYTES]);
    out
}

/// Everything but the unreserved characters is escaped (RFC 3986, section 2.3).
fn push_escaped(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        out.push(char::from(byte));
    } else {
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0x0f)]);
        out.extend(['%', digit(byte >> 4), digit(byte)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_addresses_and_this_machine_can_be_registered() {
        for (text, origin) in [
            ("https://rp.example/cb", "https://rp.example"),
            ("https://rp.example:8443/a/b%20c", "https://rp.example:8443"),
            ("https://rp.example?x=1", "https://rp.example"),
            ("http://localhost:3000/cb", "http://localhost:3000"),
            ("http://[::1]:3000/cb", "http://[::1]:3000"),
        ] {
            let uri = RedirectUri::parse(text).expect(text);
            assert_eq!((uri.as_str(), uri.origin()), (text, origin));
            assert!(matches!(uri.host(), "rp.example" | "localhost" | "[::1]"), "{}", uri.host());
        }
    }

    #[test]
    fn nothing_ambiguous_can_be_registered() {
        for text in [
            "",
            "/cb",
            "rp.example/cb",
            "https:///cb",
            "https://rp.example/cb#x",
            "https://rp.example/*",
            "https://*.rp.example/",
            "https://user@rp.example/cb",
            "https://rp.example\\@evil.example/",
            "https://rp.example/a/../b",
            "https://rp.example/ x",
            "https://rp.example./cb",
            "https://rp.example/é",
            "javascript:alert(1)",
            "data:text/html,x",
        ] {
            assert!(RedirectUri::parse(text).is_err(), "{text}");
        }
        assert_eq!(RedirectUri::parse("http://rp.example/cb"), Err(BadRedirectUri::NotHttps));
        assert_eq!(RedirectUri::parse("http://localhost.evil.example/"), Err(BadRedirectUri::NotHttps));
        let long = format!("https://rp.example/{}", "a".repeat(URI_BYTES_MAX));
        assert_eq!(RedirectUri::parse(&long), Err(BadRedirectUri::TooLong));
    }

    #[test]
    fn parameters_are_escaped_and_appended() {
        let uri = RedirectUri::parse("https://rp.example/cb").expect("address");
        assert_eq!(
            uri.with(&[("code", "a-b"), ("state", "x y&z=é")]),
            "https://rp.example/cb?code=a-b&state=x%20y%26z%3D%C3%A9"
        );
        let uri = RedirectUri::parse("https://rp.example/cb?a=1").expect("address");
        assert_eq!(uri.with(&[("code", "x")]), "https://rp.example/cb?a=1&code=x");
    }
}
