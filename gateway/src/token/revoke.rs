//! An operator ends an access token before its time: `POST /tokens/revoke` on the private listener, with the form of RFC 7009
//! (section 2.1): `token=…`. Every gateway refuses the token from then on.
//!
//! The listener is this machine's alone. A page in a browser on this machine could still send a form to it: browsers say
//! so (`Origin`, `Sec-Fetch-…`), and whatever says so is refused.

use crate::lookup::under_deadline;
use crate::token::Tokens;
use aldgate_core::id::TokenDigest;
use aldgate_core::time::Timestamp;
use aldgate_core::token::access_token::UnverifiedToken;
use aldgate_core::token::authorization::TOKEN_BYTES_MAX;
use aldgate_core::token::jws;
use aldgate_core::token::kept::Known;
use futures_util::future::try_join_all;
use http::HeaderName;
use http::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use reqwest::Url;
use std::time::Duration;

/// Where it is.
pub const PATH: &str = "/tokens/revoke";

/// Longest body that is read: a token in which every character is escaped, and a hint.
pub const BODY_BYTES_MAX: usize = 3 * TOKEN_BYTES_MAX + 1024;

/// For how long the end of a token is remembered that does not say when it would have ended by itself.
pub const UNKNOWN_END: Duration = Duration::from_hours(24);

/// The longest that any is remembered: what a token says of its own end is not verified here.
const REMEMBERED_MAX: Duration = Duration::from_hours(24 * 366);

/// Only browsers send these.
const OF_BROWSERS: [HeaderName; 5] = [
    ORIGIN,
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-dest"),
    HeaderName::from_static("sec-fetch-user"),
];

/// Answers a request with its whole body: the status, and what is said. The caller has seen that it came from this machine, for this machine.
pub async fn answer(headers: &HeaderMap, body: &[u8], tokens: &Tokens, now: Timestamp) -> (u16, &'static str) {
    if OF_BROWSERS.iter().any(|name| headers.contains_key(name)) {
        return (403, "not from a browser\n");
    }
    let form_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if form_type.split(';').next().map(str::trim) != Some("application/x-www-form-urlencoded") {
        return (415, "application/x-www-form-urlencoded only\n");
    }
    let Some(token) = token_of(body) else { return (400, "one field named token is needed\n") };
    match tokens.revoke(&token, now).await {
        Ok(()) => (200, "revoked\n"),
        Err(_) => (503, "the shared tier does not answer: not revoked\n"),
    }
}

/// The one field named `token`.
fn token_of(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok().filter(|body| body.len() <= BODY_BYTES_MAX)?;
    let mut url = Url::parse("http://form.invalid/").ok()?;
    url.set_query(Some(body));
    let mut fields = url.query_pairs().filter(|(name, _)| name == "token");
    let (Some((_, token)), None) = (fields.next(), fields.next()) else { return None };
    (!token.is_empty() && token.len() <= TOKEN_BYTES_MAX).then(|| token.into_owned())
}

impl Tokens {
    /// Ends a token, in every gateway, whether or not it was ever good; one that is a signed text also under every other
    /// signature that it may be given.
    ///
    /// # Errors
    /// When the shared tier did not acknowledge it: the token still stands.
    pub async fn revoke(&self, token: &str, now: Timestamp) -> Result<(), aldgate_core::warm::Unavailable> {
        let digest = TokenDigest::of(token.as_bytes());
        let ends = match self.kept.known(&digest) {
            Known::Confirmed(kept) | Known::Unconfirmed(kept) => Some(kept.grant.expires),
            Known::Revoked | Known::Nothing => None,
        };
        let signed = jws::is_shaped(token).then(|| UnverifiedToken::parse(token).ok()).flatten();
        let ends = ends.or_else(|| signed.as_ref().map(UnverifiedToken::expires));
        // Never shorter than for an unknown end: a token that an issuer prolongs stays revoked.
        let until = ends.unwrap_or(now).max(now.plus(UNKNOWN_END)).min(now.plus(REMEMBERED_MAX));
        let ended: Vec<_> = signed.map(|token| token.signed()).into_iter().chain([digest]).collect();
        under_deadline(try_join_all(ended.iter().map(|ended| self.warm.revoke_token(ended, until)))).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_is_read_from_the_form() {
        assert_eq!(token_of(b"token=a.b%2Dc&token_type_hint=access_token").as_deref(), Some("a.b-c"));
        for body in ["", "token=", "token=a&token=a", "tokens=a", "token=%ff%00&token=b"] {
            assert_eq!(token_of(body.as_bytes()), None, "{body}");
        }
        assert_eq!(token_of(b"token=\xff"), None);
    }
}
