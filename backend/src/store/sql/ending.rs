//! Ends: of sessions, of everything that opens an account, of accounts. Each is one transaction.
//!
//! Whoever ends sessions does it by [`end_sessions`], so that nobody who must hear of it is forgotten. Whatever else
//! stands on an account must end here too: [`everybody_out`] and [`Close`] are the two places.

use super::account::replace_password;
use super::attempt::is_first;
use super::contact::take_back_since;
use super::passkey;
use super::session::End;
use super::{Connection, client_session, credential_digest, query, standing, untold};
use crate::model::{Ending, Farewell, PasswordHash, Revocation};
use crate::store::audit::{ACCOUNT_CLOSED, ACCOUNT_LOCKED, Act, AuditEntry, PASSKEY_REMOVED, PASSWORD_SET};
use crate::store::job::{Tx, Write};
use crate::store::{Distrust, Once, Recovery, StoreError, TakenAway};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::change::Change;
use async_trait::async_trait;

/// Ends sessions of an account: here, if they are in this tier; else that tier is told, unless it is of a single one,
/// which whoever ends it tells it at once. Services that serve the person from them are told later. Gives how many were
/// here.
pub(super) async fn end_sessions(
    tx: &mut Tx<'_>,
    account: &AccountId,
    ending: Ending,
    at: Timestamp,
) -> Result<usize, StoreError> {
    client_session::farewell(tx, &Farewell { account: *account, ending, at }).await?;
    let revoked = match ending {
        Ending::One(_) => None,
        Ending::AllBut(keep) => Some((None, keep)),
        Ending::OfCredential(credential, keep) => Some((Some(credential), keep)),
    };
    if let Some((credential, keep)) = revoked {
        untold::note_revocation(tx.connection, &Revocation { account: *account, credential, keep }).await?;
    }
    if let Ending::AllBut(keep) = ending {
        standing::put_out(tx.connection, account, keep, at).await?;
    }
    End { account: *account, ending }.write(tx).await
}

/// Ends sessions because their owner wants it.
pub(in crate::store) struct EndSessions {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) ending: Ending,
    pub(in crate::store) at: Timestamp,
    /// What the audit says of it.
    pub(in crate::store) entry: Option<AuditEntry>,
}

#[async_trait]
impl Write for EndSessions {
    type Outcome = usize;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let ended = end_sessions(tx, &self.account, self.ending, self.at).await?;
        if let Some(entry) = &self.entry {
            tx.audit(entry.clone()).await?;
        }
        Ok(ended)
    }
}

/// Ends every session of an account and every grant to a service, and forgets every browser in which no second step is asked for.
pub(super) async fn everybody_out(tx: &mut Tx<'_>, account: &AccountId, at: Timestamp) -> Result<(), StoreError> {
    end_sessions(tx, account, Ending::AllBut(None), at).await?;
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
    pub(in crate::store) once: Option<Once>,
    pub(in crate::store) act: Act,
}

const VOUCHED: &str = "SELECT EXISTS (SELECT 1 FROM second_step WHERE account = $1)";
const LOWER: &str = "UPDATE account SET identity = 0 WHERE id = $1 AND identity <> 0";

#[async_trait]
impl Write for Recover {
    type Outcome = Recovery;

    fn is_done(outcome: &Recovery) -> bool {
        *outcome == Recovery::Recovered
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Recovery, StoreError> {
        let account = self.account;
        if !may_go_on(tx.connection, self.once.as_ref()).await? {
            return Ok(Recovery::Overtaken);
        }
        if !replace_password(tx.connection, &account, self.forgotten.as_ref(), &self.password, self.act.at).await? {
            return Ok(Recovery::Overtaken);
        }
        let (vouched,): (bool,) = query(VOUCHED).bind(account).one(&mut *tx.connection).await?;
        let lowered = !vouched && query(LOWER).bind(account).execute(&mut *tx.connection).await? > 0;
        if lowered {
            passkey::revise(tx, &account, true).await?;
        }
        everybody_out(tx, &self.account, self.act.at).await?;
        let identity = if lowered { "lowered" } else { "kept" };
        let entry = AuditEntry::done(self.act.clone(), PASSWORD_SET).about(self.account);
        tx.audit(entry.with("how", "recovered").with("identity", identity)).await?;
        Ok(Recovery::Recovered)
    }
}

/// Locks an account whose owner says that something was not done by them: everybody is out, its password and its
/// recovery codes open nothing, and neither does what was added since then, or the passkey of the log-in that was not
/// theirs; its address and telephones are what they were.
pub(in crate::store) struct Lock {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) distrust: Distrust,
    pub(in crate::store) once: Option<Once>,
    pub(in crate::store) act: Act,
}

