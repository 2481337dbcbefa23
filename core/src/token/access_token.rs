//! Access tokens that are JWTs (RFC 9068), verified: parsed as [`UnverifiedToken`], then verified with one key of the
//! issuer that it names. What comes out is a [`Grant`], and there is no other way to one from a JWT.

use super::authorization::TOKEN_BYTES_MAX;
use super::claims::Claims;
pub use super::claims::{CLOCK_SKEW, Expected};
use super::family::{self, Families};
use super::grant::Grant;
use super::jws::Compact;
use super::verifying_key::VerifyingKey;
use crate::id::TokenDigest;
use crate::time::Timestamp;
use crate::verdict::TokenRefused;

/// The `typ` of an access token (RFC 9068, section 2.1); `application/at+jwt` means the same.
const TYPE: &str = "at+jwt";

/// Header members by which a token would bring or name its own key. Ours come from the issuer's key set alone.
const OWN_KEYS: [&str; 4] = ["jwk", "jku", "x5u", "x5c"];

/// A token that has the form of an access token, by an issuer that it names itself: not to be believed.
#[derive(Debug)]
pub struct UnverifiedToken<'a> {
    text: &'a str,
    jws: Compact<'a>,
    issuer: String,
    expires: Timestamp,
}

impl<'a> UnverifiedToken<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`TokenRefused::Malformed`]; [`TokenRefused::Audience`] for a token of another kind.
    pub fn parse(text: &'a str) -> Result<Self, TokenRefused> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefused::Malformed);
        }
        let jws = Compact::parse(text).map_err(|_| TokenRefused::Malformed)?;
        if jws.kind().as_deref() != Some(TYPE) {
            return Err(TokenRefused::Audience);
        }
        if OWN_KEYS.iter().any(|name| jws.header(name).is_some()) {
            return Err(TokenRefused::Malformed);
        }
        let claims = Claims::read(jws.payload())?;
        let issuer = claims.text("iss")?.ok_or(TokenRefused::Issuer)?.to_owned();
        let expires = claims.date("exp")?.ok_or(TokenRefused::Malformed)?;
        Ok(Self { text, jws, issuer, expires })
    }

    /// Whose it says it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// With which key it says it was signed.
    pub fn key_id(&self) -> Option<&str> {
        self.jws.key_id()
    }

    /// When it says it ends.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// By what it may be ended, if it is what it says and of the deployment's own provider.
    pub fn families(&self) -> Families {
        let said = Claims::read(self.jws.unverified_payload()).map(|claims| family::of(&claims));
        let [name, grant, client] = said.unwrap_or_default();
        [name, grant, client, Some(self.signed())]
    }

    /// By what it may be ended, whoever has issued it.
    pub fn foreign_families(&self) -> Families {
        [None, None, None, Some(self.signed())]
    }

    /// The digest of its signed part, by which it is ended however its signature is written.
    pub fn signed(&self) -> TokenDigest {
        family::of_signed(self.jws.signed())
    }

    /// Verifies it with the key of the issuer's that it names, and judges what it says.
    ///
    /// # Errors
    /// [`TokenRefused`].
    pub fn verify(&self, key: &VerifyingKey, expected: Expected<'_>, now: Timestamp) -> Result<Grant, TokenRefused> {
        let payload = key.verify(&self.jws).map_err(|_| TokenRefused::Signature)?;
        let claims = Claims::read(payload)?;
        if claims.text("iss")? != Some(expected.issuer) {
            return Err(TokenRefused::Issuer);
        }
        if !claims.is_for(expected.audience)? {
            return Err(TokenRefused::Audience);
        }
        claims.in_time(now)?;
        let expires = claims.date("exp")?.ok_or(TokenRefused::Malformed)?;
        let subject = claims.name("sub")?.ok_or(TokenRefused::Malformed)?;
        claims.name("client_id")?.ok_or(TokenRefused::Malformed)?;
        claims.grant(TokenDigest::of(self.text.as_bytes()), expected.issuer, subject, expires)
    }
}
