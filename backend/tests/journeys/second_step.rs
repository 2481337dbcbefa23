//! Second steps: set up, asked for, remembered, lost; and the attacks on them.

use crate::steps::{app_code, with_app, with_phone};
use crate::world::{Answer, Browser, PASSWORD, World};
use aldgate_backend::Channel;
use aldgate_core::warm::memory::MemoryWarm;
use std::sync::Arc;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";
const MOBILE: &str = "07700 900 123";

async fn vot(world: &World, browser: &Browser<'_>) -> String {
    let session = browser.session().await.expect("a session");
    let record = world.warm.session(&session).await.expect("warm").expect("record");
    aldgate_core::token::identity_assertion::vector_of_trust(&record)
}

async fn at_second_step<'w>(world: &'w World, client: &str) -> Browser<'w> {
    let mut browser = world.browser();
    browser.client = client.into();
    let answer = browser.sign_in(EMAIL, PASSWORD).await;
    assert_eq!((answer.status, answer.location()), (303, "/sign-in/code"), "{}", answer.body);
    assert!(browser.session().await.is_none(), "half a sign-in opens nothing");
    browser
}

#[tokio::test]
async fn a_text_message_is_the_second_step_and_the_session_says_so() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    assert_eq!(vot(&world, &owner).await, "P0.Cp");
    with_phone(&mut owner, &world, MOBILE).await;
    let sent = world.messages().into_iter().rev().find(|message| message.code.is_some()).expect("a text");
    assert_eq!((sent.channel, sent.to.as_str()), (Channel::Text, "+447700900123"));
    let mut browser = at_second_step(&world, "192.0.2.9").await;
    let page = browser.get("/sign-in/code").await;
    assert!(page.body.contains("ending in 123") && !page.body.contains("900123"), "{}", page.body);
    let code = world.code();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let answer = browser.post("/sign-in/code", &[("code", wrong)]).await;
    assert!(answer.status == 422 && answer.body.contains("This code is not correct"), "{}", answer.body);
    let answer = browser.post("/sign-in/code", &[("code", &code)]).await;
    assert_eq!((answer.status, answer.location()), (303, "/demo?x=1"), "{}", answer.body);
    assert_eq!(vot(&world, &browser).await, "P0.Cp.Cd");
}

#[tokio::test]
async fn nothing_is_sent_to_countries_that_nobody_serves() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let before = world.messages().len();
    for number in ["+994 50 123 4567", "00994501234567", "+1 876 555 0123", "+881 6 1234 5678"] {
        let answer = owner.post("/account/second-step/phone", &[("phone", number)]).await;
        assert!(answer.status == 422 && answer.body.contains("numbers of this country"), "{number}: {}", answer.body);
    }
    assert_eq!(world.messages().len(), before);
    with_phone(&mut owner, &world, "+353 85 012 3456").await;
}

#[tokio::test]
async fn what_strangers_have_sent_keeps_nobody_from_the_code_after_their_password() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    let mut stranger = world.with_password("eve@example.org").await;
    let mut statuses = Vec::new();
    for n in 0..6 {
        stranger.client = format!("198.51.100.{n}");
        statuses.push(stranger.post("/account/second-step/phone", &[("phone", MOBILE)]).await.status);
    }
    assert_eq!(statuses.last(), Some(&429), "nobody's telephone is filled by us: {statuses:?}");
    let mut neighbour = world.browser();
    for n in 0..31 {
        let answer = neighbour.post("/register", &[("email", &format!("somebody{n}@example.org"))]).await;
        assert!(answer.status == 303 || n > 20, "{n}: {answer:?}");
    }
    assert_eq!(neighbour.post("/register", &[("email", "one@example.org")]).await.status, 429, "the address is full");
    let mut browser = at_second_step(&world, "192.0.2.1").await;
    assert_eq!(browser.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
}

#[tokio::test]
async fn codes_after_a_password_are_bounded_too() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    for n in 0..10 {
        at_second_step(&world, &format!("198.51.100.{n}")).await;
    }
    let sent = world.messages().len();
    let mut thief = world.browser();
    thief.client = "198.51.100.99".into();
    let answer = thief.sign_in(EMAIL, PASSWORD).await;
    assert_eq!((answer.status, world.messages().len()), (429, sent), "{answer:?}");
    assert!(answer.body.contains("Try again after"), "{}", answer.body);
    assert_eq!(thief.post("/sign-in/other", &[("way", "text")]).await.status, 429);
    assert!(thief.session().await.is_none());
    world.after(Duration::from_hours(1));
    at_second_step(&world, "198.51.100.99").await;
}

