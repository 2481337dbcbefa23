//! Signing in with a password. (With a passkey one signs in at the edge, and the backend is not asked.)
//!
//! An unknown address, an account without a password and a wrong password cannot be told apart: the same steps are
//! taken, a hash is computed each time, and the refusal is the same.

use super::attempts::{Exhausted, GuessLimits, Limit};
use super::known_device::KnownDevice;
use super::second_step::SendingRefused;
use super::stage::{AwaitingStep, SigningIn};
use super::{Caller, Journey, Journeys, OpenedSession, ReturnTo, Stage};
use crate::fault::{Fault, NotDone};
use crate::model::{Account, EmailAddress};
use crate::notifier::Changed;
use crate::password::{Typed, Verdict};
use aldgate_core::assurance::Components;
use aldgate_core::session::record::Authentication;

/// Why a password did not open a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignInRefused {
    /// The address or the password, and nobody says which.
    Wrong,
    /// Too many wrong ones: even the right one is refused now.
    Exhausted(Exhausted),
}

/// How the right password ended.
#[derive(Debug)]
pub(crate) enum SignedIn {
    /// With a session.
    Opened(OpenedSession),
    /// With the question for a second step.
    AwaitingStep(AwaitingStep),
    /// With no question yet: its code could not be sent, for this reason, and there may be another step or a recovery code.
    NotAsked(AwaitingStep, SendingRefused),
}

impl Journeys {
    /// Begins: the address was given. Nothing is looked up.
    pub(crate) fn begin_sign_in(&self, email: EmailAddress, return_to: ReturnTo) -> Journey {
        Journey { return_to, stage: Stage::SigningIn(SigningIn { email }) }
    }

    /// Takes the password. An account that asks for nothing else, or not in this browser, has a session then.
    pub(crate) async fn sign_in(
        &self,
        stage: &SigningIn,
        typed: Typed,
        caller: &Caller,
    ) -> Result<SignedIn, NotDone<SignInRefused>> {
        let known = self.known(stage.email(), caller);
        let account = self.verify_password(stage.email(), typed, known, caller).await?;
        let steps = self.second_steps(&account.id).await?;
        let first = steps.kinds().next();
        let remembered = first.is_some() && self.is_remembered(&account.id, caller).await?;
        if let Some(first) = first.filter(|_| !remembered) {
            // It was no wrong one; for the client it stays counted.
            self.attempts().give_back(&self.limits(stage.email(), known, caller).account).await;
            return Ok(self.begin_second_step(&account, first, &steps, caller).await?);
        }
        let device = if remembered { Components::DEVICE } else { Components::NONE };
        let components = Components::PASSWORD.with(device);
        let by = Authentication { account: account.id, credential: None, identity: account.identity, components };
        let opened = match self.open_session(by, caller).await {
            Ok(opened) => opened,
            Err(fault) => {
                self.attempts().give_back(&self.limits(stage.email(), known, caller).all()).await;
                return Err(fault.into());
            }
        };
        if !self.is_still_the_password(&account, &opened).await? {
            return Err(NotDone::Refused(SignInRefused::Wrong));
        }
        self.forget_guesses(&self.limits(stage.email(), known, caller), caller).await?;
        if known.is_none() {
            self.tell_of_new_browser(&account, caller).await?;
        }
        Ok(SignedIn::Opened(opened))
    }

    /// Tells the owner of an account that somebody has signed in in a browser in which nobody had, unless they were told of
    /// a few in the last hour. Nobody is given the session's token before that is written.
    pub(super) async fn tell_of_new_browser(&self, account: &Account, caller: &Caller) -> Result<(), Fault> {
        match self.attempts().reserve(&[Limit::NewBrowsersOf(&account.id)], caller.now).await {
            Ok(()) => self.accounts.tell(account, Changed::NewBrowser, caller.words(), caller.now).await,
            Err(NotDone::Refused(_)) => Ok(()),
            Err(NotDone::Failed(fault)) => Err(fault),
        }
    }

