//! Signing in with a password. (With a passkey one signs in at the edge, and the backend is not asked.)
//!
//! An unknown address, an account without a password and a wrong password cannot be told apart: the same steps are
//! taken, a hash is computed each time, and the refusal is the same.

use super::attempts::{Exhausted, Limit};
use super::known_device::KnownDevice;
use super::stage::SigningIn;
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
}

impl Journeys {
    /// Begins: the address was given. Nothing is looked up.
    pub(crate) fn begin_sign_in(&self, email: EmailAddress, return_to: ReturnTo) -> Journey {
        Journey { return_to, stage: Stage::SigningIn(SigningIn { email }) }
    }

    /// Opens a session with a password.
    pub(crate) async fn sign_in(
        &self,
        stage: &SigningIn,
        typed: Typed,
        caller: &Caller,
    ) -> Result<OpenedSession, NotDone<SignInRefused>> {
        let shown = caller.shown_device.as_ref();
        let known = shown.and_then(|shown| self.known_devices.recognise(shown, stage.email(), caller.now));
        let account = self.verify_password(stage.email(), typed, known, caller).await?;
        let by = Authentication {
            account: account.id,
            credential: None,
            identity: account.identity,
            components: Components::PASSWORD,
        };
        let opened = match self.open_session(by, caller).await {
            Ok(opened) => opened,
            Err(fault) => {
                // The account's own counts are cleared already.
                let [of_client, ..] = limits(stage.email(), known, caller);
                self.give_back(&[of_client]).await;
                return Err(fault.into());
            }
        };
        self.still_the_password(&account, &opened).await?;
        Ok(opened)
    }

    /// The password may have been changed, and every session ended, while this one was being verified. Whoever changes
    /// it after this look ends this session with the others.
    async fn still_the_password(
        &self,
        verified: &Account,
        opened: &OpenedSession,
    ) -> Result<(), NotDone<SignInRefused>> {
        let now = self.accounts.find(&verified.id).await?;
        if now.is_some_and(|now| now.password == verified.password) {
            return Ok(());
        }
        self.warm.end_session(&verified.id, &opened.session).await?;
        Err(NotDone::Refused(SignInRefused::Wrong))
    }

    /// The account whose password this is. Every route that takes a password comes through here, so that they count
    /// together. `known` is the browser, if it is known for this account.
    pub(super) async fn verify_password(
        &self,
        email: &EmailAddress,
        typed: Typed,
        known: Option<KnownDevice>,
        caller: &Caller,
    ) -> Result<Account, NotDone<SignInRefused>> {
        let limits = limits(email, known, caller);
        for limit in limits.iter().flatten() {
            let reserved = self.attempts().reserve(*limit, caller.now).await;
            reserved.map_err(|refused| refused.in_terms(SignInRefused::Exhausted))?;
        }
        let verified = match self.compare(email, typed).await {
            Ok(verified) => verified.ok_or(NotDone::Refused(SignInRefused::Wrong))?,
            Err(fault) => {
                self.give_back(&limits).await;
                return Err(fault.into());
            }
        };
        // A right password clears what was counted for its account, not what its client has tried elsewhere.
        let [_, of_account @ ..] = limits;
        for limit in of_account.into_iter().flatten() {
            self.attempts().clear(limit).await?;
        }
        Ok(verified)
    }

    async fn give_back(&self, limits: &[Option<Limit<'_>>]) {
        for limit in limits.iter().flatten() {
            self.attempts().give_back(*limit).await;
        }
    }

    /// The account, if the password is right.
    async fn compare(&self, email: &EmailAddress, typed: Typed) -> Result<Option<Account>, Fault> {
        let account = self.accounts.find_by_email(email).await?;
        let stored = account.as_ref().and_then(|account| account.password.as_ref());
        let verdict = self.passwords.verify(typed, stored).await?;
        let (Some(account), Verdict::Right { renewed }) = (account, verdict) else { return Ok(None) };
        let Some(hash) = renewed else { return Ok(Some(account)) };
        self.accounts.renew_hash(&account, &hash).await?;
        Ok(Some(Account { password: Some(hash), ..account }))
    }
}

/// What an attempt counts for: first for its client, then for the account. A browser that is known for the account is
/// counted by itself: neither who hammers at the account nor who shares its network can use up what it has.
fn limits<'a>(email: &'a EmailAddress, known: Option<KnownDevice>, caller: &Caller) -> [Option<Limit<'a>>; 3] {
    match known {
        Some(device) => [None, Some(Limit::PasswordOfKnownIn(email, device)), Some(Limit::PasswordOfKnown(email))],
        None => [
            Some(Limit::PasswordsFrom(caller.client)),
            Some(Limit::PasswordOfBy(email, caller.client)),
            Some(Limit::PasswordOf(email)),
        ],
    }
}
