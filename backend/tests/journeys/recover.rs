//! Getting an account back, taking changes back, "this wasn't me", and leaving.

use crate::steps::{with_app, with_phone};
use crate::world::{Browser, PASSWORD, World, token_in};
use aldgate_backend::store::audit::{Act, Actor, AuditEntry, SESSIONS_ENDED};
use aldgate_backend::{Channel, Message};
use aldgate_core::id::SessionId;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::warm::Opening;
use aldgate_core::warm::memory::MemoryWarm;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";
const NEW: &str = "an entirely new password";

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_a_link_that_works_once() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let mut browser = world.browser();
    let answer = browser.post("/reset", &[("email", "ADA@example.org")]).await;
    assert!(answer.status == 200 && answer.body.contains("We have sent a message"), "{}", answer.body);
    let token = world.token();
    let page = browser.get(&format!("/reset/new?token={token}")).await;
    assert!(page.status == 200 && page.body.contains(EMAIL), "{}", page.body);
    let answer = browser.post("/reset/new", &[("token", &token), ("password", "short")]).await;
    assert_eq!(answer.status, 422, "a refused password does not use the link up");
    let answers = (0..4).map(|_| {
        let (mut browser, token) = (browser.clone(), token.clone());
        async move { browser.post("/reset/new", &[("token", &token), ("password", NEW)]).await.status }
    });
    let statuses = crate::sign_in::futures_of(answers).await;
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert!(owner.session().await.is_none() && browser.session().await.is_none(), "everybody is out, and nobody in");
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 422);
    assert_eq!(world.browser().sign_in(EMAIL, NEW).await.status, 303);
    let answer = browser.get(&format!("/reset/new?token={token}")).await;
    assert!(answer.status == 409 && answer.body.contains("CID2022"), "{}", answer.body);
    assert!(world.messages().iter().any(|message| message.subject == "Your password was changed"));
}

#[tokio::test]
async fn whoever_hammers_at_an_account_keeps_nobody_out_of_a_new_password() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    for n in 0..50 {
        let mut stranger = world.browser();
        stranger.client = format!("203.0.113.{n}");
        assert_eq!(stranger.sign_in(EMAIL, "a wrong password").await.status, 422);
    }
    let mut owner = world.browser();
    owner.client = "198.51.100.1".into();
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 429);
    owner.post("/reset", &[("email", EMAIL)]).await;
    let token = world.token();
    assert_eq!(owner.post("/reset/new", &[("token", &token), ("password", NEW)]).await.status, 303);
    assert_eq!(owner.sign_in(EMAIL, NEW).await.status, 303);
    assert_eq!(world.browser().sign_in(EMAIL, NEW).await.status, 429, "another browser is a stranger still");
}

#[tokio::test]
async fn links_are_late_used_or_broken_each_with_its_code() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let mut browser = world.browser();
    browser.post("/reset", &[("email", EMAIL)]).await;
    let token = world.token();
    let at = |token: &str| format!("/reset/new?token={token}");
    for broken in ["", "x", &token[1..], &format!("{token}A"), &token.to_lowercase()] {
        let answer = browser.get(&at(broken)).await;
        assert!(answer.status == 409 && answer.body.contains("CID2023"), "{broken}: {}", answer.body);
        let answer = browser.post("/reset/new", &[("token", broken), ("password", NEW)]).await;
        assert!(answer.status == 409 && answer.body.contains("CID2023"), "{broken}: {}", answer.body);
    }
    world.after(Duration::from_hours(1));
    let answer = browser.post("/reset/new", &[("token", &token), ("password", NEW)]).await;
    assert!(answer.status == 409 && answer.body.contains("CID2021"), "{}", answer.body);
    // Of two links the other dies with the first.
    browser.post("/reset", &[("email", EMAIL)]).await;
    let one = world.token();
    browser.post("/reset", &[("email", EMAIL)]).await;
    let two = world.token();
    assert_eq!(browser.post("/reset/new", &[("token", &two), ("password", NEW)]).await.status, 303);
    let answer = browser.post("/reset/new", &[("token", &one), ("password", "another new password")]).await;
    assert!(answer.status == 409 && answer.body.contains("CID2022"), "{}", answer.body);
}

