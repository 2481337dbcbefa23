//! Signing out: here, or everywhere. A session that has ended opens nothing any more, wherever its token is shown.

use super::Journeys;
use crate::fault::Fault;
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;

impl Journeys {
    /// Ends the session that asks.
    pub(crate) async fn sign_out(&self, identity: &VerifiedIdentity) -> Result<(), Fault> {
        self.warm.end_session(&identity.account(), &identity.session()).await?;
        Ok(())
    }

    /// Ends every session of the account, the one that asks included.
    pub(crate) async fn sign_out_everywhere(&self, identity: &VerifiedIdentity, now: Timestamp) -> Result<(), Fault> {
        self.warm.end_sessions(&identity.account(), None).await?;
        self.accounts.ended(identity.account(), "all", now).await;
        Ok(())
    }
}
