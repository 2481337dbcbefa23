//! What failed of ours. A fault is never a person's doing and says nothing about one: the request fails closed.

use crate::notifier::NotSent;
use crate::oidc::jws::NotSigned;
use crate::oidc::keys::KeysFailed;
use crate::password::HashingFault;
use crate::store::StoreError;
use aldgate_core::entropy::EntropyFailed;
use aldgate_core::warm::Unavailable;

/// Why a request could not be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The database.
    #[error("the store failed: {0:?}")]
    Store(StoreError),
    /// The shared tier.
    #[error(transparent)]
    Warm(#[from] Unavailable),
    /// Hashing passwords.
    #[error("passwords cannot be hashed: {0:?}")]
    Hashing(HashingFault),
    /// Randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// The way out for messages.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The OpenID provider's signing keys.
    #[error(transparent)]
    Keys(#[from] KeysFailed),
    /// Signing with one of them.
    #[error(transparent)]
    NotSigned(#[from] NotSigned),
    /// Something took too long: what it was for.
    #[error("nothing came of {0} in time")]
    Late(&'static str),
    /// Something that cannot be, was.
    #[error("an invariant does not hold: {0}")]
    Invariant(&'static str),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<HashingFault> for Fault {
    fn from(fault: HashingFault) -> Self {
        Self::Hashing(fault)
    }
}

/// Why something was not done: a refusal, which is about the request, or a fault, which is about us.
#[derive(Debug)]
pub(crate) enum NotDone<R> {
    /// The request was refused.
    Refused(R),
    /// We failed.
    Failed(Fault),
}

impl<R, F: Into<Fault>> From<F> for NotDone<R> {
    fn from(fault: F) -> Self {
        Self::Failed(fault.into())
    }
}

impl<R> NotDone<R> {
    /// The same, with the refusal in the words of whoever asked.
    pub(crate) fn in_terms<S>(self, of: impl FnOnce(R) -> S) -> NotDone<S> {
        match self {
            Self::Refused(refusal) => NotDone::Refused(of(refusal)),
            Self::Failed(fault) => NotDone::Failed(fault),
        }
    }
}
