//! Attempts that are counted before they are made: whoever guesses in parallel has no more guesses than one in turn.
//!
//! A window opens with the first attempt and lasts its time; what is left of it is one statement to find out. What one
//! guess counts for is counted in one write. Two such writes cannot wait for one another: callers give the keys in an
//! order of kinds, one of a kind.

use super::connection::Isolation;
use super::{Connection, Readers, query, timestamp};
use crate::store::job::{Tx, Write};
use crate::store::{Attempt, Once, Reservation, StoreError};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// Reserves one attempt under each of several keys, in their order, up to the first that has none left.
pub(in crate::store) struct Reserve {
    pub(in crate::store) under: Vec<Reservation>,
    pub(in crate::store) now: Timestamp,
}

/// The count stops one above the limit: what was refused need not be counted for ever.
const RESERVE: &str = "
    INSERT INTO attempt (key, used, resets) VALUES ($1, 1, $4)
    ON CONFLICT (key) DO UPDATE SET
        used = CASE WHEN attempt.resets <= $3 THEN 1 WHEN attempt.used > $2 THEN attempt.used
                    ELSE attempt.used + 1 END,
        resets = CASE WHEN attempt.resets <= $3 THEN $4 ELSE attempt.resets END
    RETURNING used, resets";

#[async_trait]
impl Write for Reserve {
    type Outcome = Attempt;
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Attempt, StoreError> {
        let mut least = u32::MAX;
        for (at, Reservation { key, limit, window }) in self.under.iter().enumerate() {
            let reserve = query(RESERVE).bind(*key).bind(*limit).bind(self.now).bind(self.now.plus(*window));
            let (used, resets): (i64, i64) = reserve.one(&mut *tx.connection).await?;
            match u32::try_from(i64::from(*limit) - used) {
                Ok(left) => least = least.min(left),
                Err(_) => return Ok(Attempt::Exhausted { until: timestamp(resets), at }),
            }
        }
        Ok(Attempt::Granted { left: least })
    }
}

const FIRST: &str = "INSERT INTO attempt (key, used, resets) VALUES ($1, 1, $2) ON CONFLICT (key) DO NOTHING";

/// Uses up what may be done once: a window with room for one. False if it was used.
pub(super) async fn is_first(connection: &mut Connection, once: &Once) -> Result<bool, StoreError> {
    let first = query(FIRST).bind(*once.value.as_bytes()).bind(once.until);
    Ok(first.execute(connection).await? > 0)
}

/// Whether half of the attempts of one of these windows, or more, are counted.
pub(in crate::store) async fn is_half_used(
    readers: &Readers,
    under: &[Reservation],
    now: Timestamp,
) -> Result<bool, StoreError> {
    for Reservation { key, limit, .. } in under {
        let used = query("SELECT used FROM attempt WHERE key = $1 AND resets > $2").bind(*key).bind(now);
        let used: Option<(i64,)> = used.optional(readers).await?;
        if used.is_some_and(|(used,)| used * 2 >= i64::from(*limit)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes back one attempt of each key.
pub(in crate::store) struct GiveBack(pub(in crate::store) Vec<[u8; 32]>);

#[async_trait]
impl Write for GiveBack {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for key in &self.0 {
            let update = query("UPDATE attempt SET used = used - 1 WHERE key = $1 AND used > 0");
            update.bind(*key).execute(&mut *tx.connection).await?;
        }
        Ok(())
    }
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
