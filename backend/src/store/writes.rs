//! Writes, on either kind of database.

use super::StoreError;
use super::job::Write;
use super::settling::Settling;
use super::sql::connection::no_warm_tier;
use super::transactions::Transactions;
use super::writer::Writer;
use aldgate_core::warm::Settlement;

/// Who runs a write.
#[derive(Clone)]
pub(super) enum Writes {
    /// The one writer of an SQLite file.
    Embedded(Writer),
    /// A transaction each, on PostgreSQL.
    Postgres(Transactions),
}

impl Writes {
    /// Writes; returns when it is durable and every follower has heard.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Outcome, StoreError> {
        match self {
            Self::Embedded(writer) => writer.write(write).await,
            Self::Postgres(transactions) => transactions.write(write).await,
        }
    }

    /// Settles in the embedded warm tier.
    pub(super) async fn settle(&self, settling: Settling) -> Result<Settlement, StoreError> {
        match self {
            Self::Embedded(writer) => writer.settle(settling).await,
            Self::Postgres(_) => Err(no_warm_tier()),
        }
    }

    /// Whether the embedded warm tier is in the same database.
    pub(super) const fn are_embedded(&self) -> bool {
        matches!(self, Self::Embedded(_))
    }

    /// Writes what waits, then closes.
    pub(super) async fn close(&self) {
        match self {
            Self::Embedded(writer) => writer.close().await,
            Self::Postgres(transactions) => transactions.close().await,
        }
    }
}
