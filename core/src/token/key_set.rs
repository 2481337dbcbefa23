//! An issuer's key set (RFC 7517, section 5): which keys verify its access tokens, each for one algorithm.
//!
//! What says that it is for something else is passed over, as RFC 7517 asks: another `use`, `key_ops` without `verify`,
//! a type, curve, size or algorithm that is not verified here, an RSA key of which nobody says for which algorithm it
//! is.
//! What is wrong makes the whole set refused, so that the one before it stays: text that is not strict JSON, a secret
//! or malformed key, one `kid` on two keys, one key for two algorithms, more than is bounded, or no key at all that
//! could verify anything.

use super::strict_json;
use super::verifying_key::{Unfit, VerifyingKey};
use serde_json::{Map, Value};

/// Longest text that is read; a set of four RSA keys with certificates has about 16 KiB.
pub const KEY_SET_BYTES_MAX: usize = 64 * 1024;

/// Most keys that a set may have; issuers publish two or three.
pub const KEYS_MAX: usize = 32;

/// Why a key set is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeySet {
    /// Too long, too many keys, or not a JSON object with a list of keys, each name once.
    #[error("the key set is malformed or too large")]
    Malformed,
    /// One of the keys.
    #[error("the key set is refused: {0}")]
    Key(#[from] Unfit),
    /// Two keys of one ID.
    #[error("the key set has two keys of one kid")]
    DoubledKeyId,
    /// One key for two algorithms (RFC 8725, section 3.1).
    #[error("the key set has one key for two algorithms")]
    TwoAlgorithms,
    /// Nothing would verify.
    #[error("the key set has no key that could verify an access token")]
    Empty,
}

/// An issuer's keys.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<(Option<String>, VerifyingKey)>,
}

impl KeySet {
    /// Reads a key set.
    ///
    /// # Errors
    /// [`BadKeySet`].
    pub fn parse(text: &[u8]) -> Result<Self, BadKeySet> {
        Self::parse_for(text, None)
    }

    /// Reads a key set whose owner signs by one algorithm of RSA, `rsa`, also where a key does not say so.
    ///
    /// # Errors
    /// [`BadKeySet`].
    pub fn parse_for(text: &[u8], rsa: Option<&str>) -> Result<Self, BadKeySet> {
        if text.len() > KEY_SET_BYTES_MAX {
            return Err(BadKeySet::Malformed);
        }
        let set = strict_json::object(text).map_err(|_| BadKeySet::Malformed)?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or(BadKeySet::Malformed)?;
        if listed.len() > KEYS_MAX {
            return Err(BadKeySet::Malformed);
        }
        let mut keys: Vec<(Option<String>, VerifyingKey)> = Vec::new();
        for jwk in listed {
            let jwk = jwk.as_object().ok_or(BadKeySet::Malformed)?;
            let unsaid = !jwk.contains_key("alg") && jwk.get("kty").is_some_and(|kty| kty == "RSA");
            let key = match VerifyingKey::from_jwk(jwk, rsa.filter(|_| unsaid)) {
                Err(Unfit::NotTaken) => continue,
                Err(unfit) => return Err(unfit.into()),
                Ok(_) if !is_for_verifying(jwk) => continue,
                Ok(key) => key,
            };
            let key_id = key_id(jwk)?;
            if key_id.is_some() && keys.iter().any(|(other, _)| *other == key_id) {
                return Err(BadKeySet::DoubledKeyId);
            }
            let same = |(_, other): &(_, VerifyingKey)| other.thumbprint() == key.thumbprint();
            if keys.iter().find(|other| same(other)).is_some_and(|(_, other)| other.algorithm() != key.algorithm()) {
                return Err(BadKeySet::TwoAlgorithms);
            }
            keys.push((key_id, key));
        }
        if keys.is_empty() { Err(BadKeySet::Empty) } else { Ok(Self { keys }) }
    }

    /// The key of an ID; where a token names none, the only key of the set. Never "the first".
    pub fn find(&self, key_id: Option<&str>) -> Option<&VerifyingKey> {
        match (key_id, self.keys.as_slice()) {
            (Some(key_id), keys) => keys.iter().find(|(kid, _)| kid.as_deref() == Some(key_id)).map(|(_, key)| key),
            (None, [(_, only)]) => Some(only),
            (None, _) => None,
        }
    }

    /// Whether a key, by its thumbprint, stands in the set: a token that it verified is good for as long.
    pub fn contains(&self, thumbprint: &[u8; 32]) -> bool {
        self.keys.iter().any(|(_, key)| key.thumbprint() == thumbprint)
    }
}

fn is_for_verifying(jwk: &Map<String, Value>) -> bool {
    let used = jwk.get("use").is_none_or(|used| used == "sig");
    let operations =
        jwk.get("key_ops").is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.contains(&"verify".into())));
    used && operations
}

fn key_id(jwk: &Map<String, Value>) -> Result<Option<String>, BadKeySet> {
    match jwk.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.clone())),
        Some(_) => Err(BadKeySet::Malformed),
    }
}
