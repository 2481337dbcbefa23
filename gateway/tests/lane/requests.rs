//! Which requests take the lane, and what the service reads of them.

use super::service::{Client, Script, Service, world};
use aldgate_gateway::metrics::LaneOutcome;

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

/// Whether a request with these lines took the lane; it is answered in any case.
async fn takes_the_lane(request: &str) -> bool {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.always(Script::whole(GOOD));
    let mut client = Client::new(world.connect());
    client.send(request.as_bytes()).await;
    client.answer(request.starts_with("HEAD")).await;
    world.state.metrics.carried_so_far(LaneOutcome::Answered) == 1
}

#[tokio::test]
async fn plain_requests_take_the_lane() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        for fields in
            ["", "connection: keep-alive\r\n", "connection: close\r\n", "content-length: 0\r\n", "te: trailers\r\n"]
        {
            let request = format!("{method} /raw/ HTTP/1.1\r\nhost: localhost:8080\r\n{fields}\r\n");
            assert!(takes_the_lane(&request).await, "{request:?}");
        }
    }
}

#[tokio::test]
async fn everything_else_goes_the_general_way() {
    for (line, fields, body) in [
        ("POST /raw/ HTTP/1.1", "content-length: 0\r\n", ""),
        ("PUT /raw/ HTTP/1.1", "content-length: 2\r\n", "ab"),
        ("GET /raw/ HTTP/1.0", "", ""),
        ("GET /raw/ HTTP/1.1", "content-length: 2\r\n", "ab"),
        ("GET /raw/ HTTP/1.1", "transfer-encoding: chunked\r\n", "0\r\n\r\n"),
        ("GET /raw/ HTTP/1.1", "content-length: 0\r\ncontent-length: 0\r\n", ""),
        ("GET /raw/ HTTP/1.1", "expect: 100-continue\r\n", ""),
        ("GET /raw/ HTTP/1.1", "upgrade: websocket\r\nconnection: upgrade\r\n", ""),
        ("GET /raw/ HTTP/1.1", "connection: x-one\r\n", ""),
        ("GET /raw/ HTTP/1.1", "connection: close, x-one\r\n", ""),
        ("GET /raw/ HTTP/1.1", "connection: close\r\nconnection: x-one\r\n", ""),
    ] {
        let request = format!("{line}\r\nhost: localhost:8080\r\n{fields}\r\n{body}");
        assert!(!takes_the_lane(&request).await, "{request:?}");
    }
}

#[tokio::test]
async fn a_service_in_the_lane_gets_the_identity_and_no_credential() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.always(Script::whole(GOOD));
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let mut client = Client::new(world.connect());
    let request = format!(
        "GET /known/ HTTP/1.1\r\nhost: localhost:8080\r\ncookie: a=1; {session}\r\nAldgate-Subject: forged\r\n\r\n"
    );
    client.send(request.as_bytes()).await;
    assert_eq!(client.answer(false).await.status(), 200);
    assert_eq!(world.state.metrics.carried_so_far(LaneOutcome::Answered), 1);
    let head = String::from_utf8(service.received().remove(0)).expect("text").to_ascii_lowercase();
    assert!(!head.contains("__host-aldgate") && !head.contains("forged"), "{head}");
    assert_eq!(head.matches("\r\naldgate-subject: ").count(), 1, "{head}");
    assert_eq!(head.matches("\r\naldgate-identity: ey").count(), 1, "{head}");
    assert!(head.contains("\r\ncookie: a=1\r\n"), "{head}");
}

#[tokio::test]
async fn nobody_passes_the_lane_unjudged() {
    let service = Service::start().await;
    let world = world(&service, true).await;
    service.always(Script::whole(GOOD));
    let mut client = Client::new(world.connect());
    client.send(b"GET /known/ HTTP/1.1\r\nhost: localhost:8080\r\n\r\n").await;
    assert_eq!(client.answer(false).await.status(), 401);
    assert_eq!(service.received().len(), 0);
}
