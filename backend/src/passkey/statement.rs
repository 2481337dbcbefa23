//! webauthn-rs: the options that a registration begins with, and the second opinion on how it ends, which includes
//! the attestation statement (WebAuthn Level 3, sections 7.1 steps 22 and 23, and 8).
//!
//! webauthn-rs keeps a state between the two calls. We keep none: the challenge is sealed (see
//! [`aldgate_core::webauthn::challenge`]), so a fresh state is made at the end and given our challenge by way of its
//! JSON form. Nothing of that state is ever shown to a client.

use super::response::RegistrationResponse;
use aldgate_core::id::AccountId;
use aldgate_core::webauthn::challenge::OpenedChallenge;
use aldgate_core::webauthn::relying_party::RelyingParty;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use webauthn_rs::prelude::{PasskeyRegistration, RegisterPublicKeyCredential, Url, Uuid};
use webauthn_rs::{Webauthn, WebauthnBuilder};

/// The relying party cannot be given to webauthn-rs: an origin is no URL, or has nothing to do with the RP ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relying party's ID and origins do not fit each other")]
pub(crate) struct UnfitRelyingParty;

/// webauthn-rs refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StatementRefused;

/// Whoever reads statements.
pub(crate) struct Statements(Webauthn);

impl Statements {
    /// For one relying party.
    pub(crate) fn new(rp: &RelyingParty) -> Result<Self, UnfitRelyingParty> {
        let origins: Result<Vec<_>, _> = rp.origins.iter().map(|origin| Url::parse(origin)).collect();
        let origins = origins.map_err(|_| UnfitRelyingParty)?;
        let (first, others) = origins.split_first().ok_or(UnfitRelyingParty)?;
        let builder = WebauthnBuilder::new(&rp.id, first).map_err(|_| UnfitRelyingParty)?.rp_name(&rp.name);
        let builder = others.iter().fold(builder, WebauthnBuilder::append_allowed_origin);
        Ok(Self(builder.build().map_err(|_| UnfitRelyingParty)?))
    }

    /// `PublicKeyCredentialCreationOptionsJSON` as webauthn-rs would send it, its challenge included; the caller puts
    /// ours in, and the rest of our policy.
    pub(crate) fn options(&self, account: AccountId, name: &str) -> Option<Value> {
        let user = Uuid::from_bytes(*account.as_bytes());
        let (response, _) = self.0.start_passkey_registration(user, name, name, None).ok()?;
        serde_json::to_value(response.public_key).ok()
    }

    /// Verifies the response as a whole, with its statement. Gives the credential ID as webauthn-rs read it.
    pub(crate) fn verify(
        &self,
        challenge: &OpenedChallenge,
        response: &RegistrationResponse,
    ) -> Result<Vec<u8>, StatementRefused> {
        let state = self.state(challenge).ok_or(StatementRefused)?;
        let credential = credential(response).ok_or(StatementRefused)?;
        let passkey = self.0.finish_passkey_registration(&credential, &state).map_err(|_| StatementRefused)?;
        Ok(passkey.cred_id().to_vec())
    }

    /// A state that expects `challenge`. The account plays no part in it.
    fn state(&self, challenge: &OpenedChallenge) -> Option<PasskeyRegistration> {
        let (_, state) = self.0.start_passkey_registration(Uuid::nil(), "-", "-", None).ok()?;
        let mut state = serde_json::to_value(state).ok()?;
        *state.pointer_mut("/rs/challenge")? = URL_SAFE_NO_PAD.encode(challenge.bytes()).into();
        serde_json::from_value(state).ok()
    }
}

/// Extension results and transports decide nothing and are left out.
fn credential(response: &RegistrationResponse) -> Option<RegisterPublicKeyCredential> {
    let id = URL_SAFE_NO_PAD.encode(&response.credential_id);
    let json = json!({
        "id": id,
        "rawId": id,
        "type": "public-key",
        "extensions": {},
        "response": {
            "clientDataJSON": URL_SAFE_NO_PAD.encode(&response.client_data),
            "attestationObject": URL_SAFE_NO_PAD.encode(&response.attestation_object),
        },
    });
    serde_json::from_value(json).ok()
}
