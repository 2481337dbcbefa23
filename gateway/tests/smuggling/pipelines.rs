//! Several requests on one connection: each is answered as itself, in its turn, or not at all.

use super::gate::{Gate, SERVICE, Way, on_both_ways};
use super::strict;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

on_both_ways!(
    requests_in_one_packet_are_never_mixed_up,
    requests_that_wait_for_answers_share_a_connection,
    a_request_that_comes_while_the_first_is_with_its_upstream_is_not_mixed_up_with_it,
    an_early_answer_of_a_service_ends_the_connection_with_the_body
);

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: localhost:8080\r\n\r\n")
}

fn post(target: &str, body: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: localhost:8080\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// What was asked is answered in order, from the first on, and the upstream saw those and no others.
async fn answered_in_order(gate: &Gate, name: &str, asked: &[String], echoes: &[&str]) {
    let before = gate.log.heard();
    let said = gate.exchange(&[asked.concat().as_bytes()]).await;
    let (answers, left) = strict::answers(&said.bytes, "GET");
    assert_eq!(left, None, "{name}: {}", said.bytes.escape_ascii());
    assert!(said.ended && !answers.is_empty() && answers.len() <= echoes.len(), "{name}: {answers:?}");
    for (answer, due) in answers.iter().zip(echoes) {
        assert_eq!((answer.status, answer.text().as_str()), (200, *due), "{name}");
    }
    assert_eq!(gate.new_requests(name, &before).len(), answers.len(), "{name}");
    gate.serves_the_innocent(name).await;
}

async fn requests_in_one_packet_are_never_mixed_up(way: Way) {
    let gate = Gate::through(way).await;
    let (one, two) = (get("/raw/1"), get("/raw/2"));
    answered_in_order(&gate, "two", &[one.clone(), two.clone()], &["GET /raw/1 ", "GET /raw/2 "]).await;
    let posts = [post("/raw/1", "first"), post("/raw/2", "second")];
    answered_in_order(&gate, "two with bodies", &posts, &["POST /raw/1 first", "POST /raw/2 second"]).await;
    let mixed = [post("/raw/1", "first"), one, post("/sign-in/x", "third")];
    let due = ["POST /raw/1 first", "GET /raw/1 ", "POST /sign-in/x third"];
    answered_in_order(&gate, "three", &mixed, &due).await;
    let many: Vec<_> = (0..50).map(|at| get(&format!("/raw/{at}"))).collect();
    let due: Vec<_> = (0..50).map(|at| format!("GET /raw/{at} ")).collect();
    let due: Vec<_> = due.iter().map(String::as_str).collect();
    answered_in_order(&gate, "fifty", &many, &due).await;
}

async fn requests_that_wait_for_answers_share_a_connection(way: Way) {
    let gate = Gate::through(way).await;
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        let mut client = gate.world.connect();
        for at in 0..5 {
            let mut request =
                if at % 2 == 0 { get(&format!("/raw/{at}")) } else { post(&format!("/raw/{at}"), "hello") };
            request = request.replace("HTTP/1.1\r\n", &format!("{version}\r\nconnection: keep-alive\r\n"));
            client.write_all(request.as_bytes()).await.expect("written");
            let mut piece = [0; 4096];
            let n = client.read(&mut piece).await.expect("an answer");
            let (answer, rest) = strict::answer(&piece[..n], "GET").expect("an answer");
            let due = if at % 2 == 0 { format!("GET /raw/{at} ") } else { format!("POST /raw/{at} hello") };
            assert_eq!((answer.text(), rest.len()), (due, 0), "{version}");
        }
    }
}

async fn a_request_that_comes_while_the_first_is_with_its_upstream_is_not_mixed_up_with_it(way: Way) {
    let gate = Gate::with(way, |request| {
        let waits = request.target == "/raw/slow";
        waits.then(|| super::upstream::Script { bytes: Vec::new(), closes: false })
    })
    .await;
    let mut client = gate.world.connect();
    client.write_all(get("/raw/slow").as_bytes()).await.expect("written");
    while gate.log.bytes() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let before = gate.log.bytes();
    client.write_all(get("/raw/second").as_bytes()).await.expect("written");
    let said = gate.hear(&mut client).await;
    assert!(said.ended && !said.bytes.starts_with(b"HTTP/1.1 200"), "{}", said.bytes.escape_ascii());
    assert_eq!(gate.log.bytes(), before, "{}", gate.log.text());
    gate.serves_the_innocent("after it").await;
}

/// The edge answers before the body is there. The rest of the body hides a request.
#[tokio::test]
async fn the_rest_of_a_body_is_never_the_next_request() {
    let gate = Gate::new().await;
    let hidden = get("/raw/hidden");
    for path in ["/closed/x", "/nowhere", "/session", "/assets/none", "/passkey/login", "/dead/x"] {
        for declared in [hidden.len(), hidden.len() + 1, 10_000, 70_000, 1_000_000] {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost:8080\r\ncontent-length: {declared}\r\n\r\n");
            let chunked = format!(
                "POST {path} HTTP/1.1\r\nhost: localhost:8080\r\ntransfer-encoding: chunked\r\n\r\n{declared:x}\r\n"
            );
            for head in [head, chunked] {
                let name = format!("{head:?}");
                let before = gate.log.bytes();
                let mut client = gate.world.connect();
                client.write_all(head.as_bytes()).await.expect("written");
                tokio::time::sleep(Duration::from_millis(5)).await;
                let _ = client.write_all(hidden.as_bytes()).await; // It may have been ended.
                let said = gate.hear(&mut client).await;
                let (answers, left) = strict::answers(&said.bytes, "POST");
                assert!(answers.len() <= 1 && left.is_none(), "{name}: {}", said.bytes.escape_ascii());
                assert!(answers.iter().all(|answer| answer.status >= 400), "{name}: {answers:?}");
                assert_eq!(gate.log.bytes(), before, "{name}: {}", gate.log.text());
            }
        }
    }
    gate.serves_the_innocent("after them").await;
}

/// A service answers before it has read the body.
async fn an_early_answer_of_a_service_ends_the_connection_with_the_body(way: Way) {
    let gate = Gate::through(way).await;
    let hidden = get("/raw/hidden");
    let head = format!("POST {SERVICE} HTTP/1.1\r\nhost: localhost:8080\r\ncontent-length: 100000\r\n\r\n");
    let before = gate.log.heard();
    let mut client = gate.world.connect();
    client.write_all(head.as_bytes()).await.expect("written");
    client.write_all(hidden.as_bytes()).await.expect("written");
    drop(client);
    tokio::time::sleep(Duration::from_millis(600)).await;
    let now = gate.log.heard();
    for (at, heard) in now.iter().enumerate().skip(before.len()) {
        let (requests, _) = strict::requests(&heard.bytes);
        assert!(requests.is_empty(), "{at}: {requests:?}");
        assert!(heard.ended, "the upstream's connection is kept");
    }
    gate.serves_the_innocent("after it").await;
}
