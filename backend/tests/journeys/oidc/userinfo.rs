//! What an access token tells, to whom, and until when.

use super::*;
use std::time::Duration;

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

#[tokio::test]
async fn a_client_keeps_a_text_about_a_person_for_itself() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let scope = [("scope", "openid client_metadata")];
    let mine = text(&RP.tokens(&world, &mut browser, &scope).await, "access_token");
    let others = text(&OTHER.tokens(&world, &mut browser, &scope).await, "access_token");
    let without = text(&RP.tokens(&world, &mut browser, &[]).await, "access_token");
    let patch = async |token: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        send(&world, "PATCH", "/userinfo", &[("authorization", &bearer), ("content-type", "application/json")], body)
            .await
    };
    let kept = async |token: &str| userinfo(&world, token).await.json().get("client_user_metadata").cloned();
    assert_eq!(kept(&mine).await, None);
    let answer = patch(&mine, r#"{"client_user_metadata":"mine é"}"#).await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    assert_eq!((kept(&mine).await, kept(&others).await), (Some("mine é".into()), None));
    let longest = "é".repeat(1_024);
    assert_eq!(patch(&mine, &json!({"client_user_metadata": longest}).to_string()).await.status, 204);
    for bad in [
        json!({"client_user_metadata": "x".repeat(1_025)}).to_string(),
        json!({"client_user_metadata": 1}).to_string(),
        json!({"client_user_metadata": "x", "email": "y"}).to_string(),
        json!({}).to_string(),
        "client_user_metadata=x".into(),
    ] {
        assert_eq!(error(&patch(&mine, &bad).await), (400, "invalid_request".into()), "{bad}");
    }
    assert_eq!(kept(&mine).await, Some(longest.into()));
    assert_eq!(patch(&mine, r#"{"client_user_metadata":""}"#).await.status, 204);
    assert_eq!(kept(&mine).await, None);
    let refused = patch(&without, r#"{"client_user_metadata":"x"}"#).await;
    assert_eq!(refused.status, 403);
    assert!(refused.header("www-authenticate").contains("insufficient_scope"), "{refused:?}");
    assert_eq!(patch("x", r#"{"client_user_metadata":"x"}"#).await.status, 401);
}
