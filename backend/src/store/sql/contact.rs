//! Changes of contact: the new one stands at once, and what stood there before is kept for a day, so that whoever it
//! belonged to can take the change back.

use super::ending::everybody_out;
use super::second_step::{self, Set};
use super::session::{End, Ending};
use super::{Connection, query, revocation};
use crate::model::Revocation;
use crate::model::second_step::StepKind;
use crate::store::audit::{Act, AuditEntry, CONTACT_CHANGE_UNDONE, EMAIL_CHANGED};
use crate::store::job::{Tx, Write};
use crate::store::seal::{self, Place, Sealer};
use crate::store::{EmailChange, StoreError, Undoing};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use std::sync::Arc;

/// Where former contacts stand.
pub(in crate::store) const PLACE: Place = Place("contact_change.sealed");

/// The kind of an e-mail address; telephones have those of [`StepKind`].
pub(in crate::store) const EMAIL: u8 = 4;

/// How a change is remembered.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Remembered {
    pub(in crate::store) id: [u8; 16],
    pub(in crate::store) ends: Timestamp,
}

/// What stood there before, and where: it is sealed for that place, and is sealed anew for its new one.
struct Before<'a> {
    account: &'a AccountId,
    kind: u8,
    stood: (Place, &'a [u8]),
    sealed: &'a [u8],
    held: Option<&'a [u8]>,
}

const REMEMBER: &str = "
    INSERT INTO contact_change (id, account, kind, sealed, held, ends, undone) VALUES ($1, $2, $3, $4, $5, $6, 0)";

async fn remember(
    connection: &mut Connection,
    sealer: &Sealer,
    how: Remembered,
    before: Before<'_>,
) -> Result<(), StoreError> {
    let sealed = sealer.carry(before.stood, (PLACE, &how.id), before.sealed)?;
    query(REMEMBER)
        .bind(how.id)
        .bind(*before.account)
        .bind(i64::from(before.kind))
        .bind(sealed)
        .bind(before.held.map(<[u8]>::to_vec))
        .bind(how.ends)
        .execute(connection)
        .await?;
    Ok(())
}

/// Sets an account's telephone of a kind. Gives the sealed number that it replaces.
pub(in crate::store) struct SetPhone {
    pub(in crate::store) set: Set,
    pub(in crate::store) remembered: Remembered,
    pub(in crate::store) sealer: Arc<Sealer>,
}

const PHONE: &str = "SELECT sealed FROM second_step WHERE account = $1 AND kind = $2";

#[async_trait]
impl Write for SetPhone {
    type Outcome = Option<Vec<u8>>;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let Set { account, kind, .. } = &self.set;
        let found = query(PHONE).bind(*account).bind(i64::from(kind.number()));
        let old: Option<(Vec<u8>,)> = found.optional(&mut *tx.connection).await?;
        let old = old.map(|(sealed,)| sealed);
        if let Some(sealed) = &old {
            let row = second_step::row(account, *kind);
            let stood = (second_step::PLACE, &row[..]);
            let before = Before { account, kind: kind.number(), stood, sealed, held: None };
            remember(tx.connection, &self.sealer, self.remembered, before).await?;
        }
        second_step::put(tx.connection, &self.set).await?;
        tx.audit(self.set.entry()).await?;
        Ok(old)
    }
}

/// Whether an address is held for the account that had it lately.
const HELD: &str = "
    SELECT EXISTS (SELECT 1 FROM contact_change WHERE held = $1 AND undone = 0 AND ends > $2 AND account <> $3)";

/// Whether an address was another account's lately, which may want it back.
pub(super) async fn is_held(
    connection: &mut Connection,
    digest: &[u8; 32],
    account: &AccountId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let found = query(HELD).bind(*digest).bind(now);
    let (held,): (bool,) = found.bind(*account).one(connection).await?;
    Ok(held)
}

/// Sets an account's address and ends every session but `keep`.
pub(in crate::store) struct SetEmail {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) sealed: Vec<u8>,
    pub(in crate::store) digest: [u8; 32],
    pub(in crate::store) keep: SessionId,
    pub(in crate::store) now: Timestamp,
    pub(in crate::store) remembered: Remembered,
    pub(in crate::store) sealer: Arc<Sealer>,
}

const PRESENT: &str = "
    SELECT a.n, a.email, i.digest FROM account a JOIN identifier i ON i.account = a.n WHERE a.id = $1";

