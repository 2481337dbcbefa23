//! The identity assertion: a short-lived signed JWT (RFC 7519) by which the gate tells one service who a request is
//! for. A service trusts it, and not the plain headers beside it, by verifying it with the gate's published key set.
//!
//! It has a `typ` of its own (RFC 8725, section 3.11), so that it can be taken for nothing else; its `aud` is one
//! service; it lives at most [`LIFETIME`]. It is minted once a session and service and given out again for
//! [`REUSE`], so that the hot path signs nothing.

use crate::id::{AccountId, SessionId};
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::Duration;

/// The `typ` header of an identity assertion.
pub const TYPE: &str = "aldgate-identity+jwt";

/// Life of an assertion.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// How long an assertion is given out again: half its life, so that a service always gets one with time left.
pub const REUSE: Duration = Duration::from_secs(30);

/// How far the clock of a service may be behind the gate's.
pub const CLOCK_SKEW: Duration = Duration::from_secs(5);

/// What an assertion says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The gate's origin.
    pub iss: String,
    /// The service.
    pub aud: String,
    /// The account.
    pub sub: String,
    /// The session's handle.
    pub sid: String,
    /// Issued at, seconds.
    pub iat: u64,
    /// Ends at, seconds.
    pub exp: u64,
    /// When the person last proved who they are, seconds.
    pub auth_time: u64,
    /// The vector of trust, as `P0.Cm` (RFC 8485).
    pub vot: String,
}

/// The key pair that signs, made once and kept by the composition root.
pub struct SigningKey {
    key_id: String,
    encoding: EncodingKey,
    x: String,
    y: String,
}

/// The bytes are not a P-256 private key in PKCS#8, or signing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity assertion's signing key does not work")]
pub struct BrokenSigningKey;

impl SigningKey {
    /// Reads a P-256 private key in PKCS#8 (DER).
    ///
    /// # Errors
    /// [`BrokenSigningKey`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, BrokenSigningKey> {
        super::ring_provider::install();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
            .map_err(|_| BrokenSigningKey)?;
        let point: &[u8; 65] = pair.public_key().as_ref().try_into().map_err(|_| BrokenSigningKey)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        // RFC 7638: the members in this order, without spaces.
        let thumbprint = digest(&SHA256, format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes());
        let key_id = URL_SAFE_NO_PAD.encode(thumbprint.as_ref());
        Ok(Self { key_id, encoding: EncodingKey::from_ec_der(der), x, y })
    }

    /// The key set that services fetch (RFC 7517).
    pub fn key_set(&self) -> String {
        let Self { key_id, x, y, .. } = self;
        format!(
            r#"{{"keys":[{{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"{key_id}","x":"{x}","y":"{y}"}}]}}"#
        )
    }

    /// Signs the claims about a session for one service.
    ///
    /// # Errors
    /// [`BrokenSigningKey`] if ring refuses to sign.
    pub fn mint(
        &self,
        issuer: &str,
        audience: &str,
        session: SessionId,
        record: &SessionRecord,
        now: Timestamp,
    ) -> Result<String, BrokenSigningKey> {
        let claims = Claims {
            iss: issuer.into(),
            aud: audience.into(),
            sub: record.account.to_string(),
            sid: session.to_string(),
            iat: now.as_secs(),
            exp: now.plus(LIFETIME).as_secs(),
            auth_time: record.authenticated.as_secs(),
            vot: vector_of_trust(record),
        };
        let header = Header { typ: Some(TYPE.into()), kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|_| BrokenSigningKey)
    }
}

/// The vector of trust of a session, as `P0.Cm`.
pub fn vector_of_trust(record: &SessionRecord) -> String {
    format!("{}.{}", record.identity.as_str(), record.components)
}

/// Why an assertion was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityRefused {
    /// Not a JWT with these claims.
    #[error("the identity assertion is malformed")]
    Malformed,
    /// Another `typ`.
    #[error("the token is no identity assertion")]
    Type,
    /// No key of the set has the `kid`.
    #[error("the identity assertion's key is unknown")]
    UnknownKey,
    /// The signature does not verify, or the algorithm, issuer or audience is another.
    #[error("the identity assertion was not made by this gate for this service")]
    NotOurs,
    /// Before its time or after it.
    #[error("the identity assertion is out of date")]
    OutOfDate,
}

/// Proof that the gate said so to this service, lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedIdentity {
    claims: Claims,
    account: AccountId,
    session: SessionId,
}

impl VerifiedIdentity {
    /// The claims.
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Whom the request is for.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// In which session.
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// When the person last proved who they are.
    pub const fn authenticated(&self) -> Timestamp {
        Timestamp::from_secs(self.claims.auth_time)
    }
}

#[derive(Deserialize)]
struct KeySetFile {
    keys: Vec<KeyEntry>,
}

#[derive(Deserialize)]
struct KeyEntry {
    kty: String,
    crv: String,
    alg: String,
    kid: String,
    x: String,
    y: String,
}

/// What a service verifies with: the gate's key set, the issuer and its own name.
pub struct Verifier {
    keys: Vec<(String, DecodingKey)>,
    validation: Validation,
}

/// The text is not a key set of P-256 keys for ES256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the gate's key set cannot be read")]
pub struct BadKeySet;

