//! Settling a batch of log-ins in the embedded warm tier, on SQLite alone: one statement that reads what all of them need, a judgement in memory
//! ([`crate::store::settling`]), and one statement a table that writes for all.
//!
//! At a thousand log-ins a second a batch holds one or two of them, so what a batch costs is what a log-in costs. Its
//! statements therefore go to SQLite in two messages, several to a text; their parameters are numbered across it.

use super::passkey::{self, RecordRow};
use super::{hex, millis, rows, session_id};
use crate::store::StoreError;
use crate::store::job::Tx;
use crate::store::settling::{Found, Judgement, Settling};
use aldgate_core::id::SessionId;
use aldgate_core::language::Language;
use aldgate_core::warm::change::Change;
use aldgate_core::warm::{Opening, Settlement};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow as _, Row as _, ValueRef as _};

/// Whether the batch is first in its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Start {
    /// The transaction begins with it.
    Begin,
    /// Other writes stand before it.
    Begun,
}

/// Settles a batch, the last of its transaction, in two messages, or in one where nothing has to be read; gives one outcome
/// each, in order.
pub(in crate::store) async fn settle_and_commit(
    tx: &mut Tx<'_>,
    batch: &[&Settling],
    start: Start,
) -> Result<Vec<Settlement>, StoreError> {
    let (found, start) = if batch.iter().any(|settling| settling.depends()) {
        (find(tx.connection.sqlite()?, batch, start).await?, Start::Begun)
    } else {
        (batch.iter().map(|_| Found::default()).collect(), start)
    };
    let judgement = Judgement::on(batch, found);
    let ended = write_and_commit(tx.connection.sqlite()?, &judgement, start).await?;
    tx.changes.extend(judgement.changes);
    tx.changes.extend(ended.into_iter().map(Change::SessionEnded));
    Ok(judgement.outcomes)
}

/// A row each, in order: the passkey, and whether the value was used.
macro_rules! find {
    () => {
        "SELECT a.id, a.identity, c.public_key, c.sign_count, c.backup_eligible, c.backup_state, c.revision,
                EXISTS (SELECT 1 FROM disabled_account AS d WHERE d.account = a.id), used.value IS NOT NULL
         FROM jsonb_each($1) AS asked
         LEFT JOIN consumed AS used ON used.value = unhex(asked.value ->> 0)
         LEFT JOIN credential AS c ON c.digest = unhex(asked.value ->> 1)
         LEFT JOIN account AS a ON a.n = c.account
         ORDER BY asked.key"
    };
}

const FIND: &str = find!();
const BEGIN_AND_FIND: &str = concat!("BEGIN IMMEDIATE; ", find!());

async fn find(connection: &mut SqliteConnection, batch: &[&Settling], start: Start) -> Result<Vec<Found>, StoreError> {
    let asked = rows(batch.iter().map(|settling| {
        let value = settling.single_use.map(|(value, _)| hex(value.as_bytes()));
        (value, settling.passkey.map(|passkey| hex(passkey.credential.as_bytes())))
    }))?;
    let statement = match start {
        Start::Begin => BEGIN_AND_FIND,
        Start::Begun => FIND,
    };
    let rows = sqlx::query(statement).bind(asked).fetch_all(connection).await?;
    batch.iter().zip(&rows).map(|(settling, row)| found(settling, row)).collect()
}

fn found(settling: &Settling, row: &SqliteRow) -> Result<Found, StoreError> {
    let used = row.try_get(8)?;
    let credential = match settling.passkey {
        Some(passkey) if !row.try_get_raw(0)?.is_null() => {
            Some(passkey::record(passkey.credential, RecordRow::from_row(row)?)?)
        }
        _ => None,
    };
    Ok(Found { used, credential })
}

/// All that is written for a batch: the used values ($1), the passkeys ($2), the sessions and their
/// events ($3), and the end of the sessions that were replaced ($4), of which it gives those that stood; with them the one
/// that would expire first, where an account has more than 1,000.
///
/// A failure rolls the whole transaction back here (`OR ROLLBACK`), as the writer would do anyhow; so SQLite need not
/// keep what would undo the one statement.
macro_rules! write_and_commit {
    () => {
        "
            INSERT OR ROLLBACK INTO consumed (value, until)
            SELECT unhex(value ->> 0), value ->> 1 FROM jsonb_each($1);

            UPDATE OR ROLLBACK credential
            SET sign_count = new.value ->> 1, backup_state = new.value ->> 2, revision = new.value ->> 3,
                last_used = max(coalesce(last_used, 0), new.value ->> 4)
            FROM jsonb_each($2) AS new WHERE credential.digest = unhex(new.value ->> 0);

            INSERT OR ROLLBACK INTO session (id, account, record, seen, expires)
            SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4
            FROM jsonb_each($3) WHERE true
            ON CONFLICT (id) DO UPDATE SET
                account = excluded.account, record = excluded.record, seen = excluded.seen, expires = excluded.expires;

            INSERT OR ROLLBACK INTO login_event (account, credential, session, at, untold)
            SELECT unhex(value ->> 1), unhex(value ->> 5), unhex(value ->> 0), value ->> 6, value ->> 7 FROM jsonb_each($3);

            DELETE FROM session WHERE id IN (
                SELECT unhex(value) FROM jsonb_each($4)
                UNION ALL
                SELECT CASE WHEN (SELECT count(*) FROM session WHERE account = unhex(value ->> 1)) > 1000
                       THEN (SELECT id FROM session WHERE account = unhex(value ->> 1) ORDER BY expires LIMIT 1) END
                FROM jsonb_each($3)
            ) RETURNING id;

            COMMIT"
    };
}

const WRITE_AND_COMMIT: &str = write_and_commit!();
const BEGIN_WRITE_AND_COMMIT: &str = concat!("BEGIN IMMEDIATE; ", write_and_commit!());

async fn write_and_commit(
    connection: &mut SqliteConnection,
    judgement: &Judgement<'_>,
    start: Start,
) -> Result<Vec<SessionId>, StoreError> {
    let consumed = judgement.consumed.iter().map(|(value, until)| (hex(value.as_bytes()), millis(*until)));
    let used = judgement.used.values().map(|(record, at)| {
        let digest = hex(record.digest.as_bytes());
        (digest, record.sign_count, record.backup_state, record.revision, millis(*at))
    });
    let opened = judgement.opened.iter().map(|(opening, new_browser)| opened(opening, *new_browser));
    let replaced = judgement.opened.iter().filter_map(|(opening, _)| opening.replaces.map(|id| hex(id.as_bytes())));
    let statements = match start {
        Start::Begin => BEGIN_WRITE_AND_COMMIT,
        Start::Begun => WRITE_AND_COMMIT,
    };
    let write = sqlx::query_scalar(statements).bind(rows(consumed)?).bind(rows(used)?);
    let ended: Vec<Vec<u8>> = write.bind(rows(opened)?).bind(rows(replaced)?).fetch_all(connection).await?;
    ended.iter().map(|id| session_id(id)).collect()
}

fn opened(Opening { session, record, .. }: &Opening, new_browser: Option<Language>) -> impl serde::Serialize {
    let (seen, expires) = (millis(record.seen), millis(record.expires));
    let credential = record.credential.map(|credential| hex(credential.as_bytes()));
    let (id, account) = (hex(session.as_bytes()), hex(record.account.as_bytes()));
    let untold = new_browser.map(Language::number);
    (id, account, hex(&record.encode()), seen, expires, credential, millis(record.authenticated), untold)
}
