//! A software authenticator whose keys are derived: user *i* of seed *s* always has the same P-256 key, account and
//! credential ID. So a population of millions needs no file, and a load generator signs for any of them.

use crate::assurance::IdentityLevel;
use crate::id::{AccountId, CredentialDigest};
use crate::webauthn::credential::CredentialRecord;
use crate::webauthn::public_key::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use ring::digest::{SHA256, digest};
use ring::hkdf;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use std::sync::atomic::{AtomicU32, Ordering};

/// A passkey in software.
pub struct Authenticator {
    /// The account, which is also the user handle.
    pub account: AccountId,
    /// The credential ID.
    pub credential_id: [u8; 32],
    /// The signature counter; each assertion takes the next.
    pub sign_count: AtomicU32,
    key: EcdsaKeyPair,
    sec1: [u8; 65],
    random: SystemRandom,
}

struct Len;

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        32
    }
}

fn derive(seed: u64, user: u64, label: &str) -> [u8; 32] {
    let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, &seed.to_be_bytes());
    let info = [label.as_bytes(), &user.to_be_bytes()];
    let mut out = [0; 32];
    let okm = salt.extract(b"aldgate testing");
    let filled = okm.expand(&info, Len).and_then(|okm| okm.fill(&mut out));
    assert!(filled.is_ok(), "32 bytes are within HKDF's bound");
    out
}

impl Authenticator {
    /// The passkey of user `user` of a seed.
    #[expect(clippy::expect_used, reason = "testing code; a derived scalar is out of range once in 2^32 keys")]
    pub fn derived(seed: u64, user: u64) -> Self {
        let scalar = derive(seed, user, "key");
        let secret = p256::SecretKey::from_slice(&scalar).expect("a scalar in range");
        let point = secret.public_key().to_sec1_point(false);
        let sec1: [u8; 65] = point.as_bytes().try_into().expect("an uncompressed point");
        let random = SystemRandom::new();
        let key =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_ASN1_SIGNING, &scalar, &sec1, &random);
        let mut account = [0; 16];
        account.copy_from_slice(&derive(seed, user, "account")[..16]);
        Self {
            account: AccountId::from_bytes(account),
            credential_id: derive(seed, user, "credential"),
            sign_count: AtomicU32::new(0),
            key: key.expect("a key pair"),
            sec1,
            random,
        }
    }

    /// The record that registering this passkey would leave.
    pub fn record(&self) -> CredentialRecord {
        CredentialRecord {
            digest: CredentialDigest::of(&self.credential_id),
            account: self.account,
            identity: IdentityLevel::P0,
            public_key: PublicKey::Es256(Box::new(self.sec1)),
            sign_count: 0,
            backup_eligible: false,
            backup_state: false,
            disabled: false,
            revision: 1,
        }
    }

    /// Authenticator data of an assertion: UP and UV set, and the counter.
    pub fn authenticator_data(rp_id: &str, flags: u8, sign_count: u32) -> Vec<u8> {
        let mut data = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend_from_slice(&sign_count.to_be_bytes());
        data
    }

    /// The client data that a browser would make.
    pub fn client_data(kind: &str, challenge: &str, origin: &str) -> String {
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}","crossOrigin":false}}"#)
    }

    /// The DER signature over authenticator data and client data.
    #[expect(clippy::expect_used, reason = "testing code; ring signs unless the system has no randomness")]
    pub fn sign(&self, authenticator_data: &[u8], client_data: &[u8]) -> Vec<u8> {
        let mut message = authenticator_data.to_vec();
        message.extend_from_slice(digest(&SHA256, client_data).as_ref());
        self.key.sign(&self.random, &message).expect("a signature").as_ref().to_vec()
    }

    /// Answers a challenge (base64url, as it stands in the options): the body for `POST /passkey/login`.
    pub fn login_body(&self, rp_id: &str, origin: &str, challenge: &str) -> String {
        let sign_count = self.sign_count.fetch_add(1, Ordering::SeqCst).wrapping_add(1);
        let authenticator_data = Self::authenticator_data(rp_id, 0x05, sign_count);
        let client_data = Self::client_data("webauthn.get", challenge, origin);
        let signature = self.sign(&authenticator_data, client_data.as_bytes());
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let id = text(&self.credential_id);
        format!(
            concat!(
                r#"{{"id":"{id}","rawId":"{id}","type":"public-key","authenticatorAttachment":"platform","#,
                r#""clientExtensionResults":{{}},"response":{{"clientDataJSON":"{client}","#,
                r#""authenticatorData":"{data}","signature":"{signature}","userHandle":"{handle}"}}}}"#
            ),
            id = id,
            client = text(client_data.as_bytes()),
            data = text(&authenticator_data),
            signature = text(&signature),
            handle = text(self.account.as_bytes()),
        )
    }

    /// The attested credential data and COSE key of a registration with this passkey (`none` attestation), as an
    /// attestation object.
    pub fn attestation_object(&self, rp_id: &str, flags: u8) -> Vec<u8> {
        let mut data = Self::authenticator_data(rp_id, flags | 0x40, 0);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&[0, 32]);
        data.extend_from_slice(&self.credential_id);
        data.extend_from_slice(&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend_from_slice(&self.sec1[1..33]);
        data.extend_from_slice(&[0x22, 0x58, 0x20]);
        data.extend_from_slice(&self.sec1[33..]);
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
        object.extend_from_slice(&data);
        object
    }
}