    /// The browser that asks, if it is known for this account.
    pub(super) fn known(&self, email: &EmailAddress, caller: &Caller) -> Option<KnownDevice> {
        let shown = caller.shown_device.as_ref();
        shown.and_then(|shown| self.known_devices.recognise(shown, email, caller.now))
    }

    /// The password may have been changed, and every session ended, while this one was being verified: it ends then, and
    /// this is false. Whoever changes it after this look ends this session with the others.
    pub(super) async fn is_still_the_password(
        &self,
        verified: &Account,
        opened: &OpenedSession,
    ) -> Result<bool, Fault> {
        let now = self.accounts.find(&verified.id).await?;
        if now.is_some_and(|now| now.password == verified.password) {
            return Ok(true);
        }
        self.warm.end_session(&verified.id, &opened.session).await?;
        Ok(false)
    }

    /// The account whose password this is. Every route that takes a password comes through here, so that they count
    /// together. `known` is the browser, if it is known for this account. This one stays counted until the caller
    /// gives it back or forgets them all.
    pub(super) async fn verify_password(
        &self,
        email: &EmailAddress,
        typed: Typed,
        known: Option<KnownDevice>,
        caller: &Caller,
    ) -> Result<Account, NotDone<SignInRefused>> {
        let limits = self.limits(email, known, caller);
        let reserved = self.attempts().reserve_guess(&limits, email, caller.now).await;
        reserved.map_err(|refused| refused.in_terms(SignInRefused::Exhausted))?;
        let verified = match self.compare(email, typed).await {
            Ok(verified) => verified.ok_or(NotDone::Refused(SignInRefused::Wrong))?,
            Err(fault) => {
                self.attempts().give_back(&limits.all()).await;
                return Err(fault.into());
            }
        };
        Ok(verified)
    }

    /// Forgets what was counted for an account, when everything that it asks for was right; not what its client has tried
    /// elsewhere.
    pub(super) async fn forget_guesses(&self, limits: &GuessLimits<'_>, caller: &Caller) -> Result<(), Fault> {
        self.attempts().forget(&limits.account, caller.now).await
    }

    /// The account, if the password is right.
    async fn compare(&self, email: &EmailAddress, typed: Typed) -> Result<Option<Account>, Fault> {
        let account = self.accounts.find_by_email(email).await?;
        let stored = account.as_ref().and_then(|account| account.password.as_ref());
        let verdict = self.passwords.verify(typed.again(), stored).await?;
        let (Some(account), Verdict::Right { renewed }) = (account, verdict) else { return Ok(None) };
        let Some(hash) = renewed else { return Ok(Some(account)) };
        if self.accounts.renew_hash(&account, &hash).await? {
            return Ok(Some(Account { password: Some(hash), ..account }));
        }
        self.compare_again(&account, typed).await
    }

    /// Compares a password that was right with what has taken its hash's place meanwhile: another sign-in has renewed that, or
    /// somebody has changed the password, and only this tells which.
    async fn compare_again(&self, account: &Account, typed: Typed) -> Result<Option<Account>, Fault> {
        let account = self.accounts.find(&account.id).await?;
        let stored = account.as_ref().and_then(|account| account.password.as_ref());
        let verdict = self.passwords.verify(typed, stored).await?;
        Ok(account.filter(|_| matches!(verdict, Verdict::Right { .. })))
    }

    /// What a guess at an account counts for: first for its client, then for the account. A browser that is known for the
    /// account is counted by itself: neither who hammers at the account nor who shares its network can use up what it has.
    pub(super) fn limits<'a>(
        &self,
        email: &'a EmailAddress,
        known: Option<KnownDevice>,
        caller: &Caller,
    ) -> GuessLimits<'a> {
        match known {
            Some(device) => GuessLimits {
                client: Limit::PasswordsOfKnownFrom(caller.client),
                account: [Limit::PasswordOfKnownIn(email, device), Limit::PasswordOfKnown(email)],
            },
            None => GuessLimits {
                client: Limit::PasswordsFrom(caller.client),
                account: [Limit::PasswordOfBy(email, caller.client), Limit::PasswordOf(email)],
            },
        }
    }
}
