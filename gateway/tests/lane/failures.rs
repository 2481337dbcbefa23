//! What a client is told when the service does not listen, does not answer in time, or goes away: the same problem on
//! both ways.

use super::service::{Client, Script, Service, Told, pause, world};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

const GET: &[u8] = b"GET /raw/ HTTP/1.1\r\nhost: localhost:8080\r\naccept: application/json\r\n\r\n";

/// The status and the problem, without the number of this very request.
fn problem(told: &Told) -> (u16, serde_json::Value) {
    let mut body: serde_json::Value = serde_json::from_slice(&told.body).expect("a problem in JSON");
    let object = body.as_object_mut().expect("an object");
    assert!(object.remove("instance").is_some(), "{object:?}");
    (told.status(), body)
}

/// What is told of a service at this address, through the lane and through the other way: it must be the same.
async fn told_on_both_ways(upstream: &str) -> u16 {
    let mut told = Vec::new();
    for lane in [false, true] {
        let world = world(&Service::at(upstream.to_owned()), lane).await;
        let mut client = Client::new(world.connect());
        client.send(GET).await;
        let answer = client.answer(false).await;
        assert_eq!(answer.values("connection"), ["close"], "lane {lane}");
        told.push(problem(&answer));
    }
    assert_eq!(told[0], told[1]);
    told[1].0
}

/// A socket's file at which nobody listens any more.
fn left_behind(path: &Path) {
    drop(std::os::unix::net::UnixListener::bind(path).expect("a socket"));
    assert!(path.exists());
}

#[tokio::test]
async fn a_service_that_does_not_listen_is_unavailable_on_both_ways() {
    let dir = TempDir::new().expect("a directory");
    let (none, left) = (dir.path().join("none.sock"), dir.path().join("left.sock"));
    left_behind(&left);
    assert_eq!(told_on_both_ways("127.0.0.1:1").await, 503);
    assert_eq!(told_on_both_ways(&format!("unix:{}", none.display())).await, 503);
    assert_eq!(told_on_both_ways(&format!("unix:{}", left.display())).await, 503);
}

#[tokio::test]
async fn a_service_that_goes_without_an_answer_is_a_bad_gateway_on_both_ways() {
    let mut told = Vec::new();
    for lane in [false, true] {
        let service = Service::start().await;
        let world = world(&service, lane).await;
        service.always(Script::default().closing());
        let mut client = Client::new(world.connect());
        client.send(GET).await;
        told.push(problem(&client.answer(false).await));
    }
    assert_eq!((told[0].0, &told[0]), (502, &told[1]));
}

/// Asks; when the service has the request, the clock stands still.
async fn ask_and_stop_the_clock(client: &mut Client<impl AsyncRead + AsyncWrite + Unpin>, service: &Service) {
    client.send(GET).await;
    while service.received().is_empty() {
        tokio::task::yield_now().await;
    }
    pause().await;
    tokio::time::pause();
}

/// On a clock that is moved by hand from when the service has the request: its silence lasts as long as the gate waits.
#[tokio::test]
async fn a_service_that_does_not_answer_in_time_is_a_gateway_timeout_on_both_ways() {
    // The deadlines of a second and more, which are Pingora's, are then kept by the runtime's clock too.
    pingora_timeout::fast_timeout::set_fast_timeout_to_tokio_threshold(Some(Duration::ZERO));
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Le"] {
        let mut told = Vec::new();
        for lane in [false, true] {
            let service = Service::start().await;
            let world = world(&service, lane).await;
            service.next(Script::whole(begun));
            let mut client = Client::new(world.connect());
            ask_and_stop_the_clock(&mut client, &service).await;
            let since = Instant::now();
            told.push(problem(&client.answer(false).await));
            assert_eq!(since.elapsed().as_secs(), 30, "lane {lane}");
            tokio::time::resume();
            while service.ended() == 0 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!((told[0].0, &told[0]), (504, &told[1]), "{begun:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stops_in_its_middle_is_cut_and_never_whole() {
    pingora_timeout::fast_timeout::set_fast_timeout_to_tokio_threshold(Some(Duration::ZERO));
    for lane in [false, true] {
        let service = Service::start().await;
        let world = world(&service, lane).await;
        service.next(Script::whole("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nstops"));
        let mut client = Client::new(world.connect());
        ask_and_stop_the_clock(&mut client, &service).await;
        let told = client.answer(false).await;
        assert_eq!((told.status(), told.whole, told.body.as_slice()), (200, false, b"stops".as_slice()), "lane {lane}");
        tokio::time::resume();
    }
}
