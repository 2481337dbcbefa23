//! The waiting room: a place in line, a turn, and no way round it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use std::time::Duration;
use support::http::Answer;
use support::instance::Instance;
use support::world::{World, cookie_of};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

const ROOM: &str = "[waiting_room]\npeople = 2";
const HTML: (&str, &str) = ("accept", "text/html");

/// There is no backend here: whoever is let in gets its 503 without a place.
fn is_in(answer: &Answer) -> bool {
    answer.status == 503 && answer.json()["type"] == "urn:aldgate:problem:unavailable"
}

fn place(answer: &Answer) -> u64 {
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (503, &"urn:aldgate:problem:waiting".into()));
    assert_eq!(answer.header("retry-after").parse().ok(), answer.json()["retry_after"].as_u64());
    answer.json()["place"].as_u64().expect("a place")
}

async fn full() -> World {
    let world = World::with(ROOM).await;
    for _ in 0..2 {
        assert!(is_in(&world.get("/sign-in", &[]).await));
    }
    world
}

#[tokio::test]
async fn whoever_comes_later_waits_and_goes_in_when_it_is_their_turn() {
    let world = full().await;
    let first = world.get("/sign-in", &[]).await;
    let second = world.get("/register/code", &[]).await;
    assert_eq!((place(&first), place(&second)), (1, 2));
    let (first, second) = (cookie_of(&first).expect("a cookie"), cookie_of(&second).expect("a cookie"));
    assert_eq!(place(&world.get("/sign-in", &[("cookie", &second)]).await), 2, "a place is kept");
    world.clock.advance(Duration::from_secs(120));
    assert!(is_in(&world.get("/sign-in", &[("cookie", &first)]).await));
    assert!(is_in(&world.get("/sign-in", &[("cookie", &second)]).await));
    assert_eq!(place(&world.get("/sign-in", &[("cookie", &first)]).await), 1, "a number goes in once");
}

#[tokio::test]
async fn nobody_gets_in_sooner_by_dropping_forging_or_doubling_cookies() {
    let world = full().await;
    let waits = world.get("/sign-in", &[]).await;
    let held = cookie_of(&waits).expect("a cookie");
    assert_eq!(place(&world.get("/sign-in", &[]).await), 2, "without the cookie: to the end");
    let mut forged = held.clone();
    forged.replace_range(held.len() - 1.., if held.ends_with('A') { "B" } else { "A" });
    assert_eq!(place(&world.get("/sign-in", &[("cookie", &forged)]).await), 3);
    assert_eq!(place(&world.get("/sign-in", &[("cookie", &format!("{held}; {held}"))]).await), 4);
    let other = World::with(ROOM).await.beside_with(ROOM).await;
    for _ in 0..2 {
        assert!(is_in(&other.get("/sign-in", &[]).await));
    }
    let alien = cookie_of(&other.get("/sign-in", &[]).await).expect("a cookie");
    assert_eq!(place(&world.get("/sign-in", &[("cookie", &alien)]).await), 5, "of another gateway's line");
    assert_eq!(place(&world.send("POST", "/sign-in/password", &[], "").await), 6, "not by sending the form at once");
    assert_eq!(place(&world.get("/sign-in", &[("cookie", &held)]).await), 1);
}

#[tokio::test]
async fn passkeys_sessions_and_services_do_not_wait() {
    let world = full().await;
    let session = world.log_in(&world.register(1).await).await;
    assert_eq!(world.get("/session", &[("cookie", &session)]).await.status, 200);
    assert!(is_in(&world.get("/sign-in", &[("cookie", &session)]).await), "who is signed in is not held up");
    assert_eq!(world.get("/open/", &[]).await.status, 200);
    assert_eq!(world.get("/assets/aldgate.css", &[]).await.status, 200);
}

#[tokio::test]
async fn a_person_sees_a_page_that_looks_again_by_itself() {
    let world = full().await;
    let page = world.get("/sign-in?return_to=/app/", &[HTML]).await;
    assert_eq!(page.status, 503);
    assert_eq!(page.header("refresh"), format!("{}; url=/sign-in?return_to=/app/", page.header("retry-after")));
    assert!(page.body.contains("You are in a queue") && page.body.contains("<dd>1</dd>"), "{}", page.body);
    let form = world.send("POST", "/register/code", &[HTML], "code=1").await;
    assert!(form.header("refresh").ends_with("; url=/register"), "{form:?}");
    let passkey = world.get("/sign-in?with=passkey", &[HTML]).await;
    assert!(passkey.headers.get("refresh").is_none(), "nothing interrupts a device that asks for its passkey");
    assert!(passkey.body.contains("data-passkey=\"sign-in\""));
}

/// One page of signing in, asked for from an address of this machine: the status, and the body.
async fn asked_from(address: [u8; 4], port: u16) -> (u16, String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((address, 0).into()).expect("an address of this machine");
    let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.expect("connected");
    let request = format!("GET /sign-in HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status"), answer)
}

#[tokio::test]
async fn one_address_cannot_hold_the_room_unless_it_stands_for_many() {
    let more = "[admission]\nmany_behind = [\"127.0.0.3\"]\n[waiting_room]\npeople = 100\n";
    let instance = Instance::start_with(more).await;
    let port = instance.ports.http;
    let (robot, person, many) = ([127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 3]);
    for n in 0..20 {
        assert_eq!(asked_from(robot, port).await.0, 200, "{n}");
    }
    let (status, body) = asked_from(robot, port).await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("urn:aldgate:problem:waiting"), "{body}");
    assert_eq!(asked_from(person, port).await.0, 200, "others go in");
    for n in 0..30 {
        assert_eq!(asked_from(many, port).await.0, 200, "{n}");
    }
    assert_eq!(asked_from(robot, port).await.0, 503);
}
