//! A passkey is offered after a password: to whom, where, and never in anybody's way.

use crate::account::identified;
use crate::steps::with_phone;
use crate::world::{Answer, Browser, PASSWORD, World};
use aldgate_core::testing::authenticator::Authenticator;

const EMAIL: &str = "ada@example.org";
const OFFER: &str = "/account/passkey-offer?return_to=%2Fdemo%3Fx%3D1";

/// Signs in with the password, on the way to some page, in a browser that says that passkeys can be made in it.
async fn sign_in_to(browser: &mut Browser<'_>, return_to: &str) -> Answer {
    let fields = [("email", EMAIL), ("return_to", return_to), ("passkeys", "made-here")];
    assert_eq!(browser.post("/sign-in", &fields).await.status, 303);
    browser.post("/sign-in/password", &[("password", PASSWORD)]).await
}

#[tokio::test]
async fn whoever_has_none_is_offered_one_where_it_can_be_made() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.location(), "/demo?x=1", "no word of passkeys");
    let mut browser = world.browser();
    assert_eq!(sign_in_to(&mut browser, "/demo?x=1").await.location(), OFFER);
    assert!(browser.session().await.is_some(), "whoever closes the window now is signed in");
    let page = browser.get(OFFER).await;
    assert!(page.status == 200 && page.body.contains("Sign in faster next time"), "{}", page.body);
    assert_eq!(browser.register_passkey(&Authenticator::derived(1, 1)).await.status, 200);
    assert!(world.messages().last().is_some_and(|message| message.subject.contains("passkey was added")));
    assert_eq!(browser.get(OFFER).await.location(), "/demo?x=1", "there is nothing to offer any more");
    assert_eq!(sign_in_to(&mut world.browser(), "/demo?x=1").await.location(), "/demo?x=1");
}

#[tokio::test]
async fn whoever_says_not_now_is_not_asked_again_there_for_thirty_days() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let mut browser = world.browser();
    assert_eq!(sign_in_to(&mut browser, "/demo?x=1").await.location(), OFFER);
    let answer = browser.post("/account/passkey-offer", &[("return_to", "/demo?x=1")]).await;
    assert_eq!(answer.location(), "/demo?x=1");
    let said = "__Host-aldgate-not-now=1; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=2592000";
    assert_eq!(answer.all("set-cookie").collect::<Vec<_>>(), [said], "nothing else is kept of it");
    assert_eq!(sign_in_to(&mut browser, "/demo?x=1").await.location(), "/demo?x=1");
    assert_eq!(sign_in_to(&mut world.browser(), "/demo?x=1").await.location(), OFFER, "elsewhere they are");
    let answer = browser.post("/account/passkey-offer", &[("return_to", "//evil.example")]).await;
    assert_eq!(answer.location(), "/account");
}

#[tokio::test]
async fn nobody_is_offered_what_they_may_not_add_or_find_on_the_next_page() {
    let world = World::new().await;
    let owner = world.with_password(EMAIL).await;
    for of_the_account in ["/account", "/account/sessions"] {
        assert_eq!(sign_in_to(&mut world.browser(), of_the_account).await.location(), of_the_account);
    }
    identified(&owner, &world).await;
    assert_eq!(sign_in_to(&mut world.browser(), "/demo?x=1").await.location(), "/demo?x=1", "a password alone");
}

#[tokio::test]
async fn the_offer_comes_after_the_second_step() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, "07700 900123").await;
    identified(&owner, &world).await;
    let mut browser = world.browser();
    assert_eq!(sign_in_to(&mut browser, "/demo?x=1").await.location(), "/sign-in/code");
    assert_eq!(browser.post("/sign-in/code", &[("code", &world.code())]).await.location(), OFFER);
    assert_eq!(browser.register_passkey(&Authenticator::derived(1, 1)).await.status, 200);
}

#[tokio::test]
async fn a_page_after_the_log_in_tells_a_device_what_is_accepted() {
    let world = World::new().await;
    let authenticator = Authenticator::derived(1, 1);
    let mut browser = world.with_passkey(EMAIL, &authenticator).await;
    let told = browser.get("/account/passkeys.json").await.json();
    assert_eq!((told["rpId"].as_str(), told["name"].as_str()), (Some("localhost"), Some(EMAIL)));
    let page = browser.get("/account").await;
    let list = format!("data-passkeys-accepted=\"{}\"", told["accepted"].as_str().expect("a list"));
    assert!(page.body.contains(&list), "{}", page.body);
    assert_eq!(world.browser().get("/account/passkeys.json").await.status, 401);
}
