//! openid-client (npm): services in JavaScript, by the rules of the profiles `nhs` and `fapi2`, and one that registers
//! itself.

use crate::ground::Ground;
use crate::person::{PASSWORD, World, give_password, sign_out};
use crate::sample::{Sample, learnt};
use crate::service::free_port;
use crate::support::administrator::admin;
use crate::support::browser::Page;
use crate::support::service_key::ServiceKey;
use serde_json::json;
use std::process::Command;

const NHS: &str = "appointments.mjs";
const FAPI2: &str = "record-store.mjs";
const REGISTERS_ITSELF: &str = "letters.mjs";

/// An Aldgate that knows the sample's services, and one of them.
async fn ground(which: &str) -> Ground {
    let port = free_port();
    let sample = Sample::of("openid-client", port);
    for name in ["appointments", "letters"] {
        ServiceKey::rsa(sample.dir(), name);
    }
    ServiceKey::p256(sample.dir(), "record-store");
    let command = async |sample: &Sample, world: &World| {
        let mut command = Command::new("node");
        command.arg(sample.add("openid_client.mjs")).args([which, port.to_string().as_str()]);
        if which == REGISTERS_ITSELF {
            command.env("INITIAL_ACCESS_TOKEN", invitation(world).await);
        }
        command
    };
    Ground::of(sample, port, command).await
}

/// Leave for one client to register itself.
async fn invitation(world: &World) -> String {
    let allowed = json!({"profile": "nhs", "scope": "openid profile email", "vectors": ["P0.Cm", "P0.Cp"]});
    let (status, token) = admin(&world.instance, "POST", "/initial-access-tokens", &allowed).await;
    assert_eq!(status, 201, "{token}");
    token["initial_access_token"].as_str().expect("a token").to_owned()
}

impl Ground {
    /// Signs out by the service: without a question, and back.
    async fn sign_out_there(&self, page: &Page) {
        let bye = self.at(page, "/sign-out", "You have left the service").await;
        assert_eq!(bye, json!({"state": "goodbye"}));
        page.open("/signed-out").await;
        assert_eq!(page.session().await, None, "nobody is signed in any more");
    }
}

/// Closes the account of whoever is signed in.
async fn close_account(page: &Page, email: &str) {
    page.open_at("/account", "Your account").await;
    page.press("Close your account").await;
    page.arrive("Close your account").await;
    page.fill("email", email).await;
    page.press("Close your account").await;
    page.arrive("Your account is closed").await;
}

#[tokio::test]
async fn a_person_signs_in_to_a_service_with_a_passkey_and_agrees_once() {
    let ground = ground(NHS).await;
    let Ground { world, service, .. } = &ground;
    let page = world.page().await;
    let _passkey = world.register_with_passkey(&page, "ada@example.org").await;
    let account = page.session().await.expect("signed in")["account"].clone();
    sign_out(&page).await;
    page.open(&service.origin).await;
    page.arrive("Share your information").await; // The passkey is offered in the field, and its owner is there.
    page.assert_says("Book an appointment").await;
    page.press("Agree and continue").await;
    page.arrive("Welcome to the service").await;
    let first = learnt(&page).await;
    assert_eq!((&first["claims"]["sub"], first["claims"]["vot"].as_str()), (&account, Some("P0.Cm")), "{first}");
    assert_eq!(
        (first["userinfo"]["email"].as_str(), &first["token_type"]),
        (Some("ada@example.org"), &json!("bearer"))
    );
    let used = ground.at(&page, "/use", "What it is worth").await;
    assert_eq!((&used["worth"]["active"], &used["worth"]["sub"]), (&json!(true), &account), "{used}");
    assert_eq!((&used["refreshed"], &used["userinfo"]), (&json!("refreshed"), &first["userinfo"]), "{used}");
    assert_eq!(used["replaced"], "invalid_grant", "a refresh token is good once");
    assert_eq!(used["afterwards"], json!({"active": false}), "and its copy ends them all");
    page.open(&service.origin).await;
    page.arrive("Welcome to the service").await;
    assert_eq!(learnt(&page).await["claims"]["sub"], account, "the second time nobody is asked anything");
    let again = ground.at(&page, "/?prompt=login", "Welcome to the service").await;
    assert!(again["claims"]["auth_time"].as_u64() >= first["claims"]["auth_time"].as_u64());
    ground.sign_out_there(&page).await;
}

