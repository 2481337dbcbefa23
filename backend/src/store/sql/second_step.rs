//! Second steps and recovery codes: rows by account, found by key only.

use super::account::number;
use super::contact::{self, Remembered};
use super::{Connection, Readers, query, timestamp, unreadable};
use crate::model::second_step::{APP_KEY_BYTES, AppKey, SecondStep, SecondSteps, StepKind};
use crate::model::telephone::PhoneNumber;
use crate::store::audit::{
    Act, AuditEntry, RECOVERY_CODE_USED, RECOVERY_CODES_MADE, SECOND_STEP_REMOVED, SECOND_STEP_SET,
};
use crate::store::job::{Tx, Write};
use crate::store::seal::{Place, Sealer};
use crate::store::{StepRemoval, StoreError};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use zeroize::Zeroizing;

/// Where numbers and keys of apps stand.
pub(in crate::store) const PLACE: Place = Place("second_step.sealed");

/// The key of a row: account and kind.
pub(in crate::store) fn row(account: &AccountId, kind: StepKind) -> [u8; 17] {
    let mut row = [kind.number(); 17];
    row[..16].copy_from_slice(account.as_bytes());
    row
}

const OF_ACCOUNT: &str = "SELECT kind, sealed, added FROM second_step WHERE account = $1";

/// The second steps of an account.
pub(in crate::store) async fn of_account(
    readers: &Readers,
    sealer: &Sealer,
    account: &AccountId,
) -> Result<SecondSteps, StoreError> {
    let found = query(OF_ACCOUNT).bind(*account);
    let rows: Vec<(i64, Vec<u8>, i64)> = found.all(readers).await?;
    let mut steps = Vec::with_capacity(rows.len());
    for (kind, sealed, added) in rows {
        let kind = StepKind::of_number(kind).ok_or_else(|| unreadable("a kind of second step"))?;
        steps.push((opened(sealer, account, kind, &sealed)?, timestamp(added)));
    }
    steps.sort_by_key(|(step, _): &(SecondStep, _)| StepKind::ALL.iter().position(|kind| *kind == step.kind()));
    Ok(SecondSteps(steps))
}

pub(in crate::store) fn opened(
    sealer: &Sealer,
    account: &AccountId,
    kind: StepKind,
    sealed: &[u8],
) -> Result<SecondStep, StoreError> {
    let plain = Zeroizing::new(sealer.open_bytes(PLACE, &row(account, kind), sealed)?);
    let step = match kind {
        StepKind::App => <[u8; APP_KEY_BYTES]>::try_from(&plain[..]).ok().map(|key| SecondStep::App(AppKey::new(key))),
        StepKind::Mobile | StepKind::Landline => {
            std::str::from_utf8(&plain).ok().and_then(|number| PhoneNumber::parse(number).ok()).map(SecondStep::Phone)
        }
    };
    step.filter(|step| step.kind() == kind).ok_or_else(|| unreadable("a second step"))
}

/// Adds a second step, or puts it in the place of the one of its kind.
pub(in crate::store) struct Set {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) kind: StepKind,
    pub(in crate::store) sealed: Vec<u8>,
    pub(in crate::store) added: Timestamp,
    /// The time step by whose code an app was proven.
    pub(in crate::store) used: u64,
}

#[async_trait]
impl Write for Set {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        put(tx.connection, self).await?;
        tx.audit(self.entry()).await
    }
}

impl Set {
    /// It, for the audit.
    pub(super) fn entry(&self) -> AuditEntry {
        let act = Act::own(self.account, self.added);
        AuditEntry::done(act, SECOND_STEP_SET).about(self.account).with("kind", word(self.kind))
    }
}

const SET_STEP: &str = "
    INSERT INTO second_step (id, account, kind, sealed, added, used) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, added = excluded.added, used = excluded.used";

/// Writes a second step.
pub(super) async fn put(connection: &mut Connection, set: &Set) -> Result<(), StoreError> {
    query(SET_STEP)
        .bind(row(&set.account, set.kind))
        .bind(set.account)
        .bind(i64::from(set.kind.number()))
        .bind(set.sealed.as_slice())
        .bind(set.added)
        .bind(i64::try_from(set.used).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

/// A kind, for the audit.
pub(super) const fn word(kind: StepKind) -> &'static str {
    match kind {
        StepKind::App => "app",
        StepKind::Mobile => "mobile",
        StepKind::Landline => "landline",
    }
}

/// Takes the code of an app's time step, unless one of this step or a later one was taken.
pub(in crate::store) struct UseStep {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) step: u64,
}

