//! How far a journey has come. Each stage holds what exists in that stage and nothing else; a stage becomes the next
//! by a transition that takes it, and that asks for the proof which the next stage stands for.

use super::return_to::ReturnTo;
use crate::model::EmailAddress;
use crate::one_time_code::{LIFETIME, Occasion};
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;

/// Codes that may be sent in one journey: the first and two more. Whoever needs a fourth begins again.
pub(crate) const SENDINGS_MAX: u8 = 3;

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

impl SigningIn {
    /// The address.
    pub(crate) const fn email(&self) -> &EmailAddress {
        &self.email
    }
}
