//! The embedded warm tier: `aldgate_core::warm::Warm` on the store's SQLite file (architecture, section 2).
//!
//! Everything of weight is the store's: the writer settles log-ins by the batch, durably, and tells the followers
//! before it answers. Here the verbs of the trait are put into those of the store. Passkeys have no copy in this tier:
//! their home is the same file, so publishing one only tells the followers.

use crate::model::Ending;
use crate::store::{Store, StoreError};
use aldgate_core::id::{AccountId, CredentialDigest, SessionId, SingleUse, TokenDigest};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::change::{Change, Follower};
use aldgate_core::warm::{Consumption, Opening, PasskeyLogin, Settlement, Unavailable, Warm};
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use std::sync::Arc;

/// The warm tier on a store.
#[derive(Clone)]
pub struct EmbeddedWarm(Store);

impl EmbeddedWarm {
    /// On this store.
    pub const fn new(store: Store) -> Self {
        Self(store)
    }
}

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// A revoked token is kept among the single-use values: it is remembered as long, and found in the same way.
fn revocation(token: &TokenDigest) -> SingleUse {
    SingleUse::of(&[b"revoked token ".as_slice(), token.as_bytes()].concat())
}

#[async_trait]
impl Warm for EmbeddedWarm {
    async fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, Unavailable> {
        Ok(self.0.session(session).await?)
    }

    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        Ok(self.0.credential(credential).await?)
    }

    async fn settle(&self, login: &PasskeyLogin) -> Result<Settlement, Unavailable> {
        Ok(self.0.settle(login).await?)
    }

    async fn open_session(&self, opening: &Opening) -> Result<(), Unavailable> {
        match self.0.open_session(opening).await? {
            Settlement::Settled => Ok(()),
            refused => Err(Unavailable(format!("an opening ended as {refused:?}"))),
        }
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), Unavailable> {
        Ok(self.0.touch(seen).await?)
    }

    async fn end_session(&self, account: &AccountId, session: &SessionId) -> Result<bool, Unavailable> {
        Ok(self.0.end(account, Ending::One(*session)).await? > 0)
    }

    async fn end_sessions(&self, account: &AccountId, keep: Option<&SessionId>) -> Result<usize, Unavailable> {
        Ok(self.0.end(account, Ending::AllBut(keep.copied())).await?)
    }

    async fn end_sessions_of_credential(
        &self,
        account: &AccountId,
        credential: &CredentialDigest,
        keep: Option<&SessionId>,
    ) -> Result<usize, Unavailable> {
        Ok(self.0.end(account, Ending::OfCredential(*credential, keep.copied())).await?)
    }

    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(SessionId, SessionRecord)>, Unavailable> {
        Ok(self.0.sessions_of(account).await?)
    }

    async fn consume(&self, value: &SingleUse, until: Timestamp) -> Result<Consumption, Unavailable> {
        Ok(match self.0.consume(value, until).await? {
            Settlement::Settled => Consumption::Consumed,
            _ => Consumption::AlreadyUsed,
        })
    }

    async fn publish_credential(&self, record: &CredentialRecord) -> Result<(), Unavailable> {
        self.0.tell(&Change::CredentialChanged(Arc::new(record.clone())));
        Ok(())
    }

    async fn retire_credential(&self, _: &AccountId, credential: &CredentialDigest) -> Result<(), Unavailable> {
        self.0.tell(&Change::CredentialRetired(*credential));
        Ok(())
    }

    async fn revoke_token(&self, token: &TokenDigest, until: Timestamp) -> Result<(), Unavailable> {
        // Consumed before means revoked before: either way it is revoked now.
        let _ = self.0.consume(&revocation(token), until).await?;
        self.0.tell(&Change::TokenRevoked(*token));
        Ok(())
    }

    async fn token_revoked(&self, token: &TokenDigest) -> Result<bool, Unavailable> {
        Ok(self.0.is_consumed(&revocation(token)).await?)
    }

    async fn provider_keys_changed(&self) -> Result<(), Unavailable> {
        self.0.tell(&Change::ProviderKeysChanged);
        Ok(())
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        self.0.follow(follower);
    }
}
