//! How soon a revocation holds everywhere: three gateways in processes of their own over one Redis. Alone in its
//! binary, so that no other test takes the machine meanwhile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::secret::MasterKey;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::session::token::TagKeys;
use aldgate_core::testing::world;
use aldgate_core::time::Clock as _;
use aldgate_core::warm::Opening;
use aldgate_gateway::clock::{Stopwatch, SystemClock, SystemEntropy};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use support::deployment::Deployment;
use support::instance::Instance;
use tokio::net::TcpStream;

const REVOCATIONS: u32 = 2_000;

/// The bound of the architecture, at p99.9.
const BOUND: Duration = Duration::from_millis(100);

/// A client that keeps its connection, until the gateway has had enough of it.
struct Kept {
    address: SocketAddr,
    origin: String,
    sender: SendRequest<Empty<Bytes>>,
}

impl Kept {
    async fn to(gateway: &Instance) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.ports.http));
        Self { address, origin: gateway.client().origin(), sender: Self::connect(address).await }
    }

    async fn connect(address: SocketAddr) -> SendRequest<Empty<Bytes>> {
        let stream = TcpStream::connect(address).await.expect("connected");
        stream.set_nodelay(true).expect("no delay");
        let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        sender
    }

    async fn status(&mut self, method: &str, path: &str, cookie: &str) -> StatusCode {
        let host = self.origin.trim_start_matches("http://");
        let request = Request::builder().method(method).uri(path).header("host", host).header("cookie", cookie);
        let request =
            request.header("origin", &self.origin).header("content-type", "application/x-www-form-urlencoded");
        if self.sender.ready().await.is_err() {
            self.sender = Self::connect(self.address).await;
        }
        let answer = self.sender.send_request(request.body(Empty::new()).expect("a request")).await.expect("an answer");
        let status = answer.status();
        answer.into_body().collect().await.expect("a body");
        status
    }
}

/// Opens sessions of as many accounts, straight in Redis; gives their cookies.
async fn sessions(deployment: &Deployment) -> Vec<String> {
    let master = std::fs::read(deployment.dir.path().join("data/keys/master.key")).expect("a key");
    let master = MasterKey::new(master.try_into().expect("32 bytes"));
    let warm = deployment.redis.warm(&master).await;
    let entropy = SystemEntropy::default();
    let now = SystemClock.now();
    let keys = TagKeys::at(&master, now);
    let mut cookies = Vec::new();
    for _ in 0..REVOCATIONS {
        let account = AccountId::random(&entropy).expect("bytes");
        let session = SessionId::random(&account, &entropy).expect("bytes");
        let template = world::session_record();
        let expires = now.plus(Duration::from_hours(1));
        let record = SessionRecord { account, opened: now, authenticated: now, seen: now, expires, ..template };
        let opening = Opening { session, record, replaces: None };
        aldgate_core::warm::Warm::open_session(&*warm, &opening).await.expect("opened");
        cookies.push(format!("__Host-aldgate={}", keys.token(session, "localhost")));
    }
    cookies
}

/// From the moment at which the sign-out is sent to one gateway, until both others have refused the session.
async fn revoke(one: &mut Kept, others: &mut [Kept], cookie: &str) -> Duration {
    for other in &mut *others {
        assert_eq!(other.status("GET", "/session", cookie).await, 200, "it is hot here");
    }
    let begun = Stopwatch::start();
    assert_eq!(one.status("POST", "/sign-out", cookie).await, 303);
    for other in others {
        while other.status("GET", "/session", cookie).await != 401 {
            assert!(begun.elapsed() < Duration::from_secs(10), "it is never refused");
        }
    }
    begun.elapsed()
}

/// The spans of so many revocations, in order, told to whoever looks.
async fn round(deployment: &Deployment) -> Vec<Duration> {
    let mut one = Kept::to(&deployment.gateways[0]).await;
    let mut others = [Kept::to(&deployment.gateways[1]).await, Kept::to(&deployment.gateways[2]).await];
    let mut spans = Vec::new();
    for cookie in sessions(deployment).await {
        spans.push(revoke(&mut one, &mut others, &cookie).await);
    }
    spans.sort();
    let [min, median, p90, p99, p999, max] = [0, 500, 900, 990, 999, 1_000].map(|share| at(&spans, share));
    println!(
        "{REVOCATIONS} revocations, from the request until both others have refused: min {min:?}, p50 {median:?}, \
         p90 {p90:?}, p99 {p99:?}, p99.9 {p999:?}, max {max:?}"
    );
    spans
}

/// The span that so many thousandths do not exceed.
fn at(spans: &[Duration], thousandths: usize) -> Duration {
    spans[(spans.len() * thousandths).div_ceil(1_000).clamp(1, spans.len()) - 1]
}

/// Up to three rounds: a machine that stands still for a tenth of a second says nothing about the feed.
#[tokio::test]
async fn a_session_that_one_gateway_ends_is_refused_by_the_others_within_a_tenth_of_a_second() {
    let deployment = Deployment::start(3, "").await;
    for _ in 0..3 {
        if at(&round(&deployment).await, 999) < BOUND {
            return;
        }
    }
    panic!("not within {BOUND:?} at p99.9");
}
