//! Pages of other origins, through the whole gateway: preflights, who may read what, and who may change nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_gateway::config::Config;
use aldgate_gateway::cors::{self, Crossing};
use aldgate_gateway::exchange::Exchange;
use aldgate_gateway::files::Files;
use aldgate_gateway::problem::Problem;
use pingora::http::RequestHeader;
use support::asker::Asker;
use support::http::Answer;
use support::world::{World, parse, received};

const PAGE: &str = "https://page.example";

/// Origins that are not listed, however like one that is they look.
const STRANGERS: [&str; 9] = [
    "https://evil.example",
    "null",
    "*",
    "",
    "http://page.example",
    "https://page.example.evil.example",
    "https://page.example:8443",
    "https://PAGE.example",
    "https://page.example, https://evil.example",
];

const ROUTES: &str = r#"
    [[route]]
    path = "/cors/"
    service = "echo"
    [route.cors]
    origins = ["https://page.example", "http://page.localhost:3000"]
    methods = ["GET", "PUT"]
    headers = ["Content-Type", "x-own"]
    expose = ["x-total"]
    credentials = true
    max_age = "10m"
    [[route]]
    path = "/cors-open/"
    service = "echo"
    access = "public"
    cors = { origins = ["https://page.example"], methods = ["GET", "POST"] }
    [[route]]
    path = "/cors-dead/"
    service = "nobody"
    access = "public"
    cors = { origins = ["https://page.example"] }
    [[route]]
    path = "/cors-strong/"
    service = "echo"
    methods = ["GET"]
    demand = { authenticator = "passkey", max_age = "5m" }
    cors = { origins = ["https://page.example"], credentials = true }
    [[route]]
    path = "/cors-verified/"
    service = "echo"
    demand = { identity = "P9" }
    cors = { origins = ["https://page.example"], credentials = true }
"#;

/// One request is judged by one generation, also by its origin: else a page that neither the old routes nor the new
/// ones let change anything could do it in between.
#[tokio::test]
async fn a_request_that_a_reload_overtakes_is_judged_by_what_it_began_with() {
    let world = world().await;
    let state = &world.state;
    let mut header = RequestHeader::build("PUT", b"/cors/x", None).expect("a header");
    header.append_header("origin", "https://evil.example").expect("a header");
    let mut exchange = Exchange::begin(state);
    exchange.host = "localhost".into();
    exchange.authority = "localhost".into();
    let without = Config::parse("").expect("the defaults");
    state.snapshot.replace(&without, Files::default(), &state.master, support::world_now(&world)).expect("served");
    let crossing = cors::cross(&header, &mut exchange);
    assert!(matches!(crossing, Crossing::Refused(Problem::CrossOrigin)), "{crossing:?}");
}

async fn world() -> World {
    World::with(ROUTES).await
}

