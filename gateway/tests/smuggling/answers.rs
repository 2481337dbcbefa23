//! What services answer: a client gets its own answer or an error, and a connection on which an answer was not clear is
//! never used for anybody else.

use super::gate::{Gate, Way, on_both_ways};
use super::strict::{self, Unread};
use super::upstream::Script;
use std::time::Duration;

on_both_ways!(
    an_answer_that_is_not_clear_is_nobody_elses,
    what_a_service_says_unasked_is_nobodys_answer,
    a_connection_with_clear_answers_is_used_again
);

/// What somebody else must never get.
const POISON: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";

/// Answers that no strict client takes. What follows is what a laxer reader would take for the next one.
fn bad() -> Vec<(&'static str, String)> {
    let ok = |headers: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}");
    vec![
        ("CL and TE", ok("content-length: 5\r\ntransfer-encoding: chunked", &format!("0\r\n\r\n{POISON}"))),
        ("TE and CL", ok("transfer-encoding: chunked\r\ncontent-length: 60", &format!("0\r\n\r\n{POISON}"))),
        ("two lengths", ok("content-length: 2\r\ncontent-length: 50", &format!("hi{POISON}"))),
        ("a list of lengths", ok("content-length: 2, 50", &format!("hi{POISON}"))),
        ("a length with a sign", ok("content-length: +2", &format!("hi{POISON}"))),
        ("a length that is none", ok("content-length: two", &format!("hi{POISON}"))),
        ("a length too large", ok("content-length: 18446744073709551618", &format!("hi{POISON}"))),
        ("more than the length", ok("content-length: 2", &format!("hi{POISON}"))),
        ("a body of nothing", ok("content-length: 0", POISON)),
        ("gzip, then chunks", ok("transfer-encoding: gzip, chunked", &format!("2\r\nhi\r\n0\r\n\r\n{POISON}"))),
        ("chunks, then identity", ok("transfer-encoding: chunked, identity", &format!("2\r\nhi\r\n0\r\n\r\n{POISON}"))),
        ("unknown coding", ok("transfer-encoding: xchunked", &format!("2\r\nhi\r\n0\r\n\r\n{POISON}"))),
        (
            "chunked twice",
            ok("transfer-encoding: chunked\r\ntransfer-encoding: chunked", &format!("0\r\n\r\n{POISON}")),
        ),
        ("bad chunk size", ok("transfer-encoding: chunked", &format!("xx\r\nhi\r\n0\r\n\r\n{POISON}"))),
        ("chunk longer than its size", ok("transfer-encoding: chunked", &format!("2\r\nhiho\r\n0\r\n\r\n{POISON}"))),
        ("bytes behind the chunks", ok("transfer-encoding: chunked", &format!("2\r\nhi\r\n0\r\n\r\n{POISON}"))),
        ("two answers", format!("{}{POISON}", ok("content-length: 2", "hi"))),
        (
            "HTTP/1.0 and chunks",
            format!("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{POISON}"),
        ),
        ("204 with a body", format!("HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nhi{POISON}")),
        ("304 with a body", format!("HTTP/1.1 304 Not Modified\r\n\r\n{POISON}")),
        (
            "101 that nobody asked for",
            format!("HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n{POISON}"),
        ),
        ("no status line", "hello\r\n\r\n".into()),
        ("a status of two digits", format!("HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nhi{POISON}")),
        ("a status of no class", format!("HTTP/1.1 999 OK\r\ncontent-length: 2\r\n\r\nhi{POISON}")),
        ("HTTP/2", format!("HTTP/2 200 OK\r\ncontent-length: 2\r\n\r\nhi{POISON}")),
        ("NUL in a header", ok("x: \0\r\ncontent-length: 2", &format!("hi{POISON}"))),
        ("bare CR in a header", ok("x: a\rb\r\ncontent-length: 2", &format!("hi{POISON}"))),
        ("a header of 1 MiB", ok(&format!("x: {}\r\ncontent-length: 2", "y".repeat(1 << 20)), &format!("hi{POISON}"))),
        ("many headers", ok(&format!("{}content-length: 2", "x: y\r\n".repeat(400)), &format!("hi{POISON}"))),
        (
            "many interim answers",
            format!("{}{}{POISON}", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(2_000), ok("content-length: 2", "hi")),
        ),
    ]
}

async fn gate(way: Way, rows: Vec<(&'static str, String)>, closes: bool) -> Gate {
    Gate::with(way, move |request| {
        let at: usize = request.target.strip_prefix("/raw/answer/")?.parse().ok()?;
        Some(Script { bytes: rows[at].1.clone().into_bytes(), closes })
    })
    .await
}

async fn an_answer_that_is_not_clear_is_nobody_elses(way: Way) {
    for closes in [false, true] {
        let rows = bad();
        let gate = gate(way, rows.clone(), closes).await;
        for (at, (name, _)) in rows.iter().enumerate() {
            for method in ["GET", "HEAD"] {
                let name = format!("{method}: {name} (closes: {closes})");
                let request =
                    format!("{method} /raw/answer/{at} HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\n\r\n");
                let said = gate.exchange(&[request.as_bytes()]).await;
                let (answers, left) = strict::answers(&said.bytes, method);
                let clear = matches!(left, None | Some(Unread::Unfinished)) && answers.len() <= 1;
                assert!(clear, "{name}: {}", said.bytes[..said.bytes.len().min(600)].escape_ascii());
                for _ in 0..3 {
                    gate.serves_the_innocent(&name).await;
                }
                let used = gate.log.heard().into_iter().filter(|heard| {
                    let (requests, _) = strict::requests(&heard.bytes);
                    let of_row = requests.iter().position(|request| request.target == format!("/raw/answer/{at}"));
                    of_row.is_some_and(|place| place + 1 < requests.len())
                });
                assert_eq!(used.count(), 0, "{name}: its connection was used again");
            }
        }
    }
}

/// The next answer is sent before anybody has asked for it, once the connection lies in the pool.
async fn what_a_service_says_unasked_is_nobodys_answer(way: Way) {
    let gate = Gate::with(way, |request| {
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        let row = request.target.strip_prefix("/raw/late")?;
        Some(Script { bytes: format!("{ok}{}", if row.is_empty() { POISON } else { "" }).into_bytes(), closes: false })
    })
    .await;
    for _ in 0..20 {
        let request = "GET /raw/late HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\n\r\n";
        let said = gate.exchange(&[request.as_bytes()]).await;
        assert!(said.bytes.ends_with(b"hi"), "{}", said.bytes.escape_ascii());
        gate.serves_the_innocent("after it").await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        gate.serves_the_innocent("later").await;
    }
}

async fn a_connection_with_clear_answers_is_used_again(way: Way) {
    let gate = Gate::through(way).await;
    for _ in 0..3 {
        gate.serves_the_innocent("clear").await;
    }
    assert_eq!(gate.log.heard().len(), 1, "otherwise nothing above would show anything");
}
