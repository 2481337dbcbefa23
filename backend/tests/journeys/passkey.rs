//! Registering passkeys over HTTP: for a new account, for a standing one, and never twice.

use crate::world::{Ear, PASSWORD, RP_ID, World, registration, registration_of};
use aldgate_core::id::CredentialDigest;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::warm::change::Change;
use aldgate_core::webauthn::public_key::PublicKey;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn a_registered_passkey_is_known_to_the_gates_at_once() {
    let world = World::new().await;
    let (authenticator, gate) = (Authenticator::derived(1, 1), Arc::new(Ear::default()));
    world.warm.follow(gate.clone());
    let browser = world.with_passkey(EMAIL, &authenticator).await;
    let record = world.warm.credential(&CredentialDigest::of(&authenticator.credential_id)).await.expect("warm");
    let record = record.expect("record");
    assert_eq!(record.public_key, authenticator.record().public_key);
    assert!(gate.heard(&Change::CredentialChanged(Arc::new(record.clone()))));
    let session = world.warm.session(&browser.session().await.expect("session")).await.expect("warm").expect("record");
    assert_eq!((session.account, session.credential), (record.account, Some(record.digest)));
    assert_eq!(session.components.to_string(), "Cm");
}

#[tokio::test]
async fn a_registration_is_not_accepted_twice() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove(EMAIL).await;
    let body = registration(&Authenticator::derived(1, 1), &browser.challenge().await);
    let mut twin = browser.clone();
    let (one, two) =
        tokio::join!(browser.post_json("/passkey/register", &body), twin.post_json("/passkey/register", &body));
    let (good, bad) = if one.status == 200 { (one, two) } else { (two, one) };
    assert_eq!((good.status, bad.status, bad.slug().as_str()), (200, 409, "challenge-used"));
    assert_eq!(bad.all("set-cookie").count(), 0);
}

#[tokio::test]
async fn a_late_alien_or_moved_challenge_is_refused() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove(EMAIL).await;
    let authenticator = Authenticator::derived(1, 1);
    let mut other = world.browser();
    other.prove("bob@example.org").await;
    let moved = registration(&authenticator, &other.challenge().await);
    let answer = browser.post_json("/passkey/register", &moved).await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "registration-refused"));
    let alien = registration(&authenticator, "AAAA");
    assert_eq!(browser.post_json("/passkey/register", &alien).await.slug(), "registration-refused");
    let late = registration(&authenticator, &browser.challenge().await);
    world.after(Duration::from_mins(5));
    let answer = browser.post_json("/passkey/register", &late).await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "challenge-expired"));
    assert_eq!(browser.register_passkey(&authenticator).await.status, 200);
}

#[tokio::test]
async fn a_credential_belongs_to_one_account() {
    let world = World::new().await;
    let authenticator = Authenticator::derived(1, 1);
    world.with_passkey(EMAIL, &authenticator).await;
    let mut other = world.browser();
    other.prove("bob@example.org").await;
    let answer = other.register_passkey(&authenticator).await;
    assert_eq!((answer.status, answer.slug().as_str()), (409, "already-registered"));
    assert!(other.session().await.is_none());
}

#[tokio::test]
async fn the_owner_adds_one_more_within_fifteen_minutes_of_signing_in() {
    let world = World::new().await;
    let mut browser = world.with_passkey(EMAIL, &Authenticator::derived(1, 1)).await;
    let options = browser.post_json("/passkey/register/options", &json!({})).await.json();
    assert_eq!(options["excludeCredentials"].as_array().map(Vec::len), Some(1));
    let answer = browser.register_passkey(&Authenticator::derived(1, 2)).await;
    assert_eq!(answer.json()["next"], "/account/passkeys?done=passkey-added");
    let page = browser.get("/account/passkeys?done=passkey-added").await;
    assert!(page.body.contains("Your passkey was added"), "{}", page.body);
    assert_eq!(world.messages().last().map(|message| message.subject.contains("added")), Some(true));
    world.after(Duration::from_mins(15) + Duration::from_secs(1));
    let answer = browser.post_json("/passkey/register/options", &json!({})).await;
    assert_eq!((answer.status, answer.slug().as_str()), (401, "not-signed-in"));
    let answer = world.browser().post_json("/passkey/register", &json!({})).await;
    assert_eq!((answer.status, answer.slug().as_str()), (401, "not-signed-in"));
}

#[tokio::test]
async fn whoever_is_signed_in_adds_to_their_own_account_whatever_journey_is_left() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove("bob@example.org").await;
    let owner = world.with_password(EMAIL).await;
    browser.cookies.extend(owner.cookies.into_iter().filter(|(name, _)| !name.contains("journey")));
    let answer = browser.register_passkey(&Authenticator::derived(1, 1)).await;
    assert_eq!(answer.json()["next"], "/account/passkeys?done=passkey-added");
    assert!(browser.get("/account").await.body.contains(EMAIL));
}

