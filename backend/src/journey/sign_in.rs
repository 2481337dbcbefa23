//! Signing in with a password. (With a passkey one signs in at the edge, and the backend is not asked.)
//!
//! An unknown address, an account without a password and a wrong password cannot be told apart: the same steps are
//! taken, a hash is computed each time, and the refusal is the same.

use super::attempts::{Exhausted, Guess, GuessLimits, Limit};
use super::known_device::KnownDevice;
use super::second_step::SendingRefused;
use super::stage::{AwaitingStep, SigningIn};
use super::{Caller, Journey, Journeys, OpenedSession, ReturnTo, Stage};
use crate::fault::{Fault, NotDone};
use crate::model::{Account, EmailAddress};
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
    /// All that is asked for was right, and the account is disabled.
    Disabled,
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

/// What has come between a right password and the session that it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overtaken {
    /// Another password, or a second step.
    Password,
    /// An administrator, who has disabled the account.
    Disabled,
}

impl Journeys {
    /// Begins: the address was given, in a browser that says whether a passkey can be made in it. Nothing is looked up.
    pub(crate) fn begin_sign_in(&self, email: EmailAddress, makes_passkeys: bool, return_to: ReturnTo) -> Journey {
        Journey { return_to, stage: Stage::SigningIn(SigningIn { email, makes_passkeys }) }
    }

    /// Takes the password. An account that asks for nothing else, or not in this browser, has a session then.
    pub(crate) async fn sign_in(
        &self,
        stage: &SigningIn,
        typed: Typed,
        caller: &Caller,
    ) -> Result<SignedIn, NotDone<SignInRefused>> {
        let known = self.known(stage.email(), caller);
        let (account, guess) = self.verify_password(stage.email(), typed, known, caller).await?;
        let steps = self.second_steps_of(&account).await?;
        let first = steps.kinds().next();
        let remembered = first.is_some() && self.is_remembered(&account.id, caller).await?;
        if let Some(first) = first.filter(|_| !remembered) {
            self.attempts().give_back_to_account(guess).await;
            return Ok(self.begin_second_step(stage, &account, first, &steps, caller).await?);
        }
        if account.disabled {
            self.attempts().give_back(guess).await;
            return Err(NotDone::Refused(SignInRefused::Disabled));
        }
        let device = if remembered { Components::DEVICE } else { Components::NONE };
        let components = Components::PASSWORD.with(device);
        let by = Authentication { account: account.id, credential: None, identity: account.identity, components };
        let opened = match self.open_session(by, caller).await {
            Ok(opened) => opened,
            Err(fault) => {
                self.attempts().give_back(guess).await;
                return Err(fault.into());
            }
        };
        match self.overtaken(&account, &opened).await? {
            None => {}
            Some(Overtaken::Password) => return Err(NotDone::Refused(SignInRefused::Wrong)),
            Some(Overtaken::Disabled) => return Err(NotDone::Refused(SignInRefused::Disabled)),
        }
        self.attempts().forget(guess).await?;
        self.tell_if_new(&account, known.is_some(), caller).await?;
        Ok(SignedIn::Opened(opened))
    }

    /// The browser that asks, if it is known for this account.
    pub(super) fn known(&self, email: &EmailAddress, caller: &Caller) -> Option<KnownDevice> {
        let shown = caller.shown_device.as_ref();
        shown.and_then(|shown| self.known_devices.recognise(shown, email, caller.now))
    }

    /// The password may have been changed, or the account disabled, and every session ended, while this one was being verified:
    /// it ends then, and this says by what. Whoever does so after this look ends this session with the others.
    pub(super) async fn overtaken(
        &self,
        verified: &Account,
        opened: &OpenedSession,
    ) -> Result<Option<Overtaken>, Fault> {
        let by = match self.accounts.find(&verified.id).await? {
            Some(now) if now.disabled => Overtaken::Disabled,
            Some(now) if now.asks_for_the_same(verified) => return Ok(None),
            _ => Overtaken::Password,
        };
        self.warm.end_session(&verified.id, &opened.session).await?;
        Ok(Some(by))
    }

    /// The account whose password this is. Every route that takes a password comes through here, so that they count
    /// together. `known` is the browser, if it is known for this account. This one stays counted until the caller
    /// gives it back or forgets them all.
    pub(super) async fn verify_password<'a>(
        &self,
        email: &'a EmailAddress,
        typed: Typed,
        known: Option<KnownDevice>,
        caller: &Caller,
    ) -> Result<(Account, Guess<'a>), NotDone<SignInRefused>> {
        let reserved = self.attempts().reserve_guess(self.limits(email, known, caller), email, caller.now).await;
        let guess = reserved.map_err(|refused| refused.in_terms(SignInRefused::Exhausted))?;
        match self.compare(email, typed).await {
            Ok(Some(account)) => Ok((account, guess)),
            Ok(None) => Err(NotDone::Refused(SignInRefused::Wrong)),
            Err(fault) => {
                self.attempts().give_back(guess).await;
                Err(fault.into())
            }
        }
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
