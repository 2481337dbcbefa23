//! What is personal, at rest: sealed so that the database alone tells nobody's address, and found by a keyed digest.
//!
//! A sealed value is `key ‖ nonce ‖ AES-256-GCM ‖ tag`: two bytes say under which data key ([`super::data_key`]), so
//! that keys can be changed while old values are still there. The place (table and column) and the row's key are
//! associated data: a value moved to another row or column does not open. Nonces are random: 2^32 values under one key
//! leave a collision less likely than 2^-32 (NIST SP 800-38D, section 8.3), a hundred times a nation.
//!
//! The digest is HMAC-SHA-256 of the canonical form: without the key, addresses and NHS numbers, of which there are few,
//! cannot even be guessed and compared. Its key is another, derived from the master key for good: a look-up needs one
//! digest and not one for each key there was, and a digest under a new key could only be made from the value itself. It
//! opens nothing.
//!
//! Versions before data keys had no `key ‖` in front, and an account's id alone as associated data; such values open
//! still, and are sealed anew with all others.

use super::StoreError;
use super::data_key::{KeyId, Ring};
use crate::model::{EmailAddress, NhsNumber};
use aldgate_core::entropy::Entropy;
use aldgate_core::id::AccountId;
use aldgate_core::secret::{MasterKey, Purpose};
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use ring::hmac;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A column of sealed values: `table.column`. It must never change once in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(pub(super) &'static str);

/// Where accounts' addresses stand.
pub(super) const EMAIL: Place = Place("account.email");

impl Place {
    /// What is bound to a value: no place's name holds a zero.
    fn bound(self, row: &[u8]) -> Vec<u8> {
        [self.0.as_bytes(), &[0], row].concat()
    }
}

/// By what a person is found from their NHS number: enough that no two numbers of a nation meet, and no more, since it stands
/// twice for each person (in its row and in the index).
pub(super) type NhsDigest = [u8; 16];

/// Seals, opens and finds.
pub(super) struct Sealer {
    ring: Ring,
    finder: hmac::Key,
    entropy: Arc<dyn Entropy>,
}

impl Sealer {
    /// The deployment's sealer, with the key that is derived from the master key.
    pub(super) fn new(master: &MasterKey, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let finder = master.derive(Purpose::IdentifierDigest, 0);
        let finder = hmac::Key::new(hmac::HMAC_SHA256, finder.expose());
        Ok(Self { ring: Ring::new(master)?, finder, entropy })
    }

    /// The keys.
    pub(super) const fn ring(&self) -> &Ring {
        &self.ring
    }

    /// The source of randomness.
    pub(super) fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Seals a value for a place and the row of this key there.
    pub(super) fn seal_bytes(&self, place: Place, row: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (id, key) = self.ring.sealing()?;
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes().map_err(|failed| StoreError::Broken(failed.to_string()))?;
        let mut text = value.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.bound(row)), &mut text)
            .map_err(|_| broken("a value could not be sealed"))?;
        Ok([&id.to_bytes()[..], &nonce, &text].concat())
    }

    /// Opens what [`Sealer::seal_bytes`] made for the same place and row.
    pub(super) fn open_bytes(&self, place: Place, row: &[u8], sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (id, rest) = sealed.split_first_chunk().ok_or_else(|| does_not_open(place))?;
        let id = KeyId::from_bytes(*id);
        let Some(key) = self.ring.opening(id) else {
            return Err(StoreError::Broken(format!(
                "a sealed value ({}) is under data key {id}, which this process has not, or it was altered",
                place.0
            )));
        };
        opened(&key, rest, &place.bound(row)).ok_or_else(|| does_not_open(place))
    }

    /// Under which key a value is sealed.
    pub(super) fn key_of(&self, place: Place, row: &[u8], sealed: &[u8]) -> Option<KeyId> {
        let id = KeyId::from_bytes(*sealed.first_chunk()?);
        self.open_bytes(place, row, sealed).is_ok().then_some(id)
    }

    /// Seals a value anew under the key that now seals; `None` for one that does not open.
    pub(super) fn seal_anew(&self, place: Place, row: &[u8], sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.open_any(place, row, sealed) {
            Ok(value) => self.seal_bytes(place, row, &value).map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Seals a value for another place and row than those it comes from.
    pub(super) fn carry(
        &self,
        (from, from_row): (Place, &[u8]),
        (to, to_row): (Place, &[u8]),
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let value = self.open_any(from, from_row, sealed)?;
        self.seal_bytes(to, to_row, &value)
    }

    /// Opens a value, also one that a version before data keys has sealed.
    fn open_any(&self, place: Place, row: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let value = match (self.open_bytes(place, row, sealed), place) {
            (Ok(value), _) => value,
            (Err(error), EMAIL) => self.of_before(row, sealed).ok_or(error)?,
            (Err(error), _) => return Err(error),
        };
        Ok(Zeroizing::new(value))
    }

    /// Opens an address that a version before data keys has sealed.
    fn of_before(&self, account: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        opened(&*self.ring.opening(KeyId::DERIVED)?, sealed, account)
    }

    /// Seals an account's address.
    pub(super) fn seal(&self, account: &AccountId, email: &EmailAddress) -> Result<Vec<u8>, StoreError> {
        self.seal_bytes(EMAIL, account.as_bytes(), email.as_str().as_bytes())
    }

    /// Opens what [`Sealer::seal`] made for this account.
    pub(super) fn open(&self, account: &AccountId, sealed: &[u8]) -> Result<EmailAddress, StoreError> {
        let row = account.as_bytes();
        let value = self.open_bytes(EMAIL, row, sealed).or_else(|error| self.of_before(row, sealed).ok_or(error))?;
        let text = std::str::from_utf8(&value).map_err(|_| does_not_open(EMAIL))?;
        EmailAddress::parse(text).map_err(|_| does_not_open(EMAIL))
    }

    /// By what an address is found.
    pub(super) fn digest(&self, email: &EmailAddress) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.finder, email.canonical().as_bytes()).as_ref());
        digest
    }

    /// By what a person is found from their NHS number. An address holds no zero: no text is of both kinds.
    pub(super) fn nhs_digest(&self, number: &NhsNumber) -> NhsDigest {
        let mut context = hmac::Context::with_key(&self.finder);
        [b"nhs-number\0".as_slice(), number.as_str().as_bytes()].iter().for_each(|part| context.update(part));
        let mut digest = [0; size_of::<NhsDigest>()];
        digest.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        digest
    }
}

