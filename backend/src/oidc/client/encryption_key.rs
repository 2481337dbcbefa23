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
use zeroize::Zeroizing;

/// A client's key.
#[derive(Debug, Clone)]
pub(crate) struct EncryptionKey(RsaPublicKey);

/// Nothing could be encrypted with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nothing can be encrypted with this key")]
pub(crate) struct NotEncrypted;

impl EncryptionKey {
    /// The key of a client that was registered with these: one that is for encrypting, else the first of RSA. A client
    /// whose keys are all of another kind has none.
    pub(super) fn of(keys: &PublicKeys) -> Option<Self> {
        let keys = match keys {
            PublicKeys::Pem(text) => vec![jwk_of_pem(text).ok()?],
            PublicKeys::Set(text) => listed(text)?,
        };
        let meant = keys.iter().find_map(|jwk| Self::of_jwk(jwk).filter(|_| jwk.get("use") == Some(&"enc".into())));
        meant.or_else(|| keys.iter().find_map(Self::of_jwk))
    }

    fn of_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        if jwk.get("kty")? != "RSA" {
            return None;
        }
        let number = |name| {
            let bytes = URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()?;
            Some(BoxedUint::from_be_slice_vartime(&bytes))
        };
        RsaPublicKey::new(number("n")?, number("e")?).ok().map(Self)
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

/// The keys of a set.
fn listed(text: &[u8]) -> Option<Vec<Map<String, Value>>> {
    let set: Value = serde_json::from_slice(text).ok()?;
    let keys = set.get("keys")?.as_array()?;
    Some(keys.iter().filter_map(Value::as_object).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::token_issuer::{Signer, key_set};
    use base64::engine::general_purpose::STANDARD;
    use rsa::RsaPrivateKey;
    use rsa::pkcs8::DecodePrivateKey as _;

    const PRIVATE: &str = include_str!("../../../../core/src/testing/rsa-2048.p8.b64");

    fn private() -> RsaPrivateKey {
        let der = STANDARD.decode(PRIVATE.replace('\n', "")).expect("base64");
        RsaPrivateKey::from_pkcs8_der(&der).expect("a key")
    }

    #[test]
    fn what_is_encrypted_the_client_alone_can_read() {
        let set = PublicKeys::Set(key_set([&Signer::new("ES256", "e"), &Signer::new("RS512", "r")]).into_bytes());
        let key = EncryptionKey::of(&set).expect("a key of RSA");
        let [one, other] = [1, 2].map(|seed| key.encrypt(b"content", &Zeroizing::new([seed; 32])).expect("encrypted"));
        assert_ne!(one, other, "each time another text");
        assert_eq!(private().decrypt(Oaep::<Sha1>::new(), &one).expect("decrypted"), b"content");
        assert_eq!(key.encrypt(&[0; 256], &Zeroizing::new([1; 32])), Err(NotEncrypted));
        let elliptic = PublicKeys::Set(key_set([&Signer::new("ES256", "e")]).into_bytes());
        assert!(EncryptionKey::of(&elliptic).is_none());
        for bad in ["", "{}", r#"{"keys":[1,{"kty":"RSA"},{"kty":"RSA","n":"AA","e":"AQAB"}]}"#] {
            assert!(EncryptionKey::of(&PublicKeys::Set(bad.into())).is_none(), "{bad}");
        }
    }
}
