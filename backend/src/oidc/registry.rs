//! Where clients are found: first in the configuration, which is read whole at the start; then in the store, into which
//! an administrator and the clients themselves write.
//!
//! Every process has all of them in memory, since each request begins with one. What a process changes itself, it has
//! changed here before it answers; what another changes, it finds a second later.

use super::client::Client;
use super::client::metadata::Metadata;
use super::profile::Profile;
use crate::store::client::StoredClient;
use crate::store::{Store, StoreError};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How often it is looked whether another process has changed a client.
const LOOK: Duration = Duration::from_secs(1);

/// Two clients have one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two clients are called {0:?}")]
pub struct DoubledClient(String);

/// The clients. A copy is the same registry.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    configured: Arc<HashMap<String, Arc<Client>>>,
    stored: Arc<ArcSwap<HashMap<String, Known>>>,
    /// Who looks: one after the other, so that what was read later is never replaced by what was read before.
    looking: Arc<Mutex<()>>,
}

/// A client of the store, or what the store says of one of the configuration.
#[derive(Debug, Clone)]
struct Known {
    revision: u32,
    /// None for a client of the configuration, and for one that is no client by the rules of this version.
    client: Option<Arc<Client>>,
    disabled: bool,
}

/// How a client stands, for an administrator's list.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// The client.
    pub(crate) client: Arc<Client>,
    /// Whether the configuration names it.
    pub(crate) configured: bool,
    /// Whether it is out of use.
    pub(crate) disabled: bool,
}

impl Registry {
    /// These clients of the configuration, and whatever is in the store.
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
        Ok(Self { configured: Arc::new(all), ..Self::default() })
    }

    /// The client of this name, also if it is out of use.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Client>> {
        let stored = || self.stored.load().get(id).and_then(|known| known.client.clone());
        self.configured.get(id).cloned().or_else(stored)
    }

    /// Whether any client is served by other rules than NHS login's.
    pub(crate) fn has_others_than_nhs(&self) -> bool {
        self.list().iter().any(|listed| listed.client.profile() != Profile::Nhs)
    }

    /// The client of this name, if it is in use.
    pub(crate) fn in_use(&self, id: &str) -> Option<Arc<Client>> {
        self.find(id).filter(|client| !self.is_disabled(client))
    }

    /// Whether a client is out of use.
    pub(crate) fn is_disabled(&self, client: &Client) -> bool {
        let stored = self.stored.load();
        client.is_disabled() || stored.get(client.id().as_str()).is_some_and(|known| known.disabled)
    }

    /// Whether the configuration names a client so.
    pub(crate) fn is_configured(&self, id: &str) -> bool {
        self.configured.contains_key(id)
    }

    /// All of them, by name.
    pub(crate) fn list(&self) -> Vec<Listed> {
        let stored = self.stored.load();
        let registered = stored.values().filter_map(|known| known.client.as_ref());
        let registered = registered.filter(|client| !self.is_configured(client.id().as_str())).map(|one| (one, false));
        let all = self.configured.values().map(|one| (one, true)).chain(registered);
        let listed = |(client, configured): (&Arc<Client>, bool)| Listed {
            client: Arc::clone(client),
            configured,
            disabled: self.is_disabled(client),
        };
        let mut all: Vec<_> = all.map(listed).collect();
        all.sort_by(|one, other| one.client.id().cmp(other.client.id()));
        all
    }

    /// How the client of a name stands.
    pub(crate) fn listed(&self, id: &str) -> Option<Listed> {
        let client = self.find(id)?;
        let (configured, disabled) = (self.is_configured(id), self.is_disabled(&client));
        Some(Listed { client, configured, disabled })
    }

    /// Reads what the store has; only what has changed is read whole.
    ///
    /// # Errors
    /// [`StoreError`]; everything stays as it was then.
    pub(crate) async fn look(&self, store: &Store) -> Result<(), StoreError> {
        let _alone = self.looking.lock().await;
        let known = self.stored.load_full();
        let mut now = HashMap::new();
        for (id, revision) in store.client_revisions().await? {
            let same = known.get(&id).filter(|known| known.revision == revision).cloned();
            let found = match same {
                Some(known) => Some(known),
                None => store.client(&id).await?.map(Known::of),
            };
            now.extend(found.map(|found| (id, found)));
        }
        self.stored.store(Arc::new(now));
        Ok(())
    }

    /// Looks, for as long as it is polled.
    pub(crate) async fn run(&self, store: &Store) {
        loop {
            if let Err(error) = self.look(store).await {
                tracing::warn!(%error, "the clients are as they were; the next look tries again");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Known {
    fn of(stored: StoredClient) -> Self {
        let StoredClient { id, record, disabled, revision, .. } = stored;
        let client = record.and_then(|record| {
            let metadata = serde_json::from_slice::<Metadata>(&record).ok();
            let client = metadata.and_then(|metadata| metadata.client(&id).ok());
            if client.is_none() {
                tracing::error!(client = id, "what is registered of a client is not taken by this version");
            }
            client.map(Arc::new)
        });
        Self { revision, client, disabled }
    }
}
