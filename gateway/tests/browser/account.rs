//! "Your account": what opens it, where it is open, and how to change both.

use crate::person::{PASSWORD, World, give_password, sign_in_with_password, sign_out};
use crate::support::browser::{Authenticator, Page};

/// The names of the passkeys, as their owner sees them.
async fn names(page: &Page) -> Vec<String> {
    serde_json::from_value(page.eval("shown('.card h2').map(words)").await).expect("texts")
}

async fn banner(page: &Page) -> String {
    page.eval("words(document.querySelector('.banner .banner-text'))").await.as_str().unwrap_or_default().to_owned()
}

/// Whoever was signed out from elsewhere is told that the session has ended, and not that they were idle.
async fn assert_told_the_truth(page: &Page) {
    let reason = page.eval("words(document.querySelector('main .inset'))").await;
    let reason = reason.as_str().unwrap_or_default();
    assert!(reason.contains("signed out") && !reason.contains("did not do anything"), "{reason:?}");
}

#[tokio::test]
async fn passkeys_are_added_renamed_and_removed_but_never_the_last_way_in() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    let device = world.register_with_passkey(&page, "ada@example.org").await;
    page.press("Manage passkeys").await;
    page.arrive("Your passkeys").await;
    let first = names(&page).await;
    assert_eq!(first.len(), 1, "{first:?}");
    page.assert_says("This is your only way to sign in").await;
    assert_eq!(page.eval("shown('a').filter((e) => words(e).startsWith('Remove')).length").await, 0);

    // The same device again: it says that it has one already.
    page.press("Add another passkey").await;
    page.arrive("Add a passkey").await;
    page.press("Add a passkey").await;
    page.arrive("You already have a passkey here").await;
    page.assert_says("choose another device or security key").await;

    // Another device.
    device.set_presence(false).await;
    let key = Authenticator::add_security_key(&page).await;
    page.press("Try again").await;
    page.arrive("Add a passkey").await;
    page.press("Add a passkey").await;
    page.arrive("Your passkeys").await;
    assert_eq!(banner(&page).await, "Your passkey was added");
    assert_eq!(key.credentials().await.len(), 1);
    assert!(key.credentials().await[0].is_resident_credential);
    let both = names(&page).await;
    assert_eq!(both.len(), 2, "{both:?}");
    world.instance.told("ada@example.org", "new passkey").await;

    // A name for the new one.
    let added = both.iter().find(|name| **name != first[0]).or(both.last()).expect("another").clone();
    let hrefs = page.eval("shown('.card a').map((e) => e.getAttribute('href')).filter((h) => h.endsWith('/rename'))");
    let hrefs: Vec<String> = serde_json::from_value(hrefs.await).expect("texts");
    let at = both.iter().rposition(|name| *name == added).expect("its place");
    page.open_at(&hrefs[at], "What do you want to call this passkey?").await;
    page.fill("name", "").await;
    page.press("Save").await;
    page.arrive("What do you want to call this passkey?").await;
    page.assert_error("name", "Enter a name").await;
    page.fill("name", "Blue <key> & ring").await;
    page.press("Save").await;
    page.arrive("Your passkeys").await;
    assert_eq!(banner(&page).await, "Your passkey was renamed");
    assert!(names(&page).await.contains(&"Blue <key> & ring".to_owned()));

    // The first one goes; what it opened, it opens no more.
    page.press(&format!("Remove {}", first[0])).await;
    page.arrive("Remove this passkey?").await;
    page.assert_says(&first[0]).await;
    page.press("Remove passkey").await;
    page.arrive("Your passkeys").await;
    assert_eq!(banner(&page).await, "Your passkey was removed");
    assert_eq!(names(&page).await, ["Blue <key> & ring"]);

    // The other one is the last way in now, whoever asks for the page of its removal.
    let rename = page.eval("shown('.card a').map((e) => e.getAttribute('href'))[0]").await;
    let remove = rename.as_str().expect("an address").replace("/rename", "/remove");
    page.open_at(&remove, "You cannot remove this passkey yet").await;
    page.assert_says("is your only way to sign in").await;
    page.assert_says("Add another way to sign in first").await;

    // The device was told, and does not offer it any more.
    assert!(device.credentials().await.is_empty(), "the removed passkey is gone from the device");
    open_at_sign_in(&page).await;
    device.set_presence(false).await;
    key.set_presence(true).await;
    page.press("Sign in with a passkey").await;
    page.arrive("Your account").await;
    assert_eq!(page.summary("Passkeys").await, "1 passkey");
}

async fn open_at_sign_in(page: &Page) {
    page.open_at("/account", "Your account").await;
    sign_out(page).await;
    page.press("Sign in again").await;
    page.arrive("Sign in").await;
}

