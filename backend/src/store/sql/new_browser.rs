//! Log-ins in browsers that were new to their account, until its owner has been told.

use super::{Readers, account_id, query, timestamp, unreadable};
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use crate::store::new_browser::NewBrowser;
use aldgate_core::language::Language;
use async_trait::async_trait;

const UNTOLD: &str = "SELECT n, account, at, untold FROM login_event WHERE untold IS NOT NULL ORDER BY n LIMIT $1";

type Row = (i64, Vec<u8>, i64, i64);

/// The oldest of them.
pub(in crate::store) async fn untold(readers: &Readers, max: u32) -> Result<Vec<NewBrowser>, StoreError> {
    let rows: Vec<Row> = query(UNTOLD).bind(max).all(readers).await?;
    rows.into_iter().map(new_browser).collect()
}

fn new_browser((n, account, at, language): Row) -> Result<NewBrowser, StoreError> {
    let language = u8::try_from(language).ok().and_then(Language::of_number);
    let language = language.ok_or_else(|| unreadable("a language"))?;
    Ok(NewBrowser { n, account: account_id(&account)?, at: timestamp(at), language })
}

/// The owner is told of one.
pub(in crate::store) struct Told(pub(in crate::store) i64);

#[async_trait]
impl Write for Told {
    type Outcome = bool;

    fn is_done(outcome: &bool) -> bool {
        *outcome
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let told = query("UPDATE login_event SET untold = NULL WHERE n = $1 AND untold IS NOT NULL").bind(self.0);
        Ok(told.execute(&mut *tx.connection).await? > 0)
    }
}
