//! Whatever bytes arrive, nothing panics and nothing is proved (ASVS 5.0, V1 and V2; WebAuthn Level 3, 7.2).
//!
//! Goal: the parsers and verifiers that meet a stranger's bytes (cookie headers, tokens, challenges, JSON bodies,
//! client data, authenticator data, keys, signatures) answer every input, and give a proof (`Presenter`,
//! `OpenedChallenge`, `VerifiedAssertion`) for none that was not made for it.
//!
//! Method: properties. Bytes come in three degrees of likeness to what is right: any at all, any arrangement of the
//! right pieces, and the right thing with a few bytes changed. Where a signature could hide what the parsers do, the
//! strange bytes are signed with the right key.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::secret::MasterKey;
use aldgate_core::session::cookie::{self, CEREMONY, Found, SESSION};
use aldgate_core::session::token::TagKeys;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::world::{NOW, master_key};
use aldgate_core::webauthn::assertion::{AssertionRefused, AssertionResponse, VerifiedAssertion, verify};
use aldgate_core::webauthn::attestation_object::AttestationObject;
use aldgate_core::webauthn::authenticator_data::AuthenticatorData;
use aldgate_core::webauthn::challenge::{CHALLENGE_BYTES, Ceremony, ChallengeKey, OpenedChallenge};
use aldgate_core::webauthn::client_data::ClientData;
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::json::AuthenticationResponse;
use aldgate_core::webauthn::public_key::PublicKey;
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::LazyLock;
use support::{AT, BE, BS, CredentialKey, ED, Passkey, UP, UV, assertion_data};

const RP_ID: &str = "login.example.org";
const ORIGIN: &str = "https://login.example.org";

struct World {
    rp: RelyingParty,
    key: ChallengeKey,
    challenge: OpenedChallenge,
    passkey: Passkey,
    record: CredentialRecord,
    client_data: Vec<u8>,
    data: Vec<u8>,
    signature: Vec<u8>,
    body: Vec<u8>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let key = ChallengeKey::of(&MasterKey::new([4; 32]));
    let sealed = key.seal(Ceremony::Authentication, b"browser", NOW, &SeededEntropy::new(1)).expect("entropy");
    let challenge = key.open(&sealed, Ceremony::Authentication, b"browser", NOW).expect("ours");
    let passkey = Passkey {
        key: CredentialKey::es256(&[3; 32]),
        credential_id: vec![7; 32],
        account: AccountId::from_bytes([1; 16]),
    };
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let client_data = format!(r#"{{"type":"webauthn.get","challenge":"{}","origin":"{ORIGIN}"}}"#, text(&sealed));
    let data = assertion_data(RP_ID, UP | UV, 0);
    let signature = passkey.sign(&data, client_data.as_bytes());
    let body = format!(
        concat!(
            r#"{{"id":"{id}","rawId":"{id}","type":"public-key","response":{{"clientDataJSON":"{}","#,
            r#""authenticatorData":"{}","signature":"{}","userHandle":"{}"}}}}"#
        ),
        text(client_data.as_bytes()),
        text(&data),
        text(&signature),
        text(passkey.account.as_bytes()),
        id = text(&passkey.credential_id),
    );
    World {
        rp: RelyingParty::new(RP_ID, "Example", vec![ORIGIN.into()], UserVerification::Required),
        record: passkey.record(&passkey.registration_data(RP_ID, UP | UV, &[0; 16])),
        client_data: client_data.into_bytes(),
        body: body.into_bytes(),
        key,
        challenge,
        passkey,
        data,
        signature,
    }
});

