//! The warm tier: what all gateways share. This file is its trait and its records; the implementations are the
//! embedded one (on the backend's SQLite, in `aldgate-backend`), the one on Redis or Valkey (feature `redis`), and a
//! memory one for tests.
//!
//! The trait speaks in the domain's verbs, each of which is atomic: whoever implements it may need one transaction or
//! one script, but never lets a caller see half of one. What is acknowledged is durable. A value that may be used
//! once is used once, whichever gateway the requests reach.

pub mod change;
pub mod login_event;
#[cfg(feature = "testing")]
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;

use crate::id::{AccountId, CredentialDigest, SessionId, SingleUse, TokenDigest};
use crate::language::Language;
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use crate::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use change::Follower;
use std::sync::Arc;

/// The warm tier did not answer. Nothing may be concluded from that; the request fails closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the warm tier is unavailable: {0}")]
pub struct Unavailable(pub String);

/// A session to open, and the one that it replaces in the same browser (rotation at log-in and at step-up).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The new session's handle.
    pub session: SessionId,
    /// Its record.
    pub record: SessionRecord,
    /// The session that ends by this.
    pub replaces: Option<SessionId>,
}

/// A verified passkey log-in, to be settled in one atomic step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyLogin {
    /// The challenge that was answered, to be consumed. It may be remembered beside the account whose passkey answered
    /// it, apart from what [`Warm::consume`] remembers: a challenge is never used up there.
    pub challenge: SingleUse,
    /// Until when the challenge must be remembered as consumed.
    pub challenge_expires: Timestamp,
    /// The passkey, as it was when the assertion was verified against it. It may have changed since: the tier judges
    /// by what it holds itself, and starts from here only to save the question.
    pub credential: CredentialRecord,
    /// The counter that the authenticator reported.
    pub sign_count: u32,
    /// Whether the passkey is backed up now.
    pub backup_state: bool,
    /// The session to open.
    pub opening: Opening,
    /// In which language the account's owner is to be told of it, if the account was not opened in this browser before
    /// ([`crate::session::opened_here`]).
    pub new_browser: Option<Language>,
}

/// How the settling of a log-in ended. Only `Settled` has opened a session; the others have changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Settlement {
    /// Challenge consumed, session opened, counter settled, event appended.
    Settled,
    /// Another request has consumed the challenge.
    ChallengeUsed,
    /// Another log-in has meanwhile reported this counter or a higher one.
    CounterRegressed,
    /// The passkey has meanwhile been removed.
    CredentialGone,
    /// The passkey's account is disabled.
    AccountDisabled,
}

/// Whether a single-use value was still unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Consumption {
    /// It was unused and is now used, by this call alone.
    Consumed,
    /// It had been used before.
    AlreadyUsed,
}

/// The shared tier.
#[async_trait]
pub trait Warm: Send + Sync {
    /// A session's record, if the session has been opened and not ended.
    async fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, Unavailable>;

    /// A passkey's record, if it is registered.
    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable>;

    /// Settles a passkey log-in, all of it or nothing.
    async fn settle(&self, login: &PasskeyLogin) -> Result<Settlement, Unavailable>;

    /// Opens a session and ends the one it replaces. A tier keeps at most 1,000 sessions of an account, so that nobody fills it
    /// and all of them are soon ended: beyond that the one that would expire first ends, here as at a log-in.
    async fn open_session(&self, opening: &Opening) -> Result<(), Unavailable>;

    /// Notes when sessions were last used. Never moves a time back, never revives an ended session.
    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), Unavailable>;

    /// Ends one session of an account. True if it stood.
    async fn end_session(&self, account: &AccountId, session: &SessionId) -> Result<bool, Unavailable>;

    /// Ends every session of an account, but for `keep`. Gives how many.
    async fn end_sessions(&self, account: &AccountId, keep: Option<&SessionId>) -> Result<usize, Unavailable>;

    /// Ends the sessions that one passkey opened, but for `keep`. Gives how many.
    async fn end_sessions_of_credential(
        &self,
        account: &AccountId,
        credential: &CredentialDigest,
        keep: Option<&SessionId>,
    ) -> Result<usize, Unavailable>;

    /// The sessions of an account that have not ended, newest first; the caller judges which still stand.
    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(SessionId, SessionRecord)>, Unavailable>;

    /// Uses up a single-use value; it is remembered until `until`. A value is used up either here or in a log-in: the
    /// two need not know of one another.
    async fn consume(&self, value: &SingleUse, until: Timestamp) -> Result<Consumption, Unavailable>;

    /// Makes a new or changed passkey known to every gateway.
    async fn publish_credential(&self, record: &CredentialRecord) -> Result<(), Unavailable>;

    /// Makes known that a passkey of an account was removed.
    async fn retire_credential(&self, account: &AccountId, credential: &CredentialDigest) -> Result<(), Unavailable>;

    /// Ends an access token before its time, or all those that have something in common ([`crate::token::family`]); it is
    /// remembered until `until`, when the last of them would have expired.
    async fn revoke_token(&self, token: &TokenDigest, until: Timestamp) -> Result<(), Unavailable>;

    /// Whether an access token was ended before its time, or what it has in common with others.
    async fn token_revoked(&self, token: &TokenDigest) -> Result<bool, Unavailable>;

    /// Makes known that the OpenID provider's keys are others now. What they are, its key set says.
    async fn provider_keys_changed(&self) -> Result<(), Unavailable>;

    /// Lets `follower` hear every change from now on: one that this process causes before the call that causes it
    /// returns, one that another process causes as soon as the feed brings it. Whether the feed can be relied on,
    /// the follower is told too.
    fn follow(&self, follower: Arc<dyn Follower>);
}
