//! What happens to connections, against the real program: session tickets, caps, and clients that take their time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod attacks;
mod frames;
mod held;
#[path = "../support/mod.rs"]
mod support;

use frames::{DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, frame, post_frames, tls};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use support::instance::{Instance, Ports};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// What openssl says of a handshake, and of one request after which the server closes.
fn s_client(port: u16, more: &[&str]) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "localhost", "-ign_eof"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl");
    let request = b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    std::io::Write::write_all(&mut client.stdin.take().expect("a pipe"), request).expect("written");
    let said = client.wait_with_output().expect("openssl");
    String::from_utf8_lossy(&said.stdout).into_owned() + &String::from_utf8_lossy(&said.stderr)
}

/// Makes a full handshake and keeps the ticket in this file.
fn ticket(port: u16, version: &str, file: &Path) {
    let said = s_client(port, &[version, "-sess_out", file.to_str().expect("a path")]);
    assert!(said.contains("New, TLSv1"), "{said}");
}

/// How a handshake with the ticket in this file goes; either way the request after it is answered.
fn resumes(port: u16, version: &str, file: &Path) -> bool {
    let said = s_client(port, &[version, "-sess_in", file.to_str().expect("a path")]);
    assert!(said.contains("HTTP/1.1 "), "the request was not answered: {said}");
    assert!(said.contains("Reused, TLSv1") != said.contains("New, TLSv1"), "{said}");
    said.contains("Reused, TLSv1")
}

