//! Verifying an authentication assertion (WebAuthn Level 3, section 7.2).
//!
//! [`verify`] is the Recommendation's own list of steps, in its order and with its numbers. It runs on the hot path:
//! it borrows all input, reads no clock and decides nothing by itself that the list does not name. Steps 1 to 4 are
//! the client's; steps 22 and 24 end in the warm tier, which settles the counter and opens the session at once.

use crate::id::CredentialDigest;
use crate::webauthn::authenticator_data::{AuthenticatorData, MalformedAuthenticatorData};
use crate::webauthn::challenge::OpenedChallenge;
use crate::webauthn::client_data::ClientData;
use crate::webauthn::credential::CredentialRecord;
use crate::webauthn::public_key::BadSignature;
use crate::webauthn::relying_party::{RelyingParty, UserVerification};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// Longest signature that is read: RSA with 4,096 bits, and slack.
pub const SIGNATURE_BYTES_MAX: usize = 1024;

/// What the client sent, decoded from base64url and not yet believed.
#[derive(Debug, Clone, Copy)]
pub struct AssertionResponse<'a> {
    /// `rawId`.
    pub credential_id: &'a [u8],
    /// `response.clientDataJSON`, the bytes as received.
    pub client_data: &'a [u8],
    /// `response.authenticatorData`.
    pub authenticator_data: &'a [u8],
    /// `response.signature`.
    pub signature: &'a [u8],
    /// `response.userHandle`.
    pub user_handle: Option<&'a [u8]>,
}

/// Why an assertion was refused: one variant for each step that can refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AssertionRefused {
    /// Step 6: the credential is not the one that was looked up.
    #[error("the credential is not the one that was looked up")]
    CredentialMismatch,
    /// Step 6: no user handle, though nobody was identified before.
    #[error("the user handle is missing")]
    UserHandleMissing,
    /// Step 6: the credential belongs to another account than the user handle names.
    #[error("the user handle is not the credential's owner")]
    UserHandleMismatch,
    /// Steps 8 and 9.
    #[error("clientDataJSON is malformed")]
    ClientDataMalformed,
    /// Step 10.
    #[error("the ceremony is not an authentication")]
    TypeMismatch,
    /// Step 11.
    #[error("the challenge is not the one that was issued")]
    ChallengeMismatch,
    /// Step 12.
    #[error("the origin is not one of ours")]
    OriginUnknown,
    /// Step 13.
    #[error("the page was framed by another origin")]
    CrossOrigin,
    /// Step 14.
    #[error("the top-level origin is not one that may embed us")]
    TopOriginUnknown,
    /// Step 15, as far as the data can be read at all.
    #[error("authenticatorData is malformed")]
    AuthenticatorDataMalformed,
    /// Step 15.
    #[error("the RP ID is not ours")]
    RpIdMismatch,
    /// Step 16.
    #[error("the person was not present")]
    UserNotPresent,
    /// Step 17.
    #[error("the person was not verified by the authenticator")]
    UserNotVerified,
    /// Step 18.
    #[error("the credential claims to be backed up without being eligible")]
    BackupStateInvalid,
    /// Step 19.
    #[error("the credential's backup eligibility has changed")]
    BackupEligibilityChanged,
    /// Step 21.
    #[error("the signature does not verify")]
    BadSignature,
    /// Step 22.
    #[error("the signature counter did not grow: the passkey may have been copied")]
    CounterRegressed,
}

impl AssertionRefused {
    /// Every refusal, for metrics and documentation.
    pub const ALL: [Self; 17] = [
        Self::CredentialMismatch,
        Self::UserHandleMissing,
        Self::UserHandleMismatch,
        Self::ClientDataMalformed,
        Self::TypeMismatch,
        Self::ChallengeMismatch,
        Self::OriginUnknown,
        Self::CrossOrigin,
        Self::TopOriginUnknown,
        Self::AuthenticatorDataMalformed,
        Self::RpIdMismatch,
        Self::UserNotPresent,
        Self::UserNotVerified,
        Self::BackupStateInvalid,
        Self::BackupEligibilityChanged,
        Self::BadSignature,
        Self::CounterRegressed,
    ];
}

