//! The backend is down, or its database: session checks and passkey log-ins go on, and what needs it is refused cleanly.

use crate::people::{CLEAN, Checks, eventually, is_clean, nobody_else_is_let_in, page, sign_out};
use crate::support::deployment::{Deployment, Tier};
use crate::support::http::Client;
use crate::support::person::{log_in, register};
use crate::support::postgres::OnPostgres;
use aldgate_core::testing::authenticator::Authenticator;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// For how long a backend is gone while people go on: the issue's own figure.
const GONE: Duration = Duration::from_mins(1);

/// Somebody who is signed in, their passkey, and a session that has ended.
async fn somebody<T: Tier>(deployment: &Deployment<T>) -> (Client, Authenticator, Client) {
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    let mut other = deployment.gateways[0].client();
    assert!(log_in(&mut other, &authenticator).await);
    let ended = sign_out(&other).await;
    assert_eq!(client.get("/session").await.status, 200);
    (client, authenticator, ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_backend_dead_for_a_minute_no_session_check_and_no_passkey_log_in_fails() {
    let mut deployment = Deployment::start(1, "").await;
    let (mut client, authenticator, ended) = somebody(&deployment).await;
    let checks = Checks::of(&client);
    deployment.backend.signal("KILL");
    deployment.backend.ended().await;
    let begun = Instant::now();
    let mut log_ins = 0;
    while begun.elapsed() < GONE {
        let mut fresh = deployment.gateways[0].client();
        assert!(log_in(&mut fresh, &authenticator).await, "after {log_ins} log-ins");
        assert_eq!(fresh.get("/session").await.status, 200);
        is_clean(&page(&mut client, "/register").await);
        nobody_else_is_let_in(&deployment.gateways[0], &ended).await;
        log_ins += 1;
        sleep(Duration::from_millis(250)).await;
    }
    let answered = checks.none_failed();
    println!("{answered} session checks and {log_ins} log-ins in {GONE:?} without a backend; none failed");
    assert!(answered > 1_000, "people went on: {answered}");
    deployment.restart_backend().await;
    eventually("its pages are back", async || page(&mut client, "/account").await.0.status == 200).await;
    checks.none_failed();
}

/// People sign in with a passkey, and nobody else is let in.
async fn the_edge_needs_redis_alone<T: Tier>(
    deployment: &Deployment<T>,
    authenticator: &Authenticator,
    ended: &Client,
) {
    for _ in 0..10 {
        let mut fresh = deployment.gateways[0].client();
        assert!(log_in(&mut fresh, authenticator).await, "the edge needs Redis alone");
        assert_eq!(fresh.get("/session").await.status, 200);
        nobody_else_is_let_in(&deployment.gateways[0], ended).await;
    }
}

/// The harder one: it takes connections and says nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_backend_hanging_pages_are_refused_within_a_second_and_people_go_on() {
    let deployment = Deployment::start(1, "").await;
    let (mut client, authenticator, ended) = somebody(&deployment).await;
    let checks = Checks::of(&client);
    deployment.backend.signal("STOP");
    // The first is sent to it before anybody knows, and is cut; the rest are refused at the gate.
    for path in ["/register", "/account", "/sign-in"] {
        is_clean(&page(&mut client, path).await);
    }
    let again = page(&mut client, "/register").await;
    is_clean(&again);
    println!("refused after {:?} once it is known", again.1);
    the_edge_needs_redis_alone(&deployment, &authenticator, &ended).await;
    checks.none_failed();
    deployment.backend.signal("CONT");
    eventually("its pages are back", async || page(&mut client, "/account").await.0.status == 200).await;
    assert!(checks.none_failed() > 0);
}

/// The backend lives, and has nothing to answer from.
async fn with_the_database_silent(silence: &str) {
    let mut deployment = Deployment::start_on(OnPostgres::start().await, 1, "", "").await;
    let (mut client, authenticator, ended) = somebody(&deployment).await;
    let checks = Checks::of(&client);
    deployment.redis.signal_database(silence);
    // The first comes to it before anybody knows.
    let first = page(&mut client, "/account").await;
    assert_eq!(first.0.status, 503, "{first:?}");
    assert!(!first.0.header("retry-after").is_empty() && first.1 < CLEAN, "{first:?}");
    let ready = async || deployment.gateways[0].private_client().get("/readyz").await;
    eventually("it is known", async || ready().await.body.contains("the backend does not answer")).await;
    assert_eq!(ready().await.status, 200, "it serves what it can");
    for path in ["/register", "/account", "/sign-in"] {
        is_clean(&page(&mut client, path).await);
    }
    the_edge_needs_redis_alone(&deployment, &authenticator, &ended).await;
    checks.none_failed();
    if silence == "KILL" {
        tokio::task::block_in_place(|| deployment.redis.revive_database());
    } else {
        deployment.redis.signal_database("CONT");
    }
    eventually("its pages are back", async || page(&mut client, "/account").await.0.status == 200).await;
    let counter = authenticator.sign_count.load(Ordering::SeqCst).to_string();
    let OnPostgres { postgres, url, .. } = &deployment.redis;
    let settled = async || postgres.run(url, "SELECT max(sign_count) FROM credential") == counter;
    eventually("what was settled meanwhile is written down", settled).await;
    assert!(checks.none_failed() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_database_hanging_pages_are_refused_within_a_second_and_people_go_on() {
    with_the_database_silent("STOP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_database_dead_pages_are_refused_within_a_second_and_people_go_on() {
    with_the_database_silent("KILL").await;
}
