//! Deleting what has expired, in steps that are short enough not to hold up a log-in.

use super::connection::Isolation;
use super::query;
use crate::model::second_step::UNUSED_MAX;
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use std::time::Duration;

/// Most rows that one step deletes: a few milliseconds of the writer's time.
pub(in crate::store) const STEP_ROWS_MAX: u64 = 500;

/// What expires.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Expiring {
    SingleUse,
    Attempts,
    Sessions,
    Grants,
    ClientSessions,
    Browsers,
    ContactChanges,
}

impl Expiring {
    /// How long after the time that stands in its row it goes.
    pub(in crate::store) const fn outlives(self) -> Duration {
        match self {
            Self::SingleUse | Self::Attempts | Self::Sessions | Self::Grants | Self::ClientSessions => Duration::ZERO,
            Self::Browsers => UNUSED_MAX,
            // So that whoever comes late is told that it is too late, and not that there was nothing.
            Self::ContactChanges => Duration::from_hours(30 * 24),
        }
    }

    /// What does so in every database.
    pub(in crate::store) const COLD: [Self; 5] =
        [Self::Attempts, Self::Grants, Self::ClientSessions, Self::Browsers, Self::ContactChanges];

    /// What does so in the embedded warm tier.
    pub(in crate::store) const WARM: [Self; 2] = [Self::SingleUse, Self::Sessions];

    const fn statement(self) -> &'static str {
        match self {
            Self::SingleUse => {
                "DELETE FROM consumed WHERE value IN (SELECT value FROM consumed WHERE until <= $1 LIMIT $2)"
            }
            Self::Attempts => "DELETE FROM attempt WHERE key IN (SELECT key FROM attempt WHERE resets <= $1 LIMIT $2)",
            Self::Browsers => {
                "DELETE FROM remembered_browser WHERE id IN (SELECT id FROM remembered_browser WHERE used <= $1 LIMIT $2)"
            }
            Self::ContactChanges => {
                "DELETE FROM contact_change WHERE id IN (SELECT id FROM contact_change WHERE ends <= $1 LIMIT $2)"
            }
            Self::Sessions => "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires <= $1 LIMIT $2)",
            Self::ClientSessions => {
                "DELETE FROM client_session WHERE (session, client) IN
                 (SELECT session, client FROM client_session WHERE ends <= $1 LIMIT $2)"
            }
            Self::Grants => FORGET_GRANTS,
        }
    }
}

/// When a service was last used stands in its grants ([`super::consent`]), so that no log-in has to write it down. The
/// last one leaves it to the consent before it goes.
const NOTE_LAST_USE: &str = "
    UPDATE consent SET used = ended.made
    FROM (SELECT account, client, MAX(created) AS made
          FROM (SELECT account, client, created FROM client_grant WHERE expires <= $1 LIMIT $2) AS expired
          GROUP BY account, client) AS ended
    WHERE consent.account = ended.account AND consent.client = ended.client
      AND consent.first_at <= ended.made AND consent.used < ended.made";

/// Whichever were noted: another process may delete at the same time, and others then fall under the limit.
const FORGET_GRANTS: &str = "
    DELETE FROM client_grant WHERE id IN (
        SELECT g.id FROM client_grant g WHERE g.expires <= $1 AND NOT EXISTS (
            SELECT 1 FROM consent c WHERE c.account = g.account AND c.client = g.client
            AND c.first_at <= g.created AND c.used < g.created)
        LIMIT $2)";

/// One step. Gives how many rows it deleted.
pub(in crate::store) struct Step {
    pub(in crate::store) what: Expiring,
    pub(in crate::store) until: Timestamp,
}

#[async_trait]
impl Write for Step {
    type Outcome = u64;
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let limit = i64::try_from(STEP_ROWS_MAX).unwrap_or(i64::MAX);
        if matches!(self.what, Expiring::Grants) {
            query(NOTE_LAST_USE).bind(self.until).bind(limit).execute(&mut *tx.connection).await?;
        }
        query(self.what.statement()).bind(self.until).bind(limit).execute(&mut *tx.connection).await
    }
}
