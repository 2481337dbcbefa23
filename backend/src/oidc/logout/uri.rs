//! Where a client is told that somebody has signed out (OpenID Connect Back-Channel Logout 1.0, section 2.2).

use reqwest::Url;
use std::fmt;
use std::net::IpAddr;

/// Longest address.
const URI_BYTES_MAX: usize = 512;

/// An address that may be called for a log-out; which network it leads to is judged each time that it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutUri(Url);

/// Why a text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLogoutUri {
    /// Not an absolute address, or too long, or written in more than one way.
    #[error("must be an absolute https address of at most 512 characters, as a browser would write it")]
    Malformed,
    /// Neither `https`, nor `http` on this machine.
    #[error("must begin with https:// (http:// is for a client on the same machine)")]
    NotHttps,
    /// A fragment (section 2.2), or a user name or password.
    #[error("must have no fragment, user name or password")]
    Extra,
}

impl LogoutUri {
    /// Reads an address.
    ///
    /// # Errors
    /// [`BadLogoutUri`].
    pub fn parse(text: &str) -> Result<Self, BadLogoutUri> {
        let url = Url::parse(text).map_err(|_| BadLogoutUri::Malformed)?;
        if text.len() > URI_BYTES_MAX {
            return Err(BadLogoutUri::Malformed);
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() || text.contains('@') {
            return Err(BadLogoutUri::Extra);
        }
        let written = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
        match url.scheme() {
            "https" if url.has_host() && written => Ok(Self(url)),
            "http" if is_this_machine(&url) && written => Ok(Self(url)),
            "https" => Err(BadLogoutUri::Malformed),
            _ => Err(BadLogoutUri::NotHttps),
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    pub(super) const fn url(&self) -> &Url {
        &self.0
    }

    /// Its host, where that is an address by itself, which nobody resolves.
    pub(super) fn address(&self) -> Option<IpAddr> {
        address(&self.0)
    }
}

impl fmt::Display for LogoutUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn address(url: &Url) -> Option<IpAddr> {
    let host = url.host_str()?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

fn is_this_machine(url: &Url) -> bool {
    url.host_str() == Some("localhost") || address(url).is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_services_are_read() {
        for good in [
            "https://rp.example/logout",
            "https://rp.example:8443/a/b?c=d",
            "https://rp.example",
            "http://127.0.0.1:9000/logout",
            "http://localhost:9000/logout",
            "http://[::1]:9000/logout",
            "https://10.0.0.1/logout",
        ] {
            assert!(LogoutUri::parse(good).is_ok(), "{good}");
        }
        assert_eq!(LogoutUri::parse("https://[fd00::1]/x").expect("read").address(), "fd00::1".parse().ok());
        assert_eq!(LogoutUri::parse("https://rp.example/x").expect("read").address(), None);
    }

    #[test]
    fn whatever_else_is_refused() {
        for (bad, why) in [
            ("", BadLogoutUri::Malformed),
            ("/logout", BadLogoutUri::Malformed),
            ("https:///logout", BadLogoutUri::Malformed),
            ("https://RP.example/logout", BadLogoutUri::Malformed),
            ("https://rp.example/a/../logout", BadLogoutUri::Malformed),
            ("https://rp.example\\@evil.example/", BadLogoutUri::Extra),
            ("https://2130706433/", BadLogoutUri::Malformed),
            ("https://0x7f.1/", BadLogoutUri::Malformed),
            ("https://rp.example/a\nb", BadLogoutUri::Malformed),
            ("http://rp.example/logout", BadLogoutUri::NotHttps),
            ("http://10.0.0.1/logout", BadLogoutUri::NotHttps),
            ("ftp://rp.example/", BadLogoutUri::NotHttps),
            ("file:///etc/passwd", BadLogoutUri::NotHttps),
            ("gopher://127.0.0.1:6379/x", BadLogoutUri::NotHttps),
            ("https://user@rp.example/", BadLogoutUri::Extra),
            ("https://rp.example@evil.example/", BadLogoutUri::Extra),
            ("https://rp.example/#x", BadLogoutUri::Extra),
        ] {
            assert_eq!(LogoutUri::parse(bad), Err(why), "{bad}");
        }
        let long = format!("https://rp.example/{}", "a".repeat(URI_BYTES_MAX));
        assert_eq!(LogoutUri::parse(&long), Err(BadLogoutUri::Malformed));
    }
}
