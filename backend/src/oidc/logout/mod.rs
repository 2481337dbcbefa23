//! Back-channel log-out (OpenID Connect Back-Channel Logout 1.0): clients are told that a session has ended, without the
//! browser.
//!
//! What clients are to be told is noted in the store before somebody is signed out ([`announce`]): a process that dies in
//! between tells too much, never too little. It is then tried until the client has answered, with longer and
//! longer pauses, for a day; and each try is one process's alone, whichever of several that is.

mod announce;
#[cfg(test)]
mod announce_tests;
mod outbound;
pub mod reach;
#[cfg(test)]
mod tests;
mod token;
mod uri;

use super::jws::Kind;
use super::keys::{SigningAlgorithm, SigningKeys};
use crate::fault::Fault;
use crate::model::GrantId;
use crate::store::Store;
use crate::store::logout_notice::DueNotice;
pub use crate::store::logout_notice::LogoutNotice;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::time::{Clock, Timestamp};
pub(crate) use announce::Ending;
use async_trait::async_trait;
use outbound::{NotTold, Outbound};
use reach::Reach;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use token::LogoutClaims;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
pub use uri::{BadLogoutUri, LogoutUri};

/// How often it is looked whether some are due.
const LOOK: Duration = Duration::from_secs(1);

/// Most that one round takes up. At 20 ms a client that is a thousand a second.
const ROUND_MAX: u32 = 256;

/// Most clients that are called at once.
const CALLS_MAX: usize = 32;

/// The pause after the first try; it doubles with each. Longer than a call may take, so that no other process takes up
/// what is under way here.
const PAUSE: Duration = Duration::from_secs(15);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// For how long a client is tried: a session lasts no longer than a day, so what it has not heard by then it need not.
const TRIED_FOR: Duration = Duration::from_hours(24);

/// How a client wants to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutTarget {
    /// Where.
    pub uri: LogoutUri,
    /// By which algorithm its tokens are signed.
    pub algorithm: SigningAlgorithm,
}

/// Whoever knows the clients.
#[async_trait]
pub trait LogoutTargets: Send + Sync {
    /// How a client wants to be told; `None` if it is gone, out of use, or does not want to be.
    async fn target(&self, client: &str) -> Option<LogoutTarget>;
}

/// The queue, and who works it off.
pub struct Logouts {
    store: Store,
    keys: Arc<SigningKeys>,
    targets: Arc<dyn LogoutTargets>,
    entropy: Arc<dyn Entropy>,
    issuer: String,
    outbound: Outbound,
}

/// The HTTP client of log-outs cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client that tells of log-outs cannot be set up: {0}")]
pub struct NoOutbound(String);

impl Logouts {
    /// Tells the clients of `targets`, in the name of `issuer`.
    ///
    /// # Errors
    /// [`NoOutbound`].
    pub fn new(
        store: Store,
        keys: Arc<SigningKeys>,
        targets: Arc<dyn LogoutTargets>,
        entropy: Arc<dyn Entropy>,
        issuer: String,
        reach: Reach,
    ) -> Result<Self, NoOutbound> {
        let outbound = Outbound::new(reach).map_err(NoOutbound)?;
        Ok(Self { store, keys, targets, entropy, issuer, outbound })
    }

    /// A notice for a client, to be noted.
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn notice(
        &self,
        client: String,
        subject: String,
        session: String,
        now: Timestamp,
    ) -> Result<LogoutNotice, EntropyFailed> {
        Ok(LogoutNotice { id: self.entropy.bytes()?, client, subject, session, noted: now })
    }

    /// Notes log-outs, and for which grants that is settled. When this returns, they outlive the process.
    pub(crate) async fn note(&self, notices: Vec<LogoutNotice>, grants: Vec<GrantId>) -> Result<(), Fault> {
        Ok(self.store.note_logouts(notices, grants).await?)
    }

    /// Works the queue off, for as long as it is polled.
    pub(crate) async fn run(self: Arc<Self>, clock: &dyn Clock) {
        loop {
            match Arc::clone(&self).round(clock.now()).await {
                Ok(0) => tokio::time::sleep(LOOK).await,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "clients are not told of log-outs; the next look tries again");
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
    }

    /// Tries all that are due, once. Gives how many there were.
    pub(crate) async fn round(self: Arc<Self>, now: Timestamp) -> Result<usize, Fault> {
        let due = self.store.due_logouts(now, ROUND_MAX).await?;
        let (count, calls) = (due.len(), Arc::new(Semaphore::new(CALLS_MAX)));
        let silent = Arc::new(Silent::default());
        let mut trying = JoinSet::new();
        for notice in due {
            let (own, calls, silent) = (Arc::clone(&self), Arc::clone(&calls), Arc::clone(&silent));
            trying.spawn(async move {
                let _place = calls.acquire_owned().await;
                if let Err(error) = own.try_one(&notice, &silent, now).await {
                    tracing::warn!(%error, client = notice.notice.client, "a client is not told of a log-out yet");
                }
            });
        }
        trying.join_all().await;
        Ok(count)
    }

    async fn try_one(&self, due: &DueNotice, silent: &Silent, now: Timestamp) -> Result<(), Fault> {
        let notice = &due.notice;
        if !self.store.take_logout(due, now.plus(pause(due.tried))).await? {
            return Ok(()); // Another process has.
        }
        let Some(target) = self.targets.target(&notice.client).await else {
            return Ok(self.store.forget_logout(&notice.id).await?);
        };
        if silent.holds(&notice.client) {
            return Ok(()); // It is tried again with the rest of what this client must hear.
        }
        let claims = LogoutClaims::of(notice, &self.issuer, &*self.entropy, now)?;
        let token = self.keys.sign(target.algorithm, Kind::LogoutToken, &claims, now)?;
        match self.outbound.tell(&target.uri, &token).await {
            Ok(()) => return Ok(self.store.forget_logout(&notice.id).await?),
            Err(NotTold::NoAnswer) => silent.note(&notice.client),
            Err(NotTold::OutOfReach | NotTold::Status(_)) => {}
        }
        if now.since(notice.noted) >= TRIED_FOR {
            tracing::warn!(client = notice.client, "a client could not be told of a log-out for a day: given up");
            self.store.forget_logout(&notice.id).await?;
        }
        Ok(())
    }
}

/// The pause after a try that `tried` others went before.
fn pause(tried: u32) -> Duration {
    PAUSE.saturating_mul(1_u32.checked_shl(tried.min(16)).unwrap_or(u32::MAX)).min(PAUSE_MAX)
}

/// Clients that did not answer in this round: the others do not wait for their deadlines over and over.
#[derive(Default)]
struct Silent(Mutex<BTreeSet<String>>);

impl Silent {
    fn holds(&self, client: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(client)
    }

    fn note(&self, client: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(client.to_owned());
    }
}
