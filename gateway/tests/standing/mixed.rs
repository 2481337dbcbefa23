//! A gateway is replaced, by hand-over and on a shared address, while everything that it does is asked for at once: pages
//! of a service by the short way, uploads to it by the general one, forms for the backend, session checks, the questions
//! of other proxies over HTTP and of Envoy over gRPC, on kept connections and on fresh ones. And what becomes of a stream
//! that is no longer HTTP.

use crate::drain::{ready, somebody};
use crate::load::{Asked, EVERY, Failure, Load, Ready, Way};
use crate::support::deployment::Deployment;
use crate::support::http::Client;
use crate::support::instance::Instance;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request as EnvoyRequest};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// More than goes into one packet, and less than is read ahead.
const UPLOAD_BYTES: usize = 20 * 1024;

/// How often a form is sent: the backend of these tests shares two processors with all else.
const FORMS: Duration = Duration::from_millis(25);

/// A service that says back what it was sent, and does so for as long as it lasts where a client asks for WebSocket.
async fn service() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(echo));
            tokio::spawn(connection.with_upgrades());
        }
    });
    port
}

async fn echo(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    if request.headers().contains_key("upgrade") {
        let upgraded = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let Ok(stream) = upgraded.await else { return };
            let (mut read, mut write) = tokio::io::split(TokioIo::new(stream));
            let _ = tokio::io::copy(&mut read, &mut write).await; // Until the client is gone.
        });
        let switch = Response::builder().status(101).header("upgrade", "websocket").header("connection", "upgrade");
        return Ok(switch.body(Full::default()).expect("an answer"));
    }
    Ok(Response::new(Full::new(request.into_body().collect().await?.to_bytes())))
}

/// A service that is forwarded to, and one that stands behind another proxy.
async fn services() -> String {
    format!(
        "[[service]]\nname = \"echo\"\nupstream = \"127.0.0.1:{}\"\n[[route]]\npath = \"/echo/\"\nservice = \"echo\"\n\
         [[service]]\nname = \"behind\"\n[[route]]\npath = \"/behind/\"\nservice = \"behind\"\n",
        service().await
    )
}

fn private_of(gateway: &Instance) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.ports.private))
}

/// Everything at once, and Envoy.
struct Everything {
    load: Load,
    private: Ready,
    stop: Arc<AtomicBool>,
    envoys: [JoinHandle<(usize, Vec<String>)>; 2],
}

impl Everything {
    async fn on(gateway: &Instance, client: &Client, way: &Way) -> Self {
        let (public, private) = (ready(way.to(gateway)), ready(private_of(gateway)));
        let mut load = Load::none();
        let upload = Asked { method: Method::POST, body: vec![b'x'; UPLOAD_BYTES].into(), ..Asked::get("/echo/") };
        for asked in [Asked::get("/session"), Asked::get("/echo/"), upload] {
            load.add(client, &public, way, asked.clone(), true);
            load.add(client, &public, way, asked, false);
        }
        let (form, nobody) = form(gateway, way).await;
        load.add(&nobody, &public, way, form.clone(), true);
        load.add(&nobody, &public, way, form, false);
        let told = [("x-forwarded-method", "GET"), ("x-forwarded-proto", "http"), ("x-forwarded-host", "localhost")];
        let told = told.iter().chain(&[("x-forwarded-uri", "/behind/")]);
        let headers = told.map(|(name, value)| (*name, (*value).to_owned())).collect();
        let question = Asked { headers, ..Asked::get("/authz/forward") };
        load.add(client, &private, &Way::Http, question.clone(), true);
        load.add(client, &private, &Way::Http, question, false);
        let stop = Arc::<AtomicBool>::default();
        let port = gateway.ports.authz_grpc;
        let envoys = [true, false].map(|keeps| tokio::spawn(envoy(port, check(client), keeps, stop.clone())));
        Self { load, private, stop, envoys }
    }

