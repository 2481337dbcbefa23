//! The public keys by which a client proves itself: a key set (RFC 7517), or one key as PEM, as services that join NHS
//! login hand theirs over.

use aldgate_core::token::key_set::{BadKeySet, KeySet};
use aldgate_core::token::verifying_key::{Unfit, VerifyingKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Longest PEM text that is read: a 4,096-bit key has 800 bytes.
const PEM_BYTES_MAX: usize = 8 * 1024;

/// What stands on a public key's PEM (RFC 7468, section 13).
const LABEL: &str = "PUBLIC KEY";

const ED25519: &str = "1.3.101.112"; // RFC 8410, section 3.

/// A client's keys.
#[derive(Debug, Clone)]
pub enum ClientKeys {
    /// Found by the `kid` of what they sign.
    Set(KeySet),
    /// The only one, whatever `kid` stands on what it signs: a PEM has no name.
    Single(Box<VerifyingKey>),
    /// It proves itself by a certificate, and signs nothing.
    None,
}

/// Why a text holds no keys of a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadClientKeys {
    /// The key set.
    #[error(transparent)]
    Set(#[from] BadKeySet),
    /// Not PEM, or more than one key in it.
    #[error("the text is not one public key in PEM (-----BEGIN PUBLIC KEY-----)")]
    NotPem,
    /// A private key.
    #[error("the text is a private key, which no client hands over: replace it")]
    Private,
    /// The key.
    #[error("{0} (of the algorithm that the client signs with)")]
    Key(#[from] Unfit),
}

impl ClientKeys {
    /// Reads a key set. `rsa` is the algorithm of RSA keys that do not name theirs.
    ///
    /// # Errors
    /// [`BadClientKeys`].
    pub fn from_jwks(text: &[u8], rsa: Option<&str>) -> Result<Self, BadClientKeys> {
        Ok(Self::Set(KeySet::parse_for(text, rsa)?))
    }

    /// Reads one public key (RFC 5280, SubjectPublicKeyInfo) in PEM, whose algorithm must be one of `taken`: that of its
    /// curve, or `rsa` for an RSA key, which could be for several.
    ///
    /// # Errors
    /// [`BadClientKeys`].
    pub fn from_pem(text: &[u8], rsa: &str, taken: &[Algorithm]) -> Result<Self, BadClientKeys> {
        let jwk = jwk_of_pem(text)?;
        let is_rsa = jwk.get("kty").is_some_and(|kty| kty == "RSA");
        let key = VerifyingKey::from_jwk(&jwk, is_rsa.then_some(rsa))?;
        if !taken.contains(&key.algorithm()) {
            return Err(Unfit::NotTaken.into());
        }
        Ok(Self::Single(Box::new(key)))
    }

    /// The key of an ID.
    pub(crate) fn find(&self, key_id: Option<&str>) -> Option<&VerifyingKey> {
        match self {
            Self::Set(set) => set.find(key_id),
            Self::Single(key) => Some(key),
            Self::None => None,
        }
    }
}

/// The one public key (RFC 5280, SubjectPublicKeyInfo) of a PEM text, as a JWK.
///
/// # Errors
/// [`BadClientKeys`].
pub(crate) fn jwk_of_pem(text: &[u8]) -> Result<Map<String, Value>, BadClientKeys> {
    if text.len() > PEM_BYTES_MAX {
        return Err(BadClientKeys::NotPem);
    }
    let pems: Result<Vec<_>, _> = Pem::iter_from_buffer(text).collect();
    let pems = pems.map_err(|_| BadClientKeys::NotPem)?;
    if pems.iter().any(|pem| pem.label.ends_with("PRIVATE KEY")) {
        return Err(BadClientKeys::Private);
    }
    let [pem] = pems.as_slice() else { return Err(BadClientKeys::NotPem) };
    if pem.label != LABEL {
        return Err(BadClientKeys::NotPem);
    }
    let (rest, info) = SubjectPublicKeyInfo::from_der(&pem.contents).map_err(|_| BadClientKeys::NotPem)?;
    jwk(&info).filter(|_| rest.is_empty()).ok_or(BadClientKeys::NotPem)
}

/// The same key as a JWK, so that there is one place that says which keys are taken.
fn jwk(info: &SubjectPublicKeyInfo<'_>) -> Option<Map<String, Value>> {
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let members = match info.parsed().ok()? {
        PublicKey::RSA(key) => {
            let unsigned = |number: &[u8]| encoded(number.strip_prefix(&[0]).unwrap_or(number));
            vec![("kty", "RSA".into()), ("n", unsigned(key.modulus)), ("e", unsigned(key.exponent))]
        }
        PublicKey::EC(point) => {
            let coordinates = point.data().strip_prefix(&[4])?;
            let (x, y) = coordinates.split_at(coordinates.len() / 2);
            let curve = match coordinates.len() {
                64 => "P-256",
                96 => "P-384",
                _ => return None,
            };
            vec![("kty", "EC".into()), ("crv", curve.into()), ("x", encoded(x)), ("y", encoded(y))]
        }
        PublicKey::Unknown(key) if info.algorithm.algorithm.to_id_string() == ED25519 => {
            vec![("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", encoded(key))]
        }
        _ => return None,
    };
    Some(members.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect())
}
