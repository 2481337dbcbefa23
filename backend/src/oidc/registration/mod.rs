//! Registering clients while the provider runs: by an administrator, and by themselves with an initial access token
//! (RFC 7591), who then change their own registration with a token of their own (RFC 7592).
//!
//! Whatever is registered is a [`Client`] by the same rules as one of the configuration. A token of an administrator's
//! says for what a client may register itself at most. What administrators do afterwards is in [`administration`].

mod administration;
mod initial_access;
#[cfg(test)]
pub(crate) mod tests;
mod token;

pub(crate) use administration::Administered;
pub(crate) use initial_access::{InitialAccess, Invitation};
pub(crate) use token::RegistrationTokens;

use super::Provider;
use super::client::metadata::Metadata;
use super::client::{BadRegistration, Client, ClientId};
use super::profile::{Profile, SubjectKind};
use crate::fault::{Fault, NotDone};
use crate::store::audit::{Act, Actor};
use crate::store::client::{ClientChange, StoredClient, TokenOfClient};
use aldgate_core::time::Timestamp;
use aldgate_core::warm::Consumption;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Why something is not registered, changed or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RegistrationRefused {
    /// The token is missing, not ours, too old, used before, or another client's.
    InvalidToken,
    /// The metadata; everything that is wrong with them.
    Metadata(Vec<BadRegistration>),
    /// A client of this name is there already.
    Taken,
    /// There is no such client.
    NotFound,
    /// The configuration names it, and says what it is.
    Configured,
    /// It is not as it was when whoever asks has read it.
    Overtaken,
    /// It is out of use.
    OutOfUse,
    /// Its name has a slash, so that its registration has no address of its own.
    WithoutAddress,
}

/// How often a client's own change is tried while others change the same client.
const TRIES: usize = 3;

type Registered<T> = Result<T, NotDone<RegistrationRefused>>;

fn refused<T>(refusal: RegistrationRefused) -> Registered<T> {
    Err(NotDone::Refused(refusal))
}

/// A client that has registered itself.
#[derive(Debug)]
pub(crate) struct Registration {
    /// Its name on the wire.
    pub(crate) id: ClientId,
    /// What is registered of it.
    pub(crate) metadata: Metadata,
    /// By what it changes that.
    pub(crate) token: String,
    /// Since when.
    pub(crate) created: Timestamp,
}

impl Provider {
    /// An initial access token, for an administrator to hand on.
    pub(crate) fn invite(&self, invitation: &Invitation, now: Timestamp) -> Result<String, Fault> {
        Ok(self.invitations.write(invitation, &*self.entropy, now)?)
    }

    /// Registers a client that shows an initial access token, which is good once: used up last, so that a client whose
    /// metadata are wrong can try again.
    pub(crate) async fn register_itself(
        &self,
        token: &str,
        asked: Metadata,
        now: Timestamp,
    ) -> Registered<Registration> {
        let Some(access) = self.invitations.read(token, now) else {
            return refused(RegistrationRefused::InvalidToken);
        };
        let metadata = access.invitation.limit(asked, &Metadata::default()).map_err(of_metadata)?;
        let id: [u8; 16] = self.entropy.bytes()?;
        let id = URL_SAFE_NO_PAD.encode(id);
        let client = self.checked(&id, &metadata).map_err(of_metadata)?;
        match self.warm.consume(&access.single_use, access.expires).await? {
            Consumption::Consumed => {}
            Consumption::AlreadyUsed => return refused(RegistrationRefused::InvalidToken),
        }
        self.keep(&client, &metadata, by_itself(&client, now)).await?;
        let token = self.registrations.write(&id, 0);
        Ok(Registration { id: client.id().clone(), metadata, token, created: now })
    }

    /// What is registered of a client that shows its own token.
    pub(crate) async fn own_registration(&self, id: &str, token: &str) -> Registered<Registration> {
        let (stored, metadata) = self.owned(id, token).await?;
        let id = ClientId::parse(&stored.id).map_err(|_| Fault::Invariant("a client that is stored has a name"))?;
        Ok(Registration { id, metadata, token: token.to_owned(), created: stored.created })
    }

