//! The JSON forms of WebAuthn Level 3 (section 5.1): `PublicKeyCredentialRequestOptionsJSON`, which the edge sends,
//! and `AuthenticationResponseJSON`, which it receives.
//!
//! A body that cannot be read is refused with the name of the first member that is wrong.

use crate::id::CREDENTIAL_ID_BYTES_MAX;
use crate::webauthn::assertion::{AssertionResponse, SIGNATURE_BYTES_MAX};
use crate::webauthn::authenticator_data::AUTHENTICATOR_DATA_BYTES_MAX;
use crate::webauthn::challenge::{CHALLENGE_BYTES, LIFETIME};
use crate::webauthn::client_data::CLIENT_DATA_BYTES_MAX;
use crate::webauthn::relying_party::RelyingParty;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::borrow::Cow;

/// Longest user handle that WebAuthn allows (section 5.4.3).
const USER_HANDLE_BYTES_MAX: usize = 64;

/// The options for an authentication with a discoverable credential: no account is named, none is listed.
pub fn request_options(rp: &RelyingParty, challenge: &[u8; CHALLENGE_BYTES]) -> String {
    format!(
        r#"{{"challenge":"{}","timeout":{},"rpId":"{}","allowCredentials":[],"userVerification":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(challenge),
        LIFETIME.as_millis(),
        rp.id,
        rp.user_verification.as_str(),
    )
}

/// A member of the body that is missing, of the wrong type, not base64url, or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct BadMember {
    /// The member's path, as `response.signature`; `body` for JSON that cannot be read at all.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: &'static str,
}

/// An `AuthenticationResponseJSON`, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationResponse {
    credential_id: Vec<u8>,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
    user_handle: Option<Vec<u8>>,
}

/// A member that may be absent, null, text, or (wrongly) anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Member<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    id: Option<Member<'a>>,
    #[serde(rename = "rawId", borrow, default)]
    raw_id: Option<Member<'a>>,
    #[serde(rename = "type", borrow, default)]
    kind: Option<Member<'a>>,
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Response<'a> {
    /// First, since serde would also read the members from an array, by position.
    List(#[expect(dead_code, reason = "that it is one says enough")] Vec<serde::de::IgnoredAny>),
    Object(#[serde(borrow)] ResponseMembers<'a>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct ResponseMembers<'a> {
    #[serde(rename = "clientDataJSON", borrow, default)]
    client_data: Option<Member<'a>>,
    #[serde(rename = "authenticatorData", borrow, default)]
    authenticator_data: Option<Member<'a>>,
    #[serde(borrow, default)]
    signature: Option<Member<'a>>,
    #[serde(rename = "userHandle", borrow, default)]
    user_handle: Option<Member<'a>>,
}

fn text<'m>(member: &'m Option<Member<'_>>, field: &'static str) -> Result<&'m str, BadMember> {
    match member {
        None => Err(BadMember { field, fault: "is missing" }),
        Some(Member::Other(_)) => Err(BadMember { field, fault: "is not a string" }),
        Some(Member::Text(text)) => Ok(text),
    }
}

fn bytes(member: &Option<Member<'_>>, field: &'static str, max: usize) -> Result<Vec<u8>, BadMember> {
    let text = text(member, field)?;
    if text.len() > max.saturating_mul(4).div_ceil(3) {
        return Err(BadMember { field, fault: "is too long" });
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_| BadMember { field, fault: "is not base64url without padding" })
}

