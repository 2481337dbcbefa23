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

/// No empty segment but the last; no `.` or `..`; none that ends in a dot or a space, which Windows strips; and no path
/// parameters (`/admin;x/…`), which servlet containers strip before they look for the page.
fn segments_are_plain(path: &str) -> bool {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let empty_inside = segment.is_empty() && segments.peek().is_some();
        if empty_inside || segment.contains(';') || segment.ends_with('.') || segment.ends_with("%20") {
            return false;
        }
    }
    true
}

/// Every escape is one that all servers leave alone: it stands for a character that has to be escaped in a path, and
/// for none that changes the path's meaning.
///
/// Refused are broken escapes; those of slash, backslash, dot, semicolon, percent (double encoding), hash, question
/// mark and controls; those of unreserved characters, which many servers undo (`/%61dmin` is `/admin`; RFC 3986, section
/// 6.2.2.2); those that are no UTF-8 (`%c0%af` is a slash to a lax decoder); and those of characters that some servers
/// fold to one of these.
fn escapes_are_plain(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| *b == b'%') {
        rest = rest.get(at..).unwrap_or_default();
        let mut run = Vec::new();
        while let Some((b'%', escape)) = rest.split_first() {
            let digit = |i: usize| escape.get(i).and_then(|b| char::from(*b).to_digit(16));
            let Some(byte) = digit(0).zip(digit(1)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) else {
                return false;
            };
            run.push(byte);
            rest = escape.get(2..).unwrap_or_default();
        }
        if !std::str::from_utf8(&run).is_ok_and(|text| text.chars().all(may_be_escaped)) {
            return false;
        }
    }
    true
}

fn may_be_escaped(c: char) -> bool {
    let unreserved = c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '~');
    let meaningful = matches!(c, '/' | '\\' | '.' | ';' | '%' | '#' | '?');
    !(unreserved || meaningful || c.is_control() || is_folded(c))
}

/// Characters that a server may fold to a slash, a backslash, a dot, a percent sign or a semicolon (compatibility
/// forms and Windows' "best fit").
const fn is_folded(c: char) -> bool {
    matches!(
        c,
        '\u{2024}'
            | '\u{2025}'
            | '\u{2026}'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f8}'
            | '\u{29f9}'
            | '\u{fe52}'
            | '\u{fe54}'
            | '\u{fe68}'
            | '\u{fe6a}'
            | '\u{ff05}'
            | '\u{ff0e}'
            | '\u{ff0f}'
            | '\u{ff1b}'
            | '\u{ff3c}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_pass_unchanged() {
        for path in [
            "/",
            "/a",
            "/a/",
            "/a/b.c/d-e_f~g",
            "/caf%C3%A9",
            "/a%20b",
            "/a%2Cb",
            "/%E6%97%A5%E6%9C%AC",
            "/.well-known/x",
            "/a...b",
        ] {
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
            "/a;v=1",
            "/a%3bx",
            "/a%3fx",
            "/a%23",
            "/a?x",
            "/%61dmin",
            "/a%2Db",
            "/a%7Eb",
            "/a%c0%afb",
            "/a%E0%80%AFb",
            "/a%C3",
            "/a%EF%BC%8Fb",
            "/a%E2%88%95b",
            "/%EF%BC%8E%EF%BC%8E/a",
            "/admin./a",
            "/admin%20/a",
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
