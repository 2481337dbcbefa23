//! Facts about people: a sealed record beside the account.

use super::{Readers, query};
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use crate::store::seal::Place;
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::AccountId;
use async_trait::async_trait;

/// Where facts about people stand sealed.
pub(in crate::store) const PLACE: Place = Place("person.record");

/// The sealed record of an account's owner.
pub(in crate::store) async fn sealed(readers: &Readers, account: &AccountId) -> Result<Option<Vec<u8>>, StoreError> {
    let query = query("SELECT record FROM person WHERE account = $1").bind(account.as_bytes().to_vec());
    let row: Option<(Vec<u8>,)> = query.optional(readers).await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Writes a record and the level that it supports. False if there is no such account.
pub(in crate::store) struct Set {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) level: IdentityLevel,
    pub(in crate::store) sealed: Vec<u8>,
}

const PUT: &str = "
    INSERT INTO person (account, record) VALUES ($1, $2)
    ON CONFLICT (account) DO UPDATE SET record = excluded.record";

#[async_trait]
impl Write for Set {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let account = || self.account.as_bytes().to_vec();
        let raise = query("UPDATE account SET identity = $2 WHERE id = $1");
        let raise = raise.bind(account()).bind(i64::from(self.level as u8));
        if raise.execute(&mut *tx.connection).await? == 0 {
            return Ok(false);
        }
        query(PUT).bind(account()).bind(self.sealed.clone()).execute(&mut *tx.connection).await?;
        Ok(true)
    }
}
