//! Clients that speak HTTP/2, by a library's client: the service reads one HTTP/1 request that means the same (RFC 9113,
//! section 8.3.1), the client gets every answer whole, or knows that it is not, and both ways do the same.

use super::service::{Script, Service, world};
use crate::support::agreed::Agreed;
use crate::support::world::World;
use aldgate_gateway::metrics::LaneOutcome;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};

type Client = SendRequest<Empty<Bytes>>;

async fn client(world: &World) -> Client {
    let (client, server) = tokio::io::duplex(256 * 1024);
    world.serve(Box::new(Agreed(server)));
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(client)).await.expect("HTTP/2");
    tokio::spawn(connection);
    client
}

async fn ask(client: &mut Client, method: &str, fields: &[(&str, &str)]) -> Response<Incoming> {
    let mut request = Request::builder().method(method).uri("http://localhost:8080/raw/a%20b?c=d&e");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::new()).expect("a request");
    client.send_request(request).await.expect("an answer")
}

/// What the service received: its lines, but for the number of the request, fields in the order of their names.
async fn received(lane: bool, method: &str, fields: &[(&str, &str)]) -> Vec<String> {
    let service = Service::start().await;
    let world = world(&service, lane).await;
    service.next(Script::whole("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(ask(&mut client(&world).await, method, fields).await.status(), 200);
    assert_eq!(world.state.metrics.carried_so_far(LaneOutcome::Answered), u64::from(lane));
    let all = service.received();
    assert_eq!(all.len(), 1, "{all:?}");
    let head = String::from_utf8(all[0].clone()).expect("text");
    let mut lines: Vec<_> = head.trim_end().split("\r\n").map(str::to_ascii_lowercase).collect();
    lines.retain(|line| !line.starts_with("aldgate-request-id: "));
    lines[1..].sort_by_key(|line| line.split(':').next().map(str::to_owned));
    lines
}

/// The values of a field.
fn values<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    lines.iter().skip(1).filter_map(|line| line.split_once(": ")).filter(|(n, _)| *n == name).map(|(_, v)| v).collect()
}

#[tokio::test]
async fn the_authority_becomes_the_host_once_crumbs_of_cookies_one_line_and_nothing_else_of_http_2_goes_on() {
    let crumbs = [("cookie", "a=1"), ("cookie", "__Host-aldgate=stolen"), ("cookie", "b=2; c=3")];
    let rows: [&[(&str, &str)]; 4] = [
        &[("accept", "*/*"), ("x-one", "1"), ("x-one", "2")],
        &[("host", "localhost:8080")],
        &[("te", "trailers"), ("host", "localhost:8080"), ("aldgate-subject", "forged"), ("forwarded", "host=evil")],
        &crumbs,
    ];
    for fields in rows {
        for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
            let lines = received(true, method, fields).await;
            let context = format!("{method} {fields:?}: {lines:?}");
            assert_eq!(lines[0], format!("{} /raw/a%20b?c=d&e http/1.1", method.to_ascii_lowercase()));
            assert_eq!(values(&lines, "host"), ["localhost:8080"], "{context}");
            let of_ours =
                |line: &String| line.starts_with(':') || line.contains("authority") || line.contains("scheme");
            assert!(!lines.iter().any(of_ours), "a pseudo-header has become a field: {context}");
            for struck in ["te", "connection", "aldgate-subject"] {
                assert!(values(&lines, struck).is_empty(), "{struck}: {context}");
            }
            let cookies: &[&str] = if fields == crumbs { &["a=1; b=2; c=3"] } else { &[] };
            assert_eq!(values(&lines, "cookie"), cookies, "{context}");
            assert_eq!(lines, received(false, method, fields).await, "the other way says the same: {context}");
        }
    }
}

