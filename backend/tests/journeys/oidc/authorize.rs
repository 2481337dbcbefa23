//! The way of a person: from their service to us, through a sign-in, and back; and what is said to whom when it is not to be.

use super::*;
use crate::world::PASSWORD;
use aldgate_backend::AUDIENCE;
use aldgate_core::session::cookie;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn somebody_who_is_signed_in_agrees_once_and_then_comes_and_goes() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let page = browser.get(&RP.request(&[])).await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.contains("The rp service") && page.body.contains("your email address"), "{}", page.body);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https://rp.example;"), "{policy}");
    let answer = agree(&mut browser, &page).await;
    assert_eq!(answer.status, 303);
    let given = query_of(answer.location());
    assert!(answer.location().starts_with("https://rp.example/cb?code="), "{}", answer.location());
    assert_eq!((given["state"].as_str(), given["iss"].as_str()), ("the state", ISSUER));
    let tokens = RP.redeem(&world, &given["code"]).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!((tokens.header("cache-control"), tokens.header("pragma")), ("no-store", "no-cache"));
    let tokens = tokens.json();
    assert_eq!((tokens["token_type"].as_str(), tokens["expires_in"].as_u64()), (Some("bearer"), Some(300)));
    assert_eq!(tokens["scope"].as_str(), Some("openid email profile"));
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    let now = world.now().as_secs();
    assert_eq!(id_token["sub"], account.to_string());
    assert_eq!((id_token["iss"].as_str(), id_token["aud"].as_str()), (Some(ISSUER), Some("rp")));
    assert_eq!((id_token["nonce"].as_str(), id_token["vot"].as_str()), (Some("the nonce"), Some("P0.Cm")));
    assert_eq!(id_token["vtm"], "http://localhost:8080/trustmark/localhost");
    assert_eq!((id_token["iat"].as_u64(), id_token["exp"].as_u64()), (Some(now), Some(now + 3_600)));
    assert_eq!((id_token["token_use"].as_str(), id_token["auth_time"].as_u64()), (Some("id"), Some(now)));
    assert!(id_token.get("nhs_number").is_none() && id_token.get("identity_proofing_level").is_none(), "{id_token}");
    let header = header_of(&text(&tokens, "id_token"));
    assert_eq!((header["alg"].as_str(), header["typ"].as_str()), (Some("RS512"), Some("JWT")));
    let access_token = verified(&world, &text(&tokens, "access_token")).await;
    assert_eq!(
        (access_token["scope"].as_str(), access_token["client_id"].as_str()),
        (Some("openid email profile"), Some("rp"))
    );
    assert_eq!((access_token["exp"].as_u64(), access_token["token_use"].as_str()), (Some(now + 300), Some("access")));
    let info = userinfo(&world, &text(&tokens, "access_token")).await;
    assert_eq!((info.status, info.json()["email"].as_str()), (200, Some(EMAIL)), "{info:?}");
    assert_eq!(info.json()["sub"], account.to_string());
    let again = browser.get(&RP.request(&[("state", "2"), ("prompt", "none")])).await;
    assert_eq!((again.status, query_of(again.location())["state"].as_str()), (303, "2"));
    assert!(query_of(again.location()).contains_key("code"), "asked once");
}

