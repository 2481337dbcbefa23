//! Getting an account back: a forgotten password, "this wasn't me", a change of contact that is taken back.
//!
//! Whether an address has an account, nobody learns here: each request is counted, looked up and answered with a message
//! alike, and only the message differs. A link works once. No session is opened by one: whoever has followed it signs
//! in, with the second step if the account has any, so that a read letter box alone opens nothing that had one; where
//! there is none, the account's identity falls to what an address vouches for (P0), and its services see that.

use super::attempts::{Exhausted, Limit};
use super::enrol::in_session;
use super::{Caller, Journeys};
use crate::fault::{Fault, NotDone};
use crate::link_token::{LinkRefused, OpenedLink, Power};
use crate::model::{Account, EmailAddress};
use crate::notifier::{Changed, Fact, Notice, Recipient};
use crate::password::{Beside, PasswordRefused, Typed};
use crate::store::audit::Act;
use crate::store::{ContactKind, Distrust, Once, Recovery, TakenAway, Undoing, distrusted_from};
use aldgate_core::secret::Secret;
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;

/// Why a forgotten password was not replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetRefused {
    /// The link.
    Link(LinkRefused),
    /// The new password.
    Password(PasswordRefused),
}

/// Why a change of contact was not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UndoRefused {
    /// Why.
    pub(crate) why: LinkRefused,
    /// What was changed, if that is known.
    pub(crate) of: Option<ContactKind>,
}

/// Why an account was not closed: its session was opened with a password alone, and that is too little for this account. It
/// says what else there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseRefused {
    /// A second step.
    SecondStep,
    /// A passkey, if anything.
    Passkey,
}

impl Journeys {
    /// Somebody forgot a password: sends a link, or the word that there is no account.
    pub(crate) async fn begin_reset(&self, email: &EmailAddress, caller: &Caller) -> Result<(), NotDone<Exhausted>> {
        let limits = [Limit::MessagesFrom(caller.client), Limit::ResetsTo(email)];
        self.attempts().reserve(&limits, caller.now).await?;
        let account = self.accounts.find_by_email(email).await?;
        let notice = account.map_or(Notice::NoAccount, |account| Notice::Reset(self.reset_token(&account, caller.now)));
        Ok(self.post.send(&notice, Recipient::Email(email), caller.words(), caller.now).await?)
    }

    fn reset_token(&self, account: &Account, now: Timestamp) -> Secret<String> {
        self.links.mint(Power::Reset, &account.id, self.links.mark_of(account), now)
    }

    /// Looks whether a link for a new password still works. It is not used up by that.
    pub(crate) async fn look_at_reset(&self, token: &str, caller: &Caller) -> Result<Account, NotDone<LinkRefused>> {
        let link = self.links.open(Power::Reset, token, caller.now).map_err(NotDone::Refused)?;
        self.forgetful(&link).await
    }

    /// The account whose password is still the one that was forgotten.
    async fn forgetful(&self, link: &OpenedLink) -> Result<Account, NotDone<LinkRefused>> {
        let account = self.accounts.find(&link.account()).await?;
        let account = account.filter(|account| self.links.mark_of(account) == *link.mark());
        account.ok_or(NotDone::Refused(LinkRefused::Used))
    }

    /// Replaces a forgotten password; everybody is out then. Gives the account's address: the browser in which it was done
    /// is its owner's, and is to be known for it, else whoever hammered at the old password would keep them out of the new.
    pub(crate) async fn reset(
        &self,
        token: &str,
        typed: Typed,
        caller: &Caller,
    ) -> Result<EmailAddress, NotDone<ResetRefused>> {
        let link = self.links.open(Power::Reset, token, caller.now);
        let link = link.map_err(|refusal| NotDone::Refused(ResetRefused::Link(refusal)))?;
        let account = self.forgetful(&link).await.map_err(|refused| refused.in_terms(ResetRefused::Link))?;
        let beside = self.beside(&account).await?;
        let password = self.password_rules.judge(typed, &account.email, beside);
        let password = password.map_err(|refusal| NotDone::Refused(ResetRefused::Password(refusal)))?;
        let hash = self.passwords.hash(password).await?;
        let told = self.accounts.notice(&account, Changed::Password, caller.words(), caller.now)?;
        let store = self.store.telling(vec![told]);
        let once = Some(once(&link));
        match store.recover(&account.id, account.password.as_ref(), &hash, once, by_link(caller)).await? {
            Recovery::Recovered => self.accounts.told_of_revocations().await,
            Recovery::Overtaken => return Err(NotDone::Refused(ResetRefused::Link(LinkRefused::Used))),
        }
        Ok(account.email)
    }

    /// What stands beside the password of an account.
    pub(super) async fn beside(&self, account: &Account) -> Result<Beside, Fault> {
        let has_second_step = !self.second_steps(&account.id).await?.is_empty();
        Ok(if has_second_step { Beside::SecondStep } else { Beside::Nothing })
    }

    /// Looks whether a link for saying "this wasn't me" still works: for that, the address that it went to is the account's,
    /// or was before a change that stands. One that a stranger had put there, until that was taken back, is neither.
    pub(crate) async fn look_at_not_me(
        &self,
        token: &str,
        caller: &Caller,
    ) -> Result<(OpenedLink, Account), NotDone<LinkRefused>> {
        let used = NotDone::Refused(LinkRefused::Used);
        let link = self.links.open(Power::NotMe, token, caller.now).map_err(NotDone::Refused)?;
        let Some(account) = self.accounts.find(&link.account()).await? else { return Err(used) };
        if self.links.went_to(&link, &account.email) {
            return Ok((link, account));
        }
        let former = self.store.former_addresses(&account.id).await?;
        let was_theirs = former.iter().any(|(email, _)| self.links.went_to(&link, email));
        if was_theirs { Ok((link, account)) } else { Err(used) }
    }

