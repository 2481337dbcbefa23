//! What both implementations know: the relying party, one challenge, and five passkeys that are registered with both.

use crate::support::{BE, BS, CredentialKey, Passkey, UP, UV, assertion_data, sha256};
use aldgate_core::id::{AccountId, CredentialDigest};
use aldgate_core::secret::MasterKey;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::world::NOW;
use aldgate_core::webauthn::assertion::{AssertionRefused, verify};
use aldgate_core::webauthn::challenge::{Ceremony, ChallengeKey, OpenedChallenge};
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::json::{AuthenticationResponse, BadMember};
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::collections::HashSet;
use webauthn_rs::prelude::{
    PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder,
    WebauthnError,
};

pub(crate) const RP_ID: &str = "login.example.org";
pub(crate) const ORIGIN: &str = "https://login.example.org";

#[derive(Debug)]
pub(crate) enum ByCore {
    Accepted,
    Unreadable(BadMember),
    UnknownCredential,
    Refused(AssertionRefused),
}

#[derive(Debug)]
pub(crate) enum ByReference {
    Accepted,
    Unreadable,
    Refused(WebauthnError),
}

impl ByReference {
    pub(crate) const fn is_parse_failure(&self) -> bool {
        matches!(self, Self::Unreadable | Self::Refused(WebauthnError::ParseJSONFailure(_)))
    }
}

/// A registered passkey, as each of the two knows it.
pub(crate) struct Subject {
    pub(crate) passkey: Passkey,
    pub(crate) record: CredentialRecord,
    pub(crate) good: Answer,
}

/// An answer in decoded parts.
#[derive(Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) credential_id: Vec<u8>,
    pub(crate) client_data: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) user_handle: Vec<u8>,
}

pub(crate) type Members = Vec<(String, String)>;

pub(crate) fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(bytes))
}

