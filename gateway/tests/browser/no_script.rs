//! Without JavaScript: the way with a password works, and no page offers what cannot work.

use crate::person::{PASSWORD, World, choose_password, sign_in_with_password, sign_out};
use crate::support::browser::Page;

async fn assert_no_passkey_button(page: &Page) {
    assert_eq!(page.eval("shown('[data-passkey]').length").await, 0, "a button that does nothing is not shown");
    page.assert_says("Passkeys need JavaScript").await;
}

#[tokio::test]
async fn without_javascript_a_person_registers_signs_in_and_out_with_a_password() {
    let world = World::start().await;
    let page = world.page().await;
    page.set_script(false).await;
    world.prove_address(&page, "ada@example.org").await;
    assert_no_passkey_button(&page).await;
    choose_password(&page).await;
    page.press("Continue").await;
    page.arrive("Your account").await;
    page.press("Manage passkeys").await;
    page.arrive("Your passkeys").await;
    page.press("Add a passkey").await;
    page.arrive("Add a passkey").await;
    assert_no_passkey_button(&page).await;
    page.open_at("/account", "Your account").await;
    page.press("Sign out").await;
    page.arrive("Sign out").await;
    page.press("Sign out").await;
    page.arrive("You are signed out").await;
    page.press("Sign in again").await;
    page.arrive("Sign in").await;
    assert_no_passkey_button(&page).await;
    sign_in_with_password(&page, "ada@example.org", PASSWORD).await;
    page.open_at("/demo/", "The gate says who you are").await;
}

#[tokio::test]
async fn a_browser_that_has_no_passkeys_is_told_so() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_passkeys().await;
    world.prove_address(&page, "ben@example.org").await;
    assert_eq!(page.eval("shown('[data-passkey]').length").await, 0);
    page.assert_says("This browser cannot use passkeys. Use a password instead.").await;
    choose_password(&page).await;
    page.press("Continue").await;
    page.arrive("Your account").await;
    sign_out(&page).await;
    sign_in_with_password(&page, "ben@example.org", PASSWORD).await;
}
