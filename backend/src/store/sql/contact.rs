//! Changes of contact: the new one stands at once, and what stood there before is kept for a day, so that whoever it
//! belonged to can take the change back.

use super::ending::{end_sessions, everybody_out, take_away_since};
use super::second_step::{self, Set};
use super::{Connection, query, timestamp, unreadable};
use crate::model::second_step::StepKind;
use crate::model::{EmailAddress, Ending};
use crate::store::audit::{Act, AuditEntry, CONTACT_CHANGE_UNDONE, EMAIL_CHANGED};
use crate::store::contact::distrusted_from;
use crate::store::delivery::Outgoing;
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
    /// Since when, if it has not stood from the beginning.
    since: Timestamp,
}

const REMEMBER: &str = "
    INSERT INTO contact_change (id, account, kind, sealed, held, ends, stood, undone)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0)";

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
        .bind(before.since)
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

const PHONE: &str = "SELECT sealed, added FROM second_step WHERE account = $1 AND kind = $2";

#[async_trait]
impl Write for SetPhone {
    type Outcome = Option<Vec<u8>>;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let Set { account, kind, .. } = &self.set;
        let found = query(PHONE).bind(*account).bind(i64::from(kind.number()));
        let old: Option<(Vec<u8>, i64)> = found.optional(&mut *tx.connection).await?;
        if let Some((sealed, added)) = &old {
            let row = second_step::row(account, *kind);
            let (stood, since) = ((second_step::PLACE, &row[..]), timestamp(*added));
            let before = Before { account, kind: kind.number(), stood, sealed, held: None, since };
            remember(tx.connection, &self.sealer, self.remembered, before).await?;
        }
        second_step::put(tx.connection, &self.set).await?;
        tx.audit(self.set.entry()).await?;
        Ok(old.map(|(sealed, _)| sealed))
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

/// Sets an account's address and ends every session but `keep`. Whoever has the address that is replaced can take that back,
/// and is told so: not where it is the address itself that takes a change back, as its owner does who sees what a thief has
/// done, since the thief would turn it around.
pub(in crate::store) struct SetEmail {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) sealed: Vec<u8>,
    pub(in crate::store) digest: [u8; 32],
    pub(in crate::store) keep: SessionId,
    pub(in crate::store) now: Timestamp,
    pub(in crate::store) remembered: Remembered,
    pub(in crate::store) replaced: Option<Outgoing>,
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
        if !self.takes_back(tx.connection).await? {
            self.remember(tx, &sealed, &old).await?;
        }
        put_email(tx.connection, owner, &self.sealed, &self.digest).await?;
        end_sessions(tx, &self.account, Ending::AllBut(Some(self.keep)), self.now).await?;
        tx.audit(AuditEntry::done(Act::own(self.account, self.now), EMAIL_CHANGED).about(self.account)).await?;
        Ok(EmailChange::Changed)
    }
}

/// Taken back are the change that replaced this address, while its link does so too, and each that followed.
const BY_HAND: &str = "
    UPDATE contact_change SET undone = 1
    WHERE account = $1 AND kind = $2 AND undone = 0 AND ends >= (
        SELECT min(ends) FROM contact_change
        WHERE account = $1 AND kind = $2 AND undone = 0 AND held = $3 AND ends > $4)";

impl SetEmail {
    /// Marks the changes that this one takes back. False if it takes none back.
    async fn takes_back(&self, connection: &mut Connection) -> Result<bool, StoreError> {
        let undone = query(BY_HAND).bind(self.account).bind(i64::from(EMAIL)).bind(self.digest).bind(self.now);
        Ok(undone.execute(connection).await? > 0)
    }

