//! Client assertions under attack: each class of attack on signed tokens as a real assertion that differs from a good
//! one in just that (RFC 8725; RFC 7523, section 3; FAPI 2.0 Security Profile, section 5.3.2.1).

use super::*;
use aldgate_core::testing::token_issuer::{Signer, encoded, key_set};
use aldgate_core::warm::memory::MemoryWarm;
use serde_json::json;
use std::sync::LazyLock;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const CLIENT: &str = "appointments";
const ISSUER: &str = "https://login.example";
const TOKEN_ENDPOINT: &str = "https://login.example/token";

const NHS: AssertionRules<'_> = AssertionRules {
    algorithms: &[Algorithm::RS512],
    audience: Audience::OneOf(&[TOKEN_ENDPOINT, ISSUER]),
    life_max: Duration::from_hours(1),
};

const FAPI: AssertionRules<'_> = AssertionRules {
    algorithms: &[Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA],
    audience: Audience::Only(ISSUER),
    life_max: Duration::from_mins(10),
};

static RS512: LazyLock<Signer> = LazyLock::new(|| Signer::new("RS512", "k1"));
static ES256: LazyLock<Signer> = LazyLock::new(|| Signer::new("ES256", "k1"));

fn claims() -> Value {
    let expires = NOW.as_secs() + 60;
    json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": expires, "iat": NOW.as_secs(), "jti": "one"})
}

fn header(signer: &Signer) -> Value {
    json!({"typ": "JWT", "alg": signer.algorithm, "kid": signer.key_id})
}

fn assertion(signer: &Signer, claims: &Value) -> String {
    signer.sign(header(signer).to_string(), claims.to_string())
}

fn keys(signers: &[&Signer]) -> ClientKeys {
    ClientKeys::from_jwks(key_set(signers.iter().copied()).as_bytes(), None).expect("a key set")
}

/// As the token endpoint does it, but for the use.
fn judge(text: &str, keys: &ClientKeys, rules: AssertionRules<'_>, now: Timestamp) -> Result<String, AssertionRefused> {
    let unverified = UnverifiedAssertion::parse(text)?;
    assert_eq!(unverified.client_id(), CLIENT);
    let unspent = unverified.verify(keys, rules, now)?;
    unspent.settled(Consumption::Consumed).map(|client| client.client_id().to_owned())
}

fn by_fapi(text: &str) -> Result<String, AssertionRefused> {
    judge(text, &keys(&[&ES256]), FAPI, NOW)
}

fn by_nhs(text: &str) -> Result<String, AssertionRefused> {
    judge(text, &keys(&[&RS512]), NHS, NOW)
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    assertion(&ES256, &claims)
}

fn without(name: &str) -> String {
    let mut claims = claims();
    claims.as_object_mut().expect("an object").remove(name);
    assertion(&ES256, &claims)
}

fn headed(name: &str, value: Value) -> String {
    let mut header = header(&ES256);
    header[name] = value;
    ES256.sign(header.to_string(), claims().to_string())
}

#[test]
fn a_client_proves_itself_by_each_algorithm_of_its_profile() {
    assert_eq!(by_nhs(&assertion(&RS512, &claims())).as_deref(), Ok(CLIENT));
    for algorithm in ["ES256", "PS256", "EdDSA"] {
        let signer = Signer::new(algorithm, "k");
        let judged = judge(&assertion(&signer, &claims()), &keys(&[&signer]), FAPI, NOW);
        assert_eq!(judged.as_deref(), Ok(CLIENT), "{algorithm}");
    }
}

#[test]
fn an_algorithm_of_another_profile_is_refused_though_the_key_is_the_clients() {
    let refused = |algorithm, rules| {
        let signer = Signer::new(algorithm, "k");
        judge(&assertion(&signer, &claims()), &keys(&[&signer]), rules, NOW)
    };
    for algorithm in ["RS256", "RS384", "RS512", "ES384", "PS384", "PS512"] {
        assert_eq!(refused(algorithm, FAPI), Err(AssertionRefused::Algorithm), "{algorithm}");
    }
    for algorithm in ["RS256", "PS512", "ES256"] {
        assert_eq!(refused(algorithm, NHS), Err(AssertionRefused::Algorithm), "{algorithm}");
    }
}

