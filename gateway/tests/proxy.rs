//! The whole proxy in memory: what passes, what is refused, what services see, what a session lives through.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::SessionId;
use aldgate_core::session::cookie;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::warm::Warm as _;
use aldgate_core::webauthn::credential::CredentialRecord;
use std::time::Duration;
use support::world::{ORIGIN, RP_ID, World, cookie_of, parse, received};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const HTML: (&str, &str) = ("accept", "text/html");

#[tokio::test]
async fn no_route_is_404_and_never_a_pass() {
    let world = World::new().await;
    let missing = ["/nothing", "/appx", "/openx/"].map(|path| (path, 404));
    let ambiguous = ["/app%2fx", "/../app/", "/app/..;/open/", "//app/", "/app/%2e%2e/open/"].map(|path| (path, 400));
    for (path, status) in missing.into_iter().chain(ambiguous) {
        let answer = world.get(path, &[]).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    let other_host = parse(&world.raw(b"GET /open/ HTTP/1.1\r\nhost: elsewhere\r\nconnection: close\r\n\r\n").await);
    assert_eq!(other_host.status, 404);
}

#[tokio::test]
async fn a_program_without_a_session_gets_401_and_a_problem_document() {
    let world = World::new().await;
    let answer = world.get("/app/", &[]).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="aldgate""#);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.json()["type"], "urn:aldgate:problem:not-signed-in");
}

#[tokio::test]
async fn a_browser_without_a_session_is_sent_to_sign_in_and_back() {
    let world = World::new().await;
    let answer = world.get("/app/page?a=1&b=2", &[HTML]).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), "/sign-in?return_to=/app/page%3Fa%3D1%26b%3D2");
}

#[tokio::test]
async fn a_service_behind_the_gate_gets_a_signed_identity() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let seen = received(&world.get("/app/x", &[("cookie", &format!("a=1; {session}; b=2"))]).await);
    let identity = world.verifier("echo").verify(&seen["aldgate-identity"], support::world_now(&world));
    let identity = identity.expect("an identity");
    assert_eq!(identity.account(), authenticator.account);
    assert_eq!(identity.claims().vot, "P0.Cm");
    assert_eq!(seen["aldgate-subject"], authenticator.account.to_string());
    assert_eq!(seen["aldgate-components"], "Cm");
    assert_eq!(seen["cookie"], "a=1; b=2", "our cookie never reaches a service");
    assert_eq!(seen["x-forwarded-proto"], "http");
    assert_eq!(seen["x-forwarded-host"], "localhost:8080");
    assert_eq!(seen["forwarded"], r#"for=unknown;host="localhost:8080";proto=http"#);
    let again = received(&world.get("/app/y", &[("cookie", &session)]).await);
    assert_eq!(again["aldgate-identity"], seen["aldgate-identity"], "the hot path signs nothing");
    world.clock.advance(Duration::from_secs(31));
    let later = received(&world.get("/app/z", &[("cookie", &session)]).await);
    assert_ne!(later["aldgate-identity"], seen["aldgate-identity"], "half its life is over");
    let other = received(&world.get("/other/", &[("cookie", &session)]).await);
    assert!(world.verifier("echo").verify(&other["aldgate-identity"], support::world_now(&world)).is_err());
    assert!(world.verifier("other").verify(&other["aldgate-identity"], support::world_now(&world)).is_ok());
}

