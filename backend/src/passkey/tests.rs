//! Registrations by software authenticators, good and bad: every step of section 7.1 that can refuse, does.

use super::*;
use aldgate_core::id::CredentialDigest;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::{SeededEntropy, world};
use aldgate_core::webauthn::attestation_object::AttestationObject;
use aldgate_core::webauthn::challenge::LIFETIME;
use aldgate_core::webauthn::public_key::PublicKey;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::time::Duration;

const NOW: Timestamp = world::NOW;
const RP_ID: &str = "localhost";
const ORIGIN: &str = "http://localhost:8080";
const BINDING: Binding = Binding::Journey([7; 16]);
const UP_UV: u8 = 0x05;

fn registration() -> Registration {
    let entropy = Arc::new(SeededEntropy::new(3));
    Registration::new(world::relying_party(), None, &world::master_key(), entropy).expect("relying party")
}

fn challenge(registration: &Registration) -> String {
    let applicant = Applicant { account: AccountId::from_bytes([9; 16]), name: "a@b.example" };
    let options = registration.options(BINDING, applicant, &[], NOW).expect("options");
    options["challenge"].as_str().expect("challenge").to_owned()
}

fn response(credential_id: &[u8], attestation_object: Vec<u8>, client_data: String) -> RegistrationResponse {
    RegistrationResponse {
        conditional: false,
        credential_id: credential_id.to_vec(),
        client_data: client_data.into_bytes(),
        attestation_object,
        transports: vec![],
    }
}

fn good(registration: &Registration, authenticator: &Authenticator, flags: u8) -> RegistrationResponse {
    let client_data = Authenticator::client_data("webauthn.create", &challenge(registration), ORIGIN);
    response(&authenticator.credential_id, authenticator.attestation_object(RP_ID, flags), client_data)
}

fn judge(registration: &Registration, response: &RegistrationResponse) -> Result<CredentialRecord, AnswerRefused> {
    let verified = registration.verify(BINDING, response, AccountId::from_bytes([9; 16]), NOW);
    verified.map(|verified| verified.into_parts().1)
}

use aldgate_core::webauthn::credential::CredentialRecord;

fn refused(step: RegistrationRefused) -> Result<CredentialRecord, AnswerRefused> {
    Err(AnswerRefused::Registration(step))
}

#[test]
fn the_options_say_our_policy() {
    let registration = registration();
    let applicant = Applicant { account: AccountId::from_bytes([9; 16]), name: "a@b.example" };
    let existing = Passkey {
        digest: CredentialDigest::of(b"id"),
        credential_id: vec![0, 1, 2],
        name: "n".into(),
        created: NOW,
        last_used: None,
        backup_eligible: false,
        backup_state: false,
        aaguid: [0; 16],
    };
    let options = registration.options(BINDING, applicant, &[existing], NOW).expect("options");
    assert_eq!(options["rp"], serde_json::json!({"id": "localhost", "name": "Aldgate"}));
    let user = serde_json::json!({"id": "CQkJCQkJCQkJCQkJCQkJCQ", "name": "a@b.example", "displayName": "a@b.example"});
    assert_eq!(options["user"], user);
    let algorithms: Vec<_> =
        options["pubKeyCredParams"].as_array().expect("list").iter().map(|p| p["alg"].as_i64()).collect();
    assert_eq!(algorithms, [Some(-7), Some(-8), Some(-35), Some(-257)]);
    assert_eq!(options["excludeCredentials"], serde_json::json!([{"type": "public-key", "id": "AAEC"}]));
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["extensions"], serde_json::json!({"credProps": true}));
    assert_eq!(options["attestation"], "none");
}

#[test]
fn a_passkey_is_registered_as_it_was_made() {
    let registration = registration();
    let authenticator = Authenticator::derived(1, 1);
    let record = judge(&registration, &good(&registration, &authenticator, UP_UV | 0x18)).expect("record");
    let expected = CredentialRecord {
        account: AccountId::from_bytes([9; 16]),
        backup_eligible: true,
        backup_state: true,
        ..authenticator.record()
    };
    assert_eq!(record, expected);
}

#[test]
fn every_wrong_flag_is_refused() {
    let (registration, authenticator) = (registration(), Authenticator::derived(1, 1));
    for (flags, step) in [
        (0x04, RegistrationRefused::UserNotPresent),
        (0x01, RegistrationRefused::UserNotVerified),
        (UP_UV | 0x10, RegistrationRefused::BackupStateInvalid),
        (UP_UV | 0x80, RegistrationRefused::AuthenticatorDataMalformed),
    ] {
        assert_eq!(judge(&registration, &good(&registration, &authenticator, flags)), refused(step), "{flags:#x}");
    }
}

