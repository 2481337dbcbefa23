//! Creating an account and getting into it, in each way there is.

use crate::person::{PASSWORD, World, give_password, sign_in_with_password, sign_out};
use crate::support::browser::Page;
use std::time::Duration;

#[tokio::test]
async fn a_person_registers_with_a_passkey_and_signs_in_by_button_and_by_autofill() {
    let world = World::start().await;
    let page = world.page().await;
    page.note_passkey_calls().await;
    let authenticator = world.register_with_passkey(&page, "ada@example.org").await;
    assert_eq!(page.summary("Passkeys").await, "1 passkey");
    assert_eq!(page.summary("Password").await, "Not set");
    let account = page.session().await.expect("registering signs in")["account"].clone();
    let credentials = authenticator.credentials().await;
    assert_eq!(credentials.len(), 1);
    let [credential] = &credentials[..] else { panic!("{credentials:?}") };
    assert!(credential.is_resident_credential, "it can be found without a name: {credential:?}");
    assert_eq!(credential.rp_id.as_deref(), Some("localhost"));
    assert_eq!(credential.user_name.as_deref(), Some("ada@example.org"));
    sign_out(&page).await;

    // The button, while autofill waits in the e-mail field.
    authenticator.set_presence(false).await;
    page.take_passkey_calls().await;
    page.open_at("/sign-in", "Sign in").await;
    page.until("autofill waits", "sessionStorage.getItem('calls')?.includes('conditional asked')").await;
    // The browser asks the authenticator a moment after the script has asked the browser, and says nothing of it. What is asked
    // before somebody is present is never answered: neither this, which is meant to wait, nor the button's, if it came first.
    tokio::time::sleep(Duration::from_secs(1)).await;
    authenticator.set_presence(true).await;
    page.press("Sign in with a passkey").await;
    page.arrive("Your account").await;
    assert_eq!(page.path().await, "/account");
    let calls = page.take_passkey_calls().await;
    assert_eq!(calls, "conditional asked;conditional AbortError;button asked;button answered;");
    assert_eq!(page.session().await.expect("signed in")["account"], account);
    assert_eq!(page.summary("Email address").await, "ada@example.org", "no name was typed");
    sign_out(&page).await;

    // Autofill: nothing is pressed at all.
    page.open("/sign-in").await;
    page.arrive("Your account").await;
    assert_eq!(page.take_passkey_calls().await, "conditional asked;conditional answered;");
    let session = page.session().await.expect("signed in");
    assert_eq!(session["account"], account);
    assert!(authenticator.credentials().await[0].sign_count > credential.sign_count);
    page.press("Manage passkeys").await;
    page.arrive("Your passkeys").await;
    assert_ne!(page.summary("Last used").await, "Not used yet");
}

#[tokio::test]
async fn the_owner_hears_of_a_passkey_in_a_browser_that_is_new_to_the_account_and_of_no_other() {
    const NEW: &str = "a browser that had not been used for it before";
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    let _authenticator = world.register_with_passkey(&page, "ivy@example.org").await;
    for is_new in [false, true, false] {
        sign_out(&page).await;
        if is_new {
            page.forget_cookie("__Host-aldgate-opened").await;
        }
        page.open_at("/sign-in", "Sign in").await;
        page.press("Sign in with a passkey").await;
        page.arrive("Your account").await;
    }
    world.instance.told("ivy@example.org", NEW).await;
    assert_eq!(world.instance.messages_to("ivy@example.org", NEW), 1);
}

#[tokio::test]
async fn a_person_registers_with_a_password_and_signs_in_with_it() {
    let world = World::start().await;
    let page = world.page().await;
    world.register_with_password(&page, "ben@example.org").await;
    assert_eq!(page.summary("Passkeys").await, "None");
    assert_eq!(page.summary("Password").await, "Set");
    let account = page.session().await.expect("registering signs in")["account"].clone();
    sign_out(&page).await;
    sign_in_with_password(&page, "ben@example.org", PASSWORD).await;
    assert_eq!(page.session().await.expect("signed in")["account"], account);
    // The address is the account's in any spelling.
    sign_out(&page).await;
    sign_in_with_password(&page, "BEN@Example.org", PASSWORD).await;
    assert_eq!(page.session().await.expect("signed in")["account"], account);
}

/// Everything of a page but the address that was typed.
async fn without_address(page: &Page, email: &str) -> String {
    let html = page.eval("document.documentElement.outerHTML").await;
    html.as_str().expect("a text").replace(email, "ADDRESS")
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let world = World::start().await;
    let page = world.page().await;
    world.register_with_password(&page, "cem@example.org").await;
    sign_out(&page).await;
    world.register_with_passkey(&page, "only-passkey@example.org").await.remove().await;
    sign_out(&page).await;
    let mut pages = Vec::new();
    for email in ["cem@example.org", "nobody@example.org", "only-passkey@example.org"] {
        page.open("/sign-in").await;
        give_password(&page, email, "not the password").await;
        page.arrive("Enter your password").await;
        pages.push(without_address(&page, email).await);
        page.assert_error("password", "The email address or password is not correct").await;
        assert_eq!(page.session().await, None);
    }
    assert_eq!(pages[0], pages[1]);
    assert_eq!(pages[0], pages[2]);
}

#[tokio::test]
async fn registering_a_known_address_looks_as_for_an_unknown_one() {
    let world = World::start().await;
    let page = world.page().await;
    world.register_with_password(&page, "dora@example.org").await;
    sign_out(&page).await;
    let mut pages = Vec::new();
    for email in ["dora@example.org", "stranger@example.org"] {
        page.open_at("/register", "What is your email address?").await;
        page.fill("email", email).await;
        page.press("Continue").await;
        page.arrive("Check your email").await;
        let first = without_address(&page, email).await;
        page.fill("Code", "000000").await;
        page.press("Continue").await;
        page.arrive("Check your email").await;
        pages.push((first, without_address(&page, email).await));
    }
    assert_eq!(pages[0], pages[1]);
    let message = world.instance.message_to("dora@example.org").expect("a message");
    assert!(message.contains("You already have"), "only the owner of the address learns it: {message}");
}

#[tokio::test]
async fn after_signing_out_the_back_button_shows_nothing_of_the_account() {
    let world = World::start().await;
    let page = world.page().await;
    world.register_with_password(&page, "gil@example.org").await;
    sign_out(&page).await;
    page.go_back(2).await;
    page.arrive("Sign in").await;
    assert_eq!(page.path().await, "/sign-in?return_to=/account");
}
