//! The program as its user meets it: start, stop, kill, start again, and each wrong turn at the start.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use support::instance::{Instance, Ports, command, config};
use support::person::{log_in, register};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Runs `aldgate up` to its end, which must come soon.
fn failing_start(text: &str, dir: &Path) -> (Output, String) {
    let path = dir.join("aldgate.toml");
    std::fs::write(&path, text).expect("a file");
    let output = command(&path).output().expect("the binary");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it started: {error}");
    (output, error)
}

#[tokio::test]
async fn ctrl_c_drains_and_a_second_up_finds_the_accounts_again() {
    let mut first = Instance::start().await;
    let mut client = first.client();
    let authenticator = register(&first, &mut client, "ann@example.org", 1).await;
    let registered = client.get("/session").await;
    assert_eq!(registered.status, 200, "registering signs in: {registered:?}");
    assert_eq!(first.private_client().get("/readyz").await.status, 200);
    first.signal("INT");
    assert!(first.ended().await.success(), "Ctrl-C ends with 0");
    assert!(!first.data().join("run/backend.sock").exists());

    let second = Instance::start_in(first.dir.clone(), Ports::free(), "").await;
    let mut later = second.client();
    later.cookies = client.cookies.clone();
    assert_eq!(later.get("/session").await.status, 200, "the session is still there");
    let mut fresh = second.client();
    // The new port makes a new origin; the relying party and the passkey are the same.
    assert!(log_in(&mut fresh, &authenticator).await);
    assert_eq!(fresh.get("/session").await.json()["account"], registered.json()["account"]);
    let page = fresh.send(hyper::Method::GET, "/account", &[("accept", "text/html")], "").await;
    assert!(page.body.contains("ann@example.org"), "{page:?}");
}

#[tokio::test]
async fn an_acknowledged_log_in_survives_kill_9() {
    let mut first = Instance::start().await;
    let mut clients = Vec::new();
    for user in 0..4 {
        let mut client = first.client();
        let authenticator = register(&first, &mut client, &format!("user{user}@example.org"), user).await;
        clients.push((first.client(), authenticator));
    }
    // Log-ins go on in four tasks until the process is killed under them; each keeps what was acknowledged.
    let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let tasks: Vec<_> = clients
        .into_iter()
        .map(|(client, authenticator)| {
            let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let mut sessions = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let mut browser = client.clone();
                    if !log_in(&mut browser, &authenticator).await {
                        break;
                    }
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                    sessions.push(browser.cookies);
                }
                sessions
            })
        })
        .collect();
    while acknowledged.load(Ordering::SeqCst) < 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.child.kill().expect("SIGKILL");
    stop.store(true, Ordering::SeqCst);
    first.ended().await;

    let second = Instance::start_in(first.dir.clone(), Ports::free(), "").await;
    let mut found = 0;
    for task in tasks {
        for cookies in task.await.expect("a task") {
            let mut client = second.client();
            client.cookies = cookies;
            assert_eq!(client.get("/session").await.status, 200, "an acknowledged log-in was lost");
            found += 1;
        }
    }
    assert!(found >= 40, "{found}");
}

#[tokio::test]
async fn a_challenge_that_was_used_before_a_kill_cannot_be_used_after_it() {
    let mut first = Instance::start().await;
    let mut client = first.client();
    let authenticator = register(&first, &mut client, "ann@example.org", 1).await;
    let mut browser = first.client();
    let challenge = browser.post_json("/passkey/login/options", "{}").await.json();
    let challenge = challenge["challenge"].as_str().expect("a challenge").to_owned();
    let body = authenticator.login_body("localhost", &browser.origin(), &challenge);
    let before = browser.cookies.clone();
    assert_eq!(browser.post_json("/passkey/login", &body).await.status, 200);
    first.child.kill().expect("SIGKILL");
    first.ended().await;
    let second = Instance::start_in(first.dir.clone(), first.ports, "").await;
    let mut thief = second.client();
    thief.cookies = before;
    // Counters of its own would refuse the same assertion too; a fresh signature over the same challenge must fail.
    let replay = authenticator.login_body("localhost", &thief.origin(), &challenge);
    let answer = thief.post_json("/passkey/login", &replay).await;
    assert_eq!(answer.json()["type"], "urn:aldgate:problem:challenge-used", "{answer:?}");
}