#[test]
fn none_and_symmetric_algorithms_are_no_algorithms() {
    let part = |value: &Value| encoded(value.to_string());
    for alg in ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "hs256", "RSA1_5", ""] {
        for signature in ["", "AAAA"] {
            let text = format!("{}.{}.{signature}", part(&json!({"alg": alg, "kid": "k1"})), part(&claims()));
            assert_eq!(by_fapi(&text), Err(AssertionRefused::Malformed), "{alg} {signature}");
        }
    }
    // Keyed with the public key, in every form in which it is known.
    for secret in [key_set([&*ES256]), ES256.jwk().to_string(), ES256.public().to_string()] {
        let signed = format!("{}.{}", part(&json!({"alg": "HS256", "kid": "k1"})), part(&claims()));
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
        let text = format!("{signed}.{}", encoded(ring::hmac::sign(&key, signed.as_bytes())));
        assert_eq!(by_fapi(&text), Err(AssertionRefused::Malformed));
    }
}

#[test]
fn a_key_is_for_one_algorithm_and_is_found_by_its_id_alone() {
    let (k1, k2) = (&*ES256, Signer::new("ES256", "k2"));
    let both = keys(&[k1, &k2]);
    assert!(judge(&assertion(&k2, &claims()), &both, FAPI, NOW).is_ok());
    let claimed = |key_id: Value| {
        let mut header = header(&k2);
        header["kid"] = key_id;
        judge(&k2.sign(header.to_string(), claims().to_string()), &both, FAPI, NOW)
    };
    assert_eq!(claimed(json!("k1")), Err(AssertionRefused::Signature), "another key's ID");
    for unknown in ["K2", "k3", "../../k2", "k2' OR '1'='1", "k2%00", " k2", "k"] {
        assert_eq!(claimed(json!(unknown)), Err(AssertionRefused::UnknownKey), "{unknown}");
    }
    for bad in [json!(""), json!(1), json!(null), json!(["k2"]), json!("k\n2"), json!("k".repeat(257))] {
        assert_eq!(claimed(bad.clone()), Err(AssertionRefused::Malformed), "{bad}");
    }
    let nameless = |keys: &ClientKeys| {
        let header = json!({"alg": "ES256"}).to_string();
        judge(&k2.sign(header, claims().to_string()), keys, FAPI, NOW)
    };
    assert_eq!(nameless(&both), Err(AssertionRefused::UnknownKey), "never the first of two");
    assert_eq!(nameless(&keys(&[&k2])).as_deref(), Ok(CLIENT), "the only one");
    // A PS256 key in the set, and RS512 in the header: the profile would take it, the key does not.
    let ps256 = Signer::new("PS256", "k1");
    assert_eq!(judge(&assertion(&RS512, &claims()), &keys(&[&ps256]), NHS, NOW), Err(AssertionRefused::Signature));
}

#[test]
fn a_key_that_it_brings_itself_is_never_used() {
    for (name, value) in [
        ("jwk", ES256.public()),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["AAAA"])),
    ] {
        assert_eq!(by_fapi(&headed(name, value)), Err(AssertionRefused::OwnKey), "{name}");
    }
}

#[test]
fn a_signature_is_whole_canonical_and_over_just_this_text() {
    let good = assertion(&ES256, &claims());
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let signature = ES256.signature(signed.as_bytes());
    let signed_by = |bytes: &[u8]| by_fapi(&format!("{signed}.{}", encoded(bytes)));
    assert!(signed_by(&signature).is_ok());
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    for degenerate in [
        vec![0; 64],
        [[0; 32], [1; 32]].concat(),
        [[1; 32], [0; 32]].concat(),
        [order, order].concat(),
        [&[0x30, 0x44], &signature[..]].concat(), // DER where the raw form is required
        signature[..63].to_vec(),
        [&signature[..], &[0]].concat(),
        vec![1],
    ] {
        assert_eq!(signed_by(&degenerate), Err(AssertionRefused::Signature), "{degenerate:?}");
    }
    let another = Signer::new("ES256", "k1");
    assert_eq!(by_fapi(&assertion(&another, &claims())), Err(AssertionRefused::Signature));
    let (header, _) = signed.split_once('.').expect("two parts");
    let mut changed = claims();
    changed["jti"] = json!("two");
    let moved = format!("{header}.{}.{}", encoded(changed.to_string()), encoded(&signature));
    assert_eq!(by_fapi(&moved), Err(AssertionRefused::Signature));
}

