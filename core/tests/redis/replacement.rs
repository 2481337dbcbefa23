//! A primary that dies or is demoted, and its replica that takes over.

use crate::server::{Server, eventually};
use crate::tier::{self, Notebook, Told};
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::redis::{DEADLINE, Options};
use aldgate_core::warm::{Unavailable, Warm as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A primary and a replica that is in step with it.
async fn pair() -> (Server, Server) {
    let primary = Server::start(&[]).await;
    let replica = Server::start(&["--replicaof", "127.0.0.1", &primary.port.to_string()]).await;
    eventually("the replica is in step", async || {
        replica.ask::<String>(&["INFO", "replication"]).await.contains("master_link_status:up")
    })
    .await;
    (primary, replica)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_dies_is_replaced_and_calls_go_on() {
    let (mut primary, replica) = pair().await;
    let both = [replica.address(), primary.address()];
    let one = tier::connect(tier::options(&both)).await.expect("connected");
    let other = tier::connect(tier::options(&both)).await.expect("connected");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_demoted_is_left() {
    let (primary, replica) = pair().await;
    let warm = tier::connect(tier::options(&[primary.address(), replica.address()])).await.expect("connected");
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
    let warm = tier::connect(options).await.expect("connected");
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
    let said = tier::connect(tier::options(&[closed.clone()])).await.err().expect("refused").to_string();
    assert!(said.contains(&closed), "{said}");
    let hanging = Server::start(&[]).await;
    hanging.signal("STOP");
    assert!(tier::connect(tier::options(&[hanging.address()])).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(4));
    let (_primary, replica) = pair().await;
    let said = tier::connect(tier::options(&[replica.address()])).await.err().expect("refused").to_string();
    assert!(said.contains("is not a master"), "{said}");
}
