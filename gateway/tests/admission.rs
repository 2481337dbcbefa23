//! Admission: what is dear waits or is told when to come back; what is cheap never notices.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::policy::cost::CostClass;
use aldgate_gateway::admission::{NotAdmitted, Ticket};
use std::net::IpAddr;
use std::time::Duration;
use support::world::World;
use tokio::io::AsyncWriteExt as _;

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

async fn admit(world: &World, class: CostClass, client: Option<IpAddr>) -> Result<Ticket, NotAdmitted> {
    world.state.admission.admit(class, client, support::world_now(world)).await
}

async fn metrics(world: &World) -> String {
    world.state.metrics.places_taken(&world.state.admission);
    String::from_utf8(world.state.metrics.exposition(&world.state.hot)).expect("text")
}

#[tokio::test]
async fn when_all_places_for_passwords_are_taken_everything_cheaper_goes_on() {
    let world = World::with(DEAR).await;
    let session = world.log_in(&world.register(1).await).await;
    let places = [admit(&world, CostClass::Password, None).await, admit(&world, CostClass::Password, None).await];
    assert!(places.iter().all(Result::is_ok));
    let waiting = admit(&world, CostClass::Password, None);
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
    world.log_in(&world.register(2).await).await;
    let text = metrics(&world).await;
    for line in [
        r#"aldgate_admission_refused_total{class="password",reason="full"} 2"#,
        r#"aldgate_admission_refused_total{class="check",reason="full"} 0"#,
        r#"aldgate_admission_requests{class="password",state="under_way"} 2"#,
        r#"aldgate_admission_requests{class="password",state="waiting"} 1"#,
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }

    drop(places);
    assert!(waiting.await.is_ok(), "who has waited is the next");
    assert_eq!(world.get("/dear/", &[]).await.status, 200);
    assert_eq!(world.state.admission.under_way(CostClass::Password), (0, 0), "every place is free again");
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

#[tokio::test]
async fn whoever_sends_a_form_slowly_holds_no_place() {
    let world = World::with(DEAR).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut client = world.connect();
        let head = "POST /sign-in/password HTTP/1.1\r\nhost: localhost:8080\r\ncontent-length: 100\r\n\r\npassword=";
        client.write_all(head.as_bytes()).await.expect("written");
        slow.push(client);
    }
    let answered = world.get("/dear/", &[]).await;
    assert_eq!(answered.status, 200, "{answered:?}");
    assert_eq!(world.state.admission.under_way(CostClass::Password), (0, 0));
}
