//! A changed configuration is taken over whole or refused whole, under load, by signal and by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;
#[path = "reload/token_issuer.rs"]
mod token_issuer;

use aldgate_core::token::identity_assertion::REUSE;
use aldgate_gateway::config::Config;
use aldgate_gateway::config::source::Source;
use aldgate_gateway::exchange::Exchange;
use aldgate_gateway::files::Files;
use aldgate_gateway::phase::judge::{Judgement, judge};
use aldgate_gateway::problem::Problem;
use aldgate_gateway::reload::{Loaded, Refused, Started, take_over};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pingora::http::RequestHeader;
use pingora::tls::{ClientTlsStream, TlsConnector};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::http::Answer;
use support::instance::{Instance, Ports, config};
use support::world::World;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A service that says its own name and repeats the header that it received.
async fn upstream(name: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut piece = [0; 4096];
                while !head.windows(4).any(|w| w == b"\r\n\r\n") {
                    match stream.read(&mut piece).await {
                        Ok(n @ 1..) => head.extend_from_slice(&piece[..n]),
                        _ => return,
                    }
                }
                let length = head.len();
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nx-upstream: {name}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(&[answer.as_bytes(), &head].concat()).await;
            });
        }
    });
    port
}

/// A world's configuration with these services (name and port) and routes (path, service, access).
fn text(services: &[(&str, u16)], routes: &[(&str, &str, &str)]) -> String {
    let mut text = "demo = { enabled = false }\nlog = { access = \"off\" }\n".to_owned();
    for (name, port) in services {
        text.push_str(&format!("[[service]]\nname = \"{name}\"\nupstream = \"127.0.0.1:{port}\"\n"));
    }
    for (path, service, access) in routes {
        text.push_str(&format!("[[route]]\npath = \"{path}\"\nservice = \"{service}\"\naccess = \"{access}\"\n"));
    }
    text
}

fn serve(world: &World, text: &str) {
    let config = Config::parse(text).unwrap_or_else(|faults| panic!("{faults:?}"));
    let files = Files::read(&config).unwrap_or_else(|faults| panic!("{faults:?}"));
    world.state.snapshot.replace(&config, files, &world.state.master, support::world_now(world)).expect("served");
}

/// The audience of the assertion that the upstream received.
fn audience(answer: &Answer) -> String {
    let received = support::world::received(answer);
    let payload = received["aldgate-identity"].split('.').nth(1).expect("a payload");
    let payload: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON");
    payload["aud"].as_str().expect("an audience").to_owned()
}

