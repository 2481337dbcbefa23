//! The same requests and the same answers of a service through both ways: the service receives the same bytes, the client
//! is told the same, and its connection has the same fate.
//!
//! What may differ, and why: the order of a request's fields of different names, which has no meaning (`ProxyHttp` moves
//! some); header names of an answer in HTTP/1 may be in other letters (names are without regard to case; keeping the
//! service's letters costs a map for each answer); where chunks begin and end; `Date`, which is the
//! gateway's own clock. A request on a used connection that has answered with a part of a head is repeated by `ProxyHttp`
//! and not by the lane. An answer that can be read in two ways is refused by the lane and may be repaired by `ProxyHttp`:
//! such answers are made here knowingly, and for them the lane must say 502 or cut the answer, and close.

use super::service::{Client, Script, Service, Told, world};
use crate::support::world::World;
use aldgate_core::entropy::Entropy as _;
use aldgate_core::testing::SeededEntropy;
use std::time::Duration;

const CASES: usize = 2_000;

/// Numbers from a seed.
struct Dice(SeededEntropy);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes).expect("randomness");
        u32::from_be_bytes(bytes) as usize % bound
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.below(256)).expect("a byte")).collect()
    }
}

/// What a case asks for, and what the service says.
#[derive(Debug)]
struct Case {
    request: Vec<u8>,
    head_only: bool,
    script: Script,
    /// Whether the lane has to refuse the answer, whatever the other way makes of it.
    ambiguous: bool,
    /// Whether the service closes in the middle of the head.
    cut_head: bool,
}

const FIELDS: [&str; 26] = [
    "Accept: */*",
    "aCCept: text/html",
    "Accept-Language: de, en;q=0.5",
    "User-Agent: differential/1",
    "X-One: 1",
    "x-one: 2",
    "X-ONE: 3",
    "Cookie: a=1; b=2",
    "cookie: __Host-aldgate=stolen; c=3",
    "Cookie: __Host-aldgate=x",
    "Aldgate-Subject: forged",
    "aldgate_subject: forged",
    "X-Forwarded-For: 1.2.3.4",
    "X_Forwarded_Host: evil",
    "Forwarded: for=1.2.3.4",
    "Remote-User: admin",
    "Connection: keep-alive",
    "Connection: close",
    "Connection: x-one",
    "Connection: close, x-one",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Trailer: x-one",
    "Proxy-Authorization: Basic eA==",
    "X-HTTP-Method-Override: DELETE",
    "X-Empty:",
];

fn request(dice: &mut Dice) -> (Vec<u8>, bool) {
    let method = dice.pick(&["GET", "GET", "GET", "HEAD", "DELETE", "OPTIONS", "POST"]);
    let path = dice.pick(&["/raw/", "/raw/a/b", "/raw/~user/x.html", "/raw/a-b_c", "/raw/%20x"]);
    let query = dice.pick(&["", "?", "?a=1&b=2", "?x=%2f%2F", "?q=a+b"]);
    let mut text = format!("{method} {path}{query} HTTP/1.1\r\nHost: localhost:8080\r\n");
    for _ in 0..dice.below(8) {
        text.push_str(dice.pick(&FIELDS));
        text.push_str("\r\n");
    }
    if method == "POST" || dice.one_in(6) {
        text.push_str("Content-Length: 0\r\n");
    }
    text.push_str("\r\n");
    (text.into_bytes(), method == "HEAD")
}

fn fields(dice: &mut Dice) -> String {
    let all = [
        "Content-Type: text/plain",
        "X-Service: a",
        "x-service: b",
        "Set-Cookie: own=1; Path=/",
        "Set-Cookie: __Host-aldgate=planted",
        "Clear-Site-Data: *",
        "Service-Worker-Allowed: /",
        "Server: raw",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT",
        "ETag: \"x\"",
        "Vary: Accept",
        "X-Odd:   spaces  ",
        "X-Obs: caf\u{e9}",
        "X-Empty:",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "Trailer: X-Trailer",
        "Connection: x-service, x-odd",
        "Connection: content-length, Transfer-Encoding, set-cookie",
        "Upgrade: h2c",
    ];
    (0..dice.below(6)).map(|_| format!("{}\r\n", dice.pick(&all))).collect()
}

fn chunked(dice: &mut Dice, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let size = (1 + dice.below(rest.len())).min(rest.len());
        let line = match dice.below(4) {
            0 => format!("{size:X};name=value\r\n"),
            1 => format!("{size:04x}\r\n"),
            _ => format!("{size:x}\r\n"),
        };
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(&rest[..size]);
        out.extend_from_slice(b"\r\n");
        rest = &rest[size..];
    }
    let trailer = if dice.one_in(4) { "X-Trailer: 1\r\nX-Other: 2\r\n" } else { "" };
    out.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
    out
}

