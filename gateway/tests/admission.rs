//! Admission: what is dear waits or is told when to come back; what is cheap never notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::policy::cost::CostClass;
use aldgate_gateway::admission::{Asked, NotAdmitted, Ticket};
use std::net::IpAddr;
use std::time::Duration;
use support::world::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;

const DEAR: &str = r#"
    [[route]]
    path = "/dear/"
    service = "echo"
    access = "public"
    cost = "password"
    [admission]
    many_behind = ["192.0.2.99"]
    [admission.password]
    per_address = "60/m"
    burst = 3
    at_once = 2
    queue = 1
"#;

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

/// Asks for a place of the platform's.
async fn admit(world: &World, class: CostClass, client: Option<IpAddr>) -> Result<Ticket, NotAdmitted> {
    world.state.admission.admit(Asked::Platform, class, client, support::world_now(world)).await
}

/// Asks for one of the services'.
async fn admit_to_service(world: &World) -> Result<Ticket, NotAdmitted> {
    world.state.admission.admit(Asked::Service, CostClass::Password, None, support::world_now(world)).await
}

const NO_PLACE: (usize, usize) = (0, 0);

async fn metrics(world: &World) -> String {
    world.state.metrics.places_taken(&world.state.admission);
    String::from_utf8(world.state.metrics.exposition(&world.state.hot)).expect("text")
}

#[tokio::test]
async fn when_all_places_for_passwords_are_taken_everything_cheaper_goes_on() {
    let world = World::with(DEAR).await;
    let session = world.log_in(&world.register(1).await).await;
    let places = [admit_to_service(&world).await, admit_to_service(&world).await];
    assert!(places.iter().all(Result::is_ok));
    let waiting = admit_to_service(&world);
    tokio::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut waiting).await.is_err(), "it waits");

    let program = world.get("/dear/", &[]).await;
    assert_eq!(program.status, 503, "{program:?}");
    assert_eq!(program.json()["type"], "urn:aldgate:problem:busy");
    let person = world.get("/dear/", &[("accept", "text/html")]).await;
    assert_eq!(person.status, 503);
    assert!(person.body.contains("Many people are using this service"), "{}", person.body);
    let seconds = |answer: &support::http::Answer| answer.header("retry-after").parse::<u64>().expect("seconds");
    assert!((5..15).contains(&seconds(&program)) && seconds(&person) != seconds(&program), "they come back apart");

    assert_eq!(world.get("/session", &[("cookie", &session)]).await.status, 200);
    assert_eq!(world.get("/open/", &[]).await.status, 200);
    assert!(admit(&world, CostClass::Password, None).await.is_ok(), "who signs in notices nothing of services");
    world.log_in(&world.register(2).await).await;
    let text = metrics(&world).await;
    for line in [
        r#"aldgate_admission_refused_total{asked="service",class="password",reason="full"} 2"#,
        r#"aldgate_admission_refused_total{asked="platform",class="password",reason="full"} 0"#,
        r#"aldgate_admission_requests{asked="service",class="password",state="under_way"} 2"#,
        r#"aldgate_admission_requests{asked="service",class="password",state="waiting"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }

    drop(places);
    assert!(waiting.await.is_ok(), "who has waited is the next");
    assert_eq!(world.get("/dear/", &[]).await.status, 200);
    assert_eq!(
        world.state.admission.under_way(Asked::Service, CostClass::Password),
        NO_PLACE,
        "every place is free again"
    );
}

#[tokio::test]
async fn one_address_that_asks_too_often_keeps_out_nobody_else() {
    let world = World::with(DEAR).await;
    for _ in 0..3 {
        assert!(admit(&world, CostClass::Password, address("192.0.2.1")).await.is_ok());
    }
    let refused = admit(&world, CostClass::Password, address("192.0.2.1")).await.expect_err("too often");
    assert_eq!(refused, NotAdmitted::TooOften { retry_after: Duration::from_secs(1) });
    assert!(admit(&world, CostClass::Password, address("::ffff:192.0.2.1")).await.is_err(), "the same address");
    assert!(admit(&world, CostClass::Password, address("192.0.2.2")).await.is_ok(), "another");
    for class in [CostClass::Check, CostClass::Passkey, CostClass::Refresh] {
        assert!(admit(&world, class, address("192.0.2.1")).await.is_ok(), "{class:?} is counted apart");
    }
    for _ in 0..10 {
        assert!(admit(&world, CostClass::Password, address("192.0.2.99")).await.is_ok(), "many people are behind it");
    }
    world.clock.advance(Duration::from_secs(1));
    assert!(admit(&world, CostClass::Password, address("192.0.2.1")).await.is_ok(), "one more a second");
}

