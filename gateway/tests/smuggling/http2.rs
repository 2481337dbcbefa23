//! What HTTP/2 can say and HTTP/1 cannot (RFC 9113, section 8.2): nothing of it becomes a line for the service.
//!
//! Frames and header fields are made by hand (RFC 7541, literals without indexing), since no client's library would.

use super::gate::{BACKEND, Gate, SERVICE};
use super::strict;
use super::support::agreed::Agreed;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

type Field<'a> = (&'a str, &'a str);

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn fields(fields: &[Field]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A request: its fields, the data if there are any, the trailers if there are any.
fn request(head: &[Field], data: Option<&str>, trailers: Option<&[Field]>) -> Vec<u8> {
    let ends = |last: bool| if last { END_STREAM } else { 0 };
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, b""));
    bytes.extend(frame(1, END_HEADERS | ends(data.is_none() && trailers.is_none()), 1, &fields(head)));
    if let Some(data) = data {
        bytes.extend(frame(0, ends(trailers.is_none()), 1, data.as_bytes()));
    }
    if let Some(trailers) = trailers {
        bytes.extend(frame(1, END_HEADERS | END_STREAM, 1, &fields(trailers)));
    }
    bytes
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With 200.
    Answered,
    /// With another status, a reset, or the end of the connection.
    Refused,
}

async fn exchange(gate: &Gate, bytes: &[u8]) -> End {
    let (mut client, server) = tokio::io::duplex(256 * 1024);
    gate.world.serve(Box::new(Agreed(server)));
    client.write_all(bytes).await.expect("written");
    loop {
        let mut head = [0; 9];
        match timeout(Duration::from_secs(4), client.read_exact(&mut head)).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => return End::Refused,
            Err(_) => panic!("nothing came back"),
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        client.read_exact(&mut payload).await.expect("a frame");
        match (head[3], payload.first()) {
            (1, Some(0x88)) => return End::Answered, // RFC 7541, appendix A: `:status: 200`.
            (1 | 3 | 7, _) => return End::Refused,
            _ => {}
        }
    }
}

fn head<'a>(method: &'a str, path: &'a str) -> Vec<Field<'a>> {
    vec![(":method", method), (":scheme", "http"), (":authority", "localhost:8080"), (":path", path)]
}

async fn refuses(gate: &Gate, name: &str, bytes: &[u8]) {
    let before = gate.log.bytes();
    assert_eq!(exchange(gate, bytes).await, End::Refused, "{name}");
    assert_eq!(gate.log.bytes(), before, "{name}: {}", gate.log.text());
    gate.serves_the_innocent(name).await;
}

#[tokio::test]
async fn fields_that_http_1_would_take_for_framing_are_refused() {
    let gate = Gate::new().await;
    let rows: &[(&str, &[Field])] = &[
        ("chunked", &[("transfer-encoding", "chunked")]),
        ("identity", &[("transfer-encoding", "identity")]),
        ("connection", &[("connection", "close")]),
        ("connection that names", &[("connection", "aldgate-identity")]),
        ("keep-alive", &[("keep-alive", "timeout=5")]),
        ("proxy-connection", &[("proxy-connection", "close")]),
        ("upgrade", &[("upgrade", "websocket")]),
        ("te", &[("te", "gzip")]),
        ("two lengths", &[("content-length", "5"), ("content-length", "6")]),
        ("a length with a sign", &[("content-length", "+5")]),
        ("a list of lengths", &[("content-length", "5, 6")]),
        ("a length too short", &[("content-length", "4")]),
        ("a length too long", &[("content-length", "6")]),
        ("a length of nothing", &[("content-length", "0")]),
        ("upper case", &[("X-Upper", "y")]),
        ("upper-case framing", &[("Content-Length", "5")]),
        ("CRLF in a value", &[("x", "y\r\ntransfer-encoding: chunked")]),
        ("LF in a value", &[("x", "y\nz: a")]),
        ("CR in a value", &[("x", "y\rz")]),
        ("NUL in a value", &[("x", "y\0z")]),
        ("CRLF in a name", &[("x: y\r\nz", "a")]),
        ("a colon in a name", &[("transfer-encoding: chunked\r\nx", "a")]),
        ("a colon in a name alone", &[("x:y", "a")]),
        ("a space in a name", &[("x y", "a")]),
        ("an empty name", &[("", "a")]),
        ("NUL in a name", &[("x\0", "a")]),
        ("a pseudo-header behind the others", &[("x", "y"), (":path", "/raw/hidden")]),
        ("a second path", &[(":path", "/raw/hidden")]),
        ("a second method", &[(":method", "GET")]),
        ("a second authority", &[(":authority", "other.example")]),
        ("an unknown pseudo-header", &[(":x", "y")]),
        ("a status", &[(":status", "200")]),
        ("another host", &[("host", "other.example")]),
        ("two hosts", &[("host", "localhost:8080"), ("host", "localhost:8080")]),
    ];
    for (name, more) in rows {
        for target in [SERVICE, BACKEND] {
            let all = [head("POST", target), more.to_vec()].concat();
            refuses(&gate, &format!("{name} at {target}"), &request(&all, Some("hello"), None)).await;
        }
    }
}

