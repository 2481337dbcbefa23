//! The `Authorization` header that carries an access token (RFC 6750, section 2.1; RFC 9449, section 7.1). A token in
//! the query or the body is never looked at (RFC 9700, section 4.3.2).

use crate::verdict::TokenRefused;

/// Longest access token that is read.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The scheme by which a token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever has it may use it, unless it is bound to a certificate.
    Bearer,
    /// Whoever has it must prove that they hold the key to which it is bound.
    Dpop,
}

/// An access token as it was shown; nothing of it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownToken<'a> {
    /// How.
    pub scheme: Scheme,
    /// The token: 1 to [`TOKEN_BYTES_MAX`] characters of `b64token`.
    pub token: &'a str,
}

/// `b64token` (RFC 6750, section 2.1): what a token may be made of; its `=` stand at the end.
fn is_b64token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && body.bytes().all(plain)
}

fn scheme_of(value: &[u8]) -> Option<(Scheme, &[u8])> {
    let end = value.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(value.len());
    let (name, rest) = value.split_at_checked(end)?;
    if name.eq_ignore_ascii_case(b"bearer") {
        Some((Scheme::Bearer, rest))
    } else if name.eq_ignore_ascii_case(b"dpop") {
        Some((Scheme::Dpop, rest))
    } else {
        None
    }
}

/// Whether the `Authorization` headers of a request are an attempt to show an access token. Several are: one of them
/// might be meant for us, and nobody can say which.
pub fn shows_a_token<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> bool {
    match (values.next(), values.next()) {
        (None, _) => false,
        (Some(only), None) => scheme_of(only).is_some(),
        (Some(_), Some(_)) => true,
    }
}

/// Reads the one `Authorization` header.
///
/// # Errors
/// [`TokenRefused::Malformed`] unless there is exactly one, of a known scheme, with a token in its one form.
pub fn read<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<ShownToken<'a>, TokenRefused> {
    let (Some(only), None) = (values.next(), values.next()) else { return Err(TokenRefused::Malformed) };
    let (scheme, rest) = scheme_of(only).ok_or(TokenRefused::Malformed)?;
    let rest = rest.strip_prefix(b" ").ok_or(TokenRefused::Malformed)?.trim_ascii_start();
    let token = std::str::from_utf8(rest).map_err(|_| TokenRefused::Malformed)?;
    if token.len() > TOKEN_BYTES_MAX || !is_b64token(token) {
        return Err(TokenRefused::Malformed);
    }
    Ok(ShownToken { scheme, token })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_all<'a>(values: &[&'a str]) -> Result<ShownToken<'a>, TokenRefused> {
        read(values.iter().map(|value| value.as_bytes()))
    }

    fn shown(values: &[&str]) -> bool {
        shows_a_token(values.iter().map(|value| value.as_bytes()))
    }

    #[test]
    fn one_token_in_its_one_form_is_read_in_any_letter_case_of_the_scheme() {
        for (text, scheme) in
            [("Bearer a.b_c-d~e+f/9==", Scheme::Bearer), ("bEARER x", Scheme::Bearer), ("dpop x", Scheme::Dpop)]
        {
            assert_eq!(read_all(&[text]).map(|shown| shown.scheme), Ok(scheme), "{text}");
        }
        assert_eq!(read_all(&["DPoP abc"]).map(|shown| shown.token), Ok("abc"));
    }

    #[test]
    fn everything_else_is_malformed() {
        let long = format!("Bearer {}", "a".repeat(TOKEN_BYTES_MAX + 1));
        for text in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer =",
            "Bearer a b",
            "Bearer a,b",
            "Bearer a=b",
            "Bearer\ta",
            "Bearer:a",
            "Bearer \u{e9}",
            &long,
        ] {
            assert_eq!(read_all(&[text]), Err(TokenRefused::Malformed), "{text}");
        }
        assert_eq!(read_all(&["Bearer a", "Bearer a"]), Err(TokenRefused::Malformed));
        assert_eq!(read_all(&[]), Err(TokenRefused::Malformed));
    }

    #[test]
    fn other_schemes_are_not_ours_but_several_headers_are_never_nobodys() {
        assert!(shown(&["Bearer"]) && shown(&["dpop x"]) && shown(&["Bearer,x"]));
        assert!(!shown(&["Basic YTpi"]) && !shown(&["Bearerx y"]) && !shown(&[""]) && !shown(&[]));
        assert!(shown(&["Basic YTpi", "Basic YTpi"]));
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_a_bounded_b64token(value in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(shown) = read(std::iter::once(value.as_slice())) {
                prop_assert!(is_b64token(shown.token));
            }
        }
    }
}
