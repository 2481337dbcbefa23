//! Idle connections: one that the service has closed costs nobody a request, and what a reload leaves behind is closed.

use super::service::{Client, Script, Service, pause, world};
use aldgate_gateway::metrics::LaneOutcome;
use tokio::io::{AsyncRead, AsyncWrite};

const GET: &[u8] = b"GET /raw/ HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";
const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

/// Asks once; gives the status of the answer.
async fn get(client: &mut Client<impl AsyncRead + AsyncWrite + Unpin>) -> u16 {
    client.send(GET).await;
    client.answer(false).await.status()
}

#[tokio::test]
async fn a_service_that_closes_idle_connections_while_requests_flow_fails_none() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.always(Script::whole(GOOD));
    let closing = service.clone();
    let closer = tokio::spawn(async move {
        loop {
            closing.hang_up();
            tokio::task::yield_now().await;
        }
    });
    let mut clients: Vec<_> = (0..8).map(|_| Client::new(world.connect())).collect();
    for round in 0..100 {
        for client in &mut clients {
            client.send(GET).await;
        }
        for client in &mut clients {
            let told = client.answer(false).await;
            assert_eq!((told.status(), told.whole, told.body.as_slice()), (200, true, b"good".as_slice()), "{round}");
        }
    }
    closer.abort();
}

#[tokio::test]
async fn a_used_connection_that_ends_without_a_byte_hands_the_request_back() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.next(Script::whole(GOOD));
    let mut client = Client::new(world.connect());
    assert_eq!(get(&mut client).await, 200);
    service.next(Script::default().closing()); // Reads the request, and closes.
    service.next(Script::whole(GOOD));
    assert_eq!(get(&mut client).await, 200);
    assert_eq!(world.state.metrics.carried_so_far(LaneOutcome::HandedBack), 1);
    assert_eq!(service.received().len(), 3);
}

#[tokio::test]
async fn a_new_connection_that_ends_without_a_byte_is_not_tried_again() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.next(Script::default().closing());
    let mut client = Client::new(world.connect());
    assert_eq!(get(&mut client).await, 502);
    assert_eq!(service.received().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_again_once_a_byte_of_an_answer_has_come() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.next(Script::whole(GOOD));
    let mut client = Client::new(world.connect());
    assert_eq!(get(&mut client).await, 200);
    service.next(Script::whole("H").closing());
    assert_eq!(get(&mut client).await, 502);
    assert_eq!(service.received().len(), 2);
}

#[tokio::test]
async fn the_idle_connections_end_with_their_generation() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.always(Script::whole(GOOD));
    let mut client = Client::new(world.connect());
    assert_eq!(get(&mut client).await, 200);
    pause().await;
    assert_eq!((service.accepted(), service.ended()), (1, 0));
    let config = aldgate_gateway::config::Config::parse("").expect("the defaults");
    let (master, now) = (world.state.master.clone(), world.state.clock.now());
    let files = aldgate_gateway::files::Files::default();
    world.state.snapshot.replace(&config, files, &master, now).expect("another generation");
    for _ in 0..10_000 {
        if service.ended() == 1 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the connection is still open");
}