#[tokio::test]
async fn request_lines_that_http_1_would_read_otherwise_are_refused() {
    let gate = Gate::new().await;
    let injected = "/raw/x HTTP/1.1\r\nhost: localhost:8080\r\n\r\nGET /raw/hidden";
    for (method, path) in [
        ("GET", injected),
        ("GET", "/raw/x y"),
        ("GET", "/raw/x\ty"),
        ("GET", "/raw/x\r\n"),
        ("GET", "/raw/x\0"),
        ("GET", "raw/x"),
        ("GET", "*"),
        ("GET", "http://other.example/raw/x"),
        ("GET", ""),
        ("GET /raw/hidden HTTP/1.1\r\n", SERVICE),
        ("GET x", SERVICE),
        ("G\tT", SERVICE),
        ("", SERVICE),
        ("TRACE", SERVICE),
    ] {
        refuses(&gate, &format!("{method:?} {path:?}"), &request(&head(method, path), None, None)).await;
    }
    for authority in ["other.example@localhost:8080", "localhost:8080 x", "localhost:8080\r\nx: y", "a,b", "", "a/b"] {
        let all = [(":method", "GET"), (":scheme", "http"), (":authority", authority), (":path", SERVICE)];
        refuses(&gate, authority, &request(&all, None, None)).await;
    }
    for method in ["GET", "HEAD"] {
        refuses(&gate, &format!("{method} with a body"), &request(&head(method, SERVICE), Some("hello"), None)).await;
    }
}

#[tokio::test]
async fn what_http_2_may_say_becomes_one_request() {
    let gate = Gate::new().await;
    for target in [SERVICE, BACKEND] {
        let with = |more: &[Field<'static>]| [head("POST", target), more.to_vec()].concat();
        let trailers: &[Field] = &[("x-checksum", "1"), ("aldgate-identity", "forged"), ("content-length", "9")];
        let rows: Vec<(&str, Vec<u8>, &str)> = vec![
            ("no body", request(&with(&[]), None, None), ""),
            ("a body", request(&with(&[]), Some("hello"), None), "hello"),
            ("a body and its length", request(&with(&[("content-length", "5")]), Some("hello"), None), "hello"),
            ("te: trailers", request(&with(&[("te", "trailers")]), Some("hello"), None), "hello"),
            (
                "crumbs of cookies",
                request(&with(&[("cookie", "a=1"), ("cookie", "b=2")]), Some("hello"), None),
                "hello",
            ),
            ("trailers", request(&with(&[]), Some("hello"), Some(trailers)), "hello"),
            ("the same host twice", request(&with(&[("host", "localhost:8080")]), Some("hello"), None), "hello"),
        ];
        for (name, bytes, body) in rows {
            let before = gate.log.heard();
            assert_eq!(exchange(&gate, &bytes).await, End::Answered, "{name} at {target}");
            let seen = gate.new_requests(name, &before);
            assert_eq!(seen.len(), 1, "{name}: {seen:?}");
            assert_eq!(String::from_utf8_lossy(&seen[0].body), body, "{name}");
            let forged = |(name, value): &(String, String)| name == "aldgate-identity" || value == "forged";
            assert!(!seen[0].headers.iter().any(forged), "{name}: {seen:?}");
            let cookies = strict::only(&seen[0].headers, "cookie").expect("one header of cookies");
            assert!(name != "crumbs of cookies" || cookies == Some("a=1; b=2"), "{cookies:?}");
            gate.serves_the_innocent(name).await;
        }
    }
}
