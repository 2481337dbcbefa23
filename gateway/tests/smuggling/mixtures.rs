//! Random concatenations of legal and mangled requests: what the service saw is exactly what the gate answered from it.

use super::gate::{Gate, Way};
use super::strict;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use std::cell::Cell;

/// Pieces of requests; `N` becomes a number of their own, of six digits: the first of them is then 50 bytes long, 0x32.
const PIECES: [&str; 34] = [
    "GET /raw/N HTTP/1.1\r\nhost: localhost:8080\r\n\r\n",
    "GET /raw/N HTTP/1.1\r\nhost: localhost:8080\r\n\r\n",
    "DELETE /raw/N HTTP/1.1\r\nhost: localhost:8080\r\n\r\n",
    "POST /raw/N HTTP/1.1\r\nhost: localhost:8080\r\ncontent-length: 5\r\n\r\nhello",
    "POST /raw/N HTTP/1.1\r\nhost: localhost:8080\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /raw/N HTTP/1.1\r\nhost: localhost:8080\r\n",
    "GET /raw/N HTTP/1.1\r\n",
    "GET /closed/N HTTP/1.1\r\nhost: localhost:8080\r\n\r\n",
    "POST /closed/N HTTP/1.1\r\nhost: localhost:8080\r\n",
    "host: localhost:8080\r\n",
    "content-length: 5\r\n",
    "content-length: 50\r\n",
    "content-length : 5\r\n",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    " transfer-encoding: chunked\r\n",
    "transfer-encoding\t: chunked\r\n",
    "connection: keep-alive\r\n",
    "connection: content-length\r\n",
    "upgrade: websocket\r\n",
    "expect: 100-continue\r\n",
    "x: y\n",
    "x: y\r",
    "\r\n",
    "\n",
    "hello",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "5;x\nhello\r\n",
    "32\r\n",
    "0\r\ncontent-length: 5\r\n\r\n",
    "\0",
    " ",
    "\t",
];

fn attack() -> impl Strategy<Value = Vec<(usize, bool)>> {
    // Which piece, and whether a packet ends behind it.
    prop::collection::vec((0..PIECES.len(), prop::bool::weighted(0.3)), 1..12)
}

#[test]
fn the_service_sees_exactly_the_requests_that_were_answered_from_it_through_the_proxy() {
    mixtures(Way::Proxy);
}

#[test]
fn the_service_sees_exactly_the_requests_that_were_answered_from_it_through_the_lane() {
    mixtures(Way::Lane);
}

fn mixtures(way: Way) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let gate = runtime.block_on(Gate::through(way));
    let config = Config { cases: 1_500, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let cases = Cell::new(0);
    let result = runner.run(&attack(), |picks| {
        runtime.block_on(one(&gate, cases.replace(cases.get() + 1), &picks));
        Ok(())
    });
    result.expect("nothing is smuggled");
    runtime.block_on(gate.serves_the_innocent("after all"));
}

/// The target of a piece, which no other case has: what arrives late is known by it.
fn target(case: usize, at: usize) -> String {
    format!("/raw/{case:04}{at:02}")
}

/// Whether a request belongs to a case before this one, whose client went before the service had read it.
fn is_late(request: &strict::Request, case: usize) -> bool {
    let number = request.target.strip_prefix("/raw/").and_then(|number| number.parse::<usize>().ok());
    number.is_some_and(|number| number / 100 < case)
}

async fn one(gate: &Gate, case: usize, picks: &[(usize, bool)]) {
    let before = gate.log.heard();
    let mut packets = vec![String::new()];
    for (at, (pick, ends)) in picks.iter().enumerate() {
        packets.last_mut().expect("one").push_str(&PIECES[*pick].replace("/raw/N", &target(case, at)));
        if *ends {
            packets.push(String::new());
        }
    }
    let name = format!("{packets:?}");
    let said = gate.exchange_and_end(&packets.iter().map(String::as_bytes).collect::<Vec<_>>()).await;
    let echoes = answered(&name, &said.bytes);
    gate.is_settled(&before).await;
    let mut requests = gate.whole_requests(&before);
    requests.retain(|request| !is_late(request, case));
    let seen: Vec<_> = requests.iter().map(|r| format!("{} {}", r.method, r.target)).collect();
    // An answer may have been lost with its client, a request never; and none is answered that was not seen.
    assert!(echoes.iter().all(|echo| seen.contains(echo)), "{name}: answered {echoes:?}, seen {seen:?}");
    assert!(seen.len() <= echoes.len() + 1, "{name}: answered {echoes:?}, seen {seen:?}");
    let sent: Vec<_> = (0..picks.len()).map(|at| target(case, at)).collect();
    for request in requests {
        let place = sent.iter().position(|target| *target == request.target);
        let piece = place.map(|at| PIECES[picks[at].0]);
        assert!(piece.is_some_and(|piece| piece.starts_with(&request.method)), "{name}: {request:?}");
    }
}

/// The first words of the answers that came from the service.
fn answered(name: &str, mut bytes: &[u8]) -> Vec<String> {
    let mut echoes = Vec::new();
    while !bytes.is_empty() {
        let Ok((answer, rest)) = strict::answer(bytes, "GET") else {
            panic!("{name}: {}", bytes.escape_ascii());
        };
        bytes = rest;
        let text = answer.text();
        if answer.status == 200 && !text.is_empty() {
            echoes.push(text.split(' ').take(2).collect::<Vec<_>>().join(" "));
        }
    }
    echoes
}
