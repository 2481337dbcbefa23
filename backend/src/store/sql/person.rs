//! Facts about people: a sealed record beside the account, and the digest by which one is found from an NHS number.

use super::session::End;
use super::{Connection, Readers, identity_level, passkey, query, reseal};
use crate::model::Ending;
use crate::store::StoreError;
use crate::store::audit::{Act, AuditEntry, PERSON_VERIFIED};
use crate::store::data_key::KeyId;
use crate::store::job::{Tx, Write};
use crate::store::person::Verification;
use crate::store::seal::{NhsDigest, Place};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::AccountId;
use async_trait::async_trait;

/// Where facts about people stand sealed.
pub(in crate::store) const PLACE: Place = Place("person.record");

/// Under which name it is noted how far the digests of NHS numbers have been filled in.
const FILLED: Place = Place("person.nhs_number");

/// The sealed record of an account's owner.
pub(in crate::store) async fn sealed(readers: &Readers, account: &AccountId) -> Result<Option<Vec<u8>>, StoreError> {
    let query = query("SELECT record FROM person WHERE account = $1").bind(*account);
    let row: Option<(Vec<u8>,)> = query.optional(readers).await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Writes a record, by what it is found, and the level that it supports.
pub(in crate::store) struct Set {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) level: IdentityLevel,
    pub(in crate::store) sealed: Vec<u8>,
    pub(in crate::store) nhs_number: Option<NhsDigest>,
    pub(in crate::store) act: Act,
}

const LEVEL: &str = "SELECT identity FROM account WHERE id = $1";
const TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM person WHERE nhs_number = $1 AND account <> $2)";
const PUT: &str = "
    INSERT INTO person (account, record, nhs_number) VALUES ($1, $2, $3)
    ON CONFLICT (account) DO UPDATE SET record = excluded.record, nhs_number = excluded.nhs_number";
const SET_LEVEL: &str = "UPDATE account SET identity = $2 WHERE id = $1";

#[async_trait]
impl Write for Set {
    type Outcome = Verification;

    fn is_done(outcome: &Verification) -> bool {
        *outcome == Verification::Written
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Verification, StoreError> {
        let level: Option<(i64,)> = query(LEVEL).bind(self.account).optional(&mut *tx.connection).await?;
        let Some((before,)) = level else { return Ok(Verification::NoAccount) };
        if self.is_anothers(tx.connection).await? {
            let entry = AuditEntry::refused(self.act.clone(), PERSON_VERIFIED).about(self.account);
            tx.audit(entry.with("level", self.level.as_str()).with("why", "nhs-number-taken")).await?;
            return Ok(Verification::NumberTaken);
        }
        let put = query(PUT).bind(self.account).bind(self.sealed.as_slice()).bind(self.nhs_number);
        put.execute(&mut *tx.connection).await?;
        self.move_level(tx, identity_level(before)?).await?;
        let entry = AuditEntry::done(self.act.clone(), PERSON_VERIFIED).about(self.account);
        tx.audit(entry.with("level", self.level.as_str()).with("nhs_number", self.nhs_number.is_some())).await?;
        Ok(Verification::Written)
    }
}

impl Set {
    /// Whether the NHS number is another account's.
    async fn is_anothers(&self, connection: &mut Connection) -> Result<bool, StoreError> {
        let Some(number) = self.nhs_number else { return Ok(false) };
        let (taken,): (bool,) = query(TAKEN).bind(number).bind(self.account).one(connection).await?;
        Ok(taken)
    }

    /// Puts the account at its level, and its passkeys with it. A session that was opened at a higher one ends; grants are
    /// held against the account each time.
    async fn move_level(&self, tx: &mut Tx<'_>, before: IdentityLevel) -> Result<(), StoreError> {
        if before == self.level {
            return Ok(());
        }
        let level = i64::from(self.level as u8);
        query(SET_LEVEL).bind(self.account).bind(level).execute(&mut *tx.connection).await?;
        let lowered = self.level < before;
        passkey::revise(tx, &self.account, lowered).await?;
        if lowered {
            End { account: self.account, ending: Ending::AllBut(None) }.write(tx).await?;
        }
        Ok(())
    }
}

/// Where the filling in of digests has come to: the last account, and whether there is no other.
pub(in crate::store) async fn filled(readers: &Readers) -> Result<(Vec<u8>, bool), StoreError> {
    reseal::progress(readers, FILLED, KeyId::DERIVED).await
}

const UNFILLED: &str = "
    SELECT account, record FROM person WHERE account > $1 AND nhs_number IS NULL ORDER BY account LIMIT $2";

/// Accounts after one, of whose owners no NHS number is known by its digest, with their sealed records.
pub(in crate::store) async fn unfilled(
    readers: &Readers,
    after: &[u8],
    max: u32,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
    query(UNFILLED).bind(after).bind(max).all(readers).await
}

/// Digests to fill in, each beside the account and the record that it is of, and how far that is.
pub(in crate::store) struct Fill {
    pub(in crate::store) digests: Vec<(Vec<u8>, Vec<u8>, NhsDigest)>,
    pub(in crate::store) after: Vec<u8>,
    pub(in crate::store) done: bool,
}

const FILL: &str = "
    UPDATE person SET nhs_number = $3
    WHERE account = $1 AND record = $2 AND nhs_number IS NULL
      AND NOT EXISTS (SELECT 1 FROM person other WHERE other.nhs_number = $3)";

const STILL_UNFILLED: &str = "
    SELECT EXISTS (SELECT 1 FROM person WHERE account = $1 AND record = $2 AND nhs_number IS NULL)";

#[async_trait]
impl Write for Fill {
    /// Accounts whose number is another's already.
    type Outcome = Vec<Vec<u8>>;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut doubled = Vec::new();
        for (account, record, digest) in &self.digests {
            let fill = query(FILL).bind(account.as_slice()).bind(record.as_slice()).bind(*digest);
            if fill.execute(&mut *tx.connection).await? == 0 {
                let still = query(STILL_UNFILLED).bind(account.as_slice()).bind(record.as_slice());
                let (still,): (bool,) = still.one(&mut *tx.connection).await?;
                doubled.extend(still.then(|| account.clone()));
            }
        }
        reseal::advance(tx.connection, FILLED, KeyId::DERIVED, &self.after, self.done).await?;
        Ok(doubled)
    }
}

/// Takes back that digests were filled in, as a version before this one would have it.
#[cfg(test)]
pub(in crate::store) struct Unfill;

#[cfg(test)]
#[async_trait]
impl Write for Unfill {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        query("UPDATE person SET nhs_number = NULL").execute(&mut *tx.connection).await?;
        query("DELETE FROM reseal").execute(&mut *tx.connection).await?;
        Ok(())
    }
}
