//! The names of the edge's cookies (one more is [`super::opened_here`]'s), and how cookies are read from and written to
//! headers.
//!
//! All carry the `__Host-` prefix (RFC 6265bis, section 4.1.3): bound to one host, Secure, Path=/, so that no other
//! host or plain-text page can plant one.

use memchr::memchr;

/// The session cookie's name.
pub const SESSION: &str = "__Host-aldgate";

/// The ceremony cookie's name: a random value that binds a WebAuthn challenge to one browser.
pub const CEREMONY: &str = "__Host-aldgate-ceremony";

/// Longest `Cookie` header that is read. Browsers keep 4 KiB a cookie; ours are 128 characters at most.
pub const COOKIE_HEADER_BYTES_MAX: usize = 16 * 1024;

/// What a request holds under one cookie name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// No such cookie.
    Nothing,
    /// Exactly one.
    One(&'a [u8]),
    /// Two or more: somebody planted one, and which is ours cannot be told.
    Several,
}

/// What stands between the semicolons of one `Cookie` header, trimmed.
fn parts(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let here = rest?;
        let end = memchr(b';', here).unwrap_or(here.len());
        rest = here.get(end + 1..);
        here.get(..end).map(<[u8]>::trim_ascii)
    })
}

/// The value of a part that is a pair of this name.
fn value_of<'a>(part: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    part.strip_prefix(name)?.strip_prefix(b"=")
}

/// Finds the cookie `name` in all `Cookie` headers of a request (HTTP/2 may split them).
pub fn find<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Found<'a> {
    let mut found = Found::Nothing;
    for header in headers {
        for value in parts(header).filter_map(|part| value_of(part, name.as_bytes())) {
            found = match found {
                Found::Nothing => Found::One(value),
                Found::One(_) | Found::Several => return Found::Several,
            };
        }
    }
    found
}

/// One `Cookie` header without any cookie of ours (whatever begins with our name). `None` if nothing is left.
///
/// Services behind the gate never see a credential that would work at the gate.
pub fn without_ours<'a>(headers: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    for header in headers {
        for part in parts(header) {
            if part.is_empty() || is_ours(part) {
                continue;
            }
            if !kept.is_empty() {
                kept.extend_from_slice(b"; ");
            }
            kept.extend_from_slice(part);
        }
    }
    (!kept.is_empty()).then_some(kept)
}

/// Whether a cookie pair or a `Set-Cookie` value concerns a cookie of ours. Browsers treat cookie prefixes without
/// regard to case, so this does too.
pub fn is_ours(pair: &[u8]) -> bool {
    // A nameless cookie (`=__Host-…`) is sent by some browsers as if its value were a pair.
    let start = pair.iter().position(|b| !b.is_ascii_whitespace() && *b != b'=').unwrap_or(pair.len());
    let name = pair.get(start..).unwrap_or_default();
    name.get(..SESSION.len()).is_some_and(|start| start.eq_ignore_ascii_case(SESSION.as_bytes()))
}

/// The `Set-Cookie` value for a cookie of ours. Without `max_age_secs` it lasts as long as the browser's session.
pub fn set(name: &str, value: &str, max_age_secs: Option<u64>) -> String {
    let age = max_age_secs.map(|secs| format!("; Max-Age={secs}")).unwrap_or_default();
    format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}")
}

/// The `Set-Cookie` value that removes a cookie of ours.
pub fn clear(name: &str) -> String {
    set(name, "", Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find_in(headers: &[&'static str], name: &str) -> Found<'static> {
        find(headers.iter().map(|h| h.as_bytes()), name)
    }

    #[test]
    fn one_cookie_is_found_wherever_it_stands() {
        assert_eq!(find_in(&["a=1; __Host-aldgate=tok; b=2"], SESSION), Found::One(b"tok"));
        assert_eq!(find_in(&["a=1", "__Host-aldgate=tok"], SESSION), Found::One(b"tok"));
        assert_eq!(find_in(&["a=1;__Host-aldgate=tok"], SESSION), Found::One(b"tok"));
        assert_eq!(find_in(&["x__Host-aldgate=tok", "junk"], SESSION), Found::Nothing);
        assert_eq!(find_in(&["__Host-aldgate-ceremony=c"], SESSION), Found::Nothing);
    }

    #[test]
    fn two_cookies_of_the_name_are_never_guessed_between() {
        assert_eq!(find_in(&["__Host-aldgate=a; __Host-aldgate=b"], SESSION), Found::Several);
        assert_eq!(find_in(&["__Host-aldgate=a", "__Host-aldgate=a"], SESSION), Found::Several);
    }

    #[test]
    fn services_get_the_other_cookies_only() {
        let strip = |h: &[&'static str]| without_ours(h.iter().map(|h| h.as_bytes()));
        assert_eq!(strip(&["a=1; __Host-aldgate=t; b=2", "c=3"]), Some(b"a=1; b=2; c=3".to_vec()));
        assert_eq!(strip(&["__Host-aldgate=t; __host-ALDGATE-ceremony=x; __Host-aldgate; =__Host-aldgate=y"]), None);
    }
}
