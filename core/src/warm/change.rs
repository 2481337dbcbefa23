//! Changes: how a fact that ended or moved in warm reaches the hot tier of every gateway.

use crate::id::{CredentialDigest, SessionId, TokenDigest};
use crate::time::Timestamp;
use crate::webauthn::credential::CredentialRecord;
use std::sync::{Arc, RwLock};

/// Something that a hot copy must not outlive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A session ended. Its handle never comes back.
    SessionEnded(SessionId),
    /// A passkey was registered, or its record changed.
    CredentialChanged(Arc<CredentialRecord>),
    /// A passkey was removed. Its digest never comes back.
    CredentialRetired(CredentialDigest),
    /// An access token was ended before its time, or all those of a grant or of a client ([`crate::token::family`]).
    TokenRevoked(TokenDigest),
    /// The keys with which the deployment's own OpenID provider signs are others now: made, announced or removed.
    ProviderKeysChanged,
}

/// Whether the feed of changes can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Every change arrives, and what was missed in a silence has been applied.
    Live,
    /// Changes were missed for good. It is live again, but every copy from before needs to be confirmed once.
    Gap,
    /// Nothing has been heard since this moment: every copy needs to be confirmed before each use.
    Silent(Timestamp),
}

/// Whoever keeps copies.
pub trait Follower: Send + Sync {
    /// Applies a change. When this returns, no copy of what was before is used any more.
    fn apply(&self, change: &Change);

    /// Hears how the feed stands. A tier in this process has no feed that could fail, and never calls this.
    fn feed(&self, feed: Feed);
}

/// The followers of one process, told in the order in which they came.
#[derive(Default)]
pub struct Followers(RwLock<Vec<Arc<dyn Follower>>>);

impl Followers {
    /// Adds one.
    pub fn add(&self, follower: Arc<dyn Follower>) {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner).push(follower);
    }

    /// Tells all.
    pub fn tell(&self, change: &Change) {
        for follower in self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            follower.apply(change);
        }
    }

    /// Tells all how the feed stands.
    pub fn tell_feed(&self, feed: Feed) {
        for follower in self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).iter() {
            follower.feed(feed);
        }
    }
}