/// A service that takes a second for each answer.
async fn slow_service() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwhole").await;
            });
        }
    });
    port
}

#[tokio::test]
async fn sigterm_announces_the_end_and_lets_requests_finish() {
    let port = slow_service().await;
    let more = format!(
        "[[service]]\nname = \"slow\"\nupstream = \"127.0.0.1:{port}\"\n\
         [[route]]\npath = \"/slow/\"\nservice = \"slow\"\naccess = \"public\"\n"
    );
    let dir = Arc::new(TempDir::new().expect("a directory"));
    let mut instance = Instance::start_announcing(dir, "1s", "2s", &more).await;
    let mut client = instance.client();
    let under_way = tokio::spawn(async move { client.get("/slow/").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    instance.signal("TERM");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(instance.private_client().get("/readyz").await.status, 503, "announced");
    assert_eq!(instance.client().get("/sign-in").await.status, 200, "and still serving");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut late = instance.client();
    let late = tokio::spawn(async move { late.get("/slow/").await });
    assert_eq!(under_way.await.expect("a task").body, "whole");
    assert_eq!(late.await.expect("a task").body, "whole", "begun before listening stopped, ended after");
    assert!(instance.ended().await.success());
}

#[tokio::test]
async fn up_says_what_to_open_and_shows_the_code() {
    let instance = Instance::start().await;
    let Ports { http, https, private, .. } = instance.ports;
    for text in [
        format!("http://localhost:{http}"),
        format!("https://localhost:{https}"),
        format!("http://localhost:{http}/demo/"),
        format!("http://127.0.0.1:{private}/metrics"),
        "Ctrl-C".into(),
    ] {
        assert!(instance.said(&text), "{text}");
    }
    let mut client = instance.client();
    register(&instance, &mut client, "ann@example.org", 1).await;
    let code = instance.message_to("ann@example.org").expect("a message");
    let code = code.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).expect("a code").to_owned();
    for _ in 0..100 {
        if instance.said(&code) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the code is not in the terminal");
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_http_2_is_offered() {
    let instance = Instance::start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let mut roots = rustls::RootCertStore::empty();
        let certificate = CertificateDer::from_pem_file(instance.data().join("tls/certificate.pem"));
        roots.add(certificate.expect("a certificate")).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]);
        let mut config = builder.expect("a version").with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let name = "localhost".try_into().expect("a name");
        let mut connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a connection");
        let mut socket = std::net::TcpStream::connect(("127.0.0.1", instance.ports.https)).expect("a socket");
        connection.complete_io(&mut socket).expect("a handshake");
        assert_eq!(connection.protocol_version(), Some(version.version));
        assert_eq!(connection.alpn_protocol(), Some(&b"h2"[..]));
    }
}

#[test]
fn check_says_good_or_every_fault() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("aldgate.toml");
    let check = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aldgate"));
        command.args(["check", "--config"]).arg(&path).output().expect("the binary")
    };
    std::fs::write(&path, config(dir.path(), Ports::free(), "")).expect("a file");
    assert!(check().status.success());
    std::fs::write(&path, "[edge]\nthreads = \"many\"\nprot = 1\n[session]\nidle = \"soon\"\n").expect("a file");
    let output = check();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78));
    for path in ["edge.threads", "edge.prot", "session.idle"] {
        assert!(error.contains(path), "{path} in {error}");
    }
}