const USE_STEP: &str = "UPDATE second_step SET used = $3 WHERE account = $1 AND kind = $2 AND used < $3";

#[async_trait]
impl Write for UseStep {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let done = query(USE_STEP)
            .bind(self.account)
            .bind(i64::from(StepKind::App.number()))
            .bind(i64::try_from(self.step).unwrap_or(i64::MAX))
            .execute(&mut *tx.connection)
            .await?;
        Ok(done > 0)
    }
}

/// Removes the second step of a kind, unless a password of fewer characters would be all that is left.
pub(in crate::store) struct Remove {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) kind: StepKind,
    pub(in crate::store) remembered: Remembered,
    pub(in crate::store) alone_chars_min: usize,
    pub(in crate::store) act: Act,
}

/// Whether a short password stands beside this second step alone.
const SHORT_BESIDE: &str = "
    SELECT EXISTS (
        SELECT 1 FROM account WHERE id = $1 AND password IS NOT NULL AND password_chars < $3
        AND EXISTS (SELECT 1 FROM second_step WHERE account = $1 AND kind = $2)
        AND NOT EXISTS (SELECT 1 FROM second_step WHERE account = $1 AND kind <> $2))";

#[async_trait]
impl Write for Remove {
    type Outcome = StepRemoval;

    fn is_done(outcome: &StepRemoval) -> bool {
        *outcome == StepRemoval::Removed
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<StepRemoval, StoreError> {
        let short = query(SHORT_BESIDE).bind(self.account).bind(i64::from(self.kind.number()));
        let (short,): (bool,) = short.bind(number(self.alone_chars_min)).one(&mut *tx.connection).await?;
        if short {
            return Ok(StepRemoval::ShortPassword);
        }
        contact::remember_removed(tx, &self.account, self.kind, self.remembered).await?;
        let done = query("DELETE FROM second_step WHERE account = $1 AND kind = $2")
            .bind(self.account)
            .bind(i64::from(self.kind.number()))
            .execute(&mut *tx.connection)
            .await?;
        if done == 0 {
            return Ok(StepRemoval::NotFound);
        }
        let entry = AuditEntry::done(self.act.clone(), SECOND_STEP_REMOVED).about(self.account);
        tx.audit(entry.with("kind", word(self.kind))).await?;
        Ok(StepRemoval::Removed)
    }
}

/// How many recovery codes an account has left.
pub(in crate::store) async fn recovery_codes(readers: &Readers, account: &AccountId) -> Result<i64, StoreError> {
    let found = query("SELECT count(*) FROM recovery_code WHERE account = $1");
    let (count,): (i64,) = found.bind(*account).one(readers).await?;
    Ok(count)
}

/// Replaces an account's recovery codes.
pub(in crate::store) struct SetRecoveryCodes {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) digests: Vec<[u8; 32]>,
    pub(in crate::store) act: Act,
}

#[async_trait]
impl Write for SetRecoveryCodes {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let delete = query("DELETE FROM recovery_code WHERE account = $1").bind(self.account);
        delete.execute(&mut *tx.connection).await?;
        for digest in &self.digests {
            let insert = query("INSERT INTO recovery_code (account, digest, made) VALUES ($1, $2, $3)");
            insert.bind(self.account).bind(*digest).bind(self.act.at).execute(&mut *tx.connection).await?;
        }
        tx.audit(AuditEntry::done(self.act.clone(), RECOVERY_CODES_MADE).about(self.account)).await
    }
}

/// Uses a recovery code up. False if the account has no such code, or no longer.
pub(in crate::store) struct UseRecoveryCode {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) digest: [u8; 32],
    pub(in crate::store) act: Act,
}

#[async_trait]
impl Write for UseRecoveryCode {
    type Outcome = bool;

    fn is_done(done: &bool) -> bool {
        *done
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let done = query("DELETE FROM recovery_code WHERE account = $1 AND digest = $2")
            .bind(self.account)
            .bind(self.digest)
            .execute(&mut *tx.connection)
            .await?;
        if done > 0 {
            tx.audit(AuditEntry::done(self.act.clone(), RECOVERY_CODE_USED).about(self.account)).await?;
        }
        Ok(done > 0)
    }
}
