//! Disabled accounts: put out of use by an administrator, and into use again, each in one transaction with all that follows.
//!
//! That an account is disabled is read with the account and with each of its passkeys ([`super::account`],
//! [`super::passkey`]), and asked wherever a session is held against its account ([`super::standing`]): nobody has to
//! remember to ask.

use super::ending::everybody_out;
use super::{Connection, Readers, passkey, query, timestamp, unreadable};
use crate::model::{DisabledAccount, DisabledFor};
use crate::store::audit::{ACCOUNT_DISABLED, ACCOUNT_ENABLED, Act, AuditEntry};
use crate::store::job::{Tx, Write};
use crate::store::{StoreError, Switching};
use aldgate_core::id::AccountId;
use async_trait::async_trait;

const BY_ID: &str = "SELECT at, reason, actor FROM disabled_account WHERE account = $1";

/// Since when and why an account is disabled, if it is.
pub(in crate::store) async fn by_id(
    readers: &Readers,
    account: &AccountId,
) -> Result<Option<DisabledAccount>, StoreError> {
    let row: Option<(i64, String, String)> = query(BY_ID).bind(*account).optional(readers).await?;
    row.map(|(at, reason, actor)| {
        let reason = reason.parse().map_err(|_| unreadable("a reason to disable an account"))?;
        Ok(DisabledAccount { at: timestamp(at), reason, actor })
    })
    .transpose()
}

/// Disables an account: everybody is out, every grant ends, and its passkeys open nothing.
pub(in crate::store) struct Disable {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) reason: DisabledFor,
    pub(in crate::store) act: Act,
}

const DISABLE: &str = "
    INSERT INTO disabled_account (account, at, reason, actor) VALUES ($1, $2, $3, $4) ON CONFLICT (account) DO NOTHING";

#[async_trait]
impl Write for Disable {
    type Outcome = Switching;

    fn is_done(outcome: &Switching) -> bool {
        *outcome == Switching::Done
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Switching, StoreError> {
        if !exists(tx.connection, &self.account).await? {
            return Ok(Switching::NoAccount);
        }
        let Act { by, at } = &self.act;
        let disable = query(DISABLE).bind(self.account).bind(*at).bind(self.reason.as_str()).bind(by.to_string());
        if disable.execute(&mut *tx.connection).await? == 0 {
            return Ok(Switching::AsItWas);
        }
        passkey::revise(tx, &self.account, true).await?;
        everybody_out(tx, &self.account, *at).await?;
        let entry = AuditEntry::done(self.act.clone(), ACCOUNT_DISABLED).about(self.account);
        tx.audit(entry.with("reason", self.reason)).await?;
        Ok(Switching::Done)
    }
}

/// Enables an account again. What has ended stays so: its owner signs in anew.
pub(in crate::store) struct Enable {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) act: Act,
}

#[async_trait]
impl Write for Enable {
    type Outcome = Switching;

    fn is_done(outcome: &Switching) -> bool {
        *outcome == Switching::Done
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Switching, StoreError> {
        if !exists(tx.connection, &self.account).await? {
            return Ok(Switching::NoAccount);
        }
        let enable = query("DELETE FROM disabled_account WHERE account = $1").bind(self.account);
        if enable.execute(&mut *tx.connection).await? == 0 {
            return Ok(Switching::AsItWas);
        }
        passkey::revise(tx, &self.account, false).await?;
        tx.audit(AuditEntry::done(self.act.clone(), ACCOUNT_ENABLED).about(self.account)).await?;
        Ok(Switching::Done)
    }
}

async fn exists(connection: &mut Connection, account: &AccountId) -> Result<bool, StoreError> {
    let found = query("SELECT EXISTS (SELECT 1 FROM account WHERE id = $1)").bind(*account);
    let (exists,): (bool,) = found.one(connection).await?;
    Ok(exists)
}
