//! Clients of the OpenID provider that are not in the configuration, and which of all clients are out of use.

use super::audit::Act;
use super::{Store, StoreError, sql};
use aldgate_core::time::Timestamp;

/// A client, as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredClient {
    /// Its name on the wire.
    pub(crate) id: String,
    /// What was registered, as the provider writes it; `None` for a client of the configuration.
    pub(crate) record: Option<Vec<u8>>,
    /// Whether it is out of use.
    pub(crate) disabled: bool,
    /// Of the token by which it changes its registration.
    pub(crate) generation: u32,
    /// Rises with each change.
    pub(crate) revision: u32,
    /// When it was registered.
    pub(crate) created: Timestamp,
}

/// Clients.
impl Store {
    /// All of them, with their revisions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn client_revisions(&self) -> Result<Vec<(String, u32)>, StoreError> {
        sql::client::revisions(&self.readers).await
    }

    /// One of them.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn client(&self, id: &str) -> Result<Option<StoredClient>, StoreError> {
        sql::client::by_id(&self.readers, id).await
    }

    /// Registers a client. False if there is one of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn add_client(&self, id: &str, record: Vec<u8>, act: Act) -> Result<bool, StoreError> {
        self.writer.write(sql::client::Add { id: id.to_owned(), record, act }).await
    }

    /// Replaces what is registered of a client by its token of a generation. Gives the generation that is good from now on;
    /// nothing if there is no client of this name, it is out of use, or its token is of another generation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn change_client(
        &self,
        id: &str,
        generation: u32,
        record: Vec<u8>,
        act: Act,
    ) -> Result<Option<u32>, StoreError> {
        self.writer.write(sql::client::Change { id: id.to_owned(), generation, record, act }).await
    }

    /// Puts a client out of use, or into use again; also one of the configuration. Whoever has its token keeps nothing by
    /// it when it is put out of use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn set_client_disabled(&self, id: &str, disabled: bool, act: Act) -> Result<(), StoreError> {
        self.writer.write(sql::client::SetDisabled { id: id.to_owned(), disabled, act }).await
    }

    /// Forgets a client that was registered. False if there is none of this name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn remove_client(&self, id: &str, act: Act) -> Result<bool, StoreError> {
        self.writer.write(sql::client::Remove { id: id.to_owned(), act }).await
    }
}