/// Opens `nonce ‖ AES-256-GCM ‖ tag`.
fn opened(key: &LessSafeKey, sealed: &[u8], bound: &[u8]) -> Option<Vec<u8>> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = text.to_vec();
    let length = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(bound), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

fn does_not_open(place: Place) -> StoreError {
    StoreError::Broken(format!("a sealed value ({}) does not open: altered, or sealed under another key", place.0))
}

fn broken(what: &str) -> StoreError {
    StoreError::Broken(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::data_key::tests::MemoryKeys;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::world::master_key;
    use ring::aead::{AES_256_GCM, UnboundKey};

    const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);

    fn sealer() -> Sealer {
        Sealer::new(&master_key(), Arc::new(SeededEntropy::new(1))).expect("a sealer")
    }

    fn email() -> EmailAddress {
        EmailAddress::parse("ada@example.org").expect("an address")
    }

    #[test]
    fn a_sealed_address_opens_for_its_account_only() {
        let email = EmailAddress::parse("Ada@example.org").expect("an address");
        let sealed = sealer().seal(&ACCOUNT, &email).expect("sealed");
        assert_eq!(sealer().open(&ACCOUNT, &sealed), Ok(email));
        assert!(sealer().open(&AccountId::from_bytes([2; 16]), &sealed).is_err());
    }

    #[test]
    fn a_value_opens_in_its_place_only() {
        let sealed = sealer().seal_bytes(EMAIL, &[1; 16], b"value").expect("sealed");
        assert_eq!(sealer().open_bytes(EMAIL, &[1; 16], &sealed), Ok(b"value".to_vec()));
        assert!(sealer().open_bytes(Place("account.phone"), &[1; 16], &sealed).is_err());
    }

    #[test]
    fn a_value_that_is_carried_opens_where_it_goes_only() {
        let (here, there) = (Place("here.value"), Place("there.value"));
        let sealed = sealer().seal_bytes(here, &[1], b"value").expect("sealed");
        let carried = sealer().carry((here, &[1]), (there, &[2]), &sealed).expect("carried");
        assert_eq!(sealer().open_bytes(there, &[2], &carried), Ok(b"value".to_vec()));
        assert!(sealer().open_bytes(here, &[1], &carried).is_err());
        assert!(sealer().carry((here, &[2]), (there, &[2]), &sealed).is_err());
        assert!(sealer().carry((there, &[1]), (there, &[2]), &sealed).is_err());
    }

    #[test]
    fn an_altered_or_cut_value_is_an_error() {
        let sealed = sealer().seal(&ACCOUNT, &email()).expect("sealed");
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer().open(&ACCOUNT, &altered).is_err(), "byte {at}");
            assert!(sealer().open(&ACCOUNT, &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_address_is_found_in_any_case_and_whatever_key_seals() {
        let digest = |text| sealer().digest(&EmailAddress::parse(text).expect("an address"));
        assert_eq!(digest("Ada@Example.org"), digest("ada@example.ORG"));
        assert_ne!(digest("ada@example.org"), digest("adb@example.org"));
        let rotated = sealer();
        rotated.ring().put(KeyId(1), &MemoryKeys::key(1)).expect("a key");
        rotated.ring().seal_under(KeyId(1));
        assert_eq!(rotated.digest(&email()), sealer().digest(&email()));
    }

    #[test]
    fn an_nhs_number_is_found_by_another_digest_than_any_text_and_whatever_key_seals() {
        let number = |text| NhsNumber::parse(text).expect("a number");
        let digest = sealer().nhs_digest(&number("943 476 5919"));
        assert_eq!(digest, sealer().nhs_digest(&number("9434765919")));
        assert_ne!(digest, sealer().nhs_digest(&number("9000000009")));
        let rotated = sealer();
        rotated.ring().put(KeyId(1), &MemoryKeys::key(1)).expect("a key");
        rotated.ring().seal_under(KeyId(1));
        assert_eq!(digest, rotated.nhs_digest(&number("9434765919")));
        let bare = hmac::sign(&sealer().finder, b"9434765919");
        assert_ne!(digest, bare.as_ref()[..16]);
    }

    #[test]
    fn what_an_older_key_or_version_has_sealed_opens_and_is_sealed_anew() {
        let before = {
            let key = UnboundKey::new(&AES_256_GCM, master_key().derive(Purpose::IdentifierSeal, 0).expose());
            let mut text = b"ada@example.org".to_vec();
            LessSafeKey::new(key.expect("a key"))
                .seal_in_place_append_tag(
                    Nonce::assume_unique_for_key([7; 12]),
                    Aad::from(ACCOUNT.as_bytes()),
                    &mut text,
                )
                .expect("sealed");
            [&[7; 12][..], &text].concat()
        };
        let derived = sealer().seal(&ACCOUNT, &email()).expect("sealed");
        let sealer = sealer();
        sealer.ring().put(KeyId(1), &MemoryKeys::key(1)).expect("a key");
        sealer.ring().seal_under(KeyId(1));
        for old in [before, derived] {
            assert_eq!(sealer.open(&ACCOUNT, &old), Ok(email()));
            let anew = sealer.seal_anew(EMAIL, ACCOUNT.as_bytes(), &old).expect("sealed").expect("opened");
            assert_eq!(sealer.key_of(EMAIL, ACCOUNT.as_bytes(), &anew), Some(KeyId(1)));
            assert_eq!(sealer.open(&ACCOUNT, &anew), Ok(email()));
            assert!(super::tests::sealer().open(&ACCOUNT, &anew).is_err(), "the old keys do not open the new");
        }
    }
}
