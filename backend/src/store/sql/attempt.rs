//! Attempts that are counted before they are made: whoever guesses in parallel has no more guesses than one in turn.
//!
//! A window opens with the first attempt and lasts its time; what is left of it is one statement to find out.

use super::connection::Isolation;
use super::{query, timestamp};
use crate::store::job::{Tx, Write};
use crate::store::{Attempt, StoreError};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// Reserves one attempt.
pub(in crate::store) struct Reserve {
    pub(in crate::store) key: [u8; 32],
    pub(in crate::store) limit: u32,
    pub(in crate::store) now: Timestamp,
    pub(in crate::store) resets: Timestamp,
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
        let reserve = query(RESERVE).bind(self.key).bind(self.limit).bind(self.now).bind(self.resets);
        let (used, resets): (i64, i64) = reserve.one(&mut *tx.connection).await?;
        Ok(match u32::try_from(i64::from(self.limit) - used) {
            Ok(left) => Attempt::Granted { left },
            Err(_) => Attempt::Exhausted { until: timestamp(resets) },
        })
    }
}

/// Takes back one attempt of a key.
pub(in crate::store) struct GiveBack(pub(in crate::store) [u8; 32]);

#[async_trait]
impl Write for GiveBack {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let update = query("UPDATE attempt SET used = used - 1 WHERE key = $1 AND used > 0");
        update.bind(self.0).execute(&mut *tx.connection).await?;
        Ok(())
    }
}

/// Forgets the attempts of a key.
pub(in crate::store) struct Clear(pub(in crate::store) [u8; 32]);

#[async_trait]
impl Write for Clear {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let delete = query("DELETE FROM attempt WHERE key = $1");
        delete.bind(self.0).execute(&mut *tx.connection).await?;
        Ok(())
    }
}
