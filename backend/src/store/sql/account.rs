//! Accounts: created one at a time by people, or by the thousand for the load test's population; found by id or by
//! address.

use super::passkey::{self, NewPasskey};
use super::revocation;
use super::session::{End, Ending};
use super::{Connection, Readers, account_id, hex, millis, rows, timestamp, unreadable};
use crate::model::{Account, PasswordHash, Revocation};
use crate::store::job::{Tx, Write};
use crate::store::seal::Sealer;
use crate::store::{Creation, StoreError};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// Accounts in one statement of a bulk insertion. Rows are sorted by their random keys within a statement, so that
/// neighbours fall on one page; larger statements gain little more and hold megabytes.
const BULK_ACCOUNTS_PER_STATEMENT: usize = 4096;

/// An account to write: its address is sealed already, since the writer has better things to do.
pub(in crate::store) struct NewRow {
    pub(in crate::store) id: AccountId,
    pub(in crate::store) email: Vec<u8>,
    pub(in crate::store) email_digest: [u8; 32],
    pub(in crate::store) created: Timestamp,
    pub(in crate::store) password: Option<PasswordHash>,
    pub(in crate::store) passkey: Option<NewPasskey>,
}

/// Creates one account, unless its address or its passkey belongs to another.
pub(in crate::store) struct Create(pub(in crate::store) NewRow);

const TAKEN: &str = "
    SELECT EXISTS (SELECT 1 FROM identifier WHERE digest = $1),
           EXISTS (SELECT 1 FROM credential WHERE digest = $2)";

#[async_trait]
impl Write for Create {
    type Outcome = Creation;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Creation, StoreError> {
        let credential = self.0.passkey.as_ref().map(|passkey| passkey.digest().as_bytes().to_vec());
        let (email_taken, credential_taken): (bool, bool) = sqlx::query_as(TAKEN)
            .bind(self.0.email_digest.to_vec())
            .bind(credential)
            .fetch_one(&mut *tx.connection)
            .await?;
        if email_taken {
            return Ok(Creation::EmailTaken);
        }
        if credential_taken {
            return Ok(Creation::CredentialTaken);
        }
        insert(tx.connection, std::slice::from_ref(&self.0)).await?;
        Ok(Creation::Created)
    }
}

/// Creates many accounts, all of them new.
pub(in crate::store) struct CreateAll(pub(in crate::store) Vec<NewRow>);

#[async_trait]
impl Write for CreateAll {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for chunk in self.0.chunks(BULK_ACCOUNTS_PER_STATEMENT) {
            insert(tx.connection, chunk).await?;
        }
        Ok(())
    }
}

const NEXT_OWNER: &str = "SELECT coalesce(max(n), 0) + 1 FROM account";

const INSERT_ACCOUNTS: &str = "
    INSERT INTO account (n, id, email, created, identity, password)
    SELECT value ->> 0, unhex(value ->> 1), unhex(value ->> 2), value ->> 3, 0, value ->> 4 FROM jsonb_each($1)";

const INSERT_IDENTIFIERS: &str = "
    INSERT INTO identifier (digest, account)
    SELECT unhex(value ->> 0), value ->> 1 FROM jsonb_each($1)";

async fn insert(connection: &mut Connection, accounts: &[NewRow]) -> Result<(), StoreError> {
    let first: i64 = sqlx::query_scalar(NEXT_OWNER).fetch_one(&mut *connection).await?;
    let owned = || (first..).zip(accounts);
    let account_rows = rows(owned().map(|(n, new)| {
        let password = new.password.as_ref().map(PasswordHash::expose);
        (n, hex(new.id.as_bytes()), hex(&new.email), millis(new.created), password)
    }))?;
    sqlx::query(INSERT_ACCOUNTS).bind(account_rows).execute(&mut *connection).await?;
    let mut digests: Vec<_> = owned().map(|(n, new)| (hex(&new.email_digest), n)).collect();
    digests.sort_unstable();
    sqlx::query(INSERT_IDENTIFIERS).bind(rows(digests)?).execute(&mut *connection).await?;
    passkey::insert(connection, owned().filter_map(|(n, new)| Some((n, new.passkey.as_ref()?))).collect()).await
}

type Row = (Vec<u8>, Vec<u8>, i64, u8, Option<String>);

const BY_ID: &str = "SELECT id, email, created, identity, password FROM account WHERE id = $1";

const BY_EMAIL: &str = "
    SELECT a.id, a.email, a.created, a.identity, a.password
    FROM identifier i JOIN account a ON a.n = i.account WHERE i.digest = $1";

/// The account of this id.
pub(in crate::store) async fn by_id(
    readers: &Readers,
    sealer: &Sealer,
    id: &AccountId,
) -> Result<Option<Account>, StoreError> {
    let row: Option<Row> = sqlx::query_as(BY_ID).bind(id.as_bytes().to_vec()).fetch_optional(readers).await?;
    row.map(|row| account(sealer, row)).transpose()
}

/// The account whose address has this digest.
pub(in crate::store) async fn by_email(
    readers: &Readers,
    sealer: &Sealer,
    digest: [u8; 32],
) -> Result<Option<Account>, StoreError> {
    let row: Option<Row> = sqlx::query_as(BY_EMAIL).bind(digest.to_vec()).fetch_optional(readers).await?;
    row.map(|row| account(sealer, row)).transpose()
}

fn account(sealer: &Sealer, (id, email, created, identity, password): Row) -> Result<Account, StoreError> {
    let id = account_id(&id)?;
    Ok(Account {
        id,
        email: sealer.open(&id, &email)?,
        created: timestamp(created),
        identity: IdentityLevel::from_byte(identity).ok_or_else(|| unreadable("an identity level"))?,
        password: password.map(PasswordHash::new),
    })
}

/// Sets or replaces an account's password and ends every session but `keep`. False if there is no such account.
pub(in crate::store) struct SetPassword {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) password: PasswordHash,
    pub(in crate::store) keep: Option<SessionId>,
}

#[async_trait]
impl Write for SetPassword {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE account SET password = $2 WHERE id = $1")
            .bind(self.account.as_bytes().to_vec())
            .bind(self.password.expose().to_owned())
            .execute(&mut *tx.connection)
            .await?;
        End { account: self.account, ending: Ending::AllBut(self.keep) }.write(tx).await?;
        let revocation = Revocation { account: self.account, credential: None, keep: self.keep };
        revocation::note(tx.connection, &revocation).await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Keeps the same password under another hash, unless the password was changed meanwhile.
pub(in crate::store) struct RenewHash {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) old: PasswordHash,
    pub(in crate::store) new: PasswordHash,
}

#[async_trait]
impl Write for RenewHash {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sqlx::query("UPDATE account SET password = $3 WHERE id = $1 AND password = $2")
            .bind(self.account.as_bytes().to_vec())
            .bind(self.old.expose().to_owned())
            .bind(self.new.expose().to_owned())
            .execute(&mut *tx.connection)
            .await?;
        Ok(())
    }
}
