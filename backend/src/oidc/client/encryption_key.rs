//! A client's public key as one encrypts with it: RSAES-OAEP (RFC 8017, section 7.1) with that document's default hash, which is
//! what "PKCS1-OAEP" means where nothing else is said (appendix A.2.1: SHA-1, whose collisions do not touch OAEP).
//!
//! ring encrypts nothing with RSA. The `rsa` crate does; what is known to leak of it is the use of private keys, and there
//! is none here.

use super::PublicKeys;
use crate::oidc::client_assertion::jwk_of_pem;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rsa::{BoxedUint, Oaep, RsaPublicKey};
use serde_json::{Map, Value};
use sha1::Sha1;
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// Bits of a key: what is shorter is broken sooner or later, or holds no content at all; what is longer only costs time.
const BITS: RangeInclusive<u32> = 2_048..=4_096;

/// A client's key.
#[derive(Debug, Clone)]
pub(crate) struct EncryptionKey(RsaPublicKey);

/// A key of RSA that nothing should be encrypted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("hold a key of RSA that is malformed, or has not 2,048 to 4,096 bits")]
pub(crate) struct Unfit;

/// Nothing could be encrypted with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be encrypted with this key")]
pub(crate) struct NotEncrypted;

impl EncryptionKey {
    /// The key of a client that was registered with these: one that is for encrypting, else the first of RSA. A client
    /// whose keys are all of another kind has none.
    ///
    /// # Errors
    /// [`Unfit`] if any of RSA is, whichever it is: with one of them left out, another would be taken than was meant.
    pub(super) fn of(keys: &PublicKeys) -> Result<Option<Self>, Unfit> {
        let mut all = Vec::new();
        for jwk in listed(keys).iter().filter(|jwk| jwk.get("kty").is_some_and(|kty| kty == "RSA")) {
            all.push((jwk.get("use").is_some_and(|used| used == "enc"), Self::of_jwk(jwk).ok_or(Unfit)?));
        }
        let meant = all.iter().position(|(meant, _)| *meant).unwrap_or(0);
        Ok(all.into_iter().nth(meant).map(|(_, key)| key))
    }

    fn of_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        let number = |name| {
            let bytes = URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()?;
            Some(BoxedUint::from_be_slice_vartime(&bytes))
        };
        let modulus = number("n")?;
        if !BITS.contains(&modulus.bit_width_vartime()) {
            return None;
        }
        RsaPublicKey::new(modulus, number("e")?).ok().map(Self)
    }

    /// Encrypts a content; the randomness is drawn from a seed that is used once.
    ///
    /// # Errors
    /// [`NotEncrypted`] if it is too long for the key.
    pub(crate) fn encrypt(&self, content: &[u8], seed: &Zeroizing<[u8; 32]>) -> Result<Vec<u8>, NotEncrypted> {
        let mut random = ChaCha20Rng::from_seed(**seed);
        self.0.encrypt(&mut random, Oaep::<Sha1>::new(), content).map_err(|_| NotEncrypted)
    }
}

/// The keys, as JWKs; nothing of what is none.
fn listed(keys: &PublicKeys) -> Vec<Map<String, Value>> {
    match keys {
        PublicKeys::Pem(text) => jwk_of_pem(text).into_iter().collect(),
        PublicKeys::Set(text) => {
            let set: Value = serde_json::from_slice(text).unwrap_or_default();
            let keys = set.get("keys").and_then(Value::as_array);
            keys.into_iter().flatten().filter_map(Value::as_object).cloned().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::client::tests::registration;
    use crate::oidc::client::{Client, Registration};
    use aldgate_core::testing::token_issuer::{Signer, key_set};
    use base64::engine::general_purpose::STANDARD;
    use rsa::RsaPrivateKey;
    use rsa::pkcs8::DecodePrivateKey as _;
    use serde_json::json;

    const PRIVATE: &str = include_str!("../../../../core/src/testing/rsa-2048.p8.b64");

    fn private() -> RsaPrivateKey {
        let der = STANDARD.decode(PRIVATE.replace('\n', "")).expect("base64");
        RsaPrivateKey::from_pkcs8_der(&der).expect("a key")
    }

    #[test]
    fn what_is_encrypted_the_client_alone_can_read() {
        let set = PublicKeys::Set(key_set([&Signer::new("ES256", "e"), &Signer::new("RS512", "r")]).into_bytes());
        let key = EncryptionKey::of(&set).expect("fit").expect("a key of RSA");
        let [one, other] = [1, 2].map(|seed| key.encrypt(b"content", &Zeroizing::new([seed; 32])).expect("encrypted"));
        assert_ne!(one, other, "each time another text");
        assert_eq!(private().decrypt(Oaep::<Sha1>::new(), &one).expect("decrypted"), b"content");
        assert_eq!(key.encrypt(&[0; 256], &Zeroizing::new([1; 32])), Err(NotEncrypted));
        let elliptic = PublicKeys::Set(key_set([&Signer::new("ES256", "e")]).into_bytes());
        assert!(EncryptionKey::of(&elliptic).expect("fit").is_none());
        for none in ["", "{}", r#"{"keys":[1,{"kty":"EC"}]}"#] {
            assert!(EncryptionKey::of(&PublicKeys::Set(none.into())).expect("fit").is_none(), "{none}");
        }
    }

    /// A set with a key that is fit, and before it one of a modulus of so many bits.
    fn with_bits(bits: usize, meant_for: &str) -> PublicKeys {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= modulus.len() * 8 - bits;
        let rsa =
            json!({"kty": "RSA", "kid": "x", "use": meant_for, "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"});
        let mut set: Value = serde_json::from_str(&key_set([&Signer::new("RS512", "r")])).expect("JSON");
        set["keys"].as_array_mut().expect("keys").insert(0, rsa);
        PublicKeys::Set(set.to_string().into_bytes())
    }

    #[test]
    fn a_key_that_is_too_short_or_too_long_is_refused_whatever_it_is_for() {
        for used in ["enc", "sig"] {
            for bits in [64, 464, 1_024, 2_047, 4_097, 8_192] {
                assert_eq!(EncryptionKey::of(&with_bits(bits, used)).err(), Some(Unfit), "{bits}");
            }
            for bits in [2_048, 3_072, 4_096] {
                let key = EncryptionKey::of(&with_bits(bits, used)).expect("fit").expect("a key");
                assert!(key.encrypt(&[0; 16], &Zeroizing::new([1; 32])).is_ok(), "{bits}");
            }
        }
        for bad in [r#"{"keys":[{"kty":"RSA"}]}"#, r#"{"keys":[{"kty":"RSA","n":"AA","e":"AQAB"}]}"#] {
            assert_eq!(EncryptionKey::of(&PublicKeys::Set(bad.into())).err(), Some(Unfit), "{bad}");
        }
        let short = Registration { keys: Some(with_bits(1_024, "enc")), ..registration("rp") };
        let faults = Client::register(&short).expect_err("refused");
        assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), ["keys"]);
    }
}
