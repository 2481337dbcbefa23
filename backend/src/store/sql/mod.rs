//! All SQL of the backend, one file a noun. Nothing outside this folder holds a statement.
//!
//! A statement has one text for SQLite and PostgreSQL ([`statement`]), and keeps to what both understand. The embedded
//! warm tier alone (`session`, `settling`) is written for SQLite: statements through sqlx are messages to the
//! connection's own thread (15 to 20 µs and two context switches each: experiments, section 4.2), so what every log-in
//! writes is written by rows that one parameter holds as a JSON array and `jsonb_each` opens inside SQLite. Its
//! statements have one text whatever the number of rows, and are prepared once. Blobs travel in it as hexadecimal text.

pub(super) mod account;
pub(super) mod attempt;
pub(super) mod audit;
pub(super) mod backup;
pub(super) mod client;
pub(super) mod client_session;
pub(super) mod client_text;
pub(super) mod connection;
pub(super) mod consent;
pub(super) mod contact;
pub(super) mod data_key;
pub(super) mod delivery;
pub(super) mod disabled;
pub(super) mod ending;
pub(super) mod grant;
pub(super) mod login;
pub(super) mod new_browser;
pub(super) mod passkey;
pub(super) mod person;
pub(super) mod refusal;
pub(super) mod remembered_browser;
pub(super) mod reseal;
pub(super) mod schema;
pub(super) mod second_step;
pub(super) mod session;
pub(super) mod settling;
pub(super) mod signing_key;
pub(super) mod standing;
pub(super) mod statement;
pub(super) mod sweep;
pub(super) mod untold;

use super::StoreError;
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::time::Timestamp;
use serde::Serialize;
#[cfg(test)]
use sqlx::Connection as _;

pub(super) use connection::{Connection, Readers, begin, commit, rollback};
use statement::{Query, Value, query, rows_max, rows_query, write_rows};

/// `SQLITE_BUSY`: another process writes, and has done so for the whole of the timeout.
const SQLITE_BUSY: &str = "5";

/// What PostgreSQL and its kin say of a transaction that another has overtaken or holds up: `serialization_failure`,
/// `deadlock_detected`, `lock_not_available`, CockroachDB's `retry transaction`.
const OVERTAKEN: [&str; 4] = ["40001", "40P01", "55P03", "CR000"];

/// What it says when it has too many connections, ends, or has just begun.
const AWAY: [&str; 4] = ["53300", "57P01", "57P02", "57P03"];

/// Whether another has overtaken a transaction, of which nothing is left then.
fn is_overtaken(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == SQLITE_BUSY || OVERTAKEN.contains(&&*code))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|error| error.code());
        let away = code.is_some_and(|code| AWAY.contains(&&*code));
        match error {
            // A connection that breaks takes what was not committed with it; a commit is judged by itself.
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => Self::Busy,
            _ if away || is_overtaken(&error) => Self::Busy,
            error => Self::Broken(error.to_string()),
        }
    }
}

/// Rows as one parameter.
fn rows<R: Serialize>(rows: impl IntoIterator<Item = R>) -> Result<String, StoreError> {
    let rows: Vec<R> = rows.into_iter().collect();
    serde_json::to_string(&rows).map_err(|error| StoreError::Broken(error.to_string()))
}

/// A blob as text: inside rows, and for whoever reads a log.
pub(super) fn hex(bytes: &[u8]) -> String {
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

fn identity_level(byte: i64) -> Result<IdentityLevel, StoreError> {
    let level = u8::try_from(byte).ok().and_then(IdentityLevel::from_byte);
    level.ok_or_else(|| unreadable("an identity level"))
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
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(statement).execute(&mut connection).await?;
    connection.close().await
}

/// Gives every account another's sealed address.
#[cfg(test)]
pub(super) async fn swap_emails(path: &std::path::Path) -> Result<(), sqlx::Error> {
    scratch(path, "UPDATE account SET email = (SELECT o.email FROM account o WHERE o.n <> account.n)").await
}
