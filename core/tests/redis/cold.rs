//! What warm has lost of passkeys it gets from the cold tier, and what the cold tier must note it gets from warm.

use crate::server::{Server, eventually};
use crate::tier;
use aldgate_core::cold::Cold;
use aldgate_core::id::CredentialDigest;
use aldgate_core::testing::ManualClock;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::warm::login_event::LoginEvents as _;
use aldgate_core::warm::redis::RedisWarm;
use aldgate_core::warm::{Settlement, Unavailable, Warm as _};
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A backend that knows these passkeys.
struct Backend {
    passkeys: Vec<CredentialRecord>,
    asked: AtomicUsize,
}

#[async_trait]
impl Cold for Backend {
    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.passkeys.iter().find(|record| record.digest == *credential).cloned())
    }
}

async fn with_backend(server: &Server, passkeys: Vec<CredentialRecord>) -> (RedisWarm, Arc<Backend>) {
    let backend = Arc::new(Backend { passkeys, asked: AtomicUsize::new(0) });
    let clock = Arc::new(ManualClock::at(NOW));
    let options = tier::options(&[server.address()]);
    let warm = RedisWarm::connect(options, &world::master_key(), clock, Some(backend.clone())).await;
    (warm.expect("connected"), backend)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_is_missing_is_asked_for_once() {
    let server = Server::start(&[]).await;
    let passkey = tier::passkey(1);
    let (warm, backend) = with_backend(&server, vec![passkey.clone()]).await;
    for _ in 0..3 {
        assert_eq!(warm.credential(&passkey.digest).await, Ok(Some(passkey.clone())));
    }
    assert_eq!(backend.asked.load(Ordering::SeqCst), 1);
    assert_eq!(warm.credential(&tier::passkey(2).digest).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_goes_on_after_redis_was_emptied() {
    let server = Server::start(&[]).await;
    let passkey = tier::passkey(1);
    let (warm, _) = with_backend(&server, vec![passkey.clone()]).await;
    assert_eq!(warm.settle(&tier::login(&passkey, 1, 1)).await, Ok(Settlement::Settled));
    let () = server.ask(&["FLUSHALL"]).await;
    let login = tier::login(&passkey, 2, 2);
    assert_eq!(warm.settle(&login).await, Ok(Settlement::Settled));
    assert_eq!(warm.session(&login.opening.session).await, Ok(Some(login.opening.record)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retired_passkey_is_not_brought_back_by_a_late_answer() {
    let server = Server::start(&[]).await;
    let passkey = tier::passkey(1);
    // A backend that still gives what was removed, as an answer does that was on its way.
    let (warm, backend) = with_backend(&server, vec![passkey.clone()]).await;
    warm.publish_credential(&passkey).await.expect("published");
    warm.retire_credential(&passkey.account, &passkey.digest).await.expect("retired");
    assert_eq!(warm.credential(&passkey.digest).await, Ok(None));
    assert_eq!(warm.settle(&tier::login(&passkey, 1, 1)).await, Ok(Settlement::CredentialGone));
    assert_eq!(backend.asked.load(Ordering::SeqCst), 0);
    let _: i64 = server.ask(&["DEL", &format!("aldgate:c{}", passkey.digest)]).await;
    assert_eq!(warm.credential(&passkey.digest).await, Ok(None), "its cell knows it too");
}

/// A backend whose answer is overtaken by the removal of the passkey that it is about.
struct Overtaken {
    passkey: CredentialRecord,
    remover: Arc<RedisWarm>,
}

#[async_trait]
impl Cold for Overtaken {
    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        self.remover.retire_credential(&self.passkey.account, credential).await?;
        Ok(Some(self.passkey.clone()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_that_is_removed_while_it_is_restored_stays_removed() {
    let server = Server::start(&[]).await;
    let passkey = tier::passkey(1);
    let cold = Arc::new(Overtaken { passkey: passkey.clone(), remover: tier::on(&server).await });
    let clock = Arc::new(ManualClock::at(NOW));
    let options = tier::options(&[server.address()]);
    let warm = RedisWarm::connect(options, &world::master_key(), clock, Some(cold)).await.expect("connected");
    assert_eq!(warm.credential(&passkey.digest).await, Ok(None));
    assert_eq!(warm.credential(&passkey.digest).await, Ok(None));
    let login = tier::login(&passkey, 1, 1);
    assert_eq!(warm.settle(&login).await, Ok(Settlement::CredentialGone), "even with a copy from before");
    assert_eq!(warm.session(&login.opening.session).await, Ok(None));
}

/// A record lives from when it was last published, a cell from when it was last used.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_passkey_whose_record_has_run_out_is_retired_all_the_same() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    let _: i64 = server.ask(&["DEL", &format!("aldgate:c{}", passkey.digest)]).await;
    warm.retire_credential(&passkey.account, &passkey.digest).await.expect("retired");
    let under_way = tier::login(&passkey, 1, 1);
    assert_eq!(warm.settle(&under_way).await, Ok(Settlement::CredentialGone));
    assert_eq!(warm.session(&under_way.opening.session).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cold_tiers_older_record_does_not_turn_a_counter_back() {
    let server = Server::start(&[]).await;
    let passkey = tier::passkey(1);
    let (warm, _) = with_backend(&server, vec![passkey.clone()]).await;
    warm.publish_credential(&passkey).await.expect("published");
    assert_eq!(warm.settle(&tier::login(&passkey, 1, 9)).await, Ok(Settlement::Settled));
    let _: i64 = server.ask(&["DEL", &format!("aldgate:c{}", passkey.digest)]).await;
    let restored = warm.credential(&passkey.digest).await.expect("warm answers").expect("restored");
    assert_eq!((restored.sign_count, restored.revision), (9, 2));
    warm.publish_credential(&passkey).await.expect("published");
    assert_eq!(warm.settle(&tier::login(&passkey, 2, 9)).await, Ok(Settlement::CounterRegressed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_in_that_is_refused_leaves_no_event_and_one_that_is_repeated_leaves_one() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    let login = tier::login(&passkey, 1, 1);
    for _ in 0..3 {
        assert_eq!(warm.settle(&login).await, Ok(Settlement::Settled), "as after an answer that was lost");
    }
    assert_eq!(warm.settle(&tier::login(&passkey, 2, 1)).await, Ok(Settlement::CounterRegressed));
    for _ in 0..3 {
        warm.open_session(&login.opening).await.expect("opened");
    }
    let events = warm.login_events(passkey.account.lane(), 0, 10).await.expect("read");
    assert_eq!(events.iter().map(|(_, event)| event.session).collect::<Vec<_>>(), [login.opening.session]);
}

/// The answer to an opening may be lost, and the call be made again after somebody has ended the session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_that_is_repeated_revives_nothing() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let opening = tier::opening(0, 1);
    warm.open_session(&opening).await.expect("opened");
    warm.touch(&[(opening.session, NOW.plus(std::time::Duration::from_secs(90)))]).await.expect("touched");
    warm.open_session(&opening).await.expect("as after an answer that was lost");
    let seen = warm.session(&opening.session).await.expect("warm answers").expect("it stands").seen;
    assert_eq!(seen, NOW.plus(std::time::Duration::from_secs(90)), "nothing was written anew");
    assert_eq!(warm.end_session(&opening.record.account, &opening.session).await, Ok(true));
    warm.open_session(&opening).await.expect("as after an answer that was lost");
    assert_eq!(warm.session(&opening.session).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_rise_past_the_loss_of_the_whole_data_set() {
    let server = Server::start(&[]).await;
    let warm = tier::on(&server).await;
    let openings: Vec<_> = (0..3).map(|n| tier::opening(0, n)).collect();
    warm.open_session(&openings[0]).await.expect("opened");
    warm.open_session(&openings[1]).await.expect("opened");
    let lane = openings[0].session.lane();
    let settled = warm.login_events(lane, 0, 10).await.expect("read")[1].0;
    let () = server.ask(&["FLUSHALL"]).await;
    // Numbers are made of milliseconds, and no server comes back within the one in which it was lost.
    let millis = async || {
        let (secs, micros): (u64, u64) = server.ask(&["TIME"]).await;
        secs * 1_000 + micros / 1_000
    };
    let lost = millis().await;
    eventually("a millisecond has passed", async || millis().await > lost).await;
    warm.open_session(&openings[2]).await.expect("opened");
    let events = warm.login_events(lane, settled, 10).await.expect("read");
    assert_eq!(events.iter().map(|(_, event)| event.session).collect::<Vec<_>>(), [openings[2].session]);
}
