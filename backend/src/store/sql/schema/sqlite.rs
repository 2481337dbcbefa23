//! The database file: whose it is, which SQLite reads it, and how its schema came about.
//!
//! All steps that are missing run in one transaction. The file's own header says how many have run (`user_version`) and
//! that it is ours (`application_id`).

use super::dialect::{Dialect, statements};
use super::{MIGRATIONS, Schema};
use sqlx::{AssertSqlSafe, SqliteConnection};

/// "Aldg", in the header of each database of ours.
const APPLICATION_ID: i64 = 0x416c_6467;

/// Older releases can corrupt a write-ahead log when it is reset (fixed in 3.51.3).
const SQLITE_MIN: (u32, u32, u32) = (3, 51, 3);

/// Brings the schema up to date, if the file is ours or empty.
pub(in crate::store) async fn migrate(connection: &mut SqliteConnection) -> Result<Schema, sqlx::Error> {
    let linked: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut *connection).await?;
    if !is_recent(&linked) {
        return Ok(Schema::SqliteTooOld(linked));
    }
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    let schema = migrate_locked(connection).await;
    let end = if schema == Ok(Schema::Current) { "COMMIT" } else { "ROLLBACK" };
    sqlx::query(end).execute(connection).await?;
    schema.map_err(|Failed(error)| error)
}

#[derive(Debug)]
struct Failed(sqlx::Error);

impl PartialEq for Failed {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self(error)
    }
}

async fn migrate_locked(connection: &mut SqliteConnection) -> Result<Schema, Failed> {
    let applied: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    let owner: i64 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await?;
    if owner != APPLICATION_ID && (owner, applied, tables) != (0, 0, 0) {
        return Ok(Schema::Foreign);
    }
    let applied = usize::try_from(applied).unwrap_or(usize::MAX);
    let Some(missing) = MIGRATIONS.get(applied..) else {
        return Ok(Schema::Newer(applied, MIGRATIONS.len()));
    };
    for step in missing {
        for statement in statements(step, Dialect::Sqlite) {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
    }
    let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", MIGRATIONS.len());
    sqlx::raw_sql(AssertSqlSafe(marks)).execute(connection).await?;
    Ok(Schema::Current)
}

fn is_recent(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    (next(), next(), next()) >= SQLITE_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_recent("3.51.3") && is_recent("3.100.0") && is_recent("4.0"));
        assert!(!is_recent("3.51.2") && !is_recent("3.9.99") && !is_recent(""));
    }
}
