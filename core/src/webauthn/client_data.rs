//! Collected client data (WebAuthn Level 3, section 5.8.1): what the browser says about the ceremony.
//!
//! The bytes that are parsed here are the bytes that are hashed for the signature. A member that is named twice is an
//! error, so that no two readers can disagree; unknown members are ignored, as the Recommendation asks.

use crate::webauthn::challenge::CHALLENGE_BYTES;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::borrow::Cow;

/// Longest client data that is read. Browsers send 100 to 300 bytes.
pub const CLIENT_DATA_BYTES_MAX: usize = 4 * 1024;

/// Not client data: too long, not UTF-8, not JSON, a member missing, doubled or of the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("clientDataJSON is malformed")]
pub struct MalformedClientData;

/// The members that a relying party judges.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ClientData<'a> {
    /// `webauthn.get` or `webauthn.create`.
    #[serde(rename = "type", borrow)]
    pub kind: Cow<'a, str>,
    /// The challenge, base64url without padding.
    #[serde(borrow)]
    pub challenge: Cow<'a, str>,
    /// The page's origin.
    #[serde(borrow)]
    pub origin: Cow<'a, str>,
    /// Whether the page was framed by another origin.
    #[serde(rename = "crossOrigin", default)]
    pub cross_origin: Option<bool>,
    /// The top-level origin, where the page was framed by another.
    #[serde(rename = "topOrigin", borrow, default)]
    pub top_origin: Option<Cow<'a, str>>,
}

impl<'a> ClientData<'a> {
    /// Section 7.2 steps 8 and 9 (7.1 steps 5 and 6): UTF-8 decode, which strips one byte order mark, then parse.
    ///
    /// # Errors
    /// [`MalformedClientData`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MalformedClientData> {
        if bytes.len() > CLIENT_DATA_BYTES_MAX {
            return Err(MalformedClientData);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| MalformedClientData)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if !text.trim_ascii_start().starts_with('{') {
            return Err(MalformedClientData); // serde would also read the members from an array, by position.
        }
        serde_json::from_str(text).map_err(|_| MalformedClientData)
    }

    /// The challenge's bytes, if they are of the length that ours have and in the one canonical spelling.
    pub fn challenge_bytes(&self) -> Option<[u8; CHALLENGE_BYTES]> {
        let mut bytes = [0; CHALLENGE_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(self.challenge.as_bytes(), &mut bytes) {
            Ok(CHALLENGE_BYTES) => Some(bytes),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_and_a_byte_order_mark_are_tolerated() {
        let text = "\u{feff}{\"type\":\"webauthn.get\",\"challenge\":\"AA\",\"origin\":\"https://a\",\"other_keys_can_be_added_here\":{}}";
        let data = ClientData::parse(text.as_bytes()).expect("client data");
        assert_eq!((&*data.kind, &*data.origin, data.cross_origin), ("webauthn.get", "https://a", None));
    }

    #[test]
    fn ambiguous_or_broken_client_data_is_refused() {
        for text in [
            r#"{"type":"webauthn.get","type":"webauthn.create","challenge":"AA","origin":"o"}"#,
            r#"{"type":"webauthn.get","challenge":"AA","challenge":"AB","origin":"o"}"#,
            r#"{"type":"webauthn.get","challenge":"AA"}"#,
            r#"{"type":"webauthn.get","challenge":1,"origin":"o"}"#,
            r#"{"type":"webauthn.get","challenge":"AA","origin":"o"} x"#,
            "",
            "[]",
        ] {
            assert_eq!(ClientData::parse(text.as_bytes()), Err(MalformedClientData), "{text}");
        }
        assert_eq!(ClientData::parse(b"{\"type\":\"\xff\"}"), Err(MalformedClientData));
        assert_eq!(ClientData::parse(&[b' '; CLIENT_DATA_BYTES_MAX + 1]), Err(MalformedClientData));
        let deep = "[".repeat(4_000);
        assert_eq!(ClientData::parse(deep.as_bytes()), Err(MalformedClientData));
    }
}