#[tokio::test]
async fn what_a_client_says_in_our_name_never_reaches_a_service() {
    let world = World::new().await;
    let forged = [
        ("Aldgate-Subject", "admin"),
        ("aldgate_subject", "admin"),
        ("ALDGATE-IDENTITY", "x.y.z"),
        ("Aldgate.Subject", "admin"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("x_forwarded_for", "10.0.0.1"),
        ("Forwarded", "for=10.0.0.1"),
        ("X-Real-IP", "10.0.0.1"),
    ];
    for path in ["/open/", "/maybe/"] {
        let answer = world.get(path, &forged).await;
        assert_eq!(answer.status, 200);
        for text in ["admin", "10.0.0.1", "x.y.z"] {
            assert!(!answer.body.contains(text), "{text} in {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_client_cannot_have_our_headers_dropped_by_naming_them_in_connection() {
    let world = World::new().await;
    let session = world.log_in(&world.register(1).await).await;
    let request = |nominated: &str| {
        format!(
            "GET /app/ HTTP/1.1\r\nhost: localhost:8080\r\ncookie: {session}\r\nx-own: 1\r\nte: trailers\r\nkeep-alive: timeout=5\r\nconnection: close, {nominated}\r\n\r\n"
        )
    };
    let passed = parse(&world.raw(request("TE, Keep-Alive").as_bytes()).await);
    let seen = received(&passed);
    assert!(seen.contains_key("aldgate-identity") && seen.contains_key("x-own"));
    for hop_by_hop in ["te", "keep-alive"] {
        assert!(!seen.contains_key(hop_by_hop), "{hop_by_hop} in {seen:?}");
    }
    for nominated in ["aldgate-identity", "x-own", "x-forwarded-for"] {
        let refused = parse(&world.raw(request(nominated).as_bytes()).await);
        assert_eq!(refused.status, 400, "{nominated}: {refused:?}");
    }
}

#[tokio::test]
async fn a_service_cannot_set_our_cookie() {
    let world = World::new().await;
    let answer = world.get("/open/", &[]).await;
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(set, ["own=1"]);
}

#[tokio::test]
async fn forged_truncated_and_doubled_cookies_open_nothing_and_are_cleared() {
    let world = World::new().await;
    let session = world.log_in(&world.register(1).await).await;
    let token = session.split_once('=').expect("a pair").1;
    let flipped = format!("{}{}", &token[..43], if token.ends_with('A') { 'B' } else { 'A' });
    let other = world.state.snapshot.load().tag_keys.token(SessionId::from_bytes([9; 16]), "localhost");
    for value in [&flipped, &token[..20], "", &format!("{token}x"), &other] {
        let answer = world.get("/app/", &[("cookie", &format!("{}={value}", cookie::SESSION))]).await;
        assert_eq!(answer.status, 401, "{value}");
        assert!(answer.header("set-cookie").contains("Max-Age=0"), "{value}: {answer:?}");
    }
    let doubled = world.get("/app/", &[("cookie", &format!("{session}; {session}"))]).await;
    assert_eq!(doubled.status, 401);
    assert!(doubled.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_forged_cookie_costs_no_look_up() {
    let world = World::new().await;
    world.warm.set_down(true); // A look-up would end in 503.
    let forged = format!("{}={}", cookie::SESSION, "A".repeat(44));
    assert_eq!(world.get("/app/", &[("cookie", &forged)]).await.status, 401);
}

#[tokio::test]
async fn sessions_end_when_idle_and_at_their_absolute_end() {
    let world = World::new().await;
    let session = world.log_in(&world.register(1).await).await;
    let get = async || world.get("/session", &[("cookie", &session)]).await.status.as_u16();
    for _ in 0..20 {
        world.clock.advance(Duration::from_mins(29));
        assert_eq!(get().await, 200);
    }
    world.clock.advance(Duration::from_mins(30));
    assert_eq!(get().await, 401, "idle");
    let busy = world.log_in(&world.register(2).await).await;
    for _ in 0..24 {
        world.clock.advance(Duration::from_mins(29));
        assert_eq!(world.get("/session", &[("cookie", &busy)]).await.status, 200);
    }
    world.clock.advance(Duration::from_mins(24)); // 24 x 29 + 24 = 720 minutes.
    assert_eq!(world.get("/session", &[("cookie", &busy)]).await.status, 401, "absolute end");
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_although_it_was_hot() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    assert_eq!(world.get("/session", &[("cookie", &session)]).await.status, 200);
    world.warm.end_sessions(&authenticator.account, None).await.expect("ended");
    assert_eq!(world.get("/session", &[("cookie", &session)]).await.status, 401);
}

#[tokio::test]
async fn nothing_fails_open_when_warm_is_down() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let cold = world.state.snapshot.load().tag_keys.token(SessionId::from_bytes([9; 16]), "localhost");
    let (challenge, ceremony) = world.options().await;
    world.warm.set_down(true);
    assert_eq!(world.get("/app/", &[("cookie", &session)]).await.status, 200, "hot sessions go on");
    let unknown = world.get("/app/", &[("cookie", &format!("{}={cold}", cookie::SESSION))]).await;
    assert_eq!((unknown.status.as_u16(), unknown.header("retry-after")), (503, "5"));
    let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    let login = world.post_json("/passkey/login", &ceremony, &body).await;
    assert_eq!(login.status, 503);
    assert_eq!(cookie_of(&login), None);
}

#[tokio::test]
async fn a_passkey_of_a_disabled_account_opens_nothing_and_only_who_holds_it_is_told() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    world.log_in(&authenticator).await;
    let asked = async |authenticator: &Authenticator| {
        let (challenge, ceremony) = world.options().await;
        world.post_json("/passkey/login", &ceremony, &authenticator.login_body(RP_ID, ORIGIN, &challenge)).await
    };
    let known = world.warm.credential(&authenticator.record().digest).await.expect("warm").expect("a passkey");
    let disabled = CredentialRecord { disabled: true, revision: known.revision + 1, ..known };
    world.warm.publish_credential(&disabled).await.expect("published");
    let answer = asked(&authenticator).await;
    assert_eq!((answer.status.as_u16(), cookie_of(&answer)), (403, None));
    assert!(answer.body.contains("urn:aldgate:problem:account-disabled"), "{}", answer.body);
    // Somebody else's signature under its name: they learn no more than of any other.
    let (challenge, ceremony) = world.options().await;
    let body = authenticator.login_body(RP_ID, "https://elsewhere.example", &challenge);
    let answer = world.post_json("/passkey/login", &ceremony, &body).await;
    assert!(!answer.body.contains("disabled"), "{}", answer.body);
    let enabled = CredentialRecord { disabled: false, revision: disabled.revision + 1, ..disabled };
    world.warm.publish_credential(&enabled).await.expect("published");
    assert_eq!(asked(&authenticator).await.status, 200);
}

#[tokio::test]
async fn a_warm_tier_that_hangs_is_a_clean_503() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let (challenge, ceremony) = world.options().await;
    let cold = world.state.snapshot.load().tag_keys.token(SessionId::from_bytes([9; 16]), "localhost");
    world.warm.set_hanging(true);
    assert_eq!(world.get("/app/", &[("cookie", &format!("{}={cold}", cookie::SESSION))]).await.status, 503);
    let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    let login = world.post_json("/passkey/login", &ceremony, &body).await;
    assert_eq!((login.status.as_u16(), cookie_of(&login)), (503, None));
}

#[tokio::test]
async fn logging_in_again_rotates_the_session() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let old = world.log_in(&authenticator).await;
    let (challenge, ceremony) = world.options().await;
    let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    let answer = world.post_json("/passkey/login", &format!("{ceremony}; {old}"), &body).await;
    let new = cookie_of(&answer).expect("a cookie");
    assert_ne!(old, new);
    assert_eq!(world.get("/session", &[("cookie", &old)]).await.status, 401);
    assert_eq!(world.get("/session", &[("cookie", &new)]).await.status, 200);
}

#[tokio::test]
async fn a_route_demands_a_fresh_sign_in_and_says_so() {
    let world = World::new().await;
    let session = world.log_in(&world.register(1).await).await;
    assert_eq!(world.get("/fresh/", &[("cookie", &session)]).await.status, 200);
    world.clock.advance(Duration::from_secs(301));
    let api = world.get("/fresh/", &[("cookie", &session)]).await;
    assert_eq!(api.status, 401);
    assert!(api.header("www-authenticate").contains("insufficient_user_authentication"));
    assert!(api.header("www-authenticate").contains("max_age=\"300\""));
    let browser = world.get("/fresh/", &[("cookie", &session), HTML]).await;
    assert_eq!(browser.header("location"), "/sign-in?return_to=/fresh/&why=passkey");
    let by_password = world.open_by_password().await;
    let browser = world.get("/fresh/", &[("cookie", &by_password), HTML]).await;
    assert_eq!(browser.header("location"), "/sign-in?return_to=/fresh/&why=passkey");
    assert_eq!(world.get("/verified/", &[("cookie", &session)]).await.status, 401);
}

#[tokio::test]
async fn the_session_endpoint_says_who_one_is() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let who = world.get("/session", &[("cookie", &session)]).await;
    assert_eq!(who.json()["account"], authenticator.account.to_string());
    assert_eq!(who.json()["vot"], "P0.Cm");
    assert_eq!(who.header("cache-control"), "no-store");
    let wrong = world.send("POST", "/session", &[("cookie", &session)], "").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn the_session_cookie_has_every_attribute() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let (challenge, ceremony) = world.options().await;
    let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    let answer = world.post_json("/passkey/login", &ceremony, &body).await;
    let set = answer.header("set-cookie");
    assert!(set.starts_with("__Host-aldgate="), "{set}");
    assert!(set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{set}");
}

#[tokio::test]
async fn one_challenge_opens_one_session_however_many_race() {
    let world = std::sync::Arc::new(World::new().await);
    let authenticator = world.register(1).await;
    let (challenge, ceremony) = world.options().await;
    let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    let racers = (0..32).map(|_| {
        let (world, ceremony, body) = (world.clone(), ceremony.clone(), body.clone());
        tokio::spawn(async move { world.post_json("/passkey/login", &ceremony, &body).await.status.as_u16() })
    });
    let mut statuses = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        statuses.push(racer.await.expect("a status"));
    }
    assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|s| matches!(s, 200 | 401 | 409)), "{statuses:?}");
    assert_eq!(world.warm.sessions_of(&authenticator.account).await.expect("sessions").len(), 1);
}

