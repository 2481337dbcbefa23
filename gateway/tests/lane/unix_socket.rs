//! A service on a Unix socket: the lane keeps its connections, uses them again, and finds the closed ones, as over TCP.

use super::service::{Client, Script, Service, world};
use aldgate_gateway::metrics::LaneOutcome;
use tempfile::TempDir;

const GET: &[u8] = b"GET /raw/ HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";
const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

#[tokio::test]
async fn a_service_on_a_unix_socket_is_served_in_the_lane_on_one_connection() {
    let dir = TempDir::new().expect("a directory");
    let service = Service::start_at(&dir.path().join("service.sock"));
    let world = world(&service, true).await;
    let mut client = Client::new(world.connect());
    let chunked: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n";
    for answer in [GOOD, chunked, GOOD] {
        service.next(Script::whole(answer));
        client.send(GET).await;
        let told = client.answer(false).await;
        assert_eq!((told.status(), told.whole, told.body.as_slice()), (200, true, b"good".as_slice()));
    }
    assert_eq!((service.accepted(), service.received().len()), (1, 3));
    assert_eq!(world.state.metrics.carried_so_far(LaneOutcome::Answered), 3);
}

#[tokio::test]
async fn a_unix_connection_that_the_service_has_closed_is_not_used() {
    let dir = TempDir::new().expect("a directory");
    let service = Service::start_at(&dir.path().join("service.sock"));
    let world = world(&service, true).await;
    let mut client = Client::new(world.connect());
    for round in 1..=2 {
        service.next(Script::whole(GOOD).closing());
        client.send(GET).await;
        assert_eq!(client.answer(false).await.status(), 200);
        while service.ended() < round {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(service.accepted(), 2);
    assert_eq!(world.state.metrics.carried_so_far(LaneOutcome::HandedBack), 0, "it was seen to be closed");
}

#[tokio::test]
async fn what_a_service_says_later_on_a_unix_socket_reaches_nobody() {
    let dir = TempDir::new().expect("a directory");
    let service = Service::start_at(&dir.path().join("service.sock"));
    let world = world(&service, true).await;
    let poison = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison".to_vec();
    service.always(Script::whole(GOOD));
    service.next(Script { pieces: vec![GOOD.to_vec(), poison], close: false });
    for _ in 0..2 {
        let mut client = Client::new(world.connect());
        client.send(GET).await;
        assert_eq!(client.answer(false).await.body, b"good");
        service.has_said_all().await;
    }
    assert_eq!(service.accepted(), 2);
}