/// Where no code can be sent, whoever knows the password has what else they have.
#[tokio::test]
async fn a_code_that_cannot_be_sent_keeps_nobody_from_another_way() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    let codes = codes_on(&owner.post("/account/recovery-codes", &[]).await);
    // Somebody who knows the password has used all codes up.
    for n in 0..10 {
        at_second_step(&world, &format!("198.51.100.{n}")).await;
    }
    world.break_outbox();
    for (hours, status, said) in [(0, 429, "Try again after"), (1, 503, "We could not send a code")] {
        world.after(Duration::from_hours(hours));
        let mut browser = world.browser();
        let answer = browser.sign_in(EMAIL, PASSWORD).await;
        assert!(answer.status == status && answer.body.contains(said), "{answer:?}");
        assert!(answer.body.contains("href=\"/sign-in/recovery-code\""), "{}", answer.body);
        let code = &codes[usize::from(status == 503)];
        let answer = browser.post("/sign-in/recovery-code", &[("recovery_code", code)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/demo?x=1"), "{}", answer.body);
    }
    let mut browser = world.browser();
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.status, 503);
    world.mend_outbox();
    assert_eq!(browser.post("/sign-in/other", &[("way", "text")]).await.location(), "/sign-in/code");
    assert_eq!(browser.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
}

#[tokio::test]
async fn nothing_is_used_up_where_no_session_can_be_opened() {
    let warm = Arc::new(MemoryWarm::default());
    let shared = warm.clone();
    let world = World::with_warm(|_| shared).await;
    let mut owner = world.with_password(EMAIL).await;
    let key = with_app(&mut owner, &world).await;
    let codes = codes_on(&owner.post("/account/recovery-codes", &[]).await);
    world.after(Duration::from_mins(1));
    let (mut with_code, mut by_app) = (world.browser(), world.browser());
    for browser in [&mut with_code, &mut by_app] {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.location(), "/sign-in/code");
    }
    let code = app_code(&key, world.now().as_secs());
    for (down, status) in [(true, 503), (false, 303)] {
        warm.set_down(down);
        let answer = with_code.post("/sign-in/recovery-code", &[("recovery_code", &codes[0])]).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(by_app.post("/sign-in/code", &[("code", &code)]).await.status, status);
    }
}

#[tokio::test]
async fn whoever_holds_a_block_of_numbers_is_not_sent_a_message_on_each() {
    let world = World::new().await;
    let mut thief = world.with_password(EMAIL).await;
    let mut ask = async |n: u32, number: &str| {
        thief.client = format!("198.51.100.{}", n / 10);
        thief.post("/account/second-step/phone", &[("phone", number)]).await.status
    };
    for n in 0..50 {
        assert_eq!(ask(n, &format!("0770090{n:04}")).await, 303, "{n}");
    }
    assert_eq!(ask(50, "07700 900050").await, 429);
    assert_eq!(ask(51, "07700 910050").await, 303, "another block");
}

#[tokio::test]
async fn a_landline_is_called_and_hears_digit_by_digit() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, "020 7946 0000").await;
    at_second_step(&world, "192.0.2.9").await;
    let call = world.messages().pop().expect("a call");
    assert_eq!((call.channel, call.to.as_str()), (Channel::Voice, "+442079460000"));
    let code = call.code.expect("a code");
    let digits: Vec<String> = code.chars().map(String::from).collect();
    assert!(call.body.contains(&digits.join(", ")), "{}", call.body);
}

