//! Take-overs that come to nothing: the new process says why in one line and ends, and the old one goes on as if it had
//! never been asked.

use crate::drain::{ready, somebody};
use crate::load::{Load, Way};
use crate::people::eventually;
use crate::support::deployment::Deployment;
use crate::support::instance::{Instance, command_of};
use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The configuration of the only gateway, with another address in the place of one.
fn moved(deployment: &Deployment, from: u16, to: u16) -> PathBuf {
    let text = std::fs::read_to_string(deployment.gateway_file(0)).expect("a file");
    let (key, moved) = (format!("\"127.0.0.1:{from}\""), format!("\"127.0.0.1:{to}\""));
    assert_eq!(text.matches(&key).count(), 1, "{text}");
    let path = deployment.dir.path().join("moved.toml");
    std::fs::write(&path, text.replace(&key, &moved)).expect("a file");
    path
}

/// What a take-over on this configuration says, which must end with status 1.
async fn refused(config: PathBuf) -> String {
    let run = tokio::task::spawn_blocking(move || command_of("gateway", &config).arg("--take-over").output());
    let output = run.await.expect("a thread").expect("the binary");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!said.contains("Aldgate is ready"), "{said}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    errors
}

fn in_use(port: u16, key: &str) -> String {
    format!("127.0.0.1:{port} is in use by another program: end that one, or set {key} to another address")
}

async fn is_as_before(deployment: &mut Deployment) {
    let gateway = &mut deployment.gateways[0];
    assert!(gateway.child.try_wait().expect("a child").is_none(), "{}", gateway.errors());
    assert_eq!(gateway.private_client().get("/readyz").await.status, 200, "it does not drain");
    let id = deployment.gateways[0].child.id().to_string();
    let file = deployment.gateway_data(0).join("run/gateway.pid");
    let named = async || std::fs::read_to_string(&file).is_ok_and(|text| text.trim() == id);
    eventually("its number is in the file", named).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_take_over_that_cannot_have_an_address_harms_nobody() {
    let mut deployment = Deployment::start(1, "").await;
    let client = somebody(&deployment).await;
    let load = Load::on(&client, &ready(Way::Http.to(&deployment.gateways[0])), &Way::Http);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let ports = deployment.gateways[0].ports;
    let keys = [
        ("edge.http", ports.http),
        ("edge.https", ports.https),
        ("edge.private", ports.private),
        ("edge.authz_grpc", ports.authz_grpc),
    ];
    for (key, from) in keys {
        let said = refused(moved(&deployment, from, port)).await;
        assert!(said.contains(&in_use(port, key)), "{key}: {said}");
        is_as_before(&mut deployment).await;
    }
    assert!(load.none_failed().await > 100);
    let after = deployment.take_over(0).await;
    let mut before = std::mem::replace(&mut deployment.gateways[0], after);
    assert!(before.ended().await.success(), "the next one is let in: {}", before.errors());
    is_as_before(&mut deployment).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_take_over_may_bring_a_new_address_with_it() {
    let mut deployment = Deployment::start(1, "").await;
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = free.local_addr().expect("an address").port();
    drop(free);
    let mut ports = deployment.gateways[0].ports;
    let mut command = command_of("gateway", &moved(&deployment, ports.http, to));
    command.arg("--take-over");
    ports.http = to;
    let after = Instance::run(deployment.dir.clone(), ports, command, "Aldgate is ready").await;
    let mut before = std::mem::replace(&mut deployment.gateways[0], after);
    assert!(before.ended().await.success(), "{}", before.errors());
    assert_eq!(deployment.gateways[0].client().get("/session").await.status, 401);
    assert!(std::net::TcpStream::connect(("127.0.0.1", before.ports.http)).is_err(), "nobody listens there any more");
}

/// It was free when the process began, and taken while that waited for Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_whose_address_is_taken_while_it_starts_ends_and_does_not_live_on_without_it() {
    let mut deployment = Deployment::start(1, "").await;
    let port = deployment.gateways[0].ports.http;
    deployment.gateways[0].signal("TERM");
    deployment.gateways[0].ended().await;
    deployment.redis.signal("STOP");
    let file = deployment.gateway_file(0);
    let run = tokio::task::spawn_blocking(move || command_of("gateway", &file).output());
    sleep(Duration::from_secs(2)).await;
    let _taken = TcpListener::bind(("127.0.0.1", port)).expect("free");
    deployment.redis.signal("CONT");
    let output = timeout(Duration::from_secs(30), run).await.expect("it ends").expect("a thread").expect("the binary");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains(&in_use(port, "edge.http")), "{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_takes_over_at_a_time() {
    let mut deployment = Deployment::start(1, "").await;
    let next = File::create(deployment.gateway_data(0).join("run/gateway.next")).expect("a file");
    next.lock().expect("locked, as by one that is taking over");
    let said = refused(deployment.gateway_file(0)).await;
    assert!(said.contains("another process is taking over already"), "{said}");
    is_as_before(&mut deployment).await;
    drop(next);
    for _ in 0..2 {
        let after = deployment.take_over(0).await;
        let mut before = std::mem::replace(&mut deployment.gateways[0], after);
        assert!(before.ended().await.success(), "{}", before.errors());
    }
}
