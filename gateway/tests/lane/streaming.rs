//! Answers pass piece by piece, at the client's pace, and end when the client goes.

use super::service::{Client, Script, Service, world};
use tokio::io::AsyncReadExt as _;

const GET: &[u8] = b"GET /raw/ HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";

#[tokio::test]
async fn a_piece_reaches_the_client_before_the_next_has_come() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.next(Script::whole("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"));
    let mut client = world.connect();
    tokio::io::AsyncWriteExt::write_all(&mut client, GET).await.expect("sent");
    let mut come = Vec::new();
    while !come.windows(5).any(|w| w == b"first") {
        assert!(client.read_buf(&mut come).await.expect("a piece") > 0);
    }
}

#[tokio::test]
async fn a_client_that_goes_while_the_service_thinks_ends_the_services_connection() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.next(Script::default()); // Says nothing, and waits.
    let mut client = Client::new(world.connect());
    client.send(GET).await;
    while service.received().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(service.ended(), 0);
    drop(client);
    for _ in 0..100_000 {
        if service.ended() == 1 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the service is still waited for");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_service_back() {
    const PIECE: usize = 1024 * 1024;
    let service = Service::start().await;
    let world = world(&service, true).await;
    let mut pieces = vec![format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 64 * PIECE).into_bytes()];
    pieces.extend(std::iter::repeat_n(vec![b'x'; PIECE], 64));
    service.next(Script { pieces, close: false });
    let mut client = Client::new(world.connect());
    client.send(GET).await;
    for _ in 0..20_000 {
        tokio::task::yield_now().await;
    }
    assert!(!service.said_all(), "64 MiB were taken though nobody reads");
    let told = client.answer(false).await;
    assert_eq!((told.whole, told.body.len()), (true, 64 * PIECE));
}
