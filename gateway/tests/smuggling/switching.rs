//! Other protocols on the same connection, and bodies that wait to be asked for (RFC 9110, sections 7.8 and 10.1.1).

use super::gate::{BACKEND, Gate, SERVICE, Way, on_both_ways, only_answer, refuse_all};
use super::strict;
use super::upstream::Script;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

on_both_ways!(
    bytes_that_come_before_the_answer_never_reach_the_upstream,
    an_upgrade_that_the_service_declines_is_a_request_like_any_other,
    other_protocols_are_never_offered_to_an_upstream,
    a_body_that_waits_to_be_asked_for_is_asked_for_by_the_gate
);

const SOCKET: &str = "GET TARGET HTTP/1.1\r\nhost: localhost:8080\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const HIDDEN: &str = "GET /raw/hidden HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";

#[tokio::test]
async fn bytes_behind_a_request_to_switch_are_refused() {
    let gate = Gate::new().await;
    let rows = [
        ("a request", format!("{SOCKET}\r\n{HIDDEN}")),
        ("a byte", format!("{SOCKET}\r\nx")),
        ("a frame", format!("{SOCKET}\r\n\u{1}\u{1}x")),
        ("a body", format!("{SOCKET}content-length: 5\r\n\r\nhello")),
        ("a body in chunks", format!("{SOCKET}transfer-encoding: chunked\r\n\r\n0\r\n\r\n")),
        ("POST with a body", format!("{SOCKET}content-length: 5\r\n\r\nhello").replacen("GET", "POST", 1)),
    ];
    for (name, request) in rows {
        refuse_all(&gate, &[(name, &request)], &[400]).await;
    }
}

async fn bytes_that_come_before_the_answer_never_reach_the_upstream(way: Way) {
    let gate = Gate::with(way, |request| {
        // It never answers.
        let waits = request.headers.iter().any(|(name, _)| name == "upgrade");
        waits.then(|| Script { bytes: Vec::new(), closes: false })
    })
    .await;
    let mut client = gate.world.connect();
    client.write_all(format!("{SOCKET}\r\n").replace("TARGET", SERVICE).as_bytes()).await.expect("written");
    while gate.log.bytes() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let before = gate.log.bytes();
    client.write_all(HIDDEN.as_bytes()).await.expect("written");
    let said = gate.hear(&mut client).await;
    assert!(said.ended, "{said:?}");
    assert_eq!(gate.log.bytes(), before, "{}", gate.log.text());
    gate.serves_the_innocent("after it").await;
}

async fn an_upgrade_that_the_service_declines_is_a_request_like_any_other(way: Way) {
    let gate = Gate::through(way).await;
    let mut client = gate.world.connect();
    for _ in 0..2 {
        client.write_all(format!("{SOCKET}\r\n").replace("TARGET", SERVICE).as_bytes()).await.expect("written");
        let mut piece = [0; 4096];
        let n = client.read(&mut piece).await.expect("an answer");
        assert!(piece[..n].starts_with(b"HTTP/1.1 200"), "{}", piece[..n].escape_ascii());
    }
    // The reader is still there: what comes next on the same connection is read as strictly.
    client.write_all(b"GET /raw/x HTTP/1.1\nhost: localhost:8080\n\n").await.expect("written");
    let said = gate.hear(&mut client).await;
    assert!(said.ended && said.bytes.starts_with(b"HTTP/1.1 400"), "{}", said.bytes.escape_ascii());
}

async fn other_protocols_are_never_offered_to_an_upstream(way: Way) {
    let gate = Gate::through(way).await;
    for protocol in ["h2c", "HTTP/2.0", "TLS/1.0", "h2c, websocket", "websocket, h2c", "x", "connect-udp"] {
        for target in [SERVICE, BACKEND] {
            let before = gate.log.heard();
            let request = format!(
                "GET {target} HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close, upgrade, http2-settings\r\nupgrade: {protocol}\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
            );
            gate.passes(protocol, request.as_bytes(), "GET", "").await;
            for seen in gate.new_requests(protocol, &before) {
                for (name, value) in &seen.headers {
                    // The gate's own word to the backend: a connection carries one request.
                    let gates = target == BACKEND && (name.as_str(), value.as_str()) == ("connection", "close");
                    let hop = ["connection", "upgrade", "http2-settings"].contains(&name.as_str());
                    assert!(gates || !hop, "{protocol} at {target}: {seen:?}");
                }
            }
        }
    }
}

async fn a_body_that_waits_to_be_asked_for_is_asked_for_by_the_gate(way: Way) {
    let gate = Gate::through(way).await;
    for target in [SERVICE, BACKEND] {
        for (framing, body) in
            [("content-length: 5", "hello"), ("transfer-encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
        {
            let before = gate.log.heard();
            let mut client = gate.world.connect();
            let head = format!(
                "POST {target} HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\nexpect: 100-continue\r\n{framing}\r\n\r\n"
            );
            client.write_all(head.as_bytes()).await.expect("written");
            let mut piece = [0; 4096];
            let n = client.read(&mut piece).await.expect("an answer");
            assert_eq!(piece[..n].escape_ascii().to_string(), "HTTP/1.1 100 Continue\\r\\n\\r\\n");
            client.write_all(body.as_bytes()).await.expect("written");
            let said = gate.hear(&mut client).await;
            assert_eq!(only_answer(target, &said, "POST").text(), format!("POST {target} hello"));
            let seen = gate.new_requests(target, &before);
            assert!(seen.len() == 1 && seen[0].headers.iter().all(|(name, _)| name != "expect"), "{seen:?}");
        }
    }
}

#[tokio::test]
async fn other_expectations_and_bodies_that_hide_behind_one_are_refused() {
    let gate = Gate::new().await;
    let post = "POST TARGET HTTP/1.1\r\nhost: localhost:8080\r\n";
    for expectation in ["", "x", "100-continue, x", "100 continue", "100-continue;x", "200-ok", "y 100-continue"] {
        let request = format!("{post}expect: {expectation}\r\ncontent-length: 5\r\n\r\nhello");
        refuse_all(&gate, &[(expectation, &request)], &[400, 417]).await;
    }
    let get = format!(
        "GET TARGET HTTP/1.1\r\nhost: localhost:8080\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
        HIDDEN.len()
    );
    refuse_all(&gate, &[("a body of GET", &get)], &[400]).await;
    let both = format!(
        "{post}expect: 100-continue\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"
    );
    refuse_all(&gate, &[("both framing headers", &both)], &[400]).await;
    // The edge's answer comes first; the body that it never asked for is no request.
    let closed = format!(
        "POST /closed/x HTTP/1.1\r\nhost: localhost:8080\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
        HIDDEN.len()
    );
    let before = gate.log.bytes();
    let said = gate.exchange(&[closed.as_bytes()]).await;
    let (answers, left) = strict::answers(&said.bytes, "POST");
    assert_eq!((answers.len(), left, answers[0].status), (1, None, 401), "{}", said.bytes.escape_ascii());
    assert_eq!(gate.log.bytes(), before);
}
