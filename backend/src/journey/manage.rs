//! Looking after an account: what opens it, where it is open, and how to change both.

use super::attempts::Exhausted;
use super::known_device::KnownDevice;
use super::{Caller, Journeys, SignInRefused};
use crate::account::Noted;
use crate::fault::{Fault, NotDone};
use crate::model::{Account, Passkey};
use crate::passkey::PasskeyName;
use crate::password::{PasswordRefused, Typed};
use crate::store::Removal;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::session::record::{SessionRecord, Standing};
use aldgate_core::time::Timestamp;
use aldgate_core::token::identity_assertion::VerifiedIdentity;

/// An account and what opens it.
#[derive(Debug)]
pub(crate) struct Overview {
    /// The account.
    pub(crate) account: Account,
    /// Its passkeys.
    pub(crate) passkeys: Vec<Passkey>,
}

impl Overview {
    /// Whether a passkey may go: something else must be left that opens the account.
    pub(crate) fn is_passkey_removable(&self) -> bool {
        self.passkeys.len() > 1 || self.account.password.is_some()
    }

    /// One of the passkeys.
    pub(crate) fn passkey(&self, digest: &CredentialDigest) -> Option<&Passkey> {
        self.passkeys.iter().find(|passkey| passkey.digest == *digest)
    }
}

/// The live sessions of an account, newest first.
pub(crate) type Sessions = Vec<(SessionId, SessionRecord)>;

/// Why a passkey was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RemovalRefused {
    /// Nothing else opens the account.
    LastWayIn,
    /// The session was opened with a password alone, and that is too little for this account.
    Stronger,
    /// The account has no such passkey.
    NotFound,
}

/// Why a password was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordNotChanged {
    /// The present one is another.
    CurrentWrong,
    /// Too many guesses at the present one.
    Exhausted(Exhausted),
    /// The new one is not taken.
    New(PasswordRefused),
}

impl Journeys {
    /// An account and what opens it.
    pub(crate) async fn overview(&self, id: AccountId) -> Result<Overview, Fault> {
        Ok(Overview { account: self.owner(id).await?, passkeys: self.accounts.passkeys(&id).await? })
    }

    /// The sessions of an account that stand.
    pub(crate) async fn live_sessions(&self, id: AccountId, now: Timestamp) -> Result<Sessions, Fault> {
        let mut sessions = self.warm.sessions_of(&id).await?;
        sessions.retain(|(_, record)| record.standing(record.seen, now) == Standing::Live);
        Ok(sessions)
    }

    /// Ends one session of the account. Nothing happens if it had ended.
    pub(crate) async fn end_session(
        &self,
        identity: &VerifiedIdentity,
        session: SessionId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let account = identity.account();
        match self.warm.session(&session).await? {
            Some(record) if record.account == account => {
                self.accounts.end_session(account, session, Noted::InTheAudit, now).await
            }
            _ => Ok(()),
        }
    }

    /// Gives a passkey another name. False if the account has no such passkey.
    pub(crate) async fn rename_passkey(
        &self,
        identity: &VerifiedIdentity,
        passkey: &CredentialDigest,
        name: &PasskeyName,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        self.accounts.rename_passkey(&identity.account(), passkey, name.as_str(), now).await
    }

    /// Removes a passkey.
    pub(crate) async fn remove_passkey(
        &self,
        identity: &VerifiedIdentity,
        passkey: &CredentialDigest,
        caller: &Caller,
    ) -> Result<(), NotDone<RemovalRefused>> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            return Err(NotDone::Refused(RemovalRefused::Stronger)); // A stolen password would take the stronger away.
        }
        let change = caller.change(&account, identity);
        match self.accounts.remove_passkey(change, passkey).await? {
            Removal::Removed => Ok(()),
            Removal::LastWayIn => Err(NotDone::Refused(RemovalRefused::LastWayIn)),
            Removal::NotFound => Err(NotDone::Refused(RemovalRefused::NotFound)),
        }
    }

    /// Changes the password, or sets the first. `current` is asked of whoever has one.
    pub(crate) async fn change_password(
        &self,
        identity: &VerifiedIdentity,
        current: Option<Typed>,
        new: Typed,
        caller: &Caller,
    ) -> Result<(), NotDone<PasswordNotChanged>> {
        let mut account = self.owner(identity.account()).await?;
        let new = self.password_rules.judge(new, &account.email, self.beside(&account).await?);
        let new = new.map_err(|refusal| NotDone::Refused(PasswordNotChanged::New(refusal)))?;
        if account.password.is_some() {
            let current = current.ok_or(NotDone::Refused(PasswordNotChanged::CurrentWrong))?;
            let known = KnownDevice::by_session(*identity.session().as_bytes());
            let verified = self.verify_password(&account.email, current, Some(known), caller).await;
            let (verified, guess) = verified.map_err(|refused| refused.in_terms(PasswordNotChanged::of))?;
            self.attempts().forget(guess).await?;
            account = verified;
        }
        let hash = self.passwords.hash(new).await?;
        // What was verified may be no longer true: hashing takes its time, and whoever locks the account takes less.
        let done = self.accounts.set_password(caller.change(&account, identity), &hash).await?;
        if done { Ok(()) } else { Err(NotDone::Refused(PasswordNotChanged::CurrentWrong)) }
    }
}

impl PasswordNotChanged {
    const fn of(refusal: SignInRefused) -> Self {
        match refusal {
            SignInRefused::Wrong | SignInRefused::Disabled => Self::CurrentWrong,
            SignInRefused::Exhausted(exhausted) => Self::Exhausted(exhausted),
        }
    }
}