    /// The requests that were answered, and those that were not.
    async fn end(self) -> (usize, Vec<Failure>) {
        self.stop.store(true, Ordering::SeqCst);
        let (mut answered, mut failures) = self.load.end().await;
        for (envoy, fresh) in self.envoys.into_iter().zip([false, true]) {
            let (questions, failed) = envoy.await.expect("an Envoy");
            println!("{questions} questions over gRPC");
            assert!(questions > 10, "{questions}");
            answered += questions;
            failures.extend(failed.into_iter().map(|what| Failure { fresh, what }));
        }
        (answered, failures)
    }
}

/// A form for the backend with something wrong in it, which changes nothing, and who sends it; the answer is what it is
/// when nothing else happens.
async fn form(gateway: &Instance, way: &Way) -> (Asked, Client) {
    let mut nobody = gateway.client();
    let sent = "email=nobody";
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let origin = nobody.origin();
    let answer = nobody.send(Method::POST, "/register", &[kind, ("origin", &origin)], sent).await;
    assert!(!answer.status.is_server_error(), "{answer:?}");
    let scheme = if matches!(way, Way::Http) { "http" } else { "https" };
    let origin = format!("{scheme}://localhost:{}", way.to(gateway).port());
    let headers = vec![(kind.0, kind.1.to_owned()), ("origin", origin)];
    let (status, every) = (answer.status.as_u16(), FORMS);
    (Asked { method: Method::POST, headers, body: sent.into(), every, status, ..Asked::get("/register") }, nobody)
}

/// Envoy's question about a request of somebody who is signed in.
fn check(client: &Client) -> CheckRequest {
    let mut http = HttpRequest {
        method: "GET".into(),
        host: "localhost".into(),
        path: "/behind/".into(),
        scheme: "http".into(),
        ..HttpRequest::default()
    };
    let cookies: Vec<_> = client.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    http.headers.insert("cookie".into(), cookies.join("; "));
    let request = Some(EnvoyRequest { http: Some(http), ..EnvoyRequest::default() });
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
}

/// Asks until it is told to stop, on one connection as long as that lasts, or on one for each question.
async fn envoy(port: u16, question: CheckRequest, keeps: bool, stop: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut answered, mut failures, mut kept) = (0, Vec::new(), None);
    while !stop.load(Ordering::SeqCst) {
        sleep(EVERY).await;
        let connected = match kept.take() {
            Some(client) => Ok(client),
            None => AuthorizationClient::connect(format!("http://127.0.0.1:{port}")).await,
        };
        let mut client = match connected {
            Ok(client) => client,
            Err(error) => {
                failures.push(format!("{error:?}"));
                continue;
            }
        };
        match client.check(question.clone()).await {
            Ok(told) if told.get_ref().status.as_ref().is_some_and(|status| status.code == 0) => answered += 1,
            Err(error) if was_not_sent(&error) => {} // The channel connects anew.
            other => failures.push(format!("{other:?}")),
        }
        kept = keeps.then_some(client);
    }
    (answered, failures)
}

/// Whether a question met the end of its connection before it was written: asking again is right.
fn was_not_sent(error: &tonic::Status) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_canceled)
}