#[tokio::test]
async fn whoever_is_not_signed_in_signs_in_and_goes_on_with_the_same_request() {
    let world = provider().await;
    world.with_password(EMAIL).await;
    let mut browser = world.browser();
    let long = "x\"y ".repeat(128);
    let answer = browser.get(&RP.request(&[("state", &long), ("nonce", &long)])).await;
    let location = answer.location().to_owned();
    assert!(
        answer.status == 303 && location.starts_with("/sign-in?return_to=%2Fauthorize%2Fresume%3Frequest%3D"),
        "{answer:?}"
    );
    assert!(browser.cookies.is_empty(), "nothing is kept in the browser, nor here");
    let page = browser.get(&location).await;
    assert!(page.body.contains("Create an account"), "{}", page.body);
    let return_to = unescaped(location.split_once("return_to=").expect("a path").1);
    let next = browser.post("/sign-in", &[("email", EMAIL), ("return_to", &return_to)]).await;
    let page = browser.get(next.location()).await;
    assert!(page.header("content-security-policy").contains("form-action 'self' https://rp.example;"), "{page:?}");
    let wrong = browser.post("/sign-in/password", &[("password", "a wrong password")]).await;
    assert!(
        wrong.status == 422 && wrong.header("content-security-policy").contains("https://rp.example;"),
        "{wrong:?}"
    );
    let signed_in = browser.post("/sign-in/password", &[("password", PASSWORD)]).await;
    assert_eq!((signed_in.status, signed_in.location()), (303, return_to.as_str()));
    let page = browser.get(&return_to).await;
    let answer = agree(&mut browser, &page).await;
    let given = query_of(answer.location());
    assert_eq!(given["state"], long, "the state comes back as it was");
    let tokens = RP.redeem(&world, &given["code"]).await.json();
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!((id_token["nonce"].as_str(), id_token["vot"].as_str()), (Some(long.as_str()), Some("P0.Cp")));
}

#[tokio::test]
async fn two_tabs_do_not_disturb_each_other() {
    let world = provider().await;
    world.with_password(EMAIL).await;
    let mut browser = world.browser();
    let mut waiting = Vec::new();
    for service in [RP, OTHER] {
        let answer = browser.get(&service.request(&[("state", service.0)])).await;
        waiting.push(unescaped(answer.location().split_once("return_to=").expect("a path").1));
    }
    browser.sign_in(EMAIL, PASSWORD).await;
    for (service, path) in [RP, OTHER].iter().zip(&waiting) {
        let page = browser.get(path).await;
        let answer = agree(&mut browser, &page).await;
        assert_eq!(query_of(answer.location())["state"], service.0);
    }
}

#[tokio::test]
async fn a_request_may_be_posted_from_another_site_which_shows_no_cookie() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let parameters = RP.parameters(&[]);
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://rp.example")];
    let answer = send(&world, "POST", "/authorize", &headers, &form(&pairs)).await;
    assert!(answer.status == 303 && answer.location().starts_with("/authorize/resume?request="), "{answer:?}");
    let page = browser.get(answer.location()).await;
    assert!(query_of(agree(&mut browser, &page).await.location()).contains_key("code"));
    let direct = browser.post("/authorize", &pairs).await;
    assert!(query_of(direct.location()).contains_key("code"), "from this site, with its cookie: {direct:?}");
    let kind = [("content-type", "application/json")];
    assert_eq!(send(&world, "POST", "/authorize", &kind, "{}").await.status, 415);
}

#[tokio::test]
async fn nobody_is_redirected_to_an_address_that_is_not_registered() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for changes in [
        [("client_id", "nobody")],
        [("client_id", "")],
        [("redirect_uri", "https://evil.example/cb")],
        [("redirect_uri", "https://rp.example/cb/")],
        [("redirect_uri", "https://rp.example/cb?x=1")],
        [("redirect_uri", "https://rp.example@evil.example/cb")],
        [("redirect_uri", "https://other.example/cb")],
        [("redirect_uri", "")],
    ] {
        for more in [("prompt", "none"), ("response_type", "token"), ("scope", "x")] {
            let answer = browser.get(&RP.request(&[changes[0], more])).await;
            assert_eq!((answer.status, answer.location()), (400, ""), "{changes:?}");
            assert!(answer.body.contains("There is a problem with the service"), "{}", answer.body);
        }
    }
    for twice in [
        "client_id=other",
        "redirect_uri=https%3A%2F%2Fother.example%2Fcb",
        "state=2",
        "response_type=code",
        "unknown=1&unknown=2",
    ] {
        let answer = browser.get(&format!("{}&{twice}", RP.request(&[]))).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{twice}");
        assert!(answer.body.contains("is given more than once"), "{}", answer.body);
    }
    let crlf = browser.get(&format!("{}&x=%0d%0aSet-Cookie:%20a=b", RP.request(&[("state", "")]))).await;
    assert_eq!((crlf.status, crlf.location()), (400, ""));
}

