//! Registering: the code, its limits, and that nobody learns whether an address is known.

use crate::world::{JOURNEY, PASSWORD, World};
use aldgate_core::session::cookie;
use aldgate_core::testing::authenticator::Authenticator;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// Another code than this one.
fn other(code: &str) -> String {
    let number: u32 = code.parse().expect("digits");
    format!("{:06}", (number + 1) % 1_000_000)
}

#[tokio::test]
async fn with_a_password_from_the_address_to_the_account_page() {
    let world = World::new().await;
    let mut browser = world.browser();
    assert!(browser.get("/register?return_to=/demo").await.body.contains("value=\"/demo\""));
    browser.prove(EMAIL).await;
    assert!(browser.get("/register/method").await.body.contains(EMAIL));
    assert!(browser.get("/register/password").await.body.contains(EMAIL));
    let answer = browser.post("/register/password", &[("password", "short"), ("username", EMAIL)]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.body.contains("Password must be 8 characters or more"), "{}", answer.body);
    let answer = browser.post("/register/password", &[("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.location()), (303, "/register/done"));
    let done = browser.get("/register/done").await;
    assert!(done.body.contains(EMAIL) && done.body.contains("href=\"/demo?x=1\""), "{}", done.body);
    let account = browser.get("/account").await;
    assert_eq!(account.status, 200);
    assert!(account.body.contains(EMAIL), "{}", account.body);
    assert_eq!(browser.get("/register").await.location(), "/account");
}

#[tokio::test]
async fn with_a_passkey_from_the_address_to_the_account_page() {
    let world = World::new().await;
    let mut browser = world.with_passkey(EMAIL, &Authenticator::derived(1, 1)).await;
    assert_eq!(browser.get("/register/done").await.status, 200);
    let passkeys = browser.get("/account/passkeys").await;
    assert!(passkeys.body.contains("Passkey made on Firefox on Linux"), "{}", passkeys.body);
}

#[tokio::test]
async fn a_code_is_guessed_at_five_times_at_most() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.post("/register", &[("email", EMAIL)]).await;
    let code = world.code();
    for _ in 0..5 {
        let answer = browser.post("/register/code", &[("code", &other(&code))]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains("This is not the code"), "{}", answer.body);
    }
    let answer = browser.post("/register/code", &[("code", &code)]).await;
    assert_eq!(answer.status, 422, "even the right one");
    assert!(answer.body.contains("can no longer be used"), "{}", answer.body);
    assert_eq!(browser.get("/register/method").await.location(), "/register/code");
}

/// However many journeys are begun with an address that nobody has registered, from wherever.
#[tokio::test]
async fn the_codes_of_one_address_are_guessed_at_twenty_times_a_day() {
    let world = World::new().await;
    let begun = async |n: usize| {
        let mut browser = world.browser();
        browser.client = format!("198.51.100.{n}");
        browser.post("/register", &[("email", if n.is_multiple_of(2) { EMAIL } else { "ADA@example.org" })]).await;
        browser
    };
    for n in 0..4 {
        let (mut browser, code) = (begun(n).await, world.code());
        for _ in 0..7 {
            let answer = browser.post("/register/code", &[("code", &other(&code))]).await;
            assert_eq!(answer.status, 422, "what the journey refuses is no guess");
        }
    }
    let (mut browser, code) = (begun(4).await, world.code());
    let answer = browser.post("/register/code", &[("code", &code)]).await;
    assert!(answer.status == 429 && answer.body.contains("Try again after"), "{}", answer.body);
    // Nor does somebody who has an account guess on.
    world.after(Duration::from_hours(2));
    let mut owner = world.with_password("bob@example.org").await;
    owner.post("/account/email", &[("email", EMAIL)]).await;
    assert_eq!(owner.post("/account/prove", &[("code", &world.code())]).await.status, 429);
    world.after(Duration::from_hours(22));
    let (mut browser, code) = (begun(5).await, world.code());
    assert_eq!(browser.post("/register/code", &[("code", &code)]).await.location(), "/register/method");
}

#[tokio::test]
async fn a_new_code_replaces_the_old_one_and_three_are_enough() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.post("/register", &[("email", EMAIL)]).await;
    let first = world.code();
    let rewound = browser.clone();
    for _ in 0..2 {
        let answer = browser.post("/register/code/resend", &[]).await;
        assert_eq!(answer.location(), "/register/code?done=code-sent");
    }
    assert!(browser.get("/register/code?done=code-sent").await.body.contains("We have sent a new code"));
    assert_eq!(browser.post("/register/code/resend", &[]).await.status, 429);
    let answer = rewound.clone().post("/register/code/resend", &[]).await;
    assert_eq!(answer.status, 429, "also with the first cookie");
    assert_eq!(browser.post("/register/code", &[("code", &first)]).await.status, 422);
    assert_eq!(browser.post("/register/code", &[("code", &world.code())]).await.location(), "/register/method");
}

#[tokio::test]
async fn a_code_works_once_and_for_fifteen_minutes() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.post("/register", &[("email", EMAIL)]).await;
    let (code, before) = (world.code(), browser.clone());
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    assert_eq!(browser.post("/register/code", &[("code", &spaced)]).await.location(), "/register/method");
    for again in [&code, &spaced] {
        let answer = before.clone().post("/register/code", &[("code", again)]).await;
        assert!(answer.status == 422 && answer.body.contains("can no longer be used"), "{}", answer.body);
    }
    let mut late = world.browser();
    late.post("/register", &[("email", EMAIL)]).await;
    world.after(Duration::from_mins(15));
    assert_eq!(late.post("/register/code", &[("code", &world.code())]).await.status, 422);
}

