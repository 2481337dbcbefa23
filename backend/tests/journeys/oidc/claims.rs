//! Claims that a service asks for one by one (`claims`): told where they are asked for, as far as scopes and level go, and only
//! what the person was asked for.

use super::profiles::{of_profile, posted, with};
use super::*;
use aldgate_backend::store::audit::Act;

const EMAIL: &str = "ada@example.org";

/// What one of whom nothing is known but that it is they would be told.
const BARE: [&str; 3] = ["aud", "iss", "sub"];

fn names(json: &Value) -> Vec<&str> {
    json.as_object().expect("an object").keys().map(String::as_str).collect()
}

async fn told(world: &World, tokens: &Value) -> Value {
    userinfo(world, &text(tokens, "access_token")).await.json()
}

#[tokio::test]
async fn what_is_asked_for_is_told_where_it_is_asked_for_and_nothing_beside_it() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let claims =
        r#"{"userinfo":{"birthdate":{"essential":true},"x":null},"id_token":{"email":null,"given_name":null}}"#;
    let asked = [("scope", "openid"), ("claims", claims)];
    let page = browser.get(&RP.request(&asked)).await;
    for fact in ["your date of birth", "your email address", "your first name"] {
        assert!(page.body.contains(fact), "{fact}: {}", page.body);
    }
    assert!(!page.body.contains("NHS number") && !page.body.contains("family name"), "{}", page.body);
    let tokens = RP.tokens(&world, &mut browser, &asked).await;
    assert_eq!(tokens["scope"], "openid");
    let info = told(&world, &tokens).await;
    assert_eq!(names(&info), ["aud", "birthdate", "iss", "sub"]);
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!((id_token["email"].as_str(), id_token["given_name"].as_str()), (Some(EMAIL), Some("Ada")));
    for absent in ["birthdate", "nhs_number", "family_name", "email_verified"] {
        assert!(id_token.get(absent).is_none(), "{absent}: {id_token}");
    }
    let access_token = verified(&world, &text(&tokens, "access_token")).await;
    assert!(access_token.get("nhs_number").is_none(), "{access_token}");
}

#[tokio::test]
async fn neither_level_nor_scopes_of_the_client_are_passed_by() {
    let few = Registration { scopes: vec!["openid".into(), "email".into()], ..registration("rp") };
    let world = with(&[few, registration("other")]).await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let all = r#"{"userinfo":{"nhs_number":{"essential":true},"birthdate":null,"gp_integration_credentials":null},
        "id_token":{"nhs_number":{"essential":true}}}"#
        .replace(['\n', ' '], "");
    let asked = [("scope", "openid"), ("claims", all.as_str())];
    let page = browser.get(&OTHER.request(&asked)).await;
    assert!(page.body.contains("each time you sign in") && !page.body.contains("NHS number"), "P0: {}", page.body);
    let tokens = OTHER.tokens(&world, &mut browser, &asked).await;
    assert_eq!(names(&told(&world, &tokens).await), BARE);
    assert!(verified(&world, &text(&tokens, "id_token")).await.get("nhs_number").is_none());
    prove(&world, &account, IdentityLevel::P5).await;
    assert_eq!(names(&told(&world, &tokens).await), BARE, "the log-in was at P0");
    let tokens = OTHER.tokens(&world, &mut browser, &asked).await;
    assert_eq!(names(&told(&world, &tokens).await), ["aud", "birthdate", "iss", "nhs_number", "sub"]);
    prove(&world, &account, IdentityLevel::P9).await;
    let page = browser.get(&RP.request(&asked)).await;
    assert!(!page.body.contains("NHS number") && !page.body.contains("date of birth"), "{}", page.body);
    let tokens = RP.tokens(&world, &mut browser, &asked).await;
    assert_eq!(names(&told(&world, &tokens).await), BARE, "the client is not registered for their scopes");
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert!(id_token.get("nhs_number").is_none(), "{id_token}");
}

