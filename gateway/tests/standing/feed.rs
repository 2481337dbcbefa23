//! The feed of changes alone is silent, while calls to Redis are answered as ever: nothing is lost but the belief in what
//! is hot, each of which is confirmed before use.

use crate::people::{Checks, eventually, nobody_else_is_let_in, sign_out};
use crate::support::deployment::{Deployment, Tier};
use crate::support::person::{log_in, register};
use crate::support::redis::{Redis, configuration_at};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// For how long nothing is heard: many times what is taken for a silence.
const SILENT: Duration = Duration::from_secs(5);

/// By what a connection of the feed is known.
const READS_FEED: &[u8] = b"XREAD";

/// Redis behind a relay that, when it is told to, lets no answer through on connections by which the feed is read.
struct Muffled {
    _redis: Redis,
    relay: SocketAddr,
    muffles: Arc<AtomicBool>,
}

impl Muffled {
    async fn start() -> Self {
        let redis = Redis::start().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let relay = listener.local_addr().expect("an address");
        let muffles = Arc::new(AtomicBool::new(false));
        let (port, told) = (redis.port, muffles.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, told.clone()));
            }
        });
        Self { _redis: redis, relay, muffles }
    }

    fn muffle(&self, muffles: bool) {
        self.muffles.store(muffles, Ordering::SeqCst);
    }
}

impl Tier for Muffled {
    fn configuration(&self, dir: &Path) -> String {
        configuration_at(&[self.relay], dir)
    }
}

async fn carry(client: TcpStream, port: u16, muffles: Arc<AtomicBool>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let reads_feed = AtomicBool::new(false);
    let asking = async {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from_client.read(&mut piece).await {
            if piece[..n].windows(READS_FEED.len()).any(|word| word.eq_ignore_ascii_case(READS_FEED)) {
                reads_feed.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(&piece[..n]).await.is_err() {
                return;
            }
        }
    };
    let answering = async {
        let mut piece = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = from_server.read(&mut piece).await {
            if reads_feed.load(Ordering::SeqCst) && muffles.load(Ordering::SeqCst) {
                return std::future::pending().await; // It stays open, and nothing comes.
            }
            if to_client.write_all(&piece[..n]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = asking => {}
        () = answering => {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_feed_silent_everything_goes_on_and_an_end_holds_at_once() {
    let strict = crate::warm::strict().await;
    let deployment = Deployment::start_on(Muffled::start().await, 2, "", &strict).await;
    let mut client = deployment.gateways[0].client();
    let authenticator = register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    let mut elsewhere = deployment.gateways[1].client();
    elsewhere.cookies = client.cookies.clone();
    assert_eq!(elsewhere.get("/session").await.status, 200, "it is hot there");
    let checks = [Checks::of(&client), Checks::of(&elsewhere)];
    deployment.redis.muffle(true);
    for gateway in &deployment.gateways {
        let ready = async || gateway.private_client().get("/readyz").await.body;
        eventually("the silence is noticed", async || ready().await == "ready\nthe warm tier is silent\n").await;
    }
    let begun = Instant::now();
    while begun.elapsed() < SILENT {
        let mut other = deployment.gateways[0].client();
        assert!(log_in(&mut other, &authenticator).await, "log-ins go on");
        let mut there = deployment.gateways[1].client();
        there.cookies = other.cookies.clone();
        assert_eq!(there.get("/session").await.status, 200, "sessions are found");
        assert_eq!(there.get("/session").await.status, 200, "and confirmed");
        assert_eq!(client.get("/strict/").await.status, 200, "each is confirmed with warm");
        let ended = sign_out(&other).await;
        assert_eq!(there.get("/session").await.status, 401, "nobody need hear of an end");
        nobody_else_is_let_in(&deployment.gateways[1], &ended).await;
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(deployment.gateways[1].private_client().get("/readyz").await.body, "ready\nthe warm tier is silent\n");
    deployment.redis.muffle(false);
    for gateway in &deployment.gateways {
        let ready = async || gateway.private_client().get("/readyz").await.body == "ready\n";
        eventually("it is heard again", ready).await;
    }
    for checks in checks {
        assert!(checks.none_failed() > 100, "people went on");
    }
}
