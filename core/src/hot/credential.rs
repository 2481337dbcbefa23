//! Passkeys as this process knows them.
//!
//! A copy is used even while the feed is silent: a passkey's key never changes, and the log-in is settled in warm, which
//! knows whether the passkey is still registered and where its counter stands.

use super::dense::{INDEX_BYTES, Kept, allocated, weight};
use crate::webauthn::credential::CredentialRecord;
use crate::webauthn::public_key::PublicKey;
use std::sync::Arc;

/// What an entry with a P-256 key takes, in bytes, which is the least: its place, its part of the index at the most, the
/// record and its key. docs/measured.md, "Memory", has what was measured.
pub const CREDENTIAL_BYTES: u64 =
    PLACE_BYTES + INDEX_BYTES + allocated(RECORD_CLASS_BYTES) + allocated(P256_CLASS_BYTES);

/// An entry's place in the slab.
const PLACE_BYTES: u64 = 64;

/// The allocator's size class for a record without its key's bytes, and the two counts of its `Arc`.
const RECORD_CLASS_BYTES: u64 = 128;

/// The allocator's size class for a P-256 key.
const P256_CLASS_BYTES: u64 = 80;

/// The size class of so many bytes, at the most: an allocator's classes lie up to a quarter apart.
const fn class(bytes: usize) -> u64 {
    let bytes = bytes as u64;
    bytes + bytes / 4 + 16
}

/// What this process knows of a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownCredential {
    /// Nothing.
    Nothing,
    /// That it was removed, or that there is none: no look-up is needed.
    Gone,
    /// Its record.
    Here(Arc<CredentialRecord>),
}

impl Kept for Arc<CredentialRecord> {
    const LEAST: u64 = CREDENTIAL_BYTES;

    fn weight(&self) -> u64 {
        let key = match &self.public_key {
            PublicKey::Es256(_) | PublicKey::EdDsa(_) => return Self::LEAST,
            PublicKey::Es384(key) => allocated(class(key.len())),
            PublicKey::Rs256 { n, e } => allocated(class(n.len())) + allocated(class(e.len())),
        };
        weight(allocated(RECORD_CLASS_BYTES) + key, PLACE_BYTES + INDEX_BYTES, Self::LEAST)
    }
}

#[cfg(test)]
mod tests {
    use super::super::copies::Map as _;
    use super::super::dense::Dense;
    use super::*;
    use crate::testing::authenticator::Authenticator;

    #[test]
    fn an_entry_weighs_what_it_takes() {
        let dense = Dense::new(CREDENTIAL_BYTES * 1_000);
        let record = Authenticator::derived(1, 1).record();
        assert!(matches!(record.public_key, PublicKey::Es256(_)));
        dense.settle(&record.digest.clone(), |_| Some(Arc::new(record.clone())));
        assert_eq!(dense.places_and_index_bytes()[0], PLACE_BYTES);
        assert_eq!(dense.held().bytes, CREDENTIAL_BYTES);
        let record_bytes = size_of::<CredentialRecord>() as u64;
        assert!(16 + record_bytes <= RECORD_CLASS_BYTES);
        assert!(CREDENTIAL_BYTES - record_bytes - 65 <= 200, "beyond the record");
    }

    #[test]
    fn a_large_key_is_paid_for() {
        let mut record = Authenticator::derived(1, 1).record();
        record.public_key = PublicKey::Rs256 { n: vec![1; 512].into(), e: vec![1; 3].into() };
        assert!(Arc::new(record).weight() > CREDENTIAL_BYTES + 512);
    }
}