#[tokio::test]
async fn a_claim_is_agreed_to_before_it_is_told_and_a_narrowed_token_does_not_tell_it() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let birthdate = [("scope", "openid email"), ("claims", r#"{"userinfo":{"birthdate":null}}"#)];
    let both = [("scope", "openid email"), ("claims", r#"{"userinfo":{"birthdate":null,"phone_number":null}}"#)];
    RP.code(&mut browser, &[("scope", "openid email")]).await;
    let silent = |asked: [(&'static str, &'static str); 2]| RP.request(&[asked[0], asked[1], ("prompt", "none")]);
    let error = |answer: &Answer| query_of(answer.location()).get("error").cloned();
    assert_eq!(error(&browser.get(&silent(birthdate)).await).as_deref(), Some("consent_required"));
    let tokens = RP.tokens(&world, &mut browser, &birthdate).await;
    assert_eq!(error(&browser.get(&silent(birthdate)).await), None, "it was asked for");
    assert_eq!(error(&browser.get(&silent(both)).await).as_deref(), Some("consent_required"), "another is new");
    let email = [("scope", "openid email"), ("claims", r#"{"userinfo":{"email":null}}"#), ("prompt", "none")];
    assert_eq!(error(&browser.get(&RP.request(&email)).await), None, "its scope is allowed already");
    assert!(names(&told(&world, &tokens).await).contains(&"birthdate"));
    let refreshed = RP.refresh(&world, &text(&tokens, "refresh_token")).await.json();
    assert!(names(&told(&world, &refreshed).await).contains(&"birthdate"));
    let fields =
        [("grant_type", "refresh_token"), ("refresh_token", &text(&refreshed, "refresh_token")), ("scope", "openid")];
    let narrowed = RP.exchange(&world, &fields).await.json();
    assert_eq!(names(&told(&world, &narrowed).await), BARE);
    assert_eq!(world.store.withdraw_consent(&account, "rp", Act::own(account, world.now())).await, Ok(true));
    assert_eq!(userinfo(&world, &text(&refreshed, "access_token")).await.status, 401);
}

#[tokio::test]
async fn one_login_asks_of_userinfo_alone() {
    let world = with(&[of_profile("tax", "cross-government", &["Cl.Cm"])]).await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let claims = r#"{"userinfo":{"email":null,"https://vocab.account.gov.uk/v1/address":null},
        "id_token":{"phone_number":null,"email":null}}"#
        .replace(['\n', ' '], "");
    let code = Service("tax").code(&mut browser, &[("scope", "openid"), ("vtr", ""), ("claims", &claims)]).await;
    let fields = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "https://tax.example/cb")];
    let tokens = posted(&world, "tax", "/token", &fields, None).await.json();
    assert_eq!(told(&world, &tokens).await["email"], EMAIL);
    assert!(verified(&world, &text(&tokens, "id_token")).await.get("email").is_none());
}

#[tokio::test]
async fn a_sub_that_is_asked_for_is_who_must_be_there() {
    let world = provider().await;
    let (mut ada, account) = somebody(&world, EMAIL, 1).await;
    let (mut eve, _) = somebody(&world, "eve@example.org", 2).await;
    let claims = format!(r#"{{"id_token":{{"sub":{{"value":"{account}"}}}}}}"#);
    for browser in [&mut ada, &mut eve] {
        RP.code(browser, &[]).await;
    }
    let silent = RP.request(&[("claims", claims.as_str()), ("prompt", "none")]);
    assert!(query_of(ada.get(&silent).await.location()).contains_key("code"));
    assert_eq!(query_of(eve.get(&silent).await.location())["error"], "sso_login_required");
    let asked = eve.get(&RP.request(&[("claims", &claims)])).await;
    assert!(asked.location().starts_with("/sign-in?"), "{asked:?}");
}

#[tokio::test]
async fn what_is_no_claims_parameter_is_told_to_the_service() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let long = format!(r#"{{"userinfo":{{"{}":null}}}}"#, "x".repeat(4_096));
    for (bad, code) in [
        ("x", "invalid_request"),
        ("[]", "invalid_request"),
        (r#"{"userinfo":{"email":1}}"#, "invalid_request"),
        (r#"{"userinfo":{"email":null,"email":{"essential":true}}}"#, "invalid_request"),
        (r#"{"id_token":{"sub":{"values":["a","b"]}}}"#, "invalid_request"),
        (&long, "invalid_request"),
        (r#"{"id_token":{"acr":{"essential":true,"value":"x"}}}"#, "unmet_authentication_requirements"),
    ] {
        let answer = browser.get(&RP.request(&[("claims", bad)])).await;
        let given = query_of(answer.location());
        assert_eq!((given["error"].as_str(), given["state"].as_str()), (code, "the state"), "{bad}");
    }
    let said = send(&world, "GET", "/.well-known/openid-configuration", &[], "").await.json();
    assert_eq!(said["claims_parameter_supported"], true);
}
