//! The account pages: passkeys, sessions, password.

use crate::steps::with_phone;
use crate::world::{Browser, Ear, PASSWORD, World};
use aldgate_backend::model::Person;
use aldgate_backend::store::Verification;
use aldgate_backend::store::audit::Act;
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::{AccountId, CredentialDigest};
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::warm::change::Change;
use std::sync::Arc;

const EMAIL: &str = "ada@example.org";

fn id_of(authenticator: &Authenticator) -> String {
    CredentialDigest::of(&authenticator.credential_id).to_string()
}

#[tokio::test]
async fn a_passkey_is_renamed() {
    let world = World::new().await;
    let authenticator = Authenticator::derived(1, 1);
    let mut browser = world.with_passkey(EMAIL, &authenticator).await;
    let path = format!("/account/passkeys/{}/rename", id_of(&authenticator));
    assert!(browser.get(&path).await.body.contains("Passkey made on Firefox on Linux"));
    let answer = browser.post(&path, &[("name", "<b>My</b> phone")]).await;
    assert_eq!(answer.location(), "/account/passkeys?done=passkey-renamed");
    let page = browser.get(answer.location()).await;
    assert!(page.body.contains("&#60;b&#62;My&#60;/b&#62; phone") && !page.body.contains("<b>My"), "{}", page.body);
    for name in ["", " ", &"x".repeat(65), "a\u{7}b"] {
        assert_eq!(browser.post(&path, &[("name", name)]).await.status, 422, "{name}");
    }
}

#[tokio::test]
async fn the_last_way_in_cannot_be_removed() {
    let world = World::new().await;
    let gate = Arc::new(Ear::default());
    world.warm.follow(gate.clone());
    let (one, two) = (Authenticator::derived(1, 1), Authenticator::derived(1, 2));
    let mut browser = world.with_passkey(EMAIL, &one).await;
    let path = |passkey| format!("/account/passkeys/{}/remove", id_of(passkey));
    assert!(!browser.get(&path(&one)).await.body.contains("<form"));
    assert_eq!(browser.post(&path(&one), &[]).await.status, 409);
    browser.register_passkey(&two).await;
    assert!(browser.get(&path(&one)).await.body.contains("<form"));
    let answer = browser.post(&path(&one), &[]).await;
    assert_eq!(answer.location(), "/account/passkeys?done=passkey-removed");
    assert_eq!(browser.post(&path(&two), &[]).await.status, 409);
    assert_eq!(browser.post(&path(&one), &[]).await.status, 404);
    let digest = CredentialDigest::of(&one.credential_id);
    assert_eq!(world.warm.credential(&digest).await.expect("warm"), None);
    assert!(gate.heard(&Change::CredentialRetired(digest)));
    assert!(browser.session().await.is_some(), "the session that it is done in stays");
}

/// The owner of the account that a browser is signed in to is identified, as highly as can be. Gives the account.
pub(crate) async fn identified(owner: &Browser<'_>, world: &World) -> AccountId {
    let session = owner.session().await.expect("a session");
    let account = world.warm.session(&session).await.expect("warm").expect("a record").account;
    let act = Act::system("test", world.now());
    let known = world.store.set_person(&account, IdentityLevel::P9, &Person::default(), act).await;
    assert_eq!(known, Ok(Verification::Written));
    account
}

/// Somebody who was identified, with a passkey and a password, and a thief who is signed in with the password alone.
async fn owner_and_thief<'w>(world: &'w World, passkey: &Authenticator) -> (Browser<'w>, Browser<'w>, AccountId) {
    let mut owner = world.with_passkey(EMAIL, passkey).await;
    assert_eq!(owner.post("/account/password", &[("new_password", PASSWORD)]).await.status, 303);
    let account = identified(&owner, world).await;
    let mut thief = world.browser();
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).await.status, 303);
    (owner, thief, account)
}

#[tokio::test]
async fn a_stolen_password_takes_no_passkey_from_whoever_was_identified() {
    let world = World::new().await;
    let one = Authenticator::derived(1, 1);
    let (mut owner, mut thief, _) = owner_and_thief(&world, &one).await;
    let path = format!("/account/passkeys/{}/remove", id_of(&one));
    let answer = thief.post(&path, &[]).await;
    assert_eq!(answer.location(), "/sign-in?return_to=%2Faccount%2Fpasskeys&why=second-step", "{answer:?}");
    let digest = CredentialDigest::of(&one.credential_id);
    assert!(world.warm.credential(&digest).await.expect("warm").is_some());
    assert_eq!(owner.post(&path, &[]).await.location(), "/account/passkeys?done=passkey-removed");
}

