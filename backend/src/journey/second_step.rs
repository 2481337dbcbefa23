//! The second half of signing in: what is asked for after a right password (NIST SP 800-63B-4, section 3.1).
//!
//! Its guesses count together with those at the password, by whatever way they are made: a right password gives nobody
//! new ones. What was counted is forgotten only when both halves are done.

use super::attempts::{Exhausted, Guess, Limit};
use super::sign_in::Overtaken;
use super::stage::{AwaitingStep, JourneyId, SigningIn};
use super::{Caller, Journeys, OpenedSession, SignedIn};
use crate::authenticator_app;
use crate::fault::{Fault, NotDone};
use crate::model::Account;
use crate::model::second_step::{AppKey, SecondStep, SecondSteps, StepKind};
use crate::model::telephone::PhoneNumber;
use crate::notifier::{Changed, Notice, Recipient};
use crate::one_time_code::{Code, Occasion, SPOKEN_LIFETIME};
use crate::recovery_code::RecoveryCode;
use crate::store::SignInRefusal;
use crate::store::audit::Act;
use aldgate_core::assurance::Components;
use aldgate_core::id::{AccountId, SingleUse};
use aldgate_core::secret::Secret;
use aldgate_core::session::record::Authentication;
use aldgate_core::warm::Consumption;

/// Why a second step did not open a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepRefused {
    /// It cannot be a code.
    Malformed,
    /// It is another, or was used.
    Wrong,
    /// It is too old, or was guessed at too often: only a new one helps.
    Spent,
    /// Too many guesses at this account.
    Exhausted(Exhausted),
    /// Too much time has gone by, or the account has changed: the password is asked for again.
    BeginAgain,
    /// All that is asked for was right, and the account is disabled.
    Disabled,
}

/// Why no code was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendingRefused {
    /// This sign-in had all its codes.
    Enough,
    /// Too many messages.
    Exhausted(Exhausted),
    /// Whatever carries messages did not take it.
    NotTaken,
    /// The account has no such second step.
    NoSuchStep,
}

/// How a sign-in with two steps ended.
#[derive(Debug)]
pub(crate) struct SteppedIn {
    /// The session.
    pub(crate) session: OpenedSession,
    /// The cookie of a browser that is to be remembered.
    pub(crate) remembered: Option<String>,
}

impl Journeys {
    /// What an account asks for after the password.
    pub(crate) async fn second_steps(&self, account: &AccountId) -> Result<SecondSteps, Fault> {
        Ok(self.store.second_steps(account).await?)
    }

    /// The same of an account that was just read: most have none, and are not looked at again.
    pub(super) async fn second_steps_of(&self, account: &Account) -> Result<SecondSteps, Fault> {
        if account.has_second_step { self.second_steps(&account.id).await } else { Ok(SecondSteps::default()) }
    }

    /// Begins the second step of an account whose password was right just now. That stays so where no code can be sent:
    /// whoever can show another step, or has a recovery code, needs none.
    pub(super) async fn begin_second_step(
        &self,
        before: &SigningIn,
        account: &Account,
        kind: StepKind,
        steps: &SecondSteps,
        caller: &Caller,
    ) -> Result<SignedIn, Fault> {
        let stage = AwaitingStep {
            id: JourneyId::random(&*self.entropy)?,
            account: account.id,
            email: account.email.clone(),
            mark: self.links.mark_of(account),
            kind,
            sendings: 0,
            sent: caller.now,
            begun: caller.now,
            makes_passkeys: before.makes_passkeys,
        };
        match self.ask_for(stage.clone(), kind, steps, caller).await {
            Ok(stage) => Ok(SignedIn::AwaitingStep(stage)),
            Err(NotDone::Refused(refusal)) => Ok(SignedIn::NotAsked(stage, refusal)),
            Err(NotDone::Failed(fault)) => Err(fault),
        }
    }

    /// Asks for a second step of this kind: sends another code, or the first.
    pub(crate) async fn ask_for_step(
        &self,
        stage: AwaitingStep,
        kind: StepKind,
        caller: &Caller,
    ) -> Result<AwaitingStep, NotDone<SendingRefused>> {
        let steps = self.second_steps(&stage.account).await?;
        self.ask_for(stage, kind, &steps, caller).await
    }

