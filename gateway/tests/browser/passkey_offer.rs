//! After a password a passkey is offered, on the way to where one goes; and devices hear which ones are still good.

use crate::person::{PASSWORD, World, give_password, sign_out};
use crate::support::browser::{Authenticator, Page};
use aldgate_core::id::CredentialDigest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const OFFER: &str = "Sign in faster next time";
const THERE: &str = "The gate says who you are";

/// From an account page to the password, on the way to a service; the caller says what page comes.
async fn sign_in_on_the_way(page: &Page, email: &str) {
    page.open_at("/account", "Your account").await;
    sign_out(page).await;
    page.open_at("/demo/?x=1", "Sign in").await;
    page.until("it is said what the browser can", "document.querySelector('[name=passkeys]').value").await;
    give_password(page, email, PASSWORD).await;
}

async fn assert_there(page: &Page) {
    page.arrive(THERE).await;
    assert_eq!(page.path().await, "/demo/?x=1");
}

#[tokio::test]
async fn a_passkey_is_made_in_one_step_and_nobody_is_asked_twice() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    page.making_passkeys_when_asked().await;
    world.register_with_password(&page, "ada@example.org").await;
    let device = Authenticator::add(&page).await;
    sign_in_on_the_way(&page, "ada@example.org").await;
    page.arrive(OFFER).await;
    assert!(page.session().await.is_some(), "they are signed in already");
    page.press("Create a passkey").await;
    assert_there(&page).await;
    assert_eq!(device.credentials().await.len(), 1);
    world.instance.told("ada@example.org", "new passkey").await;

    // Who has one and uses the password all the same is let through.
    sign_in_on_the_way(&page, "ada@example.org").await;
    assert_there(&page).await;

    // It opens the account.
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;
    page.open_at("/demo/?x=1", "Sign in").await;
    page.press("Sign in with a passkey").await;
    assert_there(&page).await;
}

#[tokio::test]
async fn not_now_is_remembered_and_a_device_that_refuses_is_in_nobodys_way() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    page.making_passkeys_when_asked().await;
    world.register_with_password(&page, "ben@example.org").await;
    let device = Authenticator::add(&page).await;
    device.set_user_verified(false).await;
    sign_in_on_the_way(&page, "ben@example.org").await;
    page.arrive(OFFER).await;
    page.press("Create a passkey").await;
    let said = "words(document.querySelector('[data-passkey-status]')).startsWith('No passkey was created')";
    page.until("the word that it failed", said).await;
    page.press("Not now").await;
    assert_there(&page).await;
    sign_in_on_the_way(&page, "ben@example.org").await;
    assert_there(&page).await;
    assert!(device.credentials().await.is_empty());
}

#[tokio::test]
async fn a_browser_that_makes_passkeys_by_itself_asks_nobody() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    world.register_with_password(&page, "cem@example.org").await;
    let device = Authenticator::add(&page).await;
    page.making_passkeys_by_itself().await;
    page.open_at("/sign-out", "Sign out").await;
    page.press("Sign out").await;
    page.arrive("You are signed out").await;
    page.open_at("/demo/?x=1", "Sign in").await;
    page.until("it is said what the browser can", "document.querySelector('[name=passkeys]').value").await;
    give_password(&page, "cem@example.org", PASSWORD).await;
    assert_there(&page).await;
    assert_eq!(page.eval("sessionStorage.getItem('made')").await, "conditional");
    assert_eq!(device.credentials().await.len(), 1);
    world.instance.told("cem@example.org", "new passkey").await;
}

#[tokio::test]
async fn where_the_browser_will_not_make_one_by_itself_the_offer_stays() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    world.register_with_password(&page, "dan@example.org").await;
    // This Chromium can, and refuses: nobody has let it fill in a password.
    page.open_at("/account/passkey-offer?return_to=/demo/?x=1", OFFER).await;
    let device = Authenticator::add(&page).await;
    page.press("Create a passkey").await;
    page.arrive(THERE).await;
    assert_eq!(device.credentials().await.len(), 1);
}

#[tokio::test]
async fn without_a_script_one_goes_straight_on() {
    let world = World::start().await;
    let page = world.page().await;
    page.set_script(false).await;
    world.register_with_password(&page, "eva@example.org").await;
    page.open_at("/account", "Your account").await;
    sign_out(&page).await;
    page.open_at("/demo/?x=1", "Sign in").await;
    give_password(&page, "eva@example.org", PASSWORD).await;
    assert_there(&page).await;
    page.open_at("/account/passkey-offer?return_to=/demo/%3Fx=1", THERE).await;
}

#[tokio::test]
async fn after_a_log_in_a_device_forgets_a_passkey_that_was_removed() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    let device = world.register_with_passkey(&page, "fay@example.org").await;
    device.set_presence(false).await;
    let key = Authenticator::add_security_key(&page).await;
    page.open_at("/account/passkeys/add", "Add a passkey").await;
    page.press("Add a passkey").await;
    page.arrive("Your passkeys").await;
    // The older one goes, as from elsewhere: no page here hears of it.
    let older = device.credentials().await.remove(0);
    let older = STANDARD.decode(&older.credential_id).expect("base64");
    let remove = format!("/account/passkeys/{}/remove", CredentialDigest::of(&older));
    let removed = format!("fetch({remove:?}, {{method: 'POST'}}).then((answer) => answer.status)");
    assert_eq!(page.eval(&removed).await, 200);
    assert_eq!(device.credentials().await.len(), 1, "the device does not know it yet");
    page.open_at("/sign-out", "Sign out").await;
    page.press("Sign out").await;
    page.arrive("You are signed out").await;
    key.set_presence(true).await;
    page.open_at("/demo/?x=1", "Sign in").await;
    page.press("Sign in with a passkey").await;
    assert_there(&page).await;
    assert!(device.credentials().await.is_empty(), "and now it does");
    assert_eq!(key.credentials().await.len(), 1, "the one that is good stays");
}
