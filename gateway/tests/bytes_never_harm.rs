//! A property of the whole gateway: whatever bytes arrive as cookie, body, client data or authenticator data, the
//! answer is a 4xx and nothing is stored.
//!
//! Method: random and damaged inputs against the proxy in memory; after each, the warm tier must hold no session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::warm::Warm as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use support::world::{ORIGIN, RP_ID, World};
use tokio::runtime::Runtime;

const CASES: u32 = 200; // Each is a whole request through the proxy.

fn check<S: Strategy>(strategy: S, case: impl Fn(S::Value)) {
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&strategy, |value| {
        case(value);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

fn raw_request(method: &str, path: &str, cookie: &[u8], body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\n").into_bytes();
    request.extend_from_slice(b"content-type: application/json\r\ncookie: ");
    request.extend_from_slice(cookie);
    request.extend_from_slice(format!("\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    request
}

/// The status, if there is an answer.
fn status(answer: &str) -> Option<u16> {
    answer.split(' ').nth(1).and_then(|text| text.parse().ok())
}

fn assert_refused(answer: &str, what: &dyn std::fmt::Debug) {
    assert!(status(answer).is_some_and(|status| (400..500).contains(&status)), "{what:?}: {answer:?}");
    assert!(!answer.contains("__Host-aldgate=") || answer.contains("Max-Age=0"), "{what:?}: {answer}");
}

#[test]
fn any_cookie_is_a_4xx() {
    let runtime = Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new());
    let ours = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "__Host-aldgate=[ -~]{0,60}".prop_map(String::into_bytes),
        "__Host-aldgate=[A-Za-z0-9_-]{44}".prop_map(String::into_bytes),
    ];
    check(ours, |cookie| {
        let answer = runtime.block_on(world.raw(&raw_request("GET", "/app/", &cookie, b"")));
        if cookie.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f) {
            assert_refused(&answer, &cookie);
        } else {
            // No legal header value: the gate may answer or just close, but nothing passes.
            assert!(status(&answer).is_none_or(|status| (400..500).contains(&status)), "{cookie:?}: {answer}");
        }
    });
}

#[test]
fn any_body_is_a_4xx_and_stores_nothing() {
    let runtime = Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new());
    let authenticator = runtime.block_on(world.register(1));
    check((proptest::collection::vec(any::<u8>(), 0..300), any::<usize>(), any::<u8>()), |(noise, at, byte)| {
        let (challenge, ceremony) = runtime.block_on(world.options());
        let mut damaged = authenticator.login_body(RP_ID, ORIGIN, &challenge).into_bytes();
        // Damage inside a signed or judged member: behind the envelope's free-form beginning.
        let start = damaged.windows(14).position(|w| w == b"clientDataJSON").expect("a member") + 18;
        let at = start + at % (damaged.len() - start - 100);
        damaged[at] = if damaged[at] == byte { byte ^ 1 } else { byte };
        for body in [noise, damaged] {
            let request = raw_request("POST", "/passkey/login", ceremony.as_bytes(), &body);
            assert_refused(&runtime.block_on(world.raw(&request)), &String::from_utf8_lossy(&body));
        }
    });
    let sessions = runtime.block_on(world.warm.sessions_of(&authenticator.account)).expect("sessions");
    assert!(sessions.is_empty());
}

#[test]
fn any_client_data_and_authenticator_data_are_a_4xx_even_signed() {
    let runtime = Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new());
    let authenticator = runtime.block_on(world.register(1));
    let bytes = || proptest::collection::vec(any::<u8>(), 0..200);
    check((bytes(), bytes()), |(client_data, authenticator_data)| {
        let (challenge, ceremony) = runtime.block_on(world.options());
        let genuine =
            aldgate_core::testing::authenticator::Authenticator::client_data("webauthn.get", &challenge, ORIGIN);
        // Random client data with genuine-looking authenticator data, and the other way round; both signed.
        let data = aldgate_core::testing::authenticator::Authenticator::authenticator_data(RP_ID, 0x05, 9);
        for (client, data) in [(client_data.as_slice(), data.as_slice()), (genuine.as_bytes(), &authenticator_data)] {
            let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let id = text(&authenticator.credential_id);
            let body = serde_json::json!({
                "id": id, "rawId": id, "type": "public-key", "clientExtensionResults": {},
                "response": {
                    "clientDataJSON": text(client),
                    "authenticatorData": text(data),
                    "signature": text(&authenticator.sign(data, client)),
                    "userHandle": text(authenticator.account.as_bytes()),
                },
            });
            let request = raw_request("POST", "/passkey/login", ceremony.as_bytes(), body.to_string().as_bytes());
            assert_refused(&runtime.block_on(world.raw(&request)), &client);
        }
    });
    let sessions = runtime.block_on(world.warm.sessions_of(&authenticator.account)).expect("sessions");
    assert!(sessions.is_empty());
}
