//! What the provider signs: claims in the compact form of RFC 7515, section 7.1, by whichever key signs now.
//!
//! The header is `alg`, `typ` and `kid`, no more: nothing in it is anybody's to choose. An RSA signature takes a core
//! for about half a millisecond, the others a few hundredths.

use super::keys::{BrokenKey, SigningAlgorithm, SigningKeys};
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use std::borrow::Cow;

/// What kind of token it is (RFC 8725, section 3.11): none can be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An ID token, and an access token where it is as NHS login's are: `JWT`.
    Jwt,
    /// An access token (RFC 9068, section 2.1).
    AccessToken,
    /// A log-out token (OpenID Connect Back-Channel Logout, section 2.4).
    LogoutToken,
    /// An answer of introspection (RFC 9701, section 5).
    Introspection,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "JWT",
            Self::AccessToken => "at+jwt",
            Self::LogoutToken => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
        }
    }
}

/// Why something was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The deployment has no key for the algorithm, or not yet: its first are made within seconds of its first start.
    #[error("there is no signing key for {0}")]
    NoKey(SigningAlgorithm),
    /// The key did not sign.
    #[error(transparent)]
    Broken(#[from] BrokenKey),
    /// The claims are not JSON.
    #[error("the claims of a token cannot be written")]
    Claims,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}

impl SigningKeys {
    /// Signs claims: a compact JWS.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn sign(
        &self,
        algorithm: SigningAlgorithm,
        kind: Kind,
        claims: &impl Serialize,
        now: Timestamp,
    ) -> Result<String, NotSigned> {
        self.sign_as(algorithm, kind, None, claims, now)
    }

    /// The same by a key that is named as one of a document, whose name is put before its own (DID Core, section 3.2).
    ///
    /// # Errors
    /// [`NotSigned`].
    pub(crate) fn sign_as(
        &self,
        algorithm: SigningAlgorithm,
        kind: Kind,
        document: Option<&str>,
        claims: &impl Serialize,
        now: Timestamp,
    ) -> Result<String, NotSigned> {
        let ring = self.ring();
        let pair = ring.signing(algorithm, now).ok_or(NotSigned::NoKey(algorithm))?;
        let key_id = pair.key_id();
        let key_id = document.map_or(Cow::Borrowed(key_id), |document| format!("{document}#{key_id}").into());
        let header = Header { alg: algorithm.as_str(), typ: kind.as_str(), kid: &key_id };
        let mut text = encoded(&header)?;
        text.push('.');
        text.push_str(&encoded(claims)?);
        let signature = pair.sign(text.as_bytes())?;
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(text)
    }
}

fn encoded(part: &impl Serialize) -> Result<String, NotSigned> {
    serde_json::to_vec(part).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|_| NotSigned::Claims)
}
