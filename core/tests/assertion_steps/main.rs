//! Each step of an assertion's verification, broken alone (WebAuthn Level 3, section 7.2).
//!
//! Goal: every refusal is reached by the step that it names, the steps run in the Recommendation's order, and none of
//! the known attacks on the single steps gets through.
//!
//! Method: a software passkey answers a sealed challenge correctly. A test breaks one thing *before* the signature is
//! made, so that nothing but the step under test can refuse; what concerns the signature itself is broken after.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod answer;
mod signature;
#[path = "../support/mod.rs"]
mod support;

use answer::*;

use AssertionRefused::*;
use aldgate_core::id::{AccountId, CredentialDigest};
use aldgate_core::testing::world::NOW;
use aldgate_core::webauthn::assertion::{AssertionRefused, AssertionResponse, verify};
use aldgate_core::webauthn::challenge::{Ceremony, ChallengeRefused};
use aldgate_core::webauthn::credential::CredentialRecord;
use aldgate_core::webauthn::relying_party::UserVerification;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use support::{AT, BE, BS, CredentialKey, ED, Passkey, UP, UV, assertion_data};

/// Breaks one thing of a good answer.
type Break = fn(&mut Answer);

fn outcome_of_client_data(text: impl Into<Vec<u8>>) -> Result<(), AssertionRefused> {
    outcome(|answer| answer.client_data = Some(text.into()))
}
/// One way to break each step, in the order of the steps; each leaves all other steps whole.
const BREAKS: [(AssertionRefused, Break); 17] = [
    (CredentialMismatch, |a| a.credential_id = vec![8; 32]),
    (UserHandleMissing, |a| a.user_handle = None),
    (UserHandleMismatch, |a| a.user_handle = Some(vec![2; 16])),
    (ClientDataMalformed, |a| a.client_data = Some([&a.client_data()[..], b"x"].concat())),
    (TypeMismatch, |a| a.kind = "webauthn.create"),
    (ChallengeMismatch, |a| a.challenge = URL_SAFE_NO_PAD.encode(sealed(Ceremony::Authentication, 2))),
    (OriginUnknown, |a| a.origin = "https://login.example.net".into()),
    (CrossOrigin, |a| a.cross_origin = true),
    (TopOriginUnknown, |a| a.top_origin = Some("https://elsewhere.example.org")),
    (AuthenticatorDataMalformed, |a| a.tail = vec![0]),
    (RpIdMismatch, |a| a.rp_id = "example.org"),
    (UserNotPresent, |a| a.flags &= !UP),
    (UserNotVerified, |a| a.flags &= !UV),
    (BackupStateInvalid, |a| a.flags |= BS),
    (BackupEligibilityChanged, |a| a.record.backup_eligible = true),
    (BadSignature, |a| a.signature = Some(Box::new(|passkey, _, client_data| passkey.sign(b"", client_data)))),
    (CounterRegressed, |a| a.record.sign_count = 1),
];

#[test]
fn a_good_answer_is_proof_of_what_the_authenticator_said() {
    let mut answer = Answer::good();
    (answer.flags, answer.sign_count) = (UP | UV | BE | BS, 6);
    (answer.record.backup_eligible, answer.record.sign_count) = (true, 5);
    let proof = answer.verify().expect("a proof");
    assert_eq!(proof.challenge(), &opened());
    assert_eq!(proof.record(), &answer.record);
    assert_eq!((proof.sign_count(), proof.user_verified(), proof.backup_state()), (6, true, true));
}

#[test]
fn every_refusal_is_reached_by_its_own_step() {
    for (refusal, break_it) in BREAKS {
        assert_eq!(outcome(break_it), Err(refusal));
    }
    assert_eq!(BREAKS.map(|(refusal, _)| refusal), AssertionRefused::ALL);
}

#[test]
fn of_two_broken_steps_the_earlier_is_reported() {
    let mut pairs = 0;
    for (later, (_, break_later)) in BREAKS.iter().enumerate() {
        for (earlier_refusal, break_earlier) in &BREAKS[..later] {
            if (*earlier_refusal, BREAKS[later].0) == (UserHandleMissing, UserHandleMismatch) {
                continue; // A handle cannot be missing and wrong.
            }
            let both = outcome(|answer| {
                // Broken client data is made of the parts, so these are broken first.
                break_later(answer);
                break_earlier(answer);
            });
            assert_eq!(both, Err(*earlier_refusal), "with {:?}", BREAKS[later].0);
            pairs += 1;
        }
    }
    assert_eq!(pairs, 17 * 16 / 2 - 1);
}

