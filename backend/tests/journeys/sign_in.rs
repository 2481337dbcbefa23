//! Signing in with a password and signing out: what looks the same, what is counted, what ends.

use crate::world::{PASSWORD, World};
use aldgate_backend::model::PasswordHash;
use aldgate_backend::store::audit::Act;
use aldgate_core::session::cookie;
use aldgate_core::testing::authenticator::Authenticator;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, Version};
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn the_right_password_opens_a_session_and_leads_on() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let mut browser = world.browser();
    let answer = browser.sign_in(" ADA@Example.org", PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (303, "/demo?x=1"));
    let first = browser.session().await.expect("session");
    assert!(browser.get("/account").await.body.contains("In 2 places"));
    browser.sign_in(EMAIL, PASSWORD).await;
    let second = browser.session().await.expect("session");
    assert_ne!(first, second, "a new session");
    assert!(browser.get("/account").await.body.contains("In 2 places"), "the old one was replaced");
}

#[tokio::test]
async fn unknown_wrong_and_without_password_look_the_same() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    world.with_passkey("eve@example.org", &Authenticator::derived(1, 1)).await;
    let mut looks = Vec::new();
    for email in [EMAIL, "bob@example.org", "eve@example.org"] {
        let mut browser = world.browser();
        let first = browser.post("/sign-in", &[("email", email)]).await;
        let page = browser.get("/sign-in/password").await;
        let refused = browser.post("/sign-in/password", &[("password", "a wrong password")]).await;
        assert_eq!(refused.status, 422);
        assert!(browser.session().await.is_none() && !browser.cookies.contains_key(cookie::SESSION));
        looks.push([first.look(email), page.look(email), refused.look(email)]);
    }
    assert_eq!(looks[0][1..], looks[1][1..]);
    assert_eq!(looks[0][1..], looks[2][1..]);
    assert_eq!(looks[1], looks[2], "addresses of one length: the cookie too");
}

#[tokio::test]
async fn fifty_failures_in_parallel_close_the_account_to_strangers_for_a_day_and_never_to_its_owner() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let mut tally = std::collections::BTreeMap::new();
    for round in 0..3 {
        let attempts = (0..50).map(|n| {
            let mut browser = world.browser();
            browser.client = format!("203.0.113.{}", round * 50 + n);
            async move { browser.sign_in(EMAIL, "a wrong password").await.status }
        });
        for status in futures_of(attempts).await {
            *tally.entry(status).or_insert(0) += 1;
        }
    }
    assert_eq!((tally.get(&422), tally.get(&429)), (Some(&50), Some(&100)), "{tally:?}");
    for spelling in [EMAIL, "ADA@example.org", " ada@EXAMPLE.org "] {
        let mut stranger = world.browser();
        stranger.client = "203.0.113.250".into();
        stranger.post("/sign-in", &[("email", spelling)]).await;
        let answer = stranger.post("/sign-in/password", &[("password", PASSWORD)]).await;
        assert_eq!(answer.status, 429, "even the right one: {spelling}");
        assert!(answer.body.contains("sign in with a passkey, or use a browser in which"), "{}", answer.body);
    }
    owner.cookies.remove("__Host-aldgate");
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303, "the owner's browser is known");
    let fields = [("current_password", PASSWORD), ("new_password", "another password")];
    assert_eq!(owner.post("/account/password", &fields).await.status, 303, "and so is who is signed in");
    world.after(Duration::from_hours(24));
    assert_eq!(world.browser().sign_in(EMAIL, "another password").await.status, 303);
}

#[tokio::test]
async fn a_known_browser_has_ten_guesses_of_its_own_and_none_at_another_account() {
    let world = World::new().await;
    let mut known = world.with_password(EMAIL).await;
    world.with_password("bob@example.org").await;
    known.cookies.remove("__Host-aldgate");
    for _ in 0..10 {
        assert_eq!(known.sign_in(EMAIL, "a wrong password").await.status, 422);
    }
    assert_eq!(known.sign_in(EMAIL, PASSWORD).await.status, 429);
    for _ in 0..10 {
        assert_eq!(known.sign_in("bob@example.org", "a wrong password").await.status, 422);
    }
    assert_eq!(known.sign_in("bob@example.org", PASSWORD).await.status, 429, "a stranger there");
    let mut elsewhere = known.clone();
    elsewhere.client = "203.0.113.9".into();
    assert_eq!(elsewhere.sign_in(EMAIL, PASSWORD).await.status, 429, "counted by itself wherever it is");
    assert_eq!(elsewhere.sign_in("bob@example.org", PASSWORD).await.status, 303, "counted by its address");
}

#[tokio::test]
async fn accounts_that_are_there_and_that_are_not_look_alike_when_too_many_passwords_were_tried() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let mut looks = Vec::new();
    for email in [EMAIL, "eve@example.org"] {
        let mut browser = world.browser();
        browser.client = format!("198.51.100.{}", looks.len());
        for _ in 0..10 {
            assert_eq!(browser.sign_in(email, "a wrong password").await.status, 422);
        }
        looks.push(browser.sign_in(email, PASSWORD).await.look(email));
    }
    assert_eq!(looks[0].0, 429);
    assert_eq!(looks[0], looks[1]);
}