    async fn ask_for(
        &self,
        stage: AwaitingStep,
        kind: StepKind,
        steps: &SecondSteps,
        caller: &Caller,
    ) -> Result<AwaitingStep, NotDone<SendingRefused>> {
        let step = steps.of(kind).ok_or(NotDone::Refused(SendingRefused::NoSuchStep))?;
        let stage = stage.asked_for(kind, caller.now).ok_or(NotDone::Refused(SendingRefused::Enough))?;
        if let SecondStep::Phone(number) = step {
            self.send_step_code(&stage, number, caller).await?;
        }
        Ok(stage)
    }

    async fn send_step_code(
        &self,
        stage: &AwaitingStep,
        number: &PhoneNumber,
        caller: &Caller,
    ) -> Result<(), NotDone<SendingRefused>> {
        // Its client is not counted: it has shown the password, and many sign in from one address.
        let limits = [Limit::CodesOfJourney(&stage.id), Limit::StepCodesTo(Recipient::Phone(number))];
        let reserved = self.attempts().reserve(&limits, caller.now).await;
        reserved.map_err(|refused| refused.in_terms(SendingRefused::Exhausted))?;
        let code = Secret::new(self.step_code(stage, number).expose().to_owned());
        let notice = Notice::Code { code, minutes: SPOKEN_LIFETIME.as_secs() / 60 };
        let sent = self.post.send(&notice, Recipient::Phone(number), caller.words(), caller.now).await;
        sent.map_err(|error| {
            tracing::warn!(%error, "the code of a second step was not sent");
            NotDone::Refused(SendingRefused::NotTaken)
        })
    }

    fn step_code(&self, stage: &AwaitingStep, number: &PhoneNumber) -> Code {
        let (journey, sending, address) = (stage.id.as_bytes(), stage.sendings, number.as_str());
        self.codes.code(Occasion { journey, sending, address })
    }

    /// Takes a code. With `remember`, the browser need not show the second step for some time.
    pub(crate) async fn enter_step(
        &self,
        stage: &AwaitingStep,
        typed: &str,
        remember: bool,
        caller: &Caller,
    ) -> Result<SteppedIn, NotDone<StepRefused>> {
        let code = Code::parse(typed).map_err(|_| NotDone::Refused(StepRefused::Malformed))?;
        let account = self.still_signing_in(stage, caller).await?;
        let guess = self.reserve_guess(stage, caller).await?;
        let steps = self.second_steps(&account.id).await?;
        let taken = match steps.of(stage.kind).ok_or(NotDone::Refused(StepRefused::BeginAgain))? {
            SecondStep::App(key) => self.take_app_code(&account.id, key, &code, caller).await,
            SecondStep::Phone(number) => self.take_sent_code(stage, &code, number, caller).await,
        };
        self.counted(stage, taken, caller).await?;
        self.step_in(stage, account, guess, remember, caller).await
    }

    /// The same, with a wrong one counted for the audit.
    async fn counted(
        &self,
        stage: &AwaitingStep,
        taken: Result<(), NotDone<StepRefused>>,
        caller: &Caller,
    ) -> Result<(), NotDone<StepRefused>> {
        if matches!(taken, Err(NotDone::Refused(StepRefused::Wrong))) {
            self.attempts().refused(&stage.email, SignInRefusal::SecondStep, caller.now).await;
        }
        taken
    }

    async fn take_app_code(
        &self,
        account: &AccountId,
        key: &AppKey,
        code: &Code,
        caller: &Caller,
    ) -> Result<(), NotDone<StepRefused>> {
        let step = authenticator_app::matching_step(key, code, caller.now);
        let step = step.ok_or(NotDone::Refused(StepRefused::Wrong))?;
        let used = self.store.use_app_step(account, step).await?;
        if used { Ok(()) } else { Err(NotDone::Refused(StepRefused::Wrong)) }
    }