#[test]
fn another_site_page_or_ceremony_is_refused() {
    let (registration, authenticator) = (registration(), Authenticator::derived(1, 1));
    let challenge = challenge(&registration);
    let object = |rp| authenticator.attestation_object(rp, UP_UV);
    let judge_with =
        |object, client_data| judge(&registration, &response(&authenticator.credential_id, object, client_data));
    let data = |kind, origin| Authenticator::client_data(kind, &challenge, origin);
    for origin in
        ["http://localhost", "http://localhost:8081", "https://localhost:8080", "http://localhost:8080/", "null"]
    {
        let judged = judge_with(object(RP_ID), data("webauthn.create", origin));
        assert_eq!(judged, refused(RegistrationRefused::OriginUnknown), "{origin}");
    }
    let judged = judge_with(object(RP_ID), data("webauthn.get", ORIGIN));
    assert_eq!(judged, refused(RegistrationRefused::TypeMismatch));
    let judged = judge_with(object("localhost.example"), data("webauthn.create", ORIGIN));
    assert_eq!(judged, refused(RegistrationRefused::RpIdMismatch));
    let framed = data("webauthn.create", ORIGIN).replace("false", "true");
    assert_eq!(judge_with(object(RP_ID), framed), refused(RegistrationRefused::CrossOrigin));
}

#[test]
fn the_envelope_must_name_the_credential_that_was_made() {
    let (registration, authenticator) = (registration(), Authenticator::derived(1, 1));
    let mut response = good(&registration, &authenticator, UP_UV);
    response.credential_id[0] ^= 1;
    assert_eq!(judge(&registration, &response), refused(RegistrationRefused::CredentialIdMismatch));
}

#[test]
fn a_challenge_of_another_binding_or_time_is_refused() {
    let (registration, authenticator) = (registration(), Authenticator::derived(1, 1));
    let response = good(&registration, &authenticator, UP_UV);
    let judge = |binding, now| registration.verify(binding, &response, AccountId::from_bytes([9; 16]), now).map(|_| ());
    let refused = |refusal| Err(AnswerRefused::Challenge(refusal));
    assert_eq!(judge(BINDING, NOW.plus(LIFETIME - Duration::from_millis(1))), Ok(()));
    assert_eq!(judge(BINDING, NOW.plus(LIFETIME)), refused(ChallengeRefused::Expired));
    assert_eq!(judge(Binding::Journey([8; 16]), NOW), refused(ChallengeRefused::NotOurs));
    assert_eq!(judge(Binding::Session(SessionId::from_bytes([7; 16])), NOW), refused(ChallengeRefused::NotOurs));
}

use aldgate_core::id::SessionId;

/// An attestation object around any COSE key and statement.
fn object(cose: &[u8], format: &str, statement: &[u8]) -> Vec<u8> {
    let mut data = Authenticator::authenticator_data(RP_ID, UP_UV | 0x40, 0);
    data.extend_from_slice(&[0; 16]);
    data.extend_from_slice(&[0, 32]);
    data.extend_from_slice(&[5; 32]);
    data.extend_from_slice(cose);
    let mut object = vec![0xa3, 0x63, b'f', b'm', b't', 0x60 | u8::try_from(format.len()).expect("short")];
    object.extend_from_slice(format.as_bytes());
    object.extend_from_slice(b"\x67attStmt");
    object.extend_from_slice(statement);
    object.extend_from_slice(b"\x68authData\x59");
    object.extend_from_slice(&u16::try_from(data.len()).expect("short").to_be_bytes());
    object.extend_from_slice(&data);
    object
}

fn judge_key(cose: &[u8], format: &str, statement: &[u8]) -> Result<CredentialRecord, AnswerRefused> {
    let registration = registration();
    let client_data = Authenticator::client_data("webauthn.create", &challenge(&registration), ORIGIN);
    judge(&registration, &response(&[5; 32], object(cose, format, statement), client_data))
}

fn ed25519() -> ([u8; 32], Vec<u8>) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("seed");
    let key: [u8; 32] = pair.public_key().as_ref().try_into().expect("32 bytes");
    let mut cose = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
    cose.extend_from_slice(&key);
    (key, cose)
}

