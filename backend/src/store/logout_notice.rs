//! Log-outs that clients have not been told of yet: a queue that outlives the process.

use super::{Store, StoreError, sql};
use crate::model::GrantId;
use aldgate_core::time::Timestamp;

/// A log-out that a client is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Its name: random.
    pub id: [u8; 16],
    /// The client.
    pub client: String,
    /// The person, as the client knows them.
    pub subject: String,
    /// The session, as the client knows it.
    pub session: String,
    /// Since when it waits.
    pub noted: Timestamp,
}

/// A notice that is to be tried now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueNotice {
    /// The notice.
    pub(crate) notice: LogoutNotice,
    /// How often it was tried before.
    pub(crate) tried: u32,
    /// Since when it is due.
    pub(crate) due: Timestamp,
}

/// Log-outs on their way to clients.
impl Store {
    /// Notes log-outs, and that with them the clients of these grants are told; all or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; none is noted then.
    pub(crate) async fn note_logouts(
        &self,
        notices: Vec<LogoutNotice>,
        grants: Vec<GrantId>,
    ) -> Result<(), StoreError> {
        if notices.is_empty() && grants.is_empty() {
            return Ok(());
        }
        self.writer.write(sql::logout_notice::Note { notices, grants }).await
    }

    /// Those that are to be tried now, the longest due first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn due_logouts(&self, now: Timestamp, max: u32) -> Result<Vec<DueNotice>, StoreError> {
        sql::logout_notice::due(&self.readers, now, max).await
    }

    /// Takes one to try it; it is due again at `next`. False if another process has taken it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn take_logout(&self, taken: &DueNotice, next: Timestamp) -> Result<bool, StoreError> {
        self.writer.write(sql::logout_notice::Take { id: taken.notice.id, due: taken.due, next }).await
    }

    /// Forgets one: the client knows, or never will.
    ///
    /// # Errors
    /// [`StoreError`]. It is tried again then.
    pub(crate) async fn forget_logout(&self, id: &[u8; 16]) -> Result<(), StoreError> {
        self.writer.write(sql::logout_notice::Forget(*id)).await
    }
}