#[tokio::test]
async fn nobody_learns_from_a_reset_whether_there_is_an_account() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    world.with_passkey("bob@example.org", &Authenticator::derived(1, 1)).await;
    world.after(Duration::from_hours(1)); // The codes of the registrations count too.
    let mut looks = Vec::new();
    for email in [EMAIL, "bob@example.org", "eve@example.org"] {
        let before = world.messages().len();
        let mut browser = world.browser();
        let mut look = vec![browser.post("/reset", &[("email", email)]).await.look(email)];
        assert_eq!(world.messages().len(), before + 1, "a message each: {email}");
        for _ in 0..6 {
            browser.client = format!("198.51.100.{}", look.len());
            look.push(browser.post("/reset", &[("email", email)]).await.look(email));
        }
        looks.push(look);
    }
    assert_eq!(looks[0], looks[1]);
    assert_eq!(looks[0], looks[2]);
    assert!(looks[0].iter().any(|look| look.0 == 429), "letter boxes are not filled: {:?}", looks[0]);
    let last = world.messages().pop().expect("a message");
    assert!(last.to == "eve@example.org" && token_in(&last.body).is_none(), "{}", last.body);
}

#[tokio::test]
async fn a_read_letter_box_alone_does_not_open_what_has_a_second_step() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, "07700 900123").await;
    let mut thief = world.browser();
    thief.post("/reset", &[("email", EMAIL)]).await;
    let token = world.token();
    assert_eq!(thief.post("/reset/new", &[("token", &token), ("password", NEW)]).await.status, 303);
    assert_eq!(thief.sign_in(EMAIL, NEW).await.location(), "/sign-in/code");
    assert!(thief.session().await.is_none());
}

#[tokio::test]
async fn whoever_did_not_do_it_says_so_and_locks_everybody_out() {
    let world = World::new().await;
    let old = Authenticator::derived(1, 1);
    let mut owner = world.with_passkey(EMAIL, &old).await;
    world.after(Duration::from_hours(48));
    let mut thief = world.browser();
    // Somebody got in, and adds what is theirs.
    thief.post("/reset", &[("email", EMAIL)]).await;
    let token = world.token();
    thief.post("/reset/new", &[("token", &token), ("password", PASSWORD)]).await;
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).await.status, 303);
    let theirs = Authenticator::derived(1, 2);
    assert_eq!(thief.register_passkey(&theirs).await.status, 200);
    world.after(Duration::from_mins(1));
    let told = world.messages().pop().expect("a message");
    assert!(told.subject.contains("passkey was added"), "{}", told.subject);
    let token = token_in(&told.body).expect("a link");
    let page = owner.get(&format!("/not-me?token={token}")).await;
    assert!(page.body.contains("<form method=\"post\" action=\"/not-me\">"), "{}", page.body);
    assert!(thief.session().await.is_some(), "looking does nothing");
    let answer = owner.post("/not-me", &[("token", &token)]).await;
    assert!(answer.status == 200 && answer.body.contains("Your account is locked"), "{}", answer.body);
    assert!(thief.session().await.is_none());
    assert_eq!(thief.sign_in(EMAIL, PASSWORD).await.status, 422);
    for (authenticator, stays) in [(&theirs, false), (&old, true)] {
        let digest = aldgate_core::id::CredentialDigest::of(&authenticator.credential_id);
        assert_eq!(world.warm.credential(&digest).await.expect("warm").is_some(), stays);
    }
    assert_eq!(owner.post("/not-me", &[("token", &token)]).await.status, 409, "once");
    // The way back.
    let token = world.token();
    assert_eq!(owner.post("/reset/new", &[("token", &token), ("password", NEW)]).await.status, 303);
    assert_eq!(world.browser().sign_in(EMAIL, NEW).await.status, 303);
}

#[tokio::test]
async fn whoever_is_signed_in_can_lock_their_own_account() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let mut other = world.browser();
    other.sign_in(EMAIL, PASSWORD).await;
    assert!(owner.get("/account/lock").await.body.contains("<form"));
    assert!(owner.post("/account/lock", &[]).await.body.contains("Your account is locked"));
    assert!(owner.session().await.is_none() && other.session().await.is_none());
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 422);
}