impl AuthenticationResponse {
    /// Parses a request body.
    ///
    /// # Errors
    /// [`BadMember`] names the first member that is wrong.
    pub fn parse(body: &[u8]) -> Result<Self, BadMember> {
        let unreadable = |fault| BadMember { field: "body", fault };
        if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
            return Err(unreadable("is not a JSON object"));
        }
        let body: Body<'_> = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => unreadable("is not an object with each member once"),
            _ => unreadable("is not JSON"),
        })?;
        if text(&body.kind, "type")? != "public-key" {
            return Err(BadMember { field: "type", fault: "is not \"public-key\"" });
        }
        let credential_id = bytes(&body.raw_id, "rawId", CREDENTIAL_ID_BYTES_MAX)?;
        if text(&body.id, "id")? != text(&body.raw_id, "rawId")? {
            return Err(BadMember { field: "id", fault: "differs from rawId" });
        }
        let response = match &body.response {
            None => return Err(BadMember { field: "response", fault: "is missing" }),
            Some(Response::List(_) | Response::Other(_)) => {
                return Err(BadMember { field: "response", fault: "is not an object with each member once" });
            }
            Some(Response::Object(members)) => members,
        };
        Ok(Self {
            credential_id,
            client_data: bytes(&response.client_data, "response.clientDataJSON", CLIENT_DATA_BYTES_MAX)?,
            authenticator_data: bytes(
                &response.authenticator_data,
                "response.authenticatorData",
                AUTHENTICATOR_DATA_BYTES_MAX,
            )?,
            signature: bytes(&response.signature, "response.signature", SIGNATURE_BYTES_MAX)?,
            user_handle: match response.user_handle {
                None => None,
                Some(_) => Some(bytes(&response.user_handle, "response.userHandle", USER_HANDLE_BYTES_MAX)?),
            },
        })
    }

    /// The decoded members.
    pub fn as_assertion(&self) -> AssertionResponse<'_> {
        AssertionResponse {
            credential_id: &self.credential_id,
            client_data: &self.client_data,
            authenticator_data: &self.authenticator_data,
            signature: &self.signature,
            user_handle: self.user_handle.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"id":"AAEC","rawId":"AAEC","type":"public-key","authenticatorAttachment":"platform",
        "clientExtensionResults":{},"response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AQ",
        "userHandle":null}}"#;

    fn fault(body: &str) -> (&'static str, &'static str) {
        let bad = AuthenticationResponse::parse(body.as_bytes()).expect_err("refused");
        (bad.field, bad.fault)
    }

    #[test]
    fn level_3_json_is_read() {
        let response = AuthenticationResponse::parse(GOOD.as_bytes()).expect("response");
        assert_eq!(response.as_assertion().credential_id, [0, 1, 2]);
        assert_eq!(response.as_assertion().client_data, b"{}");
        assert_eq!(response.as_assertion().user_handle, None);
    }

    #[test]
    fn the_wrong_member_is_named() {
        assert_eq!(fault("{"), ("body", "is not JSON"));
        assert_eq!(fault(""), ("body", "is not JSON"));
        assert_eq!(fault("[]"), ("body", "is not a JSON object"));
        assert_eq!(fault("{}"), ("type", "is missing"));
        assert_eq!(fault(&GOOD.replace("public-key", "private-key")).0, "type");
        assert_eq!(fault(&GOOD.replace(r#""rawId":"AAEC""#, r#""rawId":7"#)), ("rawId", "is not a string"));
        assert_eq!(fault(&GOOD.replace(r#""id":"AAEC""#, r#""id":"AAED""#)), ("id", "differs from rawId"));
        assert_eq!(fault(&GOOD.replace(r#""AQ""#, r#""AQ==""#)).0, "response.signature");
        assert_eq!(fault(&GOOD.replace(r#""AQ""#, r#""AR""#)).0, "response.signature");
        assert_eq!(fault(&GOOD.replace(r#""signature":"AQ","#, "")), ("response.signature", "is missing"));
        assert_eq!(fault(&GOOD.replace("null", r#""!""#)).0, "response.userHandle");
        assert_eq!(fault(&GOOD.replace(r#""AQ""#, &format!("\"{}\"", "A".repeat(4_000)))).1, "is too long");
        assert_eq!(fault(&GOOD.replace(r#""id":"AAEC""#, r#""id":"AAEC","id":"AAEC""#)).0, "body");
        assert_eq!(fault(r#"{"id":"A","rawId":"AAEC","type":"public-key","response":[]}"#).0, "id");
        assert_eq!(fault(r#"{"id":"AAEC","rawId":"AAEC","type":"public-key","response":3}"#).0, "response");
    }

    #[test]
    fn the_options_are_level_3_json() {
        use crate::webauthn::relying_party::UserVerification;
        let rp = RelyingParty::new("example.org", "Example", vec![], UserVerification::Required);
        let options: serde_json::Value =
            serde_json::from_str(&request_options(&rp, &[0; CHALLENGE_BYTES])).expect("JSON");
        assert_eq!(options["rpId"], "example.org");
        assert_eq!(options["timeout"], 300_000);
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["allowCredentials"], serde_json::json!([]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = AuthenticationResponse::parse(&body);
        }

        #[test]
        fn no_damage_to_a_good_body_makes_it_panic(at in 0..GOOD.len(), byte: u8) {
            let mut body = GOOD.as_bytes().to_vec();
            body[at] = byte;
            let _ = AuthenticationResponse::parse(&body);
        }
    }
}