#[tokio::test]
async fn two_removals_that_race_leave_one_way_in() {
    let world = World::start().await;
    let page = world.page().await;
    page.without_autofill().await;
    let device = world.register_with_passkey(&page, "bob@example.org").await;
    device.set_presence(false).await;
    let _key = Authenticator::add_security_key(&page).await;
    page.open_at("/account/passkeys/add", "Add a passkey").await;
    page.press("Add a passkey").await;
    page.arrive("Your passkeys").await;
    let links = page.eval("shown('.card a').map((e) => e.getAttribute('href')).filter((h) => h.endsWith('/remove'))");
    let links: Vec<String> = serde_json::from_value(links.await).expect("texts");
    let [one, other] = &links[..] else { panic!("{links:?}") };
    // The question is on the screen; meanwhile the other passkey goes in another tab.
    page.open_at(one, "Remove this passkey?").await;
    let gone = format!("fetch({other:?}, {{method: 'POST'}}).then((answer) => answer.status)");
    assert_eq!(page.eval(&gone).await, 200);
    page.press("Remove passkey").await;
    page.arrive("You cannot remove this passkey yet").await;
    page.open_at("/account", "Your account").await;
    assert_eq!(page.summary("Passkeys").await, "1 passkey");
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    const NEW: &str = "another four random words";
    let world = World::start().await;
    let (here, there) = (world.page().await, world.page().await);
    world.register_with_password(&here, "cleo@example.org").await;
    sign_in_with_password(&there, "cleo@example.org", PASSWORD).await;
    here.open_at("/account", "Your account").await;
    here.press("Change password").await;
    here.arrive("Change your password").await;
    here.fill("Current password", "not this one").await;
    here.fill("New password", NEW).await;
    here.press("Save password").await;
    here.arrive("Change your password").await;
    here.assert_error("current_password", "This is not your current password").await;
    here.fill("Current password", PASSWORD).await;
    here.fill("New password", "short").await;
    here.press("Save password").await;
    here.arrive("Change your password").await;
    here.assert_error("new_password", "Password must be 8 characters or more").await;
    here.fill("Current password", PASSWORD).await;
    here.fill("New password", NEW).await;
    here.press("Save password").await;
    here.arrive("Your account").await;
    assert_eq!(banner(&here).await, "Your password was saved");
    assert_eq!(here.summary("Signed in").await, "Here only");

    there.open_at("/account", "Sign in").await;
    assert_told_the_truth(&there).await;
    assert_eq!(there.session().await, None);
    give_password(&there, "cleo@example.org", PASSWORD).await;
    there.arrive("Enter your password").await;
    there.fill("Password", NEW).await;
    there.press("Sign in").await;
    there.arrive("Your account").await;
}

#[tokio::test]
async fn a_password_can_be_added_to_an_account_that_has_a_passkey() {
    let world = World::start().await;
    let page = world.page().await;
    let authenticator = world.register_with_passkey(&page, "dan@example.org").await;
    page.press("Add a password").await;
    page.arrive("Add a password").await;
    assert_eq!(page.eval("shown('input').length").await, 1, "there is no current password to ask for");
    page.fill("New password", PASSWORD).await;
    page.press("Save password").await;
    page.arrive("Your account").await;
    assert_eq!(page.summary("Password").await, "Set");
    authenticator.remove().await;
    sign_out(&page).await;
    sign_in_with_password(&page, "dan@example.org", PASSWORD).await;
}

#[tokio::test]
async fn a_session_elsewhere_can_be_seen_and_ended() {
    let world = World::start().await;
    let (here, there) = (world.page().await, world.page().await);
    world.register_with_password(&here, "eli@example.org").await;
    sign_in_with_password(&there, "eli@example.org", PASSWORD).await;
    there.open_at("/demo/", "The gate says who you are").await;
    here.open_at("/account", "Your account").await;
    assert_eq!(here.summary("Signed in").await, "In 2 places");
    here.press("Manage where you are signed in").await;
    here.arrive("Where you are signed in").await;
    assert_eq!(names(&here).await.len(), 2);
    assert_eq!(here.eval("shown('.tag').map(words)").await, serde_json::json!(["This one"]));
    here.assert_says("Chrome on Linux").await;
    here.press("Sign out of Chrome").await;
    here.arrive("Where you are signed in").await;
    assert_eq!(banner(&here).await, "You are signed out there");
    assert_eq!(names(&here).await.len(), 1);

    there.open_at("/demo/", "Sign in").await;
    assert_told_the_truth(&there).await;
    assert_eq!(there.session().await, None);
    assert!(here.session().await.is_some(), "this one stays");
}

#[tokio::test]
async fn sign_out_everywhere_ends_every_session() {
    let world = World::start().await;
    let (here, there) = (world.page().await, world.page().await);
    world.register_with_password(&here, "fay@example.org").await;
    sign_in_with_password(&there, "fay@example.org", PASSWORD).await;
    here.open_at("/account/sessions", "Where you are signed in").await;
    here.press("Sign out everywhere").await;
    here.arrive("Sign out").await;
    here.press("Sign out everywhere").await;
    here.arrive("You are signed out").await;
    here.assert_says("on all your other devices").await;
    assert_eq!(here.session().await, None);
    there.open_at("/account", "Sign in").await;
    assert_told_the_truth(&there).await;
    assert_eq!(there.session().await, None);
}