impl Answer {
    /// The members of the response's JSON, outer and inner.
    pub(crate) fn members(&self) -> (Members, Members) {
        let id = quoted(&self.credential_id);
        let own = |members: &[(&str, &str)]| {
            members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let outer = own(&[
            ("id", &id),
            ("rawId", &id),
            ("type", "\"public-key\""),
            ("authenticatorAttachment", "\"platform\""),
            ("clientExtensionResults", "{}"),
        ]);
        let inner = own(&[
            ("clientDataJSON", &quoted(&self.client_data)),
            ("authenticatorData", &quoted(&self.data)),
            ("signature", &quoted(&self.signature)),
            ("userHandle", &quoted(&self.user_handle)),
        ]);
        (outer, inner)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        let (outer, inner) = self.members();
        render(&outer, &inner)
    }
}

pub(crate) fn object(members: &Members) -> String {
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

pub(crate) fn render(outer: &Members, inner: &Members) -> Vec<u8> {
    let mut outer = outer.clone();
    outer.push(("response".into(), object(inner)));
    object(&outer).into_bytes()
}

/// All that both implementations know, and the ledger.
pub(crate) struct World {
    pub(crate) rp: RelyingParty,
    pub(crate) challenge: OpenedChallenge,
    pub(crate) reference: Webauthn,
    pub(crate) state: PasskeyAuthentication,
    pub(crate) subjects: Vec<Subject>,
    pub(crate) ledger: HashSet<(usize, [u8; 32])>,
}

pub(crate) fn client_data(kind: &str, challenge: &str) -> Vec<u8> {
    let text = format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#);
    text.into_bytes()
}

pub(crate) fn message(data: &[u8], client_data: &[u8]) -> [u8; 32] {
    sha256(&[data, &sha256(client_data)].concat())
}

/// Registers a passkey with webauthn-rs, as its callers do.
pub(crate) fn register(
    reference: &Webauthn,
    passkey: &Passkey,
    registration_data: &[u8],
) -> webauthn_rs::prelude::Passkey {
    let user = Uuid::from_bytes(*passkey.account.as_bytes());
    let (options, state): (_, PasskeyRegistration) =
        reference.start_passkey_registration(user, "name", "Name", None).expect("options");
    let challenge = serde_json::to_value(&options).expect("JSON")["publicKey"]["challenge"].clone();
    let len = u16::try_from(registration_data.len()).expect("short").to_be_bytes();
    let object = [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"[..], &len, registration_data].concat();
    let response = json!({
        "id": URL_SAFE_NO_PAD.encode(&passkey.credential_id),
        "rawId": URL_SAFE_NO_PAD.encode(&passkey.credential_id),
        "type": "public-key",
        "response": {
            "attestationObject": URL_SAFE_NO_PAD.encode(object),
            "clientDataJSON":
                URL_SAFE_NO_PAD.encode(client_data("webauthn.create", challenge.as_str().expect("a challenge"))),
        },
    });
    let response = serde_json::from_value(response).expect("a registration");
    reference.finish_passkey_registration(&response, &state).expect("registered")
}

impl World {
    pub(crate) fn new() -> Self {
        let rp = RelyingParty::new(RP_ID, "Example", vec![ORIGIN.into()], UserVerification::Required);
        let key = ChallengeKey::of(&MasterKey::new([4; 32]));
        let sealed = key.seal(Ceremony::Authentication, b"browser", NOW, &SeededEntropy::new(1)).expect("entropy");
        let challenge = key.open(&sealed, Ceremony::Authentication, b"browser", NOW).expect("ours");
        let origin = Url::parse(ORIGIN).expect("a URL");
        let reference = WebauthnBuilder::new(RP_ID, &origin).and_then(WebauthnBuilder::build).expect("a reference");
        // Key, flags at registration, stored counter. The last is slow to sign with, and so is rarely chosen.
        let made = [
            (CredentialKey::es256(&[3; 32]), UP | UV, 0),
            (CredentialKey::es256(&[4; 32]), UP | UV | BE | BS, 0),
            (CredentialKey::es256(&[5; 32]), UP | UV, 5_u32),
            (CredentialKey::es384(&[6; 48]), UP | UV | BE, 0),
            (CredentialKey::rs256(), UP | UV, 0),
        ];
        let (mut subjects, mut registered, mut ledger) = (Vec::new(), Vec::new(), HashSet::new());
        for ((key, flags, sign_count), n) in made.into_iter().zip(1_u8..) {
            let passkey =
                Passkey { key, credential_id: vec![n; 16 + usize::from(n)], account: AccountId::from_bytes([n; 16]) };
            let mut registration_data = passkey.registration_data(RP_ID, flags, &[0; 16]);
            registration_data[33..37].copy_from_slice(&sign_count.to_be_bytes());
            registered.push(register(&reference, &passkey, &registration_data));
            let data = assertion_data(RP_ID, flags, if sign_count == 0 { 0 } else { sign_count + 1 });
            let client_data = client_data("webauthn.get", &URL_SAFE_NO_PAD.encode(challenge.bytes()));
            let good = Answer {
                credential_id: passkey.credential_id.clone(),
                signature: passkey.sign(&data, &client_data),
                user_handle: passkey.account.as_bytes().to_vec(),
                client_data,
                data,
            };
            ledger.insert((subjects.len(), message(&good.data, &good.client_data)));
            subjects.push(Subject { record: passkey.record(&registration_data), passkey, good });
        }
        // The state of an authentication, with our challenge, and with a fixed backup eligibility as in webauthn-rs'
        // own flow for discoverable credentials.
        let (_, state) = reference.start_passkey_authentication(&registered).expect("options");
        let mut state = serde_json::to_value(state).expect("JSON");
        state["ast"]["challenge"] = URL_SAFE_NO_PAD.encode(challenge.bytes()).into();
        state["ast"]["allow_backup_eligible_upgrade"] = false.into();
        let state = serde_json::from_value(state).expect("a state");
        Self { rp, challenge, reference, state, subjects, ledger }
    }

    /// Signs an answer anew with its own subject's key.
    pub(crate) fn sign(&mut self, subject: usize, answer: &mut Answer) {
        answer.signature = self.subjects[subject].passkey.sign(&answer.data, &answer.client_data);
        self.ledger.insert((subject, message(&answer.data, &answer.client_data)));
    }

    pub(crate) fn by_core(&self, body: &[u8]) -> ByCore {
        let response = match AuthenticationResponse::parse(body) {
            Ok(response) => response,
            Err(bad) => return ByCore::Unreadable(bad),
        };
        let response = response.as_assertion();
        let digest = CredentialDigest::of(response.credential_id);
        let Some(subject) = self.subjects.iter().find(|subject| subject.record.digest == digest) else {
            return ByCore::UnknownCredential;
        };
        match verify(&self.rp, &self.challenge, &response, &subject.record) {
            Err(refused) => ByCore::Refused(refused),
            Ok(proof) => {
                assert_eq!((proof.record(), proof.challenge()), (&subject.record, &self.challenge));
                ByCore::Accepted
            }
        }
    }

    pub(crate) fn by_reference(&self, body: &[u8]) -> ByReference {
        let Ok(response) = serde_json::from_slice::<PublicKeyCredential>(body) else { return ByReference::Unreadable };
        match self.reference.finish_passkey_authentication(&response, &self.state) {
            Ok(_) => ByReference::Accepted,
            Err(error) => ByReference::Refused(error),
        }
    }

    /// What was signed is something that the credential's own key signed.
    pub(crate) fn is_in_ledger(&self, read: &Answer) -> bool {
        let subject = self.subjects.iter().position(|subject| subject.passkey.credential_id == read.credential_id);
        subject.is_some_and(|subject| self.ledger.contains(&(subject, message(&read.data, &read.client_data))))
    }
}
