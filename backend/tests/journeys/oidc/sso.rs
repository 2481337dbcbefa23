//! One service continues a log-in at another (`asserted_login_identity`), and asks for more of its own.

use super::*;
use aldgate_core::id::AccountId;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// The claims by which a service vouches for whoever it was given an ID token about.
fn vouching(world: &World, service: Service, id_token_name: &str) -> Value {
    let now = world.now().as_secs();
    let id = JWT_IDS.fetch_add(1, Ordering::SeqCst).to_string();
    json!({"iss": service.0, "code": id_token_name, "jti": id, "iat": now, "exp": now + 60})
}

struct Known<'w> {
    browser: Browser<'w>,
    account: AccountId,
    /// The `jti` of the ID token that RP was given.
    name: String,
}

/// Somebody who has signed in at RP.
async fn known(world: &World) -> Known<'_> {
    let (mut browser, account) = somebody(world, EMAIL, 1).await;
    let tokens = RP.tokens(world, &mut browser, &[]).await;
    let name = text(&verified(world, &text(&tokens, "id_token")).await, "jti");
    Known { browser, account, name }
}

fn told(answer: &Answer) -> String {
    query_of(answer.location()).get("error").cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_log_in_goes_on_at_a_service_that_may_continue_it() {
    let world = provider().await;
    let Known { mut browser, account, name } = known(&world).await;
    let assertion = signed(&vouching(&world, RP, &name));
    let page = browser.get(&THIRD.request(&[("asserted_login_identity", &assertion)])).await;
    assert_eq!(page.status, 200, "{page:?}");
    let answer = agree(&mut browser, &page).await;
    let tokens = THIRD.redeem(&world, &query_of(answer.location())["code"]).await.json();
    assert_eq!(verified(&world, &text(&tokens, "id_token")).await["sub"], account.to_string());
    // A browser in which nobody is signed in, as in an app's own window.
    let mut window = world.browser();
    let again = signed(&vouching(&world, RP, &name));
    let silent = window.get(&THIRD.request(&[("asserted_login_identity", &again), ("prompt", "none")])).await;
    assert!(query_of(silent.location()).contains_key("code"), "{silent:?}");
    assert!(window.cookies.is_empty(), "the window gets no session of ours");
}

#[tokio::test]
async fn a_service_that_vouches_for_a_person_cannot_agree_for_them() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let tokens = RP.tokens(&world, &mut browser, &[("scope", "openid"), ("vtr", r#"["P0.Cm"]"#)]).await;
    let name = text(&verified(&world, &text(&tokens, "id_token")).await, "jti");
    let allowed = world.store.consent(&account, "rp").await.expect("read");
    // The service's own server asks for everything, and would answer the question itself.
    let all = |world: &World| {
        let assertion = signed(&vouching(world, RP, &name));
        RP.request(&[("scope", "openid profile email phone"), ("asserted_login_identity", &assertion)])
    };
    let mut server = world.browser();
    let (mut eve, _) = somebody(&world, "eve@example.org", 2).await;
    for thief in [&mut server, &mut eve] {
        let answer = thief.get(&all(&world)).await;
        assert_eq!((answer.status, answer.location().starts_with("/sign-in?")), (303, true), "{answer:?}");
    }
    // Nor does it answer what was asked in the person's browser.
    let page = browser.get(&all(&world)).await;
    for thief in [&mut server, &mut eve] {
        let answer = agree(thief, &page).await;
        assert!(!answer.location().contains("code="), "{answer:?}");
    }
    assert_eq!(world.store.consent(&account, "rp").await.expect("read"), allowed);
    assert!(query_of(agree(&mut browser, &page).await.location()).contains_key("code"));
}

#[tokio::test]
async fn it_is_good_once_for_sixty_seconds_and_for_the_pairs_that_are_allowed() {
    let world = provider().await;
    let Known { name, .. } = known(&world).await;
    let mut window = world.browser();
    let mut ask = async |service: Service, claims: &Value| {
        window.get(&service.request(&[("asserted_login_identity", &signed(claims)), ("prompt", "none")])).await
    };
    let good = vouching(&world, RP, &name);
    assert_eq!(told(&ask(THIRD, &good).await), "consent_required", "who is there is known");
    let used = ask(THIRD, &good).await;
    assert_eq!(told(&used), "invalid_request");
    assert!(query_of(used.location())["error_description"].contains("used before"), "{used:?}");
    assert_eq!(told(&ask(OTHER, &vouching(&world, RP, &name)).await), "invalid_request", "not an allowed pair");
    assert_eq!(told(&ask(THIRD, &vouching(&world, OTHER, &name)).await), "invalid_request", "not an allowed pair");
    let with = |field: &str, value: Value| {
        let mut claims = vouching(&world, RP, &name);
        claims[field] = value;
        claims
    };
    let now = world.now().as_secs();
    for (field, value) in [
        ("exp", json!(now + 61)),
        ("exp", json!(now)),
        ("exp", json!("never")),
        ("iat", json!(now + 60)),
        ("iat", json!(now - 61)),
        ("iat", Value::Null),
        ("jti", Value::Null),
        ("code", json!("x")),
        ("code", json!(1)),
        ("iss", json!("nobody")),
        ("iss", Value::Null),
    ] {
        assert_eq!(told(&ask(THIRD, &with(field, value.clone())).await), "invalid_request", "{field} {value}");
    }
    let late = vouching(&world, RP, &name);
    world.after(Duration::from_secs(60));
    assert_eq!(told(&ask(THIRD, &late).await), "invalid_request");
    assert_eq!(told(&ask(THIRD, &vouching(&world, RP, &name)).await), "consent_required");
}

#[tokio::test]
async fn nobody_vouches_by_another_key_or_by_another_token() {
    let world = provider().await;
    let Known { mut browser, name, .. } = known(&world).await;
    let others = OTHER.tokens(&world, &mut browser, &[]).await;
    let others = text(&verified(&world, &text(&others, "id_token")).await, "jti");
    let access = RP.tokens(&world, &mut browser, &[]).await;
    let access = text(&verified(&world, &text(&access, "access_token")).await, "jti");
    let mut window = world.browser();
    for wrong in [others, access] {
        let assertion = signed(&vouching(&world, RP, &wrong));
        let answer = window.get(&THIRD.request(&[("asserted_login_identity", &assertion)])).await;
        assert_eq!(told(&answer), "invalid_request");
    }
    let thief = Signer::new("ES256", "k1");
    let forged = thief.sign(json!({"alg": "ES256", "kid": "k1"}).to_string(), vouching(&world, RP, &name).to_string());
    for bad in [forged, "x".into(), "a.b.c".into()] {
        let answer = window.get(&THIRD.request(&[("asserted_login_identity", &bad)])).await;
        assert_eq!(told(&answer), "invalid_request", "{bad}");
    }
}

#[tokio::test]
async fn a_log_in_that_has_ended_is_not_continued() {
    let world = provider().await;
    let Known { account, name, .. } = known(&world).await;
    world.warm.end_sessions(&account, None).await.expect("ended");
    let mut window = world.browser();
    let silent = [("asserted_login_identity", signed(&vouching(&world, RP, &name))), ("prompt", "none".into())];
    let silent: Vec<_> = silent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(told(&window.get(&THIRD.request(&silent)).await), "sso_login_required");
    let assertion = signed(&vouching(&world, RP, &name));
    let answer = window.get(&THIRD.request(&[("asserted_login_identity", &assertion)])).await;
    assert!(answer.location().starts_with("/sign-in?"), "{answer:?}");
}

#[tokio::test]
async fn a_service_raises_its_own_log_in_from_p5_to_p9_without_another() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    let low = [("vtr", r#"["P5.Cm"]"#)];
    let tokens = RP.tokens(&world, &mut browser, &low).await;
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!(id_token["vot"], "P5.Cm");
    let assertion = signed(&vouching(&world, RP, &text(&id_token, "jti")));
    let high = [("vtr", r#"["P9.Cm"]"#), ("asserted_login_identity", assertion.as_str())];
    let page = browser.get(&RP.request(&high)).await;
    let answer = agree(&mut browser, &page).await;
    let tokens = RP.redeem(&world, &query_of(answer.location())["code"]).await.json();
    let raised = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!((raised["vot"].as_str(), &raised["auth_time"]), (Some("P9.Cm"), &id_token["auth_time"]));
}