fn cors_headers(answer: &Answer) -> Vec<String> {
    let names = answer.headers.keys().map(|name| name.as_str().to_owned());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

async fn preflight(world: &World, path: &str, origin: &str, method: &str, headers: &str) -> Answer {
    let mut asked = vec![("origin", origin), ("access-control-request-method", method)];
    if !headers.is_empty() {
        asked.push(("access-control-request-headers", headers));
    }
    world.send("OPTIONS", path, &asked, "").await
}

#[tokio::test]
async fn a_preflight_is_answered_without_a_session_and_without_the_service() {
    let world = world().await;
    world.warm.set_down(true); // Nothing is looked up for it.
    let granted = preflight(&world, "/cors/x", PAGE, "PUT", "content-type,x-own").await;
    assert_eq!(granted.status, 204, "{granted:?}");
    assert_eq!(granted.body, "");
    assert_eq!(granted.headers.get("content-length"), None, "RFC 9110, section 8.6");
    for (name, value) in [
        ("access-control-allow-origin", PAGE),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "content-type, x-own"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
        ("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    ] {
        assert_eq!(granted.header(name), value, "{name}");
    }
    let dead = preflight(&world, "/cors-dead/", PAGE, "GET", "").await;
    assert_eq!(dead.status, 204, "the service is not asked");
    assert_eq!(dead.header("access-control-max-age"), "300", "the default");
    assert_eq!(dead.headers.get("access-control-allow-credentials"), None);
    assert_eq!(dead.headers.get("access-control-allow-headers"), None);
}

#[tokio::test]
async fn a_preflight_for_more_than_is_allowed_is_403_and_grants_nothing() {
    let world = world().await;
    let mut refused = vec![
        preflight(&world, "/cors/", PAGE, "DELETE", "").await,
        preflight(&world, "/cors/", PAGE, "put", "").await,
        preflight(&world, "/cors/", PAGE, "PUT", "content-type,x-other").await,
        preflight(&world, "/cors/", PAGE, "PUT", "authorization").await,
        preflight(&world, "/cors-open/", PAGE, "PUT", "").await,
        preflight(&world, "/cors/", "http://localhost:8080", "GET", "").await, // No browser asks this of itself.
    ];
    for origin in STRANGERS {
        refused.push(preflight(&world, "/cors/", origin, "GET", "").await);
    }
    let twice = [("origin", PAGE), ("access-control-request-method", "GET"), ("access-control-request-method", "GET")];
    refused.push(world.send("OPTIONS", "/cors/", &twice, "").await);
    for answer in refused {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.header("vary"), "Origin");
        assert_eq!(answer.json()["type"], "urn:aldgate:problem:cross-origin");
        assert_eq!(cors_headers(&answer), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_preflight_where_no_policy_stands_is_a_request_like_any_other() {
    let world = world().await;
    let judged = preflight(&world, "/app/", PAGE, "GET", "").await;
    assert_eq!((judged.status.as_u16(), cors_headers(&judged).len()), (401, 0));
    let service = preflight(&world, "/open/", PAGE, "GET", "").await;
    assert_eq!(service.header("access-control-allow-origin"), "*", "the service's own affair");
    assert_eq!(preflight(&world, "/cors/..%2fx", PAGE, "GET", "").await.status, 400);
    assert_eq!(preflight(&world, "/nothing", PAGE, "GET", "").await.status, 404);
}

#[tokio::test]
async fn a_page_that_is_listed_may_read_the_answer_and_no_other_may() {
    let world = world().await;
    let session = world.log_in(&world.register(1).await).await;
    let read = world.get("/cors/", &[("cookie", &session), ("origin", PAGE)]).await;
    assert!(received(&read).contains_key("aldgate-identity"));
    assert_eq!(read.header("access-control-allow-origin"), PAGE, "and not the service's *");
    assert_eq!(read.header("access-control-allow-credentials"), "true");
    assert_eq!(read.header("access-control-expose-headers"), "x-total");
    assert_eq!(read.header("vary"), "Origin");
    assert_eq!(read.headers.get("access-control-allow-private-network"), None, "the policy is the gate's");
    let other = world.get("/cors/", &[("cookie", &session), ("origin", "http://page.localhost:3000")]).await;
    assert_eq!(other.header("access-control-allow-origin"), "http://page.localhost:3000");
    for origin in STRANGERS {
        let unread = world.get("/cors/", &[("cookie", &session), ("origin", origin)]).await;
        assert_eq!((unread.status.as_u16(), cors_headers(&unread)), (200, vec![]), "{origin}");
        assert_eq!(unread.header("vary"), "Origin", "{origin}");
    }
    let unlisted = world.send("OPTIONS", "/cors/", &[("cookie", &session), ("origin", PAGE)], "").await;
    assert_eq!((unlisted.status.as_u16(), cors_headers(&unlisted)), (200, vec![]), "a method that is not listed");
    let without = world.get("/cors/", &[("cookie", &session)]).await;
    assert_eq!((cors_headers(&without), without.header("vary")), (vec![], "Origin"));
    let open = world.get("/cors-open/", &[("origin", PAGE)]).await;
    assert_eq!(open.header("access-control-allow-origin"), PAGE);
    assert_eq!(open.headers.get("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn two_origins_are_none() {
    let world = world().await;
    let twice = world.get("/cors-open/", &[("origin", PAGE), ("origin", PAGE)]).await;
    assert_eq!((twice.status.as_u16(), cors_headers(&twice)), (200, vec![]));
    assert_eq!(world.send("POST", "/cors-open/", &[("origin", PAGE), ("origin", PAGE)], "").await.status, 403);
}

#[tokio::test]
async fn a_page_that_is_listed_can_read_why_it_was_refused() {
    let world = world().await;
    let password = world.open_by_password().await;
    let with = [("origin", PAGE), ("cookie", password.as_str())];
    let challenged = world.get("/cors/", &[("origin", PAGE)]).await;
    let unavailable = world.get("/cors-dead/", &[("origin", PAGE)]).await;
    let stronger = world.get("/cors-strong/", &with).await;
    let verified = world.get("/cors-verified/", &with).await;
    let method = world.send("POST", "/cors-strong/", &with, "").await;
    let unlisted = world.send("POST", "/cors/", &with, "").await;
    for (answer, status) in
        [(&challenged, 401), (&unavailable, 503), (&stronger, 401), (&verified, 401), (&method, 405), (&unlisted, 403)]
    {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), PAGE, "{answer:?}");
        assert!(
            answer
                .header("access-control-expose-headers")
                .starts_with("www-authenticate, dpop-nonce, link, retry-after")
        );
        assert_eq!(answer.headers.get_all("access-control-allow-origin").iter().count(), 1, "{answer:?}");
        assert_eq!(answer.header("vary"), "Origin");
    }
    assert!(challenged.header("www-authenticate").starts_with("Bearer"));
    let told = stronger.header("www-authenticate");
    assert!(
        told.contains("insufficient_user_authentication") && told.contains(r#"acr_values="P0.Cm", max_age="300""#),
        "{told}"
    );
    assert_eq!(method.header("allow"), "GET, HEAD");
    for headers in [&[("origin", "https://evil.example")][..], &[], &[("accept", "text/html")]] {
        let unread = world.get("/cors/", headers).await;
        assert_eq!((cors_headers(&unread), unread.header("vary")), (vec![], "Origin"), "{headers:?}: {unread:?}");
    }
    assert_eq!(cors_headers(&world.get("/app/", &[("origin", PAGE)]).await), Vec::<String>::new());
}

#[tokio::test]
async fn a_page_that_is_not_listed_changes_nothing() {
    let world = world().await;
    let session = world.log_in(&world.register(1).await).await;
    for origin in STRANGERS {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let refused = world.send(method, "/cors/", &[("cookie", &session), ("origin", origin)], "").await;
            assert_eq!((refused.status.as_u16(), cors_headers(&refused)), (403, vec![]), "{method} from {origin}");
        }
    }
    let put = world.send("PUT", "/cors/", &[("cookie", &session), ("origin", PAGE)], "").await;
    assert_eq!(put.status, 200);
    let unlisted = world.send("POST", "/cors/", &[("cookie", &session), ("origin", PAGE)], "").await;
    assert_eq!(unlisted.status, 403, "a simple POST needs no preflight, but is not allowed either");
    assert_eq!(world.send("POST", "/cors/", &[("cookie", &session)], "").await.status, 200, "a program has no origin");
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("none", 200), ("same-origin", 200)] {
        let sent = world.send("POST", "/cors/", &[("cookie", &session), ("sec-fetch-site", site)], "").await;
        assert_eq!(sent.status, status, "{site}");
    }
}

#[tokio::test]
async fn a_page_that_may_not_send_cookies_changes_nothing_with_them() {
    let world = world().await;
    let session = world.log_in(&world.register(1).await).await;
    let post = async |headers: &[(&str, &str)]| world.send("POST", "/cors-open/", headers, "").await;
    let bare = post(&[("origin", PAGE)]).await;
    assert_eq!((bare.status.as_u16(), bare.header("access-control-allow-origin")), (200, PAGE));
    assert_eq!(bare.headers.get("access-control-allow-credentials"), None);
    assert_eq!(post(&[("origin", PAGE), ("cookie", &session)]).await.status, 403);
    assert_eq!(post(&[("origin", "http://localhost:8080"), ("cookie", &session)]).await.status, 200, "at home");
}

#[tokio::test]
async fn a_page_of_the_same_origin_is_no_other() {
    let world = world().await;
    let session = world.log_in(&world.register(1).await).await;
    let post = async |headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", session.as_str())]).collect();
        world.send("POST", "/cors/", &headers, "").await.status.as_u16()
    };
    assert_eq!(post(&[("origin", "http://localhost:8080")]).await, 200);
    assert_eq!(post(&[("origin", "https://localhost:8080")]).await, 200, "TLS may end before us");
    assert_eq!(post(&[("origin", "null"), ("sec-fetch-site", "same-origin")]).await, 200, "a form without referrer");
    assert_eq!(post(&[("origin", "http://localhost:9999")]).await, 403);
    assert_eq!(post(&[("origin", "null"), ("sec-fetch-site", "same-site")]).await, 403);
    assert_eq!(post(&[("origin", "null")]).await, 403);
}

#[tokio::test]
async fn a_page_that_is_not_listed_opens_no_web_socket() {
    let world = world().await;
    let session = world.log_in(&world.register(1).await).await;
    let hijack = format!(
        "GET /cors/socket HTTP/1.1\r\nhost: localhost:8080\r\ncookie: {session}\r\norigin: https://evil.example\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    assert_eq!(parse(&world.raw(hijack.as_bytes()).await).status, 403);
    let without_key = hijack.replace("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "");
    assert_eq!(parse(&world.raw(without_key.as_bytes()).await).status, 403);
    // As a proxy asks about it: what is between it and its client is kept back.
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let hijack_behind = [("cookie", session.as_str()), ("origin", "https://evil.example"), key];
    assert_eq!(world.get("/cors/socket", &hijack_behind).await.status, 403);
    let listed = world.raw(hijack.replace("https://evil.example", PAGE).as_bytes()).await;
    assert!(listed.starts_with("HTTP/1.1 101"), "{listed}");
}

#[tokio::test]
async fn a_method_that_was_judged_cannot_be_overridden() {
    let world = world().await;
    let overrides =
        [("X-HTTP-Method-Override", "DELETE"), ("x_http_method", "DELETE"), ("X-Method-Override", "DELETE")];
    let judged = received(&world.get("/cors-open/", &overrides).await);
    assert!(!judged.values().any(|value| value == "DELETE"), "{judged:?}");
    let unjudged = received(&world.get("/open/", &overrides).await);
    assert_eq!(unjudged["x-http-method-override"], "DELETE", "where any method may pass, it is the service's affair");
}

#[tokio::test]
async fn a_proxy_that_asks_is_told_the_same_and_no_preflight_passes_by_it() {
    let world = world().await;
    let session = world.log_in(&world.register(1).await).await;
    let asker = Asker::of(&world).await;
    let ask = async |dialect: &str, method: &str, headers: &[(&str, &str)]| {
        let nginx = [("x-original-method", method), ("x-original-url", "http://localhost:8080/cors/")];
        let forward = [
            ("x-forwarded-method", method),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "localhost:8080"),
            ("x-forwarded-uri", "/cors/"),
        ];
        let said = if dialect == "nginx" { &nginx[..] } else { &forward };
        let headers: Vec<_> = said.iter().chain(headers).copied().chain([("cookie", session.as_str())]).collect();
        asker.ask("GET", &format!("/authz/{dialect}"), &headers).await
    };
    for dialect in ["nginx", "forward", "haproxy"] {
        assert_eq!(ask(dialect, "PUT", &[("origin", PAGE)]).await.status, 200, "{dialect}");
        assert_eq!(ask(dialect, "PUT", &[]).await.status, 200, "{dialect}");
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (method, headers) in [
            ("PUT", &[("origin", "https://evil.example")][..]),
            ("POST", &[("origin", PAGE)]),
            ("PUT", &[("sec-fetch-site", "cross-site")]),
            ("GET", &[("origin", "https://evil.example"), key]),
            ("OPTIONS", &[("origin", PAGE), ("access-control-request-method", "PUT")]),
        ] {
            let denied = ask(dialect, method, headers).await;
            assert_eq!(denied.status, 403, "{dialect} {method} {headers:?}: {denied:?}");
        }
    }
    // Where the client came over TLS, a page in the clear is another origin.
    for (origin, status) in [("https://localhost:8080", 200), ("http://localhost:8080", 403)] {
        let said = [
            ("x-forwarded-method", "PUT"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "localhost:8080"),
            ("x-forwarded-uri", "/cors/"),
            ("origin", origin),
            ("cookie", session.as_str()),
        ];
        assert_eq!(asker.ask("GET", "/authz/forward", &said).await.status, status, "{origin}");
    }
}