/// Whether what may be done once is done for the first time; what may be done again always is.
async fn may_go_on(connection: &mut Connection, once: Option<&Once>) -> Result<bool, StoreError> {
    match once {
        Some(once) => is_first(connection, once).await,
        None => Ok(true),
    }
}

const NEW_PASSKEYS: &str = "
    SELECT c.digest FROM account a JOIN credential c ON c.account = a.n WHERE a.id = $1 AND c.created >= $2";

const PASSKEYS_OF_LOG_IN: &str = "
    SELECT DISTINCT c.digest FROM login_event e JOIN credential c ON c.digest = e.credential
    WHERE e.account = $1 AND e.at = $2";

#[async_trait]
impl Write for Lock {
    type Outcome = bool;

    fn is_done(done: &bool) -> bool {
        *done
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        if !may_go_on(tx.connection, self.once.as_ref()).await? {
            return Ok(false);
        }
        let Distrust { since, log_in } = self.distrust;
        if let Some(at) = log_in {
            retire(tx, PASSKEYS_OF_LOG_IN, &self.account, at, &self.act).await?;
        }
        take_away_since(tx, &self.account, since, &self.act).await?;
        take_back_since(tx, &self.account, since).await?;
        everybody_out(tx, &self.account, self.act.at).await?;
        tx.audit(AuditEntry::done(self.act.clone(), ACCOUNT_LOCKED).about(self.account)).await?;
        Ok(true)
    }
}

/// Removes second steps that were added since then. Gives how many.
async fn drop_second_steps(
    connection: &mut Connection,
    account: &AccountId,
    since: Timestamp,
) -> Result<u64, StoreError> {
    let drop = query("DELETE FROM second_step WHERE account = $1 AND added >= $2").bind(*account).bind(since);
    drop.execute(connection).await
}

/// Takes from an account what was added to open it since then, as somebody else may have, and what they may know; gives
/// what that was.
pub(super) async fn take_away_since(
    tx: &mut Tx<'_>,
    account: &AccountId,
    since: Timestamp,
    act: &Act,
) -> Result<TakenAway, StoreError> {
    let forget = query("UPDATE account SET password = NULL WHERE id = $1 AND password IS NOT NULL").bind(*account);
    let codes = query("DELETE FROM recovery_code WHERE account = $1").bind(*account);
    Ok(TakenAway {
        password: forget.execute(&mut *tx.connection).await? > 0,
        recovery_codes: codes.execute(&mut *tx.connection).await? > 0,
        second_steps: drop_second_steps(tx.connection, account, since).await?,
        passkeys: retire(tx, NEW_PASSKEYS, account, since, act).await?,
    })
}

/// Retires those passkeys of an account that a statement finds by a moment: here, and in every gateway. Gives how many.
async fn retire(
    tx: &mut Tx<'_>,
    which: &'static str,
    account: &AccountId,
    moment: Timestamp,
    act: &Act,
) -> Result<u64, StoreError> {
    let found = query(which).bind(*account).bind(moment);
    let passkeys: Vec<(Vec<u8>,)> = found.all(&mut *tx.connection).await?;
    let count = u64::try_from(passkeys.len()).unwrap_or(u64::MAX);
    for (bytes,) in passkeys {
        let digest = credential_digest(&bytes)?;
        let delete = query("DELETE FROM credential WHERE digest = $1").bind(bytes);
        delete.execute(&mut *tx.connection).await?;
        tx.changes.push(Change::CredentialRetired(digest));
        let revocation = Revocation { account: *account, credential: Some(digest), keep: None };
        untold::note_revocation(tx.connection, &revocation).await?;
        let entry = AuditEntry::done(act.clone(), PASSKEY_REMOVED).about(*account);
        tx.audit(entry.with("passkey", digest)).await?;
    }
    Ok(count)
}

/// Closes an account: nothing of it stays but the log-ins that happened and what the audit says of it. False if there is none.
pub(in crate::store) struct Close {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) act: Act,
}

const OF_ACCOUNT: [&str; 8] = [
    "DELETE FROM consent WHERE account = $1",
    "DELETE FROM client_metadata WHERE account = $1",
    "DELETE FROM client_text WHERE account = $1",
    "DELETE FROM person WHERE account = $1",
    "DELETE FROM second_step WHERE account = $1",
    "DELETE FROM recovery_code WHERE account = $1",
    "DELETE FROM contact_change WHERE account = $1",
    "DELETE FROM disabled_account WHERE account = $1",
];

#[async_trait]
impl Write for Close {
    type Outcome = bool;

    fn is_done(done: &bool) -> bool {
        *done
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        retire(tx, NEW_PASSKEYS, &self.account, Timestamp::default(), &self.act).await?;
        everybody_out(tx, &self.account, self.act.at).await?;
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