const STATUSES: [&str; 12] = [
    "200 OK",
    "200 OK",
    "200 OK",
    "200 Fine by me",
    "206 Partial Content",
    "301 Moved Permanently",
    "302 Found",
    "404 Not Found",
    "418 I'm a teapot",
    "500 Internal Server Error",
    "503 Service Unavailable",
    "599 ",
];

/// A legal answer: its bytes, and whether the service closes after it.
fn legal(dice: &mut Dice, head_only: bool) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    for _ in 0..usize::from(dice.one_in(8)) * (1 + dice.below(2)) {
        out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
    }
    let fields = fields(dice);
    let length = if dice.one_in(12) { dice.below(90_000) } else { dice.below(600) };
    let body = dice.bytes(length);
    let closes = dice.one_in(5);
    let connection = match (closes, dice.below(3)) {
        (true, _) => "Connection: close\r\n",
        (false, 0) => "Connection: keep-alive\r\n",
        _ => "",
    };
    if dice.one_in(8) {
        let status = dice.pick(&["204 No Content", "304 Not Modified"]);
        out.extend_from_slice(format!("HTTP/1.1 {status}\r\n{fields}{connection}\r\n").as_bytes());
        return (out, closes);
    }
    let status = dice.pick(&STATUSES);
    let (framing, bytes, closes, version) = match dice.below(10) {
        0 => ("Transfer-Encoding: chunked\r\n".to_owned(), chunked(dice, &body), closes, "1.1"),
        1 | 2 => ("transfer-encoding: Chunked\r\n".to_owned(), chunked(dice, &body), closes, "1.1"),
        3 if !head_only => (String::new(), body, true, "1.1"),
        4 if !head_only => (String::new(), body, true, "1.0"),
        5 => (format!("Content-Length: {}\r\n", body.len()), body, true, "1.0"),
        6 => ("Content-Length: 0\r\n".to_owned(), Vec::new(), closes, "1.1"),
        _ => (format!("Content-Length: {}\r\n", body.len()), body, closes, "1.1"),
    };
    out.extend_from_slice(format!("HTTP/{version} {status}\r\n{fields}{framing}{connection}\r\n").as_bytes());
    if !head_only {
        out.extend_from_slice(&bytes);
    }
    (out, closes)
}

/// Answers whose end, or whose very head, two readers may take differently.
const AMBIGUOUS: [&[u8]; 22] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 200 OK\r\nX-Bare: a\rb\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
];

/// The same in the middle of a body: the client must not take it for whole.
const BROKEN: [&[u8]; 8] = [
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nab\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
    b"HTTP/1.1 200 OK\r\nContent-Le",
];

fn case(dice: &mut Dice) -> Case {
    let (request, head_only) = request(dice);
    let (answer, closes, ambiguous) = match dice.below(12) {
        0 => (dice.pick(&AMBIGUOUS).to_vec(), true, true),
        1 => (dice.pick(&BROKEN).to_vec(), true, false),
        2 => {
            let (mut answer, closes) = legal(dice, head_only);
            answer.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
            (answer, closes, false)
        }
        _ => {
            let (answer, closes) = legal(dice, head_only);
            (answer, closes, false)
        }
    };
    let mut pieces = vec![answer];
    while dice.below(3) > 0 && pieces.len() < 6 {
        let last = pieces.pop().expect("a piece");
        let at = dice.below(last.len() + 1);
        let (one, other) = last.split_at(at);
        pieces.extend([one.to_vec(), other.to_vec()].into_iter().filter(|piece| !piece.is_empty()));
    }
    let cut_head = closes && !pieces.concat().windows(4).any(|w| w == b"\r\n\r\n") && !ambiguous;
    Case { cut_head, request, head_only, script: Script { pieces, close: closes }, ambiguous }
}

/// One way through, and what is seen of it from both ends.
struct Way {
    world: World,
    service: Service,
    client: Option<Client<tokio::io::DuplexStream>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    received: Vec<String>,
    told: Told,
    kept: bool,
}

impl Way {
    async fn new(lane: bool) -> Self {
        let service = Service::start().await;
        service.always(Script::whole(b"HTTP/1.1 500 Unscripted\r\nContent-Length: 0\r\n\r\n"));
        Self { world: world(&service, lane).await, service, client: None }
    }

    async fn go(&mut self, case: &Case) -> Seen {
        self.service.forget();
        self.service.next(case.script.clone());
        let mut client = self.client.take().unwrap_or_else(|| Client::new(self.world.connect()));
        client.send(&case.request).await;
        let told = plain(client.answer(case.head_only).await);
        let kept = client.is_kept().await;
        if kept {
            // The rest of the 404's answer; the next case begins on the same connection.
            self.client = None;
        }
        // Whatever else the service says on this connection has come before the next request goes out.
        self.service.has_said_all().await;
        let received = self.service.received();
        Seen { received: received.iter().map(|head| without_reference(head)).collect(), told, kept }
    }
}