#[tokio::test]
async fn a_stolen_password_closes_no_account_of_whoever_was_identified() {
    let world = World::new().await;
    let (mut owner, mut thief, account) = owner_and_thief(&world, &Authenticator::derived(1, 1)).await;
    let answer = thief.post("/account/close", &[("email", EMAIL)]).await;
    assert_eq!(answer.location(), "/sign-in?return_to=%2Faccount%2Fclose&why=passkey", "{answer:?}");
    with_phone(&mut owner, &world, "07700 900123").await;
    let answer = thief.post("/account/close", &[("email", EMAIL)]).await;
    assert_eq!(answer.location(), "/sign-in?return_to=%2Faccount%2Fclose&why=second-step", "{answer:?}");
    assert!(world.store.account(&account).await.expect("read").is_some());
    let answer = owner.post("/account/close", &[("email", EMAIL)]).await;
    assert!(answer.body.contains("Your account is closed"), "{}", answer.body);
}

#[tokio::test]
async fn nobody_touches_what_is_not_theirs() {
    let world = World::new().await;
    let (one, two) = (Authenticator::derived(1, 1), Authenticator::derived(1, 2));
    let owner = world.with_passkey(EMAIL, &one).await;
    let mut other = world.with_passkey("bob@example.org", &two).await;
    for path in [
        format!("/account/passkeys/{}/rename", id_of(&one)),
        format!("/account/passkeys/{}/remove", id_of(&one)),
        "/account/passkeys/x/remove".to_owned(),
        "/account/passkeys/%00/rename".to_owned(),
    ] {
        assert_eq!(other.get(&path).await.status, 404, "{path}");
        assert_eq!(other.post(&path, &[("name", "mine")]).await.status, 404, "{path}");
    }
    let session = owner.session().await.expect("session");
    other.post(&format!("/account/sessions/{session}/end"), &[]).await;
    assert!(owner.session().await.is_some());
    assert_eq!(other.post("/account/sessions/x/end", &[]).await.status, 404);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = World::new().await;
    let mut one = world.with_password(EMAIL).await;
    let mut two = world.browser();
    two.sign_in(EMAIL, PASSWORD).await;
    let other = two.session().await.expect("session");
    let page = one.get("/account/sessions").await;
    assert!(page.body.contains("Firefox on Linux") && page.body.contains(&other.to_string()), "{}", page.body);
    let answer = one.post(&format!("/account/sessions/{other}/end"), &[]).await;
    assert_eq!(answer.location(), "/account/sessions?done=session-ended");
    assert!(two.session().await.is_none() && one.session().await.is_some());
    let mine = one.session().await.expect("session");
    assert_eq!(one.post(&format!("/account/sessions/{mine}/end"), &[]).await.location(), "/signed-out");
    assert!(one.cookies.keys().all(|name| ["journey", "device", "opened"].iter().any(|kind| name.contains(kind))));
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session() {
    let world = World::new().await;
    let mut one = world.with_password(EMAIL).await;
    let mut two = world.browser();
    two.sign_in(EMAIL, PASSWORD).await;
    let change = |current, new| [("current_password", current), ("new_password", new)];
    for (current, new, message) in [
        ("a wrong password", "another password", "This is not your current password"),
        (PASSWORD, "short", "Password must be 8 characters or more"),
        (PASSWORD, "ADA@example.org", "Password must not be your email address"),
        (PASSWORD, "Password123", "tried first"),
    ] {
        let answer = one.post("/account/password", &change(current, new)).await;
        assert!(answer.status == 422 && answer.body.contains(message), "{}", answer.body);
    }
    let answer = one.post("/account/password", &[("new_password", "another password")]).await;
    assert_eq!(answer.status, 422, "the current one is not optional");
    let answer = one.post("/account/password", &change(PASSWORD, "another password")).await;
    assert_eq!(answer.location(), "/account?done=password-changed");
    assert!(one.session().await.is_some() && two.session().await.is_none());
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 422);
    assert_eq!(world.browser().sign_in(EMAIL, "another password").await.status, 303);
}

#[tokio::test]
async fn a_first_password_lets_the_passkey_go_and_its_sessions_with_it() {
    let world = World::new().await;
    let authenticator = Authenticator::derived(1, 1);
    let passkey = world.with_passkey(EMAIL, &authenticator).await;
    let mut owner = passkey.clone();
    assert_eq!(owner.post("/account/password", &[("new_password", PASSWORD)]).await.status, 303);
    let mut other = world.browser();
    assert_eq!(other.sign_in(EMAIL, PASSWORD).await.status, 303);
    let answer = other.post(&format!("/account/passkeys/{}/remove", id_of(&authenticator)), &[]).await;
    assert_eq!(answer.location(), "/account/passkeys?done=passkey-removed");
    assert!(passkey.session().await.is_none() && other.session().await.is_some());
}

#[tokio::test]
async fn of_two_changes_that_showed_the_same_password_one_stands() {
    let world = World::new().await;
    let browser = world.with_password(EMAIL).await;
    let changes = (0..4).map(|n| {
        let (mut browser, new) = (browser.clone(), format!("new words number {n}"));
        async move {
            let fields = [("current_password", PASSWORD), ("new_password", &new)];
            browser.post("/account/password", &fields).await.status
        }
    });
    let statuses = crate::sign_in::futures_of(changes).await;
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
}
