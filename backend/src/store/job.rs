//! A write: what it is given, and what it may do. On SQLite the one writer runs it together with others
//! ([`super::writer`]), on PostgreSQL it has a transaction of its own ([`super::transactions`]).

use super::StoreError;
use super::audit::chain::AuditKey;
use super::seal::Sealer;
use super::sql::Connection;
use super::sql::connection::Isolation;
use aldgate_core::warm::change::{Change, Followers};
use async_trait::async_trait;
use std::sync::Arc;

/// What a job is given: the connection, inside a transaction, and where to put what the followers must hear.
pub(super) struct Tx<'a> {
    /// The connection that writes.
    pub(super) connection: &'a mut Connection,
    /// Told after the commit, in this order.
    pub(super) changes: Vec<Change>,
    /// The key of the audit's tags.
    pub(super) audit_key: &'a AuditKey,
    /// Seals what is written.
    pub(super) sealer: &'a Sealer,
}

/// What every job is given, and who hears of it.
#[derive(Clone)]
pub(super) struct Given {
    /// They hear what was committed.
    pub(super) followers: Arc<Followers>,
    /// The key of the audit's tags.
    pub(super) audit_key: Arc<AuditKey>,
    /// Seals what is written.
    pub(super) sealer: Arc<Sealer>,
}

impl Given {
    /// For a job on this connection.
    pub(super) fn tx<'a>(&'a self, connection: &'a mut Connection) -> Tx<'a> {
        Tx { connection, changes: Vec::new(), audit_key: &self.audit_key, sealer: &self.sealer }
    }
}

/// A write. It may be run several times, so it changes nothing but the database and gives what it found.
#[async_trait]
pub(super) trait Write: Send + Sync + 'static {
    /// What the caller learns.
    type Outcome: Send + 'static;

    /// How it stands to others on PostgreSQL. Anything but the default needs a reason.
    const ISOLATION: Isolation = Isolation::Serializable;

    /// Whether it has changed anything, by how it ended: what is to be told of it is told then.
    fn is_done(_: &Self::Outcome) -> bool {
        true
    }

    /// Writes.
    async fn write(&self, tx: &mut Tx<'_>) -> Result<Self::Outcome, StoreError>;
}