#[tokio::test]
async fn no_service_gets_an_assertion_that_was_made_for_another_before_the_reload() {
    let world = World::new().await;
    let port = upstream("one").await;
    let cookie = world.open_by_password().await;
    let ask = async || audience(&world.get("/app/", &[("cookie", &cookie)]).await);
    // The first place of the table belongs to one service, then to another.
    serve(&world, &text(&[("alpha", port)], &[("/app/", "alpha", "session")]));
    assert_eq!(ask().await, "alpha");
    serve(&world, &text(&[("beta", port)], &[("/app/", "beta", "session")]));
    assert_eq!(ask().await, "beta");
    // A new service comes before it, and the route stays.
    serve(&world, &text(&[("gamma", port), ("beta", port)], &[("/app/", "beta", "session")]));
    assert_eq!(ask().await, "beta");
    serve(&world, &text(&[("gamma", port), ("beta", port)], &[("/app/", "gamma", "session")]));
    assert_eq!(ask().await, "gamma");
    serve(&world, &text(&[("alpha", port)], &[("/app/", "alpha", "session")]));
    assert_eq!(ask().await, "alpha");
    assert!(REUSE > Duration::ZERO, "cached assertions are given out again, or this shows nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_every_answer_belongs_wholly_to_one_configuration() {
    const SWAPS: usize = 200;
    let world = Arc::new(World::new().await);
    let (one, two) = (upstream("one").await, upstream("two").await);
    let cookie = world.open_by_password().await;
    let texts = [
        text(&[("alpha", one), ("same", one)], &[("/app/", "alpha", "session"), ("/one/", "same", "public")]),
        text(&[("beta", two), ("same", two)], &[("/app/", "beta", "session"), ("/two/", "same", "public")]),
    ];
    serve(&world, &texts[0]);
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let askers = ["/app/", "/app/", "/one/", "/two/"].map(|path| {
        let (world, cookie, over, answered) = (world.clone(), cookie.clone(), over.clone(), answered.clone());
        tokio::spawn(async move {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            while !over.load(Ordering::SeqCst) {
                let answer = world.get(path, &[("cookie", &cookie)]).await;
                let status = answer.status.as_u16();
                let said = match status {
                    200 if path == "/app/" => format!("{} for {}", answer.header("x-upstream"), audience(&answer)),
                    200 => answer.header("x-upstream").to_owned(),
                    status => status.to_string(),
                };
                *seen.entry(format!("{path} {said}")).or_default() += 1;
                answered.fetch_add(1, Ordering::SeqCst);
            }
            seen
        })
    });
    for swap in 1..=SWAPS {
        let before = answered.load(Ordering::SeqCst);
        serve(&world, &texts[swap % 2]);
        while answered.load(Ordering::SeqCst) == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    over.store(true, Ordering::SeqCst);
    let mut seen = BTreeMap::new();
    for asker in askers {
        for (said, times) in asker.await.expect("no asker fails") {
            *seen.entry(said).or_default() += times;
        }
    }
    let total: usize = seen.values().sum();
    assert!(total >= SWAPS, "{total} requests");
    println!("{SWAPS} swaps, {total} requests: {seen:?}");
    let said: Vec<_> = seen.keys().map(String::as_str).collect();
    let whole = ["/app/ one for alpha", "/app/ two for beta", "/one/ 404", "/one/ one", "/two/ 404", "/two/ two"];
    assert_eq!(said, whole);
}

#[tokio::test]
async fn the_rotation_of_keys_does_not_undo_a_reload() {
    let world = World::new().await;
    let port = upstream("one").await;
    serve(&world, &text(&[("new", port)], &[("/new/", "new", "public")]));
    world.clock.advance(Duration::from_hours(31 * 24));
    let rotated = || world.state.snapshot.rotate(&world.state.master, support::world_now(&world));
    assert!(rotated(), "their period is 30 days");
    assert!(!rotated(), "once");
    assert_eq!(world.get("/new/", &[]).await.status, 200);
    assert_eq!(world.get("/open/", &[]).await.status, 404, "a route of the first configuration");
}

#[tokio::test]
async fn a_reload_does_not_undo_the_rotation_of_keys() {
    let world = World::new().await;
    let port = upstream("one").await;
    world.clock.advance(Duration::from_hours(31 * 24));
    assert!(world.state.snapshot.rotate(&world.state.master, support::world_now(&world)));
    let until = world.state.snapshot.load().tag_keys.until();
    serve(&world, &text(&[("new", port)], &[("/new/", "new", "public")]));
    assert_eq!(world.state.snapshot.load().tag_keys.until(), until);
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::new().await;
    let port = upstream("one").await;
    let good = |extra: &str| Source::of(format!("{}{extra}", text(&[("a", port)], &[("/a/", "a", "public")])));
    let started = Started { source: good(""), development: None };
    let take = |source| {
        let loaded = Loaded::of(source, &started).map_err(Refused::Faults)?;
        take_over(&world.state, &started, loaded)
    };
    take(good("")).expect("taken over");
    let faulty = good("[[route]]\npath = \"/b/\"\nservice = \"b\"\n[[route]]\npath = \"c\"\nservice = \"a\"\n");
    let Err(Refused::Faults(faults)) = take(faulty) else { panic!("taken over") };
    assert_eq!(faults.len(), 2, "all faults at once: {faults:?}");
    let fixed = good("[[route]]\npath = \"/b/\"\nservice = \"a\"\naccess = \"public\"\n[session]\nidle = \"10m\"\n");
    let Err(Refused::NeedsRestart(keys)) = take(fixed) else { panic!("taken over") };
    assert_eq!(keys, ["session.idle"]);
    assert_eq!(world.get("/a/", &[]).await.status, 200);
    assert_eq!(world.get("/b/", &[]).await.status, 404, "not even the part that could have changed");
}

#[tokio::test]
async fn a_request_is_judged_wholly_by_what_it_began_with() {
    let world = World::new().await;
    let port = upstream("one").await;
    serve(&world, &text(&[("a", port)], &[("/a/", "a", "public")]));
    let header = RequestHeader::build("GET", b"/a/", None).expect("a header");
    let begin = || {
        let mut exchange = Exchange::begin(&world.state);
        exchange.host = "localhost".into();
        exchange
    };
    let before = begin();
    serve(&world, &text(&[("b", port)], &[("/b/", "b", "public")]));
    let Judgement::Pass(permit) = judge(&header, &before, &world.state).await else { panic!("refused") };
    assert!(before.generation.upstreams.peer(&permit.route().target).is_some(), "its own upstream is still there");
    assert!(matches!(judge(&header, &begin(), &world.state).await, Judgement::Refuse(Problem::NotFound)));
}

#[tokio::test]
async fn a_request_under_way_is_answered_by_the_service_that_it_went_to() {
    let world = Arc::new(World::new().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    serve(&world, &text(&[("slow", port)], &[("/slow/", "slow", "public")]));
    let asker = {
        let world = world.clone();
        tokio::spawn(async move { world.get("/slow/", &[]).await })
    };
    let (mut stream, _) = listener.accept().await.expect("asked");
    let mut head = [0; 4096];
    assert!(stream.read(&mut head).await.expect("a header") > 0);
    let other = upstream("other").await;
    serve(&world, &text(&[("slow", other)], &[("/other/", "slow", "public")]));
    assert_eq!(world.get("/slow/", &[]).await.status, 404);
    assert_eq!(world.get("/other/", &[]).await.header("x-upstream"), "other");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate").await.expect("written");
    let answer = asker.await.expect("an answer");
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "late"));
}

#[tokio::test]
async fn hosts_demands_and_aliases_follow_a_reload() {
    let world = World::new().await;
    let port = upstream("one").await;
    let cookie = world.open_by_password().await;
    let with = |aliases: &str, more: &str| {
        format!(
            "demo = {{ enabled = false }}\nlog = {{ access = \"off\" }}\n[[service]]\nname = \"a\"\n\
             upstream = \"127.0.0.1:{port}\"\naliases = [{aliases}]\n\
             [[route]]\npath = \"/a/\"\nservice = \"a\"\n{more}"
        )
    };
    let host = "[[route]]\nhost = \"new.localhost\"\npath = \"/\"\nservice = \"a\"\n";
    let walks = async || {
        let begins = world.send_to("new.localhost", "GET", "/.aldgate/sign-in?return_to=%2F", &[], "").await.status;
        let give = format!("/hand-off?host=new.localhost&return_to=%2F&binding={}", "A".repeat(43));
        (begins.as_u16(), world.get(&give, &[("cookie", &cookie)]).await.status.as_u16())
    };
    let told = async || support::world::received(&world.get("/a/", &[("cookie", &cookie)]).await);

    serve(&world, &with("", ""));
    assert_eq!(walks().await, (404, 400), "no such host, and nothing is given to it");
    assert!(!told().await.contains_key("remote-user"));
    serve(&world, &with("\"authelia\"", host));
    assert_eq!(walks().await, (200, 200), "pages that lead on");
    assert!(told().await.contains_key("remote-user"));
    serve(&world, &with("\"pomerium\"", "demand = { authenticator = \"passkey\" }\n"));
    assert_eq!(walks().await, (404, 400), "a host that is gone takes no more sessions");
    let answer = world.get("/a/", &[("cookie", &cookie), ("accept", "application/json")]).await;
    assert_eq!(answer.status, 401, "a password is not enough any more: {answer:?}");
}

#[tokio::test]
async fn the_platforms_own_routes_survive_every_reload() {
    let world = World::new().await;
    serve(&world, &text(&[], &[]));
    assert_eq!(world.get("/.well-known/aldgate/jwks.json", &[]).await.status, 200);
    assert_eq!(world.get("/app/", &[]).await.status, 404);
}

/// A process with one route, and how it is told of others.
struct Process {
    instance: Instance,
    port: u16,
    file: PathBuf,
}

/// Routes to one service, for everybody.
fn routes(port: u16, paths: &[&str]) -> String {
    let mut text = format!("[[service]]\nname = \"one\"\nupstream = \"127.0.0.1:{port}\"\n");
    for path in paths {
        text.push_str(&format!("[[route]]\npath = \"{path}\"\nservice = \"one\"\naccess = \"public\"\n"));
    }
    text
}

impl Process {
    async fn start() -> Self {
        let port = upstream("one").await;
        let instance = Instance::start_with(&routes(port, &["/old/"])).await;
        let file = instance.dir.path().join("aldgate.toml");
        Self { instance, port, file }
    }

    /// The whole file, with routes for these paths.
    fn text(&self, paths: &[&str]) -> String {
        config(self.instance.dir.path(), self.instance.ports, &routes(self.port, paths))
    }

    /// As editors do: whole, under the same name.
    fn write(&self, text: &str) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, text).expect("written");
        std::fs::rename(new, &self.file).expect("renamed");
    }

    async fn status(&self, path: &str) -> u16 {
        self.instance.client().get(path).await.status.as_u16()
    }

    async fn metrics(&self) -> String {
        self.instance.private_client().get("/metrics").await.body
    }

    /// Waits until the metrics have a line.
    async fn until_metrics_say(&self, line: &str) {
        let says = async {
            while !self.metrics().await.lines().any(|l| l == line) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), says).await;
        assert!(waited.is_ok(), "{line:?} is not in\n{}\n{}", self.metrics().await, self.instance.errors());
    }
}

