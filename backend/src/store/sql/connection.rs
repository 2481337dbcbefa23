//! Connections to either database, and the transactions on them.

use crate::store::StoreError;
use sqlx::{Connection as _, PgPool, Postgres, SqliteConnection, SqlitePool, Transaction};

/// A connection that writes.
pub(in crate::store) enum Connection {
    /// The one writing connection of an SQLite file.
    Sqlite(Box<SqliteConnection>),
    /// One of many to PostgreSQL, inside a transaction. Dropped before its end, it is rolled back.
    Postgres(Box<Transaction<'static, Postgres>>),
}

/// Connections that read.
#[derive(Clone)]
pub(in crate::store) enum Readers {
    /// To an SQLite file.
    Sqlite(SqlitePool),
    /// To PostgreSQL; the same that write.
    Postgres(PgPool),
}

/// Where a statement runs.
pub(in crate::store) enum On<'a> {
    /// Inside a write.
    Connection(&'a mut Connection),
    /// By itself.
    Readers(&'a Readers),
}

impl<'a> From<&'a mut Connection> for On<'a> {
    fn from(connection: &'a mut Connection) -> Self {
        Self::Connection(connection)
    }
}

impl<'a> From<&'a Readers> for On<'a> {
    fn from(readers: &'a Readers) -> Self {
        Self::Readers(readers)
    }
}

/// How a transaction of PostgreSQL stands to those beside it. SQLite's run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Isolation {
    /// As if it ran alone: for whatever decides on what it has read. It is run again when it was overtaken.
    Serializable,
    /// For a write of one statement, whose rows that statement locks: it waits for the others and goes on.
    ReadCommitted,
}

impl Connection {
    /// A transaction on PostgreSQL.
    pub(in crate::store) async fn begin(pool: &PgPool, isolation: Isolation) -> Result<Self, StoreError> {
        let begin = match isolation {
            Isolation::Serializable => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            Isolation::ReadCommitted => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        Ok(Self::Postgres(Box::new(pool.begin_with(begin).await?)))
    }

    /// The SQLite behind it, for the embedded warm tier, which is SQLite's alone.
    pub(in crate::store) fn sqlite(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.if_sqlite().ok_or_else(no_warm_tier)
    }

    /// The same for what is done only where that tier is.
    pub(in crate::store) fn if_sqlite(&mut self) -> Option<&mut SqliteConnection> {
        match self {
            Self::Sqlite(connection) => Some(connection),
            Self::Postgres(_) => None,
        }
    }

    /// Commits on PostgreSQL, or closes an SQLite connection in order.
    pub(in crate::store) async fn end(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(connection) => connection.close().await?,
            Self::Postgres(work) => work.commit().await.map_err(|error| committing(&error))?,
        }
        Ok(())
    }
}

/// Of a commit that fails for any other reason than that it was overtaken, nobody knows whether it took place.
fn committing(error: &sqlx::Error) -> StoreError {
    if super::is_overtaken(error) {
        return StoreError::Busy;
    }
    StoreError::Broken(format!("it is not known whether a write took place: {error}"))
}

impl Readers {
    /// The SQLite behind it, for the embedded warm tier.
    pub(in crate::store) fn sqlite(&self) -> Result<&SqlitePool, StoreError> {
        match self {
            Self::Sqlite(pool) => Ok(pool),
            Self::Postgres(_) => Err(no_warm_tier()),
        }
    }

    /// Closes them.
    pub(in crate::store) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

pub(in crate::store) fn no_warm_tier() -> StoreError {
    StoreError::Broken("the embedded warm tier is on SQLite alone; beside PostgreSQL it is on Redis".into())
}

/// Opens the transaction of SQLite's writer. It takes the write lock at once, so that it cannot fail for it later.
pub(in crate::store) async fn begin(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("BEGIN IMMEDIATE").execute(connection.sqlite()?).await?;
    Ok(())
}

/// Commits it. When this returns, the transaction is on the disk.
pub(in crate::store) async fn commit(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("COMMIT").execute(connection.sqlite()?).await?;
    Ok(())
}

/// Rolls it back. SQLite may have done so by itself, which is the only way in which this fails.
pub(in crate::store) async fn rollback(connection: &mut Connection) {
    if let Ok(connection) = connection.sqlite() {
        let _ = sqlx::query("ROLLBACK").execute(connection).await;
    }
}