impl World {
    fn right(&self) -> AssertionResponse<'_> {
        AssertionResponse {
            credential_id: &self.passkey.credential_id,
            client_data: &self.client_data,
            authenticator_data: &self.data,
            signature: &self.signature,
            user_handle: Some(self.passkey.account.as_bytes()),
        }
    }

    fn verify(&self, response: &AssertionResponse<'_>) -> Result<VerifiedAssertion, AssertionRefused> {
        verify(&self.rp, &self.challenge, response, &self.record)
    }

    /// What comes of client data and authenticator data if the right key signs them.
    fn verify_signed(&self, client_data: &[u8], data: &[u8]) -> Result<VerifiedAssertion, AssertionRefused> {
        let signature = self.passkey.sign(data, client_data);
        self.verify(&AssertionResponse { client_data, authenticator_data: data, signature: &signature, ..self.right() })
    }

    /// What comes of a request body.
    fn verify_body(&self, body: &[u8]) -> Option<VerifiedAssertion> {
        let response = AuthenticationResponse::parse(body).ok()?;
        self.verify(&response.as_assertion()).ok()
    }
}

/// Any bytes, mostly few.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![4 => vec(any::<u8>(), 0..64), 1 => vec(any::<u8>(), 0..2_000), 1 => vec(any::<u8>(), 4_000..9_000)]
}

/// The right pieces in any order, with anything in between.
fn pieces(right: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece =
        prop_oneof![8 => select(right).prop_map(|piece| piece.as_bytes().to_vec()), 1 => vec(any::<u8>(), 0..4)];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Something right with one to four edits: a byte changed, put in, or taken out.
fn damaged(right: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..5).prop_map(move |edits| {
        let mut bytes = right.clone();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len().max(1));
            match how {
                0 => bytes.insert(at.min(bytes.len()), byte),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.truncate(at),
                _ if at < bytes.len() => bytes[at] = byte,
                _ => {}
            }
        }
        bytes
    })
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "null",
    "true",
    "1e9",
    "\"id\":",
    "\"rawId\":",
    "\"type\":",
    "\"response\":",
    "\"public-key\"",
    "\"AAEC\"",
    "\"clientDataJSON\":",
    "\"authenticatorData\":",
    "\"signature\":",
    "\"userHandle\":",
    "\"challenge\":",
    "\"origin\":",
    "\"crossOrigin\":",
    "\"topOrigin\":",
    "\"webauthn.get\"",
    "\u{feff}",
    "\\ud800",
    "\"https://login.example.org\"",
];

const COOKIES: &[&str] =
    &["__Host-aldgate", "__Host-aldgate-ceremony", "__host-ALDGATE", "=", ";", "; ", ",", " ", "\t", "\"", "a=1", "\0"];

#[test]
fn the_right_bytes_are_proof_so_the_properties_are_not_empty() {
    let world = &*WORLD;
    assert!(world.verify(&world.right()).is_ok());
    assert!(world.verify_body(&world.body).is_some());
    assert!(world.verify_signed(&world.client_data, &world.data).is_ok());
}