fn info(text: &str) -> String {
    format!("aldgate_config_info{{checksum=\"{}\"}} 1", Source::of(text.to_owned()).checksum())
}

#[tokio::test]
async fn a_hang_up_signal_takes_a_good_file_over_and_refuses_a_broken_one() {
    let mut process = Process::start().await;
    process.until_metrics_say(&info(&process.text(&["/old/"]))).await;
    let good = process.text(&["/old/", "/new/"]);
    process.write(&good);
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"applied\"} 1").await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 200));
    process.until_metrics_say(&info(&good)).await;

    process.write(&format!("{}[[route]]\npath = \"/third/\"\nservice = \"nobody\"\n", process.text(&["/old/"])));
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    process.until_metrics_say("aldgate_config_last_reload_successful 0").await;
    process.until_metrics_say(&info(&good)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 200), "the good one serves on");
    assert!(process.instance.child.try_wait().expect("a child").is_none(), "it lives");
    let said = process.instance.errors();
    assert!(said.contains("route[1].service: must name one of the [[service]] tables"), "{said}");
    assert_eq!(said.matches("refused whole").count(), 1, "said once: {said}");

    process.write(&good);
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_last_reload_successful 1").await;
}

#[tokio::test]
async fn a_changed_file_is_taken_over_without_a_signal() {
    let process = Process::start().await;
    let good = process.text(&["/new/"]);
    process.write(&good);
    process.until_metrics_say(&info(&good)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (404, 200));
    // A broken file is refused once, and tried again when it has changed.
    process.write(&format!("{good}[[rou"));
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    assert!(process.instance.errors().contains("line "), "{}", process.instance.errors());
    let better = process.text(&["/old/", "/new/"]);
    process.write(&better);
    process.until_metrics_say(&info(&better)).await;
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
}

