//! Grants and consents: what people have allowed clients.

use super::audit::Act;
use super::sql::{consent, grant};
use super::{InSession, ServedFrom, Store, StoreError};
use crate::model::{Consent, Grant, GrantId, UsedService};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;

/// How the redemption of a code ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Redemption {
    /// The grant stands from now on.
    Redeemed,
    /// It stood already: the code was used before, and its family has ended by this.
    Replayed,
    /// What the code rests on has ended: the session, or what the person allowed. If it was used before, its family has
    /// ended by this.
    Gone,
}

/// How the replacement of a refresh token ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Rotation {
    /// The next generation is the good one.
    Rotated,
    /// The token had been replaced before, and its family has ended by this.
    Reused,
    /// The grant has ended, or is another client's.
    Gone,
}

/// Grants.
impl Store {
    /// Makes a grant, once, whatever it rests on; ends it if it is made again. A client that wants to be told when the
    /// session ends in which it is made says which that is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn redeem(&self, new: &Grant, served: Option<ServedFrom>) -> Result<Redemption, StoreError> {
        self.writer.write(grant::Redeem { new: new.clone(), rests_on: None, served }).await
    }

    /// The same, as long as its code rests on something: the session in which that was made, and what the person had
    /// allowed by then and allows still (`needed`, whose `at` is when the code was made).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn redeem_resting_on(
        &self,
        new: &Grant,
        session: InSession,
        needed: Consent,
        served: Option<ServedFrom>,
    ) -> Result<Redemption, StoreError> {
        self.writer.write(grant::Redeem { new: new.clone(), rests_on: Some((session, needed)), served }).await
    }

    /// A grant, also if it has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        grant::by_id(&self.readers, id).await
    }

    /// Replaces the refresh token of `generation` by the next, and lets the grant live until `expires`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotate(
        &self,
        of: &Grant,
        generation: u32,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<Rotation, StoreError> {
        let (grant, client) = (of.id, of.client.clone());
        self.writer.write(grant::Rotate { grant, client, generation, expires, now }).await
    }

    /// Ends a grant. False if there is no such grant, or it had ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke_grant(&self, id: &GrantId, now: Timestamp) -> Result<bool, StoreError> {
        self.writer.write(grant::Revoke { grant: *id, at: now }).await
    }
}

/// Consents.
impl Store {
    /// What a person has allowed a client.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn consent(&self, account: &AccountId, client: &str) -> Result<Option<Consent>, StoreError> {
        consent::of(&self.readers, account, client).await
    }

    /// The services that a person has allowed something, the last used first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn used_services(&self, account: &AccountId) -> Result<Vec<UsedService>, StoreError> {
        consent::services_of(&self.readers, account).await
    }

    /// Remembers what a person allows a client, in the place of what they allowed it before.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn give_consent(&self, account: &AccountId, client: &str, given: Consent) -> Result<(), StoreError> {
        self.writer.write(consent::Give { account: *account, client: client.to_owned(), given }).await
    }

    /// Forgets what a person has allowed a client, ends every grant of it, and forgets what it keeps with us about them.
    /// False if there was nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn withdraw_consent(&self, account: &AccountId, client: &str, act: Act) -> Result<bool, StoreError> {
        self.writer.write(consent::Withdraw { account: *account, client: client.to_owned(), act }).await
    }
}
