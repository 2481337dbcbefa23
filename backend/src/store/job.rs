//! A write, as the writer runs it: what it is given, and what it may do.

use super::StoreError;
use super::sql::Connection;
use aldgate_core::warm::change::Change;
use async_trait::async_trait;

/// What a job is given: the connection, inside a transaction, and where to put what the followers must hear.
pub(super) struct Tx<'a> {
    /// The writer's connection.
    pub(super) connection: &'a mut Connection,
    /// Told after the commit, in this order.
    pub(super) changes: Vec<Change>,
}

/// A write. It may be run twice, so it changes nothing but the database and gives what it found.
#[async_trait]
pub(super) trait Write: Send + Sync + 'static {
    /// What the caller learns.
    type Outcome: Send + 'static;

    /// Writes.
    async fn write(&self, tx: &mut Tx<'_>) -> Result<Self::Outcome, StoreError>;
}
