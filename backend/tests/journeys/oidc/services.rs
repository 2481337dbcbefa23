//! The services that a person uses, as their account shows them: what each may know and since when, and the end of it.

use super::*;
use crate::world::PASSWORD;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";
const SERVICES: &str = "/account/services";

/// Where one stops sharing with a service.
fn withdrawal(client: &str) -> String {
    format!("{SERVICES}/{}/withdraw", URL_SAFE_NO_PAD.encode(client))
}

/// The part of the page that is about one service.
fn card(page: &Answer, service: Service) -> String {
    let name = format!("<h2>The {} service</h2>", service.0);
    let (_, rest) = page.body.split_once(&name).unwrap_or_else(|| panic!("no {name} in {}", page.body));
    rest.split("<div class=\"card\">").next().unwrap_or(rest).to_owned()
}

#[tokio::test]
async fn each_service_is_listed_with_what_it_may_know_and_when_it_was_used() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    assert!(browser.get("/account").await.body.contains("href=\"/account/services\""));
    assert!(browser.get(SERVICES).await.body.contains("You have not shared anything"));
    RP.tokens(&world, &mut browser, &[("scope", "openid email phone")]).await;
    let page = browser.get(SERVICES).await;
    let rp = card(&page, RP);
    assert!(rp.contains("your email address") && rp.contains("your mobile phone number"), "{rp}");
    assert!(rp.contains("Low") && !rp.contains("date of birth") && !rp.contains("Before, it"), "{rp}");
    // Other scopes, at another level: it may know these now, and could know the others before.
    prove(&world, &account, IdentityLevel::P9).await;
    RP.tokens(&world, &mut browser, &[("scope", "openid profile email")]).await;
    OTHER.tokens(&world, &mut browser, &[("scope", "openid")]).await;
    let page = browser.get(SERVICES).await;
    let (rp, other) = (card(&page, RP), card(&page, OTHER));
    let (now, before) = rp.split_once("Before, it could also know").expect("something before");
    assert!(now.contains("your NHS number, family name and date of birth"), "{rp}");
    assert!(!now.contains("mobile") && before.contains("your mobile phone number"), "{rp}");
    assert!(rp.contains("High") && other.contains("that it is you") && !other.contains("NHS number"), "{page:?}");
    assert!(browser.get("/account").await.body.contains("<dd>2</dd>"));
    let (mut eve, _) = somebody(&world, "eve@example.org", 2).await;
    assert!(eve.get(SERVICES).await.body.contains("You have not shared anything"));
}

#[tokio::test]
async fn when_a_service_was_last_used_outlives_its_grants() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let first = world.now();
    RP.tokens(&world, &mut browser, &[]).await;
    world.after(Duration::from_mins(10));
    let last = world.now();
    RP.tokens(&world, &mut browser, &[]).await;
    let used = async || {
        let services = world.store.used_services(&account).await.expect("read");
        services.into_iter().map(|service| (service.first, service.used)).collect::<Vec<_>>()
    };
    assert_eq!(used().await, [(first, Some(last))]);
    world.after(Duration::from_hours(24 * 400));
    assert!(world.store.sweep(world.now()).await.expect("swept") >= 2, "the grants go");
    assert_eq!(used().await, [(first, Some(last))]);
}

#[tokio::test]
async fn what_is_taken_back_on_the_page_ends_everything_at_once() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let elsewhere = OTHER.tokens(&world, &mut browser, &[]).await;
    let path = withdrawal("rp");
    assert!(browser.get(SERVICES).await.body.contains(&format!("href=\"{path}\"")));
    let question = browser.get(&path).await;
    assert!(question.body.contains("Stop sharing with The rp service?"), "{}", question.body);
    assert!(question.body.contains(&format!("action=\"{path}\"")), "{}", question.body);
    for _ in 0..2 {
        let answer = browser.post(&path, &[]).await;
        assert_eq!(answer.location(), "/account/services?done=sharing-stopped", "also when it is pressed twice");
    }
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 401);
    assert_eq!(error(&RP.refresh(&world, &text(&tokens, "refresh_token")).await), (400, "invalid_grant".into()));
    assert_eq!(userinfo(&world, &text(&elsewhere, "access_token")).await.status, 200);
    let page = browser.get(SERVICES).await;
    assert!(!page.body.contains("The rp service") && page.body.contains("The other service"), "{}", page.body);
    assert!(browser.session().await.is_some(), "the person stays signed in here");
    let entries = world.store.audited_of(&account, 10).await.expect("read");
    let withdrawn = entries.iter().filter(|entry| entry.json()["action"] == "consent.withdrawn").count();
    assert_eq!(withdrawn, 1);
    assert_eq!(browser.get(&RP.request(&[])).await.status, 200, "the service has to ask again");
}

