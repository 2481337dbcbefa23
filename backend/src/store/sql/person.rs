//! Facts about people: a sealed record beside the account.

use super::Readers;
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::AccountId;
use async_trait::async_trait;

/// The sealed record of an account's owner.
pub(in crate::store) async fn sealed(readers: &Readers, account: &AccountId) -> Result<Option<Vec<u8>>, StoreError> {
    let query = sqlx::query_scalar("SELECT record FROM person WHERE account = $1").bind(account.as_bytes().to_vec());
    Ok(query.fetch_optional(readers).await?)
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
        let raise = sqlx::query("UPDATE account SET identity = $2 WHERE id = $1");
        let raise = raise.bind(account()).bind(i64::from(self.level as u8));
        if raise.execute(&mut *tx.connection).await?.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(PUT).bind(account()).bind(self.sealed.clone()).execute(&mut *tx.connection).await?;
        Ok(true)
    }
}
