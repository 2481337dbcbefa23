//! Verifying a registration (WebAuthn Level 3, section 7.1), in the Recommendation's numbered steps.
//!
//! The steps run for every algorithm, on core's strict parsers. The attestation statement (steps 22 and 23) is
//! webauthn-rs' work, see [`super::statement`]: it judges the whole response once more and must agree. Only for
//! Ed25519, which webauthn-rs refuses, there is no second opinion, and a statement is none or `packed` ([`super::packed`]).

use super::metadata::{Metadata, ModelRefused};
use super::options::Binding;
use super::packed::Packed;
use super::response::RegistrationResponse;
use super::statement::{StatementRefused, Statements};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, CREDENTIAL_ID_BYTES_MAX, CredentialDigest};
use aldgate_core::time::Timestamp;
use aldgate_core::webauthn::attestation_object::AttestationObject;
use aldgate_core::webauthn::authenticator_data::{AttestedCredential, AuthenticatorData};
use aldgate_core::webauthn::challenge::OpenedChallenge;
use aldgate_core::webauthn::client_data::ClientData;
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::public_key::{EDDSA, OFFERED_ALGORITHMS};
use aldgate_core::webauthn::relying_party::RelyingParty;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// Why a registration was refused: one variant for each step that can refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub(crate) enum RegistrationRefused {
    /// Steps 5 and 6.
    #[error("clientDataJSON is malformed")]
    ClientDataMalformed,
    /// Step 7.
    #[error("the ceremony is not a registration")]
    TypeMismatch,
    /// Step 8.
    #[error("the challenge is not the one that was issued")]
    ChallengeMismatch,
    /// Step 9.
    #[error("the origin is not one of ours")]
    OriginUnknown,
    /// Steps 10 and 11: no page of ours may be framed while a passkey is made.
    #[error("the page was framed by another origin")]
    CrossOrigin,
    /// Step 13.
    #[error("the attestation object is malformed")]
    AttestationObjectMalformed,
    /// Step 13, and the parts of steps 20 and 25 that reading already shows.
    #[error("authenticatorData is malformed, or holds a key of a kind that was not offered")]
    AuthenticatorDataMalformed,
    /// Step 14.
    #[error("the RP ID is not ours")]
    RpIdMismatch,
    /// Step 15.
    #[error("the person was not present")]
    UserNotPresent,
    /// Step 16.
    #[error("the person was not verified by the authenticator")]
    UserNotVerified,
    /// Step 17.
    #[error("the credential claims to be backed up without being eligible")]
    BackupStateInvalid,
    /// Step 20.
    #[error("the key's algorithm was not offered")]
    AlgorithmNotOffered,
    /// Step 22.
    #[error("the attestation statement was refused")]
    StatementRefused,
    /// Steps 23 and 24.
    #[error("the authenticator's model is known to be broken")]
    ModelWithdrawn,
    /// Steps 23 and 24.
    #[error("the attestation is not of the makers of the authenticator's model")]
    AlienAttestation,
    /// Step 25, and that the envelope names the credential that was made.
    #[error("the credential ID is too long, or not the one that was sent")]
    CredentialIdMismatch,
}

impl From<StatementRefused> for RegistrationRefused {
    fn from(_: StatementRefused) -> Self {
        Self::StatementRefused
    }
}

/// Proof that a passkey was made here and now for this challenge. Whether its credential ID is new (step 26) is found
/// out where it is stored.
#[derive(Debug)]
pub(crate) struct VerifiedRegistration {
    challenge: OpenedChallenge,
    credential_id: Vec<u8>,
    record: CredentialRecord,
    aaguid: [u8; 16],
}

impl VerifiedRegistration {
    /// The challenge that was answered.
    pub(crate) const fn challenge(&self) -> &OpenedChallenge {
        &self.challenge
    }

    /// The authenticator's model, as it says.
    pub(crate) const fn aaguid(&self) -> [u8; 16] {
        self.aaguid
    }