#[tokio::test]
async fn a_link_that_is_turned_to_another_file_is_noticed() {
    let (dir, ports, port) = (Arc::new(TempDir::new().expect("a directory")), Ports::free(), upstream("one").await);
    let data = dir.path().to_owned();
    let version = |name: &str, paths: &[&str]| {
        std::fs::create_dir(data.join(name)).expect("a directory");
        let text = config(&data, ports, &routes(port, paths));
        std::fs::write(data.join(name).join("aldgate.toml"), &text).expect("a file");
        text
    };
    let first = version("v1", &["/old/"]);
    let second = version("v2", &["/new/"]);
    // As Kubernetes mounts a ConfigMap: the file is a link into a directory that is a link too.
    symlink("v1", data.join("now")).expect("a link");
    symlink("now/aldgate.toml", data.join("aldgate.toml")).expect("a link");
    let instance = Instance::start_as(dir.clone(), ports, &first).await;
    let process = Process { instance, port, file: data.join("aldgate.toml") };
    symlink("v2", data.join("next")).expect("a link");
    std::fs::rename(data.join("next"), data.join("now")).expect("renamed");
    process.until_metrics_say(&info(&second)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (404, 200));
}

#[tokio::test]
async fn a_change_that_needs_a_restart_is_refused_whole_with_its_keys() {
    let process = Process::start().await;
    let old = process.text(&["/old/"]);
    process.write(&process.text(&["/old/", "/new/"]).replace("threads = 2", "threads = 3"));
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    let said = process.instance.errors();
    assert!(said.contains("edge.threads: a change needs a restart"), "{said}");
    process.until_metrics_say(&info(&old)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 404));
    let private = format!("private = \"127.0.0.1:{}\"", process.instance.ports.private);
    process.write(&old.replace(&private, "private = \"127.0.0.1:1\""));
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 2").await;
    assert!(process.instance.errors().contains("edge.private: a change needs a restart"));
}

