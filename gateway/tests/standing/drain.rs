//! A gateway ends while people go on, or another takes its place: nobody's request fails.

use crate::people::eventually;
use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::instance::Instance;
use crate::support::person::register;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

type Failed = Box<dyn std::error::Error + Send + Sync>;
type Sender = SendRequest<Empty<Bytes>>;

/// Requests a second: each second one on a connection of its own, the others on kept ones.
const EVERY: Duration = Duration::from_millis(4);

/// Kept connections.
const KEPT: usize = 8;

/// What people send for as long as they are let.
struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    failures: Arc<std::sync::Mutex<Vec<String>>>,
    tasks: JoinSet<()>,
}

async fn dial(address: SocketAddr) -> Result<Sender, Failed> {
    let (sender, connection) = handshake(TokioIo::new(TcpStream::connect(address).await?)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// One session check. True if the connection may be used again: the server has not said that it closes it.
async fn check(sender: &mut Sender, client: &Client) -> Result<bool, Failed> {
    let cookie = client.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
    let request = Request::get("/session").header("host", &client.host).header("cookie", cookie);
    let answer = sender.send_request(request.body(Empty::new())?).await?;
    if answer.status() != 200 {
        return Err(format!("status {}", answer.status()).into());
    }
    let goes_on = answer.headers().get("connection").is_none_or(|said| said != "close");
    answer.into_body().collect().await?;
    Ok(goes_on)
}

impl Load {
    /// To these gateways: a balancer's client would choose among those that are ready.
    fn on(client: &Client, ready: &Arc<std::sync::Mutex<SocketAddr>>) -> Self {
        let mut load =
            Self { stop: Arc::default(), answered: Arc::default(), failures: Arc::default(), tasks: JoinSet::new() };
        for n in 0..KEPT {
            load.spawn(client, ready, n > 0);
        }
        load
    }

    fn spawn(&mut self, client: &Client, ready: &Arc<std::sync::Mutex<SocketAddr>>, keeps: bool) {
        let (stop, answered, failures) = (self.stop.clone(), self.answered.clone(), self.failures.clone());
        let (client, ready) = (client.clone(), ready.clone());
        self.tasks.spawn(async move {
            let mut due = interval(EVERY);
            let mut kept: Option<(SocketAddr, Sender)> = None;
            while !stop.load(Ordering::SeqCst) {
                due.tick().await;
                let address = *ready.lock().expect("a lock");
                let begun = kept.take().filter(|(at, sender)| *at == address && !sender.is_closed());
                let asked = async {
                    let mut sender = match begun {
                        Some((_, sender)) => sender,
                        None => dial(address).await?,
                    };
                    let goes_on = check(&mut sender, &client).await?;
                    Ok::<_, Failed>((keeps && goes_on).then_some((address, sender)))
                };
                match asked.await {
                    Ok(sender) => {
                        answered.fetch_add(1, Ordering::SeqCst);
                        kept = sender;
                    }
                    Err(error) => failures.lock().expect("a lock").push(format!("keeps {keeps}: {error:?}")),
                }
            }
        });
    }

    /// How many requests were answered; none may have failed.
    async fn none_failed(self) -> usize {
        let (answered, failures) = self.end().await;
        assert!(failures.is_empty(), "{} failed, {:?}", failures.len(), failures.first());
        answered
    }

    /// How many requests were answered, and what became of the others.
    async fn end(mut self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::SeqCst);
        while self.tasks.join_next().await.is_some() {}
        (self.answered.load(Ordering::SeqCst), self.failures.lock().expect("a lock").clone())
    }
}

fn address(gateway: &Instance) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.ports.http))
}

async fn somebody(deployment: &Deployment) -> Client {
    let mut client = deployment.gateways[0].client();
    register(&deployment.backend, &mut client, "ann@example.org", 1).await;
    assert_eq!(client.get("/session").await.status, 200);
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_gateways_in_a_row_take_over_under_load_and_no_request_fails() {
    let mut deployment = Deployment::start(1, "").await;
    let client = somebody(&deployment).await;
    let at = Arc::new(std::sync::Mutex::new(address(&deployment.gateways[0])));
    let load = Load::on(&client, &at);
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

/// One that dies before it says that it serves has taken nothing away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_dies_while_it_takes_over_harms_nobody() {
    let mut deployment = Deployment::start(1, "").await;
    let client = somebody(&deployment).await;
    let socket = deployment.gateway_data(0).join("run/gateway.sock");
    let asker = std::os::unix::net::UnixStream::connect(&socket).expect("connected");
    drop(asker);
    let at = Arc::new(std::sync::Mutex::new(address(&deployment.gateways[0])));
    let load = Load::on(&client, &at);
    eventually("it says so", async || deployment.gateways[0].errors().contains("nobody has taken over")).await;
    assert!(load.none_failed().await > 0);
    let after = deployment.take_over(0).await;
    let mut before = std::mem::replace(&mut deployment.gateways[0], after);
    assert!(before.ended().await.success(), "the next one is let in");
}

/// A balancer that follows `/readyz` finds the other one in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_fails_no_request_of_a_balancer_that_follows_readiness() {
    let mut deployment = Deployment::start_ending(2, "1s", "2s").await;
    let client = somebody(&deployment).await;
    let at = Arc::new(std::sync::Mutex::new(address(&deployment.gateways[0])));
    let load = Load::on(&client, &at);
    sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    deployment.gateways[0].signal("TERM");
    let mut asked = deployment.gateways[0].private_client();
    eventually("it is announced", async || asked.get("/readyz").await.status == 503).await;
    *at.lock().expect("a lock") = address(&deployment.gateways[1]);
    assert!(deployment.gateways[0].ended().await.success());
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1 + 2 + 1), "announce, drain and a second: {took:?}");
    sleep(Duration::from_millis(300)).await;
    println!("{} requests around a SIGTERM; none failed; ended after {took:?}", load.none_failed().await);
}

/// What the two share; the end is not announced, since the address goes on.
const SHARED: &str = "reuse_port = true\ndrain = \"1s\"";

/// Who closes a listener resets what waits in its queue, unless the kernel moves that to another one on the address:
/// `net.ipv4.tcp_migrate_req = 1`. Where it does, no request fails; where not, those that connect just then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_share_their_address_replace_one_another_under_load() {
    let migrates = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req").is_ok_and(|text| text.trim() == "1");
    let mut deployment = Deployment::start_with(1, SHARED, "").await;
    let client = somebody(&deployment).await;
    let at = Arc::new(std::sync::Mutex::new(address(&deployment.gateways[0])));
    let load = Load::on(&client, &at);
    for _ in 0..3 {
        let after = deployment.beside(0, SHARED).await;
        let mut before = std::mem::replace(&mut deployment.gateways[0], after);
        sleep(Duration::from_millis(300)).await;
        before.signal("TERM");
        assert!(before.ended().await.success(), "{}", before.errors());
    }
    let (answered, failures) = load.end().await;
    println!("{answered} requests over three replacements on a shared address; {} failed", failures.len());
    assert!(answered > 1_000, "{answered}");
    // Each replacement can meet every client at once, no client twice.
    assert!(failures.len() <= if migrates { 0 } else { 3 * KEPT }, "{failures:?}");
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
    let address = address(&deployment.gateways[0]);
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
