//! Where a person goes when the walk has ended: a path and query of this host, and nothing else (CWE-601, open redirect).

use crate::challenge::percent_encoded;
use aldgate_core::policy::path::NormalPath;
use aldgate_core::policy::platform::RESERVED;
use std::fmt;

/// Longest path and query.
const BYTES_MAX: usize = 2 * 1024;

/// Longest escaped form. It travels within the sign-in page's own `return_to`, which may have 2 KiB with the rest of
/// the address (a host of 253, a binding of 43).
const TRAVEL_BYTES_MAX: usize = 1_600;

/// A path and query of the host that reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(String);

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl fmt::Display for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ReturnTo {
    /// Reads a parameter; whatever is unfit becomes the start page.
    pub fn parse(text: Option<&str>) -> Self {
        text.filter(|text| is_fit(text)).map_or_else(Self::default, |text| Self(text.to_owned()))
    }

    /// As the value of a parameter; without its query, or as the start page, if that would be too long.
    pub fn for_travel(&self) -> String {
        let path = self.0.split('?').next().unwrap_or_default();
        let forms = [self.0.as_str(), path].map(percent_encoded);
        forms.into_iter().find(|form| form.len() <= TRAVEL_BYTES_MAX).unwrap_or_else(|| "/".to_owned())
    }
}

fn is_fit(text: &str) -> bool {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    // What stands below the reserved prefix would begin a walk again.
    let reserved = format!("{path}/").starts_with(RESERVED);
    // A path in normal form has no second slash at its beginning: `//evil` would be another host's address.
    text.len() <= BYTES_MAX && NormalPath::parse(path).is_ok() && !reserved && query.bytes().all(is_of_a_query)
}

/// What browsers leave as it is in a query (URL Standard, "query percent-encode set"), without the backslash.
const fn is_of_a_query(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_host_pass_as_they_are() {
        for path in ["/", "/x", "/a%20b/?x=1&y=/z", "/x?u=https://a.example/", "/x?a[]=1|2&b={c}?d", "/.aldgat/"] {
            assert_eq!(ReturnTo::parse(Some(path)).to_string(), path);
        }
    }

    #[test]
    fn everything_else_is_the_start_page() {
        let long = format!("/{}", "a".repeat(BYTES_MAX));
        for text in [
            "",
            "x",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\evil.example",
            "\\\\evil.example",
            "/%5cevil.example",
            "/%2f/evil.example",
            "/%2Fevil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "/x/..//evil.example",
            "/a/../b",
            "/a\r\nSet-Cookie: x=1",
            "/a?b\r\nSet-Cookie: x=1",
            "/a b",
            "/\t/evil.example",
            "/é",
            "/a#b",
            "/a?\"x",
            "/a?\\x",
            "@evil.example",
            " /x",
            "/.aldgate",
            "/.aldgate/sign-in?return_to=/x",
            "/.aldgate/hand-off",
            &long,
        ] {
            assert_eq!(ReturnTo::parse(Some(text)), ReturnTo::default(), "{text}");
        }
        assert_eq!(ReturnTo::parse(None), ReturnTo::default());
    }

    #[test]
    fn a_long_one_travels_without_its_query() {
        let travelled = |text: &str| ReturnTo::parse(Some(text)).for_travel();
        assert_eq!(travelled("/a?b=c"), "/a%3Fb%3Dc");
        assert_eq!(travelled(&format!("/a?{}", "=".repeat(1_000))), "/a");
        assert_eq!(travelled(&format!("/{}", "%20".repeat(600))), "/");
    }
}
