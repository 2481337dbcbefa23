//! Writes, on either kind of database, and what is to be told of them.

use super::delivery::Outgoing;
use super::job::{Tx, Write};
use super::settling::Settling;
use super::sql::connection::{Isolation, no_warm_tier};
use super::sql::standing::stands;
use super::transactions::Transactions;
use super::writer::Writer;
use super::{InSession, StoreError};
use aldgate_core::warm::Settlement;
use async_trait::async_trait;
use std::sync::Arc;

/// Who runs a write.
#[derive(Clone)]
pub(super) enum Database {
    /// The one writer of an SQLite file.
    Embedded(Writer),
    /// A transaction each, on PostgreSQL.
    Postgres(Transactions),
}

impl Database {
    async fn write<W: Write>(&self, write: W) -> Result<W::Outcome, StoreError> {
        match self {
            Self::Embedded(writer) => writer.write(write).await,
            Self::Postgres(transactions) => transactions.write(write).await,
        }
    }
}

/// Writes, for whom each is done, and what is to be delivered of it.
#[derive(Clone)]
pub(super) struct Writes {
    database: Database,
    within: Option<InSession>,
    told: Arc<[Outgoing]>,
}

/// A write that is done for a session, if it still stands, and what is to be delivered if it changes anything: in one
/// transaction, so that nothing comes between and none is without the other.
struct Demanded<W> {
    write: W,
    within: Option<InSession>,
    told: Arc<[Outgoing]>,
}

#[async_trait]
impl<W: Write> Write for Demanded<W> {
    type Outcome = Option<W::Outcome>;
    const ISOLATION: Isolation = W::ISOLATION;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Option<W::Outcome>, StoreError> {
        if let Some(session) = &self.within
            && !stands(tx.connection, session).await?
        {
            return Ok(None);
        }
        let outcome = self.write.write(tx).await?;
        if W::is_done(&outcome) {
            for Outgoing { kind, payload, at, lifetime } in &*self.told {
                tx.later(*kind, payload, *at, *lifetime).await?;
            }
        }
        Ok(Some(outcome))
    }
}

impl Writes {
    /// By this database.
    pub(super) fn by(database: Database) -> Self {
        Self { database, within: None, told: Arc::new([]) }
    }

    /// The same, with this to be delivered of each write.
    pub(super) fn telling(&self, told: Vec<Outgoing>) -> Self {
        Self { told: told.into(), ..self.clone() }
    }

    /// The same, for whoever is in this session, as long as it stands.
    pub(super) fn within(&self, session: InSession) -> Self {
        Self { within: Some(session), ..self.clone() }
    }

    /// Writes; returns when it is durable and every follower has heard.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Outcome, StoreError> {
        if self.told.is_empty() && self.within.is_none() {
            return self.database.write(write).await;
        }
        let (within, told) = (self.within, Arc::clone(&self.told));
        self.database.write(Demanded { write, within, told }).await?.ok_or(StoreError::SessionEnded)
    }

    /// Settles in the embedded warm tier.
    pub(super) async fn settle(&self, settling: Settling) -> Result<Settlement, StoreError> {
        match &self.database {
            Database::Embedded(writer) => writer.settle(settling).await,
            Database::Postgres(_) => Err(no_warm_tier()),
        }
    }

    /// Whether the embedded warm tier is in the same database.
    pub(super) const fn are_embedded(&self) -> bool {
        matches!(self.database, Database::Embedded(_))
    }

    /// Writes what waits, then closes.
    pub(super) async fn close(&self) {
        match &self.database {
            Database::Embedded(writer) => writer.close().await,
            Database::Postgres(transactions) => transactions.close().await,
        }
    }
}
