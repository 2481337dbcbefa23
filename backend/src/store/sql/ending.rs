//! Ends: everybody out of an account, its recovery, its lockdown, its closing. Each is one transaction.
//!
//! Whatever else stands on an account must end here too: [`everybody_out`] and [`Close`] are the two places.

use super::passkey;
use super::session::{End, Ending};
use super::{Connection, credential_digest, query, revocation};
use crate::model::{PasswordHash, Revocation};
use crate::store::audit::{ACCOUNT_CLOSED, ACCOUNT_LOCKED, Act, AuditEntry, PASSKEY_REMOVED, PASSWORD_SET};
use crate::store::job::{Tx, Write};
use crate::store::{Recovery, StoreError};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::change::Change;
use async_trait::async_trait;
use std::sync::Arc;

/// Ends every session of an account and every grant to a service, and forgets every browser in which no second step is asked for.
pub(super) async fn everybody_out(tx: &mut Tx<'_>, account: &AccountId) -> Result<(), StoreError> {
    End { account: *account, ending: Ending::AllBut(None) }.write(tx).await?;
    revocation::note(tx.connection, &Revocation { account: *account, credential: None, keep: None }).await?;
    delete(tx.connection, "UPDATE client_grant SET revoked = 1 WHERE account = $1 AND revoked = 0", account).await?;
    delete(tx.connection, "DELETE FROM remembered_browser WHERE account = $1", account).await
}

async fn delete(connection: &mut Connection, statement: &'static str, account: &AccountId) -> Result<(), StoreError> {
    query(statement).bind(*account).execute(connection).await?;
    Ok(())
}

/// Replaces a password that was forgotten. Where nothing but the address vouches for whoever does it, the account's
/// identity is worth no more than the address is (P0), and so is that of its passkeys.
pub(in crate::store) struct Recover {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) forgotten: Option<PasswordHash>,
    pub(in crate::store) password: PasswordHash,
    pub(in crate::store) act: Act,
}

const REPLACE: &str = "UPDATE account SET password = $2 WHERE id = $1 AND password = $3";
const REPLACE_NONE: &str = "UPDATE account SET password = $2 WHERE id = $1 AND password IS NULL";
const VOUCHED: &str = "SELECT EXISTS (SELECT 1 FROM second_step WHERE account = $1)";
const LOWER: &str = "UPDATE account SET identity = 0 WHERE id = $1 AND identity <> 0";
const REVISE: &str = "
    UPDATE credential SET revision = revision + 1 WHERE account = (SELECT n FROM account WHERE id = $1)";

#[async_trait]
impl Write for Recover {
    type Outcome = Recovery;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Recovery, StoreError> {
        let account = self.account;
        let new = self.password.expose().to_owned();
        let replaced = match &self.forgotten {
            Some(old) => {
                let replace = query(REPLACE).bind(account).bind(new).bind(old.expose().to_owned());
                replace.execute(&mut *tx.connection).await?
            }
            None => query(REPLACE_NONE).bind(account).bind(new).execute(&mut *tx.connection).await?,
        };
        if replaced == 0 {
            return Ok(Recovery::Overtaken);
        }
        let (vouched,): (bool,) = query(VOUCHED).bind(account).one(&mut *tx.connection).await?;
        let mut lowered = Vec::new();
        if !vouched {
            let lower = query(LOWER).bind(account).execute(&mut *tx.connection).await?;
            if lower > 0 {
                delete(tx.connection, REVISE, &self.account).await?;
                lowered = passkey::records(tx.connection, &self.account).await?;
                tx.changes.extend(lowered.iter().map(|record| Change::CredentialChanged(Arc::new(record.clone()))));
            }
        }
        everybody_out(tx, &self.account).await?;
        let identity = if lowered.is_empty() { "kept" } else { "lowered" };
        let entry = AuditEntry::done(self.act.clone(), PASSWORD_SET).about(self.account);
        tx.audit(entry.with("how", "recovered").with("identity", identity)).await?;
        Ok(Recovery::Recovered(lowered))
    }
}

/// Locks an account whose owner says that something was not done by them: everybody is out, its password and its
/// recovery codes open nothing, and neither does what was added since then.
pub(in crate::store) struct Lock {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) since: Timestamp,
    pub(in crate::store) act: Act,
}

const NEW_PASSKEYS: &str = "
    SELECT c.digest FROM account a JOIN credential c ON c.account = a.n WHERE a.id = $1 AND c.created >= $2";

#[async_trait]
impl Write for Lock {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        delete(tx.connection, "UPDATE account SET password = NULL WHERE id = $1", &self.account).await?;
        delete(tx.connection, "DELETE FROM recovery_code WHERE account = $1", &self.account).await?;
        query("DELETE FROM second_step WHERE account = $1 AND added >= $2")
            .bind(self.account)
            .bind(self.since)
            .execute(&mut *tx.connection)
            .await?;
        let found = query(NEW_PASSKEYS).bind(self.account).bind(self.since);
        let passkeys: Vec<(Vec<u8>,)> = found.all(&mut *tx.connection).await?;
        retire(tx, &self.account, passkeys, &self.act).await?;
        everybody_out(tx, &self.account).await?;
        tx.audit(AuditEntry::done(self.act.clone(), ACCOUNT_LOCKED).about(self.account)).await
    }
}

/// Retires passkeys of an account: here, and in every gateway.
async fn retire(tx: &mut Tx<'_>, account: &AccountId, passkeys: Vec<(Vec<u8>,)>, act: &Act) -> Result<(), StoreError> {
    for (bytes,) in passkeys {
        let digest = credential_digest(&bytes)?;
        let delete = query("DELETE FROM credential WHERE digest = $1").bind(bytes);
        delete.execute(&mut *tx.connection).await?;
        tx.changes.push(Change::CredentialRetired(digest));
        let revocation = Revocation { account: *account, credential: Some(digest), keep: None };
        revocation::note(tx.connection, &revocation).await?;
        let entry = AuditEntry::done(act.clone(), PASSKEY_REMOVED).about(*account);
        tx.audit(entry.with("passkey", digest)).await?;
    }
    Ok(())
}

/// Closes an account: nothing of it stays but the log-ins that happened and what the audit says of it. False if there is none.
pub(in crate::store) struct Close {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) act: Act,
}

const OF_ACCOUNT: [&str; 6] = [
    "DELETE FROM consent WHERE account = $1",
    "DELETE FROM client_metadata WHERE account = $1",
    "DELETE FROM person WHERE account = $1",
    "DELETE FROM second_step WHERE account = $1",
    "DELETE FROM recovery_code WHERE account = $1",
    "DELETE FROM contact_change WHERE account = $1",
];

#[async_trait]
impl Write for Close {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let found = query(NEW_PASSKEYS).bind(self.account).bind(0_i64);
        let passkeys: Vec<(Vec<u8>,)> = found.all(&mut *tx.connection).await?;
        retire(tx, &self.account, passkeys, &self.act).await?;
        everybody_out(tx, &self.account).await?;
        for statement in OF_ACCOUNT {
            delete(tx.connection, statement, &self.account).await?;
        }
        let identifiers = "DELETE FROM identifier WHERE account = (SELECT n FROM account WHERE id = $1)";
        delete(tx.connection, identifiers, &self.account).await?;
        let account = query("DELETE FROM account WHERE id = $1").bind(self.account);
        let closed = account.execute(&mut *tx.connection).await? > 0;
        if closed {
            tx.audit(AuditEntry::done(self.act.clone(), ACCOUNT_CLOSED).about(self.account)).await?;
        }
        Ok(closed)
    }
}