    async fn remember(&self, tx: &mut Tx<'_>, sealed: &[u8], old: &[u8]) -> Result<(), StoreError> {
        let stood = (seal::EMAIL, &self.account.as_bytes()[..]);
        let since = Timestamp::default();
        let before = Before { account: &self.account, kind: EMAIL, stood, sealed, held: Some(old), since };
        remember(tx.connection, &self.sealer, self.remembered, before).await?;
        if let Some(Outgoing { kind, payload, at, lifetime }) = &self.replaced {
            tx.later(*kind, payload, *at, *lifetime).await?;
        }
        Ok(())
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

/// Takes a change back, once, and with it every change that came after it; lets everybody out, and takes away what was added
/// since the day before and what somebody else may know. Whoever changed it may be in, may have made ways of their own to
/// come back, and may have made them before they changed what is seen.
///
/// Nobody is asked first. Whoever follows the link is not signed in, and could not sign in where a stranger's app is asked
/// for; and what they would be asked about is what a stranger has put there.
pub(in crate::store) struct Undo {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) id: [u8; 16],
    pub(in crate::store) act: Act,
}

const CHANGE: &str = "
    SELECT id, kind, sealed, held, stood, ends, undone FROM contact_change WHERE id = $1 AND account = $2";

#[async_trait]
impl Write for Undo {
    type Outcome = Undoing;

