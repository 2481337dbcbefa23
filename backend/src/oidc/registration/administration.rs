//! What administrators do with clients: they register, read, change and remove them, put them out of use and into use again, and
//! give them another token for their own registration.
//!
//! What the configuration names, it alone changes: but for its being out of use, since a restart must not be waited for then.
//! Whatever is taken from a client is taken from what it was given, here at once, and in gateways by ending the access tokens
//! of its last minutes; it gets others.

use super::{Registered, RegistrationRefused, metadata_of, of_metadata, refused, written};
use crate::oidc::Provider;
use crate::oidc::client::metadata::Metadata;
use crate::oidc::registry::Listed;
use crate::store::audit::Act;
use crate::store::client::{ClientChange, StoredClient, TokenOfClient};
use aldgate_core::time::Timestamp;

/// A client, as an administrator reads it.
#[derive(Debug)]
pub(crate) struct Administered {
    /// How it stands.
    pub(crate) listed: Listed,
    /// What is registered of it while the provider runs; nothing for one of the configuration.
    pub(crate) stored: Option<(StoredClient, Metadata)>,
}

/// Whoever can open the administrators' socket does it: who that is, the socket does not say.
const fn administrators(at: Timestamp) -> Act {
    Act::system("admin-socket", at)
}

impl Provider {
    /// All clients, by name.
    pub(crate) fn clients(&self) -> Vec<Listed> {
        self.registry.list()
    }

    /// A client.
    pub(crate) async fn client(&self, id: &str) -> Registered<Administered> {
        self.registry.look(&self.store).await?;
        let listed = self.registry.listed(id).ok_or(RegistrationRefused::NotFound).or_else(refused)?;
        if listed.configured {
            return Ok(Administered { listed, stored: None });
        }
        let stored = self.stored(id).await?;
        Ok(Administered { listed, stored: Some(stored) })
    }

    /// Registers a client.
    pub(crate) async fn register(&self, id: &str, metadata: &Metadata, now: Timestamp) -> Registered<()> {
        let client = self.checked(id, metadata).map_err(of_metadata)?;
        self.keep(&client, metadata, administrators(now)).await
    }

    /// Replaces what is registered of a client, if it is still as it was at a revision. Its own token stays good.
    pub(crate) async fn change(
        &self,
        id: &str,
        metadata: &Metadata,
        revision: Option<u32>,
        now: Timestamp,
    ) -> Registered<()> {
        let (stored, before) = self.stored(id).await?;
        if revision.is_some_and(|revision| revision != stored.revision) {
            return refused(RegistrationRefused::Overtaken);
        }
        let client = self.checked(id, metadata).map_err(of_metadata)?;
        let change = ClientChange {
            id: stored.id,
            revision: stored.revision,
            record: written(metadata)?,
            token: TokenOfClient::Kept,
            // What this version does not take, nobody was given anything by.
            ends_tokens: before.client(id).is_ok_and(|before| client.may_less_than(&before)),
            members: metadata.unlike(&before),
            act: administrators(now),
        };
        if !self.store.change_client(change).await? {
            return refused(RegistrationRefused::Overtaken);
        }
        self.herald.tell().await;
        Ok(self.registry.look(&self.store).await?)
    }

    /// Puts a client out of use, or into use again: from the moment at which this returns, nothing that it was given is
    /// good here and in any gateway, and in other backends a second later.
    pub(crate) async fn set_disabled(&self, id: &str, disabled: bool, now: Timestamp) -> Registered<()> {
        self.registry.look(&self.store).await?;
        if self.registry.find(id).is_none() {
            return refused(RegistrationRefused::NotFound);
        }
        self.store.set_client_disabled(id, disabled, administrators(now)).await?;
        self.herald.tell().await;
        Ok(self.registry.look(&self.store).await?)
    }

    /// Forgets what is registered of a client: whatever it was given is good for nothing from now on. Nobody is ever
    /// registered under its name again, since people have allowed that name something.
    pub(crate) async fn remove(&self, id: &str, now: Timestamp) -> Registered<()> {
        if self.registry.is_configured(id) {
            return refused(RegistrationRefused::Configured);
        }
        let forgotten = self.forget(id, administrators(now)).await?;
        if forgotten { Ok(()) } else { refused(RegistrationRefused::NotFound) }
    }

    /// Another token by which a client looks after its own registration, in the place of the one that it had.
    pub(crate) async fn renew_token(&self, id: &str, now: Timestamp) -> Registered<String> {
        let (stored, _) = self.stored(id).await?;
        if id.contains('/') {
            return refused(RegistrationRefused::WithoutAddress);
        }
        match self.store.renew_client_token(&stored.id, administrators(now)).await? {
            Some(generation) => Ok(self.registrations.write(&stored.id, generation)),
            None => refused(RegistrationRefused::OutOfUse),
        }
    }

    /// What is registered of a client while the provider runs.
    async fn stored(&self, id: &str) -> Registered<(StoredClient, Metadata)> {
        if self.registry.is_configured(id) {
            return refused(RegistrationRefused::Configured);
        }
        let stored = self.store.client(id).await?;
        let found = stored.and_then(|stored| metadata_of(&stored).map(|metadata| (stored, metadata)));
        found.ok_or(RegistrationRefused::NotFound).or_else(refused)
    }
}
