//! All SQL of the backend, one file a noun. Nothing outside this folder holds a statement.
//!
//! Statements through sqlx are messages to the connection's own thread (15 to 20 µs and two context switches each:
//! experiments, section 4.2), so what is written often is written by *rows*: one parameter holds a JSON array, one
//! row each, and `jsonb_each` opens it inside SQLite. A statement therefore has one text whatever the number of rows,
//! and is prepared once. Blobs travel in it as hexadecimal text.

pub(super) mod account;
pub(super) mod attempt;
pub(super) mod client;
pub(super) mod consent;
pub(super) mod grant;
pub(super) mod login;
pub(super) mod logout_notice;
pub(super) mod passkey;
pub(super) mod person;
pub(super) mod revocation;
pub(super) mod schema;
pub(super) mod session;
pub(super) mod settling;
pub(super) mod signing_key;
pub(super) mod sweep;

use super::StoreError;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::time::Timestamp;
use serde::Serialize;
use sqlx::Connection as _;

/// A connection to the database.
pub(super) type Connection = sqlx::SqliteConnection;

/// Connections that only read.
pub(super) type Readers = sqlx::SqlitePool;

/// `SQLITE_BUSY`: another process writes, and has done so for the whole of the timeout.
const SQLITE_BUSY: &str = "5";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let busy = error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == SQLITE_BUSY);
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            _ if busy => Self::Busy,
            error => Self::Broken(error.to_string()),
        }
    }
}

/// Opens the writer's transaction. It takes the write lock at once, so that it cannot fail for it later.
pub(super) async fn begin(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("BEGIN IMMEDIATE").execute(connection).await?;
    Ok(())
}

/// Commits. When this returns, the transaction is on the disk.
pub(super) async fn commit(connection: &mut Connection) -> Result<(), StoreError> {
    sqlx::query("COMMIT").execute(connection).await?;
    Ok(())
}

/// Rolls back. SQLite may have done so by itself, which is the only way in which this fails.
pub(super) async fn rollback(connection: &mut Connection) {
    let _ = sqlx::query("ROLLBACK").execute(connection).await;
}

/// Closes a connection in order.
pub(super) async fn close(connection: Connection) -> Result<(), StoreError> {
    Ok(connection.close().await?)
}

/// Rows as one parameter.
fn rows<R: Serialize>(rows: impl IntoIterator<Item = R>) -> Result<String, StoreError> {
    let rows: Vec<R> = rows.into_iter().collect();
    serde_json::to_string(&rows).map_err(|error| StoreError::Broken(error.to_string()))
}

/// A blob inside rows.
fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0x0f)]);
    let mut text = String::with_capacity(bytes.len() * 2);
    bytes.iter().for_each(|byte| text.extend([digit(byte >> 4), digit(*byte)]));
    text
}

/// SQLite's integers are signed; a moment beyond them is as good as never.
fn millis(moment: Timestamp) -> i64 {
    i64::try_from(moment.as_millis()).unwrap_or(i64::MAX)
}

fn timestamp(millis: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Broken(format!("the database holds {what} that this program cannot read"))
}

fn account_id(bytes: &[u8]) -> Result<AccountId, StoreError> {
    AccountId::from_slice(bytes).ok_or_else(|| unreadable("an account id"))
}

fn session_id(bytes: &[u8]) -> Result<SessionId, StoreError> {
    SessionId::from_slice(bytes).ok_or_else(|| unreadable("a session id"))
}

fn credential_digest(bytes: &[u8]) -> Result<CredentialDigest, StoreError> {
    CredentialDigest::from_slice(bytes).ok_or_else(|| unreadable("a credential digest"))
}

/// Runs a statement on a file that no store has open.
#[cfg(test)]
pub(super) async fn scratch(path: &std::path::Path, statement: &'static str) -> Result<(), sqlx::Error> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = Connection::connect_with(&options).await?;
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    connection.close().await
}

/// Gives every account another's sealed address.
#[cfg(test)]
pub(super) async fn swap_emails(path: &std::path::Path) -> Result<(), sqlx::Error> {
    scratch(path, "UPDATE account SET email = (SELECT o.email FROM account o WHERE o.n <> account.n)").await
}
