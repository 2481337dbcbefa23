//! Revocations on their way to the shared tier: noted in the transaction of the fact that demands them.

use super::connection::Isolation;
use super::{Connection, Readers, account_id, credential_digest, query, session_id};
use crate::model::Revocation;
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use async_trait::async_trait;

/// Notes that the shared tier must hear of a revocation.
pub(super) async fn note(connection: &mut Connection, revocation: &Revocation) -> Result<(), StoreError> {
    query("INSERT INTO revocation (account, credential, keep) VALUES ($1, $2, $3)")
        .bind(revocation.account)
        .bind(revocation.credential)
        .bind(revocation.keep)
        .execute(connection)
        .await?;
    Ok(())
}

type Row = (i64, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

const UNTOLD: &str = "SELECT n, account, credential, keep FROM revocation WHERE n > $1 ORDER BY n LIMIT $2";

/// The oldest after `after` that were noted and not forgotten.
pub(in crate::store) async fn untold(
    readers: &Readers,
    after: i64,
    max: u32,
) -> Result<Vec<(i64, Revocation)>, StoreError> {
    let rows: Vec<Row> = query(UNTOLD).bind(after).bind(max).all(readers).await?;
    rows.into_iter().map(revocation).collect()
}

fn revocation((n, account, credential, keep): Row) -> Result<(i64, Revocation), StoreError> {
    let revocation = Revocation {
        account: account_id(&account)?,
        credential: credential.map(|bytes| credential_digest(&bytes)).transpose()?,
        keep: keep.map(|bytes| session_id(&bytes)).transpose()?,
    };
    Ok((n, revocation))
}

/// Forgets one: the shared tier knows.
pub(in crate::store) struct Told(pub(in crate::store) i64);

#[async_trait]
impl Write for Told {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        query("DELETE FROM revocation WHERE n = $1").bind(self.0).execute(&mut *tx.connection).await?;
        Ok(())
    }
}
