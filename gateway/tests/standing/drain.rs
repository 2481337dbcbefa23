//! A gateway ends while people go on, or another takes its place: nobody's request fails.

use crate::load::{Load, Ready, Way};
use crate::people::eventually;
use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::person::register;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

pub(crate) async fn somebody(deployment: &Deployment) -> Client {
    let mut client = deployment.gateways[0].client();
    register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    assert_eq!(client.get("/session").await.status, 200);
    client
}

pub(crate) fn ready(at: std::net::SocketAddr) -> Ready {
    Arc::new(Mutex::new(at))
}

async fn three_take_over_under_load(which: impl FnOnce(&Deployment) -> Way) {
    let mut deployment = Deployment::start(1, "").await;
    let client = somebody(&deployment).await;
    let way = which(&deployment);
    let load = Load::on(&client, &ready(way.to(&deployment.gateways[0])), &way);
    sleep(Duration::from_millis(500)).await;
    for _ in 0..3 {
        let after = deployment.take_over(0).await;
        let mut before = std::mem::replace(&mut deployment.gateways[0], after);
        assert!(before.ended().await.success(), "{}", before.errors());
        let mode = std::fs::metadata(deployment.gateway_data(0).join("run/gateway.sock")).expect("a socket");
        assert_eq!(mode.permissions().mode() & 0o077, 0, "who is let in there gets our sockets");
        sleep(Duration::from_millis(500)).await;
    }
    let answered = load.none_failed().await;
    println!("{answered} requests over three hand-overs; none failed");
    assert!(answered > 1_000, "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_in_a_row_take_over_under_load_and_no_request_fails() {
    three_take_over_under_load(|_| Way::Http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_in_a_row_take_over_under_load_over_tls_and_no_request_fails() {
    three_take_over_under_load(Way::https).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_in_a_row_take_over_under_load_over_http2_and_no_request_fails() {
    three_take_over_under_load(Way::http2).await;
}

/// One that dies before it says that it serves has taken nothing away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_while_it_takes_over_harms_nobody() {
    let mut deployment = Deployment::start(1, "").await;
    let client = somebody(&deployment).await;
    let socket = deployment.gateway_data(0).join("run/gateway.sock");
    let asker = std::os::unix::net::UnixStream::connect(&socket).expect("connected");
    drop(asker);
    let load = Load::on(&client, &ready(Way::Http.to(&deployment.gateways[0])), &Way::Http);
    eventually("it says so", async || deployment.gateways[0].errors().contains("nobody has taken over")).await;
    assert!(load.none_failed().await > 0);
    let after = deployment.take_over(0).await;
    let mut before = std::mem::replace(&mut deployment.gateways[0], after);
    assert!(before.ended().await.success(), "the next one is let in");
}

/// A balancer that follows `/readyz` finds the other one in time.
async fn sigterm_under_load(which: impl FnOnce(&Deployment) -> Way) {
    let mut deployment = Deployment::start_ending(2, "1s", "2s").await;
    let client = somebody(&deployment).await;
    let way = which(&deployment);
    let at = ready(way.to(&deployment.gateways[0]));
    let load = Load::on(&client, &at, &way);
    sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    deployment.gateways[0].signal("TERM");
    let mut asked = deployment.gateways[0].private_client();
    eventually("it is announced", async || asked.get("/readyz").await.status == 503).await;
    *at.lock().expect("a lock") = way.to(&deployment.gateways[1]);
    assert!(deployment.gateways[0].ended().await.success());
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1 + 2 + 1), "announce, drain and a second: {took:?}");
    sleep(Duration::from_millis(300)).await;
    println!("{} requests around a SIGTERM; none failed; ended after {took:?}", load.none_failed().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_fails_no_request_of_a_balancer_that_follows_readiness() {
    sigterm_under_load(|_| Way::Http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_over_tls_fails_no_request_of_a_balancer_that_follows_readiness() {
    sigterm_under_load(Way::https).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_over_http2_fails_no_request_of_a_balancer_that_follows_readiness() {
    sigterm_under_load(Way::http2).await;
}

/// Neither a request that is never answered nor a connection that is never used holds the process up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_hangs_is_cut_at_the_deadline_of_the_drain() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = hanging.local_addr().expect("an address").port();
    let more = format!(
        "[[service]]\nname = \"hangs\"\nupstream = \"127.0.0.1:{port}\"\n\
         [[route]]\npath = \"/hangs/\"\nservice = \"hangs\"\naccess = \"public\"\n"
    );
    let mut deployment = Deployment::start(1, &more).await;
    let address = Way::Http.to(&deployment.gateways[0]);
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let request = format!("GET /hangs/ HTTP/1.1\r\nhost: localhost:{}\r\n\r\n", address.port());
    stream.write_all(request.as_bytes()).await.expect("sent");
    let _held = hanging.accept().await.expect("it is sent on");
    let _idle = TcpStream::connect(address).await.expect("connected");
    let begun = Instant::now();
    deployment.gateways[0].signal("TERM");
    assert!(deployment.gateways[0].ended().await.success());
    assert!(begun.elapsed() < Duration::from_secs(1 + 1 + 1), "{:?}", begun.elapsed());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await; // Cut: an end or a reset.
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
}
