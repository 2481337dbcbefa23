//! Where clients are found. Today they come from the configuration, whole, at the start.

use super::client::Client;
use super::profile::Profile;
use std::collections::HashMap;
use std::sync::Arc;

/// Two clients have one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two clients are called {0:?}")]
pub struct DoubledClient(String);

/// The clients.
#[derive(Debug, Clone, Default)]
pub struct Registry(HashMap<String, Arc<Client>>);

impl Registry {
    /// These clients.
    ///
    /// # Errors
    /// [`DoubledClient`].
    pub fn new(clients: impl IntoIterator<Item = Client>) -> Result<Self, DoubledClient> {
        let mut all = HashMap::new();
        for client in clients {
            let id = client.id().to_string();
            if all.insert(id.clone(), Arc::new(client)).is_some() {
                return Err(DoubledClient(id));
            }
        }
        Ok(Self(all))
    }

    /// The client of this name, also if it is out of use.
    pub(crate) fn find(&self, id: &str) -> Option<&Arc<Client>> {
        self.0.get(id)
    }

    /// Whether any client is served by other rules than NHS login's.
    pub(crate) fn has_others_than_nhs(&self) -> bool {
        self.0.values().any(|client| client.profile() != Profile::Nhs)
    }

    /// The client of this name, if it is in use.
    pub(crate) fn in_use(&self, id: &str) -> Option<&Arc<Client>> {
        self.find(id).filter(|client| !client.is_disabled())
    }
}
