//! New contacts and second steps of whoever is signed in: each is proven before it stands, and whoever it replaces is
//! told, with a link that takes it back.
//!
//! Who has more than an address to their name (P5, P9) needs more than a password to add what would open the account:
//! else a stolen password alone could make itself a second step.

use super::attempts::{Exhausted, Limit};
use super::stage::{AddingApp, CodeAccepted, Contact, JourneyId, ProvingContact};
use super::{Caller, CodeRefused, Journey, Journeys, ResendRefused, Stage};
use crate::authenticator_app::{self, Picture};
use crate::fault::{Fault, NotDone};
use crate::model::second_step::{SecondStep, StepKind};
use crate::model::telephone::{PhoneKind, PhoneNumber};
use crate::model::{Account, EmailAddress};
use crate::notifier::{Changed, Fact, Notice, Recipient};
use crate::one_time_code::{Code, LIFETIME, Occasion, SPOKEN_LIFETIME};
use crate::recovery_code::{CODES, RecoveryCode};
use crate::store::audit::Act;
use crate::store::delivery::Outgoing;
use crate::store::{ChangeId, EmailChange, InSession, StepRemoval};
use aldgate_core::assurance::{Components, IdentityLevel, Vector};
use aldgate_core::id::SingleUse;
use aldgate_core::secret::Secret;
use aldgate_core::token::identity_assertion::VerifiedIdentity;
use aldgate_core::warm::Consumption;
use std::time::Duration;

/// Why nothing is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EnrolRefused {
    /// Too many messages.
    Exhausted(Exhausted),
    /// Nothing is sent to numbers of that country.
    NotServed,
    /// The session was opened with a password alone, and that is too little here.
    Stronger,
}

/// Why a second step was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StepKept {
    /// The session was opened with a password alone, and that is too little here.
    Stronger,
    /// The password would be all that is left, and has fewer characters than this, or nobody knows whether it has as many.
    ShortPassword(usize),
}

/// Why a code did not prove anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProofRefused {
    /// The code.
    Code(CodeRefused),
    /// Somebody else is signed in now than when it was begun.
    NotTheirs,
}

/// What an app is given.
#[derive(Debug)]
pub(crate) struct Given {
    /// The key as text.
    pub(crate) text: String,
    /// The key as a picture.
    pub(crate) picture: Picture,
}

/// For whom something is done, while their session stands.
pub(super) fn in_session(identity: &VerifiedIdentity) -> InSession {
    let (account, session) = (identity.account(), identity.session());
    InSession { account, session, authenticated: identity.authenticated() }
}

/// Whether what was shown at sign-in is enough to add what opens an account of this level.
pub(super) fn suffices(level: IdentityLevel, shown: Components) -> bool {
    let more_than_a_password = [Components::DEVICE, Components::SHARED_KEY, Components::PASSKEY];
    level == IdentityLevel::P0 || more_than_a_password.into_iter().any(|component| shown.meets(component))
}

/// What was shown when a session was opened; nothing where that cannot be read.
fn shown(identity: &VerifiedIdentity) -> Components {
    identity.claims().vot.parse().map_or(Components::NONE, |vector: Vector| vector.components)
}

impl Journeys {
    /// Whether a session may add what opens its account.
    pub(super) fn may_bind(&self, identity: &VerifiedIdentity, account: &Account) -> bool {
        suffices(account.identity, shown(identity))
    }

