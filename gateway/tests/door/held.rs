//! What a client that takes its time holds meanwhile: nothing that others wait for, and not for ever.

use crate::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, block, frame, opening, post_block, tls};
use crate::support::instance::{Instance, Ports};
use crate::{connect, metric};
use hyper::Method;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

const INITIAL_WINDOW_SIZE: u16 = 4;

/// One place of each class, and nobody waits for it.
const ONE_PLACE: &str = r#"
    [admission.passkey]
    at_once = 1
    [admission.refresh]
    at_once = 1
    [admission.password]
    at_once = 1
    queue = 0
"#;

/// Reads frames until each of these streams has the head of its answer.
async fn answers_begin(stream: &mut (impl AsyncRead + Unpin), mut streams: BTreeSet<u32>) {
    let mut head = [0; 9];
    while !streams.is_empty() {
        stream.read_exact(&mut head).await.expect("a frame");
        let [a, b, c, kind, _, id @ ..] = head;
        stream.read_exact(&mut vec![0; u32::from_be_bytes([0, a, b, c]) as usize]).await.expect("its payload");
        if kind == HEADERS {
            streams.remove(&u32::from_be_bytes(id));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_no_answer_holds_no_place() {
    let instance = Instance::start_with(ONE_PLACE).await;
    let authority = format!("localhost:{}", instance.ports.https);
    let to = |method, path| {
        block(&[
            (":method", method),
            (":scheme", "https"),
            (":authority", &authority),
            (":path", path),
            ("origin", "https://elsewhere.example"),
            ("content-type", "application/x-www-form-urlencoded"),
        ])
    };
    let login = post_block(&instance, "/passkey/login", "application/json");
    let begin = |id, block: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, id, block);
    let mut reads_nothing = tls(&instance, b"h2").await;
    let asked = [
        opening(&[(INITIAL_WINDOW_SIZE, 0)]),
        begin(1, &to("POST", "/sign-in/password")),
        begin(3, &to("GET", "/sign-in")),
        begin(5, &login),
    ];
    reads_nothing.write_all(&asked.concat()).await.expect("written");
    reads_nothing.flush().await.expect("flushed");
    let begun = timeout(Duration::from_secs(5), answers_begin(&mut reads_nothing, BTreeSet::from([1, 3, 5])));
    begun.await.expect("each answer begins, and none of its body goes out");

    let json = [("content-type", "application/json")];
    let foreign = [("origin", "https://elsewhere.example"), ("content-type", "application/x-www-form-urlencoded")];
    for _ in 0..3 {
        let mut other = instance.client();
        assert_eq!(other.send(Method::POST, "/sign-in/password", &foreign, "password=x").await.status, 403);
        assert_eq!(other.get("/sign-in").await.status, 200);
        assert_eq!(other.send(Method::POST, "/passkey/login", &json, "{}").await.status, 400);
    }
    for class in ["passkey", "refresh", "password"] {
        let series = format!("aldgate_admission_requests{{asked=\"platform\",class=\"{class}\",state=\"under_way\"}}");
        assert_eq!(metric(&instance, &series).await, 0, "{class}");
    }
}

#[tokio::test]
async fn a_header_without_end_is_cut_at_its_size_and_not_by_the_clock() {
    let instance = Instance::start().await;
    for (begin, status) in [("GET / HTTP/1.1\r\nhost: localhost\r\nx: ", "431"), ("GET / HTTP/1.1\nx: ", "400")] {
        let mut stream = connect(instance.ports.http).await;
        stream.write_all(begin.as_bytes()).await.expect("written");
        sleep(Duration::from_millis(100)).await; // So that it comes by itself.
        stream.write_all(&vec![b'y'; 64 * 1024]).await.expect("written");
        let mut answer = String::new();
        let cut = timeout(Duration::from_secs(3), stream.read_to_string(&mut answer)).await.expect("at once");
        cut.expect("the answer and the end");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{begin:?}: {answer}");
    }
}

/// An instance with a service at `/upload/` that reads whatever comes and says nothing.
async fn instance_with_uploads() -> Instance {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} });
        }
    });
    let more = format!(
        r#"
        [[service]]
        name = "uploads"
        upstream = "{upstream}"
        [[route]]
        path = "/upload/"
        service = "uploads"
        access = "public"
        "#
    );
    let dir = Arc::new(TempDir::new().expect("a directory"));
    Instance::start_in(dir, Ports::free(), &more).await
}

/// Sends the beginning and then a piece a second, until the connection is closed or its stream reset: after how long.
async fn until_cut(mut stream: impl AsyncRead + AsyncWrite + Unpin, begin: Vec<u8>, piece: Vec<u8>) -> Duration {
    const RST_STREAM: u8 = 3;
    let begun = Instant::now();
    stream.write_all(&begin).await.expect("written");
    stream.flush().await.expect("flushed");
    let mut come = vec![0; 4096];
    while begun.elapsed() < Duration::from_secs(50) {
        let reset = match timeout(Duration::from_secs(1), stream.read(&mut come)).await {
            Err(_) => false,
            Ok(Ok(0) | Err(_)) => true,
            // The frame that ends it comes by itself: whatever else there is to say was said long before.
            Ok(Ok(n)) => n == 13 && come[3] == RST_STREAM,
        };
        let gone = stream.write_all(&piece).await.is_err() || stream.flush().await.is_err();
        if reset || gone {
            return begun.elapsed();
        }
    }
    Duration::MAX
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_by_drips_is_cut_in_its_time_and_leaves_a_line() {
    let instance = instance_with_uploads().await;
    let head = "POST /upload/one HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n";
    let block = post_block(&instance, "/upload/two", "application/octet-stream");
    let begin = [opening(&[]), frame(HEADERS, END_HEADERS, 1, &block)].concat();
    let (one, two) = tokio::join!(
        until_cut(tls(&instance, b"http/1.1").await, head.as_bytes().to_vec(), b"x".to_vec()),
        until_cut(tls(&instance, b"h2").await, begin, frame(DATA, 0, 1, b"x")),
    );
    for after in [one, two] {
        assert!((Duration::from_secs(29)..Duration::from_secs(36)).contains(&after), "{one:?}, {two:?}");
    }
    assert_eq!(metric(&instance, "aldgate_bodies_cut_total").await, 2);
    assert_eq!(metric(&instance, "aldgate_problems_total{problem=\"timeout\"}").await, 2);
    sleep(Duration::from_millis(100)).await; // For the log's own gathering.
    let log = std::fs::read_to_string(instance.data().join("log/access.jsonl")).expect("the access log");
    for path in ["/upload/one", "/upload/two"] {
        let lines = log.lines().filter(|line| line.contains(path)).collect::<Vec<_>>();
        assert_eq!(lines.len(), 1, "{log}");
        for part in ["\"status\":0", "\"problem\":\"timeout\"", "\"service\":\"uploads\"", "\"by\":\"service\""] {
            assert!(lines[0].contains(part), "{part} in {}", lines[0]);
        }
        let micros =
            lines[0].rsplit("\"micros\":").next().and_then(|rest| rest.trim_end_matches('}').parse::<u64>().ok());
        assert!(micros.is_some_and(|micros| micros > 29_000_000), "{}", lines[0]);
    }
}
