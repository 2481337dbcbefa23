//! Changes: how a fact that ended or moved in warm reaches the hot tier of every gateway.

use crate::id::{CredentialDigest, SessionId};
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
}

/// Whoever keeps copies.
pub trait Follower: Send + Sync {
    /// Applies a change. When this returns, no copy of what was before is used any more.
    fn apply(&self, change: &Change);
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
}
