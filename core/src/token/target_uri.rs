//! The address of a request as its client knows it, in normal form (RFC 3986, section 6.2.2 and 6.2.3), for comparison
//! with the `htu` of a DPoP proof: scheme and host without regard to case, the default port left out, unreserved
//! characters unescaped, query and fragment dropped (RFC 9449, section 4.3).

/// Longest address that is read.
const BYTES_MAX: usize = 8 * 1024;

/// An address in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetUri(String);

impl TargetUri {
    /// Reads an absolute http or https address; `None` for anything else, and for one with user-info.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > BYTES_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let rest = rest.split(['?', '#']).next()?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Self::of(&scheme.to_ascii_lowercase(), authority, path)
    }

    /// From the parts of a request: scheme in lower case, authority as in its `Host`, path without query.
    pub fn of(scheme: &str, authority: &str, path: &str) -> Option<Self> {
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return None,
        };
        let authority = authority.to_ascii_lowercase();
        let authority = authority.strip_suffix(default_port).or(authority.strip_suffix(':')).unwrap_or(&authority);
        if authority.is_empty() || authority.contains(['@', '\\', '%']) {
            return None;
        }
        let path = if path.is_empty() { "/" } else { path };
        Some(Self(format!("{scheme}://{authority}{}", normal_escapes(path)?)))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Escapes in upper case, and none for what needs none.
fn normal_escapes(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, escaped)) = rest.split_once('%') {
        out.push_str(before);
        let (digits, after) = escaped.split_at_checked(2).filter(|(d, _)| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&digits.to_ascii_uppercase());
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_address_are_one() {
        let normal = TargetUri::of("https", "api.example", "/a~b/%2F");
        assert!(normal.is_some());
        for text in [
            "https://api.example/a~b/%2F",
            "HTTPS://API.example:443/a%7Eb/%2f?q=1#f",
            "https://api.example:/a%7eb/%2F?",
        ] {
            assert_eq!(TargetUri::parse(text), normal, "{text}");
        }
        assert_eq!(TargetUri::parse("http://a"), TargetUri::of("http", "a:80", "/"));
    }

    #[test]
    fn other_addresses_are_others() {
        let normal = TargetUri::of("https", "api.example", "/a");
        for text in [
            "http://api.example/a",
            "https://api.example/a/",
            "https://api.example/A",
            "https://api.example:8443/a",
            "https://api.example.evil/a",
            "https://api.example./a",
        ] {
            assert_ne!(TargetUri::parse(text), normal, "{text}");
        }
        for text in [
            "",
            "/a",
            "api.example/a",
            "ftp://a/",
            "https://u@api.example/a",
            "https:///a",
            "https://a/%zz",
            "https://a/ b",
        ] {
            assert_eq!(TargetUri::parse(text), None, "{text}");
        }
    }
}
