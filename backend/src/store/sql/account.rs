//! Accounts: created one at a time by people, or by the thousand for the load test's population; found by id or by
//! address.

use super::contact::is_held;
use super::ending::end_sessions;
use super::passkey::{self, NewPasskey};
use super::{
    Connection, Readers, Value, account_id, identity_level, query, rows_max, rows_query, timestamp, unreadable,
    write_rows,
};
use crate::model::{Account, Ending, PASSWORD_CHARS_MIN, PasswordHash};
use crate::store::audit::{ACCOUNT_CREATED, Act, AuditEntry, PASSWORD_SET};
use crate::store::job::{Tx, Write};
use crate::store::seal::{NhsDigest, Sealer};
use crate::store::{Creation, StoreError};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use std::collections::HashMap;

/// Accounts of a bulk insertion that are sorted together by their random keys, so that neighbours fall on one page; more
/// gain little and hold megabytes.
const BULK_ACCOUNTS_SORTED: usize = 4096;

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
        let taken = query(TAKEN).bind(self.0.email_digest).bind(self.0.passkey.as_ref().map(NewPasskey::digest));
        let (email_taken, credential_taken): (bool, bool) = taken.one(&mut *tx.connection).await?;
        let held = is_held(tx.connection, &self.0.email_digest, &self.0.id, self.0.created).await?;
        if email_taken || held {
            return Ok(Creation::EmailTaken);
        }
        if credential_taken {
            return Ok(Creation::CredentialTaken);
        }
        insert(tx.connection, std::slice::from_ref(&self.0)).await?;
        let NewRow { id, created, .. } = self.0;
        tx.audit(AuditEntry::done(Act::own(id, created), ACCOUNT_CREATED).about(id)).await?;
        Ok(Creation::Created)
    }
}

/// Creates many accounts, all of them new.
pub(in crate::store) struct CreateAll(pub(in crate::store) Vec<NewRow>);

#[async_trait]
impl Write for CreateAll {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for chunk in self.0.chunks(BULK_ACCOUNTS_SORTED) {
            insert(tx.connection, chunk).await?;
        }
        Ok(())
    }
}

/// The owner's number is the database's to give.
const INSERT_ACCOUNTS: &str = "
    INSERT INTO account (id, email, created, identity, password, password_chars) VALUES {rows} RETURNING n, id";

const INSERT_IDENTIFIERS: &str = "INSERT INTO identifier (digest, account) VALUES {rows}";

async fn insert(connection: &mut Connection, accounts: &[NewRow]) -> Result<(), StoreError> {
    let rows: Vec<[Value; 6]> = accounts.iter().map(account_row).collect();
    let mut numbers = HashMap::with_capacity(accounts.len());
    for part in rows.chunks(rows_max(6)) {
        let given: Vec<(i64, Vec<u8>)> = rows_query(INSERT_ACCOUNTS, part).all(&mut *connection).await?;
        numbers.extend(given.into_iter().map(|(n, id)| (id, n)));
    }
    let owner = |new: &NewRow| {
        numbers.get(new.id.as_bytes().as_slice()).copied().ok_or_else(|| unreadable("an account without an owner"))
    };
    let digests: Result<Vec<_>, StoreError> = accounts.iter().map(|new| Ok((new.email_digest, owner(new)?))).collect();
    let mut digests = digests?;
    digests.sort_unstable();
    let digests: Vec<[Value; 2]> = digests.into_iter().map(|(digest, n)| [digest.into(), n.into()]).collect();
    write_rows(connection, INSERT_IDENTIFIERS, &digests).await?;
    let mut passkeys = Vec::new();
    for new in accounts {
        if let Some(passkey) = &new.passkey {
            passkeys.push((owner(new)?, passkey));
        }
    }
    passkey::insert(connection, passkeys).await
}

fn account_row(new: &NewRow) -> [Value; 6] {
    let password = new.password.as_ref().map(PasswordHash::expose);
    let chars = new.password.as_ref().map_or(PASSWORD_CHARS_MIN, PasswordHash::chars);
    let (email, nobody) = (new.email.clone(), 0_i64);
    [new.id.into(), email.into(), new.created.into(), nobody.into(), password.into(), number(chars).into()]
}

/// Characters, as a column holds them.
pub(super) fn number(chars: usize) -> i64 {
    i64::try_from(chars).unwrap_or(i64::MAX)
}

type Row = (Vec<u8>, Vec<u8>, i64, i64, Option<String>, bool, bool);

/// What is read of an account, found in one way or another.
macro_rules! account_found {
    ($found:literal) => {
        concat!(
            "SELECT a.id, a.email, a.created, a.identity, a.password,
                    EXISTS (SELECT 1 FROM second_step s WHERE s.account = a.id),
                    EXISTS (SELECT 1 FROM disabled_account d WHERE d.account = a.id)
             FROM ",
            $found
        )
    };
}

