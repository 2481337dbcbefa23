//! Identifiers at rest: sealed so that the database file alone tells nobody's address, and found by a keyed digest.
//!
//! A sealed address is `nonce ‖ AES-256-GCM ‖ tag`, with the account's id as associated data, so that a value moved to
//! another row does not open. Nonces are random: 2^32 addresses under one key leave a collision less likely than
//! 2^-32 (NIST SP 800-38D, section 8.3), a hundred times a nation. The digest is HMAC-SHA-256 of the canonical form:
//! without the key, addresses cannot even be guessed and compared.

use super::StoreError;
use crate::model::EmailAddress;
use aldgate_core::entropy::Entropy;
use aldgate_core::id::AccountId;
use aldgate_core::secret::{MasterKey, Purpose};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Seals, opens and finds e-mail addresses.
pub(super) struct Sealer {
    key: LessSafeKey,
    finder: hmac::Key,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    /// The deployment's sealer.
    pub(super) fn new(master: &MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let seal = master.derive(Purpose::IdentifierSeal, 0);
        let finder = master.derive(Purpose::IdentifierDigest, 0);
        let key =
            UnboundKey::new(&AES_256_GCM, seal.expose()).map_err(|_| broken("the sealing key has no 256 bits"))?;
        let finder = hmac::Key::new(hmac::HMAC_SHA256, finder.expose());
        Ok(Self { key: LessSafeKey::new(key), finder, entropy })
    }

    /// Seals an account's address.
    pub(super) fn seal(&self, account: &AccountId, email: &EmailAddress) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes().map_err(|failed| StoreError::Broken(failed.to_string()))?;
        let mut text = email.as_str().as_bytes().to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(account.as_bytes()), &mut text)
            .map_err(|_| broken("an e-mail address could not be sealed"))?;
        Ok([&nonce[..], &text].concat())
    }

    /// Opens what [`Sealer::seal`] made for this account.
    pub(super) fn open(&self, account: &AccountId, sealed: &[u8]) -> Result<EmailAddress, StoreError> {
        let wrong = || broken("a sealed e-mail address does not open: altered, or sealed under another master key");
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(wrong)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut text = text.to_vec();
        let opened = self.key.open_in_place(nonce, Aad::from(account.as_bytes()), &mut text).map_err(|_| wrong())?;
        let opened = std::str::from_utf8(opened).map_err(|_| wrong())?;
        EmailAddress::parse(opened).map_err(|_| wrong())
    }

    /// Seals a fact about an account; `kind` says which, so that a value moved to another column does not open.
    pub(super) fn seal_fact(&self, account: &AccountId, kind: u8, fact: &[u8]) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes().map_err(|failed| StoreError::Broken(failed.to_string()))?;
        let mut sealed = fact.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), of_fact(account, kind), &mut sealed)
            .map_err(|_| broken("a fact about an account could not be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what [`Sealer::seal_fact`] made for this account and kind.
    pub(super) fn open_fact(
        &self,
        account: &AccountId,
        kind: u8,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let wrong = || broken("a sealed fact does not open: altered, or sealed under another master key");
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(wrong)?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.key.open_in_place(nonce, of_fact(account, kind), &mut plain).map_err(|_| wrong())?;
        let length = opened.len();
        plain.truncate(length);
        Ok(plain)
    }

    /// By what an address is found.
    pub(super) fn digest(&self, email: &EmailAddress) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.finder, email.canonical().as_bytes()).as_ref());
        digest
    }
}

/// Longer than what an address is bound to: neither can pass for the other.
fn of_fact(account: &AccountId, kind: u8) -> Aad<[u8; 17]> {
    let mut bound = [kind; 17];
    bound[..16].copy_from_slice(account.as_bytes());
    Aad::from(bound)
}

fn broken(what: &str) -> StoreError {
    StoreError::Broken(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::world::master_key;

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

    fn sealer() -> Sealer {
        Sealer::new(&master_key(), Arc::new(SeededEntropy::new(1))).expect("a sealer")
    }

    #[test]
    fn a_sealed_address_opens_for_its_account_only() {
        let email = EmailAddress::parse("Ada@example.org").expect("an address");
        let sealed = sealer().seal(&ACCOUNT, &email).expect("sealed");
        assert_eq!(sealer().open(&ACCOUNT, &sealed), Ok(email));
        assert!(sealer().open(&AccountId::from_bytes([2; 16]), &sealed).is_err());
    }

    #[test]
    fn a_sealed_fact_opens_for_its_account_and_kind_only() {
        let sealed = sealer().seal_fact(&ACCOUNT, 1, b"+447700900123").expect("sealed");
        assert_eq!(sealer().open_fact(&ACCOUNT, 1, &sealed).expect("opened").as_slice(), b"+447700900123");
        assert!(sealer().open_fact(&ACCOUNT, 2, &sealed).is_err());
        assert!(sealer().open_fact(&AccountId::from_bytes([2; 16]), 1, &sealed).is_err());
        assert!(sealer().open(&ACCOUNT, &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer().open_fact(&ACCOUNT, 1, &altered).is_err(), "byte {at}");
            assert!(sealer().open_fact(&ACCOUNT, 1, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_altered_or_cut_value_is_an_error() {
        let email = EmailAddress::parse("ada@example.org").expect("an address");
        let sealed = sealer().seal(&ACCOUNT, &email).expect("sealed");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer().open(&ACCOUNT, &altered).is_err(), "byte {at}");
            assert!(sealer().open(&ACCOUNT, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_address_is_found_in_any_case() {
        let digest = |text| sealer().digest(&EmailAddress::parse(text).expect("an address"));
        assert_eq!(digest("Ada@Example.org"), digest("ada@example.ORG"));
        assert_ne!(digest("ada@example.org"), digest("adb@example.org"));
    }
}