/// A head as it was received, but for the number of this very request. Fields of different names stand in the order of
/// their names: `ProxyHttp` moves some, the lane leaves them where the client put them, and the order between two names
/// has no meaning (RFC 9110, section 5.3). Those of one name keep theirs.
fn without_reference(head: &[u8]) -> String {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let request = lines.next().unwrap_or_default();
    let named = lines.map(|line| if line.starts_with("aldgate-request-id: ") { "aldgate-request-id: *" } else { line });
    let mut fields: Vec<_> = named.collect();
    fields.sort_by_key(|field| field.split(':').next().map(str::to_ascii_lowercase));
    [request].into_iter().chain(fields).collect::<Vec<_>>().join("\r\n")
}

/// Without what is the gateway's own clock, and the reference in its own refusals.
fn plain(mut told: Told) -> Told {
    let refused = matches!(told.status(), 400 | 502); // The services here never say that.
    if refused {
        told.body.clear();
    }
    for (_, fields) in &mut told.heads {
        for (name, value) in fields {
            if name == "date" || refused && name == "content-length" {
                *value = "any".into();
            }
        }
    }
    told
}

#[tokio::test]
async fn both_ways_do_the_same_with_two_thousand_requests_and_answers() {
    let seed = std::env::var("LANE_SEED").ok().and_then(|seed| seed.parse().ok());
    both_ways_do_the_same(seed.unwrap_or(2_000)).await;
}

/// Others of the cases that there might be.
#[tokio::test]
async fn both_ways_do_the_same_with_two_thousand_others() {
    both_ways_do_the_same(2_001).await;
}

#[tokio::test]
async fn both_ways_do_the_same_with_two_thousand_more() {
    both_ways_do_the_same(2_002).await;
}

async fn both_ways_do_the_same(seed: u64) {
    let mut dice = Dice(SeededEntropy::new(seed));
    let (mut general, mut lane) = (Way::new(false).await, Way::new(true).await);
    let mut whole = 0;
    for number in 0..CASES {
        let case = case(&mut dice);
        let ways = async { (general.go(&case).await, lane.go(&case).await) };
        let (expected, got) = tokio::time::timeout(Duration::from_secs(20), ways)
            .await
            .unwrap_or_else(|_| panic!("case {number} of seed {seed} comes to no end: {}", shown(&case)));
        let context = || format!("case {number} of seed {seed}: {}", shown(&case));
        if case.cut_head {
            // On a used connection `ProxyHttp` sends the request again after a part of a head; the lane does not.
            assert_eq!(expected.received.first(), got.received.first(), "{}", context());
            if fits(&case.request) {
                assert_eq!((got.received.len(), got.told.status(), got.kept), (1, 502, false), "{}", context());
            }
            continue;
        }
        assert_eq!(expected.received, got.received, "the service receives the same: {}", context());
        if case.ambiguous && fits(&case.request) {
            assert!(got.told.status() == 502 || !got.told.whole, "{got:?}: {}", context());
            assert!(!got.kept, "{}", context());
            continue;
        }
        if !expected.told.whole {
            // Where the other way cuts an answer, the lane cuts it too, or says so if nothing has been written yet.
            assert!(!got.told.whole || got.told.status() == 502, "{got:?}: {}", context());
        } else {
            assert_eq!(expected.told, got.told, "the client is told the same: {}", context());
        }
        assert_eq!(expected.kept, got.kept, "its connection has the same fate: {}", context());
        whole += usize::from(got.told.whole);
    }
    assert!(whole > CASES / 2, "most answers are whole: {whole}");
    let answered = lane.world.state.metrics.carried_so_far(aldgate_gateway::metrics::LaneOutcome::Answered);
    assert!(answered > CASES as u64 / 2, "most take the lane: {answered}");
    assert!(lane.service.accepted() < CASES * 2 / 3, "on connections that are used again: {}", lane.service.accepted());
    assert_eq!(general.world.state.metrics.carried_so_far(aldgate_gateway::metrics::LaneOutcome::Answered), 0);
}

/// Whether a request that was made here fits the lane.
fn fits(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let names_a_field = text.contains("connection: x-one") || text.contains("connection: close, x-one");
    !text.starts_with("post") && !names_a_field && text.matches("\r\nconnection:").count() < 2
}

fn shown(case: &Case) -> String {
    let pieces: Vec<_> = case.script.pieces.iter().map(|piece| piece.escape_ascii().to_string()).collect();
    let mut text = format!("{} <- {pieces:?}, close {}", case.request.escape_ascii(), case.script.close);
    text.truncate(3_000);
    text
}