/// Answers, how long their bodies are, and whether they are whole.
fn answers() -> Vec<(&'static str, Script, u16, Option<usize>)> {
    const LONG: usize = 300_000; // Longer than a stream's first window.
    let pieces =
        |pieces: &[&[u8]]| Script { pieces: pieces.iter().map(|piece| piece.to_vec()).collect(), close: false };
    let long = [format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n").into_bytes(), vec![b'x'; LONG]].concat();
    let chunk = [format!("{LONG:x}\r\n").into_bytes(), vec![b'x'; LONG], b"\r\n".to_vec()].concat();
    vec![
        ("a length", Script::whole("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"), 200, Some(4)),
        ("in pieces", pieces(&[b"HTTP/1.1 200 OK\r\nContent-", b"Length: 4\r\n\r\ng", b"oo", b"d"]), 200, Some(4)),
        ("a length of nothing", Script::whole("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), 404, Some(0)),
        ("a long one", Script::whole(long), 200, Some(LONG)),
        (
            "chunks and a trailer",
            pieces(&[
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n",
                &chunk,
                b"0\r\nX: y\r\n\r\n",
            ]),
            200,
            Some(LONG),
        ),
        ("until the end", Script::whole("HTTP/1.1 200 OK\r\n\r\nuntil the end").closing(), 200, Some(13)),
        ("HTTP/1.0", Script::whole("HTTP/1.0 200 OK\r\n\r\nuntil the end").closing(), 200, Some(13)),
        ("no content", Script::whole("HTTP/1.1 204 No Content\r\n\r\n"), 204, Some(0)),
        ("not modified", Script::whole("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), 304, Some(0)),
        (
            "interim ones first",
            Script::whole(
                "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood",
            ),
            200,
            Some(4),
        ),
        ("cut at a length", Script::whole("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut").closing(), 200, None),
        (
            "cut in chunks",
            Script::whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ncut\r\n").closing(),
            200,
            None,
        ),
    ]
}

#[tokio::test]
async fn every_answer_arrives_whole_or_is_known_to_be_cut() {
    for lane in [false, true] {
        let service = Service::start().await;
        let world = world(&service, lane).await;
        for (name, script, status, length) in answers() {
            service.next(script);
            let answer = ask(&mut client(&world).await, "GET", &[]).await;
            assert_eq!(answer.status(), status, "{name}, lane {lane}");
            for field in ["connection", "keep-alive", "transfer-encoding"] {
                assert_eq!(answer.headers().get(field), None, "{name}, lane {lane}");
            }
            let body = answer.into_body().collect().await.ok().map(|body| body.to_bytes().len());
            assert_eq!(body, length, "{name}, lane {lane}");
        }
        let whole = answers().iter().filter(|(_, _, _, length)| length.is_some()).count() as u64;
        let answered = world.state.metrics.carried_so_far(LaneOutcome::Answered);
        assert_eq!(answered, if lane { whole } else { 0 });
    }
}

#[tokio::test]
async fn an_answer_to_head_has_its_length_and_no_body_and_the_connection_goes_on() {
    for lane in [false, true] {
        let service = Service::start().await;
        let world = world(&service, lane).await;
        let mut client = client(&world).await;
        for framing in ["Content-Length: 4", "Transfer-Encoding: chunked", "X: y"] {
            service.next(Script::whole(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")));
            let answer = ask(&mut client, "HEAD", &[]).await;
            assert_eq!(answer.status(), 200, "{framing}, lane {lane}");
            let length = answer.headers().get("content-length").map(|length| length.as_bytes().to_vec());
            assert_eq!(length, framing.starts_with("Content").then(|| b"4".to_vec()), "{framing}, lane {lane}");
            assert_eq!(answer.into_body().collect().await.expect("no body").to_bytes().len(), 0);
        }
    }
}

#[tokio::test]
async fn requests_on_one_connection_at_the_same_time_get_their_own_answers() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.always(Script::whole("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"));
    let client = client(&world).await;
    let all = (0..20).map(|_| {
        let mut client = client.clone();
        async move { ask(&mut client, "GET", &[]).await.into_body().collect().await.expect("whole").to_bytes() }
    });
    assert!(futures::future::join_all(all).await.iter().all(|body| body == "good"));
    assert_eq!(service.received().len(), 20);
    assert_eq!(world.state.metrics.carried_so_far(LaneOutcome::Answered), 20);
}
