//! How far a journey has come. Each stage holds what exists in that stage and nothing else; a stage becomes the next
//! by a transition that takes it, and that asks for the proof which the next stage stands for.

use super::return_to::ReturnTo;
use crate::link_token::Mark;
use crate::model::EmailAddress;
use crate::model::second_step::{AppKey, StepKind};
use crate::model::telephone::PhoneNumber;
use crate::notifier::Recipient;
use crate::one_time_code::{LIFETIME, Occasion};
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use std::time::Duration;

/// Codes that may be sent in one journey: the first and two more. Whoever needs a fourth begins again.
pub(crate) const SENDINGS_MAX: u8 = 3;

/// How long after the password the second step may be shown.
const STEP_LIFETIME: Duration = Duration::from_mins(20);

/// A journey's own identifier: to it codes and challenges are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JourneyId(pub(super) [u8; 16]);

impl JourneyId {
    pub(super) fn random(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        entropy.bytes().map(Self)
    }

    /// The bytes.
    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A journey: how far it has come, and where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journey {
    /// Where the person goes in the end.
    pub(crate) return_to: ReturnTo,
    /// How far it has come.
    pub(crate) stage: Stage,
}

/// How far a journey has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Registering: a code was sent.
    AwaitingCode(AwaitingCode),
    /// Registering: the address is the person's own; a way in is still missing.
    Proven(Proven),
    /// Registered: the account stands.
    Registered,
    /// Signing in: the address was given.
    SigningIn(SigningIn),
    /// Signing in: the password was right, and the second step is asked for.
    SecondStep(AwaitingStep),
    /// Whoever is signed in shows that a new contact is theirs.
    ProvingContact(ProvingContact),
    /// Whoever is signed in adds an authenticator app.
    AddingApp(AddingApp),
}

/// Registering: a code was sent to an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwaitingCode {
    pub(super) id: JourneyId,
    pub(super) email: EmailAddress,
    pub(super) sendings: u8,
    pub(super) sent: Timestamp,
}

/// Registering: the address is the person's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proven {
    pub(super) id: JourneyId,
    pub(super) email: EmailAddress,
    pub(super) account: AccountId,
}

/// Signing in: the address was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SigningIn {
    pub(super) email: EmailAddress,
    /// Whether the browser said that a passkey can be made in it.
    pub(super) makes_passkeys: bool,
}

/// Signing in: the password was right, and the second step is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AwaitingStep {
    pub(super) id: JourneyId,
    pub(super) account: AccountId,
    pub(super) email: EmailAddress,
    /// That of the password which was right.
    pub(super) mark: Mark,
    pub(super) kind: StepKind,
    pub(super) sendings: u8,
    pub(super) sent: Timestamp,
    pub(super) begun: Timestamp,
    /// As in [`SigningIn`].
    pub(super) makes_passkeys: bool,
}

/// What somebody shows to be theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contact {
    /// An address.
    Email(EmailAddress),
    /// A telephone.
    Phone(PhoneNumber),
}

impl Contact {
    /// As messages reach it.
    pub(super) const fn recipient(&self) -> Recipient<'_> {
        match self {
            Self::Email(email) => Recipient::Email(email),
            Self::Phone(number) => Recipient::Phone(number),
        }
    }

    /// As its owner writes it.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }
}

/// Whoever is signed in shows that a new contact is theirs: a code was sent there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProvingContact {
    pub(super) id: JourneyId,
    pub(super) account: AccountId,
    pub(super) contact: Contact,
    pub(super) sendings: u8,
    pub(super) sent: Timestamp,
}

/// Whoever is signed in adds an authenticator app: it was given this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddingApp {
    pub(super) id: JourneyId,
    pub(super) account: AccountId,
    pub(super) key: AppKey,
}

/// Proof that the code of a stage was entered, in time, for the first time. Made by the register journey alone.
#[derive(Debug)]
pub(super) struct CodeAccepted(pub(super) ());

impl AwaitingCode {
    pub(super) const fn begin(id: JourneyId, email: EmailAddress, now: Timestamp) -> Self {
        Self { id, email, sendings: 1, sent: now }
    }

    /// Where the code went.
    pub(crate) const fn email(&self) -> &EmailAddress {
        &self.email
    }

    pub(super) fn occasion<'a>(&'a self, address: &'a str) -> Occasion<'a> {
        Occasion { journey: &self.id.0, sending: self.sendings, address }
    }

    /// Until when the code is good.
    pub(super) fn ends(&self) -> Timestamp {
        self.sent.plus(LIFETIME)
    }

    /// One more code; `None` when there were enough.
    pub(super) fn sent_again(self, now: Timestamp) -> Option<Self> {
        let sendings = self.sendings + 1;
        (sendings <= SENDINGS_MAX).then_some(Self { sendings, sent: now, ..self })
    }

    pub(super) fn proven(self, _: CodeAccepted, account: AccountId) -> Proven {
        Proven { id: self.id, email: self.email, account }
    }
}

impl Proven {
    /// The address.
    pub(crate) const fn email(&self) -> &EmailAddress {
        &self.email
    }
}

impl AwaitingStep {
    /// Whether the browser said that a passkey can be made in it.
    pub(crate) const fn makes_passkeys(&self) -> bool {
        self.makes_passkeys
    }

    /// Whose sign-in it is.
    pub(crate) const fn account(&self) -> &AccountId {
        &self.account
    }

    /// What is asked for.
    pub(crate) const fn kind(&self) -> StepKind {
        self.kind
    }

    /// The address that was given.
    pub(crate) const fn email(&self) -> &EmailAddress {
        &self.email
    }

    /// Until when the second step may be shown, whatever is sent meanwhile.
    pub(super) fn ends(&self) -> Timestamp {
        self.begun.plus(STEP_LIFETIME)
    }

    /// Another code, or the first of another kind; `None` when there were enough.
    pub(super) fn asked_for(self, kind: StepKind, now: Timestamp) -> Option<Self> {
        let is_sent = kind != StepKind::App;
        let sendings = self.sendings + u8::from(is_sent);
        (sendings <= SENDINGS_MAX).then_some(Self {
            kind,
            sendings,
            sent: if is_sent { now } else { self.sent },
            ..self
        })
    }
}

impl ProvingContact {
    /// Where the code went.
    pub(crate) const fn contact(&self) -> &Contact {
        &self.contact
    }

    /// Another code; `None` when there were enough.
    pub(super) fn sent_again(self, now: Timestamp) -> Option<Self> {
        let sendings = self.sendings + 1;
        (sendings <= SENDINGS_MAX).then_some(Self { sendings, sent: now, ..self })
    }
}

impl AddingApp {
    /// The key that the app is given.
    pub(crate) const fn key(&self) -> &AppKey {
        &self.key
    }
}

impl SigningIn {
    /// The address.
    pub(crate) const fn email(&self) -> &EmailAddress {
        &self.email
    }

    /// Whether the browser said that a passkey can be made in it.
    pub(crate) const fn makes_passkeys(&self) -> bool {
        self.makes_passkeys
    }
}