#[tokio::test]
async fn parallel_entries_of_the_right_code_prove_the_address_once() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.post("/register", &[("email", EMAIL)]).await;
    let code = world.code();
    let (mut one, mut two) = (browser.clone(), browser.clone());
    let fields = [("code", code.as_str())];
    let (one, two) = tokio::join!(one.post("/register/code", &fields), two.post("/register/code", &fields));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 422]);
}

#[tokio::test]
async fn a_known_address_looks_like_an_unknown_one() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let unknown = "bob@example.org";
    let (mut one, mut two) = (world.browser(), world.browser());
    for (path, field, value) in [
        ("/register", "email", None),
        ("/register/code", "code", Some("000000")),
        ("/register/code", "code", Some("x")),
        ("/register/code/resend", "", None),
    ] {
        let known = one.post(path, &[(field, value.unwrap_or(EMAIL))]).await;
        let other = two.post(path, &[(field, value.unwrap_or(unknown))]).await;
        assert_eq!(known.look(EMAIL), other.look(unknown), "{path}");
    }
    assert_eq!(one.get("/register/code").await.look(EMAIL), two.get("/register/code").await.look(unknown));
    let messages = world.messages();
    let to_known: Vec<_> = messages.iter().skip(1).filter(|message| message.to == EMAIL).collect();
    assert!(to_known.iter().all(|message| message.code.is_none()), "no code was sent");
    assert!(to_known[0].subject.contains("already have"), "{}", to_known[0].subject);
}

#[tokio::test]
async fn where_there_is_an_account_no_code_is_right() {
    let world = World::new().await;
    let mut late = world.browser();
    late.post("/register", &[("email", EMAIL)]).await;
    let code = world.code();
    world.with_password(EMAIL).await;
    let answer = late.post("/register/code", &[("code", &code)]).await;
    assert!(answer.status == 422 && answer.body.contains("This is not the code"), "{}", answer.body);
}

#[tokio::test]
async fn what_was_breached_most_often_is_refused_where_nobody_has_set_anything_up() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove(EMAIL).await;
    for breached in ["homelesspa", "HomelessPa"] {
        let answer = browser.post("/register/password", &[("password", breached)]).await;
        assert!(answer.status == 422 && answer.body.contains("was in a data breach"), "{}", answer.body);
    }
    assert_eq!(browser.post("/register/password", &[("password", PASSWORD)]).await.status, 303);
}

#[tokio::test]
async fn no_letter_box_and_no_client_gets_too_many_messages() {
    let world = World::new().await;
    for client in 0..5 {
        let mut browser = world.browser();
        browser.client = format!("198.51.100.{client}");
        assert_eq!(browser.post("/register", &[("email", "Ada@Example.org")]).await.status, 303);
    }
    let mut browser = world.browser();
    browser.client = "198.51.100.9".into();
    let answer = browser.post("/register", &[("email", EMAIL)]).await;
    assert_eq!(answer.status, 429);
    assert!(answer.body.contains("Try again after") && !answer.header("retry-after").is_empty(), "{}", answer.body);
    for n in 0..29 {
        let email = format!("p{n}@example.org");
        assert_eq!(browser.post("/register", &[("email", &email)]).await.status, 303, "{n}");
    }
    assert_eq!(browser.post("/register", &[("email", "more@example.org")]).await.status, 429);
    world.after(Duration::from_hours(2));
    assert_eq!(browser.post("/register", &[("email", EMAIL)]).await.status, 303);
}

#[tokio::test]
async fn a_journey_that_rested_or_was_tampered_with_begins_again() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove(EMAIL).await;
    let sealed = browser.cookies[JOURNEY].clone();
    for forged in [&sealed[1..], &sealed[..sealed.len() - 1], "", "AAAA", "%00", &format!("{sealed}A")] {
        let mut other = world.browser();
        other.cookies.insert(JOURNEY.into(), forged.into());
        for path in ["/register/code", "/register/method", "/register/password"] {
            assert_eq!(other.get(path).await.location(), "/register", "{forged}");
        }
        assert_eq!(other.post("/register/password", &[("password", PASSWORD)]).await.location(), "/register");
        assert_eq!(other.post_json("/passkey/register/options", &serde_json::json!({})).await.status, 401);
    }
    world.after(Duration::from_mins(30));
    assert_eq!(browser.get("/register/method").await.location(), "/register");
}

#[tokio::test]
async fn an_address_gets_one_account_whatever_is_in_flight() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.prove(EMAIL).await;
    let mut twin = browser.clone();
    assert_eq!(browser.post("/register/password", &[("password", PASSWORD)]).await.status, 303);
    assert_eq!(twin.post("/register/password", &[("password", "another password")]).await.status, 409);
    let answer = twin.register_passkey(&Authenticator::derived(1, 1)).await;
    assert_eq!((answer.status, answer.slug().as_str()), (409, "registration-refused"));
    assert!(!twin.cookies.contains_key(cookie::SESSION));
}

#[tokio::test]
async fn an_address_that_is_none_is_said_to_be() {
    let world = World::new().await;
    let mut browser = world.browser();
    for (email, message) in [("", "Enter an email address"), ("ada", "Email address must contain an @")] {
        for path in ["/register", "/sign-in"] {
            let answer = browser.post(path, &[("email", email)]).await;
            assert_eq!(answer.status, 422);
            assert!(answer.body.contains(message), "{}", answer.body);
        }
    }
    assert!(world.messages().is_empty() && browser.cookies.is_empty());
}
