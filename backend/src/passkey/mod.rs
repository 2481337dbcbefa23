//! Registering passkeys (WebAuthn Level 3): the options of a ceremony and the judgement of its answer.
//!
//! Nothing is kept between the two: the challenge is sealed for one binding (a journey, or a session), so that only
//! the browser that asked can answer. Who may ask, and that a challenge works once, are the journey's affair.

pub(crate) mod metadata;
mod name;
mod options;
mod packed;
mod response;
mod statement;
mod verify;

pub(crate) use name::{NAME_CHARS_MAX, NameRefused, PasskeyName, first_name};
pub(crate) use options::{Applicant, Binding};
pub(crate) use response::RegistrationResponse;
pub(crate) use statement::UnfitRelyingParty;
pub(crate) use verify::{RegistrationRefused, VerifiedRegistration};

use crate::fault::Fault;
use crate::model::Passkey;
use aldgate_core::entropy::Entropy;
use aldgate_core::id::AccountId;
use aldgate_core::secret::MasterKey;
use aldgate_core::time::Timestamp;
use aldgate_core::webauthn::challenge::{Ceremony as Kind, ChallengeKey, ChallengeRefused, OpenedChallenge};
use aldgate_core::webauthn::client_data::ClientData;
use aldgate_core::webauthn::relying_party::RelyingParty;
use metadata::{Entry, Metadata};
use serde_json::Value;
use statement::Statements;
use std::sync::Arc;
use verify::Ceremony;

/// Why an answer was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerRefused {
    /// Its challenge.
    Challenge(ChallengeRefused),
    /// A step of the ceremony.
    Registration(RegistrationRefused),
}

/// The ceremony of registration, for one relying party.
pub(crate) struct Registration {
    rp: RelyingParty,
    key: ChallengeKey,
    statements: Statements,
    models: Option<Arc<Metadata>>,
    entropy: Arc<dyn Entropy>,
}

impl Registration {
    /// For one relying party, and with the list of models, if there is one.
    pub(crate) fn new(
        rp: RelyingParty,
        models: Option<Arc<Metadata>>,
        master: &MasterKey,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, UnfitRelyingParty> {
        let statements = Statements::new(&rp)?;
        Ok(Self { rp, key: ChallengeKey::of(master), statements, models, entropy })
    }

    /// The options for `navigator.credentials.create()`, with a fresh challenge for this binding.
    pub(crate) fn options(
        &self,
        binding: Binding,
        applicant: Applicant<'_>,
        existing: &[Passkey],
        now: Timestamp,
    ) -> Result<Value, Fault> {
        let challenge = self.key.seal(Kind::Registration, &binding.bytes(), now, &*self.entropy)?;
        let theirs = self.statements.options(applicant.account, applicant.name);
        let theirs = theirs.ok_or(Fault::Invariant("webauthn-rs makes options for every account"))?;
        Ok(options::ours(theirs, &challenge, existing, binding, self.models.is_some()))
    }

    /// Judges the answer.
    pub(crate) fn verify(
        &self,
        binding: Binding,
        response: &RegistrationResponse,
        account: AccountId,
        now: Timestamp,
    ) -> Result<VerifiedRegistration, AnswerRefused> {
        let challenge = self.open(binding, response, now)?;
        let ceremony = Ceremony {
            rp: &self.rp,
            statements: &self.statements,
            models: self.models.as_deref(),
            challenge: &challenge,
            binding,
            now,
        };
        verify::verify(&ceremony, response, account).map_err(AnswerRefused::Registration)
    }

    /// What is known of a model, if there is a list.
    pub(crate) fn model(&self, aaguid: [u8; 16]) -> Option<&Entry> {
        self.models.as_ref()?.entry(aaguid)
    }

    /// The RP ID, for the browser's own list of passkeys.
    pub(crate) fn rp_id(&self) -> &str {
        &self.rp.id
    }

    /// The origins beside ours that may use our passkeys (WebAuthn Level 3, section 5.11).
    pub(crate) fn related_origins(&self) -> &[String] {
        &self.rp.related
    }

    /// The challenge that the answer names, if it was made for this binding.
    fn open(
        &self,
        binding: Binding,
        response: &RegistrationResponse,
        now: Timestamp,
    ) -> Result<OpenedChallenge, AnswerRefused> {
        let malformed = AnswerRefused::Registration(RegistrationRefused::ClientDataMalformed);
        let client_data = ClientData::parse(&response.client_data).map_err(|_| malformed)?;
        let alien = AnswerRefused::Challenge(ChallengeRefused::NotOurs);
        let challenge = client_data.challenge_bytes().ok_or(alien)?;
        let opened = self.key.open(&challenge, Kind::Registration, &binding.bytes(), now);
        opened.map_err(AnswerRefused::Challenge)
    }
}

#[cfg(test)]
mod tests;
