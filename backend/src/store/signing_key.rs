//! The OpenID provider's signing keys as they lie on the disk: sealed by whoever uses them, one number each.

use super::audit::Act;
use super::{Store, StoreError, sql};
use aldgate_core::time::Timestamp;

/// All that is known of a stored key without opening it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningKeyName {
    /// Its algorithm, as in JWA.
    pub(crate) algorithm: String,
    /// Which key of that algorithm: 1 and up.
    pub(crate) number: u32,
    /// Its key ID.
    pub(crate) key_id: String,
    /// When it was made.
    pub(crate) made: Timestamp,
    /// When it begins to sign.
    pub(crate) begins: Timestamp,
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredSigningKey {
    /// What is known of it.
    pub(crate) name: SigningKeyName,
    /// The private key, sealed.
    pub(crate) sealed: Vec<u8>,
}

/// Whether a key is now the one of its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum KeyAddition {
    /// It is.
    Added,
    /// Another process has made the key of this number.
    NumberTaken,
}

/// Signing keys.
impl Store {
    /// All of them, by algorithm and number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, StoreError> {
        sql::signing_key::all(&self.readers).await
    }

    /// Adds a key, unless there is one of its number.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn add_signing_key(&self, key: StoredSigningKey, act: Act) -> Result<KeyAddition, StoreError> {
        self.writer.write(sql::signing_key::Add { key, alone: false, act }).await
    }

    /// Adds a key, unless there is one of its number, and deletes all others of its algorithm in the same transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn replace_signing_keys(
        &self,
        key: StoredSigningKey,
        act: Act,
    ) -> Result<KeyAddition, StoreError> {
        self.writer.write(sql::signing_key::Add { key, alone: true, act }).await
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn forget_signing_key(&self, algorithm: &str, number: u32, act: Act) -> Result<(), StoreError> {
        self.writer.write(sql::signing_key::Forget { algorithm: algorithm.to_owned(), number, act }).await
    }
}