const BY_ID: &str = account_found!("account a WHERE a.id = $1");
const BY_EMAIL: &str = account_found!("identifier i JOIN account a ON a.n = i.account WHERE i.digest = $1");
const BY_NHS_NUMBER: &str = account_found!("person p JOIN account a ON a.id = p.account WHERE p.nhs_number = $1");

/// A few accounts, with their sealed addresses.
pub(in crate::store) async fn some(readers: &Readers) -> Result<Vec<(AccountId, Vec<u8>)>, StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> =
        query("SELECT id, email FROM account ORDER BY id LIMIT 100").all(readers).await?;
    rows.into_iter().map(|(id, email)| Ok((account_id(&id)?, email))).collect()
}

/// The account of this id.
pub(in crate::store) async fn by_id(
    readers: &Readers,
    sealer: &Sealer,
    id: &AccountId,
) -> Result<Option<Account>, StoreError> {
    let row: Option<Row> = query(BY_ID).bind(*id).optional(readers).await?;
    row.map(|row| account(sealer, row)).transpose()
}

/// The account whose address has this digest.
pub(in crate::store) async fn by_email(
    readers: &Readers,
    sealer: &Sealer,
    digest: [u8; 32],
) -> Result<Option<Account>, StoreError> {
    let row: Option<Row> = query(BY_EMAIL).bind(digest).optional(readers).await?;
    row.map(|row| account(sealer, row)).transpose()
}

/// The account of whose owner this is the digest of the NHS number.
pub(in crate::store) async fn by_nhs_number(
    readers: &Readers,
    sealer: &Sealer,
    digest: NhsDigest,
) -> Result<Option<Account>, StoreError> {
    let row: Option<Row> = query(BY_NHS_NUMBER).bind(digest).optional(readers).await?;
    row.map(|row| account(sealer, row)).transpose()
}

fn account(sealer: &Sealer, row: Row) -> Result<Account, StoreError> {
    let (id, email, created, identity, password, has_second_step, disabled) = row;
    let id = account_id(&id)?;
    Ok(Account {
        id,
        email: sealer.open(&id, &email)?,
        created: timestamp(created),
        identity: identity_level(identity)?,
        password: password.map(PasswordHash::new),
        has_second_step,
        disabled,
    })
}

const REPLACE: &str = "
    UPDATE account SET password = $2, password_set = $3, password_chars = $4 WHERE id = $1 AND password = $5";
const REPLACE_NONE: &str = "
    UPDATE account SET password = $2, password_set = $3, password_chars = $4 WHERE id = $1 AND password IS NULL";

/// Puts a password in the place of the one that was verified or forgotten; none, if the account had none. False if it has
/// another by now, or there is no such account.
pub(super) async fn replace_password(
    connection: &mut Connection,
    account: &AccountId,
    present: Option<&PasswordHash>,
    new: &PasswordHash,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let replace = query(if present.is_some() { REPLACE } else { REPLACE_NONE }).bind(*account);
    let replace = replace.bind(new.expose()).bind(at).bind(number(new.chars()));
    let replace = if let Some(present) = present { replace.bind(present.expose()) } else { replace };
    Ok(replace.execute(connection).await? > 0)
}

/// Sets an account's password and ends every session but `keep`. False if `present` is not its password any more.
pub(in crate::store) struct SetPassword {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) present: Option<PasswordHash>,
    pub(in crate::store) password: PasswordHash,
    pub(in crate::store) keep: Option<SessionId>,
    pub(in crate::store) act: Act,
}

#[async_trait]
impl Write for SetPassword {
    type Outcome = bool;

    fn is_done(done: &bool) -> bool {
        *done
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        if !replace_password(tx.connection, &self.account, self.present.as_ref(), &self.password, self.act.at).await? {
            return Ok(false);
        }
        end_sessions(tx, &self.account, Ending::AllBut(self.keep), self.act.at).await?;
        tx.audit(AuditEntry::done(self.act.clone(), PASSWORD_SET).about(self.account)).await?;
        Ok(true)
    }
}

/// Keeps the same password under another hash, unless that was changed meanwhile. False if it was.
pub(in crate::store) struct RenewHash {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) old: PasswordHash,
    pub(in crate::store) new: PasswordHash,
}

#[async_trait]
impl Write for RenewHash {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let renewed = query("UPDATE account SET password = $3 WHERE id = $1 AND password = $2")
            .bind(self.account)
            .bind(self.old.expose())
            .bind(self.new.expose())
            .execute(&mut *tx.connection)
            .await?;
        Ok(renewed > 0)
    }
}