/// A certificate for `localhost`, as PEM, with its key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// Puts a file under a name, as a whole.
fn put(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(new, path).expect("renamed");
}

/// A connection over TLS to a listener, which must show this certificate.
async fn tls_to(port: u16, certificate: &str) -> std::io::Result<ClientTlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")).expect("a root");
    let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().expect("versions");
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").expect("a name"), stream).await
}

/// One request on a connection that stays; its status.
async fn ask<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, path: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let n = stream.read(&mut piece).await.expect("an answer");
        assert!(n > 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..n]);
        let text = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next());
        if body.len() >= length.expect("a length").parse().expect("a number") {
            return head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        }
    }
}

#[tokio::test]
async fn a_renewed_certificate_is_taken_over_and_one_without_its_key_is_not() {
    let (dir, ports, port) = (Arc::new(TempDir::new().expect("a directory")), Ports::free(), upstream("one").await);
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| dir.path().join(name));
    let (old, old_key) = certificate();
    put(&chain, &old);
    put(&key, &old_key);
    let pair = format!("threads = 2\ncertificate = {chain:?}\nprivate_key = {key:?}");
    let text = config(dir.path(), ports, &routes(port, &["/old/"])).replace("threads = 2", &pair);
    let instance = Instance::start_as(dir.clone(), ports, &text).await;
    let process = Process { instance, port, file: dir.path().join("aldgate.toml") };
    let mut standing = tls_to(ports.https, &old).await.expect("the old one is served");
    assert_eq!(ask(&mut standing, "/old/").await, 200);

    // The chain comes first: together with the old key it is refused, whole, and by itself nothing is tried again.
    let (new, new_key) = certificate();
    put(&chain, &new);
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    let said = process.instance.errors();
    assert!(said.contains("edge.private_key: "), "{said}");
    assert!(
        tls_to(ports.https, &new).await.is_err() && tls_to(ports.https, &old).await.is_ok(),
        "the old one serves on"
    );

    put(&key, &new_key);
    process.until_metrics_say("aldgate_config_reloads_total{result=\"applied\"} 1").await;
    process.until_metrics_say(&info(&text)).await;
    let mut fresh = tls_to(ports.https, &new).await.expect("the new one is served");
    assert!(tls_to(ports.https, &old).await.is_err(), "and the old one is not");
    assert_eq!(ask(&mut fresh, "/old/").await, 200);
    assert_eq!(ask(&mut standing, "/old/").await, 200, "a connection that stands is not disturbed");
    let metrics = process.metrics().await;
    assert!(!metrics.contains("aldgate_config_last_reload_timestamp_seconds 0"), "{metrics}");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;

    // A file that is missing is named, and taken up when it is there.
    let elsewhere = dir.path().join("elsewhere.pem");
    process.write(&text.replace("chain.pem", "elsewhere.pem"));
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 2").await;
    assert!(process.instance.errors().contains("elsewhere.pem: cannot be read"), "{}", process.instance.errors());
    put(&elsewhere, &new);
    process.until_metrics_say("aldgate_config_reloads_total{result=\"applied\"} 2").await;
    assert!(tls_to(ports.https, &new).await.is_ok());
}