#[tokio::test]
async fn the_private_listener_tells_metrics_and_health_and_the_public_one_does_not() {
    let instance = Instance::start().await;
    let mut private = instance.private_client();
    assert_eq!(private.get("/livez").await.status, 200);
    let metrics = private.get("/metrics").await;
    assert!(metrics.body.contains("aldgate_build_info 1"));
    assert_eq!(private.get("/elsewhere").await.status, 404);
    let rebound = private.send(hyper::Method::GET, "/metrics", &[("host", "attacker.example:8081")], "").await;
    assert_eq!(rebound.status, 421);
    let mut public = instance.client();
    assert_eq!(public.get("/metrics").await.status, 404, "metrics are private");
}

#[tokio::test]
async fn whoever_asks_the_private_listener_and_never_reads_is_cut() {
    let instance = Instance::start().await;
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", instance.ports.private)).await.expect("connected");
    let question = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1024);
    let until_it_is_gone = async {
        // Once both directions are full, nothing can be written until the other side has gone.
        while stream.writable().await.is_ok() {
            match stream.try_write(&question) {
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), until_it_is_gone).await.expect("cut");
    assert_eq!(instance.private_client().get("/livez").await.status, 200, "others are served");
}

#[tokio::test]
async fn the_access_log_has_no_secret_in_it() {
    let instance = Instance::start().await;
    let mut client = instance.client();
    let authenticator = register(&instance, &mut client, "ann@example.org", 1).await;
    assert!(log_in(&mut client, &authenticator).await);
    let _ = client.get("/demo/?code=SECRETQUERY").await;
    let tokens: Vec<_> = client.cookies.values().cloned().collect();
    let read = async || std::fs::read_to_string(instance.data().join("log/access.jsonl")).unwrap_or_default();
    let mut log = read().await;
    for _ in 0..100 {
        if log.contains("\"path\":\"/demo/\"") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        log = read().await;
    }
    assert!(log.contains("\"path\":\"/demo/\""), "{log}");
    for secret in tokens.iter().map(String::as_str).chain(["SECRETQUERY", "ann@example.org"]) {
        assert!(!log.contains(secret), "{secret}");
    }
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("JSON");
    }
}

/// Metrics are worth what people can find out about them.
#[tokio::test]
async fn every_metric_is_in_the_manuals_table_and_every_one_of_the_table_is_there() {
    let instance = Instance::start().await;
    let metrics = instance.private_client().get("/metrics").await.body;
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/running.md");
    let manual = std::fs::read_to_string(manual).expect("the manual");
    let rows = manual.lines().filter(|line| line.starts_with("| `aldgate_"));
    let told: BTreeSet<_> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().strip_prefix('`'))
        .map(|name| name.split(['{', '`']).next().unwrap_or_default())
        .filter(|name| name.starts_with("aldgate_"))
        .collect();
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let there: BTreeSet<_> = types.filter(|name| name.starts_with("aldgate_")).collect();
    assert_eq!(told, there);
}