/// Runs all at once.
pub(crate) async fn futures_of<T: Send, F: Future<Output = T>>(futures: impl Iterator<Item = F>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in pending.iter_mut().filter(|(_, output)| output.is_none()) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(value) => *output = Some(value),
                std::task::Poll::Pending => ready = false,
            }
        }
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    pending.into_iter().filter_map(|(_, output)| output).collect()
}

#[tokio::test]
async fn one_client_has_ten_guesses_and_success_forgets_them() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let mut browser = world.browser();
    for _ in 0..9 {
        assert_eq!(browser.sign_in(EMAIL, "a wrong password").await.status, 422);
    }
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.status, 303);
    for _ in 0..10 {
        assert_eq!(browser.sign_in("ADA@example.org", "a wrong password").await.status, 422);
    }
    let answer = browser.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(answer.status, 429);
    assert!(answer.body.contains("Try again after"), "{}", answer.body);
    let mut elsewhere = world.browser();
    elsewhere.client = "2001:db8::1".into();
    assert_eq!(elsewhere.sign_in(EMAIL, PASSWORD).await.status, 303);
}

/// Whoever knows the password does not fill the owner's letter box; nor do they keep the owner out by it.
#[tokio::test]
async fn of_many_new_browsers_the_owner_is_told_a_few_times_an_hour() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let told = || world.messages().into_iter().filter(|message| message.subject.starts_with("New sign-in")).count();
    for _ in 0..8 {
        assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 303);
    }
    assert_eq!(told(), 5);
    world.after(Duration::from_hours(1));
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 303);
    assert_eq!(told(), 6);
}

/// Each finds the old hash, and makes another of the same password.
#[tokio::test]
async fn sign_ins_at_once_are_all_right_while_a_hash_is_renewed() {
    let world = World::new().await;
    let owner = world.with_password(EMAIL).await;
    let session = owner.session().await.expect("a session");
    let id = world.warm.session(&session).await.expect("warm").expect("a record").account;
    let present = async || world.store.account(&id).await.expect("read").expect("an account").password;
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, Some(32)).expect("parameters"));
    let weak = weak.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).expect("a hash").to_string();
    let weak = PasswordHash::new(weak);
    let act = Act::own(id, world.now());
    assert_eq!(world.store.set_password(&id, present().await.as_ref(), &weak, None, act).await, Ok(true));
    let attempts = (0..4).map(|_| {
        let mut browser = world.browser();
        async move { browser.sign_in(EMAIL, PASSWORD).await.status }
    });
    assert_eq!(futures_of(attempts).await, [303; 4]);
    assert_ne!(present().await, Some(weak), "it was renewed");
}

#[tokio::test]
async fn without_an_address_there_is_no_password_page() {
    let world = World::new().await;
    let mut browser = world.browser();
    let answer = browser.get("/sign-in/password?return_to=/demo").await;
    assert_eq!(answer.location(), "/sign-in?return_to=%2Fdemo");
    let answer = browser.post("/sign-in/password", &[("email", EMAIL), ("password", PASSWORD)]).await;
    assert_eq!(answer.location(), "/sign-in?return_to=%2Faccount");
}

#[tokio::test]
async fn the_gates_reasons_are_said_and_no_others() {
    let world = World::new().await;
    let mut browser = world.browser();
    for (why, text) in [
        ("step-up", "For your security"),
        ("ended", "You were signed out"),
        ("passkey", "needs a passkey"),
        ("second-step", "needs a second step"),
    ] {
        let page = browser.get(&format!("/sign-in?return_to=%2Fdemo&why={why}")).await;
        assert!(page.body.contains(text), "{}", page.body);
    }
    assert!(!browser.get("/sign-in?why=%3Cscript%3E").await.body.contains("script&"));
    let page = browser.get("/sign-in/problem?reason=cancelled&during=register").await;
    assert!(page.status == 200 && page.body.contains("href=\"/register/method\""), "{}", page.body);
    let answer = browser.get("/sign-in/problem?reason=not-signed-in&during=add").await;
    assert_eq!(answer.location(), "/sign-in?return_to=%2Faccount%2Fpasskeys%2Fadd&why=step-up");
}

#[tokio::test]
async fn signing_out_ends_this_session_or_all() {
    let world = World::new().await;
    let mut one = world.with_password(EMAIL).await;
    let mut two = world.browser();
    two.sign_in(EMAIL, PASSWORD).await;
    let mut three = world.browser();
    three.sign_in(EMAIL, PASSWORD).await;
    let stolen = one.clone();
    assert_eq!(one.get("/sign-out").await.status, 200);
    assert_eq!(one.post("/sign-out", &[]).await.location(), "/signed-out");
    assert!(!one.cookies.contains_key(cookie::SESSION) && stolen.session().await.is_none());
    assert_eq!(one.get("/sign-out").await.location(), "/");
    assert_eq!(one.post("/sign-out", &[]).await.location(), "/signed-out");
    assert!(two.session().await.is_some());
    let answer = two.post("/sign-out/everywhere", &[]).await;
    assert!(two.get(answer.location()).await.body.contains("all your other devices"));
    assert!(three.session().await.is_none());
}