#[tokio::test]
async fn a_changed_number_is_taken_back_by_the_old_one() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    for (old, new, channel, late, used) in [
        ("07700 900123", "07700 900456", Channel::Text, "CID3002", "CID3003"),
        ("020 7946 0000", "020 7946 0001", Channel::Email, "CID3009", "CID3010"),
    ] {
        with_phone(&mut owner, &world, old).await;
        with_phone(&mut owner, &world, new).await;
        let changed = |message: &Message| message.subject == "Your contact details were changed";
        let told = world.messages().into_iter().rev().find(changed).expect("a message");
        assert_eq!(told.channel, channel);
        let token = token_in(&told.body).expect("a link");
        let page = owner.get(&format!("/cancel-change?token={token}")).await;
        assert!(page.body.contains("old telephone number"), "{}", page.body);
        let mut anybody = world.browser();
        let answer = anybody.post("/cancel-change", &[("token", &token)]).await;
        assert!(answer.status == 200 && answer.body.contains("taken back"), "{}", answer.body);
        assert!(owner.session().await.is_none(), "everybody is out");
        let answer = anybody.post("/cancel-change", &[("token", &token)]).await;
        assert!(answer.status == 409 && answer.body.contains(used), "{}", answer.body);
        world.after(Duration::from_hours(24));
        let answer = anybody.get(&format!("/cancel-change?token={token}")).await;
        assert!(answer.status == 409 && answer.body.contains(late), "{}", answer.body);
        owner.choose_anew(EMAIL, PASSWORD).await;
        owner.sign_in(EMAIL, PASSWORD).await;
        owner.post("/sign-in/code", &[("code", &world.code())]).await;
        let page = owner.get("/account/second-step").await;
        assert!(page.body.contains(&format!("Ends in {}", &old[old.len() - 3..])), "{}", page.body);
    }
}

#[tokio::test]
async fn a_changed_address_is_taken_back_by_the_old_one_which_nobody_takes_meanwhile() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let mut other = world.browser();
    other.sign_in(EMAIL, PASSWORD).await;
    owner.post("/account/email", &[("email", "ada@new.example")]).await;
    let answer = owner.post("/account/prove", &[("code", &world.code())]).await;
    assert_eq!(answer.location(), "/account?done=email-changed", "{}", answer.body);
    assert!(other.session().await.is_none() && owner.session().await.is_some());
    let told: Vec<_> = world.messages().into_iter().rev().take(2).map(|message| message.to).collect();
    assert!(told.contains(&EMAIL.to_owned()) && told.contains(&"ada@new.example".to_owned()), "{told:?}");
    let token = world.undo(EMAIL);
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 422);
    assert_eq!(world.browser().sign_in("ADA@new.example", PASSWORD).await.status, 303);
    // Somebody else wants the old address.
    let mut grabber = world.browser();
    grabber.prove(EMAIL).await;
    assert_eq!(grabber.post("/register/password", &[("password", NEW)]).await.status, 409);
    let answer = world.browser().post("/cancel-change", &[("token", &token)]).await;
    assert!(answer.body.contains("taken back"), "{}", answer.body);
    assert!(owner.session().await.is_none());
    world.browser().choose_anew(EMAIL, PASSWORD).await;
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 303);
    assert_eq!(world.browser().sign_in("ada@new.example", PASSWORD).await.status, 422);
}

/// All by which somebody may come back who sits at an open session.
async fn make_ways_back(thief: &mut Browser<'_>, world: &World) -> Authenticator {
    with_phone(thief, world, "07700 900456").await;
    with_app(thief, world).await;
    let codes = thief.post("/account/recovery-codes", &[]).await;
    assert_eq!(codes.status, 200);
    let theirs = Authenticator::derived(1, 2);
    assert_eq!(thief.register_passkey(&theirs).await.status, 200);
    let change = [("current_password", PASSWORD), ("new_password", NEW)];
    assert_eq!(thief.post("/account/password", &change).await.status, 303);
    theirs
}

async fn take_the_address(thief: &mut Browser<'_>, world: &World) {
    thief.post("/account/email", &[("email", "thief@evil.example")]).await;
    assert_eq!(thief.post("/account/prove", &[("code", &world.code())]).await.status, 303);
}

