//! Several gateways over one Redis, and one backend, each a process of its own, set up as an operator does it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_backend::store::Store;
use aldgate_core::secret::MasterKey;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::authenticator::Authenticator;
use hyper::Method;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use support::deployment::Deployment;
use support::instance::command_of;
use support::person::{log_in, register};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// How long something may take that takes a moment; a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(20);

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let until = async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, until).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

#[tokio::test]
async fn a_session_of_one_gateway_is_known_at_all_of_them_and_ends_at_all_of_them() {
    let deployment = Deployment::start(3, "").await;
    let mut first = deployment.gateways[0].client();
    register(&deployment.backend, &mut first, "ann@example.org", 1).await;
    let account = first.get("/session").await.json()["account"].clone();
    let mut others: Vec<_> = deployment.gateways[1..].iter().map(|gateway| gateway.client()).collect();
    for other in &mut others {
        other.cookies = first.cookies.clone();
        let known = other.get("/session").await;
        assert_eq!((known.status.as_u16(), &known.json()["account"]), (200, &account), "{known:?}");
    }
    let origin = others[0].origin();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    let cookies = others[0].cookies.clone();
    let out = others[0].send(Method::POST, "/sign-out", &form, "").await;
    assert_eq!(out.status, 303, "{out:?}");
    for mut client in [first, others.remove(1), others.remove(0)] {
        client.cookies = cookies.clone();
        eventually("the session ends here too", async || client.get("/session").await.status == 401).await;
    }
}

/// What `aldgate up` shows in a terminal to whoever tries it out would be in a journal here, for all to read.
#[tokio::test]
async fn a_code_is_in_the_outbox_and_not_in_what_the_backend_says() {
    let mut deployment = Deployment::start(1, "").await;
    let mut client = deployment.gateways[0].client();
    register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    assert!(deployment.backend.message_to("ann@example.org").is_some());
    deployment.backend.signal("TERM");
    assert!(deployment.backend.ended().await.success());
    eventually("it says its last word", async || deployment.backend.said("Aldgate has stopped")).await;
    assert!(!deployment.backend.said("ann@example.org") && !deployment.backend.said("Message to"));
}

#[tokio::test]
async fn people_sign_in_while_the_backend_is_gone_and_it_learns_of_it_later() {
    let mut deployment = Deployment::start(2, "").await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    authenticator.sign_count.store(41, Ordering::SeqCst);
    deployment.backend.signal("KILL");
    deployment.backend.ended().await;
    let mut elsewhere = deployment.gateways[1].client();
    assert!(log_in(&mut elsewhere, &authenticator).await, "the edge needs Redis alone");
    assert_eq!(elsewhere.get("/session").await.status, 200);
    let page = elsewhere.get("/register").await;
    assert!(page.status.is_server_error(), "{page:?}");

    deployment.restart_backend().await;
    eventually("the backend serves again", async || elsewhere.get("/account").await.status == 200).await;
    eventually("the log-in is settled", async || settled_counter(&deployment, &authenticator).await == 42).await;
}

/// A passkey's counter as the backend has it, read beside it from its database.
async fn settled_counter(deployment: &Deployment, authenticator: &Authenticator) -> u32 {
    let data = deployment.dir.path().join("data");
    let master = std::fs::read(data.join("keys/master.key")).expect("a key");
    let master = MasterKey::new(master.try_into().expect("32 bytes"));
    let store = Store::open(&data.join("aldgate.db"), &master, Arc::new(SeededEntropy::new(1))).await;
    let store = store.expect("a store");
    let record = store.credential(&authenticator.record().digest).await.expect("read").expect("a passkey");
    store.close().await;
    record.sign_count
}

#[tokio::test]
async fn a_passkey_that_redis_has_lost_is_found_in_the_backend() {
    let deployment = Deployment::start(1, "").await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    for _ in 0..3 {
        assert!(log_in(&mut client, &authenticator).await);
    }
    let counter = async || settled_counter(&deployment, &authenticator).await;
    eventually("the log-ins are settled", async || counter().await == 3).await;
    assert_eq!(deployment.redis.admin(&["FLUSHALL"]), "OK");
    eventually("the session is lost with Redis", async || client.get("/session").await.status == 401).await;
    let mut fresh = deployment.gateways[0].client();
    assert!(log_in(&mut fresh, &authenticator).await, "the passkey is the backend's");
    assert_eq!(fresh.get("/session").await.status, 200);
    eventually("log-ins are settled as before", async || counter().await == 4).await;
}

#[tokio::test]
async fn nothing_is_let_in_while_redis_is_silent_and_everything_goes_on_after_it() {
    let deployment = Deployment::start(1, "").await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    assert_eq!(client.get("/session").await.status, 200);
    deployment.redis.signal("STOP");
    let mut fresh = deployment.gateways[0].client();
    assert!(!log_in(&mut fresh, &authenticator).await, "no session without the tier");
    assert_eq!(client.get("/session").await.status, 200, "what is hot passes for warm_grace");
    deployment.redis.signal("CONT");
    eventually("log-ins go on", async || log_in(&mut fresh, &authenticator).await).await;
}

fn failing(name: &str, text: &str, dir: &Path) -> (Output, String) {
    let path = dir.join("aldgate.toml");
    std::fs::write(&path, text).expect("a file");
    let output = command_of(name, &path).output().expect("the binary");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, error)
}

#[test]
fn what_a_gateway_or_a_backend_lacks_is_one_clear_line() {
    let dir = TempDir::new().expect("a directory");
    let data = format!("[data]\ndir = {:?}\n", dir.path().join("data"));
    let redis = "[warm]\nkind = \"redis\"\naddresses = [\"127.0.0.1:1\"]\n";
    let ports = "[edge]\nhttp = \"127.0.0.1:0\"\nhttps = \"\"\nprivate = \"127.0.0.2:0\"\nauthz_grpc = \"\"\n";
    for (name, text, said) in [
        ("gateway", String::new(), "set warm.kind to \"redis\""),
        ("backend", String::new(), "set warm.kind to \"redis\""),
        ("gateway", format!("{redis}{ports}"), "master.key is missing: a gateway has the keys of its backend"),
        ("gateway", format!("{redis}{ports}[demo]\nenabled = true\n"), "set demo.enabled = false"),
        ("backend", redis.to_owned(), "cannot use Redis (warm.addresses): "),
    ] {
        let (output, error) = failing(name, &format!("{data}{text}"), dir.path());
        assert_eq!(output.status.code(), Some(1), "{name}: {error}");
        assert!(error.contains(said), "{name}: {said:?} in {error}");
        assert_eq!(error.lines().count(), 1, "{name}: {error}");
    }
}
