//! What a service says beyond its answer is never taken for the answer to another request (threats: response smuggling).

use super::service::{Client, Script, Service, world};

const GET: &[u8] = b"GET /raw/ HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";
const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
const POISON: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// The next client's answer, after one whose answer was `first`, in those pieces.
async fn next_after(first: Script) -> (Vec<u8>, usize) {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.always(Script::whole(GOOD));
    service.next(first);
    let mut one = Client::new(world.connect());
    one.send(GET).await;
    one.answer(false).await;
    service.has_said_all().await;
    let mut other = Client::new(world.connect());
    other.send(GET).await;
    let told = other.answer(false).await;
    assert!(told.whole);
    (told.body, service.accepted())
}

#[tokio::test]
async fn a_second_answer_behind_the_first_reaches_nobody() {
    let (body, connections) = next_after(Script::whole([GOOD, POISON].concat())).await;
    assert_eq!((body.as_slice(), connections), (b"good".as_slice(), 2));
}

#[tokio::test]
async fn a_second_answer_that_comes_later_reaches_nobody() {
    let late = Script { pieces: vec![GOOD.to_vec(), POISON.to_vec()], close: false };
    let (body, connections) = next_after(late).await;
    assert_eq!((body.as_slice(), connections), (b"good".as_slice(), 2));
}

#[tokio::test]
async fn a_body_where_none_may_be_reaches_nobody() {
    for head in ["204 No Content\r\n", "304 Not Modified\r\nContent-Length: 6\r\n"] {
        let answer = format!("HTTP/1.1 {head}\r\npoison");
        let (body, connections) = next_after(Script::whole(answer)).await;
        assert_eq!((body.as_slice(), connections), (b"good".as_slice(), 2), "{head}");
    }
}

#[tokio::test]
async fn a_connection_is_used_again_only_after_an_answer_that_ended_by_its_own_framing() {
    for (answer, connections) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 1),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n", 1),
        ("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 1),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab", 2),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nab", 2),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", 2),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nab", 2),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 2),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX", 2),
    ] {
        assert_eq!(next_after(Script::whole(answer)).await, (b"good".to_vec(), connections), "{answer:?}");
    }
}

#[tokio::test]
async fn interim_answers_are_bounded() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    for (interim, heads) in [(8, 9), (9, 8)] {
        let answer = ["HTTP/1.1 103 Early Hints\r\n\r\n".repeat(interim).as_bytes(), GOOD].concat();
        service.next(Script::whole(answer));
        let mut client = Client::new(world.connect());
        client.send(GET).await;
        let told = client.answer(false).await;
        assert_eq!((told.heads.len(), told.whole), (heads, interim == 8), "{told:?}");
    }
}
