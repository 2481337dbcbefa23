//! Changes of contact, and the ends of an account: recovery, lockdown, closing.

use super::audit::{Act, AuditEntry};
use super::delivery::Outgoing;
use super::sql::contact::{EMAIL, Remembered};
use super::sql::second_step;
use super::{Store, StoreError, sql};
use crate::model::second_step::{SecondStep, StepKind};
use crate::model::telephone::PhoneNumber;
use crate::model::{EmailAddress, Ending, PasswordHash};
use aldgate_core::id::{AccountId, SessionId, SingleUse};
use aldgate_core::time::Timestamp;
use std::time::Duration;

/// How long a change of contact can be taken back.
pub const UNDO_WITHIN: Duration = Duration::from_hours(24);

/// Before its owner was told of what somebody else did to an account, and before a change that they take back: what was
/// done to it in this time is not trusted either. A thief who is in adds what is theirs first, and is seen later.
const DISTRUSTED_BEFORE: Duration = Duration::from_hours(24);

/// From when on nothing is trusted that was done to an account, by when that was done of which its owner was told.
pub(crate) fn distrusted_from(told_of: Timestamp) -> Timestamp {
    let before = u64::try_from(DISTRUSTED_BEFORE.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(told_of.as_millis().saturating_sub(before))
}

/// What may be done once, as a link may: the first write that shows it does it, and uses it up in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// By what it is known.
    pub value: SingleUse,
    /// Until when that must be remembered: it is good for nothing then.
    pub until: Timestamp,
}

/// What is not trusted of an account whose owner says that something was not done by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distrust {
    /// What was added from then on.
    pub since: Timestamp,
    /// The passkey of the log-in of that moment, if there was one: whoever has a copy of it would come back with it.
    pub log_in: Option<Timestamp>,
}

impl From<Timestamp> for Distrust {
    fn from(since: Timestamp) -> Self {
        Self { since, log_in: None }
    }
}

/// A change of contact, by which a link names it.
pub type ChangeId = [u8; 16];

/// How the change of an address ended. Only `Changed` has changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum EmailChange {
    /// It is the account's.
    Changed,
    /// It was the account's already.
    Same,
    /// It is another account's, or was so lately.
    Taken,
    /// There is no such account.
    NoAccount,
}

/// How the undoing of a change ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Undoing {
    /// What stood there before stands there again, and everybody is out. This was taken away with it.
    Undone(TakenAway),
    /// It was taken back before.
    Used,
    /// There is no such change.
    NotFound,
}

/// What went with a change that was taken back: what somebody else may know, and what they may have added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TakenAway {
    /// The password, if there was one.
    pub password: bool,
    /// Recovery codes, if there were any.
    pub recovery_codes: bool,
    /// How many second steps that were added in the day before the change, or since then.
    pub second_steps: u64,
    /// How many passkeys that were.
    pub passkeys: u64,
}

/// How the replacing of a forgotten password ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Recovery {
    /// It is replaced, and everybody is out.
    Recovered,
    /// The password is another than the one that was forgotten.
    Overtaken,
}

/// What was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactKind {
    /// The address.
    Email,
    /// The mobile telephone.
    Mobile,
    /// The landline.
    Landline,
}

