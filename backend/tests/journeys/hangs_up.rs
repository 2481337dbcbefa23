//! What an account's owner hears of a change, whatever becomes of the request that made it, of the process and of the mail.

use crate::world::{PASSWORD, World, form};
use aldgate_core::testing::authenticator::Authenticator;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

#[tokio::test]
async fn whoever_hangs_up_after_a_change_keeps_nobody_from_hearing_of_it() {
    let world = World::new().await;
    let mut thief = world.with_password(EMAIL).await;
    thief.post("/account/email", &[("email", "thief@evil.example")]).await;
    let code = world.code();
    let new = email("thief@evil.example");
    let changed = async || world.store.account_by_email(&new).await.expect("read").is_some();
    thief.drop_when("/account/prove", &form(&[("code", &code)]), changed).await;
    world.deliver().await;
    let undo = world.undo(EMAIL);
    let answer = world.browser().post("/cancel-change", &[("token", &undo)]).await;
    assert!(answer.body.contains("taken back"), "{}", answer.body);
    world.browser().choose_anew(EMAIL, PASSWORD).await;
}

#[tokio::test]
async fn what_no_mail_relay_takes_is_sent_when_one_does() {
    let world = World::new().await;
    let mut owner = world.with_password(EMAIL).await;
    let before = world.messages().len();
    world.break_outbox();
    assert_eq!(owner.register_passkey(&Authenticator::derived(1, 1)).await.status, 200, "nobody waits for the mail");
    assert_eq!(world.messages().len(), before);
    world.mend_outbox();
    world.after(Duration::from_mins(1));
    world.deliver().await;
    let told = world.messages().pop().expect("a message");
    assert!(told.to == EMAIL && told.subject.contains("passkey was added"), "{}", told.subject);
    world.after(Duration::from_hours(1));
    world.deliver().await;
    assert_eq!(world.messages().len(), before + 1, "once");
}

/// The relay was down for longer than the links live: they live from when they are sent.
#[tokio::test]
async fn a_late_message_brings_a_link_that_still_works_and_no_longer_than_any() {
    let world = World::new().await;
    let mut thief = world.with_password(EMAIL).await;
    let late = async || {
        world.after(Duration::from_hours(30));
        world.mend_outbox();
        world.deliver().await;
    };
    thief.post("/account/email", &[("email", "thief@evil.example")]).await;
    let code = world.code();
    world.break_outbox();
    assert_eq!(thief.post("/account/prove", &[("code", &code)]).await.location(), "/account?done=email-changed");
    late().await;
    let undo = world.undo(EMAIL);
    world.after(Duration::from_hours(24) - Duration::from_secs(1));
    let page = world.browser().get(&format!("/cancel-change?token={undo}")).await;
    assert!(page.body.contains("Take this change back?"), "{}", page.body);
    world.after(Duration::from_secs(1));
    let answer = world.browser().post("/cancel-change", &[("token", &undo)]).await;
    assert!(answer.status == 409 && answer.body.contains("too old"), "{}", answer.body);

    let mut owner = world.with_password("bob@example.org").await;
    world.break_outbox();
    assert!(owner.post("/account/lock", &[]).await.body.contains("Your account is locked"));
    late().await;
    let reset = world.token_sent_to("bob@example.org");
    let choose = async || {
        let fields = [("token", reset.as_str()), ("password", "another good password")];
        world.browser().post("/reset/new", &fields).await
    };
    world.after(Duration::from_mins(59));
    assert_eq!(choose().await.location(), "/sign-in?done=password-reset");
    assert_eq!(choose().await.status, 409, "once");
}

fn email(text: &str) -> aldgate_backend::model::EmailAddress {
    aldgate_backend::model::EmailAddress::parse(text).expect("an address")
}
