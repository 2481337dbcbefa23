//! The compact credential record (WebAuthn Level 3, section 4, "credential record"): what a log-in needs, no more.
//!
//! Its home is the backend's database; warm and hot keep copies. Name, transports and AAGUID stay at home.

use crate::assurance::IdentityLevel;
use crate::id::{AccountId, CredentialDigest};
use crate::webauthn::public_key::PublicKey;

const VERSION: u8 = 1;
const FLAG_BACKUP_ELIGIBLE: u8 = 1;
const FLAG_BACKUP_STATE: u8 = 2;
const FLAG_DISABLED: u8 = 4;

/// All of them: a record with another is of a later version, and not believed.
const FLAGS: u8 = FLAG_BACKUP_ELIGIBLE | FLAG_BACKUP_STATE | FLAG_DISABLED;

/// A registered passkey, as the hot path needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialRecord {
    /// SHA-256 of the credential ID.
    pub digest: CredentialDigest,
    /// Whose it is; also the expected user handle.
    pub account: AccountId,
    /// How well the account's owner was identified; goes into the session.
    pub identity: IdentityLevel,
    /// The key to verify with.
    pub public_key: PublicKey,
    /// The signature counter of the last log-in (or of the registration).
    pub sign_count: u32,
    /// Whether it may be synchronised; fixed for life.
    pub backup_eligible: bool,
    /// Whether it was synchronised at the last log-in.
    pub backup_state: bool,
    /// Whether its account is disabled: it opens nothing then. Who proves to hold it is told so.
    pub disabled: bool,
    /// Grows with each change of the record, so that a late copy never replaces a newer one.
    pub revision: u64,
}

impl CredentialRecord {
    /// The bytes that the warm tier keeps under the digest.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        out.push(VERSION);
        out.extend_from_slice(self.account.as_bytes());
        let flag = |set, bit| if set { bit } else { 0 };
        let flags = flag(self.backup_eligible, FLAG_BACKUP_ELIGIBLE)
            | flag(self.backup_state, FLAG_BACKUP_STATE)
            | flag(self.disabled, FLAG_DISABLED);
        out.extend_from_slice(&[self.identity as u8, flags]);
        out.extend_from_slice(&self.sign_count.to_be_bytes());
        out.extend_from_slice(&self.revision.to_be_bytes());
        self.public_key.encode(&mut out);
        out
    }

    /// Reads what [`CredentialRecord::encode`] wrote under `digest`; `None` for anything else.
    pub fn decode(digest: CredentialDigest, bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (account, rest) = rest.split_first_chunk::<16>()?;
        let ([identity, flags], rest) = rest.split_first_chunk::<2>()?;
        let (sign_count, rest) = rest.split_first_chunk::<4>()?;
        let (revision, key) = rest.split_first_chunk::<8>()?;
        (*version == VERSION && flags & !FLAGS == 0).then_some(())?;
        Some(Self {
            digest,
            account: AccountId::from_bytes(*account),
            identity: IdentityLevel::from_byte(*identity)?,
            public_key: PublicKey::decode(key)?,
            sign_count: u32::from_be_bytes(*sign_count),
            backup_eligible: flags & FLAG_BACKUP_ELIGIBLE != 0,
            backup_state: flags & FLAG_BACKUP_STATE != 0,
            disabled: flags & FLAG_DISABLED != 0,
            revision: u64::from_be_bytes(*revision),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let digest = CredentialDigest::of(b"id");
        for public_key in [
            PublicKey::Es256(Box::new([4; 65])),
            PublicKey::Es384(Box::new([4; 97])),
            PublicKey::EdDsa(Box::new([5; 32])),
            PublicKey::Rs256 { n: vec![6; 256].into(), e: vec![1, 0, 1].into() },
        ] {
            let record = CredentialRecord {
                digest,
                account: AccountId::from_bytes([1; 16]),
                identity: IdentityLevel::P9,
                public_key,
                sign_count: 77,
                backup_eligible: true,
                backup_state: false,
                disabled: false,
                revision: 3,
            };
            for record in [CredentialRecord { disabled: true, ..record.clone() }, record] {
                assert_eq!(CredentialRecord::decode(digest, &record.encode()), Some(record));
            }
        }
        assert_eq!(CredentialRecord::decode(digest, &[]), None);
    }
}
