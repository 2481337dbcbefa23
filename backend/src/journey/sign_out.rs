//! Signing out: here, or everywhere. A session that has ended opens nothing any more, wherever its token is shown.

use super::Journeys;
use crate::account::Noted;
use crate::fault::Fault;
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;

impl Journeys {
    /// Ends the session that asks.
    pub(crate) async fn sign_out(&self, identity: &VerifiedIdentity, now: Timestamp) -> Result<(), Fault> {
        self.accounts.end_session(identity.account(), identity.session(), Noted::Nowhere, now).await
    }

    /// Ends every session of the account, the one that asks included.
    pub(crate) async fn sign_out_everywhere(&self, identity: &VerifiedIdentity, now: Timestamp) -> Result<(), Fault> {
        self.accounts.end_all_sessions(identity.account(), now).await
    }
}
