//! What the shared tier has not been told of: noted in the transaction of the fact that demands it, read in the order in which it
//! was noted, and forgotten when the tier knows. Three queues of one shape: passkeys that are worth another thing, by their
//! account; sessions that end, by theirs; access tokens that end, by what they have in common.

use super::connection::Isolation;
use super::statement::Row;
use super::{
    Connection, Readers, Value, account_id, credential_digest, query, session_id, timestamp, unreadable, write_rows,
};
use crate::model::{ChangedPasskeys, EndedTokens, GrantId, News, Revocation};
use crate::store::job::{Tx, Write};
use crate::store::{Queue, StoreError};
use aldgate_core::id::TokenDigest;
use aldgate_core::time::Timestamp;
use aldgate_core::token::family;
use async_trait::async_trait;

/// Notes that passkeys are worth another thing from now on.
pub(super) async fn note_passkeys(connection: &mut Connection, changed: &ChangedPasskeys) -> Result<(), StoreError> {
    let note = query("INSERT INTO changed_passkeys (account, ends_all) VALUES ($1, $2)");
    note.bind(changed.account).bind(changed.ends_all).execute(connection).await?;
    Ok(())
}

/// Notes the passkeys of every account that is disabled: what the tier knows of them is of another time.
pub(super) async fn note_all_disabled(connection: &mut Connection) -> Result<(), StoreError> {
    let note = query("INSERT INTO changed_passkeys (account, ends_all) SELECT account, 1 FROM disabled_account");
    note.execute(connection).await?;
    Ok(())
}

/// Notes that sessions end.
pub(super) async fn note_revocation(connection: &mut Connection, revocation: &Revocation) -> Result<(), StoreError> {
    query("INSERT INTO revocation (account, credential, keep) VALUES ($1, $2, $3)")
        .bind(revocation.account)
        .bind(revocation.credential)
        .bind(revocation.keep)
        .execute(connection)
        .await?;
    Ok(())
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

const PASSKEYS: &str = "SELECT n, account, ends_all FROM changed_passkeys WHERE n > $1 ORDER BY n LIMIT $2";
const SESSIONS: &str = "SELECT n, account, credential, keep FROM revocation WHERE n > $1 ORDER BY n LIMIT $2";
const TOKENS: &str = "SELECT n, digest, until FROM ended_tokens WHERE n > $1 ORDER BY n LIMIT $2";

/// The oldest of a queue after the number `after`, each with its own.
pub(in crate::store) async fn of_queue(
    readers: &Readers,
    queue: Queue,
    after: i64,
    max: u32,
) -> Result<Vec<(i64, News)>, StoreError> {
    match queue {
        Queue::Passkeys => read(readers, PASSKEYS, (after, max), passkeys).await,
        Queue::Sessions => read(readers, SESSIONS, (after, max), sessions).await,
        Queue::Tokens => read(readers, TOKENS, (after, max), tokens).await,
    }
}

async fn read<R: Row>(
    readers: &Readers,
    text: &'static str,
    (after, max): (i64, u32),
    news: impl Fn(R) -> Result<(i64, News), StoreError>,
) -> Result<Vec<(i64, News)>, StoreError> {
    let rows: Vec<R> = query(text).bind(after).bind(max).all(readers).await?;
    rows.into_iter().map(news).collect()
}

fn passkeys((n, account, ends_all): (i64, Vec<u8>, i64)) -> Result<(i64, News), StoreError> {
    Ok((n, News::Passkeys(ChangedPasskeys { account: account_id(&account)?, ends_all: ends_all != 0 })))
}

type RevocationRow = (i64, Vec<u8>, Option<Vec<u8>>, Option<Vec<u8>>);

fn sessions((n, account, credential, keep): RevocationRow) -> Result<(i64, News), StoreError> {
    let revocation = Revocation {
        account: account_id(&account)?,
        credential: credential.map(|bytes| credential_digest(&bytes)).transpose()?,
        keep: keep.map(|bytes| session_id(&bytes)).transpose()?,
    };
    Ok((n, News::Sessions(revocation)))
}

fn tokens((n, digest, until): (i64, Vec<u8>, i64)) -> Result<(i64, News), StoreError> {
    let digest = TokenDigest::from_slice(&digest).ok_or_else(|| unreadable("a digest of tokens"))?;
    Ok((n, News::Tokens(EndedTokens { digest, until: timestamp(until) })))
}

/// Forgets some of a queue: the shared tier knows.
pub(in crate::store) struct Told {
    pub(in crate::store) queue: Queue,
    pub(in crate::store) numbers: Vec<i64>,
}

const FORGET_PASSKEYS: &str = "
    DELETE FROM changed_passkeys WHERE n IN (SELECT told.column1 FROM (VALUES {rows}) AS told)";
const FORGET_SESSIONS: &str = "
    DELETE FROM revocation WHERE n IN (SELECT told.column1 FROM (VALUES {rows}) AS told)";
const FORGET_TOKENS: &str = "
    DELETE FROM ended_tokens WHERE n IN (SELECT told.column1 FROM (VALUES {rows}) AS told)";

#[async_trait]
impl Write for Told {
    type Outcome = ();
    const ISOLATION: Isolation = Isolation::ReadCommitted;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let forget = match self.queue {
            Queue::Passkeys => FORGET_PASSKEYS,
            Queue::Sessions => FORGET_SESSIONS,
            Queue::Tokens => FORGET_TOKENS,
        };
        let told: Vec<[Value; 1]> = self.numbers.iter().map(|n| [(*n).into()]).collect();
        write_rows(tx.connection, forget, &told).await?;
        Ok(())
    }
}