/// Before the change that is seen, or after it: of most of it nobody who is told can take it back.
#[tokio::test]
async fn a_thief_who_changed_the_address_keeps_no_way_in_when_that_is_taken_back() {
    for prepared in [false, true] {
        let world = World::new().await;
        let mut owner = world.with_password(EMAIL).await;
        with_phone(&mut owner, &world, "07700 900123").await;
        let own = Authenticator::derived(1, 1);
        assert_eq!(owner.register_passkey(&own).await.status, 200);
        world.after(Duration::from_hours(48));
        owner.sign_in(EMAIL, PASSWORD).await;
        assert_eq!(owner.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
        world.after(Duration::from_mins(1));
        // Somebody sits at the open session.
        let mut thief = owner.clone();
        let theirs = if prepared {
            let theirs = make_ways_back(&mut thief, &world).await;
            world.after(Duration::from_mins(1));
            take_the_address(&mut thief, &world).await;
            theirs
        } else {
            take_the_address(&mut thief, &world).await;
            world.after(Duration::from_mins(1));
            make_ways_back(&mut thief, &world).await
        };
        let undo = world.undo(EMAIL);

        let mut anybody = world.browser();
        let page = anybody.get(&format!("/cancel-change?token={undo}")).await;
        assert!(page.body.contains("changed or added in the day before, and since then, goes too"), "{}", page.body);
        let page = anybody.post("/cancel-change", &[("token", &undo)]).await;
        for line in ["Passkeys: 1", "an authenticator app): 2", "<li>Recovery codes</li>", "<li>The password</li>"] {
            assert!(page.body.contains(line), "{line}: {}", page.body);
        }
        assert!(thief.session().await.is_none());
        for (email, password) in [(EMAIL, NEW), (EMAIL, PASSWORD), ("thief@evil.example", NEW)] {
            assert_eq!(world.browser().sign_in(email, password).await.status, 422, "{email} {password}");
        }
        for (passkey, stays) in [(&own, true), (&theirs, false)] {
            let digest = aldgate_core::id::CredentialDigest::of(&passkey.credential_id);
            assert_eq!(world.warm.credential(&digest).await.expect("warm").is_some(), stays);
        }
        // The owner comes back by a message to the address that is theirs again, and by the number that was.
        anybody.choose_anew(EMAIL, "the owner's new one").await;
        assert_eq!(anybody.sign_in(EMAIL, "the owner's new one").await.location(), "/sign-in/code");
        let sent = world.messages().pop().expect("a text");
        assert_eq!((sent.channel, sent.to.as_str()), (Channel::Text, "+447700900123"));
        assert_eq!(anybody.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
    }
}

/// The owner sees it, and changes the address back by hand: nothing that went to the thief's turns that around.
#[tokio::test]
async fn a_thief_gets_no_link_when_the_owner_changes_the_address_back_by_hand() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    world.after(Duration::from_mins(1));
    let mut thief = owner.clone();
    take_the_address(&mut thief, &world).await;
    thief.post("/account/email", &[("email", "two@evil.example")]).await;
    assert_eq!(thief.post("/account/prove", &[("code", &world.code())]).await.status, 303);
    let to_thief = world.undo("thief@evil.example");
    world.after(Duration::from_mins(1));
    let before = world.messages().len();
    owner.post("/account/email", &[("email", EMAIL)]).await;
    assert_eq!(owner.post("/account/prove", &[("code", &world.code())]).await.status, 303);
    let told: Vec<_> = world.messages().into_iter().skip(before).map(|message| message.to).collect();
    assert_eq!(told, [EMAIL, EMAIL], "the code, and the word that it was changed");
    let answer = world.browser().post("/cancel-change", &[("token", &to_thief)]).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(owner.session().await.is_some());
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 303);
    // A later change is one like any other.
    world.after(Duration::from_mins(1));
    take_the_address(&mut owner, &world).await;
    assert_eq!(world.browser().post("/cancel-change", &[("token", &world.undo(EMAIL))]).await.status, 200);
}

#[tokio::test]
async fn what_a_stranger_has_sent_to_an_address_keeps_its_owner_from_no_new_password() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    let stranger = async |n: usize, path: &str, email: &str| {
        let mut browser = world.browser();
        browser.client = format!("198.51.100.{n}");
        browser.post(path, &[("email", email)]).await.status
    };
    let mut statuses = Vec::new();
    for n in 0..5 {
        statuses.push(stranger(n, "/register", EMAIL).await);
    }
    assert_eq!(statuses, [303, 303, 303, 303, 429], "with the code of the owner's registration");
    let mut owner = world.browser();
    assert_eq!(owner.post("/reset", &[("email", EMAIL)]).await.status, 200);
    // The same way has a limit of its own, and who has reached it has sent the owner that many links.
    for n in 5..9 {
        assert_eq!(stranger(n, "/reset", EMAIL).await, 200);
    }
    world.after(Duration::from_mins(59));
    assert_eq!(owner.post("/reset", &[("email", EMAIL)]).await.status, 429);
    let token = world.token_sent_to(EMAIL);
    assert_eq!(owner.post("/reset/new", &[("token", &token), ("password", NEW)]).await.status, 303);
    // And it keeps nobody from an account.
    for n in 10..16 {
        stranger(n, "/reset", "bob@example.org").await;
    }
    assert_eq!(stranger(16, "/register", "bob@example.org").await, 303);
}