impl Verifier {
    /// Reads the gate's key set.
    ///
    /// # Errors
    /// [`BadKeySet`], also for an empty set: nothing would verify.
    pub fn new(key_set: &str, issuer: &str, audience: &str) -> Result<Self, BadKeySet> {
        super::ring_provider::install();
        let file: KeySetFile = serde_json::from_str(key_set).map_err(|_| BadKeySet)?;
        let mut keys = Vec::new();
        for key in file.keys {
            if (key.kty.as_str(), key.crv.as_str(), key.alg.as_str()) != ("EC", "P-256", "ES256") {
                return Err(BadKeySet);
            }
            keys.push((key.kid, DecodingKey::from_ec_components(&key.x, &key.y).map_err(|_| BadKeySet)?));
        }
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false; // By our own clock, below: the library would read the system's.
        if keys.is_empty() { Err(BadKeySet) } else { Ok(Self { keys, validation }) }
    }

    /// Verifies an assertion.
    ///
    /// # Errors
    /// [`IdentityRefused`].
    pub fn verify(&self, jwt: &str, now: Timestamp) -> Result<VerifiedIdentity, IdentityRefused> {
        let header = jsonwebtoken::decode_header(jwt).map_err(|_| IdentityRefused::Malformed)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(IdentityRefused::Type);
        }
        let named = |(kid, _): &&(String, DecodingKey)| header.kid.as_ref() == Some(kid);
        let (_, key) = self.keys.iter().find(named).ok_or(IdentityRefused::UnknownKey)?;
        let token = jsonwebtoken::decode::<Claims>(jwt, key, &self.validation);
        let claims = token.map_err(|_| IdentityRefused::NotOurs)?.claims;
        let latest_start = now.plus(CLOCK_SKEW).as_secs();
        let lives = claims.exp.saturating_sub(claims.iat) <= LIFETIME.as_secs();
        if now.as_secs() >= claims.exp || claims.iat > latest_start || !lives {
            return Err(IdentityRefused::OutOfDate);
        }
        let account = AccountId::from_str(&claims.sub).map_err(|_| IdentityRefused::Malformed)?;
        let session = SessionId::from_str(&claims.sid).map_err(|_| IdentityRefused::Malformed)?;
        Ok(VerifiedIdentity { claims, account, session })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world;

    const NOW: Timestamp = world::NOW;

    fn key() -> SigningKey {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("key");
        SigningKey::from_pkcs8(pkcs8.as_ref()).expect("key")
    }

    fn mint(key: &SigningKey, audience: &str) -> String {
        key.mint("https://gate", audience, SessionId::from_bytes([5; 16]), &world::session_record(), NOW).expect("jwt")
    }

    fn verifier(key: &SigningKey, audience: &str) -> Verifier {
        Verifier::new(&key.key_set(), "https://gate", audience).expect("key set")
    }

    #[test]
    fn a_service_verifies_what_the_gate_minted_for_it() {
        let key = key();
        let identity = verifier(&key, "demo").verify(&mint(&key, "demo"), NOW).expect("identity");
        assert_eq!(identity.account(), world::session_record().account);
        assert_eq!(identity.session(), SessionId::from_bytes([5; 16]));
        assert_eq!(identity.claims().vot, "P0.Cm");
    }

    #[test]
    fn an_assertion_for_another_service_or_gate_is_refused() {
        let (key, other) = (key(), self::key());
        let jwt = mint(&key, "demo");
        assert_eq!(verifier(&key, "other").verify(&jwt, NOW), Err(IdentityRefused::NotOurs));
        assert_eq!(verifier(&other, "demo").verify(&jwt, NOW), Err(IdentityRefused::UnknownKey));
        let elsewhere = Verifier::new(&key.key_set(), "https://other", "demo").expect("key set");
        assert_eq!(elsewhere.verify(&jwt, NOW), Err(IdentityRefused::NotOurs));
    }

    #[test]
    fn it_lives_a_minute() {
        let key = key();
        let (jwt, verifier) = (mint(&key, "demo"), verifier(&key, "demo"));
        assert!(verifier.verify(&jwt, NOW.plus(Duration::from_secs(59))).is_ok());
        assert_eq!(verifier.verify(&jwt, NOW.plus(LIFETIME)), Err(IdentityRefused::OutOfDate));
        let early = Timestamp::from_millis(NOW.as_millis() - 6_000);
        assert_eq!(verifier.verify(&jwt, early), Err(IdentityRefused::OutOfDate));
    }

    #[test]
    fn alg_none_another_typ_and_every_changed_character_are_refused() {
        let key = key();
        let (jwt, verifier) = (mint(&key, "demo"), verifier(&key, "demo"));
        let payload = jwt.split('.').nth(1).expect("payload");
        for header in [r#"{"typ":"aldgate-identity+jwt","alg":"none"}"#, r#"{"typ":"JWT","alg":"ES256"}"#] {
            let forged = format!("{}.{payload}.", URL_SAFE_NO_PAD.encode(header));
            assert!(verifier.verify(&forged, NOW).is_err(), "{header}");
        }
        for at in 0..jwt.len() {
            let mut forged = jwt.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).expect("ASCII");
            assert!(verifier.verify(&forged, NOW).is_err(), "character {at}");
        }
        assert!(verifier.verify("", NOW).is_err());
    }

    #[test]
    fn an_empty_key_set_is_no_key_set() {
        assert!(Verifier::new(r#"{"keys":[]}"#, "i", "a").is_err());
    }
}
