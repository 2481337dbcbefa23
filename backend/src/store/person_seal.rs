//! Facts about people at rest: JSON, sealed under a key of its own and bound to the account, as addresses are
//! ([`super::seal`]).

use super::StoreError;
use crate::model::Person;
use aldgate_core::entropy::Entropy;
use aldgate_core::id::AccountId;
use aldgate_core::secret::{MasterKey, Purpose};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::sync::Arc;

/// Seals and opens facts about people.
pub(super) struct PersonSeal {
    key: LessSafeKey,
    entropy: Arc<dyn Entropy>,
}

impl PersonSeal {
    /// The deployment's.
    pub(super) fn new(master: &MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let key = master.derive(Purpose::PersonSeal, 0);
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| broken("the sealing key has no 256 bits"))?;
        Ok(Self { key: LessSafeKey::new(key), entropy })
    }

    /// Seals the facts of an account's owner.
    pub(super) fn seal(&self, account: &AccountId, facts: &Person) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes().map_err(|failed| StoreError::Broken(failed.to_string()))?;
        let mut text = serde_json::to_vec(facts).map_err(|error| StoreError::Broken(error.to_string()))?;
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(account.as_bytes()), &mut text)
            .map_err(|_| broken("facts about a person could not be sealed"))?;
        Ok([&nonce[..], &text].concat())
    }

    /// Opens what [`PersonSeal::seal`] made for this account.
    pub(super) fn open(&self, account: &AccountId, sealed: &[u8]) -> Result<Person, StoreError> {
        let wrong = || broken("sealed facts about a person do not open: altered, or sealed under another master key");
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(wrong)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut text = text.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::from(account.as_bytes()), &mut text).map_err(|_| wrong())?;
        serde_json::from_slice(opened).map_err(|_| wrong())
    }
}

fn broken(what: &str) -> StoreError {
    StoreError::Broken(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::world::master_key;

    #[test]
    fn facts_open_for_their_account_alone_and_unaltered() {
        let seal = PersonSeal::new(&master_key(), Arc::new(SeededEntropy::new(1))).expect("a seal");
        let account = AccountId::from_bytes([1; 16]);
        let facts = Person { family_name: Some("Lovelace".into()), ..Person::default() };
        let sealed = seal.seal(&account, &facts).expect("sealed");
        assert_eq!(seal.open(&account, &sealed), Ok(facts));
        assert!(seal.open(&AccountId::from_bytes([2; 16]), &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(seal.open(&account, &altered).is_err(), "byte {at}");
        }
    }
}
