//! The cryptography of `jsonwebtoken`, done by ring: its two built-in providers would bring a second C library or
//! slower code into the edge.
//!
//! Only the algorithms that Aldgate signs or accepts are here. Anything else is an error, never a fall-back.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey};

static PROVIDER: CryptoProvider =
    CryptoProvider { signer_factory: signer, verifier_factory: verifier, key_utils: KeyUtils::new_unimplemented() };

/// Makes ring the process's provider for JWTs. May be called often.
pub fn install() {
    // An error means that it was installed before, which is what is wanted.
    let _ = PROVIDER.install_default();
}

fn error(kind: ErrorKind) -> Error {
    Error::from(kind)
}

struct Es256Signer(EcdsaKeyPair, SystemRandom);

impl Signer<Vec<u8>> for Es256Signer {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        let signed = self.0.sign(&self.1, message).map_err(|_| signature::Error::new())?;
        Ok(signed.as_ref().to_vec())
    }
}

impl JwtSigner for Es256Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

struct Es256Verifier(Vec<u8>);

impl Verifier<Vec<u8>> for Es256Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.0);
        key.verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Es256Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let (Algorithm::ES256, jsonwebtoken::AlgorithmFamily::Ec) = (algorithm, key.family()) else {
        return Err(error(ErrorKind::InvalidAlgorithm));
    };
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_bytes(), &random);
    Ok(Box::new(Es256Signer(pair.map_err(|_| error(ErrorKind::InvalidEcdsaKey))?, random)))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let (Algorithm::ES256, jsonwebtoken::AlgorithmFamily::Ec) = (algorithm, key.family()) else {
        return Err(error(ErrorKind::InvalidAlgorithm));
    };
    Ok(Box::new(Es256Verifier(key.try_get_as_bytes()?.to_vec())))
}
