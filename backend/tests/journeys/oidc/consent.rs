//! What people agree to: asked at the first time, for other scopes and for a new level; refused; taken back.

use super::*;
use aldgate_backend::store::audit::Act;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// What a service is told that a token of its own is worth now.
async fn worth(world: &World, token: &str) -> Value {
    let assertion = RP.assertion(world);
    let by = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str()), ("token", token)];
    post(world, "/introspect", &form(&by)).await.json()
}

async fn is_asked(browser: &mut Browser<'_>, changes: &[(&str, &str)]) -> bool {
    let answer = browser.get(&RP.request(changes)).await;
    match answer.status {
        200 => {
            agree(browser, &answer).await;
            true
        }
        303 => {
            assert!(query_of(answer.location()).contains_key("code"), "{answer:?}");
            false
        }
        other => panic!("{other}: {answer:?}"),
    }
}

#[tokio::test]
async fn one_is_asked_at_first_for_other_scopes_and_for_a_new_level() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    assert!(is_asked(&mut browser, &[]).await);
    assert!(!is_asked(&mut browser, &[]).await);
    assert!(is_asked(&mut browser, &[("scope", "openid profile email phone")]).await);
    assert!(!is_asked(&mut browser, &[("scope", "openid phone email profile")]).await, "the same, written otherwise");
    assert!(is_asked(&mut browser, &[]).await, "fewer are others too");
    prove(&world, &account, IdentityLevel::P5).await;
    assert!(is_asked(&mut browser, &[]).await, "P5 is new");
    prove(&world, &account, IdentityLevel::P9).await;
    assert!(is_asked(&mut browser, &[]).await, "P9 is new");
    assert!(!is_asked(&mut browser, &[("vtr", r#"["P5.Cm"]"#)]).await, "P5 is less than was allowed");
    let (mut other, _) = somebody(&world, "eve@example.org", 2).await;
    assert!(is_asked(&mut other, &[]).await, "each person for themselves");
}

#[tokio::test]
async fn the_page_says_what_the_level_tells() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let all = [("scope", "openid profile phone gp_integration_credentials")];
    let page = browser.get(&RP.request(&all)).await;
    assert!(page.body.contains("mobile phone number") && !page.body.contains("NHS number"), "{}", page.body);
    prove(&world, &account, IdentityLevel::P9).await;
    let page = browser.get(&RP.request(&all)).await;
    assert!(page.body.contains("your NHS number") && page.body.contains("your record at your GP"), "{}", page.body);
}

/// Each service may be told in the word that it was written for.
#[tokio::test]
async fn a_no_is_told_in_the_word_that_the_service_is_registered_with() {
    let told = |word: Option<&str>| Registration { consent_refused: word.map(str::to_owned), ..registration("rp") };
    for (word, expected) in [
        (None, "access_denied"),
        (Some("access_denied"), "access_denied"),
        (Some("consent_required"), "consent_required"),
    ] {
        let world = super::profiles::with(&[told(word)]).await;
        let (mut browser, _) = somebody(&world, EMAIL, 1).await;
        let page = browser.get(&RP.request(&[])).await;
        let given = query_of(decide(&mut browser, &page, "refuse").await.location());
        assert_eq!((given["error"].as_str(), given["state"].as_str()), (expected, "the state"), "{word:?}");
        assert!(!given.contains_key("code"));
    }
    assert!(Client::register(&told(Some("server_error"))).is_err());
}

#[tokio::test]
async fn a_no_goes_back_to_the_service_without_a_code_and_is_not_remembered() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let page = browser.get(&RP.request(&[])).await;
    for decision in ["refuse", "", "Agree"] {
        let answer = decide(&mut browser, &page, decision).await;
        let told = query_of(answer.location());
        assert_eq!((told["error"].as_str(), told["state"].as_str()), ("access_denied", "the state"), "{decision}");
    }
    assert!(is_asked(&mut browser, &[]).await);
}

#[tokio::test]
async fn another_site_cannot_agree_for_a_person() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let page = browser.get(&RP.request(&[])).await;
    let fields = [("question", question(&page)), ("decision", "agree".into())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.origin = Some("https://evil.example".into());
    assert_eq!(browser.post("/authorize/consent", &fields).await.status, 403);
    browser.origin = None;
    assert_eq!(browser.post("/authorize/consent", &fields).await.status, 403);
    assert_eq!(world.store.consent(&account, "rp").await, Ok(None));
}

#[tokio::test]
async fn what_was_shown_is_what_is_agreed_to() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let page = browser.get(&RP.request(&[])).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let answer = agree(&mut browser, &page).await;
    assert_eq!(answer.status, 200, "the level has changed since the page was shown: {answer:?}");
    assert_eq!(world.store.consent(&account, "rp").await, Ok(None));
    assert!(answer.body.contains("your NHS number"), "{}", answer.body);
    assert!(query_of(agree(&mut browser, &answer).await.location()).contains_key("code"));
}