    /// Somebody says that it was not they: locks the account, and sends its owner the way back.
    pub(crate) async fn not_me(&self, token: &str, caller: &Caller) -> Result<(), NotDone<LinkRefused>> {
        let (link, account) = self.look_at_not_me(token, caller).await?;
        let issued = link.issued(); // When that was done of which its owner was told.
        let distrust = Distrust { since: distrusted_from(issued), log_in: Some(issued) };
        let locked = self.lock(&account, distrust, Some(once(&link)), by_link(caller), caller).await?;
        if locked { Ok(()) } else { Err(NotDone::Refused(LinkRefused::Used)) }
    }

    /// The same by whoever is signed in: what was added before stays, since they have just seen it.
    pub(crate) async fn lock_own(&self, identity: &VerifiedIdentity, caller: &Caller) -> Result<(), Fault> {
        let account = self.owner(identity.account()).await?;
        self.lock(&account, caller.now.into(), None, Act::own(account.id, caller.now), caller).await.map(drop)
    }

    /// False if it was to be done once, and was.
    async fn lock(
        &self,
        account: &Account,
        distrust: Distrust,
        once: Option<Once>,
        act: Act,
        caller: &Caller,
    ) -> Result<bool, Fault> {
        // Whoever put another address there since then is not told where the way back leads.
        let email = self.address_at(account, distrust.since).await?;
        let told = Fact::Locked { account: account.id };
        let told = told.later(Recipient::Email(&email), caller.words(), caller.now)?;
        let locked = self.store.telling(vec![told]).lock(&account.id, distrust, once, act).await?;
        self.accounts.told_of_revocations().await;
        Ok(locked)
    }

    /// The address that an account had at a moment, and will have again when it is locked, unless that is somebody else's by
    /// now.
    async fn address_at(&self, account: &Account, since: Timestamp) -> Result<EmailAddress, Fault> {
        let former = self.store.former_addresses(&account.id).await?;
        for (email, _) in former.into_iter().filter(|(_, changed)| *changed >= since) {
            let holder = self.accounts.find_by_email(&email).await?;
            if holder.is_none_or(|holder| holder.id == account.id) {
                return Ok(email);
            }
        }
        Ok(account.email.clone())
    }

    /// Looks whether a link that takes a change of contact back still works.
    pub(crate) async fn look_at_undo(&self, token: &str, caller: &Caller) -> Result<ContactKind, NotDone<UndoRefused>> {
        let broken = NotDone::Refused(UndoRefused { why: LinkRefused::Broken, of: None });
        let link = self.links.open_late(Power::CancelChange, token, caller.now);
        let (link, late) = link.map_err(|why| NotDone::Refused(UndoRefused { why, of: None }))?;
        let Some(of) = self.store.contact_changed(&link.account(), link.mark()).await? else { return Err(broken) };
        if late { Err(NotDone::Refused(UndoRefused { why: LinkRefused::Expired, of: Some(of) })) } else { Ok(of) }
    }

    /// Takes a change of contact back, with all that was added since the day before it. Everybody is out then. Gives what was
    /// taken away.
    pub(crate) async fn undo_change(&self, token: &str, caller: &Caller) -> Result<TakenAway, NotDone<UndoRefused>> {
        let of = self.look_at_undo(token, caller).await?;
        let refused = |why| NotDone::Refused(UndoRefused { why, of: Some(of) });
        let link = self.links.open(Power::CancelChange, token, caller.now).map_err(refused)?;
        match self.store.undo_contact_change(&link.account(), *link.mark(), by_link(caller)).await? {
            Undoing::Undone(taken) => {
                self.accounts.told_of_revocations().await;
                Ok(taken)
            }
            Undoing::Used => Err(refused(LinkRefused::Used)),
            Undoing::NotFound => Err(refused(LinkRefused::Broken)),
        }
    }

    /// Closes the account of whoever is signed in. For that a session must show as much as for removing a passkey: what is
    /// closed does not come back.
    pub(crate) async fn close_account(
        &self,
        identity: &VerifiedIdentity,
        caller: &Caller,
    ) -> Result<(), NotDone<CloseRefused>> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            let has_step = !self.second_steps(&account.id).await?.is_empty();
            return Err(NotDone::Refused(if has_step { CloseRefused::SecondStep } else { CloseRefused::Passkey }));
        }
        let to = Recipient::Email(&account.email);
        let told = Fact::Closed.later(to, caller.words(), caller.now)?;
        let store = self.store.within(in_session(identity)).telling(vec![told]);
        store.close_account(&account.id, Act::own(account.id, caller.now)).await?;
        self.accounts.told_of_revocations().await;
        Ok(())
    }
}

/// What a link does, it does once: it is used up with that, and not by a try that fails.
const fn once(link: &OpenedLink) -> Once {
    let (value, until) = link.single_use();
    Once { value, until }
}

/// Whoever holds a link acts without a session: the audit says that the link was all they showed.
const fn by_link(caller: &Caller) -> Act {
    Act::system("link", caller.now)
}
