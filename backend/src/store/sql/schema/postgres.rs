//! The schema in PostgreSQL: a table of one row says how many steps have run.
//!
//! Any number of processes start at once, of this version or the one before. Each step runs in a transaction that holds
//! that row, so that it runs once (no advisory lock: CockroachDB has none); whoever waited for it finds it done.
//!
//! A process that is older than the schema goes on, and may start again, as long as every step since its own has only
//! added: the row also says how old a program may be.

use super::dialect::{Dialect, statements};
use super::{MIGRATIONS, Schema};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use std::time::Duration;

/// The schema of the oldest program that may still run beside this one.
const OLDEST_BESIDE: i64 = 15;

/// How often the making of the table is tried: two who make it at once overtake one another once.
const TRIES: u32 = 5;

const PAUSE: Duration = Duration::from_millis(100);

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS aldgate_schema (
        one    BIGINT NOT NULL PRIMARY KEY,
        steps  BIGINT NOT NULL,
        oldest BIGINT NOT NULL
    )";

const FIRST_ROW: &str = "
    INSERT INTO aldgate_schema (one, steps, oldest) VALUES (1, 0, 0) ON CONFLICT (one) DO NOTHING";

const OTHER_TABLES: &str = "
    SELECT count(*) FROM information_schema.tables
    WHERE table_schema = current_schema() AND table_name <> 'aldgate_schema'";

/// Brings the schema up to date, if the database is ours or empty.
pub(in crate::store) async fn migrate(pool: &PgPool) -> Result<Schema, sqlx::Error> {
    prepare(pool).await?;
    loop {
        let mut work = pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        match step(&mut work).await? {
            Some(found) => return Ok(found), // Nothing was written: the transaction is rolled back.
            None => work.commit().await?,
        }
    }
}

async fn prepare(pool: &PgPool) -> Result<(), sqlx::Error> {
    for _ in 1..TRIES {
        if sqlx::query(TABLE).execute(pool).await.is_ok() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    sqlx::query(TABLE).execute(pool).await?;
    sqlx::query(FIRST_ROW).execute(pool).await?;
    Ok(())
}

/// Runs the next step, if one is missing; else says how the database stands.
async fn step(connection: &mut PgConnection) -> Result<Option<Schema>, sqlx::Error> {
    let row = sqlx::query_as("SELECT steps, oldest FROM aldgate_schema WHERE one = 1 FOR UPDATE");
    let (steps, oldest): (i64, i64) = row.fetch_one(&mut *connection).await?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if oldest > known {
        let found = usize::try_from(steps).unwrap_or(usize::MAX);
        return Ok(Some(Schema::Newer(found, MIGRATIONS.len())));
    }
    if steps >= known {
        return Ok(Some(Schema::Current));
    }
    if steps == 0 {
        let others: i64 = sqlx::query_scalar(OTHER_TABLES).fetch_one(&mut *connection).await?;
        if others > 0 {
            return Ok(Some(Schema::Foreign));
        }
    }
    let at = usize::try_from(steps).unwrap_or(usize::MAX);
    for statement in statements(MIGRATIONS.get(at).unwrap_or(&""), Dialect::Postgres) {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await?;
    }
    let done = sqlx::query("UPDATE aldgate_schema SET steps = $1, oldest = $2 WHERE one = 1");
    done.bind(steps + 1).bind(OLDEST_BESIDE.min(steps + 1)).execute(connection).await?;
    Ok(None)
}
