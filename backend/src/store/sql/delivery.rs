//! What has to be delivered later. A lease is the time of the next try, moved on by whoever takes it.

use super::connection::Isolation;
use super::{Connection, Readers, Value, query, timestamp, unreadable};
use crate::store::StoreError;
use crate::store::delivery::{DeliveryId, Later};
use crate::store::job::{Tx, Write};
use crate::store::seal::Place;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// Where payloads stand sealed.
pub(in crate::store) const PLACE: Place = Place("delivery.payload");

impl From<DeliveryId> for Value {
    fn from(id: DeliveryId) -> Self {
        Self::from(id.0)
    }
}

const ADD: &str = "
    INSERT INTO delivery (id, kind, payload, next_at, attempts, expires) VALUES ($1, $2, $3, $4, 0, $5)";

/// Adds one.
pub(in crate::store) async fn add(connection: &mut Connection, later: &Later) -> Result<(), StoreError> {
    let add = query(ADD).bind(later.id).bind(later.kind.0).bind(later.payload.as_slice());
    add.bind(later.at).bind(later.expires).execute(connection).await?;
    Ok(())
}

/// How many there are.
pub(in crate::store) async fn count(readers: &Readers) -> Result<u64, StoreError> {
    let (count,): (i64,) = query("SELECT count(*) FROM delivery").one(readers).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// One that is due.
pub(in crate::store) struct DueRow {
    pub(in crate::store) id: DeliveryId,
    pub(in crate::store) kind: String,
    pub(in crate::store) payload: Vec<u8>,
    pub(in crate::store) next_at: Timestamp,
    pub(in crate::store) attempts: u32,
    pub(in crate::store) expires: Timestamp,
}

type Row = (Vec<u8>, String, Vec<u8>, i64, i64, i64);

const DUE: &str = "
    SELECT id, kind, payload, next_at, attempts, expires
    FROM delivery WHERE next_at <= $1 ORDER BY next_at LIMIT $2";

/// Those that are due, longest first.
pub(in crate::store) async fn due(readers: &Readers, now: Timestamp, max: u32) -> Result<Vec<DueRow>, StoreError> {
    let rows: Vec<Row> = query(DUE).bind(now).bind(max).all(readers).await?;
    rows.into_iter().map(due_row).collect()
}

fn due_row((id, kind, payload, next_at, attempts, expires): Row) -> Result<DueRow, StoreError> {
    Ok(DueRow {
        id: DeliveryId(id.try_into().map_err(|_| unreadable("a delivery's id"))?),
        kind,
        payload,
        next_at: timestamp(next_at),
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        expires: timestamp(expires),
    })
}

/// Takes one, if nobody has taken it since it was seen.
pub(in crate::store) struct Take {
    pub(in crate::store) id: DeliveryId,
    pub(in crate::store) seen: Timestamp,
    pub(in crate::store) until: Timestamp,
}

#[async_trait]
impl Write for Take {
    type Outcome = bool;
    const ISOLATION: Isolation = Isolation::ReadCommitted; // Compared and set in one statement.

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let take = query("UPDATE delivery SET next_at = $3, attempts = attempts + 1 WHERE id = $1 AND next_at = $2");
        let take = take.bind(self.id).bind(self.seen).bind(self.until);
        Ok(take.execute(&mut *tx.connection).await? > 0)
    }
}

/// Puts one back until a moment.
pub(in crate::store) struct Postpone {
    pub(in crate::store) id: DeliveryId,
    pub(in crate::store) until: Timestamp,
}

#[async_trait]
impl Write for Postpone {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let postpone = query("UPDATE delivery SET next_at = $2 WHERE id = $1").bind(self.id).bind(self.until);
        postpone.execute(&mut *tx.connection).await?;
        Ok(())
    }
}

/// Forgets one.
pub(in crate::store) struct Forget(pub(in crate::store) DeliveryId);

#[async_trait]
impl Write for Forget {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        query("DELETE FROM delivery WHERE id = $1").bind(self.0).execute(&mut *tx.connection).await?;
        Ok(())
    }
}
