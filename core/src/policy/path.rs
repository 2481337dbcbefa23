//! The normal form of a request path.
//!
//! Policy must judge the very string that the upstream will act on. Servers disagree about encoded slashes, dot
//! segments, doubled slashes, backslashes and path parameters, so a path in which these occur is refused instead of
//! being rewritten: what passes means the same to everybody (RFC 3986, section 6.2.2).

/// Longest path that is read.
pub const PATH_BYTES_MAX: usize = 4 * 1024;

/// The path has no single meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path is ambiguous")]
pub struct AmbiguousPath;

/// Proof that a path is in normal form, byte for byte as it goes upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NormalPath<'a>(&'a str);

impl<'a> NormalPath<'a> {
    /// Takes the path of a request target, without its query.
    ///
    /// # Errors
    /// [`AmbiguousPath`] if two servers could read it differently.
    pub fn parse(path: &'a str) -> Result<Self, AmbiguousPath> {
        let bytes = path.as_bytes();
        let shaped = bytes.first() == Some(&b'/') && bytes.len() <= PATH_BYTES_MAX;
        let plain = bytes.iter().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'#' | b'?'));
        if shaped && plain && segments_are_plain(path) && escapes_are_plain(bytes) {
            Ok(Self(path))
        } else {
            Err(AmbiguousPath)
        }
    }

    /// The path.
    pub const fn as_str(&self) -> &'a str {
        self.0
    }
}

/// No empty segment but the last, no `.` or `..`, also not with path parameters (`..;x`).
fn segments_are_plain(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let name = segment.split(';').next().unwrap_or("");
        let empty_inside = segment.is_empty() && segments.peek().is_some();
        let dots_or_nameless = matches!(name, "." | "..") || (name.is_empty() && !segment.is_empty());
        if empty_inside || dots_or_nameless {
            return false;
        }
    }
    true
}

/// Every `%` is followed by two hexadecimal digits, and no escape stands for a byte that changes the path's meaning:
/// slash, backslash, dot, semicolon, percent (double encoding), hash, question mark or a control.
fn escapes_are_plain(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        let digit = |i: usize| rest.get(at + i).and_then(|b| char::from(*b).to_digit(16));
        let Some((high, low)) = digit(1).zip(digit(2)) else { return false };
        let byte = high * 16 + low;
        let meaningful = matches!(u8::try_from(byte), Ok(b'/' | b'\\' | b'.' | b';' | b'%' | b'#' | b'?'));
        if meaningful || byte < 0x20 || byte == 0x7f {
            return false;
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_pass_unchanged() {
        for path in ["/", "/a", "/a/", "/a/b.c/d-e_f~g", "/caf%C3%A9", "/a;v=1", "/a%20b", "/.well-known/x", "/a...b"] {
            assert_eq!(NormalPath::parse(path).map(|p| p.as_str()), Ok(path));
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        for path in [
            "",
            "a",
            "//",
            "//a",
            "/a//b",
            "/./a",
            "/a/.",
            "/../a",
            "/a/..",
            "/a/..;/b",
            "/a/.;x",
            "/;x/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/%2e%2e/a",
            "/a%252fb",
            "/a\\b",
            "/a#b",
            "/a%00b",
            "/a%0ab",
            "/a%7f",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a b",
            "/a\u{e9}",
            "/a%3bx",
            "/a%3fx",
            "/a%23",
            "/a?x",
        ] {
            assert_eq!(NormalPath::parse(path), Err(AmbiguousPath), "{path}");
        }
    }

    proptest! {
        #[test]
        fn whatever_passes_has_no_dot_segment_even_when_decoded_again(path in "(/|\\.|%2e|%2f|%25|;|a){1,12}") {
            if let Ok(path) = NormalPath::parse(&path) {
                prop_assert!(!path.as_str().contains("//"));
                prop_assert!(!path.as_str().to_lowercase().contains("%2"));
                prop_assert!(path.as_str().split('/').all(|s| s != "." && s != ".."));
            }
        }
    }
}