/// Whether the other side has closed it.
fn is_closed(stream: &tokio::net::TcpStream) -> bool {
    loop {
        match stream.try_read(&mut [0; 256]) {
            Ok(0) => return true,
            Ok(_) => {} // HTTP/2 begins with a word of the server's.
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

/// Whoever holds connections of a private listener open takes no more of the process's files than are meant for it.
#[tokio::test]
async fn the_private_listeners_have_so_many_connections_and_no_more() {
    let instance = Instance::start().await;
    for (port, most) in [(instance.ports.private, 4_096), (instance.ports.authz_grpc, 256)] {
        let mut held = Vec::new();
        for _ in 0..=most {
            held.push(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("connected"));
        }
        let closed = || held.iter().filter(|stream| is_closed(stream)).count();
        let one_is = async {
            while closed() == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), one_is).await.expect("closed at once");
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(closed(), 1, "those that have their places keep them");
    }
    let mut private = instance.private_client();
    let mut freed = async || private.try_send(hyper::Method::GET, "/metrics", &[], "".into()).await.ok();
    let metrics = async {
        loop {
            match freed().await {
                Some(answer) => return answer.body,
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let metrics = tokio::time::timeout(Duration::from_secs(10), metrics).await.expect("places are given back");
    let refused =
        metrics.lines().find_map(|line| line.strip_prefix("aldgate_connections_refused_total{cap=\"private\"} "));
    assert!(refused.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count >= 2), "{refused:?}");
}

/// Who opens a connection to Envoy's listener and says nothing, or asks and never ends, is not waited for.
#[tokio::test]
async fn a_question_over_grpc_that_does_not_end_is_answered_with_an_error() {
    let instance = Instance::start().await;
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", instance.ports.authz_grpc)).await.expect("connected");
    let (mut sender, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let question = hyper::Request::post("http://localhost/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .body(())
        .expect("a request");
    let (answer, mut body) = sender.send_request(question, false).expect("sent");
    body.send_data(vec![0, 0, 0, 1, 0].into(), false).expect("the beginning of a message");
    let answer = tokio::time::timeout(Duration::from_secs(10), answer).await.expect("in time").expect("an answer");
    assert_eq!(answer.headers().get("grpc-status").and_then(|code| code.to_str().ok()), Some("4"), "{answer:?}");
}

/// What a client chooses the length of is cut.
#[tokio::test]
async fn a_line_of_the_access_log_is_short_however_long_the_path() {
    let instance = Instance::start().await;
    let path = format!("/{}", "x".repeat(20_000));
    assert!(instance.client().get(&path).await.status.is_client_error());
    let read = async {
        loop {
            let log = std::fs::read_to_string(instance.data().join("log/access.jsonl")).unwrap_or_default();
            match log.lines().find(|line| line.contains("/xxx")) {
                Some(line) => return line.to_owned(),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let line = tokio::time::timeout(Duration::from_secs(10), read).await.expect("a line");
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let written = line["path"].as_str().expect("a path");
    assert!(written.len() <= 4_096 && written.ends_with("x\u{2026}"), "{}", written.len());
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let dir = TempDir::new().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let ports = Ports { http: port, ..Ports::free() };
    let (output, error) = failing_start(&config(dir.path(), ports, ""), dir.path());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(&format!("127.0.0.1:{port} is in use")) && error.contains("edge.http"), "{error}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_one_clear_line() {
    let dir = TempDir::new().expect("a directory");
    // A file in its place fails for everybody, also for root.
    std::fs::write(dir.path().join("data"), "").expect("a file");
    let (_, error) = failing_start(&config(dir.path(), Ports::free(), ""), dir.path());
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("cannot make the directory") && error.contains("data"), "{error}");
}

#[test]
fn a_broken_configuration_is_a_line_a_fault() {
    let dir = TempDir::new().expect("a directory");
    let text = config(dir.path(), Ports::free(), "[session]\nidle = \"soon\"\n[log]\ncolour = 1\n");
    let (output, error) = failing_start(&text, dir.path());
    assert_eq!(output.status.code(), Some(78));
    assert!(error.lines().count() == 2 && error.contains("log.colour") && error.contains("session.idle"), "{error}");
    let text = config(dir.path(), Ports::free(), "[session]\nidle = \"soon\"\nabsolute = \"later\"\n");
    let (_, error) = failing_start(&text, dir.path());
    assert!(
        error.lines().count() >= 2 && error.contains("session.idle") && error.contains("session.absolute"),
        "{error}"
    );
}

#[tokio::test]
async fn a_second_up_on_the_same_data_is_one_clear_line() {
    let first = Instance::start().await;
    let text = config(first.dir.path(), Ports::free(), "");
    let (_, error) = failing_start(&text, first.dir.path());
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("another Aldgate runs on"), "{error}");
}

#[tokio::test]
async fn keys_and_database_are_their_owners_alone() {
    let instance = Instance::start().await;
    for path in
        ["keys/master.key", "keys/identity-assertion.p8", "tls/private-key.pem", "aldgate.db", "run/backend.sock"]
    {
        let mode =
            std::fs::metadata(instance.data().join(path)).unwrap_or_else(|e| panic!("{path}: {e}")).permissions();
        assert_eq!(mode.mode() & 0o077, 0, "{path}");
    }
}