#[tokio::test]
async fn an_apps_code_counts_once_even_in_a_race_and_none_before_it_does() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let key = with_app(&mut owner, &world).await;
    let spent = app_code(&key, world.now().as_secs());
    let mut browser = at_second_step(&world, "192.0.2.9").await;
    assert_eq!(browser.post("/sign-in/code", &[("code", &spent)]).await.status, 422, "it set the app up");
    world.after(Duration::from_secs(60));
    let code = app_code(&key, world.now().as_secs());
    let mut racers = Vec::new();
    for n in 0..5 {
        racers.push(at_second_step(&world, &format!("198.51.100.{n}")).await);
    }
    let answers = racers.iter_mut().map(|racer| {
        let code = code.clone();
        async move { racer.post("/sign-in/code", &[("code", &code)]).await.status }
    });
    let statuses = crate::sign_in::futures_of(answers).await;
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    let before = app_code(&key, world.now().as_secs() - 30);
    assert_eq!(browser.post("/sign-in/code", &[("code", &before)]).await.status, 422, "older than one that was used");
    world.after(Duration::from_secs(30));
    let code = app_code(&key, world.now().as_secs());
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(browser.post("/sign-in/code", &[("code", &spaced)]).await.status, 303);
}

#[tokio::test]
async fn a_sent_code_works_once_in_time_and_for_five_guesses() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    let mut browser = at_second_step(&world, "192.0.2.9").await;
    let (code, mut copy) = (world.code(), browser.clone());
    assert_eq!(browser.post("/sign-in/code", &[("code", &code)]).await.status, 303);
    let answer = copy.post("/sign-in/code", &[("code", &code)]).await;
    assert!(answer.status == 422 && copy.session().await.is_none(), "{}", answer.body);

    let mut late = at_second_step(&world, "192.0.2.9").await;
    let code = world.code();
    world.after(Duration::from_mins(10));
    let answer = late.post("/sign-in/code", &[("code", &code)]).await;
    assert!(answer.body.contains("can no longer be used"), "{}", answer.body);
    assert_eq!(late.post("/sign-in/code/resend", &[]).await.location(), "/sign-in/code?done=code-sent");
    let code = world.code();
    for wrong in ["000001", "000002", "000003", "000004", "000005"] {
        late.post("/sign-in/code", &[("code", wrong)]).await;
    }
    assert_eq!(late.post("/sign-in/code", &[("code", &code)]).await.status, 422, "guessed at too often");
    assert_eq!(late.post("/sign-in/code/resend", &[]).await.status, 303);
    let answer = late.post("/sign-in/code/resend", &[]).await;
    assert!(answer.status == 429 && answer.body.contains("cannot send any more"), "{}", answer.body);
    world.after(Duration::from_mins(10));
    let answer = late.post("/sign-in/code", &[("code", &world.code())]).await;
    assert_eq!(answer.location(), "/sign-in?why=step-up", "twenty minutes after the password, it is asked for again");
}

#[tokio::test]
async fn a_right_password_gives_nobody_new_guesses() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_app(&mut owner, &world).await;
    let mut refused = 0;
    let mut tried = 0;
    // Whoever knows the password asks for it again and again, from everywhere, and guesses at the app's code.
    for n in 0..12 {
        let mut browser = world.browser();
        browser.client = format!("203.0.113.{n}");
        if browser.sign_in(EMAIL, PASSWORD).await.status != 303 {
            refused += 1;
            continue;
        }
        for guess in 0..9 {
            let answer = browser.post("/sign-in/code", &[("code", &format!("{:06}", n * 10 + guess))]).await;
            if answer.status == 429 { refused += 1 } else { tried += 1 }
        }
    }
    assert!(tried <= 50, "{tried} guesses at one account");
    assert!(refused > 0);
    let mut stranger = world.browser();
    stranger.client = "203.0.113.200".into();
    assert_eq!(stranger.sign_in(EMAIL, PASSWORD).await.status, 429, "passwords and codes count together");
}

#[tokio::test]
async fn a_later_step_opens_nothing_without_the_one_before() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    let code = world.code();
    let mut stranger = world.browser();
    for (path, field) in [("/sign-in/code", "code"), ("/sign-in/recovery-code", "recovery_code")] {
        let answer = stranger.post(path, &[(field, &code)]).await;
        assert_eq!(answer.location(), "/sign-in?why=step-up", "{path}");
    }
    assert_eq!(stranger.post("/sign-in/other", &[("way", "text")]).await.location(), "/sign-in?why=step-up");
    // One begins as oneself and goes on in somebody else's journey: the code is bound to the journey.
    let mut mine = at_second_step(&world, "192.0.2.1").await;
    let first = world.code();
    let mut other = at_second_step(&world, "192.0.2.2").await;
    assert_eq!(other.post("/sign-in/code", &[("code", &first)]).await.status, 422);
    // A changed password ends every sign-in that stands between its steps.
    let change = [("current_password", PASSWORD), ("new_password", "another good password")];
    assert_eq!(owner.post("/account/password", &change).await.status, 303);
    let answer = mine.post("/sign-in/code", &[("code", &first)]).await;
    assert_eq!(answer.location(), "/sign-in?why=step-up");
}