/// The password that was forgotten is none, and is none again when the account was locked: a link that is the same then was
/// used.
#[tokio::test]
async fn a_link_works_once_also_where_everything_is_as_it_was_before() {
    let world = World::new().await;
    world.with_passkey(EMAIL, &Authenticator::derived(1, 1)).await;
    let mut owner = world.browser();
    owner.post("/reset", &[("email", EMAIL)]).await;
    let token = world.token();
    assert_eq!(owner.post("/reset/new", &[("token", &token), ("password", NEW)]).await.status, 303);
    assert_eq!(owner.sign_in(EMAIL, NEW).await.status, 303);
    assert!(owner.post("/account/lock", &[]).await.body.contains("Your account is locked"));
    let answer = world.browser().post("/reset/new", &[("token", &token), ("password", PASSWORD)]).await;
    assert!(answer.status == 409 && answer.body.contains("CID2022"), "{}", answer.body);
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 422);
}

/// Whoever says that it was not they must not be told that they have said so, and the account be open.
#[tokio::test]
async fn an_account_is_locked_whatever_is_down_and_once_whatever_races() {
    let warm = Arc::new(MemoryWarm::default());
    let shared = warm.clone();
    let world = World::with_warm(|_| shared).await;
    let mut thief = world.with_password(EMAIL).await;
    assert_eq!(thief.register_passkey(&Authenticator::derived(1, 2)).await.status, 200);
    let not_me = link_to(&world, EMAIL, "passkey was added");
    warm.set_down(true);
    let answers = (0..4).map(|_| {
        let (mut browser, token) = (world.browser(), not_me.clone());
        async move { browser.post("/not-me", &[("token", &token)]).await.status }
    });
    let statuses = crate::sign_in::futures_of(answers).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    warm.set_down(false);
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 422);
    let locked = world.messages().into_iter().filter(|message| message.subject.contains("is locked")).count();
    assert_eq!(locked, 1);
}

#[tokio::test]
async fn of_a_chain_of_changed_addresses_no_link_but_the_first_ones_leads_back() {
    let world = World::new().await;
    let mut thief = world.with_password(EMAIL).await;
    let mut links = Vec::new();
    for (old, new) in [(EMAIL, "one@evil.example"), ("one@evil.example", "two@evil.example")] {
        world.after(Duration::from_mins(1));
        thief.post("/account/email", &[("email", new)]).await;
        assert_eq!(thief.post("/account/prove", &[("code", &world.code())]).await.status, 303);
        let told = world.messages().into_iter().rev().find(|message| message.to == old).expect("a message");
        links.push(token_in(&told.body).expect("a link"));
    }
    assert_eq!(world.browser().post("/cancel-change", &[("token", &links[0])]).await.status, 200);
    let answer = world.browser().post("/cancel-change", &[("token", &links[1])]).await;
    assert_eq!(answer.status, 409, "it would give the account to the thief's first address");
    world.browser().choose_anew(EMAIL, PASSWORD).await;
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 303);
}

/// The token of the last link in a message to somebody with such a subject.
fn link_to(world: &World, to: &str, subject: &str) -> String {
    let sought = |message: &aldgate_backend::Message| message.to == to && message.subject.contains(subject);
    let found = world.messages().into_iter().rev().find(sought);
    token_in(&found.unwrap_or_else(|| panic!("no {subject} to {to}")).body).expect("a link")
}