#[test]
fn ed25519_is_registered_without_a_statement_or_with_one_of_its_own_and_with_no_other() {
    let (key, cose) = ed25519();
    let record = judge_key(&cose, "none", &[0xa0]).expect("record");
    assert_eq!(record.public_key, PublicKey::EdDsa(Box::new(key)));
    let forged = [&b"\xa2\x63alg\x27\x63sig\x58\x40"[..], &[0; 64]].concat();
    for (format, statement) in [
        ("packed", &forged[..]),
        ("packed", b"\xa0"),
        ("none", b"\xa1\x61a\x01"),
        ("fido-u2f", &forged),
        ("tpm", &forged),
    ] {
        assert_eq!(judge_key(&cose, format, statement), refused(RegistrationRefused::StatementRefused), "{format}");
    }
    // By the key itself, over these bytes and this challenge; `alg` says whose it is.
    let registration = registration();
    let client_data = Authenticator::client_data("webauthn.create", &challenge(&registration), ORIGIN);
    let data_of = |object: &[u8]| AttestationObject::parse(object).expect("an object").authenticator_data.to_vec();
    let data = data_of(&object(&cose, "none", &[0xa0]));
    let signed = [&data[..], digest(&SHA256, client_data.as_bytes()).as_ref()].concat();
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("seed");
    let statement = |alg: &[u8]| [b"\xa2\x63alg", alg, b"\x63sig\x58\x40", pair.sign(&signed).as_ref()].concat();
    let judged = |statement: &[u8], client_data: &str| {
        judge(&registration, &response(&[5; 32], object(&cose, "packed", statement), client_data.to_owned()))
    };
    assert_eq!(judged(&statement(b"\x27"), &client_data).map(|record| record.digest), Ok(record.digest));
    let other = client_data.replace("false", "false ");
    assert_eq!(judged(&statement(b"\x27"), &other), refused(RegistrationRefused::StatementRefused));
    assert_eq!(judged(&statement(b"\x26"), &client_data), refused(RegistrationRefused::StatementRefused));
}

#[test]
fn an_algorithm_that_was_not_offered_is_refused() {
    // ES512 (-36) on P-521, and PS256 (-37): neither is in pubKeyCredParams.
    let mut es512 = vec![0xa5, 0x01, 0x02, 0x03, 0x38, 0x23, 0x20, 0x03, 0x21, 0x58, 0x42];
    es512.extend_from_slice(&[1; 66]);
    es512.extend_from_slice(&[0x22, 0x58, 0x42]);
    es512.extend_from_slice(&[2; 66]);
    let mut ps256 = vec![0xa4, 0x01, 0x03, 0x03, 0x38, 0x24, 0x20, 0x59, 0x01, 0x00];
    ps256.extend_from_slice(&[3; 256]);
    ps256.extend_from_slice(&[0x21, 0x43, 1, 0, 1]);
    for cose in [es512, ps256] {
        let judged = judge_key(&cose, "none", &[0xa0]);
        assert_eq!(judged, refused(RegistrationRefused::AuthenticatorDataMalformed));
    }
}

#[test]
fn a_false_statement_or_a_point_off_the_curve_is_refused() {
    let mut off_curve = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    off_curve.extend_from_slice(&[1; 32]);
    off_curve.extend_from_slice(&[0x22, 0x58, 0x20]);
    off_curve.extend_from_slice(&[2; 32]);
    let packed = b"\xa2\x63alg\x26\x63sig\x43abc";
    assert_eq!(judge_key(&off_curve, "packed", packed), refused(RegistrationRefused::StatementRefused));
    assert_eq!(judge_key(&off_curve, "unheard-of", &[0xa0]), refused(RegistrationRefused::StatementRefused));
}

#[test]
fn no_damage_to_a_good_response_makes_it_panic_or_changes_what_is_stored() {
    let (registration, authenticator) = (registration(), Authenticator::derived(1, 1));
    let good = good(&registration, &authenticator, UP_UV);
    let record = judge(&registration, &good).expect("record");
    for at in 0..good.attestation_object.len() {
        for bit in [0x01, 0x80] {
            let mut damaged = good.clone();
            damaged.attestation_object[at] ^= bit;
            if let Ok(other) = judge(&registration, &damaged) {
                assert_eq!(other.digest, record.digest, "byte {at}");
            }
        }
    }
}