impl Store {
    /// Sets an account's telephone of a kind. Gives the number that it replaces; the change can then be taken back.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_phone(
        &self,
        account: &AccountId,
        number: &PhoneNumber,
        change: ChangeId,
        now: Timestamp,
    ) -> Result<Option<PhoneNumber>, StoreError> {
        let kind = StepKind::from(number.kind());
        let row = second_step::row(account, kind);
        let sealed = self.sealer.seal_bytes(second_step::PLACE, &row, number.as_str().as_bytes())?;
        let set = second_step::Set { account: *account, kind, sealed, added: now, used: 0 };
        let remembered = Remembered { id: change, ends: now.plus(UNDO_WITHIN) };
        let set = sql::contact::SetPhone { set, remembered, sealer: self.sealer.clone() };
        let old = self.writer.write(set).await?;
        let opened = old.map(|sealed| second_step::opened(&self.sealer, account, kind, &sealed)).transpose()?;
        Ok(opened.and_then(|step| match step {
            SecondStep::Phone(number) => Some(number),
            SecondStep::App(_) => None,
        }))
    }

    /// Sets an account's address, and ends every session but `keep`. The change can be taken back, of which whoever has
    /// the old address is told by `replaced`: unless it is itself one that takes a change back, by hand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn set_email(
        &self,
        account: &AccountId,
        email: &EmailAddress,
        keep: SessionId,
        change: ChangeId,
        replaced: Option<Outgoing>,
        now: Timestamp,
    ) -> Result<EmailChange, StoreError> {
        let set = sql::contact::SetEmail {
            account: *account,
            sealed: self.sealer.seal(account, email)?,
            digest: self.sealer.digest(email),
            keep,
            now,
            remembered: Remembered { id: change, ends: now.plus(UNDO_WITHIN) },
            replaced,
            sealer: self.sealer.clone(),
        };
        self.writer.write(set).await
    }

    /// What a change of an account's was of.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn contact_changed(
        &self,
        account: &AccountId,
        change: &ChangeId,
    ) -> Result<Option<ContactKind>, StoreError> {
        let kind = sql::contact::kind_of(&self.readers, account, change).await?;
        Ok(kind.and_then(|kind| match StepKind::of_number(kind) {
            Some(StepKind::Mobile) => Some(ContactKind::Mobile),
            Some(StepKind::Landline) => Some(ContactKind::Landline),
            Some(StepKind::App) => None,
            None => (kind == i64::from(EMAIL)).then_some(ContactKind::Email),
        }))
    }

    /// Takes a change of contact back, once, with every change of the day before it and of all the time since: all contacts
    /// are what they were then, what was added to open the account is gone, its password and its recovery codes are too, and
    /// everybody is out.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn undo_contact_change(
        &self,
        account: &AccountId,
        change: ChangeId,
        act: Act,
    ) -> Result<Undoing, StoreError> {
        let undo = sql::contact::Undo { account: *account, id: change, act };
        self.writer.write(undo).await
    }

    /// Ends sessions of an account because their owner wants it, and has those services told that serve them from one;
    /// the audit says `entry`. Gives how many were in this tier: a single one that is in another is for the caller to
    /// end there, all others are noted for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn end_sessions(
        &self,
        account: &AccountId,
        ending: Ending,
        at: Timestamp,
        entry: Option<AuditEntry>,
    ) -> Result<usize, StoreError> {
        self.writer.write(sql::ending::EndSessions { account: *account, ending, at, entry }).await
    }

    /// Replaces the password that was forgotten, `once`, if it is still that one, and ends everything. Without a second
    /// step, which somebody else would lack, the account's identity falls to P0.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing is used up then.
    pub async fn recover(
        &self,
        account: &AccountId,
        forgotten: Option<&PasswordHash>,
        password: &PasswordHash,
        once: Option<Once>,
        act: Act,
    ) -> Result<Recovery, StoreError> {
        let (forgotten, password) = (forgotten.cloned(), password.clone());
        self.writer.write(sql::ending::Recover { account: *account, forgotten, password, once, act }).await
    }

    /// The addresses that an account had, oldest first, as far as they are remembered and were not taken back, each with the
    /// moment of its change.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn former_addresses(&self, account: &AccountId) -> Result<Vec<(EmailAddress, Timestamp)>, StoreError> {
        sql::contact::former_addresses(&self.readers, &self.sealer, account).await
    }

    /// Locks an account: see [`sql::ending::Lock`]. False if it was to be done `once`, and was.
    ///
    /// # Errors
    /// [`StoreError`]. Nothing is used up then.
    pub async fn lock(
        &self,
        account: &AccountId,
        distrust: impl Into<Distrust>,
        once: Option<Once>,
        act: Act,
    ) -> Result<bool, StoreError> {
        self.writer.write(sql::ending::Lock { account: *account, distrust: distrust.into(), once, act }).await
    }

    /// Closes an account: nothing of it stays but the log-ins that happened. False if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close_account(&self, account: &AccountId, act: Act) -> Result<bool, StoreError> {
        self.writer.write(sql::ending::Close { account: *account, act }).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::Queue;
    use super::super::tests::{ACT, Home, open, with_passkey};
    use super::*;
    use crate::model::{ChangedPasskeys, News};
    use aldgate_core::assurance::IdentityLevel;
    use aldgate_core::testing::authenticator::Authenticator;
    use aldgate_core::testing::world::NOW;

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::new(format!("$argon2id${text}"))
    }

    /// The store, with an account whose identity was verified to P9.
    async fn with_p9() -> (Home, Store, AccountId, Authenticator) {
        let home = Home::new().await;
        let (account, authenticator) = (with_passkey(1), Authenticator::derived(1, 1));
        let _ = home.store.create_account(&account).await.expect("created");
        home.store.close().await;
        sql::scratch(&home.path(), "UPDATE account SET identity = 9").await.expect("raised");
        let store = open(&home.path()).await.expect("a store");
        (home, store, account.id, authenticator)
    }

    #[tokio::test]
    async fn an_address_alone_vouches_for_no_more_than_p0_and_passkeys_say_so_too() {
        let (_home, store, account, authenticator) = with_p9().await;
        let digest = authenticator.record().digest;
        let before = store.credential(&digest).await.expect("read").expect("a passkey");
        assert_eq!(before.identity, IdentityLevel::P9);
        assert_eq!(store.recover(&account, None, &hash("new"), None, ACT).await, Ok(Recovery::Recovered));
        let after = store.credential(&digest).await.expect("read").expect("a passkey");
        assert_eq!((after.identity, after.revision), (IdentityLevel::P0, before.revision + 1));
        let news = store.untold(Queue::Passkeys, 0, 10).await.expect("read");
        let changed = ChangedPasskeys { account, ends_all: true };
        assert_eq!(news.into_iter().map(|(_, news)| news).collect::<Vec<_>>(), [News::Passkeys(changed)]);
        let account = store.account(&account).await.expect("read").expect("an account");
        assert_eq!((account.identity, account.password), (IdentityLevel::P0, Some(hash("new"))));
    }

    #[tokio::test]
    async fn a_second_step_which_is_still_asked_for_keeps_what_was_verified() {
        let (_home, store, account, _) = with_p9().await;
        let number = PhoneNumber::parse("07700 900123").expect("a number");
        assert_eq!(store.set_phone(&account, &number, [1; 16], NOW).await, Ok(None));
        assert_eq!(store.recover(&account, None, &hash("new"), None, ACT).await, Ok(Recovery::Recovered));
        let identity = store.account(&account).await.expect("read").expect("an account").identity;
        assert_eq!(identity, IdentityLevel::P9);
    }

    #[tokio::test]
    async fn a_password_that_was_changed_meanwhile_is_not_replaced() {
        let (_home, store, account, _) = with_p9().await;
        assert_eq!(store.set_password(&account, None, &hash("another"), None, ACT).await, Ok(true));
        for forgotten in [None, Some(hash("old"))] {
            let replaced = store.recover(&account, forgotten.as_ref(), &hash("new"), None, ACT).await;
            assert_eq!(replaced, Ok(Recovery::Overtaken));
        }
        let kept = store.account(&account).await.expect("read").expect("an account");
        assert_eq!((kept.password, kept.identity), (Some(hash("another")), IdentityLevel::P9));
    }

    #[tokio::test]
    async fn what_fails_uses_nothing_up() {
        let (home, store, account, _) = with_p9().await;
        let once = Some(Once { value: SingleUse::from_bytes([1; 32]), until: NOW.plus(UNDO_WITHIN) });
        store.close().await;
        let broken = "CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken'); END";
        sql::scratch(&home.path(), broken).await.expect("broken");
        let store = open(&home.path()).await.expect("a store");
        assert!(store.lock(&account, NOW, once, ACT).await.is_err());
        assert!(store.recover(&account, None, &hash("new"), once, ACT).await.is_err());
        store.close().await;
        sql::scratch(&home.path(), "DROP TRIGGER broken").await.expect("mended");
        let store = open(&home.path()).await.expect("a store");
        assert_eq!(store.lock(&account, NOW, once, ACT).await, Ok(true));
        assert_eq!(store.lock(&account, NOW, once, ACT).await, Ok(false));
    }

    #[tokio::test]
    async fn no_number_lies_readable_on_the_disk() {
        let (home, store, account, _) = with_p9().await;
        let number = PhoneNumber::parse("07700 900123").expect("a number");
        assert_eq!(store.set_phone(&account, &number, [1; 16], NOW).await, Ok(None));
        let other = PhoneNumber::parse("07700 900456").expect("a number");
        assert_eq!(store.set_phone(&account, &other, [2; 16], NOW).await, Ok(Some(number)));
        store.close().await;
        let bytes = std::fs::read(home.path()).expect("the file");
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds("7700900123") && !holds("7700900456"));
    }
}