#[tokio::test]
async fn what_is_wrong_is_told_to_the_service_with_its_state_and_our_name() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for (change, code) in [
        (("scope", "profile"), "invalid_scope"),
        (("response_type", "id_token"), "unsupported_response_type"),
        (("nonce", ""), "invalid_request"),
        (("vtr", r#"["P3.Cm"]"#), "invalid_request"),
        (("prompt", "select_account"), "invalid_request"),
        (("request_uri", "https://rp.example/r"), "request_uri_not_supported"),
        (("vtr", ""), "access_denied"), // The default is P9.
    ] {
        let answer = browser.get(&RP.request(&[change])).await;
        let told = query_of(answer.location());
        assert!(answer.status == 303 && answer.location().starts_with("https://rp.example/cb?error="), "{answer:?}");
        assert_eq!((told["error"].as_str(), told["state"].as_str(), told["iss"].as_str()), (code, "the state", ISSUER));
        assert!(!told["error_description"].is_empty() && !told.contains_key("code"));
    }
    let accepted =
        browser.get(&RP.request(&[("max_age", "0"), ("scope", "openid email made_up"), ("display", "touch")])).await;
    assert_eq!(accepted.status, 200, "max_age is accepted, unknown scopes are passed over: {accepted:?}");
}

#[tokio::test]
async fn without_a_page_there_is_a_code_or_an_error() {
    let world = provider().await;
    let silent = RP.request(&[("prompt", "none")]);
    let told = |answer: &Answer| query_of(answer.location())["error"].clone();
    assert_eq!(told(&world.browser().get(&silent).await), "sso_login_required");
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    assert_eq!(told(&browser.get(&silent).await), "consent_required");
    assert_eq!(
        told(&browser.get(&RP.request(&[("prompt", "none"), ("vtr", r#"["P0.Cp"]"#)])).await),
        "sso_login_required"
    );
    assert_eq!(
        told(&browser.get(&RP.request(&[("prompt", "none"), ("vtr", r#"["P9.Cm"]"#)])).await),
        "interaction_required"
    );
    RP.code(&mut browser, &[]).await;
    assert!(query_of(browser.get(&silent).await.location()).contains_key("code"));
    world.warm.end_sessions(&account, None).await.expect("ended");
    assert_eq!(told(&browser.get(&silent).await), "sso_login_required");
}

#[tokio::test]
async fn prompt_login_cannot_be_skipped() {
    let world = provider().await;
    let mut browser = world.with_password(EMAIL).await;
    RP.code(&mut browser, &[]).await;
    world.after(Duration::from_secs(5));
    let answer = browser.get(&RP.request(&[("prompt", "login")])).await;
    assert!(answer.location().starts_with("/sign-in?") && answer.location().ends_with("&why=step-up"), "{answer:?}");
    let location = answer.location().trim_end_matches("&why=step-up");
    let waiting = unescaped(location.split_once("return_to=").expect("a path").1);
    assert!(browser.get(&waiting).await.location().starts_with("/sign-in?"), "going on without signing in");
    world.after(Duration::from_secs(5));
    browser.sign_in(EMAIL, PASSWORD).await;
    let answer = browser.get(&waiting).await;
    let tokens = RP.redeem(&world, &query_of(answer.location())["code"]).await.json();
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!(id_token["auth_time"].as_u64(), Some(world.now().as_secs()));
    // The same sign-in does not serve for a request that comes after it.
    world.after(Duration::from_secs(1));
    assert!(browser.get(&RP.request(&[("prompt", "login")])).await.location().starts_with("/sign-in?"));
}

#[tokio::test]
async fn a_sign_in_that_shows_too_little_is_made_again() {
    let world = provider().await;
    let mut browser = world.with_password(EMAIL).await;
    assert_eq!(browser.register_passkey(&Authenticator::derived(1, 1)).await.status, 200);
    let answer = browser.get(&RP.request(&[("vtr", r#"["P0.Cm"]"#)])).await;
    assert!(answer.location().ends_with("&why=passkey"), "{answer:?}");
    let (mut browser, _) = somebody(&world, "eve@example.org", 2).await;
    assert_eq!(browser.post("/account/password", &[("new_password", PASSWORD)]).await.status, 303);
    let answer = browser.get(&RP.request(&[("vtr", r#"["P0.Cp"]"#)])).await;
    assert!(answer.location().ends_with("&why=password"), "{answer:?}");
    assert!(browser.get(answer.location()).await.body.contains("This service needs your password"));
}

#[tokio::test]
async fn a_service_may_hide_how_one_gets_an_account() {
    let world = provider().await;
    let mut browser = world.browser();
    for (value, hidden) in [("false", true), ("true", false), ("no", false)] {
        let answer = browser.get(&RP.request(&[("allow_registration", value)])).await;
        let page = browser.get(answer.location()).await;
        assert_eq!(!page.body.contains("Create an account"), hidden, "{value}");
        let return_to = unescaped(answer.location().split_once("return_to=").expect("a path").1);
        let page = browser.post("/sign-in", &[("email", "no address"), ("return_to", &return_to)]).await;
        assert_eq!(!page.body.contains("Create an account"), hidden, "{value}, with an error");
    }
}

#[tokio::test]
async fn a_request_that_waits_is_good_for_an_hour_and_cannot_be_forged() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let answer = world.browser().get(&RP.request(&[])).await;
    let waiting = unescaped(answer.location().split_once("return_to=").expect("a path").1);
    assert_eq!(browser.get(&waiting).await.status, 200);
    for forged in [format!("{waiting}A"), waiting.replace("request=", "request=A"), "/authorize/resume".into()] {
        let answer = browser.get(&forged).await;
        assert_eq!((answer.status, answer.location()), (400, ""), "{forged}");
    }
    // A sealed question is no sealed request.
    let page = browser.get(&waiting).await;
    let other = format!("/authorize/resume?request={}", question(&page));
    assert_eq!(browser.get(&other).await.status, 400);
    world.after(Duration::from_mins(25));
    assert_eq!(browser.get(&waiting).await.status, 200);
    world.after(Duration::from_mins(40));
    let answer = browser.get(&waiting).await;
    assert!(answer.status == 400 && answer.body.contains("This took too long"), "{answer:?}");
}

/// Begun by one, finished by another: the code is for whoever is signed in when it is made, and never for who began.
#[tokio::test]
async fn a_request_that_one_begins_and_another_finishes_is_the_others() {
    let world = provider().await;
    let (mut mallory, _) = somebody(&world, "mallory@example.org", 2).await;
    let (mut ada, account) = somebody(&world, EMAIL, 1).await;
    let page = mallory.get(&RP.request(&[])).await;
    let planted = question(&page);
    let answer = ada.post("/authorize/consent", &[("question", &planted), ("decision", "agree")]).await;
    assert_eq!(answer.status, 200, "she is asked herself: {answer:?}");
    let answer = agree(&mut ada, &answer).await;
    let tokens = RP.redeem(&world, &query_of(answer.location())["code"]).await.json();
    let id_token = verified(&world, &text(&tokens, "id_token")).await;
    assert_eq!(id_token["sub"], account.to_string());
    // Without her session, nobody is asked anything.
    ada.cookies.remove(cookie::SESSION);
    let answer = ada.post("/authorize/consent", &[("question", &planted), ("decision", "agree")]).await;
    assert!(answer.location().starts_with("/sign-in?"), "{answer:?}");
}

#[tokio::test]
async fn unknown_parameters_and_hints_are_passed_over() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    for (name, value) in [
        ("extra", "foobar"),
        ("login_hint", "buffy@example.org"),
        ("id_token_hint", "x.y.z"),
        ("ui_locales", "se"),
        ("claims_locales", "se"),
        ("acr_values", "1 2"),
        ("claims", r#"{"userinfo":{"name":{"essential":true}}}"#),
    ] {
        assert!(!RP.code(&mut browser, &[(name, value)]).await.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn whoever_comes_from_a_welsh_service_signs_in_and_agrees_in_welsh() {
    let world = provider().await;
    world.with_password(EMAIL).await;
    let welsh = |page: &Answer| page.body.contains("<html lang=\"cy\">") && page.header("content-language") == "cy";
    let parameters = RP.parameters(&[("ui_locales", "fr cy-GB en")]);
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let posted = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://rp.example")];
    let posted = send(&world, "POST", "/authorize", &posted, &form(&pairs)).await;
    for first in [RP.request(&[("ui_locales", "fr cy-GB en")]), posted.location().to_owned()] {
        let mut browser = world.browser();
        let answer = browser.get(&first).await;
        assert!(answer.location().contains("&ui_locales=cy"), "{answer:?}");
        let waiting = unescaped(
            answer.location().split_once("return_to=").expect("a path").1.split('&').next().expect("a value"),
        );
        let page = browser.get(answer.location()).await;
        assert!(welsh(&page) && page.body.contains("<h1>Mewngofnodi</h1>"), "{}", page.body);
        browser.sign_in(EMAIL, PASSWORD).await;
        browser.get("/language/en").await; // The request itself says which language it wants.
        let page = browser.get(&waiting).await;
        assert!(welsh(&page) && page.body.contains("<h1>Rhannu eich gwybodaeth</h1>"), "{}", page.body);
        assert!(browser.get("/account").await.body.contains("<html lang=\"cy\">"), "and it stays");
    }
    let mut browser = world.browser();
    let english = browser.get(&RP.request(&[("ui_locales", "fr se")])).await;
    assert!(!english.location().contains("ui_locales"), "a language that we do not speak is passed over: {english:?}");
}

/// Once it is known whose address it is, the service is told that we have failed (RFC 6749, section 4.1.2.1): a page of ours
/// could only keep the person from it.
#[tokio::test]
async fn when_something_of_ours_is_down_the_service_is_told_and_nobody_else() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let page = browser.get(&RP.request(&[])).await;
    let agreed = form(&[("question", &question(&page)), ("decision", "agree")]);
    let session = browser.session().await.expect("a session");
    let record = world.warm.session(&session).await.expect("warm").expect("a record");
    let identity = world.gate.mint(ISSUER, AUDIENCE, session, &record, world.now()).expect("an assertion");
    world.store.close().await;
    let as_her = [("aldgate-identity", identity.as_str()), ("origin", ISSUER)];
    let posted = [&as_her[..], &[("content-type", "application/x-www-form-urlencoded")]].concat();
    for answer in [
        send(&world, "GET", &RP.request(&[]), &as_her, "").await,
        send(&world, "GET", &RP.request(&[("prompt", "none")]), &as_her, "").await,
        send(&world, "POST", "/authorize/consent", &posted, &agreed).await,
    ] {
        let told = query_of(answer.location());
        assert!(answer.status == 303 && answer.location().starts_with("https://rp.example/cb?error="), "{answer:?}");
        assert!(["server_error", "temporarily_unavailable"].contains(&told["error"].as_str()), "{told:?}");
        assert_eq!((told["state"].as_str(), told["iss"].as_str()), ("the state", ISSUER));
    }
    let elsewhere = RP.request(&[("redirect_uri", "https://evil.example/cb")]);
    let answer = send(&world, "GET", &elsewhere, &as_her, "").await;
    assert_eq!((answer.status, answer.location()), (400, ""), "nobody's address is believed the more for it");
}
