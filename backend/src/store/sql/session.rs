//! Sessions of the embedded warm tier, on SQLite alone: read by handle or by account, touched, and ended.

use super::{Connection, Readers, hex, millis, rows, session_id, timestamp};
use crate::model::Ending;
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use aldgate_core::id::{AccountId, SessionId, SingleUse};
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::change::Change;
use async_trait::async_trait;
use sqlx::SqliteConnection;
use std::cmp::Reverse;

/// The record, with the time of last use that stands beside it.
fn record(bytes: &[u8], seen: i64) -> Option<SessionRecord> {
    let record = SessionRecord::decode(bytes)?;
    Some(SessionRecord { seen: record.seen.max(timestamp(seen)), ..record })
}

/// One session.
pub(in crate::store) async fn by_id(
    readers: &Readers,
    session: &SessionId,
) -> Result<Option<SessionRecord>, StoreError> {
    let query = sqlx::query_as("SELECT record, seen FROM session WHERE id = $1").bind(session.as_bytes().to_vec());
    let row: Option<(Vec<u8>, i64)> = query.fetch_optional(readers.sqlite()?).await?;
    Ok(row.and_then(|(bytes, seen)| record(&bytes, seen))) // One of an older version opens nothing any more.
}

/// Whether a single-use value was consumed and is still remembered.
pub(in crate::store) async fn is_consumed(readers: &Readers, value: &SingleUse) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM consumed WHERE value = $1)");
    Ok(query.bind(value.as_bytes().to_vec()).fetch_one(readers.sqlite()?).await?)
}

type Row = (Vec<u8>, Vec<u8>, i64);

const OF_ACCOUNT: &str = "SELECT id, record, seen FROM session WHERE account = $1";

/// The sessions of an account, newest first.
pub(in crate::store) async fn of_account(
    readers: &Readers,
    account: &AccountId,
) -> Result<Vec<(SessionId, SessionRecord)>, StoreError> {
    let rows: Vec<Row> =
        sqlx::query_as(OF_ACCOUNT).bind(account.as_bytes().to_vec()).fetch_all(readers.sqlite()?).await?;
    let mut sessions = Vec::with_capacity(rows.len());
    for (id, bytes, seen) in rows {
        if let Some(record) = record(&bytes, seen) {
            sessions.push((session_id(&id)?, record));
        }
    }
    sessions.sort_by_key(|(_, record)| Reverse(record.opened));
    Ok(sessions)
}

/// Notes when sessions were last used.
pub(in crate::store) struct Touch(pub(in crate::store) Vec<(SessionId, Timestamp)>);

/// The newest of several times for one session, whatever their order.
const TOUCH: &str = "
    UPDATE session SET seen = max(session.seen, new.seen)
    FROM (SELECT unhex(value ->> 0) AS id, max(value ->> 1) AS seen FROM jsonb_each($1) GROUP BY 1) AS new
    WHERE session.id = new.id";

#[async_trait]
impl Write for Touch {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let seen = rows(self.0.iter().map(|(session, at)| (hex(session.as_bytes()), millis(*at))))?;
        sqlx::query(TOUCH).bind(seen).execute(tx.connection.sqlite()?).await?;
        Ok(())
    }
}

/// Ends sessions of an account, where they are in this tier. Gives how many. That is all that it does: whoever ends them
/// for a reason of the account's goes by [`super::ending::end_sessions`].
pub(in crate::store) struct End {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) ending: Ending,
}

const END: &str = "DELETE FROM session WHERE id IN (SELECT unhex(value) FROM jsonb_each($1)) RETURNING id";

#[async_trait]
impl Write for End {
    type Outcome = usize;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let Some(connection) = tx.connection.if_sqlite() else { return Ok(0) };
        let query = sqlx::query_as(OF_ACCOUNT).bind(self.account.as_bytes().to_vec());
        let of_account: Vec<Row> = query.fetch_all(&mut *connection).await?;
        let mut ended = Vec::new();
        for (id, bytes, seen) in of_account {
            let id = session_id(&id)?;
            if self.ending.ends(id, record(&bytes, seen).as_ref()) {
                ended.push(id);
            }
        }
        let ended = end(connection, &ended).await?;
        tx.changes.extend(ended.iter().copied().map(Change::SessionEnded));
        Ok(ended.len())
    }
}

/// Forgets all sessions, where they are in this tier.
pub(in crate::store) async fn forget_all(connection: &mut Connection) -> Result<(), StoreError> {
    if let Some(connection) = connection.if_sqlite() {
        sqlx::query("DELETE FROM session").execute(connection).await?;
    }
    Ok(())
}

/// Ends sessions; gives those that stood.
pub(super) async fn end(connection: &mut SqliteConnection, ending: &[SessionId]) -> Result<Vec<SessionId>, StoreError> {
    if ending.is_empty() {
        return Ok(Vec::new());
    }
    let ending = rows(ending.iter().map(|session| hex(session.as_bytes())))?;
    let ended: Vec<Vec<u8>> = sqlx::query_scalar(END).bind(ending).fetch_all(connection).await?;
    ended.iter().map(|id| session_id(id)).collect()
}
