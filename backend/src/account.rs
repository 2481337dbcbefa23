//! Accounts and what opens them: each change of a fact, and everything that must follow from it.
//!
//! The fact goes to the cold store first, together with the message by which its owner hears of it; then the shared tier
//! learns it (a passkey is published or retired, sessions end). Whoever changes what opens an account does it here, so that
//! none of that is forgotten.
//! A revocation is noted with its fact and reaches the tier whatever happens ([`crate::herald`]); a new passkey that
//! the tier could not be told of is found by whoever asks for it.

use crate::fault::Fault;
use crate::herald::Herald;
use crate::link_token::LinkTokens;
use crate::model::{
    Account, DisabledFor, EmailAddress, Ending, NewAccount, NewCredential, Passkey, PasswordHash, WayIn,
};
use crate::notifier::{Changed, Fact, Recipient};
use crate::store::audit::{Act, AuditEntry, SESSIONS_ENDED};
use crate::store::delivery::Outgoing;
use crate::store::{Addition, Creation, InSession, Removal, Store, StoreError, Switching};
use crate::words::Words;
use aldgate_core::entropy::Entropy;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::time::Timestamp;
use aldgate_core::warm::Warm;
use std::sync::Arc;

/// Who changes an account, and when: its owner, in a session that stays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    /// The account.
    pub(crate) account: &'a Account,
    /// The session that it is done in.
    pub(crate) session: SessionId,
    /// When its owner signed in.
    pub(crate) authenticated: Timestamp,
    /// Now.
    pub(crate) now: Timestamp,
    /// In which language its owner is told.
    pub(crate) words: Words,
}

/// What the links in messages to the owners of accounts are made with.
pub(crate) struct Letters {
    /// Makes their tokens.
    pub(crate) links: Arc<LinkTokens>,
    /// For those tokens.
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Change<'_> {
    /// For whom it is done, while that stands.
    const fn in_session(&self) -> InSession {
        InSession { account: self.account.id, session: self.session, authenticated: self.authenticated }
    }

    /// It, for the audit.
    const fn act(&self) -> Act {
        Act::own(self.account.id, self.now)
    }
}

/// Whether the end of a session is noted in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It is: somebody has ended one from the list of their sessions.
    InTheAudit,
    /// It is not: somebody has signed out, as everybody does.
    Nowhere,
}

fn sessions_ended(account: AccountId, which: &'static str, now: Timestamp) -> AuditEntry {
    AuditEntry::done(Act::own(account, now), SESSIONS_ENDED).about(account).with("which", which)
}

fn untold(error: &StoreError) {
    tracing::error!(%error, "services are not told that sessions end, and the audit is not either");
}

/// The accounts.
pub(crate) struct Accounts {
    store: Store,
    warm: Arc<dyn Warm>,
    herald: Arc<Herald>,
    letters: Letters,
}

impl Accounts {
    /// The accounts of a store.
    pub(crate) fn new(store: Store, warm: Arc<dyn Warm>, herald: Arc<Herald>, letters: Letters) -> Self {
        Self { store, warm, herald, letters }
    }

    /// An account, if it exists.
    pub(crate) async fn find(&self, id: &AccountId) -> Result<Option<Account>, Fault> {
        Ok(self.store.account(id).await?)
    }

    /// The account of an address, if there is one.
    pub(crate) async fn find_by_email(&self, email: &EmailAddress) -> Result<Option<Account>, Fault> {
        Ok(self.store.account_by_email(email).await?)
    }

    /// An account's passkeys.
    pub(crate) async fn passkeys(&self, id: &AccountId) -> Result<Vec<Passkey>, Fault> {
        Ok(self.store.passkeys(id).await?)
    }

    /// Creates an account with its first way in.
    pub(crate) async fn create(&self, new: &NewAccount) -> Result<Creation, Fault> {
        let creation = self.store.create_account(new).await?;
        if let (Creation::Created, WayIn::Passkey(credential)) = (&creation, &new.way_in) {
            self.publish(credential).await;
        }
        Ok(creation)
    }

    /// Adds a passkey.
    pub(crate) async fn add_passkey(&self, change: Change<'_>, new: &NewCredential) -> Result<Addition, Fault> {
        let store = self.telling(change, Changed::PasskeyAdded)?;
        let addition = store.add_passkey(&change.account.id, new).await?;
        if matches!(addition, Addition::Added) {
            self.publish(new).await;
        }
        Ok(addition)
    }

    /// Gives a passkey another name. False if the account has no such passkey.
    pub(crate) async fn rename_passkey(
        &self,
        id: &AccountId,
        passkey: &CredentialDigest,
        name: &str,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        Ok(self.store.rename_passkey(id, passkey, name, Act::own(*id, now)).await?)
    }

