//! Copying an SQLite database, and looking whether a database is whole.

use super::connection::Readers;
use super::{Connection, query, untold};
use crate::store::StoreError;
use sqlx::SqlitePool;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Copies it into a new file, as of one moment, and sees it on the disk.
pub(in crate::store) async fn copy(pool: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| StoreError::Broken(format!("cannot write {}: {error}", path.display()));
    let text = path.to_str().ok_or_else(|| StoreError::Broken("the path of a copy must be UTF-8".into()))?;
    // SQLite fills an empty file, and would make one that others may read.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    sqlx::query("VACUUM INTO $1").bind(text).execute(pool).await?;
    OpenOptions::new().read(true).open(path).and_then(|file| file.sync_all()).map_err(failed)
}

const WHAT_LETS_IN: [&str; 3] = [
    "UPDATE client_grant SET revoked = 1 WHERE revoked = 0",
    "DELETE FROM client_session",
    "DELETE FROM remembered_browser",
];

/// Takes away by what somebody is in or comes in with less than they showed first, whatever account it is of. A shared tier may
/// know a later time, in which an account was enabled that is disabled here: it is told what is here.
pub(in crate::store) async fn nobody_is_in(connection: &mut Connection) -> Result<(), StoreError> {
    for statement in WHAT_LETS_IN {
        query(statement).execute(&mut *connection).await?;
    }
    untold::note_all_disabled(connection).await
}

/// What is damaged, if anything is. PostgreSQL looks after its own files.
pub(in crate::store) async fn damage(readers: &Readers) -> Result<Option<String>, StoreError> {
    let Readers::Sqlite(pool) = readers else { return Ok(None) };
    let found: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(pool).await?;
    Ok((found != "ok").then_some(found))
}
