//! A primary that dies or is demoted, and its replica that takes over.

use crate::relay::Relay;
use crate::sample::{self, Authority};
use crate::server::{Server, eventually};
use crate::tier::{self, Notebook, Told};
use aldgate_core::id::{SingleUse, TokenDigest};
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::change::Feed;
use aldgate_core::warm::redis::{DEADLINE, Options, Place, RedisWarm};
use aldgate_core::warm::{Consumption, Settlement, Unavailable, Warm as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A primary and a replica that is in step with it, both started from the samples.
async fn pair() -> (Server, Server) {
    let authority = Authority::new();
    let primary = sample::start(&authority, &[]).await;
    sample::load(&primary);
    let replica = sample::start(&authority, &["--replicaof", "127.0.0.1", &primary.port.to_string()]).await;
    in_step(&replica).await;
    (primary, replica)
}

async fn in_step(replica: &Server) {
    eventually("the replica is in step", async || {
        replica.ask::<String>(&["INFO", "replication"]).await.contains("master_link_status:up")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_dies_is_replaced_and_calls_go_on() {
    let (mut primary, replica) = pair().await;
    let one = tier::connected(sample::options(&[&replica, &primary])).await;
    let other = tier::connected(sample::options(&[&replica, &primary])).await;
    tier::live(&other).await;
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    let opening = tier::opening(0, 1);
    one.open_session(&opening).await.expect("opened");
    let _: i64 = primary.ask(&["WAIT", "1", "5000"]).await;
    eventually("the replica has it", async || replica.ask::<i64>(&["DBSIZE"]).await >= 3).await;
    primary.kill();
    eventually("the silence is noticed", async || notebook.is_silent()).await;
    let () = replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    assert_eq!(one.session(&opening.session).await, Ok(Some(opening.record)));
    assert_eq!(one.end_session(&opening.record.account, &opening.session).await, Ok(true));
    eventually("the other process hears it", async || notebook.has(&Told::ended(opening.session))).await;
    tier::live(&other).await;
}

/// Replication is asynchronous: what is claimed in the moment before its primary is lost would be claimed again at its replica.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_used_up_stays_so_when_the_primary_is_lost_and_nothing_counts_that_no_replica_has() {
    let authority = Authority::new();
    let mut primary = sample::start(&authority, &[]).await;
    sample::load(&primary);
    let relay = Relay::to(primary.address()).await;
    let (_, port) = relay.address.rsplit_once(':').expect("an address");
    let replica = sample::start(&authority, &["--replicaof", "127.0.0.1", port]).await;
    in_step(&replica).await;
    let both = Options { deadline: Duration::from_secs(1), ..sample::options(&[&primary, &replica]) };
    let warm = tier::connected(tier::again(&both)).await;
    let until = NOW.plus(Duration::from_mins(5));
    let value = |n: u64| SingleUse::of(&n.to_be_bytes());
    for n in 0..20 {
        assert_eq!(warm.consume(&value(n), until).await, Ok(Consumption::Consumed), "{n}");
    }
    let untold = value(99);
    relay.swallow();
    assert!(warm.consume(&untold, until).await.is_err(), "no replica has it");
    primary.kill();
    let () = replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    let other = tier::connected(both).await;
    for n in 0..20 {
        assert_eq!(other.consume(&value(n), until).await, Ok(Consumption::AlreadyUsed), "{n}");
    }
    assert_eq!(other.consume(&untold, until).await, Ok(Consumption::Consumed), "once in all");
    eventually("the first process is there too", async || {
        warm.consume(&untold, until).await == Ok(Consumption::AlreadyUsed)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_gone_is_not_waited_for() {
    let (primary, mut replica) = pair().await;
    let warm = tier::connected(sample::options(&[&primary, &replica])).await;
    let mut n = 0_u64;
    let mut claims = async || {
        n += 1;
        warm.consume(&SingleUse::of(&n.to_be_bytes()), NOW.plus(Duration::from_mins(5))).await
    };
    assert_eq!(claims().await, Ok(Consumption::Consumed));
    replica.kill();
    eventually("claims go on", async || claims().await == Ok(Consumption::Consumed)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_demoted_is_left() {
    let (primary, replica) = pair().await;
    let warm = tier::connected(sample::options(&[&primary, &replica])).await;
    let () = replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    let () = primary.ask(&["REPLICAOF", "127.0.0.1", &replica.port.to_string()]).await;
    let opening = tier::opening(0, 1);
    warm.open_session(&opening).await.expect("opened at the new primary");
    assert_eq!(warm.session(&opening.session).await, Ok(Some(opening.record)));
    assert!(replica.ask::<String>(&["INFO", "commandstats"]).await.contains("cmdstat_fcall:"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_a_server_that_hangs_fails_at_its_deadline() {
    let server = Server::start(&[]).await;
    let options = Options { deadline: DEADLINE, ..tier::options(&[server.address()]) };
    let warm = tier::connected(options).await;
    server.signal("STOP");
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = warm.session(&tier::opening(0, 1).session).await;
        assert!(matches!(answer, Err(Unavailable(_))));
        assert!(begun.elapsed() < 2 * DEADLINE, "{:?}", begun.elapsed());
    }
    server.signal("CONT");
    let value = aldgate_core::id::SingleUse::of(b"value");
    eventually("calls are answered again", async || warm.consume(&value, NOW).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_a_primary_fails_within_two_seconds_and_says_why() {
    let closed = format!("127.0.0.1:{}", crate::server::free_port());
    let begun = Instant::now();
    let said = tier::connect(tier::options(std::slice::from_ref(&closed))).await.err().expect("refused").to_string();
    assert!(said.contains(&closed), "{said}");
    let hanging = Server::start(&[]).await;
    hanging.signal("STOP");
    assert!(tier::connect(tier::options(&[hanging.address()])).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(4));
    let (_primary, replica) = pair().await;
    let said = tier::connect(sample::options(&[&replica])).await.err().expect("refused").to_string();
    assert!(said.contains("is not a master"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_everything_costs_a_deadline_and_is_left_when_it_is_whole() {
    let server = Server::start(&[]).await;
    let relay = Relay::to(server.address()).await;
    let options = Options { deadline: DEADLINE, ..tier::options(std::slice::from_ref(&relay.address)) };
    let warm = tier::connected(options).await;
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    relay.swallow();
    for n in 0..3 {
        let begun = Instant::now();
        assert!(matches!(warm.settle(&tier::login(&passkey, n, 0)).await, Err(Unavailable(_))));
        assert!(begun.elapsed() < 2 * DEADLINE, "{:?}", begun.elapsed());
    }
    relay.join();
    let login = tier::login(&passkey, 9, 1);
    eventually("log-ins go on", async || warm.settle(&login).await == Ok(Settlement::Settled)).await;
    tier::live(&warm).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_that_had_not_heard_the_last_changes_is_a_gap() {
    let (mut primary, replica) = pair().await;
    let both = || sample::options(&[&primary, &replica]);
    let (one, other) = (connect(both()).await, connect(both()).await);
    let notebook = Arc::new(Notebook::default());
    other.follow(notebook.clone());
    let end = async |n| {
        let opening = tier::opening(0, n);
        one.open_session(&opening).await.expect("opened");
        assert_eq!(one.end_session(&opening.record.account, &opening.session).await, Ok(true));
        eventually("the other process hears it", async || notebook.has(&Told::ended(opening.session))).await;
    };
    end(1).await;
    let _: i64 = primary.ask(&["WAIT", "1", "5000"]).await;
    let () = replica.ask(&["REPLICAOF", "NO", "ONE"]).await;
    end(2).await;
    assert_eq!(other.feed_state().gaps, 0);
    primary.kill();
    eventually("the loss is noticed", async || other.feed_state().gaps == 1).await;
    tier::live(&other).await;
    assert!(notebook.has(&Told::Feed(Feed::Gap)), "copies are confirmed with what is left");
    end(3).await;
}

async fn connect(options: Options) -> Arc<RedisWarm> {
    let warm = tier::connected(options).await;
    tier::live(&warm).await;
    warm
}

/// A revocation must be possible when nothing else is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_full_memory_nothing_opens_and_everything_can_be_ended() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]).await;
    let warm = tier::on(&server).await;
    let (passkey, standing) = (tier::passkey(1), tier::opening(0, 1));
    warm.publish_credential(&passkey).await.expect("published");
    warm.open_session(&standing).await.expect("opened");
    let login = tier::login(&passkey, 1, 1);
    assert_eq!(warm.settle(&login).await, Ok(Settlement::Settled));
    let () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let until = NOW.plus(Duration::from_mins(1));
    let token = TokenDigest::of(b"token");
    assert!(warm.open_session(&tier::opening(0, 2)).await.is_err());
    assert!(warm.settle(&tier::login(&passkey, 2, 2)).await.is_err());
    assert!(warm.consume(&SingleUse::of(b"value"), until).await.is_err());
    assert_eq!(warm.end_session(&standing.record.account, &standing.session).await, Ok(true));
    assert_eq!(warm.end_sessions(&passkey.account, None).await, Ok(1));
    assert_eq!(warm.retire_credential(&passkey.account, &passkey.digest).await, Ok(()));
    assert_eq!(warm.revoke_token(&token, until).await, Ok(()));
    assert_eq!(warm.session(&login.opening.session).await, Ok(None));
    assert_eq!(warm.credential(&passkey.digest).await, Ok(None));
    assert_eq!(warm.token_revoked(&token).await, Ok(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_server_in_place_of_a_dead_one_is_given_the_functions_and_is_a_gap() {
    let mut dead = Server::start(&[]).await;
    let warm = tier::on(&dead).await;
    let notebook = Arc::new(Notebook::default());
    warm.follow(notebook.clone());
    let (ended, lost) = (tier::opening(0, 1), tier::opening(0, 2));
    warm.open_session(&ended).await.expect("opened");
    warm.open_session(&lost).await.expect("opened");
    assert_eq!(warm.end_session(&ended.record.account, &ended.session).await, Ok(true));
    eventually("the feed has it", async || warm.feed_state().applied[0] != Place::default()).await;
    dead.kill();
    eventually("the silence is noticed", async || notebook.is_silent()).await;
    let empty = Server::spawn(dead.port, crate::server::home(), &[]);
    empty.answers().await;
    eventually("the tier is back", async || warm.session(&lost.session).await == Ok(None)).await;
    tier::live(&warm).await;
    assert!(notebook.has(&Told::Feed(Feed::Gap)), "so no copy of the lost session is believed");
    let passkey = tier::passkey(1);
    warm.publish_credential(&passkey).await.expect("published");
    assert_eq!(warm.settle(&tier::login(&passkey, 1, 1)).await, Ok(Settlement::Settled));
}