#[tokio::test]
async fn what_is_taken_back_ends_everything_at_once() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let elsewhere = OTHER.tokens(&world, &mut browser, &[]).await;
    let code = RP.code(&mut browser, &[]).await;
    assert_eq!(world.store.withdraw_consent(&account, "rp", Act::own(account, world.now())).await, Ok(true));
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401);
    assert_eq!(error(&RP.refresh(&world, &text(&tokens, "refresh_token")).await), (400, "invalid_grant".into()));
    assert_eq!(error(&RP.redeem(&world, &code).await), (400, "invalid_grant".into()));
    assert_eq!(userinfo(&world, &text(&elsewhere, "access_token")).await.status, 200);
    let world = world.restarted(registry(&registrations())).await;
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401);
    assert_eq!(error(&RP.refresh(&world, &text(&tokens, "refresh_token")).await), (400, "invalid_grant".into()));
    assert_eq!(OTHER.refresh(&world, &text(&elsewhere, "refresh_token")).await.status, 200);
}

#[tokio::test]
async fn whoever_allows_less_tells_no_more_by_what_they_allowed_before() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let wide = [("scope", "openid profile email"), ("claims", r#"{"userinfo":{"phone_number":null}}"#)];
    let tokens = RP.tokens(&world, &mut browser, &wide).await;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let names = async |access: &str| {
        let info = userinfo(&world, access).await.json();
        ["nhs_number", "phone_number", "email"].map(|name| info.get(name).is_some())
    };
    assert_eq!(names(&access).await, [true; 3]);
    let narrow = RP.tokens(&world, &mut browser, &[("scope", "openid email")]).await;
    assert_eq!(names(&access).await, [false, false, true]);
    assert_eq!(names(&text(&narrow, "access_token")).await, [false, false, true]);
    let assertion = RP.assertion(&world);
    let by = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str()), ("token", &refresh)];
    assert_eq!(post(&world, "/introspect", &form(&by)).await.json()["scope"], "openid email");
    assert_eq!(verified(&world, &access).await["scope"], "openid email profile", "as it was given");
    assert_eq!(worth(&world, &access).await["scope"], "openid email", "and what is left of it");
    let more = [("grant_type", "refresh_token"), ("refresh_token", &refresh), ("scope", "openid profile")];
    assert_eq!(error(&RP.exchange(&world, &more).await), (400, "invalid_scope".into()));
    let refreshed = RP.refresh(&world, &refresh).await.json();
    assert_eq!(refreshed["scope"], "openid email");
    let access_token = verified(&world, &text(&refreshed, "access_token")).await;
    assert!(access_token.get("nhs_number").is_none(), "{access_token}");
}

#[tokio::test]
async fn whoever_allows_a_lower_level_tells_no_more_at_the_higher_one() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let tokens = RP.tokens(&world, &mut browser, &[("scope", "openid profile"), ("vtr", r#"["P9.Cm"]"#)]).await;
    RP.tokens(&world, &mut browser, &[("scope", "openid profile email"), ("vtr", r#"["P0.Cm"]"#)]).await;
    let info = userinfo(&world, &text(&tokens, "access_token")).await.json();
    assert!(info.get("nhs_number").is_none(), "{info}");
    assert_eq!(worth(&world, &text(&tokens, "access_token")).await["vot"], "P0.Cm");
    let refreshed = RP.refresh(&world, &text(&tokens, "refresh_token")).await.json();
    let access_token = verified(&world, &text(&refreshed, "access_token")).await;
    assert_eq!((access_token["vot"].as_str(), access_token.get("nhs_number")), (Some("P0.Cm"), None));
}

#[tokio::test]
async fn a_code_is_worth_nothing_once_something_else_was_allowed() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let invalid_grant = || (400, "invalid_grant".to_owned());
    let wide = RP.code(&mut browser, &[]).await;
    world.after(Duration::from_secs(1));
    let narrow = RP.code(&mut browser, &[("scope", "openid email")]).await;
    assert_eq!(error(&RP.redeem(&world, &wide).await), invalid_grant(), "less is allowed now");
    assert_eq!(RP.redeem(&world, &narrow).await.status, 200);
    let old = RP.code(&mut browser, &[("scope", "openid email")]).await;
    world.after(Duration::from_secs(1));
    assert_eq!(world.store.withdraw_consent(&account, "rp", Act::own(account, world.now())).await, Ok(true));
    world.after(Duration::from_secs(1));
    let new = RP.code(&mut browser, &[("scope", "openid email")]).await;
    assert_eq!(error(&RP.redeem(&world, &old).await), invalid_grant(), "it was taken back in between");
    assert_eq!(RP.redeem(&world, &new).await.status, 200);
}