    fn is_done(outcome: &Undoing) -> bool {
        matches!(outcome, Undoing::Undone(_))
    }

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Undoing, StoreError> {
        let found = query(CHANGE).bind(self.id).bind(self.account);
        let change: Option<ChangeRow> = found.optional(&mut *tx.connection).await?;
        let Some(change) = change.map(Change::read).transpose()? else { return Ok(Undoing::NotFound) };
        if change.undone {
            return Ok(Undoing::Used);
        }
        let since = distrusted_from(made_at(change.ends));
        let taken = take_away_since(tx, &self.account, since, &self.act).await?;
        let restored = take_back(tx, &self.account, since, Some(&change)).await?;
        everybody_out(tx, &self.account, self.act.at).await?;
        let mut entry = AuditEntry::done(self.act.clone(), CONTACT_CHANGE_UNDONE).about(self.account);
        for kind in restored {
            entry = entry.with(StepKind::of_number(kind).map_or("email", second_step::word), "restored");
        }
        let TakenAway { password, recovery_codes, second_steps, passkeys } = taken;
        let entry = entry.with("password_removed", password).with("recovery_codes_removed", recovery_codes);
        tx.audit(entry.with("second_steps_removed", second_steps).with("passkeys_removed", passkeys)).await?;
        Ok(Undoing::Undone(taken))
    }
}

/// When a change was made that can be taken back until then.
fn made_at(ends: Timestamp) -> Timestamp {
    let within = u64::try_from(UNDO_WITHIN.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(ends.as_millis().saturating_sub(within))
}

/// A change, as it is remembered.
struct Change {
    id: [u8; 16],
    kind: i64,
    sealed: Vec<u8>,
    held: Option<Vec<u8>>,
    stood: Timestamp,
    ends: Timestamp,
    undone: bool,
}

type ChangeRow = (Vec<u8>, i64, Vec<u8>, Option<Vec<u8>>, i64, i64, i64);

impl Change {
    fn read((id, kind, sealed, held, stood, ends, undone): ChangeRow) -> Result<Self, StoreError> {
        let id = id.try_into().map_err(|_| unreadable("a change of contact"))?;
        Ok(Self { id, kind, sealed, held, stood: timestamp(stood), ends: timestamp(ends), undone: undone != 0 })
    }

    /// Whether it is an earlier change of the same contact.
    fn is_before(&self, other: &Self) -> bool {
        self.kind == other.kind && (self.ends, self.id) < (other.ends, other.id)
    }
}

const MADE_SINCE: &str = "
    SELECT id, kind, sealed, held, stood, ends, undone FROM contact_change
    WHERE account = $1 AND ends >= $2 ORDER BY ends, id";

/// Takes back every change of contact that was made since a moment and stands.
pub(super) async fn take_back_since(tx: &mut Tx<'_>, account: &AccountId, since: Timestamp) -> Result<(), StoreError> {
    take_back(tx, account, since, None).await.map(drop)
}

/// Takes back the changes of contact since a moment, and gives the kinds of what stands there again: what each contact was at
/// that moment, its first change since then remembers. One that was put there later may be a stranger's, and is not.
///
/// Where it is all for one change, the contact of that is what it was before it, since whoever has that follows the link; an
/// earlier change of the same contact keeps its own link, which went to whoever had it before. What was taken back already
/// counts then too: else a telephone that stands there again would be taken for one that was just added.
async fn take_back(
    tx: &mut Tx<'_>,
    account: &AccountId,
    since: Timestamp,
    of: Option<&Change>,
) -> Result<Vec<i64>, StoreError> {
    let found = query(MADE_SINCE).bind(*account).bind(since.plus(UNDO_WITHIN));
    let rows: Vec<ChangeRow> = found.all(&mut *tx.connection).await?;
    let (mut seen, mut restored) = (Vec::new(), Vec::new());
    for row in rows {
        let change = Change::read(row)?;
        if of.map_or(change.undone, |of| change.is_before(of)) {
            continue;
        }
        let mark = query("UPDATE contact_change SET undone = 1 WHERE id = $1").bind(change.id);
        mark.execute(&mut *tx.connection).await?;
        if seen.contains(&change.kind) || is_anothers(tx.connection, account, &change).await? {
            continue;
        }
        seen.push(change.kind);
        let had = change.stood < since || of.is_some_and(|of| of.id == change.id);
        if had && restore(tx, account, &change).await? {
            restored.push(change.kind);
        }
    }
    Ok(restored)
}

const OF_ANOTHER: &str = "
    SELECT EXISTS (SELECT 1 FROM identifier i JOIN account a ON a.n = i.account WHERE i.digest = $1 AND a.id <> $2)";

/// Whether what stood before a change is another account's address by now, long after it: it stays that one's.
async fn is_anothers(connection: &mut Connection, account: &AccountId, change: &Change) -> Result<bool, StoreError> {
    let Some(digest) = &change.held else { return Ok(false) };
    let (another,): (bool,) = query(OF_ANOTHER).bind(digest.clone()).bind(*account).one(connection).await?;
    Ok(another)
}

/// Puts back what stood before a change.
async fn restore(tx: &mut Tx<'_>, account: &AccountId, change: &Change) -> Result<bool, StoreError> {
    match StepKind::of_number(change.kind) {
        Some(kind) => restore_phone(tx, account, kind, change).await,
        None => restore_email(tx, account, change).await,
    }
}

async fn restore_phone(
    tx: &mut Tx<'_>,
    account: &AccountId,
    kind: StepKind,
    change: &Change,
) -> Result<bool, StoreError> {
    let row = second_step::row(account, kind);
    let sealed = tx.sealer.carry((PLACE, &change.id), (second_step::PLACE, &row), &change.sealed)?;
    second_step::put(tx.connection, &Set { account: *account, kind, sealed, added: change.stood, used: 0 }).await?;
    Ok(true)
}

async fn restore_email(tx: &mut Tx<'_>, account: &AccountId, change: &Change) -> Result<bool, StoreError> {
    let found = query("SELECT n FROM account WHERE id = $1").bind(*account);
    let owner: Option<(i64,)> = found.optional(&mut *tx.connection).await?;
    let (Some((owner,)), Some(digest)) = (owner, change.held.as_deref()) else { return Ok(false) };
    let sealed = tx.sealer.carry((PLACE, &change.id), (seal::EMAIL, account.as_bytes()), &change.sealed)?;
    put_email(tx.connection, owner, &sealed, digest).await?;
    Ok(true)
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
    let stands: Option<(Vec<u8>, i64)> = found.optional(&mut *tx.connection).await?;
    let Some((sealed, added)) = stands else { return Ok(()) };
    let row = second_step::row(account, kind);
    let (stood, since) = ((second_step::PLACE, &row[..]), timestamp(added));
    let before = Before { account, kind: kind.number(), stood, sealed: &sealed, held: None, since };
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