/// An instance with the keys of another.
async fn sibling_of(one: &Instance) -> Instance {
    let dir = Arc::new(TempDir::new().expect("a directory"));
    let keys = dir.path().join("data/keys");
    std::fs::create_dir_all(&keys).expect("a directory");
    for file in std::fs::read_dir(one.data().join("keys")).expect("keys").flatten() {
        std::fs::copy(file.path(), keys.join(file.file_name())).expect("a copy");
    }
    Instance::start_in(dir, Ports::free(), "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_3_resumes_at_another_instance_and_after_a_restart_and_tls_1_2_nowhere() {
    let mut one = Instance::start().await;
    let dir = one.dir.clone();
    let (new, old) = (dir.path().join("tls13.pem"), dir.path().join("tls12.pem"));
    ticket(one.ports.https, "-tls1_3", &new);
    let said = s_client(one.ports.https, &["-tls1_2", "-sess_out", old.to_str().expect("a path"), "-reconnect"]);
    assert!(said.contains("New, TLSv1.2") && !said.contains("Reused"), "{said}");
    assert!(!old.exists() && !said.contains("TLS session ticket:"), "nothing to resume TLS 1.2 by: {said}");
    assert!(resumes(one.ports.https, "-tls1_3", &new), "where it was given");
    let other = sibling_of(&one).await;
    assert!(resumes(other.ports.https, "-tls1_3", &new), "at another instance");
    let stranger = Instance::start().await;
    assert!(!resumes(stranger.ports.https, "-tls1_3", &new), "at another deployment");
    one.signal("TERM");
    one.ended().await;
    let again = Instance::start_in(dir, Ports::free(), "").await;
    assert!(resumes(again.ports.https, "-tls1_3", &new), "after a restart");
}

/// Whether a connection is closed at once, without a byte.
async fn is_turned_away(stream: &mut TcpStream) -> bool {
    // Closed cleanly, or reset because the hello was not read.
    matches!(timeout(Duration::from_secs(5), stream.read(&mut [0; 16])).await, Ok(Ok(0) | Err(_)))
}

async fn connect(port: u16) -> TcpStream {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.expect("a connection")
}

/// Asks on a connection that stays open.
async fn is_served(stream: &mut TcpStream) -> bool {
    let request = b"HEAD /session HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (mut answer, mut piece) = (Vec::new(), [0; 2048]);
    let answered = async {
        while stream.write_all(if answer.is_empty() { request } else { b"" }).await.is_ok()
            && !answer.ends_with(b"\r\n\r\n")
        {
            match stream.read(&mut piece).await {
                Ok(n @ 1..) => answer.extend_from_slice(&piece[..n]),
                _ => return false,
            }
        }
        answer.starts_with(b"HTTP/1.1 ")
    };
    timeout(Duration::from_secs(5), answered).await.unwrap_or(false)
}

async fn metric(instance: &Instance, series: &str) -> u64 {
    let text = instance.private_client().get("/metrics").await.body;
    let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_else(|| panic!("no {series}"));
    line.trim().parse().expect("a number")
}

/// An instance whose listeners have these caps. The keys of `[edge]` come first in its file.
async fn capped(keys: &str) -> Instance {
    let (dir, ports) = (Arc::new(TempDir::new().expect("a directory")), Ports::free());
    let text = support::instance::config(dir.path(), ports, "").replacen("[edge]", &format!("[edge]\n{keys}"), 1);
    Instance::start_as(dir, ports, &text).await
}

#[tokio::test]
async fn one_address_is_turned_away_at_its_cap_on_both_listeners_together() {
    let instance = capped("connections_per_address = 3\nuncapped = []").await;
    let ports = instance.ports;
    let refused = "aldgate_connections_refused_total{cap=\"address\"}";
    let mut held = vec![connect(ports.http).await, connect(ports.http).await];
    for stream in &mut held {
        assert!(is_served(stream).await);
    }
    // The third place is taken on the other listener; which of these has it is nobody's affair, so all are kept.
    let mut tls = Vec::new();
    let turned_away = async {
        while metric(&instance, refused).await == 0 {
            tls.push(connect(ports.https).await);
        }
    };
    timeout(Duration::from_secs(10), turned_away).await.expect("a fourth is turned away before its handshake");
    assert!(is_turned_away(&mut connect(ports.http).await).await);
    assert!(is_served(&mut held[0]).await, "those that have a place keep it");
    for _ in 0..20 {
        drop(connect(ports.http).await);
    }
    assert_eq!(instance.terminal_lines("a connection was closed"), 1, "one line, not twenty");
    drop((held, tls));
    let served_again = async { while !is_served(&mut connect(ports.http).await).await {} };
    timeout(Duration::from_secs(10), served_again).await.expect("places are given back");
}

#[tokio::test]
async fn a_network_that_is_uncapped_may_have_more_but_never_more_than_all() {
    let instance = capped("connections = 6\nconnections_per_address = 1\nuncapped = [\"127.0.0.0/8\"]").await;
    let mut held = Vec::new();
    for _ in 0..6 {
        let mut stream = connect(instance.ports.http).await;
        assert!(is_served(&mut stream).await);
        held.push(stream);
    }
    assert!(is_turned_away(&mut connect(instance.ports.http).await).await);
    assert_eq!(metric(&instance, "aldgate_connections_refused_total{cap=\"all\"}").await, 1);
    drop(held);
}

#[tokio::test]
async fn who_is_slow_with_the_handshake_is_cut_in_ten_seconds_and_nothing_is_logged_as_an_error() {
    let instance = Instance::start().await;
    let port = instance.ports.https;
    let began = Instant::now();
    let mut silent = connect(port).await;
    let (mut reading, mut writing) = connect(port).await.into_split();
    let drip = tokio::spawn(async move {
        // The beginning of a record that says that it is long.
        for byte in b"\x16\x03\x01\x40\x00\x01".iter().chain(std::iter::repeat(&0)) {
            if writing.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut nonsense = connect(port).await;
    nonsense.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("written");
    let mut piece = [0; 64];
    while let Ok(Ok(1..)) = timeout(Duration::from_secs(5), nonsense.read(&mut piece)).await {}
    let cut = async {
        let _ = silent.read(&mut [0; 16]).await;
        let _ = reading.read(&mut [0; 16]).await;
    };
    timeout(Duration::from_secs(13), cut).await.expect("cut");
    assert!(began.elapsed() >= Duration::from_secs(9), "not at once either");
    drip.abort();
    assert_eq!(metric(&instance, "aldgate_tls_handshakes_total{result=\"deadline\"}").await, 2);
    assert_eq!(metric(&instance, "aldgate_tls_handshakes_total{result=\"refused\"}").await, 1);
    let said = instance.errors() + &instance.terminal.lock().expect("a lock");
    assert!(!said.contains("ERROR"), "{said}");
}

/// Sends the beginning and then a piece each fifth of a second, until the stream or the connection is over.
async fn until_cut<S: AsyncRead + AsyncWrite + Send + 'static>(
    stream: S,
    begin: Vec<u8>,
    piece: Vec<u8>,
    http2: bool,
) -> Duration {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let began = Instant::now();
    let drip = tokio::spawn(async move {
        let _ = writing.write_all(&begin).await;
        let _ = writing.flush().await;
        while writing.write_all(&piece).await.is_ok() && writing.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        std::future::pending::<()>().await; // The connection is not closed by us.
    });
    let over = async {
        if !http2 {
            while let Ok(1..) = reading.read(&mut [0; 4096]).await {}
            return;
        }
        let mut head = [0; 9];
        while reading.read_exact(&mut head).await.is_ok() {
            let [a, b, c, kind, flags, .., stream] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            let ends = kind == RST_STREAM || matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
            if reading.read_exact(&mut payload).await.is_err() || stream == 1 && ends {
                return;
            }
        }
    };
    let ended = timeout(Duration::from_secs(30), over).await;
    drip.abort();
    ended.map_or(Duration::MAX, |()| began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_a_byte_at_a_time_is_cut_in_ten_seconds_and_others_are_served() {
    let instance = Instance::start().await;
    let origin = format!("https://localhost:{}", instance.ports.https);
    let post = |path: &str, kind: &str| {
        let length = "content-length: 10000\r\nconnection: close";
        format!("POST {path} HTTP/1.1\r\nhost: localhost:{0}\r\norigin: {origin}\r\ncontent-type: {kind}\r\n{length}\r\n\r\n", instance.ports.https).into_bytes()
    };
    let (form, json) = ("application/x-www-form-urlencoded", "application/json");
    let byte = b"x".to_vec();
    let one_byte = frame(DATA, 0, 1, b"x");
    let drip = |begin: Vec<u8>, piece: Vec<u8>, http2: bool| {
        let protocol: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        let instance = &instance;
        async move { until_cut(tls(instance, protocol).await, begin, piece, http2).await }
    };
    // A header block that says that it is long, and one that is continued by nothing: the library counts those.
    let long = [0, 0x27, 0x10, HEADERS, END_HEADERS, 0, 0, 0, 1];
    let block_by_drips = [post_frames(&instance, "/", form, 0)[..24 + 9].to_vec(), long.to_vec()].concat();
    let continued = drip(post_frames(&instance, "/sign-in", form, 0), frame(9, 0, 1, b""), true);
    let innocent = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..40 {
            let began = Instant::now();
            assert_eq!(instance.client().get("/session").await.status, 401);
            slowest = slowest.max(began.elapsed());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        slowest
    };
    let cut = async {
        tokio::join!(
            drip(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ".to_vec(), byte.clone(), false),
            drip(post("/sign-in", form), byte.clone(), false),
            drip(post("/passkey/login", json), byte.clone(), false),
            drip(block_by_drips, byte.clone(), true),
            drip(post_frames(&instance, "/sign-in", form, END_HEADERS), one_byte.clone(), true),
            drip(post_frames(&instance, "/passkey/login", json, END_HEADERS), one_byte.clone(), true),
        )
    };
    let (cut, slowest, continued) = tokio::join!(cut, innocent, continued);
    let after = [cut.0, cut.1, cut.2, cut.3, cut.4, cut.5, continued];
    assert!(after.iter().all(|after| *after < Duration::from_secs(12)), "{after:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let log = instance.data().join("log/access.jsonl");
    let told = || std::fs::read_to_string(&log).expect("the access log").matches("\"status\":408").count();
    let told_all = async {
        while told() < 4 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), told_all).await.expect("who sent a body slowly was told, over either protocol");
    for slow in [after[0], after[3]] {
        assert!(slow > Duration::from_secs(8), "not at once either: {after:?}");
    }
}

#[tokio::test]
async fn who_resets_streams_in_a_flood_is_cut_and_memory_stays_bounded() {
    let instance = Instance::start().await;
    let begin = post_frames(&instance, "/session", "text/plain", END_HEADERS | END_STREAM);
    let block = begin.split_at(24 + 9 + 9).1.to_vec();
    let mut stream = tls(&instance, b"h2").await;
    stream.write_all(&begin).await.expect("written");
    let flood = async {
        for id in (3..200_001).step_by(2) {
            let reset = frame(RST_STREAM, 0, id, &8_u32.to_be_bytes());
            let both = [frame(HEADERS, END_HEADERS | END_STREAM, id, &block), reset].concat();
            if stream.write_all(&both).await.is_err() || stream.flush().await.is_err() {
                return id;
            }
        }
        200_001
    };
    let reached = timeout(Duration::from_secs(20), flood).await.expect("an end");
    assert!(reached < 50_001, "cut long before: {reached}");
    assert_eq!(instance.client().get("/session").await.status, 401, "others are served");
    let peak = attacks::peak(&instance);
    assert!(peak < attacks::RESIDENT_KIB_MAX, "{peak} KiB");
}

#[tokio::test]
async fn only_answers_over_tls_tell_browsers_to_come_over_tls() {
    let instance = capped("hsts = \"30d\"").await;
    let plain = instance.client().get("/session").await;
    assert!(!plain.headers.contains_key("strict-transport-security"));
    for path in ["/session", "/sign-in", "/demo/", "/nothing", "/%2e"] {
        let mut stream = tls(&instance, b"http/1.1").await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        let said = answer.matches("strict-transport-security: max-age=2592000\r\n").count();
        assert_eq!(said, 1, "{path}: {answer}");
    }
    let by_default = Instance::start().await;
    let mut stream = tls(&by_default, b"http/1.1").await;
    stream.write_all(b"GET /session HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.expect("written");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(!answer.contains("strict-transport"), "not with the development certificate: {answer}");
}
