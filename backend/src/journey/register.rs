//! Registering: an address, the code that was sent there, and a first way in. The account exists from the last step on.
//!
//! Nobody learns here whether an address has an account: the pages, cookies and times are the same, and only the
//! message differs (OWASP ASVS 5.0, V6.3.8).

use super::attempts::{Exhausted, Limit};
use super::stage::{AwaitingCode, CodeAccepted, JourneyId};
use super::{Caller, Journey, Journeys, OpenedSession, Proven, ReturnTo, Stage};
use crate::fault::{Fault, NotDone};
use crate::model::{EmailAddress, NewAccount, WayIn};
use crate::notifier::{Notice, Recipient};
use crate::one_time_code::{Code, LIFETIME};
use crate::password::{Beside, PasswordRefused, Typed};
use crate::store::Creation;
use aldgate_core::assurance::{Components, IdentityLevel};
use aldgate_core::id::{AccountId, CredentialDigest, SingleUse};
use aldgate_core::secret::Secret;
use aldgate_core::session::record::Authentication;
use aldgate_core::warm::Consumption;

/// Why a code was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeRefused {
    /// Not six digits.
    Malformed,
    /// It is too old, was used, or was guessed at too often: only a new one helps.
    Spent,
    /// It is another.
    Wrong,
    /// Too many guesses at the codes of this address or number: no new one helps.
    Exhausted(Exhausted),
}

/// Why no other code was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResendRefused {
    /// This journey had all its codes.
    Enough,
    /// Too many messages.
    Exhausted(Exhausted),
}

/// Why no account was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegisterRefused {
    /// The password.
    Password(PasswordRefused),
    /// The address has got an account since the journey began.
    AccountExists,
    /// The passkey is registered already.
    CredentialTaken,
}

impl Journeys {
    /// Begins a registration: sends a code.
    pub(crate) async fn begin_registration(
        &self,
        email: EmailAddress,
        return_to: ReturnTo,
        caller: &Caller,
    ) -> Result<Journey, NotDone<Exhausted>> {
        let stage = AwaitingCode::begin(JourneyId::random(&*self.entropy)?, email, caller.now);
        self.reserve_message(&stage.id, Recipient::Email(stage.email()), caller).await?;
        self.send_code(&stage, caller).await?;
        Ok(Journey { return_to, stage: Stage::AwaitingCode(stage) })
    }

    /// Sends another code.
    pub(crate) async fn resend_code(
        &self,
        stage: AwaitingCode,
        caller: &Caller,
    ) -> Result<AwaitingCode, NotDone<ResendRefused>> {
        let stage = stage.sent_again(caller.now).ok_or(NotDone::Refused(ResendRefused::Enough))?;
        let reserved = self.reserve_message(&stage.id, Recipient::Email(stage.email()), caller).await;
        reserved.map_err(|refused| refused.in_terms(ResendRefused::Exhausted))?;
        self.send_code(&stage, caller).await?;
        Ok(stage)
    }

    /// Reserves a message of a journey, to whoever it says.
    pub(super) async fn reserve_message(
        &self,
        journey: &JourneyId,
        to: Recipient<'_>,
        caller: &Caller,
    ) -> Result<(), NotDone<Exhausted>> {
        let near = match to {
            Recipient::Phone(number) => Some(Limit::MessagesNear(number)),
            Recipient::Email(_) => None,
        };
        let limits = [Limit::MessagesFrom(caller.client), Limit::CodesOfJourney(journey), Limit::MessagesTo(to)];
        let limits: Vec<_> = limits.into_iter().chain(near).collect();
        self.attempts().reserve(&limits, caller.now).await
    }

    async fn send_code(&self, stage: &AwaitingCode, caller: &Caller) -> Result<(), Fault> {
        let code = self.expected(stage);
        let known = self.accounts.find_by_email(stage.email()).await?.is_some();
        let notice = if known {
            Notice::AlreadyRegistered
        } else {
            Notice::Code { code: Secret::new(code.expose().to_owned()), minutes: LIFETIME.as_secs() / 60 }
        };
        Ok(self.post.send(&notice, Recipient::Email(stage.email()), caller.words(), caller.now).await?)
    }

    fn expected(&self, stage: &AwaitingCode) -> Code {
        self.codes.code(stage.occasion(&stage.email().canonical()))
    }