#[tokio::test]
async fn a_challenge_works_in_its_own_browser_and_time_only() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let (challenge, _) = world.options().await;
    let (_, other_ceremony) = world.options().await;
    let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    for cookie in ["", other_ceremony.as_str()] {
        let answer = world.post_json("/passkey/login", cookie, &body).await;
        assert_eq!(answer.json()["type"], "urn:aldgate:problem:challenge-invalid");
    }
    let (challenge, ceremony) = world.options().await;
    let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    world.clock.advance(Duration::from_mins(5));
    let late = world.post_json("/passkey/login", &ceremony, &body).await;
    assert_eq!(late.json()["type"], "urn:aldgate:problem:challenge-expired");
}

#[tokio::test]
async fn wrong_bodies_are_4xx_that_name_the_field_and_open_nothing() {
    let world = World::new().await;
    let authenticator = world.register(1).await;
    let (challenge, ceremony) = world.options().await;
    let good = authenticator.login_body(RP_ID, ORIGIN, &challenge);
    for (body, field) in [
        (good.replace("\"rawId\"", "\"raw\""), "rawId"),
        (good.replace("\"signature\":\"", "\"signature\":\"!"), "response.signature"),
        (good.replace("public-key", "key"), "type"),
        ("{".into(), "body"),
        ("[]".into(), "body"),
    ] {
        let answer = world.post_json("/passkey/login", &ceremony, &body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (400, Some(field)), "{body}");
    }
    let big = world.post_json("/passkey/login", &ceremony, &"x".repeat(64 * 1024 + 1)).await;
    assert_eq!(big.status, 413);
    let form = world.send("POST", "/passkey/login", &[("content-type", "text/plain")], &good).await;
    assert_eq!(form.status, 415);
    assert_eq!(world.warm.sessions_of(&authenticator.account).await.expect("sessions").len(), 0);
}