    /// The credential ID and the record to store.
    pub(crate) fn into_parts(self) -> (Vec<u8>, CredentialRecord) {
        (self.credential_id, self.record)
    }
}

/// What a registration is held against.
pub(super) struct Ceremony<'a> {
    pub(super) rp: &'a RelyingParty,
    pub(super) statements: &'a Statements,
    pub(super) models: Option<&'a Metadata>,
    pub(super) challenge: &'a OpenedChallenge,
    pub(super) binding: Binding,
    pub(super) now: Timestamp,
}

/// Verifies a registration for `account`.
pub(super) fn verify(
    ceremony: &Ceremony<'_>,
    response: &RegistrationResponse,
    account: AccountId,
) -> Result<VerifiedRegistration, RegistrationRefused> {
    let Ceremony { rp, statements, models, challenge, binding, now } = *ceremony;
    // Steps 1 to 4 are the client's; client extension outputs (steps 4 and 28) decide nothing here and are not read.
    let client_data = steps_5_6_client_data(response)?;
    step_7_type(&client_data)?;
    step_8_challenge(&client_data, challenge)?;
    step_9_origin(&client_data, rp)?;
    steps_10_11_framing(&client_data)?;
    // Step 12, the hash of the client data, is needed by statements alone.
    let object = step_13_attestation_object(response)?;
    let data = AuthenticatorData::parse(object.authenticator_data).map_err(|_| Refused::AuthenticatorDataMalformed)?;
    step_14_rp_id(&data, rp)?;
    if !binding.is_conditional() {
        step_15_user_present(&data)?; // "If options.mediation is not set to conditional".
        step_16_user_verified(&data)?; // Preferred there, required elsewhere.
    }
    step_17_backup_flags(&data)?;
    // Steps 18 and 19: backup eligibility and state are kept in the record, for policies and for the log-in.
    let attested = data.attested.as_ref().ok_or(Refused::AuthenticatorDataMalformed)?;
    step_20_algorithm(attested)?;
    if binding.is_conditional() {
        steps_21_22_no_statement(&object)?;
    } else {
        steps_21_22_statement(statements, challenge, response, &object, attested)?;
    }
    steps_23_24_model(models, &object, attested, now)?;
    step_25_credential_id(response, attested)?;
    // Step 26 is the store's. Steps 27 and 29: the proof.
    Ok(VerifiedRegistration {
        challenge: *challenge,
        credential_id: attested.credential_id.to_vec(),
        record: record(&data, attested, account),
        aaguid: attested.aaguid,
    })
}

use RegistrationRefused as Refused;

type Step = Result<(), RegistrationRefused>;

fn unless(holds: bool, refusal: RegistrationRefused) -> Step {
    if holds { Ok(()) } else { Err(refusal) }
}

fn steps_5_6_client_data(response: &RegistrationResponse) -> Result<ClientData<'_>, RegistrationRefused> {
    ClientData::parse(&response.client_data).map_err(|_| Refused::ClientDataMalformed)
}

fn step_7_type(client_data: &ClientData<'_>) -> Step {
    unless(client_data.kind == "webauthn.create", Refused::TypeMismatch)
}

fn step_8_challenge(client_data: &ClientData<'_>, challenge: &OpenedChallenge) -> Step {
    let expected = URL_SAFE_NO_PAD.encode(challenge.bytes());
    unless(client_data.challenge == expected, Refused::ChallengeMismatch)
}

fn step_9_origin(client_data: &ClientData<'_>, rp: &RelyingParty) -> Step {
    unless(rp.origins.iter().any(|origin| *origin == client_data.origin), Refused::OriginUnknown)
}

fn steps_10_11_framing(client_data: &ClientData<'_>) -> Step {
    unless(client_data.cross_origin != Some(true) && client_data.top_origin.is_none(), Refused::CrossOrigin)
}

