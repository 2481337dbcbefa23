//! Changes of contact: the new one stands at once, and what stood there before is kept for a day, so that whoever it
//! belonged to can take the change back.

use super::ending::{end_sessions, everybody_out, take_away_since};
use super::second_step::{self, Set};
use super::{Connection, query, timestamp, unreadable};
use crate::model::second_step::StepKind;
use crate::model::{EmailAddress, Ending};
use crate::store::audit::{Act, AuditEntry, CONTACT_CHANGE_UNDONE, EMAIL_CHANGED};
use crate::store::job::{Tx, Write};
use crate::store::seal::{self, Place, Sealer};
use crate::store::{EmailChange, StoreError, TakenAway, UNDO_WITHIN, Undoing};
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

    fn is_done(outcome: &EmailChange) -> bool {
        *outcome == EmailChange::Changed
    }

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
        end_sessions(tx, &self.account, Ending::AllBut(Some(self.keep)), self.now).await?;
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

/// Takes a change back, once, and with it every change that came after it; lets everybody out, and takes away what was
/// added since then: whoever changed it may be in, and may have made ways of their own to come back.
///
/// Nobody is asked first. Whoever follows the link is not signed in, and could not sign in where a stranger's app is asked
/// for; and what they would be asked about is what a stranger has put there.
pub(in crate::store) struct Undo {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) id: [u8; 16],
    pub(in crate::store) act: Act,
}

/// A change, as it is remembered.
struct Change {
    id: [u8; 16],
    kind: i64,
    sealed: Vec<u8>,
    held: Option<Vec<u8>>,
}

const CHANGE: &str = "SELECT ends, undone FROM contact_change WHERE id = $1 AND account = $2";

/// What each contact was when a change was made, is what its first change since then remembers, taken back or not.
const SINCE: &str = "
    SELECT id, kind, sealed, held FROM contact_change WHERE account = $1 AND (ends > $3 OR id = $2) ORDER BY ends, id";

const UNDONE: &str = "UPDATE contact_change SET undone = 1 WHERE account = $1 AND (ends > $3 OR id = $2)";

type ChangeRow = (Vec<u8>, i64, Vec<u8>, Option<Vec<u8>>);

#[async_trait]
impl Write for Undo {
    type Outcome = Undoing;

