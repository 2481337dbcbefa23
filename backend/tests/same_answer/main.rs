//! Whether somebody has an account here: nobody learns it from an answer, nor from the work that it took (OWASP ASVS 5.0,
//! V6.3.8; threats: account enumeration).
//!
//! Every route that takes an address, a number or a code is asked for people with each kind of account and for somebody
//! with none. The answers must be the same to the last header, and so must the work: which statements ran, how often a
//! password was hashed, how many messages went out. What is counted is what the backend says of itself in its most
//! detailed log; no clock is read. A binary of its own, since the log is the whole process's.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and ends")]

mod guesses;
#[path = "../journeys/steps.rs"]
mod steps;
mod work;
#[path = "../journeys/world.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod world;

use aldgate_backend::model::DisabledFor;
use aldgate_backend::store::Switching;
use aldgate_backend::store::audit::Act;
use aldgate_core::testing::authenticator::Authenticator;
use steps::with_phone;
use work::{Did, alone, doing};
use world::{Answer, Browser, PASSWORD, World};

/// All of one length, so that what is sealed is too.
const WITH_PASSWORD: &str = "ada@example.org";
const WITH_PASSKEY: &str = "gus@example.org";
const WITH_BOTH_STEPS: &str = "bob@example.org";
const CLOSED: &str = "zoe@example.org";
const DISABLED: &str = "ned@example.org";
const NOBODY: &str = "eve@example.org";
const ALL: [&str; 6] = [NOBODY, WITH_PASSWORD, WITH_PASSKEY, WITH_BOTH_STEPS, CLOSED, DISABLED];

const NUMBER_OF_BOB: &str = "07700 900 123";

/// What somebody could tell two answers apart by, and what it took to give it.
type Seen = ((u16, Vec<(String, String)>, String), Did);

/// A world with an account of each kind.
async fn people() -> World {
    let world = World::new().await;
    world.with_password(WITH_PASSWORD).await;
    world.with_passkey(WITH_PASSKEY, &Authenticator::derived(1, 1)).await;
    let mut bob = world.with_password(WITH_BOTH_STEPS).await;
    with_phone(&mut bob, &world, NUMBER_OF_BOB).await;
    let mut zoe = world.with_password(CLOSED).await;
    assert_eq!(zoe.post("/account/close", &[("email", CLOSED)]).await.status, 200);
    let ned = world.with_password(DISABLED).await.session().await.expect("a session");
    let ned = world.warm.session(&ned).await.expect("warm").expect("a record").account;
    let disabled = world.store.disable_account(&ned, DisabledFor::Fraud, Act::system("test", world.now())).await;
    assert_eq!(disabled, Ok(Switching::Done));
    // What was sent until now counts for nobody who is asked for below.
    world.after(std::time::Duration::from_hours(25));
    world
}

/// A browser at an address of its own.
fn stranger(world: &World, n: usize) -> Browser<'_> {
    let mut browser = world.browser();
    browser.client = format!("203.0.113.{n}");
    browser
}

/// One form after another, as they come: what was seen of each.
struct Asking<'w> {
    world: &'w World,
    browser: Browser<'w>,
    about: String,
    seen: Vec<(String, Seen)>,
}

impl<'w> Asking<'w> {
    fn new(world: &'w World, browser: Browser<'w>, about: &str) -> Self {
        Self { world, browser, about: about.to_owned(), seen: Vec::new() }
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let (answer, did) = doing(self.world, self.browser.post(path, fields)).await;
        self.seen.push((format!("POST {path}"), (answer.look(&self.about), did)));
        answer
    }

    async fn get(&mut self, path: &str) {
        let (answer, did) = doing(self.world, self.browser.get(path)).await;
        self.seen.push((format!("GET {path}"), (answer.look(&self.about), did)));
    }
}

/// Each must have seen the same as the first.
fn assert_same(all: &[(&str, Vec<(String, Seen)>)]) {
    let [(first, expected), others @ ..] = all else { panic!("nobody was asked for") };
    for (about, seen) in others {
        for ((step, expected), (_, seen)) in expected.iter().zip(seen) {
            assert_eq!(seen.0, expected.0, "{step}: what {about} and {first} are told");
            assert_eq!(seen.1, expected.1, "{step}: what was done for {about} and {first}");
        }
        assert_eq!(seen.len(), expected.len());
    }
}

#[tokio::test]
async fn a_registration_tells_nobody_who_has_an_account() {
    let _alone = alone().await;
    let world = people().await;
    let mut all = Vec::new();
    for (n, email) in ALL.into_iter().enumerate() {
        let mut asking = Asking::new(&world, stranger(&world, n), email);
        asking.post("/register", &[("email", email)]).await;
        asking.get("/register/code").await;
        for code in ["", "12345", "000000", "000001"] {
            asking.post("/register/code", &[("code", code)]).await;
        }
        for _ in 0..3 {
            asking.post("/register/code/resend", &[]).await; // The third is one too many.
        }
        asking.get("/register/code").await;
        for _ in 0..6 {
            asking.post("/register/code", &[("code", "000002")]).await; // The sixth is one too many.
        }
        asking.get("/register/method").await;
        asking.post("/register/password", &[("password", PASSWORD)]).await;
        asking.post("/register", &[("email", email)]).await;
        asking.post("/register", &[("email", email)]).await;
        asking.post("/register", &[("email", email)]).await; // More than one address is sent in an hour.
        all.push((email, asking.seen));
    }
    assert_same(&all);
    let sent: usize = all[0].1.iter().map(|(_, (_, did))| did.messages).sum();
    assert_eq!(sent, 5, "and somebody without an account is written to as often");
}