    /// Begins to prove a new contact: sends a code there.
    pub(crate) async fn begin_contact(
        &self,
        identity: &VerifiedIdentity,
        contact: Contact,
        caller: &Caller,
    ) -> Result<Journey, NotDone<EnrolRefused>> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            return Err(NotDone::Refused(EnrolRefused::Stronger));
        }
        if matches!(&contact, Contact::Phone(number) if !self.countries.serve(number)) {
            return Err(NotDone::Refused(EnrolRefused::NotServed));
        }
        let id = JourneyId::random(&*self.entropy)?;
        let stage = ProvingContact { id, account: account.id, contact, sendings: 1, sent: caller.now };
        let reserved = self.reserve_message(&stage.id, stage.contact.recipient(), caller).await;
        reserved.map_err(|refused| refused.in_terms(EnrolRefused::Exhausted))?;
        self.send_proof(&stage, caller).await?;
        Ok(Journey { return_to: Default::default(), stage: Stage::ProvingContact(stage) })
    }

    /// Sends another code.
    pub(crate) async fn resend_proof(
        &self,
        stage: ProvingContact,
        caller: &Caller,
    ) -> Result<ProvingContact, NotDone<ResendRefused>> {
        let stage = stage.sent_again(caller.now).ok_or(NotDone::Refused(ResendRefused::Enough))?;
        let reserved = self.reserve_message(&stage.id, stage.contact.recipient(), caller).await;
        reserved.map_err(|refused| refused.in_terms(ResendRefused::Exhausted))?;
        self.send_proof(&stage, caller).await?;
        Ok(stage)
    }

    /// Whether an address is another account's, only its owner learns.
    async fn send_proof(&self, stage: &ProvingContact, caller: &Caller) -> Result<(), Fault> {
        let code = Secret::new(self.proof_code(stage).expose().to_owned());
        let notice = match &stage.contact {
            Contact::Email(email) if self.accounts.find_by_email(email).await?.is_some() => Notice::AlreadyRegistered,
            contact => Notice::Code { code, minutes: lifetime(contact).as_secs() / 60 },
        };
        Ok(self.post.send(&notice, stage.contact.recipient(), caller.words(), caller.now).await?)
    }

    fn proof_code(&self, stage: &ProvingContact) -> Code {
        let address = stage.contact.recipient().canonical();
        self.codes.code(Occasion { journey: stage.id.as_bytes(), sending: stage.sendings, address: &address })
    }

    /// Takes the code: the contact is the account's from now on.
    pub(crate) async fn prove_contact(
        &self,
        stage: &ProvingContact,
        identity: &VerifiedIdentity,
        typed: &str,
        caller: &Caller,
    ) -> Result<(), NotDone<ProofRefused>> {
        if stage.account != identity.account() {
            return Err(NotDone::Refused(ProofRefused::NotTheirs));
        }
        let accepted = self.take_proof(stage, typed, caller).await;
        let accepted = accepted.map_err(|refused| refused.in_terms(ProofRefused::Code))?;
        let account = self.owner(stage.account).await?;
        match &stage.contact {
            Contact::Phone(number) => Ok(self.set_phone(accepted, &account, identity, number, caller).await?),
            Contact::Email(email) => self.set_email(accepted, &account, identity, email, caller).await,
        }
    }

    async fn take_proof(
        &self,
        stage: &ProvingContact,
        typed: &str,
        caller: &Caller,
    ) -> Result<CodeAccepted, NotDone<CodeRefused>> {
        let code = Code::parse(typed).map_err(|_| NotDone::Refused(CodeRefused::Malformed))?;
        let ends = stage.sent.plus(lifetime(&stage.contact));
        if caller.now >= ends {
            return Err(NotDone::Refused(CodeRefused::Spent));
        }
        self.reserve_code_guess(&stage.id, stage.sendings, stage.contact.recipient(), caller).await?;
        let taken = match &stage.contact {
            Contact::Email(email) => self.accounts.find_by_email(email).await?.is_some(),
            Contact::Phone(_) => false,
        };
        if taken || code != self.proof_code(stage) {
            return Err(NotDone::Refused(CodeRefused::Wrong));
        }
        let value = [&b"proof of a contact"[..], stage.id.as_bytes(), &[stage.sendings]].concat();
        match self.warm.consume(&SingleUse::of(&value), ends).await? {
            Consumption::Consumed => Ok(CodeAccepted(())),
            Consumption::AlreadyUsed => Err(NotDone::Refused(CodeRefused::Spent)),
        }
    }

    async fn set_phone(
        &self,
        _: CodeAccepted,
        account: &Account,
        identity: &VerifiedIdentity,
        number: &PhoneNumber,
        caller: &Caller,
    ) -> Result<(), Fault> {
        let change: ChangeId = self.entropy.bytes()?;
        let mut told = vec![self.accounts.notice(account, Changed::SecondStepSet, caller.words(), caller.now)?];
        let steps = self.second_steps(&account.id).await?;
        let replaced = steps.of(number.kind().into()).filter(|old| **old != SecondStep::Phone(number.clone()));
        told.extend(replaced.map(|old| self.phone_gone(account, change, old, caller)).transpose()?.flatten());
        let store = self.store.within(in_session(identity)).telling(told);
        store.set_phone(&account.id, number, change, caller.now).await?;
        Ok(())
    }

    async fn set_email(
        &self,
        _: CodeAccepted,
        account: &Account,
        identity: &VerifiedIdentity,
        email: &EmailAddress,
        caller: &Caller,
    ) -> Result<(), NotDone<ProofRefused>> {
        let change: ChangeId = self.entropy.bytes()?;
        let session = identity.session();
        let renamed = Account { email: email.clone(), ..account.clone() };
        let replaced = self.contact_changed(account, change, Recipient::Email(&account.email), caller)?;
        let told = vec![self.accounts.notice(&renamed, Changed::Email, caller.words(), caller.now)?];
        let store = self.store.within(in_session(identity)).telling(told);
        match store.set_email(&account.id, email, session, change, Some(replaced), caller.now).await? {
            EmailChange::Changed => {}
            EmailChange::Same => return Ok(()),
            EmailChange::Taken => return Err(NotDone::Refused(ProofRefused::Code(CodeRefused::Wrong))),
            EmailChange::NoAccount => return Err(Fault::Invariant("whoever is signed in has an account").into()),
        }
        self.accounts.told_of_revocations().await;
        Ok(())
    }

    /// The message by which whoever has a telephone hears that it is none of the account's any more; of an app, nothing.
    fn phone_gone(
        &self,
        account: &Account,
        change: ChangeId,
        old: &SecondStep,
        caller: &Caller,
    ) -> Result<Option<Outgoing>, Fault> {
        let SecondStep::Phone(old) = old else { return Ok(None) };
        // A call cannot carry a link: the owner of a landline finds it in their mail.
        let to = if old.kind() == PhoneKind::Mobile { Recipient::Phone(old) } else { Recipient::Email(&account.email) };
        self.contact_changed(account, change, to, caller).map(Some)
    }

    /// The message by which whoever had the old contact hears of the change, and can take it back.
    fn contact_changed(
        &self,
        account: &Account,
        change: ChangeId,
        to: Recipient<'_>,
        caller: &Caller,
    ) -> Result<Outgoing, Fault> {
        Fact::ContactChanged { account: account.id, change }.later(to, caller.words(), caller.now)
    }

    /// Begins to add an authenticator app.
    pub(crate) async fn begin_app(&self, identity: &VerifiedIdentity) -> Result<Journey, NotDone<EnrolRefused>> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            return Err(NotDone::Refused(EnrolRefused::Stronger));
        }
        let id = JourneyId::random(&*self.entropy)?;
        let key = authenticator_app::new_key(&*self.entropy)?;
        Ok(Journey {
            return_to: Default::default(),
            stage: Stage::AddingApp(AddingApp { id, account: account.id, key }),
        })
    }

    /// What the app is given.
    pub(crate) async fn given_to_app(&self, stage: &AddingApp) -> Result<Given, Fault> {
        let email = self.owner(stage.account).await?.email;
        let picture = authenticator_app::picture(stage.key(), "Aldgate", email.as_str());
        let picture = picture.ok_or(Fault::Invariant("a key and an address fit into a picture"))?;
        Ok(Given { text: authenticator_app::as_text(stage.key()), picture })
    }

    /// Takes the first code of the app: it is a second step of the account from now on.
    pub(crate) async fn prove_app(
        &self,
        stage: &AddingApp,
        identity: &VerifiedIdentity,
        typed: &str,
        caller: &Caller,
    ) -> Result<(), NotDone<ProofRefused>> {
        let refused = |refusal| NotDone::Refused(ProofRefused::Code(refusal));
        if stage.account != identity.account() {
            return Err(NotDone::Refused(ProofRefused::NotTheirs));
        }
        let code = Code::parse(typed).map_err(|_| refused(CodeRefused::Malformed))?;
        let reserved = self.attempts().reserve(&[Limit::CodeGuesses(&stage.id, 0)], caller.now).await;
        reserved.map_err(|spent| spent.in_terms(|_| ProofRefused::Code(CodeRefused::Spent)))?;
        let step = authenticator_app::matching_step(stage.key(), &code, caller.now);
        let step = step.ok_or_else(|| refused(CodeRefused::Wrong))?;
        let account = self.owner(stage.account).await?;
        let added = SecondStep::App(stage.key().clone());
        let store = self.accounts.telling(caller.change(&account, identity), Changed::SecondStepSet)?;
        Ok(store.set_second_step(&account.id, &added, step, caller.now).await?)
    }

    /// Removes a second step. Nothing happens if there is none. The last one stays while the password is shorter than one that
    /// stands alone.
    pub(crate) async fn remove_second_step(
        &self,
        identity: &VerifiedIdentity,
        kind: StepKind,
        caller: &Caller,
    ) -> Result<(), NotDone<StepKept>> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            return Err(NotDone::Refused(StepKept::Stronger));
        }
        let change: ChangeId = self.entropy.bytes()?;
        let mut told = vec![self.accounts.notice(&account, Changed::SecondStepRemoved, caller.words(), caller.now)?];
        let steps = self.second_steps(&account.id).await?;
        let gone = steps.of(kind).map(|old| self.phone_gone(&account, change, old, caller)).transpose()?;
        told.extend(gone.flatten());
        let store = self.store.within(in_session(identity)).telling(told);
        let (least, act) = (self.chars_min(), Act::own(account.id, caller.now));
        match store.remove_second_step(&account.id, kind, change, least, act).await? {
            StepRemoval::Removed | StepRemoval::NotFound => Ok(()),
            StepRemoval::ShortPassword => Err(NotDone::Refused(StepKept::ShortPassword(least))),
        }
    }

    /// How many recovery codes are left.
    pub(crate) async fn recovery_codes_left(&self, identity: &VerifiedIdentity) -> Result<usize, Fault> {
        Ok(self.store.recovery_codes(&identity.account()).await?)
    }

    /// Makes new recovery codes, in the place of those there are. They are given here and nowhere else.
    pub(crate) async fn new_recovery_codes(
        &self,
        identity: &VerifiedIdentity,
        caller: &Caller,
    ) -> Result<Vec<RecoveryCode>, NotDone<EnrolRefused>> {
        let account = self.owner(identity.account()).await?;
        if !self.may_bind(identity, &account) {
            return Err(NotDone::Refused(EnrolRefused::Stronger));
        }
        let codes = (0..CODES).map(|_| RecoveryCode::random(&*self.entropy)).collect::<Result<Vec<_>, _>>()?;
        let digests = codes.iter().map(|code| self.recovery_codes.digest(&account.id, code)).collect();
        let store = self.accounts.telling(caller.change(&account, identity), Changed::RecoveryCodes)?;
        store.set_recovery_codes(&account.id, digests, Act::own(account.id, caller.now)).await?;
        Ok(codes)
    }
}

const fn lifetime(contact: &Contact) -> Duration {
    match contact {
        Contact::Email(_) => LIFETIME,
        Contact::Phone(_) => SPOKEN_LIFETIME,
    }
}