#[tokio::test]
async fn nobody_stops_what_is_not_theirs_and_no_path_is_trusted() {
    let world = provider().await;
    let (mut browser, _) = somebody(&world, EMAIL, 1).await;
    let tokens = RP.tokens(&world, &mut browser, &[]).await;
    let (mut eve, _) = somebody(&world, "eve@example.org", 2).await;
    assert_eq!(eve.get(&withdrawal("rp")).await.status, 404);
    eve.post(&withdrawal("rp"), &[]).await;
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 200);
    for path in [withdrawal("a b"), withdrawal(""), format!("{SERVICES}/rp!/withdraw"), withdrawal(&"r".repeat(65))] {
        assert_eq!(browser.get(&path).await.status, 404, "{path}");
        assert_eq!(browser.post(&path, &[]).await.status, 404, "{path}");
    }
    browser.origin = Some("https://evil.example".into());
    assert_eq!(browser.post(&withdrawal("rp"), &[]).await.status, 403);
    assert_eq!(userinfo(&world, &text(&tokens, "access_token")).await.status, 200);
}

#[tokio::test]
async fn a_service_that_is_no_more_can_still_be_taken_back() {
    let world = provider().await;
    let (browser, account) = somebody(&world, EMAIL, 1).await;
    let cookies = {
        let mut browser = browser;
        RP.tokens(&world, &mut browser, &[]).await;
        browser.cookies
    };
    let world = world.restarted(registry(&registrations()[1..2])).await;
    let mut browser = world.browser();
    browser.cookies = cookies;
    let page = browser.get(SERVICES).await;
    assert!(page.body.contains("<h2>rp</h2>"), "{}", page.body);
    assert_eq!(browser.post(&withdrawal("rp"), &[]).await.status, 303);
    assert_eq!(world.store.consent(&account, "rp").await, Ok(None));
}

/// What no service would be told in a session, nobody takes along in it.
#[tokio::test]
async fn who_somebody_is_leaves_in_no_session_that_shows_less_than_that_needs() {
    let world = provider().await;
    let (mut owner, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    RP.tokens(&world, &mut owner, &[]).await;
    world.store.keep_client_metadata(&account, "rp", "likes \"tea\"").await.expect("written");
    assert_eq!(owner.post("/account/password", &[("new_password", PASSWORD)]).await.status, 303);
    let mut thief = world.browser();
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).await.status, 303);
    let export = async |browser: &mut Browser<'_>, why: &str| {
        let answer = browser.get("/account/data.json").await;
        for fact in ["9434765919", "gp-user", "tea"] {
            assert_eq!(answer.body.contains(fact), why.is_empty(), "{fact}: {}", answer.body);
        }
        let said = answer.json()["left_out"]["why"].as_str().unwrap_or_default().to_owned();
        assert!(said.contains(why) && said.is_empty() == why.is_empty(), "{said}");
    };
    export(&mut owner, "").await;
    export(&mut thief, "signed in with a password alone").await;
    // A read letter box is worth no more.
    thief.choose_anew(EMAIL, "an entirely new password").await;
    assert_eq!(thief.sign_in(EMAIL, "an entirely new password").await.status, 303);
    export(&mut thief, "got your account back by a message").await;
}

#[tokio::test]
async fn ones_data_say_which_services_may_know_what_and_keep_what() {
    let world = provider().await;
    let (mut browser, account) = somebody(&world, EMAIL, 1).await;
    prove(&world, &account, IdentityLevel::P9).await;
    RP.tokens(&world, &mut browser, &[("scope", "openid profile")]).await;
    RP.tokens(&world, &mut browser, &[("scope", "openid email")]).await;
    world.store.keep_client_metadata(&account, "rp", "likes \"tea\"").await.expect("written");
    assert_eq!(browser.post(&withdrawal("other"), &[]).await.status, 303);
    let answer = browser.get("/account/data.json").await;
    let data = answer.json();
    let service = &data["services"][0];
    assert_eq!((&service["name"], &service["may_know"]), (&"The rp service".into(), &"openid email".into()));
    assert_eq!(service["was_allowed"], "openid email profile");
    assert_eq!((&service["identity_level"], &service["first_allowed"]), (&"P9".into(), &service["last_signed_in"]));
    assert_eq!(data["notes_of_services"][0]["text"], "likes \"tea\"");
    assert_eq!(
        (&data["verified"]["nhs_number"], &data["verified"]["gp_user"]),
        (&"9434765919".into(), &"gp-user".into())
    );
    assert!(!answer.body.contains("gp-key"), "what opens the record is a secret: {}", answer.body);
    assert_eq!(data["log_ins"][0]["passkey"], "Passkey made on Firefox on Linux");
}
