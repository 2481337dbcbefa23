//! The cryptography of `jsonwebtoken`, done by ring: its two built-in providers would bring a second C library or
//! slower code into the edge.
//!
//! Only the algorithms that Aldgate signs (ES256) or accepts are here. Anything else is an error, never a fall-back.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ED25519, EcdsaKeyPair,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};

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

/// A key whose bytes ring takes as they are: a point on a curve.
struct PointVerifier {
    algorithm: Algorithm,
    by: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
}

impl Verifier<Vec<u8>> for PointVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let key = UnparsedPublicKey::new(self.by, &self.key);
        key.verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for PointVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

struct RsaVerifier {
    algorithm: Algorithm,
    by: &'static RsaParameters,
    key: RsaPublicKeyComponents<Vec<u8>>,
}

impl Verifier<Vec<u8>> for RsaVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        self.key.verify(self.by, message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RsaVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let (Algorithm::ES256, AlgorithmFamily::Ec) = (algorithm, key.family()) else {
        return Err(error(ErrorKind::InvalidAlgorithm));
    };
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_bytes(), &random);
    Ok(Box::new(Es256Signer(pair.map_err(|_| error(ErrorKind::InvalidEcdsaKey))?, random)))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let point = |by: &'static dyn VerificationAlgorithm| -> Result<Box<dyn JwtVerifier>> {
        Ok(Box::new(PointVerifier { algorithm: *algorithm, by, key: key.try_get_as_bytes()?.to_vec() }))
    };
    let rsa = |by: &'static RsaParameters| -> Result<Box<dyn JwtVerifier>> {
        let DecodingKeyKind::RsaModulusExponent { n, e } = key.kind() else {
            return Err(error(ErrorKind::InvalidKeyFormat));
        };
        let key = RsaPublicKeyComponents { n: n.clone(), e: e.clone() };
        Ok(Box::new(RsaVerifier { algorithm: *algorithm, by, key }))
    };
    match (algorithm, key.family()) {
        (Algorithm::ES256, AlgorithmFamily::Ec) => point(&ECDSA_P256_SHA256_FIXED),
        (Algorithm::ES384, AlgorithmFamily::Ec) => point(&ECDSA_P384_SHA384_FIXED),
        (Algorithm::EdDSA, AlgorithmFamily::Ed) => point(&ED25519),
        (Algorithm::RS256, AlgorithmFamily::Rsa) => rsa(&RSA_PKCS1_2048_8192_SHA256),
        (Algorithm::RS384, AlgorithmFamily::Rsa) => rsa(&RSA_PKCS1_2048_8192_SHA384),
        (Algorithm::RS512, AlgorithmFamily::Rsa) => rsa(&RSA_PKCS1_2048_8192_SHA512),
        (Algorithm::PS256, AlgorithmFamily::Rsa) => rsa(&RSA_PSS_2048_8192_SHA256),
        (Algorithm::PS384, AlgorithmFamily::Rsa) => rsa(&RSA_PSS_2048_8192_SHA384),
        (Algorithm::PS512, AlgorithmFamily::Rsa) => rsa(&RSA_PSS_2048_8192_SHA512),
        _ => Err(error(ErrorKind::InvalidAlgorithm)),
    }
}