#[tokio::test]
async fn ed25519_is_registered() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove(EMAIL).await;
    let pair = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).expect("seed");
    let key: [u8; 32] = pair.public_key().as_ref().try_into().expect("32 bytes");
    let mut data = Authenticator::authenticator_data(RP_ID, 0x45, 0);
    data.extend_from_slice(&[0; 16]);
    data.extend_from_slice(&[0, 4, 9, 9, 9, 9]);
    data.extend_from_slice(&[0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20]);
    data.extend_from_slice(&key);
    let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
    object.push(u8::try_from(data.len()).expect("short"));
    object.extend_from_slice(&data);
    let body = registration_of(&[9; 4], &object, &browser.challenge().await);
    let answer = browser.post_json("/passkey/register", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let record = world.warm.credential(&CredentialDigest::of(&[9; 4])).await.expect("warm").expect("record");
    assert_eq!(record.public_key, PublicKey::EdDsa(Box::new(key)));
}

#[tokio::test]
async fn a_body_that_cannot_be_read_names_its_fault() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove(EMAIL).await;
    let mut body = registration(&Authenticator::derived(1, 1), &browser.challenge().await);
    body["response"]["attestationObject"] = json!(7);
    let answer = browser.post_json("/passkey/register", &body).await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "bad-request"));
    assert_eq!(answer.json()["field"], "response.attestationObject");
    let answer = browser.send("POST", "/passkey/register", "application/json", &[b'['; 70_000], &[]).await;
    assert_eq!(answer.status, 413);
    assert_eq!(browser.post("/register/password", &[("password", PASSWORD)]).await.status, 303, "nothing is lost");
}

#[tokio::test]
async fn a_browser_makes_a_passkey_by_itself_only_where_it_said_so_before() {
    let world = World::new().await;
    let mut owner = world.with_password("unasked@example.org").await;
    let conditional = json!({"mediation": "conditional"});
    let challenge = |answer: crate::world::Answer| answer.json()["challenge"].as_str().expect("challenge").to_owned();
    let unasked = |authenticator: &Authenticator, challenge: &str, says: bool| {
        // Nobody touched anything: neither present nor verified.
        let object = authenticator.attestation_object(RP_ID, 0x00);
        let mut answer = registration_of(&authenticator.credential_id, &object, challenge);
        if says {
            answer["mediation"] = "conditional".into();
        }
        answer
    };
    let (one, two, three) = (Authenticator::derived(7, 1), Authenticator::derived(7, 2), Authenticator::derived(7, 3));
    let asked = owner.challenge().await;
    let answer = owner.post_json("/passkey/register", &unasked(&one, &asked, false)).await;
    assert_eq!((answer.status, answer.slug().as_str()), (400, "registration-refused"));
    let answer = owner.post_json("/passkey/register", &unasked(&two, &asked, true)).await;
    assert_eq!(answer.status, 400, "a challenge for an asked one: {}", answer.body);
    let options = owner.post_json("/passkey/register/options", &conditional).await;
    assert_eq!(options.json()["authenticatorSelection"]["userVerification"], "preferred");
    let answer = owner.post_json("/passkey/register", &unasked(&three, &challenge(options), true)).await;
    assert_eq!((answer.status, answer.json()["next"].as_str()), (200, Some("/account/passkeys?done=passkey-added")));

    // A newcomer is always asked.
    let mut newcomer = world.browser();
    newcomer.prove("newcomer@example.org").await;
    let options = newcomer.post_json("/passkey/register/options", &conditional).await;
    let answer = newcomer
        .post_json("/passkey/register", &unasked(&Authenticator::derived(7, 4), &challenge(options), true))
        .await;
    assert_eq!(answer.status, 400, "{}", answer.body);
}

#[tokio::test]
async fn well_known_addresses_say_where_passkeys_are_made_and_used() {
    let world = World::new().await;
    let mut browser = world.browser();
    assert_eq!(browser.get("/.well-known/webauthn").await.json(), json!({"origins": []}));
    let endpoints = browser.get("/.well-known/passkey-endpoints").await.json();
    assert_eq!(endpoints["manage"], "http://localhost:8080/account/passkeys");
    let mut owner = world.with_passkey("ada@example.org", &Authenticator::derived(1, 1)).await;
    let page = owner.get("/account/passkeys").await;
    assert!(
        page.body.contains("data-rp-id=\"localhost\"") && page.body.contains("data-passkeys-accepted=\""),
        "{}",
        page.body
    );
}
