//! Signing in with a password. (With a passkey one signs in at the edge, and the backend is not asked.)
//!
//! An unknown address, an account without a password and a wrong password cannot be told apart: the same steps are
//! taken, a hash is computed each time, and the refusal is the same.

use super::attempts::{Exhausted, Limit};
use super::stage::SigningIn;
use super::{Caller, Journey, Journeys, OpenedSession, ReturnTo, Stage};
use crate::fault::NotDone;
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
        let account = self.verify_password(stage.email(), typed, caller).await?;
        let by = Authentication {
            account: account.id,
            credential: None,
            identity: account.identity,
            components: Components::PASSWORD,
        };
        let opened = self.open_session(by, caller).await?;
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
    /// together.
    pub(super) async fn verify_password(
        &self,
        email: &EmailAddress,
        typed: Typed,
        caller: &Caller,
    ) -> Result<Account, NotDone<SignInRefused>> {
        // A right password clears what was counted for its account, not what its client has tried elsewhere.
        let limits = [Limit::PasswordOfBy(email, caller.client), Limit::PasswordOf(email)];
        for limit in [Limit::PasswordsFrom(caller.client)].into_iter().chain(limits) {
            let reserved = self.attempts().reserve(limit, caller.now).await;
            reserved.map_err(|refused| refused.in_terms(SignInRefused::Exhausted))?;
        }
        let account = self.accounts.find_by_email(email).await?;
        let stored = account.as_ref().and_then(|account| account.password.as_ref());
        let verdict = self.passwords.verify(typed, stored).await?;
        let (Some(account), Verdict::Right { renewed }) = (account, verdict) else {
            return Err(NotDone::Refused(SignInRefused::Wrong));
        };
        for limit in limits {
            self.attempts().clear(limit).await?;
        }
        if let Some(hash) = renewed {
            self.accounts.renew_hash(&account, &hash).await?;
            return Ok(Account { password: Some(hash), ..account });
        }
        Ok(account)
    }
}
