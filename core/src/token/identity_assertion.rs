//! The identity assertion: a short-lived signed JWT (RFC 7519) by which the gate tells one service who a request is
//! for. A service trusts it, and not the plain headers beside it, by verifying it with the gate's published key set.
//!
//! It has a `typ` of its own (RFC 8725, section 3.11), so that it can be taken for nothing else; its `aud` is one
//! service; it lives at most [`LIFETIME`]. It is minted once a session and service and given out again for
//! [`REUSE`], so that the hot path signs nothing.
//!
//! What is said of an access token ([`GrantClaims`]) cannot be taken for what is said of a session ([`Claims`]): its
//! subject is whatever the token's issuer calls somebody, and not an account of ours.

use crate::id::{AccountId, SessionId};
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use crate::token::grant::Grant;
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

/// What an assertion says of a request that an access token opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantClaims {
    /// The gate's origin.
    pub iss: String,
    /// The service.
    pub aud: String,
    /// For whom the token was given, in the words of its issuer.
    pub sub: String,
    /// The token's issuer: without it, `sub` means nobody.
    pub token_iss: String,
    /// The client to which the token was given, if its issuer says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// For what it was given: scopes with a space between them (RFC 6749, section 3.3).
    pub scope: String,
    /// Whether the client acts for somebody else than who signed in.
    pub delegated: bool,
    /// Issued at, seconds.
    pub iat: u64,
    /// Ends at, seconds; never later than the token.
    pub exp: u64,
    /// When the person last proved who they are, seconds, if the token says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
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
        self.sign(TYPE, &claims)
    }

    /// Signs the claims about an access token for one service.
    ///
    /// # Errors
    /// [`BrokenSigningKey`] if ring refuses to sign.
    pub fn mint_for_grant(
        &self,
        issuer: &str,
        audience: &str,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<String, BrokenSigningKey> {
        let claims = GrantClaims {
            iss: issuer.into(),
            aud: audience.into(),
            sub: grant.subject.clone(),
            token_iss: grant.issuer.clone(),
            client_id: grant.client.clone(),
            scope: grant.scopes.join(" "),
            delegated: grant.delegated,
            iat: now.as_secs(),
            exp: now.plus(LIFETIME).min(grant.expires).as_secs(),
            auth_time: grant.authenticated.map(Timestamp::as_secs),
            vot: grant.vector_of_trust().to_string(),
        };
        self.sign(TYPE, &claims)
    }

    /// Signs whatever the gate says of a request, as a JWT of a type.
    pub(super) fn sign(&self, typ: &str, claims: &impl Serialize) -> Result<String, BrokenSigningKey> {
        let header = Header { typ: Some(typ.into()), kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|_| BrokenSigningKey)
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

    /// Verifies an assertion about a session.
    ///
    /// # Errors
    /// [`IdentityRefused`]; an assertion about an access token is one that is not ours for this.
    pub fn verify(&self, jwt: &str, now: Timestamp) -> Result<VerifiedIdentity, IdentityRefused> {
        let claims: Claims = self.signed(TYPE, jwt)?;
        in_time(claims.iat, claims.exp, now)?;
        let account = AccountId::from_str(&claims.sub).map_err(|_| IdentityRefused::Malformed)?;
        let session = SessionId::from_str(&claims.sid).map_err(|_| IdentityRefused::Malformed)?;
        Ok(VerifiedIdentity { claims, account, session })
    }

    /// Verifies an assertion about an access token.
    ///
    /// # Errors
    /// [`IdentityRefused`]; an assertion about a session is one that is not ours for this.
    pub fn verify_for_grant(&self, jwt: &str, now: Timestamp) -> Result<GrantClaims, IdentityRefused> {
        let claims: GrantClaims = self.signed(TYPE, jwt)?;
        in_time(claims.iat, claims.exp, now)?;
        Ok(claims)
    }

    /// The claims of a JWT of a type that the gate has signed for this service, at whatever time.
    pub(super) fn signed<C: serde::de::DeserializeOwned + Clone>(
        &self,
        typ: &str,
        jwt: &str,
    ) -> Result<C, IdentityRefused> {
        let header = jsonwebtoken::decode_header(jwt).map_err(|_| IdentityRefused::Malformed)?;
        if header.typ.as_deref() != Some(typ) {
            return Err(IdentityRefused::Type);
        }
        let named = |(kid, _): &&(String, DecodingKey)| header.kid.as_ref() == Some(kid);
        let (_, key) = self.keys.iter().find(named).ok_or(IdentityRefused::UnknownKey)?;
        let token = jsonwebtoken::decode::<C>(jwt, key, &self.validation);
        Ok(token.map_err(|_| IdentityRefused::NotOurs)?.claims)
    }
}

/// Whether what was issued then and ends then is good now.
pub(super) fn in_time(issued: u64, expires: u64, now: Timestamp) -> Result<(), IdentityRefused> {
    let latest_start = now.plus(CLOCK_SKEW).as_secs();
    let lives = expires.saturating_sub(issued) <= LIFETIME.as_secs();
    if now.as_secs() >= expires || issued > latest_start || !lives {
        return Err(IdentityRefused::OutOfDate);
    }
    Ok(())
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

    fn grant() -> Grant {
        Grant {
            token: crate::id::TokenDigest::of(b"token"),
            issuer: "https://as.example".into(),
            subject: world::session_record().account.to_string(),
            client: Some("app".into()),
            scopes: vec!["read".into(), "write".into()],
            identity: crate::assurance::IdentityLevel::P9,
            components: crate::assurance::Components::PASSKEY,
            authenticated: None,
            delegated: false,
            expires: NOW.plus(Duration::from_secs(20)),
            binding: None,
        }
    }

    #[test]
    fn what_is_said_of_a_token_is_never_taken_for_what_is_said_of_a_session() {
        let key = key();
        let verifier = verifier(&key, "demo");
        let jwt = key.mint_for_grant("https://gate", "demo", &grant(), NOW).expect("jwt");
        let claims = verifier.verify_for_grant(&jwt, NOW).expect("claims");
        assert_eq!((claims.token_iss.as_str(), claims.scope.as_str()), ("https://as.example", "read write"));
        assert_eq!((claims.client_id.as_deref(), claims.vot.as_str()), (Some("app"), "P9.Cm"));
        assert_eq!(claims.exp, NOW.as_secs() + 20, "not longer than the token");
        assert_eq!(verifier.verify(&jwt, NOW), Err(IdentityRefused::NotOurs));
        assert_eq!(verifier.verify_for_grant(&mint(&key, "demo"), NOW), Err(IdentityRefused::NotOurs));
    }

    #[test]
    fn an_empty_key_set_is_no_key_set() {
        assert!(Verifier::new(r#"{"keys":[]}"#, "i", "a").is_err());
    }
}
