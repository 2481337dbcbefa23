//! Redis is down, or the feed of changes alone: what is hot goes on for its grace, nobody new is let in.

use crate::people::{CLEAN, Checks, eventually, nobody_else_is_let_in, sign_out};
use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::person::{attempt, log_in, register};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

/// For how long the route `/brief/` lets pass what cannot be confirmed.
const BRIEF: Duration = Duration::from_secs(4);

/// A service behind a route that demands what is confirmed, and one that has a short grace, beside the one for sessions that
/// has the usual.
pub(crate) async fn strict() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
    });
    format!(
        "[[service]]\nname = \"strict\"\nupstream = \"127.0.0.1:{port}\"\n\
         [[route]]\npath = \"/strict/\"\nservice = \"strict\"\nwarm_grace = \"0s\"\n\
         [[route]]\npath = \"/brief/\"\nservice = \"strict\"\nwarm_grace = \"{}s\"\n",
        BRIEF.as_secs()
    )
}

/// For how long somebody still passes by the short grace.
async fn until_closed(mut client: Client) -> Duration {
    let begun = Instant::now();
    loop {
        match client.get("/brief/").await.status.as_u16() {
            200 => sleep(Duration::from_millis(50)).await,
            503 => return begun.elapsed(),
            other => panic!("{other}"),
        }
    }
}

async fn with_redis_silent(silence: &str) {
    let deployment = Deployment::start(2, &strict().await).await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    let mut other = deployment.gateways[0].client();
    assert!(log_in(&mut other, &authenticator).await);
    let ended = sign_out(&other).await;
    assert_eq!(client.get("/session").await.status, 200, "it is hot here");
    assert_eq!(client.get("/strict/").await.status, 200);
    let mut cold = deployment.gateways[1].client();
    cold.cookies = client.cookies.clone(); // Nobody has shown it to the other gateway.
    let checks = Checks::of(&client);
    deployment.redis.signal(silence);
    let grace = tokio::spawn(until_closed(client.clone()));
    for _ in 0..3 {
        let mut fresh = deployment.gateways[0].client();
        let (answer, took) = attempt(&mut fresh, &authenticator).await;
        assert_eq!(answer.status, 503, "no session without the tier");
        assert!(!answer.header("retry-after").is_empty());
        assert!(took < CLEAN, "{took:?}");
        let begun = Instant::now();
        assert_eq!(cold.get("/session").await.status, 503, "what is not hot is not known");
        assert!(begun.elapsed() < CLEAN, "{:?}", begun.elapsed());
        nobody_else_is_let_in(&deployment.gateways[0], &ended).await;
    }
    sleep(CLEAN).await; // Within which the silence is noticed.
    assert_eq!(client.get("/strict/").await.status, 503, "a route without grace is closed");
    let ready = deployment.gateways[0].private_client().get("/readyz").await;
    assert_eq!(ready.status, 200, "it serves what it can: {ready:?}");
    assert!(ready.body.contains("warm tier"), "{ready:?}");
    // It is counted from the last word of the tier, which may have been half a second before.
    let grace = grace.await.expect("its end");
    assert!(grace > BRIEF - CLEAN && grace < BRIEF + 2 * CLEAN, "{grace:?}");
    assert!(checks.none_failed() > 0, "what is hot passes for its grace");
    if silence == "STOP" {
        deployment.redis.signal("CONT");
        eventually("log-ins go on", async || log_in(&mut deployment.gateways[0].client(), &authenticator).await).await;
        eventually("the session is known everywhere", async || cold.get("/session").await.status == 200).await;
        eventually("all is well", async || {
            deployment.gateways[0].private_client().get("/readyz").await.body == "ready\n"
        })
        .await;
    }
    checks.none_failed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_hanging_what_is_hot_goes_on_and_all_else_is_refused_within_a_second() {
    with_redis_silent("STOP").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_redis_dead_what_is_hot_goes_on_and_all_else_is_refused_within_a_second() {
    with_redis_silent("KILL").await;
}

/// Its connection is cut again and again; calls go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_feed_cut_everything_goes_on_and_an_end_holds_everywhere() {
    let deployment = Deployment::start(2, &strict().await).await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    let mut elsewhere = deployment.gateways[1].client();
    elsewhere.cookies = client.cookies.clone();
    assert_eq!(elsewhere.get("/session").await.status, 200);
    let checks = Checks::of(&client);
    for _ in 0..5 {
        for line in deployment.redis.admin(&["CLIENT", "LIST"]).lines().filter(|line| line.contains("cmd=xread")) {
            let id = line.split(' ').find_map(|word| word.strip_prefix("id=")).expect("a number");
            deployment.redis.admin(&["CLIENT", "KILL", "ID", id]);
        }
        let mut other = deployment.gateways[0].client();
        assert!(log_in(&mut other, &authenticator).await, "log-ins go on");
        let mut there = deployment.gateways[1].client();
        there.cookies = other.cookies.clone();
        assert_eq!(there.get("/session").await.status, 200, "sessions are found");
        assert_eq!(client.get("/strict/").await.status, 200, "each is confirmed with warm");
        sign_out(&other).await;
        eventually("the end holds there", async || there.get("/session").await.status == 401).await;
    }
    checks.none_failed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_one_gateway_killed_the_others_go_on() {
    let mut deployment = Deployment::start(3, "").await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    let mut there = deployment.gateways[1].client();
    there.cookies = client.cookies.clone();
    let checks = Checks::of(&there);
    deployment.gateways[0].signal("KILL");
    deployment.gateways[0].ended().await;
    for gateway in &deployment.gateways[1..] {
        let mut fresh = gateway.client();
        assert!(log_in(&mut fresh, &authenticator).await);
        assert_eq!(fresh.get("/session").await.status, 200);
        let ended = sign_out(&fresh).await;
        // The backend has ended it, and the gateway hears of it by the feed.
        let mut late = gateway.client();
        late.cookies = ended.cookies.clone();
        eventually("the end holds", async || late.get("/session").await.status == 401).await;
        nobody_else_is_let_in(gateway, &ended).await;
    }
    eventually("people go on", async || checks.none_failed() > 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_starts_while_redis_hangs_waits_for_it_and_says_so() {
    let mut deployment = Deployment::start(1, "").await;
    deployment.gateways[0].signal("KILL");
    deployment.gateways[0].ended().await;
    deployment.redis.signal("STOP");
    let again = deployment.start_again(0);
    let back = async {
        sleep(Duration::from_secs(4)).await; // More than one attempt takes.
        deployment.redis.signal("CONT");
    };
    let (again, ()) = tokio::join!(again, back);
    assert!(again.errors().contains("starts when the shared tier answers"), "{}", again.errors());
    assert_eq!(again.client().get("/session").await.status, 401);
}
