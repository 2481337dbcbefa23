//! DPoP (RFC 9449): a proof, signed for one request, that whoever shows a bound token holds the key to which it is
//! bound.
//!
//! A proof is good once. [`VerifiedProof`] names what must be consumed in the shared tier before the request may pass.

use super::authorization::TOKEN_BYTES_MAX;
use super::claims::{CLOCK_SKEW, Claims};
use super::dpop_nonce::DpopNonceKey;
use super::jws::Compact;
use super::target_uri::TargetUri;
use super::verifying_key::VerifyingKey;
use crate::id::{SingleUse, TokenDigest};
use crate::time::Timestamp;
use crate::verdict::TokenRefused;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::Value;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// The `typ` of a proof (RFC 9449, section 4.2).
const TYPE: &str = "dpop+jwt";

/// How far from now a proof may have been made, either way (FAPI 2.0).
pub const WINDOW: Duration = CLOCK_SKEW;

/// For how long after the last moment at which a proof is accepted it is still remembered: the clocks of two gateways,
/// and of the shared tier, may differ by this much.
const REMEMBERED_LONGER: Duration = Duration::from_secs(50);

/// Longest `jti`; a UUID has 36 characters.
const ID_BYTES_MAX: usize = 256;

/// The algorithms of proofs, as clients are told them (`algs`; RFC 9449, section 7.1).
pub const ALGORITHMS: &str = "ES256 ES384 EdDSA PS256";

/// The request for which a proof must have been made.
#[derive(Debug, Clone, Copy)]
pub struct ProvenRequest<'a> {
    /// Its method, in upper case.
    pub method: &'a str,
    /// Its address, as the client knows it.
    pub target: &'a TargetUri,
    /// The token that it shows.
    pub token: TokenDigest,
    /// The thumbprint of the key to which the token is bound.
    pub key: &'a [u8; 32],
    /// The key of nonces, if the proof must carry one.
    pub nonces: Option<&'a DpopNonceKey>,
}

/// A proof that fits, and still has to be consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a proof that is not consumed can be replayed"]
pub struct VerifiedProof {
    /// What can be used once.
    pub single_use: SingleUse,
    /// Until when it must be remembered as used.
    pub remember_until: Timestamp,
}

/// Verifies the value of the one `DPoP` header.
///
/// # Errors
/// [`TokenRefused::Proof`], whatever is wrong with it; [`TokenRefused::ProofNonce`] if only the nonce is.
pub fn verify(proof: &str, request: ProvenRequest<'_>, now: Timestamp) -> Result<VerifiedProof, TokenRefused> {
    let (claims, key) = signed_by_its_own_key(proof).ok_or(TokenRefused::Proof)?;
    if !bool::from(key.thumbprint().ct_eq(request.key)) {
        return Err(TokenRefused::Proof);
    }
    let verified = for_this_request(&claims, request, now).ok_or(TokenRefused::Proof)?;
    match request.nonces {
        Some(nonces) if !claims.text("nonce").ok().flatten().is_some_and(|nonce| nonces.takes(nonce, now)) => {
            Err(TokenRefused::ProofNonce)
        }
        Some(_) | None => Ok(verified),
    }
}

/// The claims of a proof that the key in its header has signed.
fn signed_by_its_own_key(proof: &str) -> Option<(Claims, VerifyingKey)> {
    let jws = Compact::parse(proof).ok().filter(|_| proof.len() <= TOKEN_BYTES_MAX)?;
    let elsewhere = ["jku", "x5u", "x5c"].iter().any(|name| jws.header(name).is_some());
    if jws.kind().as_deref() != Some(TYPE) || elsewhere {
        return None;
    }
    let algorithm = match jws.algorithm() {
        Algorithm::ES256 => "ES256",
        Algorithm::ES384 => "ES384",
        Algorithm::EdDSA => "EdDSA",
        Algorithm::PS256 => "PS256",
        _ => return None,
    };
    let key = VerifyingKey::from_jwk(jws.header("jwk")?.as_object()?, Some(algorithm)).ok()?;
    let payload = key.verify(&jws).ok()?;
    Claims::read(payload).ok().map(|claims| (claims, key))
}

fn for_this_request(claims: &Claims, request: ProvenRequest<'_>, now: Timestamp) -> Option<VerifiedProof> {
    // RFC 9449, section 4.2: the hash of the token's ASCII characters, which is what its digest is.
    let token = claims.text("ath").ok()?? == URL_SAFE_NO_PAD.encode(request.token.as_bytes());
    let verified = for_target(claims, request.method, request.target, request.key, now);
    verified.filter(|_| token)
}

/// Verifies a proof for a request that shows no token: it asks for one, which is then bound to the proof's key (RFC 9449,
/// section 5). Gives the thumbprint of that key.
///
/// # Errors
/// [`TokenRefused::Proof`], whatever is wrong with it.
pub fn verify_without_token(
    proof: &str,
    method: &str,
    target: &TargetUri,
    now: Timestamp,
) -> Result<([u8; 32], VerifiedProof), TokenRefused> {
    let (claims, key) = signed_by_its_own_key(proof).ok_or(TokenRefused::Proof)?;
    let verified = for_target(&claims, method, target, key.thumbprint(), now).ok_or(TokenRefused::Proof)?;
    Ok((*key.thumbprint(), verified))
}

fn for_target(
    claims: &Claims,
    method: &str,
    expected: &TargetUri,
    key: &[u8; 32],
    now: Timestamp,
) -> Option<VerifiedProof> {
    let id = claims.text("jti").ok()??;
    let made = claims.date("iat").ok()??;
    let target = TargetUri::parse(claims.get("htu").and_then(Value::as_str)?)?;
    let lately = made <= now.plus(WINDOW) && now.since(made) <= WINDOW;
    let fits = claims.text("htm").ok()?? == method && target == *expected && lately;
    if !fits || id.len() > ID_BYTES_MAX {
        return None;
    }
    let used = [key, id.as_bytes(), b"\0", target.as_str().as_bytes()].concat();
    Some(VerifiedProof {
        single_use: SingleUse::of(&[b"dpop\0", used.as_slice()].concat()),
        remember_until: made.plus(WINDOW).plus(REMEMBERED_LONGER),
    })
}
