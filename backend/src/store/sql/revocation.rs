//! Revocations on their way to the shared tier: noted in the transaction of the fact that demands them. Of sessions by their
//! account, of access tokens by what they have in common.

use super::connection::Isolation;
use super::{
    Connection, Readers, Value, account_id, credential_digest, query, session_id, timestamp, unreadable, write_rows,
};
use crate::model::{EndedTokens, GrantId, Revocation};
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use aldgate_core::id::TokenDigest;
use aldgate_core::time::Timestamp;
use aldgate_core::token::family;
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

/// Notes that grants end `at` this moment, and their access tokens with them.
pub(super) async fn note_grants(
    connection: &mut Connection,
    grants: &[GrantId],
    at: Timestamp,
) -> Result<(), StoreError> {
    note_tokens(connection, grants.iter().map(|grant| family::of_grant(grant.as_bytes())), at).await
}

/// Notes that a client is stopped `at` this moment, and what it was given ends.
pub(super) async fn note_client(connection: &mut Connection, client: &str, at: Timestamp) -> Result<(), StoreError> {
    note_tokens(connection, family::all_of_client(client, at), at).await
}

const NOTE_TOKENS: &str = "INSERT INTO ended_tokens (digest, until) VALUES {rows}";

async fn note_tokens(
    connection: &mut Connection,
    ended: impl Iterator<Item = TokenDigest>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let until = family::remembered_until(at);
    let rows: Vec<[Value; 2]> = ended.map(|digest| [(*digest.as_bytes()).into(), until.into()]).collect();
    write_rows(connection, NOTE_TOKENS, &rows).await?;
    Ok(())
}

const UNTOLD_TOKENS: &str = "SELECT n, digest, until FROM ended_tokens WHERE n > $1 ORDER BY n LIMIT $2";

/// The oldest ends of access tokens after `after` that were noted and not forgotten.
pub(in crate::store) async fn untold_tokens(
    readers: &Readers,
    after: i64,
    max: u32,
) -> Result<Vec<(i64, EndedTokens)>, StoreError> {
    let rows: Vec<(i64, Vec<u8>, i64)> = query(UNTOLD_TOKENS).bind(after).bind(max).all(readers).await?;
    rows.into_iter().map(ended_tokens).collect()
}

fn ended_tokens((n, digest, until): (i64, Vec<u8>, i64)) -> Result<(i64, EndedTokens), StoreError> {
    let digest = TokenDigest::from_slice(&digest).ok_or_else(|| unreadable("a digest of tokens"))?;
    Ok((n, EndedTokens { digest, until: timestamp(until) }))
}

/// Forgets some of them: the shared tier knows.
pub(in crate::store) struct TokensTold(pub(in crate::store) Vec<i64>);

const FORGET_TOKENS: &str = "
    DELETE FROM ended_tokens WHERE n IN (SELECT told.column1 FROM (VALUES {rows}) AS told)";

#[async_trait]
impl Write for TokensTold {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let told: Vec<[Value; 1]> = self.0.iter().map(|n| [(*n).into()]).collect();
        write_rows(tx.connection, FORGET_TOKENS, &told).await?;
        Ok(())
    }
}
