//! A key pair that signs by one algorithm. Everything that is done with a private key, ring does; only the making of an
//! RSA key, which ring does not offer, is the `rsa` crate's, from a seed that we draw (ChaCha20 as the generator).
//!
//! P-256 and Ed25519 keys, and the random part of ECDSA and PSS signatures, come from ring's own source of randomness:
//! its trait cannot be implemented outside.

use super::algorithm::SigningAlgorithm;
use super::schedule::RsaBits;
use aldgate_core::token::jws::Compact;
use aldgate_core::token::verifying_key::VerifyingKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RSA_PSS_SHA256, RsaEncoding,
};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey as _;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// A private key in PKCS#8 (RFC 5958), DER.
pub(super) type Pkcs8 = Zeroizing<Vec<u8>>;

/// A seed of the generator of RSA keys.
pub(super) type Seed = Zeroizing<[u8; 32]>;

/// A key could not be made, read or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing key does not work")]
pub struct BrokenKey;

enum Private {
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>, &'static dyn RsaEncoding),
}

/// A key pair.
pub(crate) struct Pair {
    private: Private,
    random: SystemRandom,
    public: Map<String, Value>,
    verifying: VerifyingKey,
    key_id: String,
}

/// Makes a private key. For RSA it takes a core for a tenth of a second to some seconds: call it where one may block.
///
/// # Errors
/// [`BrokenKey`] if there is no randomness.
pub(super) fn make(algorithm: SigningAlgorithm, bits: RsaBits, seed: &Seed) -> Result<Pkcs8, BrokenKey> {
    let random = SystemRandom::new();
    let document = match algorithm {
        SigningAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
        SigningAlgorithm::Rs512 | SigningAlgorithm::Ps256 | SigningAlgorithm::Rs256 => return make_rsa(bits, seed),
    };
    document.map(|document| Zeroizing::new(document.as_ref().to_vec())).map_err(|_| BrokenKey)
}

fn make_rsa(bits: RsaBits, seed: &Seed) -> Result<Pkcs8, BrokenKey> {
    let key = RsaPrivateKey::new(&mut ChaCha20Rng::from_seed(**seed), bits.get()).map_err(|_| BrokenKey)?;
    key.to_pkcs8_der().map(|document| document.to_bytes()).map_err(|_| BrokenKey)
}

impl Pair {
    /// Reads a private key and proves that it signs what its public key verifies.
    ///
    /// # Errors
    /// [`BrokenKey`].
    pub(super) fn read(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Result<Self, BrokenKey> {
        let random = SystemRandom::new();
        let rsa = |by| RsaKeyPair::from_pkcs8(pkcs8).map(|pair| Private::Rsa(Box::new(pair), by));
        let private = match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).map(Private::Elliptic)
            }
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Private::Edwards),
            SigningAlgorithm::Rs512 => rsa(&RSA_PKCS1_SHA512),
            SigningAlgorithm::Ps256 => rsa(&RSA_PSS_SHA256),
            SigningAlgorithm::Rs256 => rsa(&RSA_PKCS1_SHA256),
        };
        let private = private.map_err(|_| BrokenKey)?;
        let mut public = public(&private);
        let named = Some(algorithm.as_str());
        let verifying = VerifyingKey::from_jwk(&public, named).map_err(|_| BrokenKey)?;
        let key_id = URL_SAFE_NO_PAD.encode(verifying.thumbprint());
        public.insert("alg".into(), algorithm.as_str().into());
        public.insert("use".into(), "sig".into());
        public.insert("kid".into(), key_id.as_str().into());
        let pair = Self { private, random, public, verifying, key_id };
        pair.prove(algorithm)?;
        Ok(pair)
    }

    /// FIPS 186-5 asks for it of each new pair; of one that comes from the disk, it tells that the disk has not erred.
    fn prove(&self, algorithm: SigningAlgorithm) -> Result<(), BrokenKey> {
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", encoded(&format!(r#"{{"alg":"{algorithm}"}}"#)), encoded("{}"));
        let text = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.sign(signed.as_bytes())?));
        let jws = Compact::parse(&text).map_err(|_| BrokenKey)?;
        self.verifying.verify(&jws).map(drop).map_err(|_| BrokenKey)
    }

    /// The signature over a text, in the form of a JWS.
    ///
    /// # Errors
    /// [`BrokenKey`] if ring refuses, as without randomness.
    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, BrokenKey> {
        match &self.private {
            Private::Elliptic(pair) => {
                pair.sign(&self.random, text).map(|signature| signature.as_ref().to_vec()).map_err(|_| BrokenKey)
            }
            Private::Edwards(pair) => Ok(pair.sign(text).as_ref().to_vec()),
            Private::Rsa(pair, by) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*by, &self.random, text, &mut signature).map_err(|_| BrokenKey)?;
                Ok(signature)
            }
        }
    }

    /// The public key, as it stands in the key set (RFC 7517).
    pub(super) const fn public(&self) -> &Map<String, Value> {
        &self.public
    }

    /// The public key, to verify with.
    pub(crate) const fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Its ID: the thumbprint of the public key (RFC 7638), base64url.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }
}