impl From<MalformedAuthenticatorData> for AssertionRefused {
    fn from(_: MalformedAuthenticatorData) -> Self {
        Self::AuthenticatorDataMalformed
    }
}

impl From<BadSignature> for AssertionRefused {
    fn from(_: BadSignature) -> Self {
        Self::BadSignature
    }
}

/// Proof that an assertion passed every step: holding one means that the owner of `record` answered this challenge
/// with this passkey. It is consumed, with its challenge, by the warm tier.
#[derive(Debug, PartialEq, Eq)]
pub struct VerifiedAssertion {
    challenge: OpenedChallenge,
    record: CredentialRecord,
    sign_count: u32,
    user_verified: bool,
    backup_state: bool,
}

impl VerifiedAssertion {
    /// The challenge that was answered.
    pub const fn challenge(&self) -> &OpenedChallenge {
        &self.challenge
    }

    /// The credential as it was before this log-in.
    pub const fn record(&self) -> &CredentialRecord {
        &self.record
    }

    /// The counter that the authenticator reported; zero where it has none.
    pub const fn sign_count(&self) -> u32 {
        self.sign_count
    }

    /// Whether the authenticator verified the person.
    pub const fn user_verified(&self) -> bool {
        self.user_verified
    }

    /// Whether the credential is backed up now.
    pub const fn backup_state(&self) -> bool {
        self.backup_state
    }
}

/// Verifies an assertion for a person who was not identified before (a discoverable credential).
///
/// # Errors
/// The refusal of the first step that fails.
pub fn verify(
    rp: &RelyingParty,
    challenge: &OpenedChallenge,
    response: &AssertionResponse<'_>,
    record: &CredentialRecord,
) -> Result<VerifiedAssertion, AssertionRefused> {
    let data = steps(rp, challenge.bytes(), response, record)?;
    // Step 24: the new state values go to the warm tier with the proof. Step 25: the proof.
    Ok(VerifiedAssertion {
        challenge: *challenge,
        record: record.clone(),
        sign_count: data.sign_count,
        user_verified: data.flags.user_verified(),
        backup_state: data.flags.backup_state(),
    })
}

/// The same steps for a challenge of any length, as the Recommendation's test vectors have. It makes no proof, so
/// nothing can be opened with what it gives.
///
/// # Errors
/// The refusal of the first step that fails.
#[cfg(feature = "testing")]
pub fn verify_without_proof<'a>(
    rp: &RelyingParty,
    challenge: &[u8],
    response: &AssertionResponse<'a>,
    record: &CredentialRecord,
) -> Result<AuthenticatorData<'a>, AssertionRefused> {
    steps(rp, challenge, response, record)
}

/// Steps 5 to 23, in their order.
fn steps<'a>(
    rp: &RelyingParty,
    challenge: &[u8],
    response: &AssertionResponse<'a>,
    record: &CredentialRecord,
) -> Result<AuthenticatorData<'a>, AssertionRefused> {
    // Step 5: the options list no allowCredentials, so any credential of ours may answer.
    step_6_owner(response, record)?;
    // Step 7 names cData, authData and sig: they are `response`'s members.
    let client_data = steps_8_9_client_data(response)?;
    step_10_type(&client_data)?;
    step_11_challenge(&client_data, challenge)?;
    step_12_origin(&client_data, rp)?;
    step_13_cross_origin(&client_data, rp)?;
    step_14_top_origin(&client_data, rp)?;
    let data = AuthenticatorData::parse(response.authenticator_data)?;
    step_15_rp_id(&data, rp)?;
    step_16_user_present(&data)?;
    step_17_user_verified(&data, rp)?;
    step_18_backup_flags(&data)?;
    step_19_backup_eligibility(&data, record)?;
    steps_20_21_signature(response, record)?;
    step_22_counter(&data, record)?;
    // Step 23: no extension was asked for; outputs that come nevertheless are ignored.
    Ok(data)
}

type Step = Result<(), AssertionRefused>;

