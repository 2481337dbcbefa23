//! The compact form of a signed text (RFC 7515, section 7.1), taken apart and not yet believed.
//!
//! Everything that could make two readers disagree is refused here: padding, other alphabets, non-canonical last bits,
//! parts too many or too few, names that stand twice, extensions (`crit`, `b64`, `zip`) and algorithms that are not
//! verified here, `none` and every symmetric one among them.

use super::strict_json;
use super::verifying_key::algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

/// Longest header that is read; real ones have about 100 bytes, and with a key in them (DPoP) about 700.
const HEADER_BYTES_MAX: usize = 2 * 1024;

/// Longest `kid` that is read.
const KEY_ID_BYTES_MAX: usize = 256;

/// Extensions of the header that change what the rest means (RFC 7515, section 4.1.11; RFC 7797; RFC 7516).
const EXTENSIONS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// The text is no compact JWS that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a signed text in compact form")]
pub struct NotCompact;

/// A signed text, taken apart.
#[derive(Debug, Clone)]
pub struct Compact<'a> {
    signed: &'a str,
    signature: &'a str,
    payload: Vec<u8>,
    algorithm: Algorithm,
    header: Map<String, Value>,
}

/// Whether a text has the outer form of a compact JWS: two dots, and so three parts.
pub fn is_shaped(text: &str) -> bool {
    text.bytes().filter(|b| *b == b'.').count() == 2
}

impl<'a> Compact<'a> {
    /// Takes it apart. The caller has bounded the text.
    ///
    /// # Errors
    /// [`NotCompact`].
    pub fn parse(text: &'a str) -> Result<Self, NotCompact> {
        if !is_shaped(text) {
            return Err(NotCompact);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(NotCompact)?;
        if header.len() > HEADER_BYTES_MAX.div_ceil(3) * 4 || payload.is_empty() || signature.is_empty() {
            return Err(NotCompact);
        }
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| NotCompact);
        let header = strict_json::object(&decoded(header)?).map_err(|_| NotCompact)?;
        if EXTENSIONS.iter().any(|name| header.contains_key(*name)) {
            return Err(NotCompact);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(algorithm).ok_or(NotCompact)?;
        let is_text = |name: &str| header.get(name).is_none_or(Value::is_string);
        let key_id_is_plain = header
            .get("kid")
            .and_then(Value::as_str)
            .is_none_or(|kid| (1..=KEY_ID_BYTES_MAX).contains(&kid.len()) && !kid.contains(char::is_control));
        if !is_text("typ") || !is_text("kid") || !key_id_is_plain {
            return Err(NotCompact);
        }
        Ok(Self { signed, signature, payload: decoded(payload)?, algorithm, header })
    }

    /// The algorithm that the header names.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What kind of text it says it is, in lower case and without `application/` (RFC 7515, section 4.1.9).
    pub fn kind(&self) -> Option<String> {
        let kind = self.header.get("typ")?.as_str()?.to_ascii_lowercase();
        Some(kind.strip_prefix("application/").map_or_else(|| kind.clone(), str::to_owned))
    }

    /// The ID of the key that it says signed it.
    pub fn key_id(&self) -> Option<&str> {
        self.header.get("kid")?.as_str()
    }

    /// Another member of the header.
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// The bytes that are signed.
    pub(super) const fn signed(&self) -> &'a str {
        self.signed
    }

    /// The signature, as it was written.
    pub(super) const fn signature(&self) -> &'a str {
        self.signature
    }

    /// What the text says before anybody has verified it: good for finding the key that it must be verified with, and
    /// for nothing else.
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// The payload: not to be believed before [`super::verifying_key::VerifyingKey::verify`] gives it.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }
}
