//! Refused sign-ins: counted while their window lasts, then one entry of the audit.

use super::connection::Isolation;
use super::{account_id, query, timestamp, unreadable};
use crate::store::StoreError;
use crate::store::audit::{Act, AuditEntry, SIGN_IN_REFUSED};
use crate::store::job::{Tx, Write};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// Counts one refusal. What a window has counted is never more than fits.
pub(in crate::store) struct Count {
    pub(in crate::store) digest: [u8; 32],
    pub(in crate::store) throttled: bool,
    pub(in crate::store) now: Timestamp,
    pub(in crate::store) ends: Timestamp,
}

const COUNT: &str = "
    INSERT INTO refusal (digest, began, ends, throttled, steps) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (digest) DO UPDATE SET
        throttled = refusal.throttled + excluded.throttled, steps = refusal.steps + excluded.steps";

#[async_trait]
impl Write for Count {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let count = query(COUNT).bind(self.digest).bind(self.now).bind(self.ends);
        count.bind(self.throttled).bind(!self.throttled).execute(&mut *tx.connection).await?;
        Ok(())
    }
}

/// Writes at most `most` windows that have ended into the audit. One of an address without an account is forgotten. Gives
/// how many there were.
pub(in crate::store) struct Close {
    pub(in crate::store) until: Timestamp,
    pub(in crate::store) most: u64,
}

const ENDED: &str = "
    SELECT r.digest, r.began, r.ends, r.throttled, r.steps, a.id
    FROM refusal r LEFT JOIN identifier i ON i.digest = r.digest LEFT JOIN account a ON a.n = i.account
    WHERE r.ends <= $1 ORDER BY r.ends LIMIT $2";

type Row = (Vec<u8>, i64, i64, i64, i64, Option<Vec<u8>>);

#[async_trait]
impl Write for Close {
    type Outcome = u64;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<u64, StoreError> {
        let most = i64::try_from(self.most).map_err(|_| unreadable("a number"))?;
        let rows: Vec<Row> = query(ENDED).bind(self.until).bind(most).all(&mut *tx.connection).await?;
        let count = rows.len();
        for (digest, began, ends, throttled, steps, account) in rows {
            query("DELETE FROM refusal WHERE digest = $1").bind(digest).execute(&mut *tx.connection).await?;
            let Some(account) = account else { continue };
            let act = Act::system("sign-in", timestamp(ends));
            let entry = AuditEntry::refused(act, SIGN_IN_REFUSED).about(account_id(&account)?);
            let entry = entry.with("since", timestamp(began).as_millis());
            tx.audit(entry.with("throttled", throttled).with("wrong_second_steps", steps)).await?;
        }
        Ok(u64::try_from(count).unwrap_or(u64::MAX))
    }
}