fn step_13_attestation_object(response: &RegistrationResponse) -> Result<AttestationObject<'_>, RegistrationRefused> {
    AttestationObject::parse(&response.attestation_object).map_err(|_| Refused::AttestationObjectMalformed)
}

fn step_14_rp_id(data: &AuthenticatorData<'_>, rp: &RelyingParty) -> Step {
    unless(data.rp_id_hash == rp.id_hash, Refused::RpIdMismatch)
}

fn step_15_user_present(data: &AuthenticatorData<'_>) -> Step {
    unless(data.flags.user_present(), Refused::UserNotPresent)
}

/// The options always say `required`: a passkey is both factors at once.
fn step_16_user_verified(data: &AuthenticatorData<'_>) -> Step {
    unless(data.flags.user_verified(), Refused::UserNotVerified)
}

fn step_17_backup_flags(data: &AuthenticatorData<'_>) -> Step {
    unless(data.flags.backup_eligible() || !data.flags.backup_state(), Refused::BackupStateInvalid)
}

fn step_20_algorithm(attested: &AttestedCredential<'_>) -> Step {
    unless(OFFERED_ALGORITHMS.contains(&attested.public_key.algorithm()), Refused::AlgorithmNotOffered)
}

/// No statement is always well; any other is verified, by webauthn-rs if it knows the algorithm.
fn steps_21_22_statement(
    statements: &Statements,
    challenge: &OpenedChallenge,
    response: &RegistrationResponse,
    object: &AttestationObject<'_>,
    attested: &AttestedCredential<'_>,
) -> Step {
    if attested.public_key.algorithm() == EDDSA {
        let stands = object.is_none() || is_packed_and_true(response, object, attested);
        return unless(stands, Refused::StatementRefused);
    }
    let credential_id = statements.verify(challenge, response)?;
    unless(credential_id == attested.credential_id, Refused::CredentialIdMismatch)
}

fn is_packed_and_true(
    response: &RegistrationResponse,
    object: &AttestationObject<'_>,
    attested: &AttestedCredential<'_>,
) -> bool {
    let hash = digest(&SHA256, &response.client_data); // Step 12.
    let verify = |packed: Packed<'_>| packed.verify(object.authenticator_data, hash.as_ref(), attested);
    object.format == "packed" && Packed::parse(object.statement).and_then(verify).is_ok()
}

/// Without a list of models attestation is not asked for, so none is trusted and none is needed.
fn steps_23_24_model(
    models: Option<&Metadata>,
    object: &AttestationObject<'_>,
    attested: &AttestedCredential<'_>,
    now: Timestamp,
) -> Step {
    let Some(models) = models else { return Ok(()) };
    models.judge(attested.aaguid, object.format, object.statement, now).map_err(|refused| match refused {
        ModelRefused::Withdrawn => Refused::ModelWithdrawn,
        ModelRefused::AlienAttestation => Refused::AlienAttestation,
    })
}

/// A passkey that nobody was asked for is taken without a statement or not at all: webauthn-rs wants to see a person.
fn steps_21_22_no_statement(object: &AttestationObject<'_>) -> Step {
    unless(object.is_none(), Refused::StatementRefused)
}

fn step_25_credential_id(response: &RegistrationResponse, attested: &AttestedCredential<'_>) -> Step {
    let fits = attested.credential_id.len() <= CREDENTIAL_ID_BYTES_MAX;
    unless(fits && attested.credential_id == response.credential_id, Refused::CredentialIdMismatch)
}

fn record(data: &AuthenticatorData<'_>, attested: &AttestedCredential<'_>, account: AccountId) -> CredentialRecord {
    CredentialRecord {
        digest: CredentialDigest::of(attested.credential_id),
        account,
        identity: IdentityLevel::P0,
        public_key: attested.public_key.clone(),
        sign_count: data.sign_count,
        backup_eligible: data.flags.backup_eligible(),
        backup_state: data.flags.backup_state(),
        disabled: false,
        revision: 1,
    }
}