/// A signature is decoded where it is verified: one in another encoding is none.
fn is_not_read(text: &str) -> bool {
    matches!(by_fapi(text), Err(AssertionRefused::Malformed | AssertionRefused::Signature))
}

#[test]
fn only_the_compact_form_in_its_one_encoding_is_read() {
    let good = assertion(&ES256, &claims());
    let parts: Vec<_> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for text in [
        String::new(),
        "..".into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{good}."),
        format!("{good}.AAAA"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}.{}", signature.replace('-', "+").replace('_', "/") + "+"),
        format!("{}.{payload}.{signature}", &header[1..]),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        json!({"protected": header, "payload": payload, "signature": signature}).to_string(),
        json!({"payload": payload, "signatures": [{"protected": header, "signature": signature}]}).to_string(),
        format!("{header}.{payload}.{signature}.{header}.{payload}"), // The form of a JWE
        ".".repeat(3_000),
        "\u{feff}".to_owned() + &good,
        "a".repeat(ASSERTION_BYTES_MAX + 1),
    ] {
        assert!(is_not_read(&text), "{text:.80}");
    }
    // Bits that no byte holds: another text of the same signature.
    let last = signature.chars().last().expect("a character");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.find(last).expect("base64url");
    let other = format!("{}{}", &signature[..signature.len() - 1], &alphabet[at + 1..=at + 1]);
    assert!(is_not_read(&format!("{header}.{payload}.{other}")));
}

