//! What a service says to us alone goes no further, and with its `Connection` it names nothing away that is meant for
//! the client or said by the gate; on both ways.

use super::service::{Client, Script, Service, Told, world_with};

/// Another origin, whose pages may read the answers on `/shared/`.
const ORIGIN: &str = "https://pages.example";

async fn told(lane: bool, head: &str, body: &str) -> Told {
    let service = Service::start().await;
    let cors = format!(
        "[[route]]\npath = \"/shared/\"\nservice = \"raw\"\naccess = \"public\"\n[route.cors]\norigins = [\"{ORIGIN}\"]\n"
    );
    let world = world_with(&service, lane, &cors).await;
    service.next(Script::whole(format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")));
    let mut client = Client::new(world.connect());
    let request = format!("GET /shared/ HTTP/1.1\r\nhost: localhost:8080\r\norigin: {ORIGIN}\r\n\r\n");
    client.send(request.as_bytes()).await;
    let told = client.answer(false).await;
    assert!(told.whole, "{told:?}");
    told
}

#[tokio::test]
async fn what_a_service_says_to_us_alone_reaches_no_client() {
    let head = "Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nTrailer: x\r\nX-Kept: 1\r\nContent-Length: 4\r\n";
    for lane in [false, true] {
        let told = told(lane, head, "good").await;
        for name in ["x-hop", "keep-alive", "proxy-connection", "trailer"] {
            assert!(told.values(name).is_empty(), "{name}, lane {lane}: {told:?}");
        }
        assert_eq!(told.values("x-kept"), ["1"], "lane {lane}");
        // The gate's own word on its own connection, which it keeps.
        assert_eq!(told.values("connection"), ["keep-alive"], "lane {lane}");
    }
}

#[tokio::test]
async fn a_services_connection_names_nothing_of_ours_away_and_not_where_the_answer_ends() {
    let names = "access-control-allow-origin, vary, date, content-length, transfer-encoding, content-type, set-cookie, strict-transport-security";
    for (framing, body) in
        [("Content-Length: 4", "good"), ("Transfer-Encoding: chunked", "4\r\ngood\r\n0\r\nX-Trailer: 1\r\n\r\n")]
    {
        let head = format!("Connection: {names}\r\nContent-Type: text/plain\r\nSet-Cookie: own=1\r\n{framing}\r\n");
        for lane in [false, true] {
            let told = told(lane, &head, body).await;
            assert_eq!(told.body, b"good", "lane {lane}: {told:?}");
            assert_eq!(told.values("access-control-allow-origin"), [ORIGIN], "lane {lane}");
            assert_eq!(told.values("vary"), ["Origin"], "lane {lane}");
            assert_eq!(told.values("set-cookie"), ["own=1"], "lane {lane}");
            assert_eq!((told.values("date").len(), told.values("content-type").len()), (1, 1), "lane {lane}");
        }
    }
}