#[test]
fn all_steps_broken_report_the_first() {
    let all = outcome(|answer| BREAKS.iter().rev().for_each(|(_, break_it)| break_it(answer)));
    assert_eq!(all, Err(CredentialMismatch));
}

// Step 6.

#[test]
fn the_credential_and_its_owner_are_the_ones_looked_up() {
    let another = Passkey {
        key: CredentialKey::es256(&[5; 32]),
        credential_id: vec![9; 16],
        account: AccountId::from_bytes([2; 16]),
    };
    let record = another.record(&another.registration_data(RP_ID, UP | UV, &[0; 16]));
    let id = another.credential_id.clone();
    assert_eq!(outcome(|a| a.record = record.clone()), Err(CredentialMismatch));
    assert_eq!(outcome(|a| a.credential_id = id), Err(CredentialMismatch));
    assert_eq!(outcome(|a| a.credential_id.clear()), Err(CredentialMismatch));
    assert_eq!(outcome(|a| a.credential_id.push(0)), Err(CredentialMismatch));
    assert_eq!(outcome(|a| a.record.account = record.account), Err(UserHandleMismatch));
    // Somebody else's record under our credential's ID: the owner differs, and so does the key.
    let planted = CredentialRecord { digest: CredentialDigest::of(&[7; 32]), ..record };
    assert_eq!(outcome(|a| a.record = planted.clone()), Err(UserHandleMismatch));
    let planted = CredentialRecord { account: AccountId::from_bytes([1; 16]), ..planted };
    assert_eq!(outcome(|a| a.record = planted), Err(BadSignature));
}

#[test]
fn a_user_handle_is_compared_whole() {
    for handle in [vec![], vec![1; 15], vec![1; 17], vec![1; 64], [[1; 15].as_slice(), &[0]].concat()] {
        assert_eq!(outcome(|a| a.user_handle = Some(handle)), Err(UserHandleMismatch));
    }
}

// Steps 8 and 9.