    fn is_done(outcome: &Undoing) -> bool {
        matches!(outcome, Undoing::Undone(_))
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Undoing, StoreError> {
        let found = query(CHANGE).bind(self.id).bind(self.account);
        let change: Option<(i64, i64)> = found.optional(&mut *tx.connection).await?;
        let Some((ends, undone)) = change else { return Ok(Undoing::NotFound) };
        if undone != 0 {
            return Ok(Undoing::Used);
        }
        let since = query(SINCE).bind(self.account).bind(self.id).bind(ends);
        let rows: Vec<ChangeRow> = since.all(&mut *tx.connection).await?;
        let firsts = first_of_each_kind(rows)?;
        query(UNDONE).bind(self.account).bind(self.id).bind(ends).execute(&mut *tx.connection).await?;
        let made = made_at(timestamp(ends));
        for first in &firsts {
            if !restore(tx, &self.account, first, made).await? {
                return Ok(Undoing::NotFound);
            }
        }
        let taken = take_away_since(tx, &self.account, made, &self.act).await?;
        everybody_out(tx, &self.account, self.act.at).await?;
        let mut entry = AuditEntry::done(self.act.clone(), CONTACT_CHANGE_UNDONE).about(self.account);
        for first in &firsts {
            entry = entry.with(StepKind::of_number(first.kind).map_or("email", second_step::word), "restored");
        }
        let TakenAway { password, recovery_codes, second_steps, passkeys } = taken;
        let entry = entry.with("password_removed", password).with("recovery_codes_removed", recovery_codes);
        tx.audit(entry.with("second_steps_removed", second_steps).with("passkeys_removed", passkeys)).await?;
        Ok(Undoing::Undone(taken))
    }
}

fn first_of_each_kind(rows: Vec<ChangeRow>) -> Result<Vec<Change>, StoreError> {
    let mut firsts: Vec<Change> = Vec::new();
    for (id, kind, sealed, held) in rows {
        if firsts.iter().all(|first| first.kind != kind) {
            let id = id.try_into().map_err(|_| unreadable("a change of contact"))?;
            firsts.push(Change { id, kind, sealed, held });
        }
    }
    Ok(firsts)
}

/// When a change was made that can be taken back until then.
fn made_at(ends: Timestamp) -> Timestamp {
    let within = u64::try_from(UNDO_WITHIN.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(ends.as_millis().saturating_sub(within))
}

/// Puts a contact back where it stood when the change was made.
async fn restore(tx: &mut Tx<'_>, account: &AccountId, first: &Change, made: Timestamp) -> Result<bool, StoreError> {
    match StepKind::of_number(first.kind) {
        Some(kind) => restore_phone(tx, account, kind, first, made).await,
        None => restore_email(tx, account, first).await,
    }
}

async fn restore_phone(
    tx: &mut Tx<'_>,
    account: &AccountId,
    kind: StepKind,
    first: &Change,
    made: Timestamp,
) -> Result<bool, StoreError> {
    let row = second_step::row(account, kind);
    let sealed = tx.sealer.carry((PLACE, &first.id), (second_step::PLACE, &row), &first.sealed)?;
    // It was there before the change.
    let added = Timestamp::from_millis(made.as_millis().saturating_sub(1));
    second_step::put(tx.connection, &Set { account: *account, kind, sealed, added, used: 0 }).await?;
    Ok(true)
}

async fn restore_email(tx: &mut Tx<'_>, account: &AccountId, first: &Change) -> Result<bool, StoreError> {
    let found = query("SELECT n FROM account WHERE id = $1").bind(*account);
    let owner: Option<(i64,)> = found.optional(&mut *tx.connection).await?;
    let (Some((owner,)), Some(digest)) = (owner, first.held.as_deref()) else { return Ok(false) };
    let sealed = tx.sealer.carry((PLACE, &first.id), (seal::EMAIL, account.as_bytes()), &first.sealed)?;
    put_email(tx.connection, owner, &sealed, digest).await?;
    Ok(true)
}

const STANDING: &str = "
    SELECT id, kind, sealed, held FROM contact_change
    WHERE account = $1 AND ends >= $2 AND undone = 0 ORDER BY ends, id";

const OF_ANOTHER: &str = "
    SELECT EXISTS (SELECT 1 FROM identifier i JOIN account a ON a.n = i.account WHERE i.digest = $1 AND a.id <> $2)";

/// Takes back every change of contact that was made since a moment and stands. An address that is another account's by now,
/// long after the change, stays that one's.
pub(super) async fn take_back_since(tx: &mut Tx<'_>, account: &AccountId, since: Timestamp) -> Result<(), StoreError> {
    let ends = since.plus(UNDO_WITHIN);
    let found = query(STANDING).bind(*account).bind(ends);
    let rows: Vec<ChangeRow> = found.all(&mut *tx.connection).await?;
    for first in first_of_each_kind(rows)? {
        if let Some(digest) = &first.held {
            let another = query(OF_ANOTHER).bind(digest.clone()).bind(*account);
            let (another,): (bool,) = another.one(&mut *tx.connection).await?;
            if another {
                continue;
            }
        }
        restore(tx, account, &first, since).await?;
    }
    let undone = query("UPDATE contact_change SET undone = 1 WHERE account = $1 AND ends >= $2");
    undone.bind(*account).bind(ends).execute(&mut *tx.connection).await?;
    Ok(())
}

const FORMER: &str = "
    SELECT id, sealed, ends FROM contact_change
    WHERE account = $1 AND kind = $2 AND undone = 0 ORDER BY ends, id";

/// The addresses that an account had, as far as they are remembered and not taken back, each with when it was changed.
pub(in crate::store) async fn former_addresses(
    readers: &super::Readers,
    sealer: &Sealer,
    account: &AccountId,
) -> Result<Vec<(EmailAddress, Timestamp)>, StoreError> {
    let found = query(FORMER).bind(*account).bind(i64::from(EMAIL));
    let rows: Vec<(Vec<u8>, Vec<u8>, i64)> = found.all(readers).await?;
    let read = |(id, sealed, ends): (Vec<u8>, Vec<u8>, i64)| -> Result<(EmailAddress, Timestamp), StoreError> {
        let plain = sealer.open_bytes(PLACE, &id, &sealed)?;
        let text = std::str::from_utf8(&plain).ok().and_then(|text| EmailAddress::parse(text).ok());
        Ok((text.ok_or_else(|| unreadable("a former address"))?, made_at(timestamp(ends))))
    };
    rows.into_iter().map(read).collect()
}

/// A second step that is removed: where it is a telephone, it is remembered, so that it can be asked for again.
pub(super) async fn remember_removed(
    tx: &mut Tx<'_>,
    account: &AccountId,
    kind: StepKind,
    how: Remembered,
) -> Result<(), StoreError> {
    if kind == StepKind::App {
        return Ok(());
    }
    let found = query(PHONE).bind(*account).bind(i64::from(kind.number()));
    let stands: Option<(Vec<u8>,)> = found.optional(&mut *tx.connection).await?;
    let Some((sealed,)) = stands else { return Ok(()) };
    let row = second_step::row(account, kind);
    let stood = (second_step::PLACE, &row[..]);
    let before = Before { account, kind: kind.number(), stood, sealed: &sealed, held: None };
    remember(tx.connection, tx.sealer, how, before).await
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