#[tokio::test]
async fn a_person_signs_in_to_a_service_with_a_password_or_says_no() {
    let ground = ground(NHS).await;
    let Ground { world, service, .. } = &ground;
    let page = world.page().await;
    page.without_offers().await;
    world.register_with_password(&page, "ben@example.org").await;
    sign_out(&page).await;
    page.open(&service.origin).await;
    give_password(&page, "ben@example.org", PASSWORD).await;
    page.arrive("Share your information").await;
    page.press("Do not share").await;
    page.arrive("You did not get in").await;
    assert_eq!(learnt(&page).await["error"], "access_denied");
    page.open_at(&service.origin, "Share your information").await;
    page.press("Agree and continue").await;
    page.arrive("Welcome to the service").await;
    assert_eq!(learnt(&page).await["claims"]["vot"], "P0.Cp");
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;
    // A password posted here leads by redirects to the service: the page's policy lets it.
    page.open(&service.origin).await;
    give_password(&page, "ben@example.org", PASSWORD).await;
    page.arrive("Welcome to the service").await;
    ground.at(&page, "/?prompt=none", "Welcome to the service").await;
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;
    let refused = ground.at(&page, "/?prompt=none", "You did not get in").await;
    assert_eq!(refused["error"], "sso_login_required");
}

#[tokio::test]
async fn a_service_gets_tokens_for_itself_and_ends_those_of_a_person() {
    let ground = ground(NHS).await;
    let page = ground.world.page().await;
    ground.welcomed(&page, "cat@example.org").await;
    let own = ground.at(&page, "/machine?scope=appointments.read", "The service itself").await;
    assert_eq!((&own["scope"], &own["worth"]["active"]), (&json!("appointments.read"), &json!(true)), "{own}");
    assert_eq!(own["worth"]["sub"], "appointments", "it is about nobody");
    let more = ground.at(&page, "/machine?scope=email", "You did not get in").await;
    assert_eq!(more["error"], "invalid_scope", "{more}");
    let revoked = ground.at(&page, "/revoke", "What it was worth").await;
    assert_eq!(revoked["before"]["active"], true, "{revoked}");
    let inactive = json!({"active": false});
    assert_eq!(revoked["after"], json!({"refresh": inactive, "access": inactive}));
    assert_eq!(revoked["userinfo"]["error"], "invalid_token", "{revoked}");
}

#[tokio::test]
async fn a_service_of_fapi_pushes_its_request_and_its_tokens_are_bound_to_its_key() {
    let ground = ground(FAPI2).await;
    let page = ground.world.page().await;
    let first = ground.welcomed(&page, "dan@example.org").await;
    assert_eq!((&first["token_type"], &first["userinfo"]["email"]), (&json!("dpop"), &json!("dan@example.org")));
    let used = ground.at(&page, "/use", "What it is worth").await;
    assert_eq!((&used["worth"]["token_type"], &used["refreshed"]), (&json!("DPoP"), &json!("refreshed")), "{used}");
    assert!(used["worth"]["cnf"]["jkt"].is_string(), "{used}");
    // FAPI 2.0, section 5.3.2.1: a token is not replaced, so that a lost answer costs nobody their grant.
    assert_eq!((&used["replaced"], &used["afterwards"]["active"]), (&json!("taken twice"), &json!(true)), "{used}");
    page.open(&ground.service.origin).await;
    page.arrive("Welcome to the service").await;
    ground.sign_out_there(&page).await;
}

#[tokio::test]
async fn a_service_registers_itself_and_people_sign_in_to_it() {
    let ground = ground(REGISTERS_ITSELF).await;
    let page = ground.world.page().await;
    ground.world.register_with_password(&page, "eve@example.org").await;
    page.open_at(&ground.service.origin, "Share your information").await;
    page.assert_says("Read your letters").await;
    page.press("Agree and continue").await;
    page.arrive("Welcome to the service").await;
    let first = learnt(&page).await;
    let client = first["claims"]["aud"].as_str().expect("a name");
    assert_eq!((client.len(), &first["userinfo"]["email"]), (22, &json!("eve@example.org")), "{first}");
    ground.sign_out_there(&page).await;
}

#[tokio::test]
async fn who_closes_their_account_in_between_is_told_of_to_no_service() {
    let ground = ground(NHS).await;
    let page = ground.world.page().await;
    ground.welcomed(&page, "fay@example.org").await;
    let held = ground.at(&page, "/?hold", "We will see to it later").await;
    assert_eq!(held, json!({}));
    close_account(&page, "fay@example.org").await;
    let code = ground.at(&page, "/redeem", "You did not get in").await;
    assert_eq!(code["error"], "invalid_grant", "{code}");
    let used = ground.at(&page, "/use", "What it is worth").await;
    assert_eq!((&used["worth"], &used["refreshed"]), (&json!({"active": false}), &json!("invalid_grant")), "{used}");
    assert_eq!(used["userinfo"]["error"], "invalid_token", "{used}");
    page.open(&ground.service.origin).await;
    page.arrive("Sign in").await;
}