#[tokio::test]
async fn a_process_that_began_with_a_certificate_of_its_own_is_not_left_without_one() {
    let (dir, ports, port) = (Arc::new(TempDir::new().expect("a directory")), Ports::free(), upstream("one").await);
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| dir.path().join(name));
    let (made, made_key) = certificate();
    put(&chain, &made);
    put(&key, &made_key);
    let plain = config(dir.path(), ports, &routes(port, &["/old/"]));
    let pair = format!("threads = 2\ncertificate = {chain:?}\nprivate_key = {key:?}");
    let instance = Instance::start_as(dir.clone(), ports, &plain.replace("threads = 2", &pair)).await;
    let process = Process { instance, port, file: dir.path().join("aldgate.toml") };
    process.write(&plain);
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    assert!(process.instance.errors().contains("edge.certificate: is missing"), "{}", process.instance.errors());
    assert!(tls_to(ports.https, &made).await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_written_in_place_is_refused_half_way_and_taken_up_when_it_is_whole() {
    let process = Process::start().await;
    let whole = process.text(&["/old/", "/new/"]);
    let half = &whole[..whole.rfind("service").expect("the last key")];
    std::fs::write(&process.file, format!("{half}serv")).expect("written");
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 404));
    std::fs::write(&process.file, &whole).expect("written");
    process.until_metrics_say(&info(&whole)).await;
    assert_eq!((process.status("/old/").await, process.status("/new/").await), (200, 200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_fails_during_fifty_reloads_of_the_whole_program() {
    const RELOADS: usize = 50;
    let process = Process::start().await;
    let certificate = std::fs::read_to_string(process.instance.data().join("tls/certificate.pem")).expect("a file");
    let (over, ports) = (Arc::new(AtomicBool::new(false)), process.instance.ports);
    let askers = [false, false, true].map(|tls| {
        let (over, certificate) = (over.clone(), certificate.clone());
        tokio::spawn(async move {
            let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
            while !over.load(Ordering::SeqCst) {
                // Some requests on one connection, fewer than it is closed after; then a fresh one.
                let mut clear = TcpStream::connect(("127.0.0.1", ports.http)).await.expect("connected");
                let mut secret =
                    if tls { Some(tls_to(ports.https, &certificate).await.expect("a handshake")) } else { None };
                for _ in 0..20 {
                    let status = match &mut secret {
                        Some(stream) => ask(stream, "/old/").await,
                        None => ask(&mut clear, "/old/").await,
                    };
                    *statuses.entry(status).or_default() += 1;
                }
            }
            statuses
        })
    });
    for reload in 1..=RELOADS {
        let paths: &[&str] = if reload % 2 == 0 { &["/old/"] } else { &["/new/", "/old/"] };
        process.write(&process.text(paths));
        process.instance.signal("HUP");
        process.until_metrics_say(&info(&process.text(paths))).await;
        let new = process.status("/new/").await;
        assert_eq!(new, if reload % 2 == 0 { 404 } else { 200 }, "reload {reload}");
    }
    over.store(true, Ordering::SeqCst);
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for asker in askers {
        for (status, times) in asker.await.expect("no asker fails") {
            *statuses.entry(status).or_default() += times;
        }
    }
    println!("{RELOADS} reloads, {statuses:?}");
    assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}");
}

#[test]
fn check_says_the_checksum_that_the_metric_carries() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("aldgate.toml");
    let text = "[hot]\nsessions = \"5 MiB\"\n";
    std::fs::write(&path, text).expect("a file");
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_aldgate"));
    let output = check.args(["check", "--config"]).arg(&path).output().expect("the binary");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success());
    assert!(said.contains(&Source::of(text.to_owned()).checksum()), "{said}");
}
