//! Browsers in which the second step need not be asked for.

use super::{Readers, hex, query, timestamp, unreadable};
use crate::model::second_step::RememberedBrowser;
use crate::store::StoreError;
use crate::store::audit::{Act, Action, AuditEntry, BROWSER_FORGOTTEN, BROWSER_REMEMBERED};
use crate::store::job::{Tx, Write};
use aldgate_core::device::Device;
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

type Row = (Vec<u8>, i64, i64, i64);

const OF_ACCOUNT: &str = "SELECT id, device, created, used FROM remembered_browser WHERE account = $1";

/// The remembered browsers of an account, the last used first.
pub(in crate::store) async fn of_account(
    readers: &Readers,
    account: &AccountId,
) -> Result<Vec<RememberedBrowser>, StoreError> {
    let rows: Vec<Row> = query(OF_ACCOUNT).bind(*account).all(readers).await?;
    let mut browsers = rows.into_iter().map(browser).collect::<Result<Vec<_>, _>>()?;
    browsers.sort_by_key(|browser| std::cmp::Reverse(browser.used));
    Ok(browsers)
}

fn browser((id, device, created, used): Row) -> Result<RememberedBrowser, StoreError> {
    let id = id.try_into().map_err(|_| unreadable("a remembered browser"))?;
    let device = u16::try_from(device).map_err(|_| unreadable("a kind of browser"))?;
    Ok(RememberedBrowser {
        id,
        device: Device::from_bytes(device.to_be_bytes()),
        created: timestamp(created),
        used: timestamp(used),
    })
}

/// What the audit says of one. Its id is the digest of what its cookie holds, and opens nothing.
fn entry(act: Act, action: Action, account: AccountId, id: &[u8]) -> AuditEntry {
    AuditEntry::done(act, action).about(account).with("browser", hex(id))
}

/// Remembers a browser. Of more than `most`, those that lay unused longest are forgotten.
pub(in crate::store) struct Remember {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) browser: RememberedBrowser,
    pub(in crate::store) most: usize,
}

const INSERT: &str = "
    INSERT INTO remembered_browser (id, account, device, created, used) VALUES ($1, $2, $3, $4, $5)";

#[async_trait]
impl Write for Remember {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let account = self.account;
        let found = query("SELECT id, used FROM remembered_browser WHERE account = $1").bind(account);
        let mut others: Vec<(Vec<u8>, i64)> = found.all(&mut *tx.connection).await?;
        others.sort_by_key(|(_, used)| std::cmp::Reverse(*used));
        for (id, _) in others.into_iter().skip(self.most.saturating_sub(1)) {
            let delete = query("DELETE FROM remembered_browser WHERE id = $1").bind(id.as_slice());
            delete.execute(&mut *tx.connection).await?;
            let crowded_out = Act::system("remembered-browsers", self.browser.created);
            tx.audit(entry(crowded_out, BROWSER_FORGOTTEN, account, &id)).await?;
        }
        let RememberedBrowser { id, device, created, used } = self.browser;
        let remembered = entry(Act::own(account, created), BROWSER_REMEMBERED, account, &id);
        tx.audit(remembered.with("device", device)).await?;
        query(INSERT)
            .bind(id)
            .bind(account)
            .bind(i64::from(u16::from_be_bytes(device.to_bytes())))
            .bind(created)
            .bind(used)
            .execute(&mut *tx.connection)
            .await?;
        Ok(())
    }
}

/// Notes that a remembered browser is used, if it is one of the account's, was used since and made since.
pub(in crate::store) struct Recognise {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) id: [u8; 32],
    pub(in crate::store) used_since: Timestamp,
    pub(in crate::store) made_since: Timestamp,
    pub(in crate::store) now: Timestamp,
}

const RECOGNISE: &str = "
    UPDATE remembered_browser SET used = $5 WHERE id = $1 AND account = $2 AND used > $3 AND created > $4";

#[async_trait]
impl Write for Recognise {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let done = query(RECOGNISE)
            .bind(self.id)
            .bind(self.account)
            .bind(self.used_since)
            .bind(self.made_since)
            .bind(self.now)
            .execute(&mut *tx.connection)
            .await?;
        Ok(done > 0)
    }
}

/// Forgets one browser of an account. False if it has no such.
pub(in crate::store) struct Forget {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) id: [u8; 32],
    pub(in crate::store) act: Act,
}

#[async_trait]
impl Write for Forget {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let done = query("DELETE FROM remembered_browser WHERE id = $1 AND account = $2")
            .bind(self.id)
            .bind(self.account)
            .execute(&mut *tx.connection)
            .await?;
        if done > 0 {
            tx.audit(entry(self.act.clone(), BROWSER_FORGOTTEN, self.account, &self.id)).await?;
        }
        Ok(done > 0)
    }
}