#[test]
fn a_response_that_is_an_array_is_refused() {
    let world = &*WORLD;
    let text = String::from_utf8(world.body.clone()).expect("UTF-8");
    let (outer, inner) = text.split_once(r#""response":{"#).expect("a response");
    let values: Vec<_> =
        inner.trim_end_matches('}').split(',').map(|member| member.split_once(':').expect("a member").1).collect();
    let body = format!(r#"{outer}"response":[{}]}}"#, values.join(","));
    let refused = AuthenticationResponse::parse(body.as_bytes()).expect_err("refused");
    assert_eq!(refused.field, "response");
}

#[test]
fn deep_nesting_is_answered() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
        assert!(WORLD.verify_body(deep.as_bytes()).is_none());
        assert!(WORLD.verify_body(format!(r#"{{"more":{deep}}}"#).as_bytes()).is_none());
        assert!(WORLD.verify_body(format!(r#"{{"response":{{"userHandle":{deep}}}}}"#).as_bytes()).is_none());
        assert!(ClientData::parse(deep.as_bytes()).is_err());
    }
    for (open, times) in [(&[0x81_u8][..], 4_000), (&[0xa1, 0x61, b'x'], 1_300), (&[0xc0], 4_000), (&[0x9f], 4_000)] {
        let mut data = assertion_data(RP_ID, UP | UV | ED, 0);
        data.extend_from_slice(&[0xa1, 0x61, b'x']);
        data.extend(open.repeat(times));
        assert!(AuthenticatorData::parse(&data).is_err());
        data.push(0x00);
        let _ = AuthenticatorData::parse(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn no_cookie_header_opens_a_session(headers in vec(prop_oneof![bytes(), pieces(COOKIES)], 0..4)) {
        let headers = || headers.iter().map(Vec::as_slice);
        for name in [SESSION, CEREMONY] {
            if let Found::One(value) = cookie::find(headers(), name) {
                prop_assert!(TagKeys::at(&master_key(), NOW).verify(value, "localhost", NOW).is_err());
            }
        }
        if let Some(left) = cookie::without_ours(headers()) {
            for name in [SESSION, CEREMONY] {
                prop_assert_eq!(cookie::find([left.as_slice()], name), Found::Nothing);
            }
            prop_assert!(left.split(|byte| *byte == b';').all(|pair| !cookie::is_ours(pair)));
        }
    }

    #[test]
    fn a_damaged_token_opens_nothing_but_what_it_was_made_for(
        token in Just(()).prop_flat_map(|()| {
            damaged(TagKeys::at(&master_key(), NOW).token(SessionId::from_bytes([3; 16]), "localhost").into_bytes())
        }),
    ) {
        let keys = TagKeys::at(&master_key(), NOW);
        let whole = token == keys.token(SessionId::from_bytes([3; 16]), "localhost").as_bytes();
        prop_assert_eq!(keys.verify(&token, "localhost", NOW).is_ok(), whole);
    }

    #[test]
    fn no_bytes_open_as_a_challenge(
        presented in prop_oneof![bytes(), vec(any::<u8>(), CHALLENGE_BYTES), damaged(WORLD.challenge.bytes().to_vec())],
        binding in prop_oneof![Just(b"browser".to_vec()), bytes()],
    ) {
        let opened = WORLD.key.open(&presented, Ceremony::Authentication, &binding, NOW);
        let whole = presented == WORLD.challenge.bytes() && binding == b"browser";
        prop_assert_eq!(opened.is_ok(), whole);
        prop_assert!(WORLD.key.open(&presented, Ceremony::Registration, &binding, NOW).is_err());
    }

    #[test]
    fn no_body_is_proof(body in prop_oneof![bytes(), pieces(JSON)]) {
        prop_assert_eq!(WORLD.verify_body(&body), None);
    }

    #[test]
    fn a_damaged_body_proves_only_what_was_signed(body in damaged(WORLD.body.clone())) {
        if let Some(proof) = WORLD.verify_body(&body) {
            // The damage met nothing that is read.
            let response = AuthenticationResponse::parse(&body).expect("accepted");
            let (read, right) = (response.as_assertion(), WORLD.right());
            prop_assert_eq!(read.credential_id, right.credential_id);
            prop_assert_eq!(read.client_data, right.client_data);
            prop_assert_eq!(read.authenticator_data, right.authenticator_data);
            prop_assert_eq!(read.signature, right.signature);
            prop_assert_eq!(read.user_handle, right.user_handle);
            prop_assert_eq!(proof.record(), &WORLD.record);
        }
    }

    #[test]
    fn strange_client_data_is_no_proof_even_if_it_is_signed(client_data in prop_oneof![bytes(), pieces(JSON)]) {
        prop_assert!(WORLD.verify_signed(&client_data, &WORLD.data).is_err());
    }

    #[test]
    fn damaged_client_data_that_is_signed_must_still_say_the_right_things(
        client_data in damaged(WORLD.client_data.clone()),
    ) {
        if WORLD.verify_signed(&client_data, &WORLD.data).is_ok() {
            let read: serde_json::Value = serde_json::from_slice(&client_data).expect("JSON");
            prop_assert_eq!(&read["type"], "webauthn.get");
            prop_assert_eq!(&read["origin"], ORIGIN);
            prop_assert_eq!(&read["challenge"], &URL_SAFE_NO_PAD.encode(WORLD.challenge.bytes()));
        }
    }

    #[test]
    fn strange_authenticator_data_is_no_proof_even_if_it_is_signed(data in bytes()) {
        prop_assert!(WORLD.verify_signed(&WORLD.client_data, &data).is_err());
    }

    #[test]
    fn signed_authenticator_data_proves_only_what_its_flags_say(flags: u8, sign_count: u32, tail in bytes()) {
        let mut data = assertion_data(RP_ID, flags, sign_count);
        data.extend_from_slice(&tail);
        if let Ok(proof) = WORLD.verify_signed(&WORLD.client_data, &data) {
            prop_assert_eq!(flags & (UP | UV | BE | BS), UP | UV);
            prop_assert!(tail.is_empty() || flags & (AT | ED) != 0);
            prop_assert_eq!((proof.sign_count(), proof.backup_state()), (sign_count, false));
        }
    }

    #[test]
    fn attested_data_of_any_bytes_is_answered(flags: u8, tail in prop_oneof![
        bytes(),
        damaged(WORLD.passkey.registration_data(RP_ID, UP | UV, &[0; 16])[37..].to_vec()),
    ]) {
        let mut data = assertion_data(RP_ID, flags | AT, 0);
        data.extend_from_slice(&tail);
        if let Ok(parsed) = AuthenticatorData::parse(&data) {
            let attested = parsed.attested.expect("announced");
            prop_assert!(!attested.credential_id.is_empty());
            prop_assert!(attested.public_key.verify(b"message", b"signature").is_err());
            // What was read is what will be stored.
            let mut stored = Vec::new();
            attested.public_key.encode(&mut stored);
            prop_assert_eq!(PublicKey::decode(&stored), Some(attested.public_key));
        }
    }

    #[test]
    fn an_attestation_object_of_any_bytes_is_answered(object in prop_oneof![
        bytes(),
        damaged([b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58\x25", &WORLD.data[..]].concat()),
    ]) {
        if let Ok(parsed) = AttestationObject::parse(&object) {
            prop_assert!(parsed.statement.len() + parsed.authenticator_data.len() < object.len());
        }
    }

    #[test]
    fn no_signature_of_any_bytes_verifies(
        key in 0..4_usize,
        signature in prop_oneof![bytes(), damaged(WORLD.signature.clone())],
    ) {
        let key = match key {
            0 => WORLD.record.public_key.clone(),
            1 => PublicKey::from_cose(&CredentialKey::es384(&[3; 48]).cose()).expect("a key").0,
            2 => PublicKey::from_cose(&CredentialKey::eddsa(&[3; 32]).cose()).expect("a key").0,
            _ => PublicKey::Rs256 { n: vec![0xff; 256].into(), e: vec![1, 0, 1].into() },
        };
        prop_assert!(key.verify(b"another message", &signature).is_err());
    }

    #[test]
    fn stored_bytes_of_any_kind_are_answered(
        stored in prop_oneof![bytes(), damaged(WORLD.record.encode())],
        kind in 1..5_u8,
        key in bytes(),
        signature in bytes(),
    ) {
        let digest = CredentialDigest::of(b"id");
        if let Some(record) = CredentialRecord::decode(digest, &stored) {
            prop_assert_eq!(record.encode(), stored);
            prop_assert!(record.public_key.verify(b"message", &signature).is_err());
        }
        let stored = [&[kind], &key[..]].concat();
        if let Some(key) = PublicKey::decode(&stored) {
            prop_assert!(key.verify(b"message", &signature).is_err());
        }
    }

    #[test]
    fn a_cose_key_of_any_bytes_is_answered(cose in prop_oneof![
        bytes(),
        damaged(CredentialKey::es256(&[3; 32]).cose()),
        damaged(CredentialKey::es384(&[3; 48]).cose()),
        damaged(CredentialKey::eddsa(&[3; 32]).cose()),
        damaged(CredentialKey::rs256().cose()),
    ]) {
        if let Ok((key, used)) = PublicKey::from_cose(&cose) {
            prop_assert!(used <= cose.len());
            prop_assert!(key.verify(b"message", b"signature").is_err());
        }
    }
}