    /// Takes the code. Where there is an account already, no code is right: none was sent.
    pub(crate) async fn enter_code(
        &self,
        stage: AwaitingCode,
        typed: &str,
        caller: &Caller,
    ) -> Result<Proven, NotDone<CodeRefused>> {
        let entered = Code::parse(typed).map_err(|_| NotDone::Refused(CodeRefused::Malformed))?;
        if caller.now >= stage.ends() {
            return Err(NotDone::Refused(CodeRefused::Spent));
        }
        self.reserve_code_guess(&stage.id, stage.sendings, Recipient::Email(stage.email()), caller).await?;
        let known = self.accounts.find_by_email(stage.email()).await?.is_some();
        let right = entered == self.expected(&stage);
        if known || !right {
            return Err(NotDone::Refused(CodeRefused::Wrong));
        }
        let accepted = self.consume_code(&stage).await?;
        let account = AccountId::random(&*self.entropy)?;
        Ok(stage.proven(accepted, account))
    }

    /// Reserves a guess at a code that was sent to prove an address or a number: first at this code, so that whoever has no
    /// guess left at it takes none from the address.
    pub(super) async fn reserve_code_guess(
        &self,
        journey: &JourneyId,
        sending: u8,
        to: Recipient<'_>,
        caller: &Caller,
    ) -> Result<(), NotDone<CodeRefused>> {
        let at_code = self.attempts().reserve(&[Limit::CodeGuesses(journey, sending)], caller.now).await;
        at_code.map_err(|refused| refused.in_terms(|_| CodeRefused::Spent))?;
        let at_address = self.attempts().reserve(&[Limit::CodeGuessesOf(to)], caller.now).await;
        at_address.map_err(|refused| refused.in_terms(CodeRefused::Exhausted))
    }

    async fn consume_code(&self, stage: &AwaitingCode) -> Result<CodeAccepted, NotDone<CodeRefused>> {
        let value = [&b"one-time code"[..], stage.id.as_bytes(), &[stage.sendings]].concat();
        match self.warm.consume(&SingleUse::of(&value), stage.ends()).await? {
            Consumption::Consumed => Ok(CodeAccepted(())),
            Consumption::AlreadyUsed => Err(NotDone::Refused(CodeRefused::Spent)),
        }
    }

    /// Creates the account with a password.
    pub(crate) async fn register_with_password(
        &self,
        proven: Proven,
        typed: Typed,
        caller: &Caller,
    ) -> Result<OpenedSession, NotDone<RegisterRefused>> {
        let password = self.password_rules.judge(typed, proven.email(), Beside::Nothing);
        let password = password.map_err(|refusal| NotDone::Refused(RegisterRefused::Password(refusal)))?;
        // A proven journey can be sent again and again: hashing is for those who can still get an account.
        if self.accounts.find_by_email(proven.email()).await?.is_some() {
            return Err(NotDone::Refused(RegisterRefused::AccountExists));
        }
        let hash = self.passwords.hash(password).await?;
        self.create_account(proven, WayIn::Password(hash), caller).await
    }

    /// Creates the account and opens its first session.
    pub(super) async fn create_account(
        &self,
        proven: Proven,
        way_in: WayIn,
        caller: &Caller,
    ) -> Result<OpenedSession, NotDone<RegisterRefused>> {
        let (components, credential): (_, Option<CredentialDigest>) = match &way_in {
            WayIn::Passkey(new) => (Components::PASSKEY, Some(new.record.digest)),
            WayIn::Password(_) => (Components::PASSWORD, None),
        };
        let new = NewAccount { id: proven.account, email: proven.email, way_in, created: caller.now };
        match self.accounts.create(&new).await? {
            Creation::Created => {}
            Creation::EmailTaken => return Err(NotDone::Refused(RegisterRefused::AccountExists)),
            Creation::CredentialTaken => return Err(NotDone::Refused(RegisterRefused::CredentialTaken)),
        }
        let by = Authentication { account: new.id, credential, identity: IdentityLevel::P0, components };
        Ok(self.open_session(by, caller).await?)
    }

    /// The address of whoever is signed in, for the last page.
    pub(crate) async fn email_of(&self, id: AccountId) -> Result<EmailAddress, Fault> {
        Ok(self.owner(id).await?.email)
    }
}