/// The same browser, signed out.
fn again<'w>(browser: &Browser<'w>) -> Browser<'w> {
    let mut browser = browser.clone();
    browser.cookies.remove("__Host-aldgate");
    browser
}

#[tokio::test]
async fn a_remembered_browser_is_listed_forgotten_and_dropped_after_six_months() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    let mut browser = at_second_step(&world, "192.0.2.9").await;
    let code = world.code();
    browser.post("/sign-in/code", &[("code", &code), ("remember", "yes")]).await;
    let mut second = again(&browser);
    assert_eq!(second.sign_in(EMAIL, PASSWORD).await.location(), "/demo?x=1");
    assert_eq!(vot(&world, &second).await, "P0.Cp.Cd");

    // It is this account's alone.
    world.with_password("bob@example.org").await;
    let mut bobs = at_bob(&world).await;
    with_phone(&mut bobs, &world, "07700 900 456").await;
    let answer = again(&browser).sign_in("bob@example.org", PASSWORD).await;
    assert_eq!(answer.location(), "/sign-in/code");

    let page = second.get("/account/browsers").await;
    assert!(page.body.contains("Firefox on Linux"), "{}", page.body);
    let id = page.body.split("/account/browsers/").nth(1).and_then(|rest| rest.split('/').next()).expect("an id");
    let mut thief = bobs.clone();
    thief.post(&format!("/account/browsers/{id}/forget"), &[]).await;
    assert_eq!(again(&browser).sign_in(EMAIL, PASSWORD).await.location(), "/demo?x=1", "not theirs to forget");
    let answer = second.post(&format!("/account/browsers/{id}/forget"), &[]).await;
    assert_eq!(answer.location(), "/account/browsers?done=browser-forgotten");
    assert_eq!(again(&browser).sign_in(EMAIL, PASSWORD).await.location(), "/sign-in/code");

    let mut browser = at_second_step(&world, "192.0.2.9").await;
    let code = world.code();
    browser.post("/sign-in/code", &[("code", &code), ("remember", "yes")]).await;
    world.after(Duration::from_hours(182 * 24));
    assert_eq!(again(&browser).sign_in(EMAIL, PASSWORD).await.location(), "/demo?x=1", "used within six months");
    world.after(Duration::from_hours(184 * 24));
    assert_eq!(again(&browser).sign_in(EMAIL, PASSWORD).await.location(), "/sign-in/code");
}

async fn at_bob(world: &World) -> Browser<'_> {
    let mut browser = world.browser();
    browser.sign_in("bob@example.org", PASSWORD).await;
    browser
}

fn codes_on(page: &Answer) -> Vec<String> {
    let items = page.body.split("<li>").filter_map(|rest| rest.split("</li>").next());
    items.filter(|item| item.len() == 19 && item.matches('-').count() == 3).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_recovery_code_works_once_even_in_a_race_and_new_ones_replace_the_old() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    let old = codes_on(&owner.post("/account/recovery-codes", &[]).await);
    let codes = codes_on(&owner.post("/account/recovery-codes", &[]).await);
    assert_eq!((old.len(), codes.len()), (10, 10));
    assert!(owner.get("/account/recovery-codes").await.body.contains("10 left"));
    assert!(codes_on(&owner.get("/account/recovery-codes").await).is_empty(), "they are shown once");
    let mut browser = at_second_step(&world, "192.0.2.9").await;
    for refused in [&old[0], "not a code", ""] {
        assert_eq!(
            browser.post("/sign-in/recovery-code", &[("recovery_code", refused)]).await.status,
            422,
            "{refused}"
        );
    }
    let typed = codes[3].to_uppercase().replace('-', " ");
    let mut racers = [browser.clone(), browser.clone(), browser];
    let answers = racers.iter_mut().map(|racer| {
        let typed = typed.clone();
        async move { racer.post("/sign-in/recovery-code", &[("recovery_code", &typed)]).await.status }
    });
    let statuses = crate::sign_in::futures_of(answers).await;
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert!(owner.get("/account/recovery-codes").await.body.contains("9 left"));
    let told = world.messages().into_iter().filter(|message| message.subject.contains("recovery code was used"));
    assert_eq!(told.count(), 1);
}

