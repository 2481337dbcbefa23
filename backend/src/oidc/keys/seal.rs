//! Signing keys at rest: `nonce ‖ AES-256-GCM ‖ tag` of the PKCS#8 document, under a key that is derived from the
//! deployment's. Who can write into the database can neither put a key of their own there, nor move one to another
//! algorithm, nor let one begin at another time: all that the row says is associated data.

use super::pair::Pkcs8;
use crate::store::signing_key::{SigningKeyName, StoredSigningKey};
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::secret::{MasterKey, Purpose};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The seal of signing keys.
pub(super) struct Sealer {
    key: Option<LessSafeKey>,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    /// The deployment's.
    pub(super) fn of(master: &MasterKey, entropy: Arc<dyn Entropy>) -> Self {
        let key = master.derive(Purpose::SigningKeySeal, 0);
        Self { key: UnboundKey::new(&AES_256_GCM, key.expose()).ok().map(LessSafeKey::new), entropy }
    }

    /// Seals a key as the one of this name.
    pub(super) fn seal(&self, name: &SigningKeyName, pkcs8: &Pkcs8) -> Result<Vec<u8>, EntropyFailed> {
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes()?;
        let mut text = Zeroizing::new(pkcs8.to_vec());
        let tag = self.key.as_ref().and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_separate_tag(nonce, Aad::from(said(name)), &mut text).ok()
        });
        Ok([&nonce[..], &text, tag.ok_or(EntropyFailed)?.as_ref()].concat())
    }

    /// Opens what [`Sealer::seal`] made; `None` if it was altered, moved, or sealed under another master key.
    pub(super) fn open(&self, stored: &StoredSigningKey) -> Option<Pkcs8> {
        let (nonce, sealed) = stored.sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.as_ref()?.open_in_place(nonce, Aad::from(said(&stored.name)), &mut text).ok()?.len();
        text.truncate(length);
        Some(text)
    }
}

/// All that the row says, in one reading: the texts end with a zero byte, which neither can hold.
fn said(name: &SigningKeyName) -> Vec<u8> {
    let numbers = [u64::from(name.number), name.made.as_millis(), name.begins.as_millis()].map(u64::to_be_bytes);
    [name.algorithm.as_bytes(), b"\0", name.key_id.as_bytes(), b"\0", numbers.as_flattened()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::world::{NOW, master_key};
    use std::time::Duration;

    fn sealer(master: &MasterKey) -> Sealer {
        Sealer::of(master, Arc::new(SeededEntropy::new(1)))
    }

    fn stored() -> StoredSigningKey {
        let name = SigningKeyName { algorithm: "ES256".into(), number: 1, key_id: "k".into(), made: NOW, begins: NOW };
        let sealed = sealer(&master_key()).seal(&name, &Zeroizing::new(b"a private key".to_vec())).expect("sealed");
        StoredSigningKey { name, sealed }
    }

    #[test]
    fn a_key_opens_as_the_one_that_it_was_sealed_as() {
        let open = |stored: &StoredSigningKey| sealer(&master_key()).open(stored);
        assert_eq!(open(&stored()).as_deref().map(Vec::as_slice), Some(&b"a private key"[..]));
        assert!(!stored().sealed.windows(9).any(|bytes| bytes == b"a private"));
        assert!(sealer(&MasterKey::new([1; 32])).open(&stored()).is_none(), "another master key");
        let with = |change: fn(&mut StoredSigningKey)| {
            let mut stored = stored();
            change(&mut stored);
            open(&stored)
        };
        assert!(with(|stored| stored.name.algorithm = "EdDSA".into()).is_none());
        assert!(with(|stored| stored.name.number = 2).is_none());
        assert!(with(|stored| stored.name.key_id = "l".into()).is_none());
        assert!(with(|stored| stored.name.made = NOW.plus(Duration::from_secs(1))).is_none());
        assert!(with(|stored| stored.name.begins = NOW.plus(Duration::from_secs(1))).is_none());
        for at in 0..stored().sealed.len() {
            let mut altered = stored();
            altered.sealed[at] ^= 1;
            assert!(open(&altered).is_none(), "byte {at}");
            altered.sealed.truncate(at);
            assert!(open(&altered).is_none(), "cut at {at}");
        }
    }
}
