//! Log-ins, as the cold tier is told of them: written down by the shared tier in the same step that opens the session,
//! read by the backend, and settled there once, however often they are read.

use crate::id::{AccountId, CredentialDigest, Lane, SessionId};
use crate::language::Language;
use crate::time::Timestamp;
use crate::warm::Unavailable;
use async_trait::async_trait;

/// A log-in that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginEvent {
    /// Whose.
    pub account: AccountId,
    /// The session that it opened.
    pub session: SessionId,
    /// When.
    pub at: Timestamp,
    /// The passkey's part, if it was with a passkey.
    pub passkey: Option<PasskeyUsed>,
}

/// What a log-in made of a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasskeyUsed {
    /// Which one.
    pub credential: CredentialDigest,
    /// Its counter since then.
    pub sign_count: u32,
    /// Whether it was backed up.
    pub backup_state: bool,
    /// The revision of its record since then.
    pub revision: u64,
    /// In which language the account's owner is to be told of it, if the account was not opened in this browser before.
    pub new_browser: Option<Language>,
}

/// A tier that keeps log-ins until the cold tier has settled them. Each lane numbers its own: later ones are higher,
/// also after the tier was emptied, so that what was settled before is no reason to leave out what comes.
#[async_trait]
pub trait LoginEvents: Send + Sync {
    /// The log-ins of a lane after number `after`, oldest first, at most `max`, with their numbers. What cannot be
    /// believed is left out.
    async fn login_events(&self, lane: Lane, after: u64, max: usize) -> Result<Vec<(u64, LoginEvent)>, Unavailable>;

    /// Lets go of the log-ins of a lane up to and with number `through`: they are settled.
    async fn forget_login_events(&self, lane: Lane, through: u64) -> Result<(), Unavailable>;
}
