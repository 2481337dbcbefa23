//! The audit's entries: appended, read, and never anything else.

use super::{Connection, Query, Readers, account_id, query, timestamp, unreadable};
use crate::store::StoreError;
use crate::store::audit::chain::{self, AuditKey};
use crate::store::audit::{Audited, Fields, Head};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;

const HEAD: &str = "SELECT n, tag FROM audit_head WHERE chain = $1";

const FIRST_HEAD: &str = "INSERT INTO audit_head (chain, n, tag) VALUES ($1, 1, $2)";

const NEXT_HEAD: &str = "UPDATE audit_head SET n = $2, tag = $3 WHERE chain = $1 AND n = $4";

const APPEND: &str = "
    INSERT INTO audit (chain, n, at, actor, action, subject, outcome, detail, tag)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

/// Appends an entry to its chain.
pub(in crate::store) async fn append(
    connection: &mut Connection,
    key: &AuditKey,
    fields: &Fields,
) -> Result<(), StoreError> {
    let chain = chain::of(fields);
    let found: Option<(i64, Vec<u8>)> = query(HEAD).bind(chain).optional(&mut *connection).await?;
    let before = found.map(|row| head_of(chain, row)).transpose()?;
    let n = before.map_or(1, |head| head.n + 1);
    let tag = key.tag(chain, n, fields, &before.map_or([0; 32], |head| head.tag));
    let n = signed(n)?;
    match before {
        None => query(FIRST_HEAD).bind(chain).bind(tag).execute(&mut *connection).await?,
        Some(_) => query(NEXT_HEAD).bind(chain).bind(n).bind(tag).bind(n - 1).execute(&mut *connection).await?,
    };
    let Fields { at, actor, action, subject, outcome, detail } = fields;
    let entry = query(APPEND).bind(chain).bind(n).bind(*at).bind(actor.as_str()).bind(action.as_str());
    let entry = entry.bind(*subject).bind(outcome.as_str()).bind(detail.as_str()).bind(tag);
    entry.execute(connection).await?;
    Ok(())
}

fn head_of(chain: u8, (n, tag): (i64, Vec<u8>)) -> Result<Head, StoreError> {
    let tag = tag.try_into().map_err(|_| unreadable("an audit's head"))?;
    Ok(Head { chain, n: u64::try_from(n).map_err(|_| unreadable("an audit's head"))?, tag })
}

fn signed(n: u64) -> Result<i64, StoreError> {
    i64::try_from(n).map_err(|_| unreadable("an audit's number"))
}

/// Where a chain ends, as far as it can be read: what cannot be agrees with no chain.
pub(in crate::store) async fn head(readers: &Readers, chain: u8) -> Result<Option<Head>, StoreError> {
    let found: Option<(i64, Vec<u8>)> = query(HEAD).bind(chain).optional(readers).await?;
    Ok(found.map(|(n, tag)| Head {
        chain,
        n: u64::try_from(n).unwrap_or(u64::MAX),
        tag: tag.try_into().unwrap_or_default(),
    }))
}

type Row = (i64, i64, i64, String, String, Option<Vec<u8>>, String, String, Vec<u8>);

const OF_CHAIN: &str = "
    SELECT chain, n, at, actor, action, subject, outcome, detail, tag
    FROM audit WHERE chain = $1 AND n > $2 ORDER BY n LIMIT $3";

const OF_ACCOUNT: &str = "
    SELECT chain, n, at, actor, action, subject, outcome, detail, tag
    FROM audit WHERE subject = $1 ORDER BY at DESC, n DESC LIMIT $2";

/// Entries of a chain after a number, in order.
pub(in crate::store) async fn of_chain(
    readers: &Readers,
    chain: u8,
    after: u64,
    max: u32,
) -> Result<Vec<Audited>, StoreError> {
    read(query(OF_CHAIN).bind(chain).bind(signed(after)?).bind(max), readers).await
}

/// The newest about an account, newest first.
pub(in crate::store) async fn of_account(
    readers: &Readers,
    account: &AccountId,
    max: u32,
) -> Result<Vec<Audited>, StoreError> {
    read(query(OF_ACCOUNT).bind(*account).bind(max), readers).await
}

/// An account's entries stand in one chain, so that its numbers tell those of one moment apart.
const OF_ACCOUNT_AFTER: &str = "
    SELECT chain, n, at, actor, action, subject, outcome, detail, tag
    FROM audit WHERE subject = $1 AND (at, n) > ($2, $3) ORDER BY at, n LIMIT $4";

/// Those about an account after the one of that moment and number, oldest first.
pub(in crate::store) async fn of_account_after(
    readers: &Readers,
    account: &AccountId,
    (at, n): (Timestamp, u64),
    max: u32,
) -> Result<Vec<Audited>, StoreError> {
    read(query(OF_ACCOUNT_AFTER).bind(*account).bind(at).bind(signed(n)?).bind(max), readers).await
}

async fn read(query: Query, readers: &Readers) -> Result<Vec<Audited>, StoreError> {
    let rows: Vec<Row> = query.all(readers).await?;
    Ok(rows.into_iter().map(audited).collect())
}

/// As far as it can be read: an entry that somebody has made unreadable has not the tag that it should have.
fn audited((chain, n, at, actor, action, subject, outcome, detail, tag): Row) -> Audited {
    Audited {
        chain: u8::try_from(chain).unwrap_or(u8::MAX),
        n: u64::try_from(n).unwrap_or(0),
        fields: Fields {
            at: timestamp(at),
            actor,
            action,
            subject: subject.and_then(|bytes| account_id(&bytes).ok()),
            outcome,
            detail,
        },
        tag: tag.try_into().unwrap_or_default(),
    }
}