    /// Removes a passkey, ends the sessions that it opened (but for the one it is done in), and lets every gateway
    /// know.
    pub(crate) async fn remove_passkey(
        &self,
        change: Change<'_>,
        passkey: &CredentialDigest,
    ) -> Result<Removal, Fault> {
        let id = &change.account.id;
        let store = self.telling(change, Changed::PasskeyRemoved)?;
        let removal = store.remove_passkey(id, passkey, Some(change.session), change.act()).await?;
        if matches!(removal, Removal::Removed) {
            self.herald.tell().await;
        }
        Ok(removal)
    }

    /// Sets the password in the place of the account's, as it was read, and ends every other session. False if it is
    /// another by now: a lock or a reset has overtaken the change, and stays.
    pub(crate) async fn set_password(&self, change: Change<'_>, hash: &PasswordHash) -> Result<bool, Fault> {
        let Account { id, password, .. } = change.account;
        let store = self.telling(change, Changed::Password)?;
        if !store.set_password(id, password.as_ref(), hash, Some(change.session), change.act()).await? {
            return Ok(false);
        }
        self.herald.tell().await;
        Ok(true)
    }

    /// Keeps the same password under a stronger hash: nothing changes for anybody. False if another stands there by now.
    pub(crate) async fn renew_hash(&self, account: &Account, hash: &PasswordHash) -> Result<bool, Fault> {
        let Some(old) = &account.password else { return Ok(false) };
        Ok(self.store.renew_hash(&account.id, old, hash).await?)
    }

    /// Disables an account, by an administrator: nothing opens it any more, here at once and in every gateway as soon as the
    /// shared tier can be told. Its owner is not written to: who reads what is sent there may be why it is done.
    pub(crate) async fn disable(&self, id: &AccountId, reason: DisabledFor, act: Act) -> Result<Switching, Fault> {
        let how = self.store.disable_account(id, reason, act).await?;
        self.herald.tell().await;
        Ok(how)
    }

    /// Enables an account again.
    pub(crate) async fn enable(&self, id: &AccountId, act: Act) -> Result<Switching, Fault> {
        let how = self.store.enable_account(id, act).await?;
        self.herald.tell().await;
        Ok(how)
    }

    /// Tells the shared tier what was noted for it. What it cannot be told now, it is told later.
    pub(crate) async fn told_of_revocations(&self) {
        self.herald.tell().await;
    }

    /// The message by which the owner of an account hears of a change, to be written with it.
    pub(crate) fn notice(
        &self,
        account: &Account,
        what: Changed,
        words: Words,
        now: Timestamp,
    ) -> Result<Outgoing, Fault> {
        let not_me = self.letters.links.mint_not_me(account, now, &*self.letters.entropy)?;
        Fact::Changed(what, not_me).later(Recipient::Email(&account.email), words, now)
    }

    /// The store for the one write of a change, which its owner hears of, and which is not made if its session has ended.
    pub(crate) fn telling(&self, change: Change<'_>, what: Changed) -> Result<Store, Fault> {
        let told = vec![self.notice(change.account, what, change.words, change.now)?];
        Ok(self.store.within(change.in_session()).telling(told))
    }

    /// Tells the owner of an account of what is written nowhere else.
    pub(crate) async fn tell(
        &self,
        account: &Account,
        what: Changed,
        words: Words,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let Outgoing { kind, payload, at, lifetime } = self.notice(account, what, words, now)?;
        Ok(self.store.deliver_later(kind, &payload, at, lifetime).await?)
    }

    /// Ends one session of an account, by its owner. Whoever signs out wants that first: where services cannot be told of
    /// it, it ends all the same, and the log says so.
    pub(crate) async fn end_session(
        &self,
        account: AccountId,
        session: SessionId,
        noted: Noted,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let entry = (noted == Noted::InTheAudit).then(|| sessions_ended(account, "one", now));
        let ended = self.store.end_sessions(&account, Ending::One(session), now, entry).await;
        if ended.inspect_err(untold).is_ok_and(|here| here > 0) {
            return Ok(());
        }
        self.warm.end_session(&account, &session).await?;
        Ok(())
    }

    /// Ends every session of an account, by its owner.
    pub(crate) async fn end_all_sessions(&self, account: AccountId, now: Timestamp) -> Result<(), Fault> {
        let entry = sessions_ended(account, "all", now);
        match self.store.end_sessions(&account, Ending::AllBut(None), now, Some(entry)).await {
            Ok(_) => self.herald.tell().await,
            Err(error) => {
                untold(&error);
                self.warm.end_sessions(&account, None).await?;
            }
        }
        Ok(())
    }

    /// Lets every gateway know a passkey before it is used. Where that fails, its first use asks for it.
    async fn publish(&self, new: &NewCredential) {
        if let Err(error) = self.warm.publish_credential(&new.record).await {
            tracing::warn!(%error, "a new passkey was not published");
        }
    }
}
