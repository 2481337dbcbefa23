//! What a route may say of its own, through the whole gateway: methods, vectors of trust, delegation, grace.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::session::cookie;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::testing::world;
use aldgate_core::time::Clock as _;
use aldgate_core::warm::change::Feed;
use aldgate_core::warm::{Opening, Warm as _};
use std::time::Duration;
use support::world::{World, received};

const ROUTES: &str = r#"
    [[route]]
    path = "/reads/"
    service = "echo"
    methods = ["GET"]
    access = "public"
    [[route]]
    path = "/strong/"
    service = "echo"
    demand = { vectors = ["P9.Cp", "P0.Cm"] }
    [[route]]
    path = "/identified/"
    service = "echo"
    demand = { vectors = ["P9.Cm", "P5.Cm"] }
    [[route]]
    path = "/for-others/"
    service = "echo"
    demand = { delegation = "required" }
    [[route]]
    path = "/for-anybody/"
    service = "echo"
    demand = { delegation = "allowed" }
    [[route]]
    path = "/strict/"
    service = "echo"
    warm_grace = "0s"
    [[route]]
    path = "/admin/"
    service = "echo"
    [[route]]
    path = "/open/alone"
    service = "echo"
    [[route]]
    path = "/two-parts/"
    service = "echo"
    demand = { vectors = ["P0.Cp.Cm"] }
    [[route]]
    path = "/second-step/"
    service = "echo"
    demand = { vectors = ["P0.Cp.Cd"] }
"#;

async fn world() -> World {
    World::with(ROUTES).await
}

