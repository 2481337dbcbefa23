//! The SQLite file: its permissions, its connections.

use super::OpenError;
use crate::store::sql::Connection;
use crate::store::sql::schema::{Schema, sqlite};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

/// Connections that read. Each has a thread; a read takes some 20 µs, so four give more than two cores can use.
const READERS: u32 = 4;

/// How long a read waits for a connection. Longer is worse than an error: the edge's own deadline is a second.
const READER_WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a writer waits for another process (a backup, the population builder).
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);

/// Prepared statements that a connection keeps; there are about forty.
const STATEMENTS_MAX: usize = 64;

/// Rows that a statement may be ahead of its reader: a batch of settlings, so that SQLite's thread never stops for us.
const ROWS_AHEAD_MAX: usize = 128;

/// Memory for pages, in KiB (SQLite takes kibibytes as a negative number). The system caches the file besides.
///
/// More for the writer would cost more than it saves while the file is smaller than 1 GiB: after each commit in which a
/// page of an index was divided, SQLite walks through its whole table of cached pages (its `pcache1TruncateUnsafe`; the
/// number by which it had named one page meanwhile is that of the byte at 1 GiB). With 128 MiB that was 37 % of the
/// writer's time at two million accounts.
const WRITER_CACHE: &str = "-32768"; // 32 MiB.
const READER_CACHE: &str = "-16384"; // 16 MiB each.

/// Pages of write-ahead log after which the writer itself copies them into the file: 16 MiB. Most were copied before
/// ([`crate::store::checkpointer`]).
const CHECKPOINT_PAGES: &str = "4096";

/// Readable by the owner only: it holds addresses, if sealed, and password hashes.
const FILE_MODE: u32 = 0o600;

/// `SQLITE_NOTADB`.
const SQLITE_NOT_A_DATABASE: &str = "26";

/// The connections to a database that is up to date.
pub(in crate::store) struct Connections {
    /// The one that writes.
    pub(in crate::store) writer: Connection,
    /// The one that copies the log.
    pub(in crate::store) checkpoints: SqliteConnection,
    /// Those that read.
    pub(in crate::store) readers: SqlitePool,
}

/// Connects, and brings the database up to date.
pub(in crate::store) async fn connect(path: &Path) -> Result<Connections, OpenError> {
    let unwritable = |cause| OpenError::Unwritable { path: path.into(), cause };
    prepare_file(path).map_err(unwritable)?;
    let failed = |error| refusal(path, &error);
    let mut writer = SqliteConnection::connect_with(&writing(path)).await.map_err(failed)?;
    match sqlite::migrate(&mut writer).await.map_err(failed)? {
        Schema::Current => {}
        Schema::Foreign => return Err(OpenError::Foreign(path.into())),
        Schema::Newer(found, known) => return Err(OpenError::Newer { path: path.into(), found, known }),
        Schema::SqliteTooOld(version) => return Err(OpenError::SqliteTooOld { path: path.into(), version }),
    }
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_WAIT_MAX)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    Ok(Connections {
        writer: Connection::Sqlite(Box::new(writer)),
        checkpoints: SqliteConnection::connect_with(&copying(path)).await.map_err(failed)?,
        readers: readers.connect_with(reading(path)).await.map_err(failed)?,
    })
}

/// Creates the file if need be, so that it never has wider permissions than it should. SQLite gives its log and its
/// index the same.
fn prepare_file(path: &Path) -> std::io::Result<()> {
    let file: File =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
    if file.metadata()?.permissions().mode() & 0o777 != FILE_MODE {
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    }
    Ok(())
}

fn writing(path: &Path) -> SqliteConnectOptions {
    either(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", WRITER_CACHE)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .thread_name(|_| "aldgate-writer".into())
}

fn copying(path: &Path) -> SqliteConnectOptions {
    either(path).synchronous(SqliteSynchronous::Full).thread_name(|_| "aldgate-checks".into())
}

fn reading(path: &Path) -> SqliteConnectOptions {
    either(path).read_only(true).pragma("cache_size", READER_CACHE).thread_name(|n| format!("aldgate-reader-{n}"))
}

fn either(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(LOCK_WAIT_MAX)
        .pragma("temp_store", "MEMORY") // Else what undoes one statement of many rows goes through a file.
        .statement_cache_capacity(STATEMENTS_MAX)
        .row_buffer_size(ROWS_AHEAD_MAX)
        .disable_statement_logging()
}

fn refusal(path: &Path, error: &sqlx::Error) -> OpenError {
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    match code.as_deref() {
        Some(SQLITE_NOT_A_DATABASE) => OpenError::NotADatabase(path.into()),
        _ => OpenError::Broken { path: path.into(), cause: error.to_string() },
    }
}