async fn two_take_over_while_everything_is_asked_for(which: impl FnOnce(&Deployment) -> Way) {
    let mut deployment = Deployment::start(1, &services().await).await;
    let client = somebody(&deployment).await;
    let way = which(&deployment);
    let everything = Everything::on(&deployment.gateways[0], &client, &way).await;
    sleep(Duration::from_millis(500)).await;
    for _ in 0..2 {
        let after = deployment.take_over(0).await;
        let mut before = std::mem::replace(&mut deployment.gateways[0], after);
        assert!(before.ended().await.success(), "{}", before.errors());
        sleep(Duration::from_millis(500)).await;
    }
    let (answered, failures) = everything.end().await;
    println!("{answered} requests of every kind over two hand-overs; {} failed", failures.len());
    assert!(failures.is_empty(), "{failures:?}");
    assert!(answered > 500, "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_take_over_while_everything_is_asked_for_and_no_request_fails() {
    two_take_over_while_everything_is_asked_for(|_| Way::Http).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_take_over_while_everything_is_asked_for_over_http2_and_no_request_fails() {
    two_take_over_while_everything_is_asked_for(Way::http2).await;
}

/// What the two share; the end is not announced, since the address goes on.
const SHARED: &str = "reuse_port = true\ndrain = \"1s\"";

/// Who closes a listener resets what waits in its queue, unless the kernel moves that to another one on the address:
/// `net.ipv4.tcp_migrate_req = 1`. Where it does, no request fails; where not, those alone that connect just then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_share_their_addresses_replace_one_another_while_everything_is_asked_for() {
    let migrates = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_migrate_req").is_ok_and(|text| text.trim() == "1");
    let services = services().await;
    let mut deployment = Deployment::start_with(1, SHARED, &services).await;
    let client = somebody(&deployment).await;
    let everything = Everything::on(&deployment.gateways[0], &client, &Way::Http).await;
    let clients = 12; // Those of `Everything`.
    for _ in 0..3 {
        let after = deployment.beside(0, SHARED, &services).await;
        *everything.private.lock().expect("a lock") = private_of(&after); // A proxy is told where to ask now.
        let mut before = std::mem::replace(&mut deployment.gateways[0], after);
        sleep(Duration::from_millis(300)).await;
        before.signal("TERM");
        assert!(before.ended().await.success(), "{}", before.errors());
    }
    let (answered, failures) = everything.end().await;
    println!("{answered} requests over three replacements on shared addresses; {} failed", failures.len());
    assert!(answered > 500, "{answered}");
    assert!(failures.iter().all(|failure| failure.fresh), "a connection that stood was cut: {failures:?}");
    // Each replacement can meet every client at once, no client twice.
    assert!(failures.len() <= if migrates { 0 } else { 3 * clients }, "{failures:?}");
}

/// A stream that is no longer HTTP.
struct Upgraded(TcpStream);

impl Upgraded {
    async fn open(client: &Client) -> Self {
        let mut stream = TcpStream::connect(client.address).await.expect("connected");
        let cookies: Vec<_> = client.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = format!(
            "GET /echo/ HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            client.host,
            cookies.join("; ")
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap_or_else(|error| panic!("{error} after {}", head.escape_ascii())));
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", head.escape_ascii());
        Self(stream)
    }

    /// Whether something that is sent comes back.
    async fn echoes(&mut self) -> bool {
        let mut back = [0; 4];
        let there_and_back = async {
            self.0.write_all(b"ping").await?;
            self.0.read_exact(&mut back).await
        };
        let done = timeout(Duration::from_secs(10), there_and_back).await.expect("silent, and not cut");
        done.is_ok() && back == *b"ping"
    }
}

/// It cannot be handed over: its state is the old process's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgraded_stream_is_kept_until_the_end_of_the_drain_and_cut_then() {
    let drain = Duration::from_secs(3);
    let mut deployment = Deployment::start_with(1, "drain = \"3s\"", &services().await).await;
    let client = somebody(&deployment).await;
    let mut stream = Upgraded::open(&client).await;
    assert!(stream.echoes().await);
    let after = deployment.take_over(0).await;
    let begun = Instant::now();
    let mut before = std::mem::replace(&mut deployment.gateways[0], after);
    let mut another = Upgraded::open(&client).await;
    while stream.echoes().await {
        sleep(Duration::from_millis(20)).await;
    }
    let kept = begun.elapsed();
    assert!(kept > drain - Duration::from_millis(500) && kept < drain + Duration::from_secs(2), "{kept:?}");
    assert!(before.ended().await.success(), "{}", before.errors());
    let mut new = Upgraded::open(&client).await;
    assert!(new.echoes().await);
    // It came to whichever of the two was first; the new one cuts nothing.
    let _ = another.echoes().await;
}
