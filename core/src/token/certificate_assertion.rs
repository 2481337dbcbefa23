//! The certificate assertion: by which the gate, where TLS ends, tells the backend which certificate the client has shown
//! (RFC 8705, section 6.5, asks for a way that no client can speak by).
//!
//! A short-lived JWT under the key of the identity assertions, with a `typ` of its own (RFC 8725, section 3.11) and the
//! backend as `aud`. Clients' headers of its name are struck like all of ours; but the backend believes the signature,
//! and not that.

use super::identity_assertion::{BrokenSigningKey, IdentityRefused, LIFETIME, SigningKey, Verifier, in_time};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// The `typ` header of a certificate assertion.
pub const TYPE: &str = "aldgate-certificate+jwt";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    /// The certificate's thumbprint, as in `x5t#S256`.
    sub: String,
    names: Vec<String>,
    iat: u64,
    exp: u64,
}

/// Proof that the client of a request has shown a certificate, and holds its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCertificate {
    sha256: [u8; 32],
    names: Vec<String>,
}

impl ShownCertificate {
    /// Its thumbprint (RFC 8705, section 3.1).
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// Whether it has this name: a DNS name in lower case, or a URI.
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|one| one == name)
    }
}

impl SigningKey {
    /// Signs which certificate was shown, for one service.
    ///
    /// # Errors
    /// [`BrokenSigningKey`] if ring refuses to sign.
    pub fn mint_for_certificate(
        &self,
        issuer: &str,
        audience: &str,
        sha256: &[u8; 32],
        names: &[String],
        now: Timestamp,
    ) -> Result<String, BrokenSigningKey> {
        let claims = Claims {
            iss: issuer.into(),
            aud: audience.into(),
            sub: URL_SAFE_NO_PAD.encode(sha256),
            names: names.to_vec(),
            iat: now.as_secs(),
            exp: now.plus(LIFETIME).as_secs(),
        };
        self.sign(TYPE, &claims)
    }
}

impl Verifier {
    /// Verifies a certificate assertion.
    ///
    /// # Errors
    /// [`IdentityRefused`].
    pub fn verify_for_certificate(&self, jwt: &str, now: Timestamp) -> Result<ShownCertificate, IdentityRefused> {
        let claims: Claims = self.signed(TYPE, jwt)?;
        in_time(claims.iat, claims.exp, now)?;
        let mut sha256 = [0; 32];
        match URL_SAFE_NO_PAD.decode_slice(&claims.sub, &mut sha256) {
            Ok(32) => Ok(ShownCertificate { sha256, names: claims.names }),
            _ => Err(IdentityRefused::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;
    use crate::testing::world::{NOW, session_record};
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use std::time::Duration;

    const GATE: &str = "https://gate";

    fn key() -> SigningKey {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("key");
        SigningKey::from_pkcs8(pkcs8.as_ref()).expect("key")
    }

    fn mint(key: &SigningKey, audience: &str) -> String {
        key.mint_for_certificate(GATE, audience, &[7; 32], &["client.example".into()], NOW).expect("signed")
    }

    #[test]
    fn the_backend_learns_which_certificate_was_shown() {
        let key = key();
        let verifier = Verifier::new(&key.key_set(), GATE, "backend").expect("a key set");
        let shown = verifier.verify_for_certificate(&mint(&key, "backend"), NOW).expect("verified");
        assert_eq!(shown.sha256(), &[7; 32]);
        assert!(shown.has("client.example") && !shown.has("other.example"));
        let late = verifier.verify_for_certificate(&mint(&key, "backend"), NOW.plus(Duration::from_mins(1)));
        assert_eq!(late, Err(IdentityRefused::OutOfDate));
    }

    #[test]
    fn nothing_else_that_the_gate_signs_is_one_and_no_other_gates() {
        let (key, other) = (key(), self::key());
        let verifier = Verifier::new(&key.key_set(), GATE, "backend").expect("a key set");
        let verify = |jwt: &str| verifier.verify_for_certificate(jwt, NOW);
        let identity = key.mint(GATE, "backend", SessionId::from_bytes([5; 16]), &session_record(), NOW).expect("jwt");
        assert_eq!(verify(&identity), Err(IdentityRefused::Type));
        let certificate = mint(&key, "backend");
        assert_eq!(verifier.verify(&certificate, NOW).map(drop), Err(IdentityRefused::Type));
        assert_eq!(verify(&mint(&key, "service")), Err(IdentityRefused::NotOurs));
        assert_eq!(verify(&mint(&other, "backend")), Err(IdentityRefused::UnknownKey));
        for at in 0..certificate.len() {
            let mut forged = certificate.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(verify(&String::from_utf8(forged).expect("ASCII")).is_err(), "character {at}");
        }
    }
}
