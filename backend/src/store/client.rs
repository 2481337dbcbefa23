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

/// What becomes of the token by which a client changes its registration, when that is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenOfClient {
    /// It stays good.
    Kept,
    /// Another one is good from now on.
    Renewed,
}

/// What is to be registered of a client from now on.
#[derive(Debug, Clone)]
pub(crate) struct ClientChange {
    /// Its name on the wire.
    pub(crate) id: String,
    /// As it was when it was read.
    pub(crate) revision: u32,
    /// What is registered.
    pub(crate) record: Vec<u8>,
    /// Its own token.
    pub(crate) token: TokenOfClient,
    /// Whether the access tokens end that it has been given.
    pub(crate) ends_tokens: bool,
    /// The names of what is other than before, for the audit.
    pub(crate) members: Vec<String>,
    /// Who changes it.
    pub(crate) act: Act,
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

    /// Replaces what is registered of a client. False if nothing is, or it is of another revision by now.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn change_client(&self, change: ClientChange) -> Result<bool, StoreError> {
        self.writer.write(sql::client::Change(change)).await
    }

    /// Makes the token of a client's that it has good no more, and gives the generation of the one that is; nothing if
    /// nothing is registered of a client of this name, or it is out of use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn renew_client_token(&self, id: &str, act: Act) -> Result<Option<u32>, StoreError> {
        self.writer.write(sql::client::RenewToken { id: id.to_owned(), act }).await
    }

    /// Puts a client out of use, or into use again; also one of the configuration. Whoever has its token keeps nothing by
    /// it when it is put out of use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn set_client_disabled(&self, id: &str, disabled: bool, act: Act) -> Result<(), StoreError> {
        self.writer.write(sql::client::SetDisabled { id: id.to_owned(), disabled, act }).await
    }

    /// Forgets what was registered of a client, and puts its name out of use for good. False if nothing was registered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn remove_client(&self, id: &str, act: Act) -> Result<bool, StoreError> {
        self.writer.write(sql::client::Remove { id: id.to_owned(), act }).await
    }
}