#[async_trait]
impl Write for SetEmail {
    type Outcome = EmailChange;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<EmailChange, StoreError> {
        let found = query(PRESENT).bind(self.account);
        let present: Option<(i64, Vec<u8>, Vec<u8>)> = found.optional(&mut *tx.connection).await?;
        let Some((owner, sealed, old)) = present else { return Ok(EmailChange::NoAccount) };
        if old == self.digest {
            return Ok(EmailChange::Same);
        }
        if is_taken(tx.connection, &self.digest).await?
            || is_held(tx.connection, &self.digest, &self.account, self.now).await?
        {
            return Ok(EmailChange::Taken);
        }
        let stood = (seal::EMAIL, &self.account.as_bytes()[..]);
        let before = Before { account: &self.account, kind: EMAIL, stood, sealed: &sealed, held: Some(&old) };
        remember(tx.connection, &self.sealer, self.remembered, before).await?;
        put_email(tx.connection, owner, &self.sealed, &self.digest).await?;
        End { account: self.account, ending: Ending::AllBut(Some(self.keep)) }.write(tx).await?;
        let revocation = Revocation { account: self.account, credential: None, keep: Some(self.keep) };
        revocation::note(tx.connection, &revocation).await?;
        tx.audit(AuditEntry::done(Act::own(self.account, self.now), EMAIL_CHANGED).about(self.account)).await?;
        Ok(EmailChange::Changed)
    }
}

async fn is_taken(connection: &mut Connection, digest: &[u8]) -> Result<bool, StoreError> {
    let found = query("SELECT EXISTS (SELECT 1 FROM identifier WHERE digest = $1)");
    let (taken,): (bool,) = found.bind(digest.to_vec()).one(connection).await?;
    Ok(taken)
}

async fn put_email(connection: &mut Connection, owner: i64, sealed: &[u8], digest: &[u8]) -> Result<(), StoreError> {
    let update = query("UPDATE account SET email = $2 WHERE n = $1").bind(owner).bind(sealed.to_vec());
    update.execute(&mut *connection).await?;
    query("DELETE FROM identifier WHERE account = $1").bind(owner).execute(&mut *connection).await?;
    let insert = query("INSERT INTO identifier (digest, account) VALUES ($1, $2)");
    insert.bind(digest.to_vec()).bind(owner).execute(connection).await?;
    Ok(())
}

/// Takes a change back, once, and lets everybody out: whoever changed it may be in.
pub(in crate::store) struct Undo {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) id: [u8; 16],
    pub(in crate::store) act: Act,
    pub(in crate::store) sealer: Arc<Sealer>,
}

const CHANGE: &str = "SELECT kind, sealed, held, undone FROM contact_change WHERE id = $1 AND account = $2";

type Change = (i64, Vec<u8>, Option<Vec<u8>>, i64);

#[async_trait]
impl Write for Undo {
    type Outcome = Undoing;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Undoing, StoreError> {
        let found = query(CHANGE).bind(self.id).bind(self.account);
        let change: Option<Change> = found.optional(&mut *tx.connection).await?;
        let Some((kind, sealed, held, undone)) = change else { return Ok(Undoing::NotFound) };
        if undone != 0 {
            return Ok(Undoing::Used);
        }
        let mark = query("UPDATE contact_change SET undone = 1 WHERE id = $1").bind(self.id);
        mark.execute(&mut *tx.connection).await?;
        let of = StepKind::of_number(kind);
        let restored = match of {
            Some(kind) => self.restore_phone(tx.connection, kind, &sealed).await?,
            None => self.restore_email(tx.connection, &sealed, held.as_deref()).await?,
        };
        if !restored {
            return Ok(Undoing::NotFound);
        }
        everybody_out(tx, &self.account).await?;
        let entry = AuditEntry::done(self.act.clone(), CONTACT_CHANGE_UNDONE).about(self.account);
        tx.audit(entry.with("of", of.map_or("email", second_step::word))).await?;
        Ok(Undoing::Undone)
    }
}

impl Undo {
    async fn restore_phone(
        &self,
        connection: &mut Connection,
        kind: StepKind,
        sealed: &[u8],
    ) -> Result<bool, StoreError> {
        let row = second_step::row(&self.account, kind);
        let sealed = self.sealer.carry((PLACE, &self.id), (second_step::PLACE, &row), sealed)?;
        let set = Set { account: self.account, kind, sealed, added: self.act.at, used: 0 };
        second_step::put(connection, &set).await?;
        Ok(true)
    }

    async fn restore_email(
        &self,
        connection: &mut Connection,
        sealed: &[u8],
        digest: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let found = query("SELECT n FROM account WHERE id = $1").bind(self.account);
        let owner: Option<(i64,)> = found.optional(&mut *connection).await?;
        let (Some((owner,)), Some(digest)) = (owner, digest) else { return Ok(false) };
        let sealed = self.sealer.carry((PLACE, &self.id), (seal::EMAIL, self.account.as_bytes()), sealed)?;
        put_email(connection, owner, &sealed, digest).await?;
        Ok(true)
    }
}

/// Of what kind a change was.
pub(in crate::store) async fn kind_of(
    readers: &super::Readers,
    account: &AccountId,
    id: &[u8; 16],
) -> Result<Option<i64>, StoreError> {
    let found = query("SELECT kind FROM contact_change WHERE id = $1 AND account = $2");
    let kind: Option<(i64,)> = found.bind(*id).bind(*account).optional(readers).await?;
    Ok(kind.map(|(kind,)| kind))
}
