//! What an issuer answers when it is asked about an opaque access token (RFC 7662, section 2.2).

use super::claims::{Claims, Expected};
use super::grant::{Binding, Grant};
use crate::id::TokenDigest;
use crate::time::Timestamp;
use crate::verdict::TokenRefused;
use serde_json::Value;
use std::time::Duration;

/// Longest answer that is read.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The answer cannot be read: nothing may be concluded from it about the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the introspection endpoint's answer is malformed")]
pub struct BadAnswer;

/// The longest that an answer may be used before the issuer is asked again.
pub const USE_MAX: Duration = Duration::from_secs(60);

/// How long a token stands of which the issuer does not tell when it ends: longer than the answer is used, so that the
/// issuer is asked again before.
const UNTOLD: Duration = Duration::from_secs(2 * USE_MAX.as_secs());

/// What an issuer says of a token: a grant, or why it is worth nothing here.
///
/// # Errors
/// [`BadAnswer`].
pub fn read(
    answer: &[u8],
    token: TokenDigest,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<Result<Grant, TokenRefused>, BadAnswer> {
    if answer.len() > ANSWER_BYTES_MAX {
        return Err(BadAnswer);
    }
    let claims = Claims::read(answer).map_err(|_| BadAnswer)?;
    match claims.get("active") {
        Some(Value::Bool(true)) => Ok(active(&claims, token, expected, now)),
        Some(Value::Bool(false)) => Ok(Err(TokenRefused::Revoked)),
        _ => Err(BadAnswer),
    }
}

fn active(claims: &Claims, token: TokenDigest, expected: Expected<'_>, now: Timestamp) -> Result<Grant, TokenRefused> {
    // The answer came from the issuer itself, over a channel of its own: it need not say its name, but no other one.
    if claims.text("iss")?.is_some_and(|issuer| issuer != expected.issuer) {
        return Err(TokenRefused::Issuer);
    }
    if !claims.is_for(expected.audience)? {
        return Err(TokenRefused::Audience);
    }
    claims.in_time(now)?;
    let subject = match claims.name("sub")? {
        Some(subject) => Some(subject),
        None => claims.name("client_id")?, // Given to the client itself.
    };
    let subject = subject.ok_or(TokenRefused::Malformed)?;
    let expires = claims.date("exp")?.unwrap_or(now.plus(UNTOLD));
    let grant = claims.grant(token, expected.issuer, subject, expires)?;
    let kind = claims.text("token_type")?.map(str::to_ascii_lowercase);
    match (kind.as_deref(), grant.binding) {
        (None | Some("bearer"), _) | (Some("dpop"), Some(Binding::Key(_))) => Ok(grant),
        (Some("dpop"), _) => Err(TokenRefused::Unproven),
        (Some(_), _) => Err(TokenRefused::Audience), // A refresh token, or whatever else it knows.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const EXPECTED: Expected<'_> = Expected { issuer: "https://as.example", audience: "https://api.example" };
    const GOOD: &str = r#"{"active":true,"iss":"https://as.example","aud":["https://api.example"],"sub":"alice",
        "client_id":"app","scope":"read write","exp":1800000300,"token_type":"Bearer","username":"a","vot":"P9.Cm"}"#;

    fn answered(text: &str) -> Result<Result<Grant, TokenRefused>, BadAnswer> {
        read(text.as_bytes(), TokenDigest::of(b"t"), EXPECTED, NOW)
    }

    #[test]
    fn an_active_token_is_a_grant() {
        let grant = answered(GOOD).expect("read").expect("active");
        assert_eq!((grant.subject.as_str(), grant.client.as_deref()), ("alice", Some("app")));
        assert_eq!(grant.scopes, ["read", "write"]);
        assert_eq!(grant.expires, Timestamp::from_secs(1_800_000_300));
        let endless = answered(&GOOD.replace(r#""exp":1800000300,"#, "")).expect("read").expect("active");
        assert!(endless.expires > NOW.plus(USE_MAX), "it stands when it is asked about again");
        let of_a_client = answered(&GOOD.replace(r#""sub":"alice","#, "")).expect("read").expect("active");
        assert_eq!(of_a_client.subject, "app");
    }

    #[test]
    fn what_was_made_for_others_or_has_ended_is_refused() {
        for (from, to, why) in [
            ("https://as.example", "https://as.example/", TokenRefused::Issuer),
            ("https://api.example", "https://api.example/", TokenRefused::Audience),
            (r#""aud":["https://api.example"],"#, "", TokenRefused::Audience),
            ("1800000300", "1800000000", TokenRefused::OutOfDate),
            ("1800000300", r#""1800000300""#, TokenRefused::Malformed),
            ("1800000300", r#"1800000300,"nbf":1800000060"#, TokenRefused::OutOfDate),
            ("Bearer", "refresh_token", TokenRefused::Audience),
            ("Bearer", "DPoP", TokenRefused::Unproven),
            (r#""vot":"P9.Cm""#, r#""cnf":{"kid":"x"}"#, TokenRefused::Malformed),
            ("true", "false", TokenRefused::Revoked),
        ] {
            assert_eq!(answered(&GOOD.replace(from, to)), Ok(Err(why)), "{from} as {to}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_says_nothing() {
        for text in
            ["", "{}", "[]", "<html>", r#"{"active":"true"}"#, r#"{"active":true,"active":true}"#, r#"{"active":1}"#]
        {
            assert_eq!(answered(text), Err(BadAnswer), "{text}");
        }
    }
}
