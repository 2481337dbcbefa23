//! A public key with which somebody else's signatures are verified: read from a JWK (RFC 7517, RFC 7518, RFC 8037),
//! bound to one algorithm (RFC 8725, section 3.1), named by its thumbprint (RFC 7638).

use super::jws::Compact;
use super::ring_provider;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

const RSA_MODULUS_BYTES_MIN: usize = 256; // 2,048 bits: FAPI 2.0, section 5.4; ring takes no less.
const RSA_MODULUS_BYTES_MAX: usize = 512; // 4,096 bits; larger keys only cost time.
const RSA_EXPONENT_BYTES_MAX: usize = 4; // 65,537 in practice.

/// Members that only a private key has (RFC 7518, sections 6.2.2 and 6.3.2; RFC 8037, section 2).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// Why a JWK gives no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is symmetric, or has a private member: whoever shows it has shown a secret.
    #[error("a secret key stands where only public ones may")]
    Secret,
    /// A member is missing or cannot be read, or the members contradict one another.
    #[error("a key is malformed")]
    Malformed,
    /// It is of a type, curve, size or algorithm that is not verified here.
    #[error("a key is of a kind that is not taken")]
    NotTaken,
}

/// The signature is not this key's, or names another algorithm than the key's one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key and the one algorithm that it is for.
#[derive(Debug, Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key: DecodingKey,
    thumbprint: [u8; 32],
}

/// The algorithm of a name, if it is one that is verified here: no `none`, nothing symmetric (RFC 7518, section 3.1).
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        _ => return None,
    })
}

const fn is_rsa(algorithm: Algorithm) -> bool {
    use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
    matches!(algorithm, RS256 | RS384 | RS512 | PS256 | PS384 | PS512)
}

fn text<'j>(jwk: &'j Map<String, Value>, name: &str) -> Result<&'j str, Unfit> {
    jwk.get(name).and_then(Value::as_str).ok_or(Unfit::Malformed)
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Unfit> {
    URL_SAFE_NO_PAD.decode(text(jwk, name)?).map_err(|_| Unfit::Malformed)
}

/// The thumbprint of a JWK of which these are the required members, in the order of RFC 7638, section 3.2. Their values
/// need no escaping: they have just been read as base64url or compared with a constant.
fn thumbprint(members: &[(&str, &str)]) -> [u8; 32] {
    let members: Vec<_> = members.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect();
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes()).as_ref());
    out
}

impl VerifyingKey {
    /// Reads a JWK. Its algorithm is the one that its `alg` names, else `named`, else the only one that its type
    /// allows.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn from_jwk(jwk: &Map<String, Value>, named: Option<&str>) -> Result<Self, Unfit> {
        if jwk.get("kty").and_then(Value::as_str) == Some("oct") || PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
            return Err(Unfit::Secret);
        }
        let name = match (jwk.get("alg").map(|alg| alg.as_str().ok_or(Unfit::Malformed)).transpose()?, named) {
            (Some(own), Some(named)) if own != named => return Err(Unfit::Malformed),
            (own, named) => own.or(named),
        };
        let named = name.map(|name| algorithm(name).ok_or(Unfit::NotTaken)).transpose()?;
        ring_provider::install();
        match text(jwk, "kty")? {
            "EC" => Self::elliptic(jwk, named),
            "OKP" => Self::edwards(jwk, named),
            "RSA" => Self::rsa(jwk, named),
            _ => Err(Unfit::NotTaken),
        }
    }

    fn elliptic(jwk: &Map<String, Value>, named: Option<Algorithm>) -> Result<Self, Unfit> {
        let crv = text(jwk, "crv")?;
        let (algorithm, coordinate) = match crv {
            "P-256" => (Algorithm::ES256, 32),
            "P-384" => (Algorithm::ES384, 48),
            _ => return Err(Unfit::NotTaken),
        };
        let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
        if named.is_some_and(|named| named != algorithm) || x.len() != coordinate || y.len() != coordinate {
            return Err(Unfit::Malformed);
        }
        let members = [("crv", crv), ("kty", "EC"), ("x", text(jwk, "x")?), ("y", text(jwk, "y")?)];
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        Ok(Self { algorithm, key: DecodingKey::from_ec_der(&point), thumbprint: thumbprint(&members) })
    }

    fn edwards(jwk: &Map<String, Value>, named: Option<Algorithm>) -> Result<Self, Unfit> {
        if text(jwk, "crv")? != "Ed25519" {
            return Err(Unfit::NotTaken);
        }
        let x = bytes(jwk, "x")?;
        if named.is_some_and(|named| named != Algorithm::EdDSA) || x.len() != 32 {
            return Err(Unfit::Malformed);
        }
        let members = [("crv", "Ed25519"), ("kty", "OKP"), ("x", text(jwk, "x")?)];
        let algorithm = Algorithm::EdDSA;
        Ok(Self { algorithm, key: DecodingKey::from_ed_der(&x), thumbprint: thumbprint(&members) })
    }

    fn rsa(jwk: &Map<String, Value>, named: Option<Algorithm>) -> Result<Self, Unfit> {
        // Six algorithms are possible: a key that does not say which is a key for none.
        let algorithm = named.ok_or(Unfit::NotTaken)?;
        let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
        let well_formed = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
        if !is_rsa(algorithm) || !well_formed(&n) || !well_formed(&e) {
            return Err(Unfit::Malformed);
        }
        let sized = (RSA_MODULUS_BYTES_MIN..=RSA_MODULUS_BYTES_MAX).contains(&n.len());
        if !sized || e.len() > RSA_EXPONENT_BYTES_MAX || n.first().is_some_and(|first| n.len() == 256 && *first < 0x80)
        {
            return Err(Unfit::NotTaken);
        }
        let members = [("e", text(jwk, "e")?), ("kty", "RSA"), ("n", text(jwk, "n")?)];
        let key = DecodingKey::from_rsa_raw_components(&n, &e);
        Ok(Self { algorithm, key, thumbprint: thumbprint(&members) })
    }

    /// The one algorithm that it is for.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// SHA-256 thumbprint (RFC 7638).
    pub const fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Verifies a signed text; gives its payload, which is believed from here on.
    ///
    /// # Errors
    /// [`BadSignature`], also if the text names another algorithm.
    pub fn verify<'j>(&self, jws: &'j Compact<'_>) -> Result<&'j [u8], BadSignature> {
        if jws.algorithm() != self.algorithm {
            return Err(BadSignature);
        }
        let verified =
            jsonwebtoken::crypto::verify(jws.signature(), jws.signed().as_bytes(), &self.key, self.algorithm);
        if verified == Ok(true) { Ok(jws.payload()) } else { Err(BadSignature) }
    }
}
