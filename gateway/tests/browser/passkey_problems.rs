//! Passkeys that do not work: each ends at a page that says what happened and what to do, and nobody is signed in.

use crate::person::{PASSWORD, World, sign_out};
use crate::support::browser::{Authenticator, Page};

/// A person with a passkey, signed out, in front of the sign-in page.
async fn signed_out(world: &World, email: &str) -> (Page, Authenticator) {
    let page = world.page().await;
    page.without_autofill().await;
    let authenticator = world.register_with_passkey(&page, email).await;
    sign_out(&page).await;
    page.press("Sign in again").await;
    page.arrive("Sign in").await;
    (page, authenticator)
}

/// Presses the button and ends at a page with these words; nobody is signed in, and one can try again.
async fn ends_at(page: &Page, h1: &str, what_next: &str) {
    page.press("Sign in with a passkey").await;
    page.arrive(h1).await;
    page.assert_says(what_next).await;
    assert_eq!(page.session().await, None, "nobody is signed in");
    page.press("Try again").await;
    page.arrive("Sign in").await;
}

#[tokio::test]
async fn a_bad_signature_and_bad_flags_each_end_at_a_clear_page() {
    let world = World::start().await;
    let (page, authenticator) = signed_out(&world, "ada@example.org").await;
    authenticator.set_response_override_bits(true, false, false).await;
    ends_at(&page, "We could not check your passkey", "If it happens again, use another passkey or a password").await;
    authenticator.set_response_override_bits(false, true, false).await;
    ends_at(&page, "Your device did not check that it was you", "Set up a screen lock or a PIN").await;
    authenticator.set_response_override_bits(false, false, true).await;
    ends_at(&page, "Your device did not see you use the passkey", "Touch your security key").await;
    authenticator.set_response_override_bits(false, false, false).await;
    page.press("Sign in with a passkey").await;
    page.arrive("Your account").await;
}

#[tokio::test]
async fn a_person_who_is_not_verified_or_has_no_passkey_here_ends_at_a_clear_page() {
    let world = World::start().await;
    let (page, authenticator) = signed_out(&world, "bea@example.org").await;
    authenticator.set_user_verified(false).await;
    ends_at(&page, "You did not use your passkey", "Try again when you are ready, or use a password").await;
    authenticator.set_user_verified(true).await;
    authenticator.clear().await;
    ends_at(&page, "You did not use your passkey", "Try again when you are ready, or use a password").await;
}

#[tokio::test]
async fn a_person_who_does_nothing_is_waited_for_and_then_ends_at_a_clear_page() {
    let world = World::start().await;
    let (page, authenticator) = signed_out(&world, "ivo@example.org").await;
    // Nobody touches it; then there is none at all. In both cases the browser waits as long as the options allow.
    authenticator.set_presence(false).await;
    page.with_passkey_timeout(1_500).await;
    page.open_at("/sign-in", "Sign in").await;
    page.press("Sign in with a passkey").await;
    page.see("button[data-passkey][aria-busy=true][disabled]").await;
    page.assert_says("Waiting for your passkey…").await;
    page.arrive("You did not use your passkey").await;
    assert_eq!(page.session().await, None);
    authenticator.remove().await;
    page.press("Try again").await;
    page.arrive("Sign in").await;
    ends_at(&page, "You did not use your passkey", "Try again when you are ready, or use a password").await;
}

#[tokio::test]
async fn a_bad_answer_by_autofill_ends_at_the_same_page() {
    let world = World::start().await;
    let page = world.page().await;
    let authenticator = world.register_with_passkey(&page, "cas@example.org").await;
    sign_out(&page).await;
    authenticator.set_response_override_bits(true, false, false).await;
    page.open("/demo/?kept=1").await;
    page.arrive("We could not check your passkey").await;
    assert_eq!(page.session().await, None);
    authenticator.set_response_override_bits(false, false, false).await;
    page.press("Try again").await;
    page.arrive("The gate says who you are").await;
    assert_eq!(page.path().await, "/demo/?kept=1", "the way back is not lost");
}

#[tokio::test]
async fn a_passkey_that_was_removed_is_not_recognised() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    let authenticator = world.register_with_passkey(&page, "dot@example.org").await;
    page.press("Add a password").await;
    page.arrive("Add a password").await;
    page.fill("New password", PASSWORD).await;
    page.press("Save password").await;
    page.arrive("Your account").await;
    page.set_script(false).await; // The device is not told.
    page.press("Manage passkeys").await;
    page.arrive("Your passkeys").await;
    page.press("Remove").await;
    page.arrive("Remove this passkey?").await;
    page.press("Remove passkey").await;
    page.arrive("Your passkeys").await;
    page.assert_says("You have no passkeys").await;
    page.set_script(true).await;
    sign_out(&page).await;
    assert_eq!(authenticator.credentials().await.len(), 1, "the device still has it");
    page.press("Sign in again").await;
    page.arrive("Sign in").await;
    ends_at(&page, "We do not recognise this passkey", "sign in with a password").await;
}

#[tokio::test]
async fn a_passkey_that_cannot_be_made_ends_at_a_clear_page_and_the_account_can_still_be_made() {
    let world = World::start().await;
    let page = world.page().await;
    let authenticator = Authenticator::add(&page).await;
    authenticator.set_user_verified(false).await;
    world.prove_address(&page, "eda@example.org").await;
    page.press("Create a passkey").await;
    page.arrive("You did not use your passkey").await;
    page.assert_says("Try again when you are ready, or use a password").await;
    assert_eq!(page.session().await, None);
    page.press("Try again").await;
    page.arrive("Create a passkey").await;
    authenticator.set_user_verified(true).await;
    authenticator.set_response_override_bits(false, true, false).await;
    page.press("Create a passkey").await;
    page.arrive("We could not create your passkey").await;
    page.assert_says("Nothing has changed on your account").await;
    assert_eq!(page.session().await, None);
    page.press("Use a password instead").await;
    page.arrive("Create a password").await;
    page.fill("password", PASSWORD).await;
    page.press("Continue").await;
    page.arrive("Your account is ready").await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_ends_at_a_page_too() {
    let world = World::start().await;
    let (page, _authenticator) = signed_out(&world, "flo@example.org").await;
    page.eval("globalThis.fetch = () => Promise.reject(new TypeError('Failed to fetch'))").await;
    page.press("Sign in with a passkey").await;
    page.arrive("Sorry, passkeys are not working right now").await;
    page.assert_says("Check your connection and try again").await;
}
