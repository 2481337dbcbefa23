//! What the proofs share: credential keys of all four kinds, a passkey that signs whatever it is told to, and the
//! bytes of a registration (WebAuthn Level 3, sections 6.1, 6.5.1 and 6.5.5; RFC 9053; RFC 8230).
//!
//! Nothing here asks for randomness: ECDSA nonces are those of RFC 6979, and the two other kinds need none. So every
//! signature is the same on every run.
#![allow(dead_code, reason = "each test binary uses its part")]

use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, CredentialDigest};
use aldgate_core::webauthn::authenticator_data::AuthenticatorData;
use aldgate_core::webauthn::credential::CredentialRecord;
use num_bigint::BigUint;
use p256::ecdsa::signature::Signer as _;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// Flags of authenticator data (section 6.1).
pub(crate) const UP: u8 = 0x01;
pub(crate) const UV: u8 = 0x04;
pub(crate) const BE: u8 = 0x08;
pub(crate) const BS: u8 = 0x10;
pub(crate) const AT: u8 = 0x40;
pub(crate) const ED: u8 = 0x80;

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("32 bytes")
}

/// A credential's private key.
pub(crate) enum CredentialKey {
    Es256(p256::ecdsa::SigningKey),
    Es384(p384::ecdsa::SigningKey),
    EdDsa(Ed25519KeyPair),
    Rs256(KnownRsa),
}

impl CredentialKey {
    pub(crate) fn es256(scalar: &[u8]) -> Self {
        Self::Es256(p256::ecdsa::SigningKey::from_slice(scalar).expect("a scalar in range"))
    }

    pub(crate) fn es384(scalar: &[u8]) -> Self {
        Self::Es384(p384::ecdsa::SigningKey::from_slice(scalar).expect("a scalar in range"))
    }

    pub(crate) fn eddsa(seed: &[u8]) -> Self {
        Self::EdDsa(Ed25519KeyPair::from_seed_unchecked(seed).expect("32 bytes"))
    }

    /// The RSA key of the Recommendation's test vectors, of 3,482 bits: its primes are the two smallest Mersenne
    /// primes 2^p - 1 with p >= 1024, which are those of p = 1279 and p = 2203.
    pub(crate) fn rs256_mersenne() -> Self {
        let mersenne = |p: u32| (BigUint::from(1_u8) << p) - BigUint::from(1_u8);
        Self::Rs256(KnownRsa::of(&mersenne(1279), &mersenne(2203)))
    }

    /// An RSA key of 2,048 bits, the only size that webauthn-rs takes: its primes are the two greatest below 2^1024.
    pub(crate) fn rs256() -> Self {
        let below = |k: u32| (BigUint::from(1_u8) << 1024_u32) - BigUint::from(k);
        Self::Rs256(KnownRsa::of(&below(105), &below(179)))
    }

    /// The signature that an authenticator would give (section 6.5.5).
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Self::Es384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => key.sign(message),
        }
    }

    /// The public key as COSE_Key, in the canonical order of CTAP2.
    pub(crate) fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                [&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32], x, &[0x22, 0x58, 32], y].concat()
            }
            Self::Es384(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(48);
                [&[0xa5, 0x01, 0x02, 0x03, 0x38, 0x22, 0x20, 0x02, 0x21, 0x58, 48], x, &[0x22, 0x58, 48], y].concat()
            }
            Self::EdDsa(key) => {
                [&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 32], key.public_key().as_ref()].concat()
            }
            Self::Rs256(key) => {
                let n = key.n.to_bytes_be();
                let len = u16::try_from(n.len()).expect("a short modulus").to_be_bytes();
                let head = [0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20, 0x59];
                [&head, &len[..], &n, &[0x21, 0x43, 0x01, 0x00, 0x01]].concat()
            }
        }
    }
}

/// An RSA key with the public exponent 65,537. Its primes are of a known form, so it is no secret at all.
pub(crate) struct KnownRsa {
    n: BigUint,
    d: BigUint,
}

impl KnownRsa {
    fn of(p: &BigUint, q: &BigUint) -> Self {
        let one = BigUint::from(1_u8);
        let phi = (p - &one) * (q - &one);
        let d = BigUint::from(65_537_u32).modinv(&phi).expect("65,537 has an inverse");
        Self { n: p * q, d }
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, sections 8.2.1 and 9.2).
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        const DIGEST_INFO: [u8; 19] = [
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
            0x20,
        ];
        let len = self.n.to_bytes_be().len();
        let mut encoded = vec![0xff; len];
        encoded[..2].copy_from_slice(&[0x00, 0x01]);
        encoded[len - 52] = 0;
        encoded[len - 51..len - 32].copy_from_slice(&DIGEST_INFO);
        encoded[len - 32..].copy_from_slice(&sha256(message));
        let signature = BigUint::from_bytes_be(&encoded).modpow(&self.d, &self.n).to_bytes_be();
        [vec![0; len - signature.len()], signature].concat()
    }
}

/// A passkey: what an authenticator keeps.
pub(crate) struct Passkey {
    pub(crate) key: CredentialKey,
    pub(crate) credential_id: Vec<u8>,
    pub(crate) account: AccountId,
}

impl Passkey {
    /// The signature over authenticator data and client data (section 6.3.3, step 11).
    pub(crate) fn sign(&self, authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
        self.key.sign(&[authenticator_data, &sha256(client_data)].concat())
    }

    /// Authenticator data of the registration.
    pub(crate) fn registration_data(&self, rp_id: &str, flags: u8, aaguid: &[u8; 16]) -> Vec<u8> {
        let id_len = u16::try_from(self.credential_id.len()).expect("a short credential ID").to_be_bytes();
        let mut data = assertion_data(rp_id, flags | AT, 0);
        data.extend([aaguid, &id_len[..], &self.credential_id, &self.key.cose()].concat());
        data
    }

    /// The record that core makes of a registration's authenticator data.
    pub(crate) fn record(&self, registration_data: &[u8]) -> CredentialRecord {
        let data = AuthenticatorData::parse(registration_data).expect("a registration");
        let attested = data.attested.expect("attested credential data");
        assert_eq!(attested.credential_id, self.credential_id);
        CredentialRecord {
            digest: CredentialDigest::of(attested.credential_id),
            account: self.account,
            identity: IdentityLevel::P0,
            public_key: attested.public_key,
            sign_count: data.sign_count,
            backup_eligible: data.flags.backup_eligible(),
            backup_state: data.flags.backup_state(),
            disabled: false,
            revision: 1,
        }
    }
}

/// Authenticator data of an assertion.
pub(crate) fn assertion_data(rp_id: &str, flags: u8, sign_count: u32) -> Vec<u8> {
    [&sha256(rp_id.as_bytes()), &[flags][..], &sign_count.to_be_bytes()].concat()
}