/// The members of the public key (RFC 7518, sections 6.2 and 6.3; RFC 8037, section 2).
fn public(private: &Private) -> Map<String, Value> {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let members = match private {
        Private::Elliptic(pair) => {
            // An uncompressed point: a 4, and two coordinates of 32 bytes.
            let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
            let (x, y) = point.split_at(point.len() / 2);
            vec![("kty", "EC".into()), ("crv", "P-256".into()), ("x", encoded(x)), ("y", encoded(y))]
        }
        Private::Edwards(pair) => {
            vec![("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", encoded(pair.public_key().as_ref()))]
        }
        Private::Rsa(pair, _) => {
            let public = PublicKeyComponents::<Vec<u8>>::from(pair.public());
            vec![("kty", "RSA".into()), ("n", encoded(&public.n)), ("e", encoded(&public.e))]
        }
    };
    members.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(algorithm: SigningAlgorithm, seed: u8) -> Pkcs8 {
        make(algorithm, RsaBits::B2048, &Zeroizing::new([seed; 32])).expect("a key")
    }

    #[test]
    fn ring_takes_every_key_that_is_made() {
        for algorithm in SigningAlgorithm::ALL {
            let (one, other) = (made(algorithm, 1), made(algorithm, 2));
            let [one, other] = [one, other].map(|pkcs8| Pair::read(algorithm, &pkcs8).expect("a pair"));
            assert_ne!(one.key_id(), other.key_id(), "{algorithm}");
            assert_eq!(one.public()["alg"], algorithm.as_str());
            assert!(!one.public().contains_key("d"), "{algorithm}: nothing private is published");
        }
    }

    #[test]
    fn a_key_of_another_kind_is_refused() {
        for (algorithm, other) in [
            (SigningAlgorithm::Es256, SigningAlgorithm::EdDsa),
            (SigningAlgorithm::EdDsa, SigningAlgorithm::Es256),
            (SigningAlgorithm::Rs512, SigningAlgorithm::Es256),
        ] {
            assert!(Pair::read(algorithm, &made(other, 1)).is_err(), "{other} as {algorithm}");
        }
        let mut cut = made(SigningAlgorithm::EdDsa, 1);
        cut.pop();
        assert!(Pair::read(SigningAlgorithm::EdDsa, &cut).is_err());
    }

    #[test]
    fn of_rsa_each_size_is_made() {
        let seed = Zeroizing::new([3; 32]);
        let pkcs8 = make(SigningAlgorithm::Rs512, RsaBits::B3072, &seed).expect("a key");
        let pair = Pair::read(SigningAlgorithm::Rs512, &pkcs8).expect("a pair");
        assert_eq!(pair.sign(b"x").expect("a signature").len(), 3_072 / 8);
    }
}