#[tokio::test]
async fn another_way_is_taken_and_one_that_is_not_there_is_refused() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    let key = with_app(&mut owner, &world).await;
    world.after(Duration::from_secs(60));
    let before = world.messages().len();
    let mut browser = at_second_step(&world, "192.0.2.9").await;
    assert_eq!(world.messages().len(), before, "the app comes first, and nothing is sent");
    assert!(browser.get("/sign-in/code").await.body.contains("authenticator app"));
    assert_eq!(browser.post("/sign-in/other", &[("way", "call")]).await.status, 422);
    assert_eq!(browser.post("/sign-in/other", &[("way", "pigeon")]).await.status, 400);
    assert_eq!(browser.post("/sign-in/other", &[("way", "text")]).await.location(), "/sign-in/code");
    assert_eq!(browser.post("/sign-in/code", &[("code", &app_code(&key, world.now().as_secs()))]).await.status, 422);
    assert_eq!(browser.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
}

#[tokio::test]
async fn a_second_step_is_removed_by_its_owner_who_is_told() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    assert!(owner.get("/account/second-step").await.body.contains("Ends in 123"));
    assert!(owner.get("/account/second-step/mobile/remove").await.body.contains("<form"));
    let answer = owner.post("/account/second-step/mobile/remove", &[]).await;
    assert_eq!(answer.location(), "/account/second-step?done=second-step-removed");
    assert!(world.messages().iter().any(|message| message.subject.contains("second step was removed")));
    assert_eq!(owner.post("/account/second-step/pigeon/remove", &[]).await.status, 404);
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.location(), "/demo?x=1");
}

/// What is all that opens an account is longer than what another step stands beside.
#[tokio::test]
async fn the_last_second_step_goes_only_when_the_password_is_long_enough_to_stand_alone() {
    const SHORT: &str = "xq7 plum";
    let world = World::demanding(15).await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, MOBILE).await;
    with_phone(&mut owner, &world, "020 7946 0000").await;
    let change = [("current_password", PASSWORD), ("new_password", SHORT)];
    assert_eq!(owner.post("/account/password", &change).await.status, 303);
    assert_eq!(owner.post("/account/second-step/landline/remove", &[]).await.status, 303, "another is left");
    let answer = owner.post("/account/second-step/mobile/remove", &[]).await;
    assert!(answer.status == 409 && answer.body.contains("15 characters or more"), "{}", answer.body);
    assert!(answer.body.contains("href=\"/account/password\""), "{}", answer.body);
    assert_eq!(world.browser().sign_in(EMAIL, SHORT).await.location(), "/sign-in/code");
    // By whatever way it was chosen.
    owner.choose_anew(EMAIL, "another xq7 plum").await;
    owner.sign_in(EMAIL, "another xq7 plum").await;
    assert_eq!(owner.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
    assert_eq!(owner.post("/account/second-step/mobile/remove", &[]).await.status, 303);
    // The one of a registration is long enough.
    let mut other = world.with_password("bob@example.org").await;
    with_phone(&mut other, &world, "07700 900456").await;
    assert_eq!(other.post("/account/second-step/mobile/remove", &[]).await.status, 303);
}

#[tokio::test]
async fn whoever_is_signed_in_proves_only_their_own_contact() {
    let world = World::new().await;
    let mut ada = world.with_password(EMAIL).await;
    let mut bob = world.with_password("bob@example.org").await;
    ada.post("/account/second-step/phone", &[("phone", MOBILE)]).await;
    let code = world.code();
    bob.cookies.insert("__Host-aldgate-journey".into(), ada.cookies["__Host-aldgate-journey"].clone());
    assert_eq!(bob.post("/account/prove", &[("code", &code)]).await.location(), "/account/second-step");
    assert!(bob.get("/account/second-step").await.body.contains("Not set up"));
    for bad in ["", "ring me", "0909 879 0000", "0770"] {
        assert_eq!(ada.post("/account/second-step/phone", &[("phone", bad)]).await.status, 422, "{bad}");
    }
}
