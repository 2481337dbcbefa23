//! The feed of changes: applied before it is acknowledged, and never silently incomplete.

use crate::relay::Relay;
use crate::server::{Server, eventually};
use crate::tier::{self, Gateway, Notebook, Told};
use aldgate_core::id::TokenDigest;
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::Warm as _;
use aldgate_core::warm::change::{Change, Feed, Follower};
use aldgate_core::warm::redis::{Place, RedisWarm};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// The name of the log of changes of lane 0.
const LOG: &str = "aldgate:{04s}f";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_hears_every_kind_of_change() {
    let server = Server::start(&[]).await;
    let (one, other) = (tier::on(&server).await, tier::on(&server).await);
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    let passkey = tier::passkey(1);
    let login = tier::login(&passkey, 1, 7);
    one.publish_credential(&passkey).await.expect("published");
    assert_eq!(one.settle(&login).await, Ok(aldgate_core::warm::Settlement::Settled));
    one.end_session(&passkey.account, &login.opening.session).await.expect("ended");
    one.retire_credential(&passkey.account, &passkey.digest).await.expect("retired");
    eventually("the passkey is retired", async || notebook.has(&Told::retired(passkey.digest))).await;
    let used = aldgate_core::webauthn::credential::CredentialRecord { sign_count: 7, revision: 2, ..passkey.clone() };
    let expected = [
        Told::Change(Change::CredentialChanged(Arc::new(passkey.clone()))),
        Told::Change(Change::CredentialChanged(Arc::new(used))),
        Told::ended(login.opening.session),
        Told::retired(passkey.digest),
    ];
    assert_eq!(notebook.told(), expected);
    let token = TokenDigest::of(b"token");
    one.revoke_token(&token, NOW.plus(Duration::from_mins(1))).await.expect("revoked");
    eventually("the token is revoked", async || notebook.has(&Told::Change(Change::TokenRevoked(token)))).await;
}

/// Looks, while it applies a change, how far the feed says that it has been applied.
struct Onlooker {
    warm: Weak<RedisWarm>,
    seen: OnceLock<Place>,
}

impl Follower for Onlooker {
    fn apply(&self, _: &Change) {
        let warm = self.warm.upgrade().expect("the tier is there");
        let _ = self.seen.set(warm.feed_state().applied[0]);
    }

    fn feed(&self, _: Feed) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_applied_before_it_is_acknowledged() {
    let server = Server::start(&[]).await;
    let (one, other) = (tier::on(&server).await, tier::on(&server).await);
    let before = other.feed_state().applied[0];
    let onlooker = Arc::new(Onlooker { warm: Arc::downgrade(&other), seen: OnceLock::new() });
    other.follow(onlooker.clone());
    let opening = tier::opening(0, 1);
    one.open_session(&opening).await.expect("opened");
    one.end_session(&opening.record.account, &opening.session).await.expect("ended");
    eventually("the change is acknowledged", async || other.feed_state().applied[0] != before).await;
    assert_eq!(onlooker.seen.get(), Some(&before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_is_applied_before_the_feed_is_live_again() {
    let server = Server::start(&[]).await;
    let relay = Relay::to(server.address()).await;
    let one = tier::on(&server).await;
    let other = tier::connected(tier::options(std::slice::from_ref(&relay.address))).await;
    tier::live(&other).await;
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    let openings: Vec<_> = (0..16_u8).map(|lane| tier::opening(lane << 4, u64::from(lane))).collect();
    for opening in &openings {
        one.open_session(opening).await.expect("opened");
    }
    relay.cut();
    eventually("the silence is noticed", async || notebook.is_silent()).await;
    for opening in &openings {
        one.end_session(&opening.record.account, &opening.session).await.expect("ended");
    }
    assert!(notebook.is_silent());
    relay.join();
    tier::live(&other).await;
    let told = notebook.told();
    assert_eq!(told.first(), Some(&Told::Feed(Feed::Silent(NOW))));
    assert_eq!(told.last(), Some(&Told::Feed(Feed::Live)), "and not a gap");
    assert!(openings.iter().all(|opening| told.contains(&Told::ended(opening.session))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_breaks_is_a_silence_for_ever_and_not_a_feed_in_which_nothing_happens() {
    struct Breaking;
    impl Follower for Breaking {
        fn apply(&self, _: &Change) {
            panic!("told to");
        }
        fn feed(&self, _: Feed) {}
    }
    let server = Server::start(&[]).await;
    let (warm, other) = (tier::on(&server).await, tier::on(&server).await);
    let gateway = Gateway::over(warm.clone());
    warm.follow(Arc::new(Breaking));
    let standing = tier::opening(0, 1);
    gateway.admit(&standing);
    other.open_session(&tier::opening(0, 2)).await.expect("opened");
    other.end_session(&tier::opening(0, 2).record.account, &tier::opening(0, 2).session).await.expect("ended");
    eventually("the silence is noticed", async || !warm.feed_state().live).await;
    assert!(gateway.asks_for(&standing.session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_is_a_silence_and_nothing_is_believed_meanwhile() {
    let server = Server::start(&[]).await;
    let gateway = Gateway::over(tier::on(&server).await);
    let opening = tier::opening(0, 1);
    gateway.warm.open_session(&opening).await.expect("opened");
    gateway.admit(&opening);
    eventually("the copy is believed", async || gateway.believes(&opening.session)).await;
    server.signal("STOP");
    eventually("the copy is unconfirmed", async || gateway.asks_for(&opening.session)).await;
    server.signal("CONT");
    eventually("the copy is confirmed", async || gateway.believes(&opening.session)).await;
    assert_eq!(gateway.warm.feed_state().gaps, 0);
    assert_eq!(gateway.warm.end_session(&opening.record.account, &opening.session).await, Ok(true));
    assert!(gateway.refuses(&opening.session));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trimmed_log_is_a_gap() {
    let server = Server::start(&[]).await;
    let relay = Relay::to(server.address()).await;
    let one = tier::on(&server).await;
    let other = tier::connected(tier::options(std::slice::from_ref(&relay.address))).await;
    tier::live(&other).await;
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    relay.cut();
    eventually("the silence is noticed", async || notebook.is_silent()).await;
    for n in 0..3 {
        let opening = tier::opening(0, n);
        one.open_session(&opening).await.expect("opened");
        one.end_session(&opening.record.account, &opening.session).await.expect("ended");
    }
    let _: i64 = server.ask(&["XTRIM", LOG, "MAXLEN", "1"]).await;
    relay.join();
    tier::live(&other).await;
    assert_eq!(notebook.told().last(), Some(&Told::Feed(Feed::Gap)));
    assert_eq!(other.feed_state().gaps, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_server_is_a_gap() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let notebook = Arc::new(Notebook::default());
    warm.follow(notebook.clone());
    let opening = tier::opening(0, 1);
    warm.open_session(&opening).await.expect("opened");
    warm.end_session(&opening.record.account, &opening.session).await.expect("ended");
    eventually("the end was read", async || warm.feed_state().applied[0] != Place::default()).await;
    let () = server.ask(&["FLUSHALL"]).await;
    eventually("the loss is noticed", async || notebook.has(&Told::Feed(Feed::Gap))).await;
    let next = tier::opening(0, 2);
    warm.open_session(&next).await.expect("opened");
    warm.end_session(&next.record.account, &next.session).await.expect("ended");
    eventually("the new log is read", async || warm.feed_state().applied[0] != Place::default()).await;
    assert_eq!(warm.feed_state().gaps, 1, "the new log is followed from its beginning");
}
