//! Access tokens and DPoP proofs under attack: the classes of attack on signed tokens, each as a real token that
//! differs from a good one in just that (RFC 8725; RFC 9068; RFC 9449), and the numbers of FAPI 2.0.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use aldgate_core::assurance::{Components, IdentityLevel};
use aldgate_core::id::TokenDigest;
use aldgate_core::secret::MasterKey;
use aldgate_core::testing::token_issuer::{AUDIENCE, ISSUER, Signer, claims, claims_with, encoded, key_set};
use aldgate_core::time::Timestamp;
use aldgate_core::token::access_token::{Expected, UnverifiedToken};
use aldgate_core::token::dpop::{self, ProvenRequest};
use aldgate_core::token::dpop_nonce::DpopNonceKey;
use aldgate_core::token::grant::{Binding, Grant};
use aldgate_core::token::key_set::{BadKeySet, KEYS_MAX, KeySet};
use aldgate_core::token::target_uri::TargetUri;
use aldgate_core::token::verifying_key::Unfit;
use aldgate_core::verdict::TokenRefused;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const EXPECTED: Expected<'_> = Expected { issuer: ISSUER, audience: AUDIENCE };
const ALGORITHMS: [&str; 9] = ["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::new("ES256", "k1"));

fn set(text: &str) -> KeySet {
    KeySet::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// As the gate does it: taken apart, the key found, verified.
fn judge_by(keys: &KeySet, token: &str, now: Timestamp) -> Result<Grant, TokenRefused> {
    let unverified = UnverifiedToken::parse(token)?;
    let key = keys.find(unverified.key_id()).ok_or(TokenRefused::Signature)?;
    unverified.verify(key, EXPECTED, now)
}

fn judge(token: &str) -> Result<Grant, TokenRefused> {
    judge_by(&set(&key_set([&*ES256])), token, NOW)
}

/// A token of the good issuer's, with a claim set otherwise.
fn with(name: &str, value: Value) -> String {
    ES256.token(&claims_with(NOW, name, value))
}

fn without(name: &str) -> String {
    let mut claims = claims(NOW);
    claims.as_object_mut().expect("an object").remove(name);
    ES256.token(&claims)
}

/// A token whose header is another.
fn headed(name: &str, value: Value) -> String {
    let mut header = ES256.header();
    header[name] = value;
    ES256.sign(header.to_string(), claims(NOW).to_string())
}

#[test]
fn a_good_token_of_every_algorithm_is_a_grant() {
    for algorithm in ALGORITHMS {
        let signer = Signer::new(algorithm, "k");
        let token = signer.token(&claims(NOW));
        let grant = judge_by(&set(&key_set([&signer])), &token, NOW).unwrap_or_else(|e| panic!("{algorithm}: {e}"));
        assert_eq!((grant.issuer.as_str(), grant.subject.as_str()), (ISSUER, "alice"), "{algorithm}");
        assert_eq!(
            (grant.client.as_deref(), grant.scopes.as_slice()),
            (Some("app"), ["read", "write"].map(String::from).as_slice())
        );
        assert_eq!((grant.identity, grant.components), (IdentityLevel::P9, Components::PASSKEY));
        assert_eq!(grant.authenticated, Some(Timestamp::from_secs(NOW.as_secs() - 60)));
        assert_eq!(grant.token, TokenDigest::of(token.as_bytes()));
        assert!(!grant.delegated && grant.binding.is_none());
    }
}

#[test]
fn no_changed_character_of_a_token_verifies() {
    let token = ES256.token(&claims(NOW));
    let keys = set(&key_set([&*ES256]));
    for at in 0..token.len() {
        for to in [b'A', b'B', b'.', b'='] {
            let mut changed = token.clone().into_bytes();
            if changed[at] == to {
                continue;
            }
            changed[at] = to;
            let changed = String::from_utf8(changed).expect("ASCII");
            assert!(judge_by(&keys, &changed, NOW).is_err(), "character {at} as {}", char::from(to));
        }
    }
    for length in 0..token.len() {
        assert!(judge_by(&keys, &token[..length], NOW).is_err(), "the first {length} characters");
    }
}

#[test]
fn alg_none_is_refused_in_every_letter_case_with_and_without_a_signature() {
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let signed = format!(
            "{}.{}",
            encoded(json!({"typ":"at+jwt","alg":none,"kid":"k1"}).to_string()),
            encoded(claims(NOW).to_string())
        );
        for token in
            [format!("{signed}."), signed.clone(), format!("{signed}.AA"), format!("{signed}.{}", encoded([0; 64]))]
        {
            assert_eq!(judge(&token), Err(TokenRefused::Malformed), "{token}");
        }
    }
}

#[test]
fn a_public_key_is_never_the_key_of_an_hmac() {
    let public = ES256.public();
    let keys = [public.to_string(), public["x"].as_str().expect("x").to_owned(), key_set([&*ES256])];
    for key in keys {
        for (name, algorithm) in
            [("HS256", ring::hmac::HMAC_SHA256), ("HS384", ring::hmac::HMAC_SHA384), ("HS512", ring::hmac::HMAC_SHA512)]
        {
            let header = json!({"typ":"at+jwt","alg":name,"kid":"k1"}).to_string();
            let signed = format!("{}.{}", encoded(header), encoded(claims(NOW).to_string()));
            let tag = ring::hmac::sign(&ring::hmac::Key::new(algorithm, key.as_bytes()), signed.as_bytes());
            assert_eq!(judge(&format!("{signed}.{}", encoded(tag))), Err(TokenRefused::Malformed));
        }
    }
}

#[test]
fn the_algorithm_is_the_keys_and_not_the_headers() {
    // One RSA key, published for PS256: what it signed by RS256 is refused, and so for every other pair.
    for published in ["PS256", "RS256", "PS512"] {
        for used in
            ALGORITHMS.into_iter().filter(|used| used.contains('S') && !used.starts_with('E') && *used != published)
        {
            let token = Signer::new(used, "k").token(&claims(NOW));
            let keys = set(&key_set([&Signer::new(published, "k")]));
            assert_eq!(judge_by(&keys, &token, NOW), Err(TokenRefused::Signature), "{used} by a key for {published}");
        }
    }
    assert_eq!(judge(&headed("alg", json!("ES384"))), Err(TokenRefused::Signature));
    for alg in
        [json!("es256"), json!("RS1"), json!("ES256K"), json!("RSA-OAEP"), json!(7), json!(null), json!(["ES256"])]
    {
        assert_eq!(judge(&headed("alg", alg.clone())), Err(TokenRefused::Malformed), "{alg}");
    }
}

#[test]
fn a_kid_names_one_key_exactly_or_none() {
    let other = Signer::new("ES256", "k2");
    let keys = set(&key_set([&*ES256, &other]));
    for kid in ["k", "K1", "k1 ", "k1/../k2", "' OR 1=1 --", "/dev/null", "$(id)", "k3"] {
        assert_eq!(judge_by(&keys, &headed("kid", json!(kid)), NOW), Err(TokenRefused::Signature), "{kid}");
    }
    for kid in [json!(""), json!("k".repeat(300)), json!(1), json!(["k1"]), json!(null), json!("k1\u{0}")] {
        assert_eq!(judge_by(&keys, &headed("kid", kid.clone()), NOW), Err(TokenRefused::Malformed), "{kid}");
    }
    let nameless = ES256.sign(json!({"typ":"at+jwt","alg":"ES256"}).to_string(), claims(NOW).to_string());
    assert_eq!(judge_by(&keys, &nameless, NOW), Err(TokenRefused::Signature), "never the first key");
    assert!(judge(&nameless).is_ok(), "but the only one");
    let by_another = Signer::new("ES256", "k1").token(&claims(NOW));
    assert_eq!(judge(&by_another), Err(TokenRefused::Signature));
}

#[test]
fn a_key_in_the_header_is_never_used() {
    let evil = Signer::new("ES256", "evil");
    for (name, value) in [
        ("jwk", evil.public()),
        ("jku", json!("http://127.0.0.1:1/jwks")),
        ("x5u", json!("http://127.0.0.1:1/x")),
        ("x5c", json!(["AAAA"])),
    ] {
        for kid in ["k1", "evil"] {
            let mut header = json!({"typ":"at+jwt","alg":"ES256","kid":kid});
            header[name] = value.clone();
            let token = evil.sign(header.to_string(), claims(NOW).to_string());
            assert!(judge(&token).is_err(), "{name} by {kid}");
        }
        assert_eq!(judge(&headed(name, value)), Err(TokenRefused::Malformed), "{name} by the issuer itself");
    }
}

#[test]
fn degenerate_signatures_are_refused() {
    let token = ES256.token(&claims(NOW));
    let (signed, good) = token.rsplit_once('.').expect("three parts");
    let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let order: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&order[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let one = [[0; 31].as_slice(), &[1]].concat();
    let raw: Vec<u8> = {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(good).expect("base64url")
    };
    let der = [&[0x30, 0x44, 0x02, 0x20], &raw[..32], &[0x02, 0x20], &raw[32..]].concat();
    for (what, signature) in [
        ("zeros", vec![0; 64]),
        ("r of zero", [[0; 32].as_slice(), &raw[32..]].concat()),
        ("s of zero", [&raw[..32], &[0; 32]].concat()),
        ("the order twice", [order.clone(), order.clone()].concat()),
        ("r beyond the order", [vec![0xff; 32], raw[32..].to_vec()].concat()),
        ("one and one", [one.clone(), one].concat()),
        ("DER", der),
        ("a byte more", [raw.as_slice(), &[0]].concat()),
        ("a byte less", raw[..63].to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert!(judge(&format!("{signed}.{}", encoded(signature))).is_err(), "{what}");
    }
    assert!(judge(&token).is_ok());
}

#[test]
fn only_the_canonical_spelling_is_read() {
    let token = ES256.token(&claims(NOW));
    let parts: Vec<_> = token.split('.').collect();
    let spellings = [
        format!("{token}="),
        format!("{token}=="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}."),
        format!(".{token}"),
        format!("{}.{}.{}.{}", parts[0], parts[1], parts[2], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}..{}", parts[0], parts[2]),
        format!(".{}.{}", parts[1], parts[2]),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string(),
        ".".repeat(8_000),
    ];
    for spelling in spellings {
        assert!(judge(&spelling).is_err(), "{spelling}");
    }
    // The last character of 64 bytes stands for two bits that are used and four that are not.
    let last = token.chars().last().expect("a character");
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".chars().filter(|c| *c != last) {
        let changed = format!("{}{other}", &token[..token.len() - 1]);
        assert!(judge(&changed).is_err(), "ending in {other}");
    }
}

#[test]
fn extensions_are_refused() {
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("crit", json!(["alg"])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ] {
        assert_eq!(judge(&headed(name, value.clone())), Err(TokenRefused::Malformed), "{name}: {value}");
    }
}

#[test]
fn a_name_that_stands_twice_is_refused_at_every_depth() {
    let good = claims(NOW).to_string();
    let doubled = |inside: &str| format!("{},{inside}}}", good.strip_suffix('}').expect("an object"));
    for inside in [
        r#""sub":"mallory""#,
        r#""\u0073ub":"mallory""#,
        r#""x":{"a":1,"a":2}"#,
        r#""x":[{"a":{"b":1,"b":1}}]"#,
        r#""cnf":{"jkt":"a","jkt":"b"}"#,
    ] {
        let token = ES256.sign(ES256.header().to_string(), doubled(inside));
        assert_eq!(judge(&token), Err(TokenRefused::Malformed), "{inside}");
    }
    for header in [
        r#"{"typ":"at+jwt","alg":"ES256","alg":"ES256","kid":"k1"}"#,
        r#"{"typ":"JWT","typ":"at+jwt","alg":"ES256","kid":"k1"}"#,
        r#"{"typ":"at+jwt","alg":"ES256","kid":"k1","x":{"a":1,"a":1}}"#,
    ] {
        assert_eq!(judge(&ES256.sign(header, &good)), Err(TokenRefused::Malformed), "{header}");
    }
}

#[test]
fn moments_are_whole_numbers_and_never_count_as_absent() {
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for value in [
            json!("1800000100"),
            json!(null),
            json!(1_800_000_100.5),
            json!(-1),
            json!(1e300),
            json!([1_800_000_100]),
            json!({}),
            json!(true),
        ] {
            assert_eq!(judge(&with(name, value.clone())), Err(TokenRefused::Malformed), "{name}: {value}");
        }
        for text in ["1800000100.0", "1.8e9", "18446744073709551616", "-0.0"] {
            let claims = claims_with(NOW, name, json!("@")).to_string().replace("\"@\"", text);
            let token = ES256.sign(ES256.header().to_string(), claims);
            assert_eq!(judge(&token), Err(TokenRefused::Malformed), "{name}: {text}");
        }
    }
    assert_eq!(judge(&without("exp")), Err(TokenRefused::Malformed));
}

#[test]
fn ten_seconds_of_skew_are_accepted_and_a_minute_is_not() {
    let at = |span: u64| json!(NOW.as_secs() + span);
    for name in ["iat", "nbf"] {
        assert!(judge(&with(name, at(10))).is_ok(), "{name}");
        for span in [11, 60] {
            assert_eq!(judge(&with(name, at(span))), Err(TokenRefused::OutOfDate), "{name} in {span} s");
        }
    }
    assert_eq!(judge(&with("auth_time", at(60))), Err(TokenRefused::OutOfDate), "a future sign-in is fresh for ever");
    assert!(judge(&with("exp", at(1))).is_ok());
    for exp in [NOW.as_secs(), NOW.as_secs() - 1, 0] {
        assert_eq!(judge(&with("exp", json!(exp))), Err(TokenRefused::OutOfDate), "exp is exact");
    }
    assert!(judge(&with("exp", json!(u64::MAX))).is_ok(), "no overflow");
}

#[test]
fn issuer_audience_and_subject_are_exact() {
    for iss in [
        json!("https://AS.example"),
        json!("https://as.example/"),
        json!("https://as.example.evil"),
        json!("as.example"),
    ] {
        assert_eq!(judge(&with("iss", iss.clone())), Err(TokenRefused::Issuer), "{iss}");
    }
    assert_eq!(judge(&without("iss")), Err(TokenRefused::Issuer));
    for aud in [
        json!("https://api.example/"),
        json!("https://API.example"),
        json!("https://api"),
        json!([]),
        json!([""]),
        json!(""),
    ] {
        assert_eq!(judge(&with("aud", aud.clone())), Err(TokenRefused::Audience), "{aud}");
    }
    assert_eq!(judge(&without("aud")), Err(TokenRefused::Audience));
    for aud in [json!([AUDIENCE, 1]), json!([[AUDIENCE]]), json!({AUDIENCE: 1}), json!(1), json!(null)] {
        assert_eq!(judge(&with("aud", aud.clone())), Err(TokenRefused::Malformed), "{aud}");
    }
    assert!(judge(&with("aud", json!(["https://other.example", AUDIENCE]))).is_ok());
    for name in ["sub", "client_id"] {
        assert_eq!(judge(&without(name)), Err(TokenRefused::Malformed), "{name}");
        for value in [
            json!(""),
            json!(1),
            json!(null),
            json!("a\nb"),
            json!("a\u{0}"),
            json!("a b"),
            json!("é"),
            json!("a".repeat(256)),
            json!(["a"]),
        ] {
            assert_eq!(judge(&with(name, value.clone())), Err(TokenRefused::Malformed), "{name}: {value}");
        }
    }
    for iss in [json!(1), json!(null), json!([ISSUER]), json!("https://as.example\u{7f}")] {
        assert_eq!(judge(&with("iss", iss.clone())), Err(TokenRefused::Malformed), "{iss}");
    }
}

#[test]
fn another_kind_of_token_is_no_access_token() {
    for typ in [
        "JWT",
        "jwt",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "aldgate-identity+jwt",
        "at+jwt2",
        "",
        "application/jwt",
    ] {
        assert_eq!(judge(&headed("typ", json!(typ))), Err(TokenRefused::Audience), "{typ}");
    }
    let untyped = ES256.sign(r#"{"alg":"ES256","kid":"k1"}"#, claims(NOW).to_string());
    assert_eq!(judge(&untyped), Err(TokenRefused::Audience));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"] {
        assert!(judge(&headed("typ", json!(typ))).is_ok(), "{typ}");
    }
    assert_eq!(judge(&headed("typ", json!(1))), Err(TokenRefused::Malformed));
}

#[test]
fn encrypted_and_nested_tokens_are_refused() {
    let inner = ES256.token(&claims(NOW));
    let jwe =
        format!("{}.AAAA.AAAA.AAAA.AAAA", encoded(r#"{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647}"#));
    assert_eq!(judge(&jwe), Err(TokenRefused::Malformed));
    let nested = ES256.sign(ES256.header().to_string(), inner);
    assert_eq!(judge(&nested), Err(TokenRefused::Malformed));
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    let deep: Value = serde_json::from_str(&deep).expect("JSON");
    assert_eq!(judge(&with("x", deep.clone())), Err(TokenRefused::Malformed));
    assert_eq!(judge(&headed("x", deep)), Err(TokenRefused::Malformed));
    assert_eq!(judge(&with("x", json!("x".repeat(9_000)))), Err(TokenRefused::Malformed), "the whole");
    assert_eq!(judge(&headed("x", json!("x".repeat(3_000)))), Err(TokenRefused::Malformed), "the header");
    assert_eq!(judge(&with("scope", json!("s ".repeat(1_000) + "s"))), Err(TokenRefused::Malformed), "scopes");
    assert_eq!(judge(&with("aud", json!(vec![AUDIENCE; 33]))), Err(TokenRefused::Malformed), "audiences");
    assert_eq!(judge(&"a".repeat(1_000_000)), Err(TokenRefused::Malformed));
}

#[test]
fn malformed_text_is_refused() {
    let good = claims(NOW).to_string();
    for payload in [
        [b"\xef\xbb\xbf".as_slice(), good.as_bytes()].concat(),
        good.replace("alice", "\\ud800").into_bytes(),
        [good.replace("alice", "").as_bytes(), b"\xff"].concat(),
        good.replace("alice", "a\u{1}").into_bytes(),
        good.replace("\"alice\"", "NaN").into_bytes(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"{".to_vec(),
    ] {
        let token = ES256.sign(ES256.header().to_string(), &payload);
        assert_eq!(judge(&token), Err(TokenRefused::Malformed), "{}", String::from_utf8_lossy(&payload));
    }
}

#[test]
fn scopes_and_assurance_are_read_and_strange_ones_vouch_for_nothing() {
    assert_eq!(judge(&without("scope")).expect("a grant").scopes, Vec::<String>::new());
    for scope in [json!(["read"]), json!(1), json!(" read"), json!("read  write"), json!("a\"b"), json!(null)] {
        assert_eq!(judge(&with("scope", scope.clone())), Err(TokenRefused::Malformed), "{scope}");
    }
    let assurance = |token: &str| judge(token).map(|grant| grant.vector_of_trust().to_string());
    assert_eq!(assurance(&with("vot", json!("P5.Cp.Cd"))), Ok("P5.Cp.Cd".into()));
    assert_eq!(assurance(&with("vot", json!("P10.Cm"))), Ok("P0".into()));
    assert_eq!(assurance(&with("vot", json!(["P9"]))), Err(TokenRefused::Malformed));
    let mut by_acr = claims_with(NOW, "acr", json!("P5.Cm"));
    assert_eq!(assurance(&ES256.token(&by_acr)), Ok("P9.Cm".into()), "vot stands before acr");
    by_acr.as_object_mut().expect("an object").remove("vot");
    assert_eq!(assurance(&ES256.token(&by_acr)), Ok("P5.Cm".into()));
    assert!(judge(&with("act", json!({"sub": "bob"}))).expect("a grant").delegated);
    assert_eq!(judge(&with("act", json!("bob"))), Err(TokenRefused::Malformed));
}

#[test]
fn a_binding_that_is_not_understood_is_refused() {
    let digest = encoded([7; 32]);
    let bound = |cnf: Value| judge(&with("cnf", cnf)).map(|grant| grant.binding);
    assert_eq!(bound(json!({"jkt": digest})), Ok(Some(Binding::Key([7; 32]))));
    assert_eq!(bound(json!({"x5t#S256": digest})), Ok(Some(Binding::Certificate([7; 32]))));
    for cnf in [
        json!({}),
        json!({"kid": digest}),
        json!({"jwk": ES256.public()}),
        json!({"jkt": digest, "x5t#S256": digest}),
        json!({"jkt": digest, "x": 1}),
    ] {
        assert!(bound(cnf.clone()).is_err(), "{cnf}");
    }
    for cnf in [
        json!(null),
        json!([]),
        json!("x"),
        json!({"jkt": 1}),
        json!({"jkt": "AAAA"}),
        json!({"jkt": format!("{digest}=")}),
    ] {
        assert_eq!(bound(cnf.clone()), Err(TokenRefused::Malformed), "{cnf}");
    }
}

fn bad_set(keys: Value) -> BadKeySet {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).expect_err("a bad key set")
}

fn jwk_with(signer: &Signer, name: &str, value: Value) -> Value {
    let mut jwk = signer.jwk();
    jwk[name] = value;
    jwk
}

#[test]
fn a_key_set_with_secrets_doubles_or_nonsense_is_refused_whole() {
    let good = ES256.jwk();
    let rsa = Signer::new("PS256", "r");
    assert_eq!(bad_set(json!([good, {"kty":"oct","k":"AAAA","kid":"s"}])), BadKeySet::Key(Unfit::Secret));
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        assert_eq!(
            bad_set(json!([good, jwk_with(&rsa, private, json!("AAAA"))])),
            BadKeySet::Key(Unfit::Secret),
            "{private}"
        );
    }
    assert_eq!(bad_set(json!([good, Signer::new("ES256", "k1").jwk()])), BadKeySet::DoubledKeyId);
    assert_eq!(
        bad_set(json!([jwk_with(&ES256, "alg", json!("RS256"))])),
        BadKeySet::Key(Unfit::Malformed),
        "of another type"
    );
    assert_eq!(bad_set(json!([jwk_with(&ES256, "x", json!("AAAA"))])), BadKeySet::Key(Unfit::Malformed));
    assert_eq!(bad_set(json!([jwk_with(&ES256, "x", json!(7))])), BadKeySet::Key(Unfit::Malformed));
    assert_eq!(bad_set(json!([good, 7])), BadKeySet::Malformed);
    assert_eq!(bad_set(json!(vec![good.clone(); KEYS_MAX + 1])), BadKeySet::Malformed);
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#] {
        assert_eq!(KeySet::parse(text.as_bytes()).expect_err("refused"), BadKeySet::Malformed, "{text}");
    }
    let long = format!(r#"{{"keys":[{good}],"x":"{}"}}"#, "x".repeat(70_000));
    assert_eq!(KeySet::parse(long.as_bytes()).expect_err("refused"), BadKeySet::Malformed);
}

#[test]
fn one_key_for_two_algorithms_is_refused() {
    let (by_pkcs1, by_pss) = (Signer::new("RS256", "k1"), Signer::new("PS256", "k2"));
    assert_eq!(bad_set(json!([by_pkcs1.jwk(), by_pss.jwk()])), BadKeySet::TwoAlgorithms);
    let again = Signer::new("RS256", "k2");
    assert!(judge_by(&set(&key_set([&by_pkcs1, &again])), &again.token(&claims(NOW)), NOW).is_ok(), "two names do");
}

#[test]
fn keys_for_something_else_verify_nothing() {
    let rsa = Signer::new("RS256", "r");
    let mut unnamed = rsa.jwk();
    unnamed.as_object_mut().expect("an object").remove("alg");
    for (what, jwk) in [
        ("for encryption", jwk_with(&ES256, "use", json!("enc"))),
        ("for signing only", jwk_with(&ES256, "key_ops", json!(["sign"]))),
        ("an encryption algorithm", jwk_with(&rsa, "alg", json!("RSA-OAEP"))),
        ("RSA without an algorithm", unnamed),
        ("RSA of 1,024 bits", jwk_with(&rsa, "n", json!(encoded([0xff; 128])))),
        ("another curve", jwk_with(&ES256, "crv", json!("P-521"))),
        ("another type", json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"})),
    ] {
        assert_eq!(bad_set(json!([jwk])), BadKeySet::Empty, "{what}");
    }
    let mut by_type = ES256.jwk();
    by_type.as_object_mut().expect("an object").remove("alg");
    let keys = set(&json!({"keys": [by_type]}).to_string());
    assert!(judge_by(&keys, &ES256.token(&claims(NOW)), NOW).is_ok(), "the only algorithm of its type");
}

const URL: &str = "https://api.example/orders";

/// A proof by `key` for a token bound to `bound`, judged for `GET` of [`URL`].
fn proven(proof: &str, bound: &Signer, now: Timestamp) -> Result<dpop::VerifiedProof, TokenRefused> {
    asked_for_nonces(proof, bound, now, None)
}

/// The same where a proof may have to carry a nonce.
fn asked_for_nonces(
    proof: &str,
    bound: &Signer,
    now: Timestamp,
    nonces: Option<&DpopNonceKey>,
) -> Result<dpop::VerifiedProof, TokenRefused> {
    use base64::Engine as _;
    let key = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(bound.thumbprint()).expect("base64url");
    let key: [u8; 32] = key.try_into().expect("32 bytes");
    let target = TargetUri::of("https", "API.example:443", "/orders").expect("an address");
    let request = ProvenRequest { method: "GET", target: &target, token: TokenDigest::of(b"token"), key: &key, nonces };
    dpop::verify(proof, request, now)
}

#[test]
fn a_proof_of_each_algorithm_fits_its_request() {
    for algorithm in ["ES256", "ES384", "EdDSA", "PS256"] {
        let key = Signer::new(algorithm, "c");
        let proof = key.proof("GET", URL, "token", "1", NOW);
        let verified = proven(&proof, &key, NOW).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert!(verified.remember_until > NOW.plus(dpop::WINDOW), "longer than it could be accepted");
    }
    for algorithm in ["RS256", "RS512", "PS384"] {
        let key = Signer::new(algorithm, "c");
        assert!(proven(&key.proof("GET", URL, "token", "1", NOW), &key, NOW).is_err(), "{algorithm}");
    }
}

#[test]
fn a_proof_for_another_request_key_or_token_is_refused() {
    let key = Signer::new("ES256", "c");
    for (what, proof) in [
        ("method", key.proof("POST", URL, "token", "1", NOW)),
        ("letter case of the method", key.proof("get", URL, "token", "1", NOW)),
        ("path", key.proof("GET", "https://api.example/order", "token", "1", NOW)),
        ("scheme", key.proof("GET", "http://api.example/orders", "token", "1", NOW)),
        ("host", key.proof("GET", "https://api.example.evil/orders", "token", "1", NOW)),
        ("port", key.proof("GET", "https://api.example:8443/orders", "token", "1", NOW)),
        ("token", key.proof("GET", URL, "other", "1", NOW)),
        ("key", Signer::new("ES256", "c").proof("GET", URL, "token", "1", NOW)),
    ] {
        assert_eq!(proven(&proof, &key, NOW), Err(TokenRefused::Proof), "{what}");
    }
    for url in ["https://api.example/orders?page=2#x", "HTTPS://API.EXAMPLE:443/orders", "https://api.example/%6Frders"]
    {
        assert!(proven(&key.proof("GET", url, "token", "1", NOW), &key, NOW).is_ok(), "{url}");
    }
}

#[test]
fn a_proof_lives_ten_seconds_either_way() {
    let key = Signer::new("ES256", "c");
    let made = |secs: i64| {
        key.proof("GET", URL, "token", "1", Timestamp::from_secs(NOW.as_secs().saturating_add_signed(secs)))
    };
    for secs in [-10, 0, 10] {
        assert!(proven(&made(secs), &key, NOW).is_ok(), "{secs} s");
    }
    for secs in [-60, -11, 11, 60] {
        assert_eq!(proven(&made(secs), &key, NOW), Err(TokenRefused::Proof), "{secs} s");
    }
    assert!(proven(&made(0), &key, NOW.plus(Duration::from_millis(10_001))).is_err());
}

#[test]
fn a_proof_that_is_forged_or_strange_is_refused() {
    let key = Signer::new("ES256", "c");
    let (header, claims) = key.proof_parts("GET", URL, "token", "1", NOW);
    let private = {
        let mut jwk = key.public();
        jwk["d"] = json!("AAAA");
        jwk
    };
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("at+jwt")),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES384")),
        ("jwk", private),
        ("jwk", json!({"kty":"oct","k":"AAAA"})),
        ("jwk", json!(null)),
        ("jwk", Signer::new("ES256", "x").public()),
        ("jku", json!("https://evil.example")),
        ("crit", json!(["x"])),
    ] {
        let mut changed = header.clone();
        changed[name] = value.clone();
        let proof = key.sign(changed.to_string(), claims.to_string());
        assert_eq!(proven(&proof, &key, NOW), Err(TokenRefused::Proof), "{name}: {value}");
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        for value in [None, Some(json!(null)), Some(json!("")), Some(json!(["x"])), Some(json!("x".repeat(2_000)))] {
            let mut changed = claims.clone();
            match &value {
                None => drop(changed.as_object_mut().expect("an object").remove(name)),
                Some(value) => changed[name] = value.clone(),
            }
            let proof = key.sign(header.to_string(), changed.to_string());
            assert_eq!(proven(&proof, &key, NOW), Err(TokenRefused::Proof), "{name}: {value:?}");
        }
    }
    let doubled = claims.to_string().replace('{', r#"{"jti":"2","#);
    assert!(proven(&key.sign(header.to_string(), doubled), &key, NOW).is_err());
}

#[test]
fn where_nonces_are_asked_for_a_proof_without_a_fresh_one_is_told_so_and_a_bad_proof_is_not() {
    let (key, nonces) = (Signer::new("ES256", "c"), DpopNonceKey::of(&MasterKey::new([1; 32])));
    let judged = |nonce: Value, method: &str| {
        let (header, mut claims) = key.proof_parts(method, URL, "token", "1", NOW);
        claims["nonce"] = nonce;
        asked_for_nonces(&key.sign(header.to_string(), claims.to_string()), &key, NOW, Some(&nonces))
    };
    let fresh = nonces.nonce(NOW);
    assert!(judged(json!(fresh), "GET").is_ok());
    let old = nonces.nonce(Timestamp::from_secs(NOW.as_secs() - 300));
    for nonce in [json!(old), json!(""), json!(null), json!([fresh]), json!("x"), json!(format!("{fresh}="))] {
        assert_eq!(judged(nonce.clone(), "GET"), Err(TokenRefused::ProofNonce), "{nonce}");
    }
    assert_eq!(judged(json!(fresh), "POST"), Err(TokenRefused::Proof), "a nonce makes up for nothing");
    assert_eq!(judged(json!(old), "POST"), Err(TokenRefused::Proof));
}

#[test]
fn proofs_are_told_apart_by_key_id_and_address() {
    let (key, other) = (Signer::new("ES256", "c"), Signer::new("ES256", "d"));
    let use_of = |proof: &str, bound: &Signer| proven(proof, bound, NOW).expect("a proof").single_use;
    let first = use_of(&key.proof("GET", URL, "token", "1", NOW), &key);
    let later = use_of(&key.proof("GET", URL, "token", "1", NOW.plus(Duration::from_secs(5))), &key);
    assert_eq!(first, later, "one jti is one use");
    assert_eq!(first, use_of(&key.proof("GET", &format!("{URL}?a"), "token", "1", NOW), &key), "of one address");
    assert_ne!(first, use_of(&key.proof("GET", URL, "token", "2", NOW), &key));
    assert_ne!(first, use_of(&other.proof("GET", URL, "token", "1", NOW), &other));
}

proptest! {
    #[test]
    fn no_bytes_verify_and_none_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(judge(&text).is_err());
        prop_assert!(proven(&text, &ES256, NOW).is_err());
        let _ = KeySet::parse(&bytes);
    }

    #[test]
    fn no_header_and_claims_of_bytes_verify(header in proptest::collection::vec(any::<u8>(), 0..80), payload in ".{0,200}") {
        prop_assert!(judge(&ES256.sign(&header, &payload)).is_err());
        prop_assert!(judge(&ES256.sign(ES256.header().to_string(), &payload)).is_err());
    }
}