    async fn take_sent_code(
        &self,
        stage: &AwaitingStep,
        code: &Code,
        number: &PhoneNumber,
        caller: &Caller,
    ) -> Result<(), NotDone<StepRefused>> {
        let ends = stage.sent.plus(SPOKEN_LIFETIME);
        if caller.now >= ends {
            return Err(NotDone::Refused(StepRefused::Spent));
        }
        let reserved = self.attempts().reserve(&[Limit::CodeGuesses(&stage.id, stage.sendings)], caller.now).await;
        reserved.map_err(|refused| refused.in_terms(|_| StepRefused::Spent))?;
        if *code != self.step_code(stage, number) {
            return Err(NotDone::Refused(StepRefused::Wrong));
        }
        let value = [&b"second step"[..], stage.id.as_bytes(), &[stage.sendings]].concat();
        match self.warm.consume(&SingleUse::of(&value), ends).await? {
            Consumption::Consumed => Ok(()),
            Consumption::AlreadyUsed => Err(NotDone::Refused(StepRefused::Spent)),
        }
    }

    /// Takes a recovery code in the place of the second step.
    pub(crate) async fn enter_recovery_code(
        &self,
        stage: &AwaitingStep,
        typed: &str,
        caller: &Caller,
    ) -> Result<SteppedIn, NotDone<StepRefused>> {
        let code = RecoveryCode::parse(typed).map_err(|_| NotDone::Refused(StepRefused::Malformed))?;
        let account = self.still_signing_in(stage, caller).await?;
        let guess = self.reserve_guess(stage, caller).await?;
        let digest = self.recovery_codes.digest(&account.id, &code);
        let told = self.accounts.notice(&account, Changed::RecoveryCodeUsed, caller.words(), caller.now)?;
        let store = self.store.telling(vec![told]);
        let used = store.use_recovery_code(&account.id, digest, Act::own(account.id, caller.now)).await?;
        let taken = if used { Ok(()) } else { Err(NotDone::Refused(StepRefused::Wrong)) };
        self.counted(stage, taken, caller).await?;
        self.step_in(stage, account, guess, false, caller).await
    }

    /// The account, if its password is still the one that was right, and not too long ago.
    async fn still_signing_in(&self, stage: &AwaitingStep, caller: &Caller) -> Result<Account, NotDone<StepRefused>> {
        let account = self.accounts.find(&stage.account).await?;
        let account = account.filter(|account| caller.now < stage.ends() && self.links.mark_of(account) == stage.mark);
        let account = account.ok_or(NotDone::Refused(StepRefused::BeginAgain))?;
        // Where no session can be opened, nothing is used up.
        self.warm.sessions_of(&account.id).await?;
        Ok(account)
    }

    async fn reserve_guess<'a>(
        &self,
        stage: &'a AwaitingStep,
        caller: &Caller,
    ) -> Result<Guess<'a>, NotDone<StepRefused>> {
        let limits = self.limits(&stage.email, self.known(&stage.email, caller), caller);
        let reserved = self.attempts().reserve_guess(limits, &stage.email, caller.now).await;
        reserved.map_err(|refused| refused.in_terms(StepRefused::Exhausted))
    }

    async fn step_in(
        &self,
        stage: &AwaitingStep,
        account: Account,
        guess: Guess<'_>,
        remember: bool,
        caller: &Caller,
    ) -> Result<SteppedIn, NotDone<StepRefused>> {
        if account.disabled {
            self.attempts().give_back_to_account(guess).await;
            return Err(NotDone::Refused(StepRefused::Disabled));
        }
        let by = Authentication {
            account: account.id,
            credential: None,
            identity: account.identity,
            components: Components::PASSWORD.with(Components::DEVICE),
        };
        let session = self.open_session(by, caller).await?;
        match self.overtaken(&account, &session).await? {
            None => {}
            Some(Overtaken::Password) => return Err(NotDone::Refused(StepRefused::BeginAgain)),
            Some(Overtaken::Disabled) => return Err(NotDone::Refused(StepRefused::Disabled)),
        }
        self.attempts().forget(guess).await?;
        self.tell_if_new(&account, self.known(&stage.email, caller).is_some(), caller).await?;
        let remembered = if remember { Some(self.remember_browser(&account.id, caller).await?) } else { None };
        Ok(SteppedIn { session, remembered })
    }
}
