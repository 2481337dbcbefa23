//! The backend is down: session checks and passkey log-ins go on, and what needs it is refused cleanly.

use crate::people::{Checks, eventually, is_clean, nobody_else_is_let_in, page, sign_out};
use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::person::{log_in, register};
use aldgate_core::testing::authenticator::Authenticator;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// For how long a backend is gone while people go on: the issue's own figure.
const GONE: Duration = Duration::from_mins(1);

/// Somebody who is signed in, their passkey, and a session that has ended.
async fn somebody(deployment: &Deployment) -> (Client, Authenticator, Client) {
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
    for _ in 0..10 {
        let mut fresh = deployment.gateways[0].client();
        assert!(log_in(&mut fresh, &authenticator).await, "the edge needs Redis alone");
        assert_eq!(fresh.get("/session").await.status, 200);
        nobody_else_is_let_in(&deployment.gateways[0], &ended).await;
    }
    checks.none_failed();
    deployment.backend.signal("CONT");
    eventually("its pages are back", async || page(&mut client, "/account").await.0.status == 200).await;
    assert!(checks.none_failed() > 0);
}