fn unless(holds: bool, refusal: AssertionRefused) -> Step {
    if holds { Ok(()) } else { Err(refusal) }
}

fn step_6_owner(response: &AssertionResponse<'_>, record: &CredentialRecord) -> Step {
    let is_the_record = CredentialDigest::of(response.credential_id) == record.digest;
    unless(is_the_record, AssertionRefused::CredentialMismatch)?;
    let handle = response.user_handle.ok_or(AssertionRefused::UserHandleMissing)?;
    unless(handle == record.account.as_bytes(), AssertionRefused::UserHandleMismatch)
}

fn steps_8_9_client_data<'a>(response: &AssertionResponse<'a>) -> Result<ClientData<'a>, AssertionRefused> {
    ClientData::parse(response.client_data).map_err(|_| AssertionRefused::ClientDataMalformed)
}

fn step_10_type(client_data: &ClientData<'_>) -> Step {
    unless(client_data.kind == "webauthn.get", AssertionRefused::TypeMismatch)
}

fn step_11_challenge(client_data: &ClientData<'_>, challenge: &[u8]) -> Step {
    let expected = URL_SAFE_NO_PAD.encode(challenge);
    unless(client_data.challenge == expected, AssertionRefused::ChallengeMismatch)
}

fn step_12_origin(client_data: &ClientData<'_>, rp: &RelyingParty) -> Step {
    unless(rp.takes(&client_data.origin), AssertionRefused::OriginUnknown)
}

fn step_13_cross_origin(client_data: &ClientData<'_>, rp: &RelyingParty) -> Step {
    let framed = client_data.cross_origin == Some(true);
    unless(!framed || !rp.embedders.is_empty(), AssertionRefused::CrossOrigin)
}

fn step_14_top_origin(client_data: &ClientData<'_>, rp: &RelyingParty) -> Step {
    match &client_data.top_origin {
        None => Ok(()),
        Some(top) => unless(rp.embedders.iter().any(|origin| origin == top), AssertionRefused::TopOriginUnknown),
    }
}

fn step_15_rp_id(data: &AuthenticatorData<'_>, rp: &RelyingParty) -> Step {
    unless(data.rp_id_hash == rp.id_hash, AssertionRefused::RpIdMismatch)
}

fn step_16_user_present(data: &AuthenticatorData<'_>) -> Step {
    unless(data.flags.user_present(), AssertionRefused::UserNotPresent)
}

fn step_17_user_verified(data: &AuthenticatorData<'_>, rp: &RelyingParty) -> Step {
    let demanded = rp.user_verification == UserVerification::Required;
    unless(!demanded || data.flags.user_verified(), AssertionRefused::UserNotVerified)
}

fn step_18_backup_flags(data: &AuthenticatorData<'_>) -> Step {
    unless(data.flags.backup_eligible() || !data.flags.backup_state(), AssertionRefused::BackupStateInvalid)
}

fn step_19_backup_eligibility(data: &AuthenticatorData<'_>, record: &CredentialRecord) -> Step {
    let unchanged = data.flags.backup_eligible() == record.backup_eligible;
    unless(unchanged, AssertionRefused::BackupEligibilityChanged)
}

fn steps_20_21_signature(response: &AssertionResponse<'_>, record: &CredentialRecord) -> Step {
    let hash = digest(&SHA256, response.client_data);
    let mut message = Vec::with_capacity(response.authenticator_data.len() + 32);
    message.extend_from_slice(response.authenticator_data);
    message.extend_from_slice(hash.as_ref());
    Ok(record.public_key.verify(&message, response.signature)?)
}

/// The policy of this relying party for step 22: a counter that does not grow is refused. The comparison is made
/// once more, atomically, where the counter is settled: two log-ins may race here.
fn step_22_counter(data: &AuthenticatorData<'_>, record: &CredentialRecord) -> Step {
    unless(counter_grows(record.sign_count, data.sign_count), AssertionRefused::CounterRegressed)
}

/// Whether a counter may follow another: both zero (the authenticator has none), or strictly greater.
pub const fn counter_grows(stored: u32, reported: u32) -> bool {
    (stored == 0 && reported == 0) || reported > stored
}