#[test]
fn a_text_that_two_readers_could_read_differently_is_refused() {
    let by = |header: &str, payload: &str| by_fapi(&ES256.sign(header, payload));
    let (good_header, good) = (header(&ES256).to_string(), claims().to_string());
    assert!(by(&good_header, &good).is_ok());
    for header in [
        r#"{"alg":"ES256","alg":"ES256","kid":"k1"}"#,
        r#"{"alg":"ES256","kid":"k1","kid":"k1"}"#,
        r#"{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}"#,
        r#"{"alg":"ES256","kid":"k1","crit":[]}"#,
        r#"{"alg":"ES256","kid":"k1","crit":["alg"]}"#,
        r#"{"alg":"ES256","kid":"k1","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"ES256","kid":"k1","b64":true}"#,
        r#"{"alg":"ES256","kid":"k1","zip":"DEF"}"#,
        r#"{"alg":"ES256","kid":"k1","enc":"A128GCM"}"#,
        r#"{"alg":["ES256"],"kid":"k1"}"#,
        r#"{"kid":"k1"}"#,
        r#"{"alg":"ES256","kid":"k1","typ":1}"#,
        r#"["ES256"]"#,
        "{}",
        "",
    ] {
        assert_eq!(by(header, &good), Err(AssertionRefused::Malformed), "{header}");
    }
    let nested = format!("{{\"iss\":\"{CLIENT}\",\"x\":{}1{}}}", r#"{"a":"#.repeat(50), "}".repeat(50));
    for payload in [
        good.replacen('{', r#"{"sub":"appointments","#, 1),
        good.replacen('{', r#"{"x":{"a":1,"a":2},"#, 1),
        good.replacen('{', r#"{"\u0073ub":"appointments","#, 1),
        format!("{good}{good}"),
        format!("\u{feff}{good}"),
        good.replace(CLIENT, r"\ud800"),
        nested,
        "[]".into(),
        "1".into(),
    ] {
        assert_eq!(by(&good_header, &payload), Err(AssertionRefused::Malformed), "{payload:.80}");
    }
    let not_utf8 = ES256.sign(&good_header, b"{\"iss\":\"\xff\"}");
    assert_eq!(by_fapi(&not_utf8), Err(AssertionRefused::Malformed));
}

#[test]
fn another_kind_of_token_is_no_assertion() {
    for kind in ["at+jwt", "application/at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-authz-req+jwt", ""] {
        assert_eq!(by_fapi(&headed("typ", json!(kind))), Err(AssertionRefused::Type), "{kind}");
    }
    for kind in ["JWT", "jwt", "application/jwt", "client-authentication+jwt"] {
        assert!(by_fapi(&headed("typ", json!(kind))).is_ok(), "{kind}");
    }
    assert!(by_fapi(&ES256.sign(r#"{"alg":"ES256","kid":"k1"}"#, claims().to_string())).is_ok(), "no typ");
}

#[test]
fn issuer_and_subject_are_both_the_client() {
    for name in ["iss", "sub"] {
        assert_eq!(by_fapi(&without(name)), Err(AssertionRefused::Subject), "{name}");
        for value in [
            json!("other"),
            json!("Appointments"),
            json!("appointments "),
            json!("appointment"),
            json!(""),
            json!(null),
            json!(1),
            json!([CLIENT]),
            json!({"sub": CLIENT}),
            json!("appointments\u{0}"),
        ] {
            assert_eq!(by_fapi(&with(name, value.clone())), Err(AssertionRefused::Subject), "{name} {value}");
        }
    }
    // Both alike, but in a form that no client_id has.
    for id in ["", "a b", "a\u{7f}", "naïve", &"a".repeat(256)] {
        let claims = json!({"iss": id, "sub": id, "aud": ISSUER, "exp": NOW.as_secs() + 60, "jti": "one"});
        assert_eq!(by_fapi(&assertion(&ES256, &claims)), Err(AssertionRefused::Subject), "{id:.20}");
    }
}

#[test]
fn for_fapi_the_audience_is_the_issuer_as_text() {
    for value in [
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!(TOKEN_ENDPOINT),
        json!("https://login.example/par"),
        json!("https://login.example/"),
        json!("https://LOGIN.example"),
        json!("https://login.example.evil.example"),
        json!("https://login"),
        json!(""),
        json!(null),
        json!({"aud": ISSUER}),
        json!([[ISSUER]]),
        json!([]),
    ] {
        assert_eq!(by_fapi(&with("aud", value.clone())), Err(AssertionRefused::Audience), "{value}");
    }
    assert_eq!(by_fapi(&without("aud")), Err(AssertionRefused::Audience));
}

#[test]
fn for_nhs_the_audience_has_the_token_endpoint() {
    let judged = |aud: Value| {
        let mut claims = claims();
        claims["aud"] = aud;
        by_nhs(&assertion(&RS512, &claims))
    };
    for value in [json!(TOKEN_ENDPOINT), json!(ISSUER), json!([TOKEN_ENDPOINT]), json!(["https://x.example", ISSUER])] {
        assert_eq!(judged(value.clone()).as_deref(), Ok(CLIENT), "{value}");
    }
    for value in [
        json!("https://login.example/token/"),
        json!("https://login.example/tokens"),
        json!([]),
        json!(null),
        json!([TOKEN_ENDPOINT, 1]),
        json!(vec![TOKEN_ENDPOINT; 33]),
    ] {
        assert_eq!(judged(value.clone()), Err(AssertionRefused::Audience), "{value}");
    }
}

#[test]
fn its_time_is_whole_seconds_has_begun_and_ends_soon() {
    let now = NOW.as_secs();
    assert_eq!(by_fapi(&without("exp")), Err(AssertionRefused::OutOfDate));
    for value in [
        json!(now),
        json!(now - 1),
        json!(now - 300),
        json!(0),
        json!(-1),
        json!(now + 10 * 60 + 11), // ten minutes, and the clocks' ten seconds
        json!(u64::MAX),
        json!(1e300),
        json!(now as f64 + 60.5),
        json!((now + 60).to_string()),
        json!(null),
        json!([now + 60]),
        json!(true),
    ] {
        assert_eq!(by_fapi(&with("exp", value.clone())), Err(AssertionRefused::OutOfDate), "exp {value}");
    }
    for value in [now + 1, now + 10 * 60 + 10] {
        assert!(by_fapi(&with("exp", json!(value))).is_ok(), "exp {value}");
    }
    for name in ["nbf", "iat"] {
        for value in [json!(now + 11), json!(now + 60), json!("1"), json!(null), json!(-1), json!(1.5)] {
            let judged = by_fapi(&with(name, value.clone()));
            assert_eq!(judged, Err(AssertionRefused::OutOfDate), "{name} {value}");
        }
        assert!(by_fapi(&with(name, json!(now + 10))).is_ok(), "{name}: a clock that is 10 s ahead");
        assert!(by_fapi(&without(name)).is_ok(), "{name} is not required");
    }
}

#[test]
fn it_has_an_id() {
    assert_eq!(by_fapi(&without("jti")), Err(AssertionRefused::Id));
    for value in [json!(""), json!(null), json!(7), json!(["one"]), json!("a\nb"), json!("a".repeat(257))] {
        assert_eq!(by_fapi(&with("jti", value.clone())), Err(AssertionRefused::Id), "{value:.40}");
    }
    assert!(by_fapi(&with("jti", json!("a".repeat(256)))).is_ok());
}

#[tokio::test]
async fn it_proves_once_whichever_the_endpoint_and_each_client_has_its_own_ids() {
    let warm = MemoryWarm::default();
    let spend = |client: &str, id: &str| {
        let mut claims = claims();
        (claims["iss"], claims["sub"], claims["jti"]) = (json!(client), json!(client), json!(id));
        let text = assertion(&ES256, &claims);
        let unverified = UnverifiedAssertion::parse(&text).expect("an assertion");
        unverified.verify(&keys(&[&ES256]), FAPI, NOW).expect("verified")
    };
    let first = spend(CLIENT, "one");
    let (_, until) = first.single_use();
    assert!(until > NOW.plus(Duration::from_secs(60)), "it is remembered for longer than it lives");
    assert!(first.spend(&warm).await.expect("warm").is_ok());
    let again = spend(CLIENT, "one").spend(&warm).await.expect("warm");
    assert_eq!(again, Err(AssertionRefused::Replayed));
    assert!(spend(CLIENT, "two").spend(&warm).await.expect("warm").is_ok());
    assert!(spend("other", "one").spend(&warm).await.expect("warm").is_ok());
    let races = (0..20).map(|_| spend(CLIENT, "three").spend(&warm));
    let mut proven = 0;
    for race in races {
        proven += usize::from(race.await.expect("warm").is_ok());
    }
    assert_eq!(proven, 1);
}

/// Bytes of a public key in PEM.
fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// The key of `RS512`, as `openssl pkey -pubout` writes it: a SubjectPublicKeyInfo around modulus and exponent.
fn rsa_info() -> Vec<u8> {
    use base64::Engine as _;
    let jwk = RS512.public();
    let number = |name: &str| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwk[name].as_str().expect("text"));
        let bytes = bytes.expect("base64url");
        let unsigned = if bytes[0] < 0x80 { bytes } else { [&[0], bytes.as_slice()].concat() };
        der(0x02, &unsigned)
    };
    let key = der(0x30, &[number("n"), number("e")].concat());
    let rsa_encryption = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    der(0x30, &[&rsa_encryption[..], &der(0x03, &[&[0], key.as_slice()].concat())].concat())
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [header, content.to_vec()].concat()
}

#[test]
fn a_key_in_pem_is_the_clients_only_one_whatever_kid_it_writes() {
    let pem_text = pem("PUBLIC KEY", &rsa_info());
    let keys = ClientKeys::from_pem(pem_text.as_bytes(), "RS512", NHS.algorithms).expect("a key");
    for header in [r#"{"alg":"RS512","typ":"JWT"}"#, r#"{"alg":"RS512","kid":"whatever"}"#] {
        let text = RS512.sign(header, claims().to_string());
        assert_eq!(judge(&text, &keys, NHS, NOW).as_deref(), Ok(CLIENT));
    }
    let other = ClientKeys::from_pem(pem_text.as_bytes(), "PS256", FAPI.algorithms).expect("a key");
    assert_eq!(judge(&assertion(&RS512, &claims()), &other, NHS, NOW), Err(AssertionRefused::Signature));
}

#[test]
fn what_is_no_public_key_in_pem_is_refused() {
    let info = rsa_info();
    let read = |text: &str, rsa| ClientKeys::from_pem(text.as_bytes(), rsa, NHS.algorithms).map(|_| ());
    let good = pem("PUBLIC KEY", &info);
    assert_eq!(read(&pem("PRIVATE KEY", &info), "RS512"), Err(BadClientKeys::Private));
    assert_eq!(read(&pem("RSA PRIVATE KEY", &info), "RS512"), Err(BadClientKeys::Private));
    assert_eq!(read(&format!("{good}{}", pem("PRIVATE KEY", &info)), "RS512"), Err(BadClientKeys::Private));
    assert_eq!(read(&format!("{good}{good}"), "RS512"), Err(BadClientKeys::NotPem));
    assert_eq!(read(&pem("CERTIFICATE", &info), "RS512"), Err(BadClientKeys::NotPem));
    assert_eq!(read(&pem("PUBLIC KEY", &info[..40]), "RS512"), Err(BadClientKeys::NotPem));
    assert_eq!(read(&pem("PUBLIC KEY", &[&info[..], &[0]].concat()), "RS512"), Err(BadClientKeys::NotPem));
    assert_eq!(read("", "RS512"), Err(BadClientKeys::NotPem));
    assert_eq!(read(&good.replace('\n', ""), "RS512"), Err(BadClientKeys::NotPem));
    assert!(matches!(read(&good, "ES256"), Err(BadClientKeys::Key(_))), "an RSA key for an algorithm of another kind");
}

#[test]
fn a_key_on_a_curve_in_pem_is_for_the_algorithm_of_its_curve_where_the_profile_takes_that() {
    use base64::Engine as _;
    let jwk = ES256.public();
    let coordinate = |name: &str| {
        let text = jwk[name].as_str().expect("text");
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).expect("base64url")
    };
    let p_256 = [
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d,
        0x03, 0x01, 0x07,
    ];
    let point = [vec![0, 4], coordinate("x"), coordinate("y")].concat();
    let text = pem("PUBLIC KEY", &der(0x30, &[&p_256[..], &der(0x03, &point)].concat()));
    let keys = ClientKeys::from_pem(text.as_bytes(), "PS256", FAPI.algorithms).expect("a key");
    assert_eq!(judge(&assertion(&ES256, &claims()), &keys, FAPI, NOW).as_deref(), Ok(CLIENT));
    let refused = ClientKeys::from_pem(text.as_bytes(), "RS512", NHS.algorithms).map(|_| ());
    assert!(matches!(refused, Err(BadClientKeys::Key(_))), "a key of another kind than the profile's");
}

#[test]
fn an_rsa_key_that_does_not_say_for_what_it_is_is_for_the_clients_algorithm() {
    let mut jwk = RS512.jwk();
    jwk.as_object_mut().expect("an object").remove("alg");
    let set = json!({"keys": [jwk]}).to_string();
    let keys = ClientKeys::from_jwks(set.as_bytes(), Some("RS512")).expect("a key set");
    assert!(judge(&assertion(&RS512, &claims()), &keys, NHS, NOW).is_ok());
    let keys = ClientKeys::from_jwks(set.as_bytes(), Some("PS256")).expect("a key set");
    assert_eq!(judge(&assertion(&RS512, &claims()), &keys, NHS, NOW), Err(AssertionRefused::Signature));
    assert!(ClientKeys::from_jwks(set.as_bytes(), None).is_err());
    let secret = json!({"keys": [{"kty": "oct", "k": "AAAA", "alg": "HS256"}]}).to_string();
    assert!(ClientKeys::from_jwks(secret.as_bytes(), Some("RS512")).is_err());
}