#[tokio::test]
async fn many_addresses_at_once_get_no_more_places_than_there_are() {
    let world = World::with(DEAR).await;
    let mut held = Vec::new();
    for number in 0..200 {
        let client = address(&format!("198.51.100.{number}"));
        let admitted = tokio::time::timeout(Duration::ZERO, admit(&world, CostClass::Password, client)).await;
        held.extend(admitted.ok().and_then(Result::ok));
    }
    assert_eq!(held.len(), 2);
}

/// Connections that begin a request with this head and send a body of a hundred bytes not to its end.
async fn slow_bodies(world: &World, head: &str) -> Vec<DuplexStream> {
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = world.connect();
        let request = format!("{head}\r\nhost: localhost:8080\r\ncontent-length: 100\r\n\r\n{{");
        client.write_all(request.as_bytes()).await.expect("written");
        slow.push(client);
    }
    tokio::time::sleep(Duration::from_millis(400)).await; // Longer than a body is waited for before a service is asked.
    slow
}

#[tokio::test]
async fn whoever_sends_a_form_or_a_passkeys_answer_slowly_holds_no_place() {
    let world = World::with(&format!("{DEAR}\n[admission.passkey]\nat_once = 1\n")).await;
    let forms = slow_bodies(&world, "POST /sign-in/password HTTP/1.1").await;
    let answers = slow_bodies(&world, "POST /passkey/login HTTP/1.1\r\ncontent-type: application/json").await;
    for class in [CostClass::Password, CostClass::Passkey] {
        assert_eq!(world.state.admission.under_way(Asked::Platform, class), NO_PLACE, "{class:?}");
    }
    world.log_in(&world.register(1).await).await;
    drop((forms, answers));
}

#[tokio::test]
async fn uploads_to_a_service_take_no_place_of_those_who_sign_in() {
    // It takes requests and answers none.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let upstream = silent.local_addr().expect("an address");
    let upload = format!(
        "[[service]]\nname = \"silent\"\nupstream = \"{upstream}\"\n\
         [[route]]\npath = \"/upload/\"\nservice = \"silent\"\naccess = \"public\"\ncost = \"password\"\n"
    );
    let world = World::with(&format!("{upload}{DEAR}")).await;
    let _slow = slow_bodies(&world, "POST /upload/ HTTP/1.1").await;
    assert_eq!(world.state.admission.under_way(Asked::Service, CostClass::Password).0, 2, "all that services have");
    assert_eq!(world.get("/dear/", &[]).await.status, 503);
    let client = address("192.0.2.7");
    for _ in 0..3 {
        let place = tokio::time::timeout(Duration::ZERO, admit(&world, CostClass::Password, client)).await;
        assert!(place.is_ok_and(|place| place.is_ok()), "at once, and at a rate of their own");
    }
}

#[tokio::test]
async fn whoever_reads_an_answer_slowly_holds_no_place() {
    for lane in ["true", "false"] {
        let world =
            World::with(&DEAR.replace("[admission]", &format!("[edge]\nfast_lane = {lane}\n[admission]"))).await;
        // The echo of so many cookies does not fit into what is kept for a client that does not read.
        let cookies = format!("cookie: {}\r\n", "a".repeat(7_000));
        let mut held = Vec::new();
        for _ in 0..4 {
            let (mut client, server) = tokio::io::duplex(1_024);
            world.serve(Box::new(server));
            let request = format!("GET /dear/ HTTP/1.1\r\nhost: localhost:8080\r\n{cookies}\r\n");
            client.write_all(request.as_bytes()).await.expect("written");
            let mut begun = [0; 16];
            client.read_exact(&mut begun).await.expect("the answer begins");
            assert_eq!(&begun[..13], b"HTTP/1.1 200 ", "fast lane: {lane}");
            held.push(client);
        }
        assert_eq!(world.state.admission.under_way(Asked::Service, CostClass::Password), NO_PLACE, "fast lane: {lane}");
    }
}
