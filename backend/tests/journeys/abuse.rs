//! What other sites, broken gates and hostile bytes may try.

use crate::world::{ORIGIN, PASSWORD, World, form, registration, signing_key};
use aldgate_core::entropy::Entropy as _;
use aldgate_core::id::SessionId;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::{SeededEntropy, world};
use aldgate_core::warm::memory::MemoryWarm;
use std::sync::Arc;

const EMAIL: &str = "ada@example.org";
const FORM: &str = "application/x-www-form-urlencoded";

const POSTS: [&str; 13] = [
    "/register",
    "/register/code",
    "/register/code/resend",
    "/register/password",
    "/sign-in",
    "/sign-in/password",
    "/sign-out",
    "/sign-out/everywhere",
    "/account/passkeys/x/rename",
    "/account/sessions/x/end",
    "/account/password",
    "/passkey/register/options",
    "/passkey/register",
];

#[tokio::test]
async fn another_site_posts_nothing() {
    let world = World::new().await;
    let mut browser = world.with_password(EMAIL).await;
    for origin in ["https://evil.example", "null", "http://localhost", "http://localhost:8080.evil.example", ""] {
        browser.origin = Some(origin.into());
        for path in POSTS {
            assert_eq!(browser.post(path, &[]).await.status, 403, "{path} from {origin}");
        }
    }
    browser.origin = None;
    for site in ["cross-site", "same-site", "none", ""] {
        let answer = browser.send("POST", "/sign-out", FORM, b"", &[("sec-fetch-site", site)]).await;
        assert_eq!(answer.status, 403, "{site}");
    }
    assert_eq!(browser.post("/sign-out", &[]).await.status, 403, "neither header");
    let answer = browser.send("POST", "/sign-out", FORM, b"", &[("origin", ORIGIN), ("origin", ORIGIN)]).await;
    assert_eq!(answer.status, 403, "two origins");
    assert!(browser.session().await.is_some());
    let answer = browser.send("POST", "/sign-out", FORM, b"", &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn no_address_leads_away_from_this_host() {
    let world = World::new().await;
    world.with_password(EMAIL).await;
    for away in
        ["https://evil.example", "//evil.example", "/\\evil.example", "/%5cevil.example", "/sign-out", "/a\r\nb: c"]
    {
        let mut browser = world.browser();
        browser.post("/sign-in", &[("email", EMAIL), ("return_to", away)]).await;
        let answer = browser.post("/sign-in/password", &[("password", PASSWORD), ("return_to", away)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/account"), "{away}");
        let query = form(&[("return_to", away)]);
        let page = world.browser().get(&format!("/sign-in?{query}")).await;
        assert!(page.body.contains("name=\"return_to\" value=\"/account\""), "{away}: {}", page.body);
    }
}

#[tokio::test]
async fn an_assertion_that_does_not_verify_is_never_taken_for_nobody() {
    let world = World::new().await;
    let browser = world.with_password(EMAIL).await;
    let session = SessionId::from_bytes([5; 16]);
    let record = world::session_record();
    let mint = |key: &aldgate_core::token::identity_assertion::SigningKey, audience| {
        key.mint(ORIGIN, audience, session, &record, world.now()).expect("assertion")
    };
    let alien = mint(&signing_key(), "aldgate-backend");
    let elsewhere = mint(&world.gate, "demo");
    let good = mint(&world.gate, "aldgate-backend");
    for assertion in [&alien[..], &elsewhere[..], "", "x", &good[..good.len() - 2]] {
        for path in ["/", "/register", "/account", "/sign-out"] {
            let answer = world.browser().send("GET", path, "", b"", &[("aldgate-identity", assertion)]).await;
            assert_eq!(answer.status, 400, "{path} {assertion}");
        }
    }
    let twice = [("aldgate-identity", good.as_str())];
    assert_eq!(browser.clone().send("GET", "/account", "", b"", &twice).await.status, 400, "two assertions");
    let mut nobody = world.browser();
    for path in ["/account", "/account/passkeys", "/account/passkeys/add", "/account/sessions", "/account/password"] {
        assert_eq!(nobody.get(path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn a_missing_or_unreadable_field_is_named() {
    let world = World::new().await;
    let mut browser = world.browser();
    for (path, body) in [
        ("/register", &b""[..]),
        ("/register", b"email=%ff"),
        ("/register", b"email=a%40b.example&email=c%40d.example"),
        ("/register", b"email=a%40b.example&return_to=%ff"),
        ("/sign-in", b"mail=x"),
    ] {
        assert_eq!(browser.send("POST", path, FORM, body, &[]).await.status, 400, "{path} {body:?}");
    }
    let long = form(&[("email", &"a".repeat(17_000))]);
    assert_eq!(browser.send("POST", "/register", FORM, long.as_bytes(), &[]).await.status, 413);
    assert_eq!(browser.send("POST", "/register", "text/plain", b"email=x", &[]).await.status, 415);
    assert_eq!(browser.get("/nothing").await.status, 404);
    assert_eq!(browser.get("/register/code/resend").await.status, 405);
    assert_eq!(browser.send("DELETE", "/account", "", b"", &[]).await.status, 405);
}

#[tokio::test]
async fn without_the_shared_tier_nobody_gets_in_and_everybody_is_told_when_to_come_back() {
    let warm = Arc::new(MemoryWarm::default());
    let shared = warm.clone();
    let world = World::with_warm(|_| shared).await;
    world.with_password(EMAIL).await;
    let (mut waiting, mut proven) = (world.browser(), world.browser());
    proven.prove("bob@example.org").await;
    waiting.post("/register", &[("email", "eve@example.org")]).await;
    let (code, challenge) = (world.code(), proven.challenge().await);
    warm.set_down(true);
    let body = registration(&Authenticator::derived(1, 1), &challenge);
    for (answer, browser) in [
        (waiting.post("/register/code", &[("code", &code)]).await, &waiting),
        (proven.post_json("/passkey/register", &body).await, &proven),
    ] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{answer:?}");
        assert!(!browser.cookies.contains_key("__Host-aldgate"));
    }
    let mut browser = world.browser();
    // More often than an account, a client and all strangers together may: nothing counts that could not be done.
    for _ in 0..60 {
        assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.status, 503);
    }
    assert!(!browser.cookies.contains_key("__Host-aldgate"));
    warm.set_down(false);
    assert_eq!(browser.sign_in(EMAIL, PASSWORD).await.status, 303);
}

#[tokio::test]
async fn no_bytes_make_it_fail() {
    let world = World::new().await;
    let mut signed_in = world.with_password(EMAIL).await;
    let mut proven = world.browser();
    proven.prove("bob@example.org").await;
    let entropy = SeededEntropy::new(77);
    for round in 0..12_usize {
        let mut body = vec![0; round * 37];
        entropy.fill(&mut body).expect("bytes");
        let fields = [b"email=", &body[..], b"&code=", &body, b"&password=", &body, b"&name=", &body].concat();
        for path in POSTS.iter().filter(|path| !path.starts_with("/sign-out") && !path.ends_with("resend")) {
            for browser in [&mut signed_in, &mut proven] {
                for (kind, bytes) in [(FORM, &fields), ("application/json", &body)] {
                    let answer = browser.clone().send("POST", path, kind, bytes, &[]).await;
                    assert!(answer.status < 500, "{path}: {answer:?}");
                }
            }
        }
    }
}