#[tokio::test]
async fn a_large_body_in_chunks_is_413_too() {
    let world = World::new().await;
    let mut request = b"POST /passkey/login HTTP/1.1\r\nhost: localhost:8080\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..80 {
        request.extend_from_slice(b"400\r\n");
        request.extend_from_slice(&[b'x'; 0x400]);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(parse(&world.raw(&request).await).status, 413);
}

#[tokio::test]
async fn connections_are_kept_after_answers_of_our_own() {
    let world = World::new().await;
    let one = "GET /app/ HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";
    let answer = world.raw(one.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(!answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn a_websocket_passes_through_the_gate() {
    let world = World::new().await;
    let session = world.log_in(&world.register(1).await).await;
    let request = format!(
        "GET /app/socket HTTP/1.1\r\nhost: localhost:8080\r\ncookie: {session}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut socket = world.connect();
    socket.write_all(request.as_bytes()).await.expect("written");
    let mut piece = [0; 1024];
    let n = socket.read(&mut piece).await.expect("an answer");
    assert!(piece[..n].starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&piece[..n]));
    // Silent for longer than a request may be, then talking again.
    for message in ["before", "after"] {
        socket.write_all(message.as_bytes()).await.expect("written");
        let n = socket.read(&mut piece).await.expect("an echo");
        assert_eq!(&piece[..n], message.as_bytes());
        tokio::time::sleep(Duration::from_millis(5_500)).await;
    }
    let refused = world.raw(request.replace(&session, "a=1").as_bytes()).await;
    assert!(refused.starts_with("HTTP/1.1 401"), "{refused}");
}

#[tokio::test]
async fn a_dead_service_and_a_dead_backend_are_clean_errors() {
    let world = World::new().await;
    assert_eq!(world.get("/dead/", &[]).await.status, 503);
    let page = world.get("/sign-in", &[HTML]).await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (503, "5"));
    assert!(page.body.contains("<h1>"));
}

#[tokio::test]
async fn assets_and_keys_are_served_by_the_edge() {
    let world = World::new().await;
    let css = world.get("/assets/aldgate.css", &[]).await;
    assert_eq!(css.header("content-type"), "text/css; charset=utf-8");
    let etag = css.header("etag").to_owned();
    assert_eq!(world.get("/assets/aldgate.css", &[("if-none-match", &etag)]).await.status, 304);
    assert_eq!(world.get("/assets/../../etc/passwd", &[]).await.status, 400);
    assert_eq!(world.get("/assets/none", &[]).await.status, 404);
    let keys = world.get("/.well-known/aldgate/jwks.json", &[]).await;
    assert_eq!(keys.json()["keys"][0]["alg"], "ES256");
    assert!(keys.json()["keys"][0].get("d").is_none());
}
