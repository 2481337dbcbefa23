//! Authlib (PyPI): services in Python, by the rules of the profiles `nhs` (RS512) and `cross-government` (ES256). It
//! knows neither pushed requests nor DPoP, so it cannot be a client of `fapi2`.

use crate::ground::Ground;
use crate::person::World;
use crate::sample::Sample;
use crate::service::free_port;
use crate::support::browser::{Page, target};
use crate::support::service_key::ServiceKey;
use serde_json::{Value, json};
use std::process::Command;

/// An Aldgate that knows the sample's services, and one of them.
async fn ground(which: &str) -> Ground {
    let port = free_port();
    let sample = Sample::of("authlib", port);
    ServiceKey::rsa(sample.dir(), "prescriptions");
    ServiceKey::p256(sample.dir(), "passports");
    let command = async |sample: &Sample, _: &World| {
        let mut command = Command::new(target("test-tools/venv/bin/python"));
        command.arg(sample.add("authlib_service.py")).args([which, port.to_string().as_str()]);
        command
    };
    Ground::of(sample, port, command).await
}

#[tokio::test]
async fn a_person_signs_in_to_a_service_in_python_by_the_rules_of_nhs_login() {
    let ground = ground("prescriptions").await;
    let page = ground.world.page().await;
    let first = ground.welcomed(&page, "ada@example.org").await;
    let account = account(&page).await;
    assert_eq!((&first["claims"]["sub"], &first["claims"]["vot"]), (&account, &json!("P0.Cp")), "{first}");
    assert_eq!((&first["userinfo"]["email"], &first["refreshes"]), (&json!("ada@example.org"), &json!(true)));
    let used = ground.at(&page, "/use", "What it is worth").await;
    assert_eq!((&used["before"]["active"], &used["before"]["sub"]), (&json!(true), &account), "{used}");
    assert_eq!(used["refreshed"], first["userinfo"], "{used}");
    assert_eq!((&used["revoked"], &used["after"]), (&json!(200), &json!({"active": false})), "{used}");
    assert!(used["userinfo"]["error"].as_str().is_some_and(|told| told.contains("invalid_token")), "{used}");
    assert_eq!(used["again"]["error"], "invalid_grant", "{used}");
    let own = ground.at(&page, "/machine?scope=prescriptions.read", "The service itself").await;
    assert_eq!((&own["scope"], &own["worth"]["sub"]), (&json!("prescriptions.read"), &json!("prescriptions")), "{own}");
    let more = ground.at(&page, "/machine?scope=email", "The service itself").await;
    assert_eq!(more["error"], "invalid_scope", "{more}");
    ground.at(&page, "/?prompt=none", "Welcome to the service").await;
    let bye = ground.at(&page, "/sign-out", "You have left the service").await;
    assert_eq!(bye["post_logout_redirect_uri"], format!("{}/signed-out", ground.service.origin));
    let refused = ground.at(&page, "/?prompt=none", "You did not get in").await;
    assert_eq!(refused["error"], "sso_login_required");
}

#[tokio::test]
async fn a_person_signs_in_to_a_service_in_python_by_the_rules_of_one_login() {
    let ground = ground("passports").await;
    let page = ground.world.page().await;
    let first = ground.welcomed(&page, "ben@example.org").await;
    assert_eq!((&first["claims"]["vot"], &first["refreshes"]), (&json!("Cl"), &json!(false)), "{first}");
    assert_ne!(first["claims"]["sub"], account(&page).await, "a name that only this service knows");
    assert_eq!(first["userinfo"]["email"], "ben@example.org");
    let used = ground.at(&page, "/use", "What it is worth").await;
    assert_eq!((&used["before"]["active"], &used["after"]["active"]), (&json!(true), &json!(false)), "{used}");
    let own = ground.at(&page, "/machine?scope=passports.read", "The service itself").await;
    assert_eq!(own["worth"]["active"], true, "{own}");
    page.open_at(&format!("{}/?prompt=login", ground.service.origin), "Sign in").await;
}

/// The account of whoever is signed in.
async fn account(page: &Page) -> Value {
    page.open("/account").await;
    page.session().await.expect("signed in")["account"].clone()
}