#[tokio::test]
async fn the_way_back_leads_to_the_owners_address_and_not_to_one_that_a_thief_put_there() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, "07700 900123").await;
    world.after(Duration::from_hours(48));
    let mut thief = world.browser();
    thief.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(thief.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
    let not_me = link_to(&world, EMAIL, "New sign-in");
    world.after(Duration::from_mins(1));
    with_phone(&mut thief, &world, "07700 900456").await;
    thief.post("/account/email", &[("email", "thief@evil.example")]).await;
    assert_eq!(thief.post("/account/prove", &[("code", &world.code())]).await.status, 303);
    world.after(Duration::from_mins(1));
    let answer = world.browser().post("/not-me", &[("token", &not_me)]).await;
    assert!(answer.body.contains("Your account is locked"), "{}", answer.body);
    let locked: Vec<_> = world.messages().into_iter().filter(|message| message.subject.contains("is locked")).collect();
    assert_eq!((locked.len(), locked[0].to.as_str()), (1, EMAIL), "nothing goes to the thief");
    let reset = token_in(&locked[0].body).expect("a link");
    let mut anybody = world.browser();
    assert_eq!(anybody.post("/reset/new", &[("token", &reset), ("password", NEW)]).await.status, 303);
    assert_eq!(anybody.sign_in("thief@evil.example", NEW).await.status, 422);
    assert_eq!(anybody.sign_in(EMAIL, NEW).await.location(), "/sign-in/code");
    assert_eq!(world.messages().pop().expect("a text").to, "+447700900123", "the owner's telephone");
    assert_eq!(anybody.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
}

#[tokio::test]
async fn a_link_that_went_to_a_thiefs_address_locks_nobody_out_once_that_is_taken_back() {
    let world = World::new().await;
    let mut thief = world.with_password(EMAIL).await;
    thief.post("/account/email", &[("email", "thief@evil.example")]).await;
    assert_eq!(thief.post("/account/prove", &[("code", &world.code())]).await.status, 303);
    let not_me = link_to(&world, "thief@evil.example", "email address was changed");
    let undo = link_to(&world, EMAIL, "contact details were changed");
    assert_eq!(world.browser().post("/cancel-change", &[("token", &undo)]).await.status, 200);
    let mut owner = world.browser();
    owner.choose_anew(EMAIL, PASSWORD).await;
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303);
    for answer in
        [thief.get(&format!("/not-me?token={not_me}")).await, thief.post("/not-me", &[("token", &not_me)]).await]
    {
        assert_eq!(answer.status, 409, "{}", answer.body);
    }
    assert!(owner.session().await.is_some());
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303);
}

#[tokio::test]
async fn a_number_that_was_removed_is_asked_for_back_by_whoever_has_it() {
    let world = World::new().await;
    let mut thief = world.with_password(EMAIL).await;
    with_phone(&mut thief, &world, "07700 900123").await;
    world.after(Duration::from_mins(1));
    assert_eq!(thief.post("/account/second-step/mobile/remove", &[]).await.status, 303);
    let undo = link_to(&world, "+447700900123", "contact details were changed");
    world.after(Duration::from_mins(1));
    with_phone(&mut thief, &world, "07700 900456").await;
    assert_eq!(world.browser().post("/cancel-change", &[("token", &undo)]).await.status, 200);
    assert!(thief.session().await.is_none());
    let mut owner = world.browser();
    owner.choose_anew(EMAIL, PASSWORD).await;
    owner.sign_in(EMAIL, PASSWORD).await;
    assert_eq!(world.messages().pop().expect("a text").to, "+447700900123");
    assert_eq!(owner.post("/sign-in/code", &[("code", &world.code())]).await.status, 303);
}

#[tokio::test]
async fn an_address_that_is_taken_is_not_told_from_one_that_is_not() {
    let world = World::new().await;
    world.with_password("bob@example.org").await;
    let mut owner = world.with_password(EMAIL).await;
    let mut looks = Vec::new();
    for email in ["bob@example.org", "eve@example.org"] {
        let first = owner.post("/account/email", &[("email", email)]).await.look(email);
        let refused = owner.post("/account/prove", &[("code", "000000")]).await.look(email);
        looks.push([first, refused]);
    }
    assert_eq!(looks[0], looks[1]);
    let to_bob = world.messages().into_iter().rev().find(|message| message.to == "bob@example.org").expect("a message");
    assert!(to_bob.code.is_none() && to_bob.subject.contains("already have"), "{}", to_bob.subject);
}

