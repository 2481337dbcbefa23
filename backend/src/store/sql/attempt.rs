//! Attempts that are counted before they are made: whoever guesses in parallel has no more guesses than one in turn.
//!
//! A window opens with the first attempt and lasts its time; what is left of it is one statement to find out. What one
//! guess counts for is counted in one write. Two such writes cannot wait for one another: callers give the keys in an
//! order of kinds, one of a kind.

use super::connection::Isolation;
use super::{Connection, Value, query, rows_query, timestamp, unreadable};
use crate::store::job::{Tx, Write};
use crate::store::{Attempt, Once, Reservation, StoreError};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// Reserves one attempt under each of several keys, in their order, up to the first that has none left.
pub(in crate::store) struct Reserve {
    pub(in crate::store) under: Vec<Reservation>,
    pub(in crate::store) now: Timestamp,
}

/// Counts one under each key. A window that is over begins anew.
const RESERVE: &str = "
    INSERT INTO attempt (key, used, resets) VALUES {rows}
    ON CONFLICT (key) DO UPDATE SET
        used = CASE WHEN attempt.resets <= {next} THEN 1 ELSE attempt.used + 1 END,
        resets = CASE WHEN attempt.resets <= {next} THEN excluded.resets ELSE attempt.resets END
    RETURNING key, used, resets";

#[async_trait]
impl Write for Reserve {
    type Outcome = Attempt;
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    /// Counts under all keys, in one statement, and takes back what stands behind one that has none left.
    async fn write(&self, tx: &mut Tx<'_>) -> Result<Attempt, StoreError> {
        let row = |under: &Reservation| [under.key.into(), 1_i64.into(), self.now.plus(under.window).into()];
        let rows: Vec<[Value; 3]> = self.under.iter().map(row).collect();
        let counted = rows_query(RESERVE, &rows).kept().bind(self.now);
        let counted: Vec<(Vec<u8>, i64, i64)> = counted.all(&mut *tx.connection).await?;
        let mut left = Vec::with_capacity(rows.len());
        for (at, Reservation { key, limit, .. }) in self.under.iter().enumerate() {
            let its = counted.iter().find(|(counted, ..)| counted == key);
            let (_, used, resets) = its.ok_or_else(|| unreadable("no attempt that was just counted"))?;
            match u32::try_from(i64::from(*limit) - used) {
                Ok(more) => left.push(more),
                Err(_) => {
                    let behind: Vec<_> = self.under.iter().skip(at + 1).map(|under| under.key).collect();
                    give_back(tx.connection, &behind).await?;
                    return Ok(Attempt::Exhausted { until: timestamp(*resets), at });
                }
            }
        }
        Ok(Attempt::Granted { left })
    }
}

const FIRST: &str = "INSERT INTO attempt (key, used, resets) VALUES ($1, 1, $2) ON CONFLICT (key) DO NOTHING";

/// Uses up what may be done once: a window with room for one. False if it was used.
pub(super) async fn is_first(connection: &mut Connection, once: &Once) -> Result<bool, StoreError> {
    let first = query(FIRST).bind(*once.value.as_bytes()).bind(once.until);
    Ok(first.execute(connection).await? > 0)
}

/// Takes back one attempt of each key.
pub(in crate::store) struct GiveBack(pub(in crate::store) Vec<[u8; 32]>);

#[async_trait]
impl Write for GiveBack {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        give_back(tx.connection, &self.0).await
    }
}

async fn give_back(connection: &mut Connection, keys: &[[u8; 32]]) -> Result<(), StoreError> {
    for key in keys {
        let update = query("UPDATE attempt SET used = used - 1 WHERE key = $1 AND used > 0");
        update.bind(*key).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Forgets the attempts of these keys.
pub(in crate::store) struct Clear(pub(in crate::store) Vec<[u8; 32]>);

#[async_trait]
impl Write for Clear {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for key in &self.0 {
            query("DELETE FROM attempt WHERE key = $1").bind(*key).execute(&mut *tx.connection).await?;
        }
        Ok(())
    }
}
