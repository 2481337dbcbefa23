//! What an access token tells, to whom, and until when.

use super::*;
use aldgate_backend::AUDIENCE;
use aldgate_core::identity_header::CERTIFICATE_ASSERTION;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Oaep, RsaPrivateKey};
use sha1::Sha1;
use std::time::Duration;

/// The key of every service that signs by RS512.
const RSA_KEY: &str = include_str!("../../../../core/src/testing/rsa-2048.p8.b64");

const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn a_verified_person_is_told_of_as_the_table_says() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let scope =
        "openid profile profile_extended email phone landline gp_registration_details gp_integration_credentials";
    let tokens = RP.tokens(&world, &mut browser, &[("scope", scope), ("vtr", r#"["P9.Cm"]"#)]).await;
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!((id_token["vot"].as_str(), id_token["nhs_number"].as_str()), (Some("P9.Cm"), Some("9434765919")));
    assert_eq!((id_token["family_name"].as_str(), id_token["surname"].as_str()), (Some("Lovelace"), Some("Lovelace")));
    assert_eq!(
        (id_token["birthdate"].as_str(), id_token["id_status"].as_str()),
        (Some("1970-01-31"), Some("verified"))
    );
    assert_eq!(id_token["identity_proofing_level"], "P9");
    let access_token = verified(&world, &text(&tokens, "access_token")).await;
    assert_eq!(access_token["requesting_patient"], "9434765919");
    let info = userinfo(&world, &text(&tokens, "access_token")).await.json();
    let expected = json!({
        "iss": ISSUER, "aud": "rp", "sub": account.to_string(),
        "nhs_number": "9434765919", "family_name": "Lovelace", "given_name": "Ada", "birthdate": "1970-01-31",
        "identity_proofing_level": "P9", "email": EMAIL, "email_verified": true,
        "phone_number": "+447700900000", "phone_number_verified": true, "phone_number_pds_matched": false,
        "landline_number": "+441632960000", "landline_number_verified": true,
        "gp_registration_details": {"gp_ods_code": "A12345"},
        "gp_integration_credentials": {"gp_user_id": "gp-user", "gp_linkage_key": "gp-key", "gp_ods_code": "A12345"},
    });
    assert_eq!(info, expected);
    let lower = RP.tokens(&world, &mut browser, &[("scope", scope), ("vtr", r#"["P5.Cm"]"#)]).await;
    let info = userinfo(&world, &text(&lower, "access_token")).await.json();
    assert!(info.get("gp_integration_credentials").is_none(), "the log-in was at P5: {info}");
    assert_eq!(info["identity_proofing_level"], "P9", "the highest that was reached");
}

#[tokio::test]
async fn the_token_may_be_posted_and_is_never_in_the_query() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let token = text(&tokens, "access_token");
    let bearer = format!("Bearer {token}");
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let subject = |answer: Answer| (answer.status, text(&answer.json(), "sub"));
    let expected = (200, account.to_string());
    assert_eq!(subject(send(&world, "POST", "/userinfo", &[("authorization", &bearer)], "").await), expected);
    assert_eq!(subject(send(&world, "POST", "/userinfo", &[kind], &form(&[("access_token", &token)])).await), expected);
    assert_eq!(
        subject(send(&world, "GET", "/userinfo", &[("authorization", &bearer.replace("Bearer", "bearer"))], "").await),
        expected
    );
    let both =
        send(&world, "POST", "/userinfo", &[kind, ("authorization", &bearer)], &form(&[("access_token", &token)]))
            .await;
    assert_eq!(error(&both), (400, "invalid_request".into()));
    let twice = send(&world, "GET", "/userinfo", &[("authorization", &bearer), ("authorization", &bearer)], "").await;
    assert_eq!(error(&twice), (400, "invalid_request".into()));
    let query = send(&world, "GET", &format!("/userinfo?access_token={token}"), &[], "").await;
    assert_eq!((query.status, query.header("www-authenticate")), (401, "Bearer"));
}

#[tokio::test]
async fn only_an_access_token_of_ours_that_is_good_now_opens_it() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let token = text(&tokens, "access_token");
    let (head, rest) = token.split_once('.').expect("parts");
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
        rest.split('.').next().expect("claims")
    );
    let claims = verified(&world, &token).await;
    let by_a_client = signed(&claims);
    for (what, bad) in [
        ("an ID token", text(&tokens, "id_token")),
        ("a refresh token", text(&tokens, "refresh_token")),
        ("a cut one", token[..token.len() - 2].to_owned()),
        ("no signature", none),
        ("a client's signature", by_a_client),
        ("another header", format!("{}.{rest}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS512","typ":"JWT"}"#))),
        ("more parts", format!("{head}.{token}")),
        ("nothing", "x".into()),
        ("too much", "x".repeat(10_000)),
    ] {
        let answer = userinfo(&world, &bad).await;
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, "Bearer error=\"invalid_token\""),
            "{what}"
        );
    }
    world.after(Duration::from_secs(299));
    assert_eq!(userinfo(&world, &token).await.status, 200);
    world.after(Duration::from_secs(1));
    assert_eq!(userinfo(&world, &token).await.status, 401);
}

/// Changes what a client keeps.
async fn patch(world: &World, token: &str, body: &str) -> Answer {
    let headers = [("authorization", format!("Bearer {token}")), ("content-type", "application/json".into())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    send(world, "PATCH", "/userinfo", &headers, body).await
}

/// What a client keeps.
async fn kept(world: &World, token: &str) -> Option<String> {
    userinfo(world, token)
        .await
        .json()
        .get("client_user_metadata")
        .map(|text| text.as_str().expect("a text").to_owned())
}

const METADATA: [(&str, &str); 1] = [("scope", "openid client_metadata")];

#[tokio::test]
async fn a_client_keeps_a_text_about_a_person_for_itself() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let mine = text(&RP.tokens(&world, &mut browser, &METADATA).await, "access_token");
    let others = text(&OTHER.tokens(&world, &mut browser, &METADATA).await, "access_token");
    let without = text(&THIRD.tokens(&world, &mut browser, &[]).await, "access_token");
    let before = kept(&world, &others).await;
    let answer = patch(&world, &mine, r#"{"client_user_metadata":"mine é"}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!((kept(&world, &mine).await.as_deref(), kept(&world, &others).await), (Some("mine é"), before));
    let longest = "é".repeat(1_024);
    assert_eq!(patch(&world, &mine, &json!({"client_user_metadata": longest}).to_string()).await.status, 204);
    for bad in [
        json!({"client_user_metadata": "x".repeat(1_025)}).to_string(),
        json!({"client_user_metadata": 1}).to_string(),
        json!({"client_user_metadata": "x", "email": "y"}).to_string(),
        json!({}).to_string(),
        "client_user_metadata=x".into(),
    ] {
        assert_eq!(error(&patch(&world, &mine, &bad).await), (400, "invalid_request".into()), "{bad}");
    }
    assert_eq!(kept(&world, &mine).await, Some(longest));
    assert_eq!(patch(&world, &mine, r#"{"client_user_metadata":""}"#).await.status, 204);
    assert_eq!(kept(&world, &mine).await, None, "cleared is cleared, and not as at the first time");
    let refused = patch(&world, &without, r#"{"client_user_metadata":"x"}"#).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{refused:?}");
    assert_eq!(patch(&world, "x", r#"{"client_user_metadata":"x"}"#).await.status, 401);
}

/// The number in a text that a client was given: it alone can read it.
fn number(text: &str) -> Vec<u8> {
    let der = STANDARD.decode(RSA_KEY.replace('\n', "")).expect("base64");
    let key = RsaPrivateKey::from_pkcs8_der(&der).expect("a key");
    key.decrypt(Oaep::<Sha1>::new(), &URL_SAFE_NO_PAD.decode(text).expect("base64url"))
        .expect("encrypted to the client")
}

#[tokio::test]
async fn what_a_client_has_not_kept_yet_is_a_random_number_for_it_alone() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let mine = text(&RP.tokens(&world, &mut browser, &METADATA).await, "access_token");
    let others = text(&OTHER.tokens(&world, &mut browser, &METADATA).await, "access_token");
    // Of many who ask at once for the first time, all are told one thing.
    let (one, two, three) = tokio::join!(kept(&world, &mine), kept(&world, &mine), kept(&world, &mine));
    let first = one.expect("a number");
    assert_eq!((two.as_ref(), three.as_ref()), (Some(&first), Some(&first)));
    assert_eq!(kept(&world, &mine).await, Some(first.clone()), "and it stays");
    assert_eq!(number(&first).len(), 16);
    assert_ne!(number(&first), number(&kept(&world, &others).await.expect("a number")));
    assert_eq!(patch(&world, &mine, r#"{"client_user_metadata":"auto"}"#).await.status, 204);
    let second = kept(&world, &mine).await.expect("a number");
    assert_ne!(number(&first), number(&second), "another one");
    assert_eq!(patch(&world, &mine, r#"{"client_user_metadata":""}"#).await.status, 204);
    assert_eq!(kept(&world, &mine).await, None);
    assert_eq!(patch(&world, &mine, r#"{"client_user_metadata":"auto"}"#).await.status, 204);
    assert!(kept(&world, &mine).await.is_some());
}

#[tokio::test]
async fn a_client_without_a_key_of_rsa_is_given_no_number() {
    let (name, sha256) = ("rp.example".to_owned(), [7; 32]);
    let keyless = Registration { keys: None, tls_client_auth_san_dns: Some(name.clone()), ..registration("rp") };
    let world = super::profiles::with(&[keyless]).await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let (code, uri) = (RP.code(&mut browser, &METADATA).await, RP.redirect_uri());
    let fields =
        [("grant_type", "authorization_code"), ("client_id", "rp"), ("code", &code), ("redirect_uri", uri.as_str())];
    let shown = world.gate.mint_for_certificate(ISSUER, AUDIENCE, &sha256, &[name], world.now()).expect("signed");
    let headers = [("content-type", "application/x-www-form-urlencoded"), (CERTIFICATE_ASSERTION, shown.as_str())];
    let token = text(&send(&world, "POST", "/token", &headers, &form(&fields)).await.json(), "access_token");
    assert_eq!(kept(&world, &token).await, None);
    let refused = patch(&world, &token, r#"{"client_user_metadata":"auto"}"#).await;
    assert_eq!(error(&refused), (400, "invalid_request".into()));
    assert_eq!(patch(&world, &token, r#"{"client_user_metadata":"own"}"#).await.status, 204);
    assert_eq!(kept(&world, &token).await.as_deref(), Some("own"));
}

#[tokio::test]
async fn a_token_says_which_system_asks_for_a_patient_where_that_is_registered() {
    let system = "https://fhir.nhs.uk/Id/accredited-system|200000000001";
    let rp = Registration { requesting_system: Some(system.into()), ..registration("rp") };
    let world = super::profiles::with(&[rp, registration("other")]).await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let said = async |service: Service, browser: &mut Browser<'_>| {
        let tokens = service.tokens(&world, browser, &[]).await;
        let claims = verified(&world, &text(&tokens, "access_token")).await;
        ["reason_for_request", "requesting_patient", "requesting_system"].map(|name| claims.get(name).cloned())
    };
    assert_eq!(said(RP, &mut browser).await, [None, None, None], "nobody's number is known");
    prove(&world, &account, IdentityLevel::P9).await;
    let patient = [Some(json!("patientaccess")), Some(json!("9434765919"))];
    let [reason, number] = patient.clone();
    assert_eq!(said(RP, &mut browser).await, [reason, number, Some(json!(system))]);
    let [reason, number] = patient;
    assert_eq!(said(OTHER, &mut browser).await, [reason, number, None]);
    for bad in ["", "a system", "a\"b", &"x".repeat(257)] {
        assert!(Client::register(&Registration { requesting_system: Some(bad.into()), ..registration("rp") }).is_err());
    }
}