#[tokio::test]
async fn ones_data_are_taken_along_without_any_secret() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, "07700 900123").await;
    let answer = owner.get("/account/data.json").await;
    assert!(answer.header("content-disposition").starts_with("attachment"));
    let data = answer.json();
    assert_eq!((data["email"].as_str(), data["has_password"].as_bool()), (Some(EMAIL), Some(true)));
    assert_eq!(data["second_steps"][0]["telephone"], "+447700900123");
    assert_eq!(data["sessions"].as_array().map(Vec::len), Some(1));
    assert!(data["log_ins"][0]["at"].is_string() && data["history"][0]["by"] == "you", "{data}");
    assert!(!answer.body.contains("argon2") && !answer.body.contains("secret"), "{}", answer.body);
    assert_eq!(world.browser().get("/account/data.json").await.status, 401);
}

#[tokio::test]
async fn a_closed_account_is_gone_and_its_address_can_begin_anew() {
    let world = World::new().await;
    let authenticator = Authenticator::derived(1, 1);
    let mut owner = world.with_password(EMAIL).await;
    with_phone(&mut owner, &world, "07700 900123").await;
    assert_eq!(owner.register_passkey(&authenticator).await.status, 200);
    let mut other = owner.clone();
    assert_eq!(owner.post("/account/close", &[("email", "bob@example.org")]).await.status, 422);
    let answer = owner.post("/account/close", &[("email", " ADA@example.org")]).await;
    assert!(answer.status == 200 && answer.body.contains("Your account is closed"), "{}", answer.body);
    assert!(other.session().await.is_none());
    assert_eq!(other.get("/account").await.status, 401);
    let digest = aldgate_core::id::CredentialDigest::of(&authenticator.credential_id);
    assert_eq!(world.warm.credential(&digest).await.expect("warm"), None);
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 422);
    let mut anew = world.with_password(EMAIL).await;
    assert!(anew.get("/account/second-step").await.body.contains("Not set up"));
}

#[tokio::test]
async fn a_link_that_went_to_an_address_of_before_is_worth_nothing() {
    let world = World::new().await;
    let mut thief = world.with_password(EMAIL).await;
    // Whoever is in changes the address, asks there for a link, and waits for the change to be taken back.
    thief.post("/account/email", &[("email", "thief@evil.example")]).await;
    assert_eq!(thief.post("/account/prove", &[("code", &world.code())]).await.status, 303);
    let told = world.messages().into_iter().rev().find(|message| message.to == EMAIL).expect("a message");
    let undo = token_in(&told.body).expect("a link");
    thief.post("/reset", &[("email", "thief@evil.example")]).await;
    let reset = world.token();
    assert_eq!(world.browser().post("/cancel-change", &[("token", &undo)]).await.status, 200);
    let answer = thief.post("/reset/new", &[("token", &reset), ("password", NEW)]).await;
    assert!(answer.status == 409 && answer.body.contains("CID2022"), "{}", answer.body);
    world.browser().choose_anew(EMAIL, PASSWORD).await;
    assert_eq!(world.browser().sign_in(EMAIL, PASSWORD).await.status, 303);
}

#[tokio::test]
async fn ones_data_are_whole_however_many_log_ins_there_were() {
    const MANY: usize = 1_003;
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let session = owner.session().await.expect("a session");
    let record = world.warm.session(&session).await.expect("warm").expect("a record");
    let (account, entropy) = (record.account, SeededEntropy::new(7));
    let before = owner.get("/account/data.json").await.json();
    let count = |data: &Value, list: &str| data[list].as_array().map_or(0, Vec::len);
    let openings = (0..MANY).map(|_| {
        let session = SessionId::random(&account, &entropy).expect("a name");
        Opening { session, record, replaces: None }
    });
    let openings: Vec<_> = openings.collect();
    futures_util::future::join_all(openings.iter().map(|opening| world.warm.open_session(opening))).await;
    let entry = AuditEntry::done(Act { by: Actor::Operator("mallory".into()), at: world.now() }, SESSIONS_ENDED);
    let entries = (0..MANY).map(|_| world.store.audit(entry.clone().about(account)));
    futures_util::future::join_all(entries).await;
    let answer = owner.get("/account/data.json").await;
    let after = answer.json();
    // The second export is itself an entry.
    for (list, more) in [("log_ins", 0), ("history", 1)] {
        assert_eq!(count(&after, list), count(&before, list) + MANY + more, "{list}");
    }
    assert_eq!(after["history"][MANY]["by"], "operator");
    assert!(!answer.body.contains("mallory"), "who administers is not ours to tell");
}
