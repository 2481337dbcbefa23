//! An account's owner hears of a log-in in a browser that was new to it, with a passkey too.

use crate::world::{Ear, PASSWORD, World};
use aldgate_core::assurance::{Components, IdentityLevel};
use aldgate_core::device::Device;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId, SingleUse};
use aldgate_core::language::Language;
use aldgate_core::session::opened_here::{self, OpenedHere, Shown};
use aldgate_core::session::record::{Authentication, SessionRecord};
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::world;
use aldgate_core::warm::change::Change;
use aldgate_core::warm::{Opening, PasskeyLogin, Settlement};
use std::sync::Arc;
use std::time::Duration;

const EMAIL: &str = "ada@example.org";

/// The edge settles a log-in with a passkey, the `n`-th of a test.
async fn log_in(world: &World, passkey: &Authenticator, n: u32, new_browser: Option<Language>) -> AccountId {
    let digest = CredentialDigest::of(&passkey.credential_id);
    let credential = world.warm.credential(&digest).await.expect("warm").expect("a passkey");
    let by = Authentication {
        account: credential.account,
        credential: Some(digest),
        identity: IdentityLevel::P0,
        components: Components::PASSKEY,
    };
    let value = SingleUse::of(&n.to_be_bytes());
    let session = SessionId::from_slice(&value.as_bytes()[..16]).expect("16 bytes").in_lane(by.account.lane());
    let record = SessionRecord::open(by, world::LIFETIMES, Device::default(), world.now());
    let login = PasskeyLogin {
        challenge: value,
        challenge_expires: world.now().plus(Duration::from_mins(5)),
        sign_count: credential.sign_count + 1,
        backup_state: credential.backup_state,
        credential,
        opening: Opening { session, record, replaces: None },
        new_browser,
    };
    assert_eq!(world.warm.settle(&login).await, Ok(Settlement::Settled));
    by.account
}

fn told(world: &World) -> Vec<String> {
    let new = ["New sign-in to your account", "Mewngofnodi newydd i'ch cyfrif"];
    let messages = world.messages().into_iter().filter(|message| message.to == EMAIL);
    messages.map(|message| message.subject).filter(|subject| new.contains(&subject.as_str())).collect()
}

#[tokio::test]
async fn the_owner_hears_of_a_passkey_in_a_new_browser_once_and_in_its_language() {
    let world = World::new().await;
    let passkey = Authenticator::derived(1, 1);
    world.with_passkey(EMAIL, &passkey).await;
    log_in(&world, &passkey, 1, None).await;
    world.deliver().await;
    assert_eq!(told(&world), [""; 0], "this one was known");
    let account = log_in(&world, &passkey, 2, Some(Language::Welsh)).await;
    world.after(Duration::from_mins(1));
    world.deliver().await;
    world.deliver().await;
    assert_eq!(told(&world), ["Mewngofnodi newydd i'ch cyfrif"]);
    let sessions = world.warm.sessions_of(&account).await.expect("warm").len();
    assert_eq!(sessions, 3, "a notice changes nothing");
    // Whoever reads it can say that it was not they.
    let token = world.token_sent_to(EMAIL);
    let answer = world.browser().post("/not-me", &[("token", &token)]).await;
    assert!(answer.body.contains("Your account is locked"), "{}", answer.body);
    assert_eq!(world.warm.sessions_of(&account).await.expect("warm").len(), 0);
}

#[tokio::test]
async fn the_passkey_of_a_log_in_that_was_not_the_owners_opens_nothing_any_more_and_others_do() {
    let world = World::new().await;
    let gate = Arc::new(Ear::default());
    world.warm.follow(gate.clone());
    let (copied, own) = (Authenticator::derived(1, 1), Authenticator::derived(1, 2));
    let mut owner = world.with_passkey(EMAIL, &copied).await;
    assert_eq!(owner.register_passkey(&own).await.status, 200);
    world.after(Duration::from_hours(48)); // Both are older than what is taken away for being new.
    log_in(&world, &own, 1, None).await;
    world.after(Duration::from_secs(1));
    log_in(&world, &copied, 2, Some(Language::English)).await;
    world.deliver().await;
    let answer = world.browser().post("/not-me", &[("token", &world.token_sent_to(EMAIL))]).await;
    assert!(answer.body.contains("Your account is locked"), "{}", answer.body);
    let [gone, kept] = [&copied, &own].map(|passkey| CredentialDigest::of(&passkey.credential_id));
    assert_eq!(world.warm.credential(&gone).await.expect("warm"), None);
    assert!(gate.heard(&Change::CredentialRetired(gone)));
    assert!(world.warm.credential(&kept).await.expect("warm").is_some());
}

#[tokio::test]
async fn of_many_the_owner_hears_a_few_times_an_hour() {
    let world = World::new().await;
    let passkey = Authenticator::derived(1, 1);
    world.with_passkey(EMAIL, &passkey).await;
    for n in 0..8 {
        log_in(&world, &passkey, n, Some(Language::English)).await;
    }
    world.deliver().await;
    assert_eq!(told(&world).len(), 5);
    world.after(Duration::from_hours(1));
    world.deliver().await;
    assert_eq!(told(&world).len(), 5, "the others are not made up for");
    log_in(&world, &passkey, 8, Some(Language::English)).await;
    world.deliver().await;
    assert_eq!(told(&world).len(), 6);
}

#[tokio::test]
async fn a_browser_is_known_by_whatever_opened_the_account_in_it() {
    let world = World::new().await;
    let mut owner = world.with_passkey(EMAIL, &Authenticator::derived(1, 1)).await;
    let session = owner.session().await.expect("a session");
    let account = world.warm.session(&session).await.expect("warm").expect("a record").account;
    let shown = Shown::parse(owner.cookies[opened_here::COOKIE].as_bytes());
    assert!(OpenedHere::of(&world::master_key()).knows(&shown, &account, world.now()));
    assert_eq!(owner.post("/account/password", &[("new_password", PASSWORD)]).await.status, 303);
    owner.cookies.retain(|name, _| name == opened_here::COOKIE);
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303);
    assert_eq!(told(&world), [""; 0], "the passkey was made here");
    owner.cookies.remove(opened_here::COOKIE);
    owner.cookies.retain(|name, _| !name.contains("device"));
    assert_eq!(owner.sign_in(EMAIL, PASSWORD).await.status, 303);
    assert_eq!(told(&world).len(), 1);
}
