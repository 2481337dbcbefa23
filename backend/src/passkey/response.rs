//! `RegistrationResponseJSON` (WebAuthn Level 3, section 5.1): what a browser sends when it has made a passkey.
//!
//! A body that cannot be read is refused with the name of the first member that is wrong. Members that decide nothing
//! (client extension results, the browser's own copies of what the attestation object holds) are not read.

use aldgate_core::id::CREDENTIAL_ID_BYTES_MAX;
use aldgate_core::webauthn::attestation_object::ATTESTATION_OBJECT_BYTES_MAX;
use aldgate_core::webauthn::client_data::CLIENT_DATA_BYTES_MAX;
use aldgate_core::webauthn::json::BadMember;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Transports that are kept of a credential; Level 3 knows six.
const TRANSPORTS_MAX: usize = 8;

/// Longest name of a transport; the longest known is `smart-card`.
const TRANSPORT_BYTES_MAX: usize = 16;

/// The decoded members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistrationResponse {
    /// `rawId`, which `id` repeats.
    pub(crate) credential_id: Vec<u8>,
    /// `response.clientDataJSON`, the bytes as received.
    pub(crate) client_data: Vec<u8>,
    /// `response.attestationObject`.
    pub(crate) attestation_object: Vec<u8>,
    /// Whether the browser made it by itself: our own member `mediation`, which says `conditional` then.
    pub(crate) conditional: bool,
    /// `response.transports`, as far as they read like names of transports.
    pub(crate) transports: Vec<String>,
}

fn text<'a>(object: &'a Map<String, Value>, key: &str, field: &'static str) -> Result<&'a str, BadMember> {
    match object.get(key) {
        None => Err(BadMember { field, fault: "is missing" }),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(BadMember { field, fault: "is not a string" }),
    }
}

fn bytes(object: &Map<String, Value>, key: &str, field: &'static str, max: usize) -> Result<Vec<u8>, BadMember> {
    let text = text(object, key, field)?;
    if text.len() > max.saturating_mul(4).div_ceil(3) {
        return Err(BadMember { field, fault: "is too long" });
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_| BadMember { field, fault: "is not base64url without padding" })
}

/// Transports are a hint of the browser's: what does not read like one is left out.
fn transports(response: &Map<String, Value>) -> Vec<String> {
    let listed = response.get("transports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let plain =
        |name: &&str| name.len() <= TRANSPORT_BYTES_MAX && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    listed.iter().filter_map(Value::as_str).filter(plain).take(TRANSPORTS_MAX).map(str::to_owned).collect()
}

impl RegistrationResponse {
    /// Parses a request body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, BadMember> {
        let body: Value =
            serde_json::from_slice(body).map_err(|_| BadMember { field: "body", fault: "is not JSON" })?;
        let body = body.as_object().ok_or(BadMember { field: "body", fault: "is not a JSON object" })?;
        if text(body, "type", "type")? != "public-key" {
            return Err(BadMember { field: "type", fault: "is not \"public-key\"" });
        }
        let credential_id = bytes(body, "rawId", "rawId", CREDENTIAL_ID_BYTES_MAX)?;
        if text(body, "id", "id")? != text(body, "rawId", "rawId")? {
            return Err(BadMember { field: "id", fault: "differs from rawId" });
        }
        let response = body.get("response").ok_or(BadMember { field: "response", fault: "is missing" })?;
        let response = response.as_object().ok_or(BadMember { field: "response", fault: "is not an object" })?;
        Ok(Self {
            conditional: body.get("mediation").and_then(Value::as_str) == Some("conditional"),
            credential_id,
            client_data: bytes(response, "clientDataJSON", "response.clientDataJSON", CLIENT_DATA_BYTES_MAX)?,
            attestation_object: bytes(
                response,
                "attestationObject",
                "response.attestationObject",
                ATTESTATION_OBJECT_BYTES_MAX,
            )?,
            transports: transports(response),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"id":"AAEC","rawId":"AAEC","type":"public-key","clientExtensionResults":{},"response":
        {"clientDataJSON":"e30","attestationObject":"oA","transports":["internal","hybrid",7,"<script>"]}}"#;

    fn fault(body: &str) -> (&'static str, &'static str) {
        let bad = RegistrationResponse::parse(body.as_bytes()).expect_err("refused");
        (bad.field, bad.fault)
    }

    #[test]
    fn level_3_json_is_read() {
        let response = RegistrationResponse::parse(GOOD.as_bytes()).expect("response");
        assert_eq!((&response.credential_id[..], &response.client_data[..]), (&[0, 1, 2][..], &b"{}"[..]));
        assert_eq!(response.transports, ["internal", "hybrid"]);
    }

    #[test]
    fn the_wrong_member_is_named() {
        assert_eq!(fault(""), ("body", "is not JSON"));
        assert_eq!(fault("[]"), ("body", "is not a JSON object"));
        assert_eq!(fault("{}"), ("type", "is missing"));
        assert_eq!(fault(&GOOD.replace("public-key", "x")).0, "type");
        assert_eq!(fault(&GOOD.replace(r#""rawId":"AAEC""#, r#""rawId":7"#)), ("rawId", "is not a string"));
        assert_eq!(fault(&GOOD.replace(r#""id":"AAEC""#, r#""id":"AAED""#)), ("id", "differs from rawId"));
        assert_eq!(fault(&GOOD.replace("e30", "e30=")).0, "response.clientDataJSON");
        assert_eq!(fault(&GOOD.replace(r#""attestationObject":"oA","#, "")).0, "response.attestationObject");
        assert_eq!(fault(&GOOD.replace("e30", &"A".repeat(6_000))).1, "is too long");
        assert_eq!(fault(r#"{"id":"AA","rawId":"AA","type":"public-key","response":3}"#).0, "response");
        assert_eq!(fault(&"[".repeat(60_000)).0, "body");
    }
}