/// Opens a session whose record was changed: its cookie.
async fn open(world: &World, n: u8, change: impl FnOnce(&mut SessionRecord)) -> String {
    let session = SessionId::from_bytes([n; 16]);
    let now = world.clock.now();
    let mut record = SessionRecord { authenticated: now, seen: now, ..world::session_record() };
    change(&mut record);
    world.warm.open_session(&Opening { session, record, replaces: None }).await.expect("opened");
    format!("{}={}", cookie::SESSION, world.state.snapshot.load().tag_keys.token(session, "localhost"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_a_route_does_not_take_is_told_which_it_takes() {
    let world = world().await;
    assert_eq!(world.get("/reads/a", &[]).await.status, 200);
    assert_eq!(world.send("HEAD", "/reads/a", &[], "").await.status, 200);
    for method in ["POST", "DELETE", "OPTIONS", "GETS", "PROPFIND"] {
        let refused = world.send(method, "/reads/a", &[], "").await;
        assert_eq!(refused.status, 405, "{method}");
        assert_eq!(refused.header("allow"), "GET, HEAD", "{method}");
    }
    assert_eq!(world.send("get", "/reads/a", &[], "").await.status, 400, "no method at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_vector_of_trust_is_enough_and_the_nearest_one_is_asked_for() {
    let world = world().await;
    let passkey = open(&world, 1, |_| {}).await;
    let password = world.open_by_password().await;
    assert_eq!(world.get("/strong/", &[("cookie", &passkey)]).await.status, 200);
    let program = world.get("/strong/", &[("cookie", &password)]).await;
    assert_eq!(program.status, 401);
    let told = program.header("www-authenticate");
    assert!(
        told.contains("insufficient_user_authentication") && told.contains(r#"acr_values="P0.Cm P9.Cp""#),
        "{told}"
    );
    let person = world.get("/strong/x?y=1", &[("cookie", &password), ("accept", "text/html")]).await;
    assert_eq!(person.header("location"), "/sign-in?return_to=/strong/x%3Fy%3D1&why=passkey");
    let stuck = world.get("/two-parts/", &[("cookie", &password), ("accept", "text/html")]).await;
    assert_eq!((stuck.status.as_u16(), stuck.headers.get("location")), (401, None), "no sign-in here shows both");
    let half = world.get("/second-step/", &[("cookie", &password), ("accept", "text/html")]).await;
    assert_eq!(half.header("location"), "/sign-in?return_to=/second-step/&why=second-step");
    let unproven = world.get("/identified/", &[("cookie", &passkey)]).await;
    assert!(unproven.header("www-authenticate").contains(r#"acr_values="P5.Cm P9.Cm""#), "{unproven:?}");
    let page = world.get("/identified/", &[("cookie", &passkey), ("accept", "text/html")]).await;
    assert_eq!(page.status, 401, "no sign-in would help, so nobody is sent there: {page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acting_for_somebody_else_passes_only_where_the_route_says_so() {
    let world = world().await;
    let oneself = open(&world, 1, |_| {}).await;
    let acting = open(&world, 2, |record| record.acting_for = Some(AccountId::from_bytes([7; 16]))).await;
    let status = async |path: &str, cookie: &str| world.get(path, &[("cookie", cookie)]).await.status;
    assert_eq!(status("/app/", &acting).await, 403, "forbidden unless allowed");
    assert_eq!(status("/for-anybody/", &acting).await, 200);
    assert_eq!(status("/for-anybody/", &oneself).await, 200);
    assert_eq!(status("/for-others/", &acting).await, 200);
    assert_eq!(status("/for-others/", &oneself).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unconfirmed_session_passes_for_the_routes_grace_and_no_longer() {
    let world = world().await;
    let cookie = open(&world, 1, |_| {}).await;
    let unknown = open(&world, 2, |_| {}).await;
    let status = async |path: &str, cookie: &str| world.get(path, &[("cookie", cookie)]).await.status;
    assert_eq!(status("/app/", &cookie).await, 200);
    world.warm.set_down(true);
    assert_eq!(status("/strict/", &cookie).await, 200, "while the feed lives, a copy is as good as its source");
    world.warm.set_feed(Feed::Silent(world.clock.now()));
    assert_eq!(status("/app/", &cookie).await, 200, "within its grace");
    assert_eq!(status("/strict/", &cookie).await, 503, "no grace");
    assert_eq!(status("/app/", &unknown).await, 503, "nothing is known of this one");
    world.clock.advance(Duration::from_secs(299));
    assert_eq!(status("/app/", &cookie).await, 200);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(status("/app/", &cookie).await, 503, "its grace is over");
    world.warm.set_down(false);
    assert_eq!(status("/strict/", &cookie).await, 200, "confirmed before use");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_in_the_silence_passes_nowhere_once_warm_can_be_asked() {
    let world = world().await;
    let cookie = open(&world, 1, |_| {}).await;
    let status = async |path: &str| world.get(path, &[("cookie", &cookie)]).await.status;
    assert_eq!(status("/app/").await, 200);
    world.warm.set_feed(Feed::Silent(world.clock.now()));
    let ended = world.warm.end_session(&world::session_record().account, &SessionId::from_bytes([1; 16])).await;
    assert_eq!(ended, Ok(true));
    world.warm.set_down(true);
    assert_eq!(status("/app/").await, 401, "an end that was heard stays heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_upstream_is_what_was_judged() {
    let world = world().await;
    for path in [
        "/%61dmin/x",
        "/Admin/x",
        "/open/..%2fadmin/",
        "/open/..;/admin/",
        "/open//admin",
        "/open/%2e%2e/admin/",
        "/open/x#/../../admin/",
        "/open/?x#y",
        "/open/#\u{e9}",
        "/open/%252e%252e/admin/",
        "/open\\..\\admin/",
        "/%EF%BD%81dmin/x",
        "/open/alone/",
    ] {
        let refused = world.get(path, &[]).await;
        assert_eq!(refused.status, 400, "{path}: {refused:?}");
    }
    for path in ["/open/caf%C3%A9/a%20b?x=%2e%2e/%2f", "/open/a=b,c&d'(e)!$*+:@"] {
        let passed = world.get(path, &[]).await;
        assert_eq!(passed.status, 200, "{path}");
        assert!(!received(&passed).is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edges_own_pages_speak_the_language_of_whoever_looks_at_them() {
    let world = world().await;
    let page = async |path: &str, headers: &[(&str, &str)]| {
        let headers = [&[("accept", "text/html")][..], headers].concat();
        let page = world.get(path, &headers).await;
        assert_eq!((page.status.as_u16(), page.header("vary")), (404, "accept-language, cookie"));
        assert_eq!(page.header("cache-control"), "no-store");
        let lang = page.header("content-language").to_owned();
        assert!(page.body.contains(&format!("<html lang=\"{lang}\">")), "{}", page.body);
        let words = if lang == "cy" { "Heb ddod o hyd i&#39;r dudalen" } else { "Page not found" };
        assert!(page.body.contains(words), "{}", page.body);
        lang
    };
    let chosen = |tag| format!("{}={tag}", aldgate_core::language::COOKIE);
    assert_eq!(page("/none", &[]).await, "en");
    assert_eq!(page("/none", &[("accept-language", "cy-GB,en;q=0.5")]).await, "cy");
    assert_eq!(page("/none", &[("accept-language", "fr")]).await, "en");
    assert_eq!(page("/none", &[("accept-language", "en"), ("cookie", &chosen("cy"))]).await, "cy");
    assert_eq!(page("/none?ui_locales=fr%20en", &[("cookie", &chosen("cy"))]).await, "en");
    let program = world.get("/none", &[("accept-language", "cy")]).await;
    assert_eq!(program.header("content-type"), "application/problem+json");
    assert!(program.body.contains("Page not found"), "documents are for programs: {}", program.body);
}