    /// Replaces what is registered of a client that shows its own token, and the token: whoever has copied it has lost it
    /// with that. What an administrator alone decides stays.
    pub(crate) async fn change_own_registration(
        &self,
        id: &str,
        token: &str,
        asked: Metadata,
        now: Timestamp,
    ) -> Registered<Registration> {
        // An administrator may change it at the same time, whose word is the limit of what the client may ask for.
        for _ in 0..TRIES {
            let (stored, before) = self.owned(id, token).await?;
            let metadata = Invitation::of(&before).limit(asked.clone(), &before).map_err(of_metadata)?;
            let client = self.checked(&stored.id, &metadata).map_err(of_metadata)?;
            keeps_sector(&client, &before).map_err(of_metadata)?;
            let change = ClientChange {
                id: stored.id.clone(),
                revision: stored.revision,
                record: written(&metadata)?,
                token: TokenOfClient::Renewed,
                ends_tokens: false,
                members: metadata.unlike(&before),
                act: by_itself(&client, now),
            };
            if self.store.change_client(change).await? {
                self.registry.look(&self.store).await?;
                let token = self.registrations.write(&stored.id, stored.generation.saturating_add(1));
                return Ok(Registration { id: client.id().clone(), metadata, token, created: stored.created });
            }
        }
        refused(RegistrationRefused::Overtaken)
    }

    /// Forgets a client that shows its own token: whatever it was given is good for nothing from now on.
    pub(crate) async fn remove_own_registration(&self, id: &str, token: &str, now: Timestamp) -> Registered<()> {
        let (stored, _) = self.owned(id, token).await?;
        let act = Act { by: Actor::Client(stored.id.clone()), at: now };
        self.forget(&stored.id, act).await.map(drop)
    }

    /// Forgets a client. False if nothing was registered of it.
    async fn forget(&self, id: &str, act: Act) -> Registered<bool> {
        let forgotten = self.store.remove_client(id, act).await?;
        self.herald.tell().await;
        self.registry.look(&self.store).await?;
        Ok(forgotten)
    }

    async fn keep(&self, client: &Client, metadata: &Metadata, act: Act) -> Registered<()> {
        let id = client.id().as_str();
        let taken = self.registry.is_configured(id) || !self.store.add_client(id, written(metadata)?, act).await?;
        if taken {
            return refused(RegistrationRefused::Taken);
        }
        Ok(self.registry.look(&self.store).await?)
    }

    /// The client that metadata describe, if there is nothing wrong with it.
    fn checked(&self, id: &str, metadata: &Metadata) -> Result<Client, Vec<BadRegistration>> {
        let profile = metadata.profile.as_deref().and_then(|name| name.parse().ok()).unwrap_or(Profile::Nhs);
        let mut faults = metadata.unsupported(profile.rules());
        match metadata.client(id) {
            Ok(client) if faults.is_empty() => Ok(client),
            Ok(_) => Err(faults),
            Err(others) => {
                faults.extend(others);
                Err(faults)
            }
        }
    }

    /// A client of the store, if this is its token and it is in use.
    async fn owned(&self, id: &str, token: &str) -> Registered<(StoredClient, Metadata)> {
        let Some(generation) = self.registrations.read(id, token) else {
            return refused(RegistrationRefused::InvalidToken);
        };
        let stored = self.store.client(id).await?;
        let stored = stored.filter(|stored| !stored.disabled && stored.generation == generation);
        let Some(stored) = stored else { return refused(RegistrationRefused::InvalidToken) };
        let metadata = metadata_of(&stored).ok_or(Fault::Invariant("what is registered of a client can be read"))?;
        Ok((stored, metadata))
    }
}

/// What is registered of a client that is stored.
fn metadata_of(stored: &StoredClient) -> Option<Metadata> {
    serde_json::from_slice(stored.record.as_deref()?).ok()
}

/// A client does it, with a token of its own.
fn by_itself(client: &Client, at: Timestamp) -> Act {
    Act { by: Actor::Client(client.id().to_string()), at }
}

/// Whether a client still knows people by the names of the sector that it had: with those of another it could look people
/// up in another department's list. Whoever moves to another host asks an administrator.
fn keeps_sector(client: &Client, before: &Metadata) -> Result<(), Vec<BadRegistration>> {
    let before = before.client(client.id().as_str());
    let same = before.is_ok_and(|before| before.sector() == client.sector());
    if same || client.profile().rules().subject == SubjectKind::Public {
        return Ok(());
    }
    let message = "are in another sector than before, which is the administrator's to choose".to_owned();
    Err(vec![BadRegistration { field: "redirect_uris", message }])
}

fn of_metadata(faults: Vec<BadRegistration>) -> NotDone<RegistrationRefused> {
    NotDone::Refused(RegistrationRefused::Metadata(faults))
}

fn written(metadata: &Metadata) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(metadata).map_err(|_| Fault::Invariant("metadata are JSON"))
}
