//! The warm tier in memory, for tests and benches: the plainest reading of the trait, one lock around maps.

use super::change::{Change, Feed, Follower, Followers};
use super::{Consumption, Opening, PasskeyLogin, Settlement, Unavailable, Warm};
use crate::id::{AccountId, CredentialDigest, Lane, SessionId, SingleUse, TokenDigest};
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use crate::webauthn::assertion::counter_grows;
use crate::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    sessions: HashMap<SessionId, SessionRecord>,
    credentials: HashMap<CredentialDigest, CredentialRecord>,
    consumed: HashMap<SingleUse, Timestamp>,
    revoked: HashMap<TokenDigest, Timestamp>,
}

/// Warm in memory. It can be told to fail, so that failing closed can be tested.
#[derive(Default)]
pub struct MemoryWarm {
    state: Mutex<State>,
    followers: Followers,
    down: AtomicBool,
    hanging: AtomicBool,
    /// What of it is down while the rest stands, as when one primary of several is.
    lane_down: Mutex<Option<Lane>>,
}

impl MemoryWarm {
    /// From now on every call fails (or no longer does).
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    /// From now on the verbs by which somebody ends what is an account's fail for the accounts of a lane.
    pub fn set_lane_down(&self, lane: Option<Lane>) {
        *self.lane_down.lock().unwrap_or_else(PoisonError::into_inner) = lane;
    }

    fn reaches(&self, account: &AccountId) -> Result<(), Unavailable> {
        let down = *self.lane_down.lock().unwrap_or_else(PoisonError::into_inner);
        if down == Some(account.lane()) { Err(Unavailable("this lane was told to be down".into())) } else { Ok(()) }
    }

    /// From now on no call returns (or it does again).
    pub fn set_hanging(&self, hanging: bool) {
        self.hanging.store(hanging, Ordering::SeqCst);
    }

    /// Tells the followers how the feed stands, as a tier with a feed would.
    pub fn set_feed(&self, feed: Feed) {
        self.followers.tell_feed(feed);
    }

    async fn state(&self) -> Result<MutexGuard<'_, State>, Unavailable> {
        if self.hanging.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) {
            return Err(Unavailable("told to be down".into()));
        }
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn end_where(&self, ends: impl Fn(&SessionId, &SessionRecord) -> bool + Send) -> Result<usize, Unavailable> {
        let mut state = self.state().await?;
        let ended: Vec<_> = state.sessions.iter().filter(|(id, r)| ends(id, r)).map(|(id, _)| *id).collect();
        state.sessions.retain(|id, _| !ended.contains(id));
        drop(state);
        ended.iter().for_each(|id| self.followers.tell(&Change::SessionEnded(*id)));
        Ok(ended.len())
    }

    /// Opens the session; gives the change that ends the one it replaces.
    fn open(state: &mut State, opening: &Opening) -> Option<Change> {
        state.sessions.insert(opening.session, opening.record);
        let replaced = opening.replaces?;
        state.sessions.remove(&replaced).map(|_| Change::SessionEnded(replaced))
    }
}

#[async_trait]
impl Warm for MemoryWarm {
    async fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, Unavailable> {
        Ok(self.state().await?.sessions.get(session).copied())
    }

    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        Ok(self.state().await?.credentials.get(credential).cloned())
    }

    async fn settle(&self, login: &PasskeyLogin) -> Result<Settlement, Unavailable> {
        let mut changes = Vec::new();
        {
            let mut state = self.state().await?;
            if state.consumed.contains_key(&login.challenge) {
                return Ok(Settlement::ChallengeUsed);
            }
            let Some(credential) = state.credentials.get_mut(&login.credential.digest) else {
                return Ok(Settlement::CredentialGone);
            };
            if credential.disabled {
                return Ok(Settlement::AccountDisabled);
            }
            if !counter_grows(credential.sign_count, login.sign_count) {
                return Ok(Settlement::CounterRegressed);
            }
            if (credential.sign_count, credential.backup_state) != (login.sign_count, login.backup_state) {
                credential.sign_count = login.sign_count;
                credential.backup_state = login.backup_state;
                credential.revision += 1;
                changes.push(Change::CredentialChanged(Arc::new(credential.clone())));
            }
            state.consumed.insert(login.challenge, login.challenge_expires);
            changes.extend(Self::open(&mut state, &login.opening));
        }
        changes.iter().for_each(|change| self.followers.tell(change));
        Ok(Settlement::Settled)
    }

    async fn open_session(&self, opening: &Opening) -> Result<(), Unavailable> {
        let change = Self::open(&mut *self.state().await?, opening);
        change.iter().for_each(|change| self.followers.tell(change));
        Ok(())
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), Unavailable> {
        let mut state = self.state().await?;
        for (session, at) in seen {
            if let Some(record) = state.sessions.get_mut(session) {
                record.seen = record.seen.max(*at);
            }
        }
        Ok(())
    }

    async fn end_session(&self, account: &AccountId, session: &SessionId) -> Result<bool, Unavailable> {
        Ok(self.end_where(|id, record| id == session && record.account == *account).await? > 0)
    }

    async fn end_sessions(&self, account: &AccountId, keep: Option<&SessionId>) -> Result<usize, Unavailable> {
        self.reaches(account)?;
        self.end_where(|id, record| record.account == *account && Some(id) != keep).await
    }

    async fn end_sessions_of_credential(
        &self,
        account: &AccountId,
        credential: &CredentialDigest,
        keep: Option<&SessionId>,
    ) -> Result<usize, Unavailable> {
        self.reaches(account)?;
        self.end_where(|id, r| r.account == *account && r.credential == Some(*credential) && Some(id) != keep).await
    }

    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(SessionId, SessionRecord)>, Unavailable> {
        let state = self.state().await?;
        let of_account = state.sessions.iter().filter(|(_, record)| record.account == *account);
        let mut sessions: Vec<_> = of_account.map(|(id, record)| (*id, *record)).collect();
        sessions.sort_by_key(|(_, record)| std::cmp::Reverse(record.opened));
        Ok(sessions)
    }

    async fn consume(&self, value: &SingleUse, until: Timestamp) -> Result<Consumption, Unavailable> {
        let before = self.state().await?.consumed.insert(*value, until);
        Ok(if before.is_some() { Consumption::AlreadyUsed } else { Consumption::Consumed })
    }

    async fn publish_credential(&self, record: &CredentialRecord) -> Result<(), Unavailable> {
        self.state().await?.credentials.insert(record.digest, record.clone());
        self.followers.tell(&Change::CredentialChanged(Arc::new(record.clone())));
        Ok(())
    }

    async fn retire_credential(&self, account: &AccountId, credential: &CredentialDigest) -> Result<(), Unavailable> {
        self.reaches(account)?;
        self.state().await?.credentials.remove(credential);
        self.followers.tell(&Change::CredentialRetired(*credential));
        Ok(())
    }

    async fn revoke_token(&self, token: &TokenDigest, until: Timestamp) -> Result<(), Unavailable> {
        self.state().await?.revoked.insert(*token, until);
        self.followers.tell(&Change::TokenRevoked(*token));
        Ok(())
    }

    async fn token_revoked(&self, token: &TokenDigest) -> Result<bool, Unavailable> {
        Ok(self.state().await?.revoked.contains_key(token))
    }

    async fn provider_keys_changed(&self) -> Result<(), Unavailable> {
        drop(self.state().await?);
        self.followers.tell(&Change::ProviderKeysChanged);
        Ok(())
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        self.followers.add(follower);
    }
}