fn quoted_members() -> (String, String) {
    (format!(r#""challenge":"{}""#, Answer::good().challenge), format!(r#""origin":"{ORIGIN}""#))
}

#[test]
fn a_member_that_is_named_twice_is_refused() {
    let (challenge, origin) = quoted_members();
    let other = r#""challenge":"AAAA""#;
    for members in [
        format!(r#""type":"webauthn.get","type":"webauthn.create",{challenge},{origin}"#),
        format!(r#""type":"webauthn.create","type":"webauthn.get",{challenge},{origin}"#),
        format!(r#""type":"webauthn.get","type":"webauthn.get",{challenge},{origin}"#),
        format!(r#""type":"webauthn.get","ty\u0070e":"webauthn.get",{challenge},{origin}"#),
        format!(r#""type":"webauthn.get",{challenge},{other},{origin}"#),
        format!(r#""type":"webauthn.get",{other},{challenge},{origin}"#),
        format!(r#""type":"webauthn.get",{challenge},{origin},"origin":"https://evil.example""#),
        format!(r#""type":"webauthn.get",{challenge},"origin":"https://evil.example",{origin}"#),
        format!(r#""type":"webauthn.get",{challenge},{origin},"crossOrigin":true,"crossOrigin":false"#),
        format!(r#""type":"webauthn.get",{challenge},{origin},"topOrigin":"https://a","topOrigin":null"#),
    ] {
        assert_eq!(outcome_of_client_data(format!("{{{members}}}")), Err(ClientDataMalformed), "{members}");
    }
}

#[test]
fn client_data_of_another_shape_is_refused() {
    let (challenge, origin) = quoted_members();
    let members = format!(r#""type":"webauthn.get",{challenge},{origin}"#);
    let raw_challenge = Answer::good().challenge;
    for text in [
        String::new(),
        "null".into(),
        "{}".into(),
        members.clone(),
        format!("{{{members}"),
        format!("{{{members},}}"),
        format!("{{{members}}}{{{members}}}"),
        format!("{{{members}}}\0"),
        format!("[{{{members}}}]"),
        format!(r#"["webauthn.get","{raw_challenge}","{ORIGIN}"]"#),
        format!(r#"["webauthn.get","{raw_challenge}","{ORIGIN}",false,null]"#),
        format!("\u{feff}\u{feff}{{{members}}}"),
        format!(r#"{{{members},"crossOrigin":"true"}}"#),
        format!(r#"{{{members},"crossOrigin":1}}"#),
        format!(r#"{{{members},"topOrigin":["{EMBEDDER}"]}}"#),
        format!(r#"{{{members},"more":"{}"}}"#, "a".repeat(4 * 1024)),
        format!(r#"{{"Type":"webauthn.get",{challenge},{origin}}}"#),
        format!(r#"{{"type":null,{challenge},{origin}}}"#),
        format!(r#"{{"type":"webauthn.get",{challenge},"origin":null}}"#),
        format!(r#"{{"type":"webauthn.get","challenge":[1],{origin}}}"#),
        format!("{{\"type\":\"webauthn.get\u{0}\",{challenge},{origin}}}"),
    ] {
        assert_eq!(outcome_of_client_data(text.clone()), Err(ClientDataMalformed), "{text:.200}");
    }
    let mut invalid_utf8 = format!(r#"{{{members},"more":"?"}}"#).into_bytes();
    for junk in [0x80, 0xc0, 0xed, 0xff] {
        let at = invalid_utf8.len() - 3;
        invalid_utf8[at] = junk;
        assert_eq!(outcome_of_client_data(invalid_utf8.clone()), Err(ClientDataMalformed), "{junk:x}");
    }
    let utf16: Vec<u8> = format!("{{{members}}}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(outcome_of_client_data(utf16), Err(ClientDataMalformed));
}

#[test]
fn client_data_may_be_spelled_otherwise_as_json_allows() {
    let (challenge, origin) = quoted_members();
    for text in [
        format!(r#"{{"type":"webauthn.get",{challenge},{origin}}}"#),
        format!(r#"{{{origin},{challenge},"type":"webauthn.get"}}"#),
        format!("\u{feff}{{\"type\":\"webauthn.get\",{challenge},{origin}}}"),
        format!("\n {{ \"type\" : \"webauthn.get\" , {challenge} , {origin} }} "),
        format!(r#"{{"ty\u0070e":"webauthn\u002eget",{challenge},{origin}}}"#),
        format!(r#"{{"type":"webauthn.get",{challenge},{origin},"more":{{"type":"webauthn.create"}},"more":1}}"#),
        format!(r#"{{"type":"webauthn.get",{challenge},{origin},"crossOrigin":null,"topOrigin":null}}"#),
        // A member that nobody reads is stepped over without recursion; the size of client data bounds its depth.
        format!(r#"{{"type":"webauthn.get",{challenge},{origin},"more":{}{}}}"#, "[".repeat(1_500), "]".repeat(1_500)),
    ] {
        assert_eq!(outcome_of_client_data(text.clone()), Ok(()), "{text:.200}");
    }
}

// Step 10.

#[test]
fn another_ceremonys_type_is_refused() {
    for kind in ["webauthn.create", "payment.get", "Webauthn.get", "webauthn.get ", " webauthn.get", "webauthn.ge", ""]
    {
        assert_eq!(outcome(|a| a.kind = kind), Err(TypeMismatch), "{kind}");
    }
}

// Step 11.

#[test]
fn a_challenge_has_one_spelling() {
    let right = Answer::good().challenge;
    assert_eq!(right.len(), 55, "41 bytes leave two unused bits in the last character");
    let mut spellings = vec![
        format!("{right}="),
        format!("{right} "),
        format!(" {right}"),
        format!("{right}A"),
        format!("{right}\\u0000"),
        right.to_lowercase(),
        right[..54].to_owned(),
        String::new(),
        STANDARD_NO_PAD.encode([&opened().bytes()[..], &[0xff]].concat()),
    ];
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = ALPHABET.iter().position(|c| *c == right.as_bytes()[54]).expect("base64url");
    assert_eq!(last % 4, 0, "the two unused bits are zero");
    spellings.extend((1..4).map(|unused| format!("{}{}", &right[..54], char::from(ALPHABET[last + unused]))));
    for spelling in spellings {
        assert_eq!(outcome(|a| a.challenge = spelling.clone()), Err(ChallengeMismatch), "{spelling}");
    }
    assert_eq!(outcome(|a| a.challenge = right.clone()), Ok(()));
}

#[test]
fn the_challenge_of_another_ceremony_or_browser_is_refused() {
    let registration = sealed(Ceremony::Registration, 1);
    assert_eq!(outcome(|a| a.challenge = URL_SAFE_NO_PAD.encode(registration)), Err(ChallengeMismatch));
    let open = |bytes: &[u8], binding: &[u8]| challenge_key().open(bytes, Ceremony::Authentication, binding, NOW);
    assert_eq!(open(&registration, b"browser"), Err(ChallengeRefused::NotOurs));
    assert_eq!(open(opened().bytes(), b"another"), Err(ChallengeRefused::NotOurs));
    assert_eq!(open(&opened().bytes()[..40], b"browser"), Err(ChallengeRefused::NotOurs));
}

// Step 12.

#[test]
fn an_origin_is_compared_byte_for_byte() {
    for origin in [
        "https://login.example.org.evil.example",
        "https://login.example.organ",
        "https://login.example.or",
        "https://evil-login.example.org",
        "https://evil.login.example.org",
        "https://example.org",
        "https://LOGIN.example.org",
        "HTTPS://login.example.org",
        "https://login.example.org.",
        "https://login.example.org:443",
        "https://login.example.org:8443",
        "https://login.example.org/",
        "https://login.example.org?",
        "https://login.example.org#",
        "https://login.example.org/login",
        "https://user@login.example.org",
        "https://login.example.org@evil.example",
        "https://evil.example/https://login.example.org",
        "http://login.example.org",
        "wss://login.example.org",
        "login.example.org",
        "//login.example.org",
        "https:login.example.org",
        "https://login.example.org\\u0000",
        "https://login.example.org ",
        " https://login.example.org",
        "https://lоgin.example.org", // A Cyrillic о.
        "https://xn--lgin-zwe.example.org",
        "https://login。example.org", // An ideographic full stop.
        "https://%6cogin.example.org",
        "android:apk-key-hash:AAAA",
        "null",
        "*",
        "",
    ] {
        assert_eq!(outcome(|a| a.origin = origin.into()), Err(OriginUnknown), "{origin}");
    }
}

#[test]
fn every_listed_origin_is_taken_and_an_empty_list_takes_none() {
    let app = "android:apk-key-hash:7d1043473d55bfa90e8530d35801d4e381bc69f0";
    let listed = |a: &mut Answer| a.rp.origins.push(app.into());
    assert_eq!(outcome(listed), Ok(()));
    assert_eq!(
        outcome(|a| {
            listed(a);
            a.origin = app.into();
        }),
        Ok(())
    );
    assert_eq!(outcome(|a| a.rp.origins.clear()), Err(OriginUnknown));
    assert_eq!(
        outcome(|a| {
            a.rp.origins.clear();
            a.origin.clear();
        }),
        Err(OriginUnknown)
    );
}

// Steps 13 and 14.

#[test]
fn a_framed_page_needs_an_expected_embedder() {
    let framed = |embedders: &[&str], cross_origin: bool, top_origin: Option<&'static str>| {
        outcome(|a| {
            a.rp.embedders = embedders.iter().map(|origin| (*origin).into()).collect();
            (a.cross_origin, a.top_origin) = (cross_origin, top_origin);
        })
    };
    assert_eq!(framed(&[EMBEDDER], true, Some(EMBEDDER)), Ok(()));
    assert_eq!(framed(&[], true, Some(EMBEDDER)), Err(CrossOrigin));
    assert_eq!(framed(&[], true, None), Err(CrossOrigin));
    assert_eq!(framed(&[], false, Some(EMBEDDER)), Err(TopOriginUnknown));
    assert_eq!(framed(&[], false, Some(ORIGIN)), Err(TopOriginUnknown));
    for top in ["https://portal.example.org.", "https://PORTAL.example.org", "https://example.org", ORIGIN, "null", ""]
    {
        assert_eq!(framed(&[EMBEDDER], true, Some(top)), Err(TopOriginUnknown), "{top}");
    }
}

// Step 15, and the shape of authenticator data.

#[test]
fn authenticator_data_is_accounted_for_to_the_last_byte() {
    let with = |flags: u8, tail: &[u8]| {
        outcome(|a| {
            a.flags |= flags;
            a.tail = tail.to_vec();
        })
    };
    let map: &[u8] = &[0xa1, 0x61, b'x', 0x01];
    assert_eq!(with(ED, map), Ok(()), "an extension's output is stepped over");
    for (flags, tail) in [
        (0, &[0][..]),
        (0, map),
        (AT, &[]),
        (AT, &[0; 16]),
        (AT, &[0; 18]),
        (AT, &[0xff; 64]),
        (AT | ED, &[]),
        (AT | ED, map),
        (ED, &[]),
        (ED, &[0xff]),
        (ED, &[0x00]),
        (ED, &[0x61, b'x']),
        (ED, &[0xa1]),
        (ED, &[0xa1, 0x61, b'x']),
        (ED, &[0xa1, 0x61, b'x', 0x01, 0x00]),
        (ED, &[0xa1, 0x01, 0x01]),
        (ED, &[0xa1, 0x61, 0xff, 0x01]),
        (ED, &[0xbf, 0x61, b'x', 0x01, 0xff]),
        (ED, &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (ED, &[0xa1, 0x61, b'x', 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (ED, &[0x9f; 64]),
        (ED, &[0xa1, 0x61, b'x', 0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ] {
        assert_eq!(with(flags, tail), Err(AuthenticatorDataMalformed), "{flags:x} {tail:x?}");
    }
}

#[test]
fn authenticator_data_of_any_wrong_length_is_refused() {
    for len in (0..37).chain([4 * 1024 + 1]) {
        let mut answer = Answer::good();
        answer.sign_count = 1;
        let mut data = assertion_data(RP_ID, UP | UV, 1);
        data.resize(len, 0);
        let client_data = answer.client_data();
        let response = AssertionResponse {
            credential_id: &answer.credential_id,
            client_data: &client_data,
            authenticator_data: &data,
            signature: &answer.passkey.sign(&data, &client_data),
            user_handle: answer.user_handle.as_deref(),
        };
        assert_eq!(verify(&answer.rp, &opened(), &response, &answer.record), Err(AuthenticatorDataMalformed), "{len}");
    }
}

#[test]
fn the_rp_id_is_the_configured_one_and_not_the_origin() {
    for rp_id in [ORIGIN, "example.org", "LOGIN.example.org", "login.example.org.", "login.example.org:443", ""] {
        assert_eq!(outcome(|a| a.rp_id = rp_id), Err(RpIdMismatch), "{rp_id}");
    }
}

// Steps 16 to 19.

#[test]
fn presence_is_always_demanded_and_verification_by_policy() {
    let with = |policy, flags| {
        outcome(|a| {
            a.rp.user_verification = policy;
            a.flags = flags;
        })
    };
    assert_eq!(with(UserVerification::Required, UP | UV), Ok(()));
    assert_eq!(with(UserVerification::Required, UP), Err(UserNotVerified));
    assert_eq!(with(UserVerification::Required, UV), Err(UserNotPresent));
    assert_eq!(with(UserVerification::Preferred, UP), Ok(()));
    assert_eq!(with(UserVerification::Preferred, UV), Err(UserNotPresent));
    assert_eq!(with(UserVerification::Preferred, 0), Err(UserNotPresent));
}

#[test]
fn a_proof_never_claims_a_verification_that_was_not_made() {
    let mut answer = Answer::good();
    answer.rp.user_verification = UserVerification::Preferred;
    answer.flags = UP;
    assert!(!answer.verify().expect("a proof").user_verified());
}

#[test]
fn backup_eligibility_is_fixed_for_life_and_state_depends_on_it() {
    let with = |registered: bool, flags: u8| {
        outcome(|a| {
            a.record.backup_eligible = registered;
            a.flags |= flags;
        })
    };
    assert_eq!(with(false, 0), Ok(()));
    assert_eq!(with(true, BE), Ok(()));
    assert_eq!(with(true, BE | BS), Ok(()));
    assert_eq!(with(false, BE), Err(BackupEligibilityChanged));
    assert_eq!(with(false, BE | BS), Err(BackupEligibilityChanged));
    assert_eq!(with(true, 0), Err(BackupEligibilityChanged));
    assert_eq!(with(false, BS), Err(BackupStateInvalid));
    assert_eq!(with(true, BS), Err(BackupStateInvalid));
}

// Step 22.

#[test]
fn a_counter_grows_or_is_absent() {
    let with = |stored: u32, reported: u32| {
        outcome(|a| {
            a.record.sign_count = stored;
            a.sign_count = reported;
        })
    };
    for (stored, reported) in [(0, 0), (0, 1), (5, 6), (5, u32::MAX), (u32::MAX - 1, u32::MAX), (0, u32::MAX)] {
        assert_eq!(with(stored, reported), Ok(()), "{stored} then {reported}");
    }
    for (stored, reported) in [(5, 5), (5, 4), (5, 0), (1, 0), (u32::MAX, u32::MAX), (u32::MAX, 0), (u32::MAX, 1)] {
        assert_eq!(with(stored, reported), Err(CounterRegressed), "{stored} then {reported}");
    }
}
