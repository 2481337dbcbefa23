//! Facts about people, and what clients keep with us about them.

use super::sql::consent;
use super::sql::person::{self, PLACE};
use super::{Store, StoreError};
use crate::model::Person;
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::AccountId;

impl Store {
    /// What was verified of the person whose account it is; nothing of somebody who has proven no more than an address.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn person(&self, account: &AccountId) -> Result<Person, StoreError> {
        let Some(sealed) = person::sealed(&self.readers, account).await? else { return Ok(Person::default()) };
        let facts = self.sealer.open_bytes(PLACE, account.as_bytes(), &sealed)?;
        serde_json::from_slice(&facts).map_err(|_| StoreError::Broken("facts about a person cannot be read".into()))
    }

    /// Writes down what was verified of a person, and the level that it supports, together. False if there is no such
    /// account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_person(
        &self,
        account: &AccountId,
        level: IdentityLevel,
        facts: &Person,
    ) -> Result<bool, StoreError> {
        let facts = serde_json::to_vec(facts).map_err(|error| StoreError::Broken(error.to_string()))?;
        let sealed = self.sealer.seal_bytes(PLACE, account.as_bytes(), &facts)?;
        self.writer.write(person::Set { account: *account, level, sealed }).await
    }

    /// What a client keeps about a person, if it ever did; empty where it has cleared that.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn client_metadata(&self, account: &AccountId, client: &str) -> Result<Option<String>, StoreError> {
        consent::metadata(&self.readers, account, client).await
    }

    /// What each client keeps about a person, by the client's name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn clients_notes(&self, account: &AccountId) -> Result<Vec<(String, String)>, StoreError> {
        consent::notes_of(&self.readers, account).await
    }

    /// Keeps a text for a client about a person, in the place of what it kept before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_client_metadata(&self, account: &AccountId, client: &str, text: &str) -> Result<(), StoreError> {
        let (account, client, text) = (*account, client.to_owned(), text.to_owned());
        self.writer.write(consent::KeepMetadata { account, client, text }).await
    }
}
