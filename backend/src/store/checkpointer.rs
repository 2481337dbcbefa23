//! Copies SQLite's write-ahead log into the database file, beside the writer.
//!
//! Left to itself SQLite copies within the commit that finds the log long, and whoever waits for that commit waits for
//! thousands of pages: with millions of accounts nearly every log-in has written a page of its own. So a connection of
//! its own copies what has gathered, without holding the writer up (a passive checkpoint waits for nobody and makes nobody
//! wait); what is left for the writer is a few pages, after which the log begins anew.

use sqlx::{Connection as _, SqliteConnection};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Pages that gather before they are copied: below that, each copy would be a wait for the disk that saves nothing.
const PAGES_MIN: i64 = 512;

/// Between two looks at the log.
const PAUSE: Duration = Duration::from_millis(50);

/// How often in a row it is tried to reach the log's end, which the writer moves on meanwhile.
const TRIES: usize = 4;

/// The task that copies, as the writer sees it.
pub(super) struct Checkpointer {
    written: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// What a checkpoint says: pages in the log, and how many of them are in the file.
#[derive(sqlx::FromRow)]
struct Log {
    log: i64,
    checkpointed: i64,
}

impl Log {
    const fn left(&self) -> i64 {
        self.log - self.checkpointed
    }
}

impl Checkpointer {
    /// Starts it on a connection of its own.
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (written, seen) = watch::channel(());
        Self { written, task: tokio::spawn(run(connection, seen)) }
    }

    /// Something was committed.
    pub(super) fn note(&self) {
        self.written.send_replace(());
    }

    /// Ends it, and its connection.
    pub(super) async fn end(self) {
        drop(self.written);
        let _ = self.task.await; // It cannot have panicked, and nothing is lost if it has.
    }
}

async fn run(mut connection: SqliteConnection, mut written: watch::Receiver<()>) {
    while written.changed().await.is_ok() {
        if let Err(error) = look(&mut connection).await {
            // The writer copies by itself when the log has grown long.
            tracing::warn!(%error, "the write-ahead log was not copied into the database");
        }
        tokio::time::sleep(PAUSE).await;
    }
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the connection for checkpoints was not closed in order");
    }
}

async fn look(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let log: Log = sqlx::query_as("PRAGMA wal_checkpoint(NOOP)").fetch_one(&mut *connection).await?;
    if log.left() < PAGES_MIN {
        return Ok(());
    }
    for _ in 0..TRIES {
        let log: Log = sqlx::query_as("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await?;
        if log.left() == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

    async fn connect(path: &std::path::Path) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).pragma("wal_autocheckpoint", "0");
        SqliteConnection::connect_with(&options).await.expect("a connection")
    }

    async fn left(connection: &mut SqliteConnection) -> i64 {
        let log: Log = sqlx::query_as("PRAGMA wal_checkpoint(NOOP)").fetch_one(connection).await.expect("a log");
        log.left()
    }

    #[tokio::test]
    async fn what_has_gathered_is_copied_though_the_writer_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("database");
        let (mut writer, copier) = (connect(&path).await, connect(&path).await);
        sqlx::raw_sql("CREATE TABLE t (b BLOB)").execute(&mut writer).await.expect("a table");
        let checkpointer = Checkpointer::start(copier);
        checkpointer.note();
        tokio::time::sleep(2 * PAUSE).await;
        assert!(left(&mut writer).await > 0, "a few pages are not worth a wait for the disk");
        let pages = format!("INSERT INTO t VALUES (zeroblob({} * 4096))", PAGES_MIN + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(pages)).execute(&mut writer).await.expect("written");
        checkpointer.note();
        while left(&mut writer).await > 0 {
            tokio::time::sleep(PAUSE).await; // The test's own deadline bounds it.
        }
        checkpointer.end().await;
        let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM t").fetch_one(&mut writer).await.expect("a count");
        assert_eq!(rows, 1);
    }
}