#[tokio::test]
async fn a_sign_in_tells_nobody_who_has_an_account() {
    let _alone = alone().await;
    let world = people().await;
    let mut all = Vec::new();
    for (n, email) in ALL.into_iter().enumerate() {
        let mut asking = Asking::new(&world, stranger(&world, n), email);
        asking.get("/sign-in").await;
        asking.post("/sign-in", &[("email", email)]).await;
        asking.get("/sign-in/password").await;
        asking.post("/sign-in/password", &[("password", "")]).await;
        asking.post("/sign-in/password", &[("password", &"x".repeat(2_000))]).await;
        for _ in 0..11 {
            asking.post("/sign-in/password", &[("password", "a wrong password")]).await; // In the end, too many.
        }
        // Steps that come after a right password.
        asking.get("/sign-in/code").await;
        asking.post("/sign-in/code", &[("code", "000000")]).await;
        asking.post("/sign-in/code/resend", &[]).await;
        asking.post("/sign-in/other", &[("way", "text")]).await;
        asking.post("/sign-in/recovery-code", &[("recovery_code", "0000-0000-0000-0000")]).await;
        all.push((email, asking.seen));
    }
    assert_same(&all);
    let hashed: usize = all[0].1.iter().map(|(_, (_, did))| did.hashes).sum();
    assert_eq!(hashed, 10, "one for each password that was compared, also with none");
}

#[tokio::test]
async fn a_forgotten_password_tells_nobody_who_has_an_account() {
    let _alone = alone().await;
    let world = people().await;
    let mut all = Vec::new();
    for (n, email) in ALL.into_iter().enumerate() {
        let mut asking = Asking::new(&world, stranger(&world, n), email);
        asking.get("/reset").await;
        for _ in 0..6 {
            asking.post("/reset", &[("email", email)]).await; // In the end, too many.
        }
        asking.get("/reset/new?token=x").await;
        asking.post("/reset/new", &[("token", "x"), ("password", "another password")]).await;
        all.push((email, asking.seen));
    }
    assert_same(&all);
}

#[tokio::test]
async fn a_change_of_contact_tells_nobody_who_has_an_account() {
    let _alone = alone().await;
    let world = people().await;
    let mut all = Vec::new();
    for (n, email) in ALL.into_iter().enumerate() {
        let mut owner = world.with_password(&format!("own{n}@example.org")).await;
        owner.client = format!("203.0.113.{n}");
        let mut asking = Asking::new(&world, owner, email);
        asking.post("/account/email", &[("email", email)]).await;
        asking.get("/account/prove").await;
        for code in ["000000", "000001"] {
            asking.post("/account/prove", &[("code", code)]).await;
        }
        for _ in 0..3 {
            asking.post("/account/prove/resend", &[]).await;
        }
        all.push((email, asking.seen));
    }
    assert_same(&all);
}

#[tokio::test]
async fn a_telephone_number_tells_nobody_whose_it_is() {
    let _alone = alone().await;
    let world = people().await;
    let mut all = Vec::new();
    for (n, number) in ["07700 900 999", NUMBER_OF_BOB].into_iter().enumerate() {
        let mut owner = world.with_password(&format!("own{n}@example.org")).await;
        owner.client = format!("203.0.113.{n}");
        let mut asking = Asking::new(&world, owner, &format!("+447700900{}", &number[10..]));
        asking.post("/account/second-step/phone", &[("phone", number)]).await;
        asking.get("/account/prove").await;
        asking.post("/account/prove", &[("code", "000000")]).await;
        asking.post("/account/prove/resend", &[]).await;
        all.push((number, asking.seen));
    }
    assert_same(&all);
}

/// Whoever knows a password learns by a wrong recovery code not even whether the account has any.
#[tokio::test]
async fn a_wrong_recovery_code_does_not_tell_whether_there_are_any() {
    let _alone = alone().await;
    let world = people().await;
    let mut all = Vec::new();
    for (n, email) in ["rec@example.org", "not@example.org"].into_iter().enumerate() {
        let mut owner = world.with_password(email).await;
        with_phone(&mut owner, &world, &format!("07700 900 20{n}")).await;
        if n == 0 {
            assert_eq!(owner.post("/account/recovery-codes", &[]).await.status, 200);
        }
        let mut browser = stranger(&world, n);
        assert_eq!(browser.sign_in(email, PASSWORD).await.location(), "/sign-in/code");
        let mut asking = Asking::new(&world, browser, email);
        asking.get("/sign-in/other").await;
        for code in ["", "x", "0000-0000-0000-0000", "aaaa-bbbb-cccc-dddd"] {
            asking.post("/sign-in/recovery-code", &[("recovery_code", code)]).await;
        }
        all.push((email, asking.seen));
    }
    assert_same(&all);
}
