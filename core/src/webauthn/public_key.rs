//! A credential's public key: read from COSE (RFC 9052, RFC 9053, RFC 8230), kept in the form that ring verifies
//! with, so that no key is decoded on the hot path.

use minicbor::Decoder;
use minicbor::data::Type;
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

/// COSE algorithm identifiers that we offer, best first (IANA, "COSE Algorithms").
pub const OFFERED_ALGORITHMS: [i64; 4] = [ES256, EDDSA, ES384, RS256];

/// ECDSA on P-256 with SHA-256.
pub const ES256: i64 = -7;
/// EdDSA; only on Ed25519.
pub const EDDSA: i64 = -8;
/// ECDSA on P-384 with SHA-384.
pub const ES384: i64 = -35;
/// RSASSA-PKCS1-v1_5 with SHA-256.
pub const RS256: i64 = -257;

const RSA_MODULUS_BYTES_MIN: usize = 256; // 2,048 bits, as ring demands.
const RSA_MODULUS_BYTES_MAX: usize = 512; // 4,096 bits; larger keys only cost time.
const RSA_EXPONENT_BYTES_MAX: usize = 4; // 65,537 in practice.

/// The key is not well-formed COSE, or of no kind that we offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credential public key is malformed or of a kind that was not offered")]
pub struct MalformedKey;

/// The signature is not this key's over this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// A public key, ready to verify with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// P-256, uncompressed SEC1 point.
    Es256(Box<[u8; 65]>),
    /// P-384, uncompressed SEC1 point.
    Es384(Box<[u8; 97]>),
    /// Ed25519.
    EdDsa(Box<[u8; 32]>),
    /// RSA, big-endian modulus and exponent without leading zeros.
    Rs256 {
        /// Modulus.
        n: Box<[u8]>,
        /// Public exponent.
        e: Box<[u8]>,
    },
}

/// The members of a COSE key that matter here, by label.
#[derive(Default)]
struct CoseMembers<'a> {
    kty: Option<i64>,
    alg: Option<i64>,
    curve: Option<i64>,
    minus1: Option<&'a [u8]>,
    minus2: Option<&'a [u8]>,
    minus3: Option<&'a [u8]>,
}

fn put<T>(slot: &mut Option<T>, value: T) -> Result<(), MalformedKey> {
    if slot.replace(value).is_some() { Err(MalformedKey) } else { Ok(()) }
}

impl<'a> CoseMembers<'a> {
    /// Reads one map of definite length with integer labels, each at most once.
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), MalformedKey> {
        let mut cbor = Decoder::new(bytes);
        let pairs = cbor.map().ok().flatten().filter(|pairs| *pairs <= 8).ok_or(MalformedKey)?;
        let mut members = Self::default();
        for _ in 0..pairs {
            members.read_pair(&mut cbor)?;
        }
        Ok((members, cbor.position()))
    }

    fn read_pair(&mut self, cbor: &mut Decoder<'a>) -> Result<(), MalformedKey> {
        let label = cbor.i64().map_err(|_| MalformedKey)?;
        let is_bytes = cbor.datatype().map_err(|_| MalformedKey)? == Type::Bytes;
        match (label, is_bytes) {
            (1, false) => put(&mut self.kty, cbor.i64().map_err(|_| MalformedKey)?),
            (3, false) => put(&mut self.alg, cbor.i64().map_err(|_| MalformedKey)?),
            (-1, false) => put(&mut self.curve, cbor.i64().map_err(|_| MalformedKey)?),
            (-1, true) => put(&mut self.minus1, cbor.bytes().map_err(|_| MalformedKey)?),
            (-2, true) => put(&mut self.minus2, cbor.bytes().map_err(|_| MalformedKey)?),
            (-3, true) => put(&mut self.minus3, cbor.bytes().map_err(|_| MalformedKey)?),
            _ => Err(MalformedKey),
        }
    }

    fn point<const N: usize>(&self) -> Result<Box<[u8; N]>, MalformedKey> {
        let (x, y) = self.minus2.zip(self.minus3).ok_or(MalformedKey)?;
        let half = (N - 1) / 2;
        if x.len() != half || y.len() != half {
            return Err(MalformedKey);
        }
        let mut sec1 = Box::new([0; N]);
        sec1[0] = 4;
        sec1[1..=half].copy_from_slice(x);
        sec1[1 + half..].copy_from_slice(y);
        Ok(sec1)
    }

    fn rsa(&self) -> Result<PublicKey, MalformedKey> {
        let (n, e) = self.minus1.zip(self.minus2).ok_or(MalformedKey)?;
        let n_fits = (RSA_MODULUS_BYTES_MIN..=RSA_MODULUS_BYTES_MAX).contains(&n.len());
        let e_fits = (1..=RSA_EXPONENT_BYTES_MAX).contains(&e.len());
        if !n_fits || !e_fits || n[0] == 0 || e[0] == 0 {
            return Err(MalformedKey);
        }
        Ok(PublicKey::Rs256 { n: n.into(), e: e.into() })
    }
}

