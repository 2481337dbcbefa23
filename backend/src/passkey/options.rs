//! `PublicKeyCredentialCreationOptionsJSON` (WebAuthn Level 3, sections 5.1.9 and 5.4): what we ask a browser for.
//!
//! webauthn-rs makes the options; what is our policy and not its, is put in here. Each of these wishes is enforced
//! again when the answer comes (see [`super::verify`]): the browser's word is not enough.

use crate::model::Passkey;
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::webauthn::challenge::{CHALLENGE_BYTES, LIFETIME};
use aldgate_core::webauthn::public_key::OFFERED_ALGORITHMS;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// To what a challenge is bound: a value that only the browser which asked can present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// The journey towards a new account.
    Journey([u8; 16]),
    /// The session of the account's owner.
    Session(SessionId),
    /// The same, for a passkey that the browser makes by itself (mediation `conditional`).
    Conditional(SessionId),
}

impl Binding {
    /// Whether the browser makes the passkey by itself, while nobody looks.
    pub(super) const fn is_conditional(self) -> bool {
        matches!(self, Self::Conditional(_))
    }

    /// The bytes, with a mark of the kind, so that no journey can pass for a session.
    pub(super) fn bytes(self) -> [u8; 17] {
        let (kind, id) = match self {
            Self::Journey(id) => (1, id),
            Self::Session(id) => (2, *id.as_bytes()),
            Self::Conditional(id) => (3, *id.as_bytes()),
        };
        let mut bytes = [kind; 17];
        bytes[1..].copy_from_slice(&id);
        bytes
    }
}

/// For whom a passkey is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Applicant<'a> {
    /// The account: its bytes are the user handle.
    pub(crate) account: AccountId,
    /// What the authenticator shows: the e-mail address.
    pub(crate) name: &'a str,
}

/// Our policy, put into webauthn-rs' options.
pub(super) fn ours(
    mut options: Value,
    challenge: &[u8; CHALLENGE_BYTES],
    existing: &[Passkey],
    binding: Binding,
    models_are_known: bool,
) -> Value {
    // Only what can be held against the list of models is worth a person's being asked whether their browser may show it.
    let attested = models_are_known && !binding.is_conditional();
    // Whoever is not asked cannot be verified; each log-in verifies them nevertheless.
    let verification = if binding.is_conditional() { "preferred" } else { "required" };
    let descriptor =
        |passkey: &Passkey| json!({"type": "public-key", "id": URL_SAFE_NO_PAD.encode(&passkey.credential_id)});
    let parameter = |alg: i64| json!({"type": "public-key", "alg": alg});
    for (member, value) in [
        ("challenge", json!(URL_SAFE_NO_PAD.encode(challenge))),
        ("timeout", json!(u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX))),
        ("pubKeyCredParams", OFFERED_ALGORITHMS.map(parameter).as_slice().into()),
        ("excludeCredentials", existing.iter().map(descriptor).collect()),
        (
            "authenticatorSelection",
            json!({"residentKey": "required", "requireResidentKey": true, "userVerification": verification}),
        ),
        ("attestation", json!(if attested { "direct" } else { "none" })),
        ("attestationFormats", json!(if attested { &["packed"][..] } else { &[] })),
        ("extensions", json!({"credProps": true})),
    ] {
        options[member] = value;
    }
    options
}
