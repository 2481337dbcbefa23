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
pub struct NormalPath<'a> {
    text: &'a str,
    escapes: bool,
}

/// What a byte may do in a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Plain,
    Slash,
    Dot,
    Percent,
    Refused,
}

/// Of each byte: one look-up where there were six comparisons, for every byte of every request's path.
const BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Refused; 256];
    let mut byte = 0_u8;
    while byte < 0x7f {
        bytes[byte as usize] = match byte {
            b'/' => Byte::Slash,
            b'.' => Byte::Dot,
            b'%' => Byte::Percent,
            // Path parameters (`/admin;x/…`) are stripped by servlet containers before they look for the page.
            b'\\' | b'#' | b'?' | b';' | 0..=b' ' => Byte::Refused,
            _ => Byte::Plain,
        };
        byte += 1;
    }
    bytes
};

impl<'a> NormalPath<'a> {
    /// Takes the path of a request target, without its query.
    ///
    /// # Errors
    /// [`AmbiguousPath`] if two servers could read it differently.
    pub fn parse(path: &'a str) -> Result<Self, AmbiguousPath> {
        let bytes = path.as_bytes();
        let Some((b'/', rest)) = bytes.split_first() else { return Err(AmbiguousPath) };
        let escapes = has_escapes(rest).filter(|_| bytes.len() <= PATH_BYTES_MAX).ok_or(AmbiguousPath)?;
        if escapes && !(escapes_are_plain(bytes) && no_segment_ends_in_a_space(path)) {
            return Err(AmbiguousPath);
        }
        Ok(Self { text: path, escapes })
    }

    /// The path.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether anything in it is escaped.
    pub const fn has_escapes(&self) -> bool {
        self.escapes
    }
}

/// Whether anything is escaped in what follows the first slash; `None` if a byte or a segment has no place in a path:
/// no segment is empty but the last, and none is `.` or `..` or ends in a dot, which Windows strips.
fn has_escapes(rest: &[u8]) -> Option<bool> {
    let (mut escapes, mut before) = (false, Byte::Slash);
    for byte in rest {
        let byte = BYTES[usize::from(*byte)];
        match byte {
            Byte::Plain | Byte::Dot => {}
            Byte::Percent => escapes = true,
            Byte::Slash if matches!(before, Byte::Slash | Byte::Dot) => return None,
            Byte::Slash => {}
            Byte::Refused => return None,
        }
        before = byte;
    }
    (before != Byte::Dot).then_some(escapes)
}

/// Windows strips a space at a segment's end.
fn no_segment_ends_in_a_space(path: &str) -> bool {
    !path.split('/').any(|segment| segment.ends_with("%20"))
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
    while let Some((byte, after)) = rest.split_first() {
        rest = match byte {
            b'%' => match after_escaped_character(rest) {
                Some(after) => after,
                None => return false,
            },
            _ => after,
        };
    }
    true
}

/// What follows the escaped character with which `bytes` begin; `None` unless it is a whole one that may be escaped.
fn after_escaped_character(bytes: &[u8]) -> Option<&[u8]> {
    let mut character = [0; 4];
    let (mut rest, mut length) = (bytes, 0);
    while let Some(place) = character.get_mut(length) {
        (*place, rest) = escaped_byte(rest)?;
        length += 1;
        // The first bytes of a character are no text by themselves, so the first text is the whole character.
        if let Ok(text) = std::str::from_utf8(character.get(..length)?) {
            return text.chars().all(may_be_escaped).then_some(rest);
        }
    }
    None
}

fn escaped_byte(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (&[b'%', high, low], rest) = bytes.split_first_chunk::<3>()? else { return None };
    let digit = |b: u8| char::from(b).to_digit(16);
    let byte = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    Some((byte, rest))
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