impl PublicKey {
    /// Reads a COSE_Key that begins at `bytes`; also gives how many bytes it took.
    ///
    /// # Errors
    /// [`MalformedKey`], also for a key type, curve and algorithm that do not belong together.
    pub fn from_cose(bytes: &[u8]) -> Result<(Self, usize), MalformedKey> {
        let (members, used) = CoseMembers::read(bytes)?;
        let key = match (members.kty, members.alg, members.curve) {
            (Some(2), Some(ES256), Some(1)) => Self::Es256(members.point()?),
            (Some(2), Some(ES384), Some(2)) => Self::Es384(members.point()?),
            (Some(1), Some(EDDSA), Some(6)) => {
                let x = members.minus2.and_then(|x| x.try_into().ok()).ok_or(MalformedKey)?;
                Self::EdDsa(Box::new(x))
            }
            (Some(3), Some(RS256), None) => members.rsa()?,
            _ => return Err(MalformedKey),
        };
        Ok((key, used))
    }

    /// The COSE algorithm identifier.
    pub const fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => ES256,
            Self::Es384(_) => ES384,
            Self::EdDsa(_) => EDDSA,
            Self::Rs256 { .. } => RS256,
        }
    }

    /// Verifies a WebAuthn signature (section 6.5.5: ECDSA signatures are DER, and ring takes no other spelling).
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match self {
            Self::Es256(key) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, &key[..]).verify(message, signature)
            }
            Self::Es384(key) => {
                UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_ASN1, &key[..]).verify(message, signature)
            }
            Self::EdDsa(key) => UnparsedPublicKey::new(&signature::ED25519, &key[..]).verify(message, signature),
            Self::Rs256 { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
        }
        .map_err(|_| BadSignature)
    }

    /// The key's bytes in a record: one byte for the kind, then the key (RSA: exponent's length, exponent, modulus).
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Es256(key) => {
                out.push(1);
                out.extend_from_slice(&key[..]);
            }
            Self::Es384(key) => {
                out.push(2);
                out.extend_from_slice(&key[..]);
            }
            Self::EdDsa(key) => {
                out.push(3);
                out.extend_from_slice(&key[..]);
            }
            Self::Rs256 { n, e } => {
                out.push(4);
                out.extend(u8::try_from(e.len()));
                out.extend_from_slice(e);
                out.extend_from_slice(n);
            }
        }
    }

    /// Reads what [`PublicKey::encode`] wrote, all of it; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, key) = bytes.split_first()?;
        match kind {
            1 => key.try_into().ok().map(|key| Self::Es256(Box::new(key))),
            2 => key.try_into().ok().map(|key| Self::Es384(Box::new(key))),
            3 => key.try_into().ok().map(|key| Self::EdDsa(Box::new(key))),
            4 => {
                let (len, rest) = key.split_first()?;
                let (e, n) = rest.split_at_checked(usize::from(*len))?;
                Some(Self::Rs256 { n: n.into(), e: e.into() })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// {1: kty, 3: alg, -1: crv, -2: x, -3: y} with one-byte integers.
    fn ec(alg: u8, crv: u8, x: &[u8], y: &[u8]) -> Vec<u8> {
        let mut cose = vec![0xa5, 0x01, 0x02, 0x03, alg, 0x20, crv, 0x21, 0x58, x.len() as u8];
        cose.extend_from_slice(x);
        cose.extend_from_slice(&[0x22, 0x58, y.len() as u8]);
        cose.extend_from_slice(y);
        cose
    }

    #[test]
    fn a_p256_key_is_read_to_its_last_byte() {
        let mut cose = ec(0x26, 1, &[1; 32], &[2; 32]);
        let len = cose.len();
        cose.push(0xff);
        let (key, used) = PublicKey::from_cose(&cose).expect("key");
        assert_eq!((key.algorithm(), used), (ES256, len));
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        assert_eq!(PublicKey::decode(&bytes), Some(key));
    }

    #[test]
    fn members_that_do_not_belong_together_are_refused() {
        assert_eq!(PublicKey::from_cose(&ec(0x26, 2, &[1; 32], &[2; 32])), Err(MalformedKey), "curve of ES384");
        assert_eq!(PublicKey::from_cose(&ec(0x26, 1, &[1; 31], &[2; 32])), Err(MalformedKey), "short x");
        let doubled = [0xa3, 0x01, 0x02, 0x01, 0x02, 0x03, 0x26];
        assert_eq!(PublicKey::from_cose(&doubled), Err(MalformedKey), "kty twice");
        assert_eq!(PublicKey::from_cose(&[0xbf, 0xff]), Err(MalformedKey), "indefinite length");
        assert_eq!(PublicKey::from_cose(&[]), Err(MalformedKey));
    }
}
