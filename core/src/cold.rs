//! The cold tier as a gateway sees it: the backend, asked for the few facts of which warm keeps copies only.
//!
//! A warm tier may lose a copy (it was emptied, or it is new). What is missing there is asked for here once, and put
//! back.

use crate::id::CredentialDigest;
use crate::warm::Unavailable;
use crate::webauthn::credential::CredentialRecord;
use async_trait::async_trait;

/// Where facts have their home.
#[async_trait]
pub trait Cold: Send + Sync {
    /// A passkey's record, if it is registered.
    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable>;
}
