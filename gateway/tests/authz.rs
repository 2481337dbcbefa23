//! What other proxies are told: one decision in five dialects, on the private listener alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::SessionId;
use aldgate_core::identity_header::IDENTITY;
use aldgate_core::session::cookie;
use aldgate_core::testing::token_issuer::{AUDIENCE, ISSUER, Signer, claims, key_set};
use aldgate_core::testing::world::NOW;
use aldgate_core::warm::Warm as _;
use envoy_types::pb::envoy::config::core::v3::{
    Address, HeaderMap, HeaderValue, SocketAddress, address::Address as AddressKind,
};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::asker::Asker;
use support::http::Answer;
use support::instance::Instance;
use support::issuer::IssuerServer;
use support::world::{World, received};

const HTML: (&str, &str) = ("accept", "text/html");
const DIALECTS: [&str; 4] = ["nginx", "forward", "haproxy", "envoy"];

/// A service behind another proxy, one that knows other gateways' names, and one with an address that does.
const MORE: &str = r#"
    [[service]]
    name = "behind"
    [[service]]
    name = "aliased"
    upstream = "ECHO"
    aliases = ["oauth2-proxy", "authelia", "pomerium", "cloudflare-access", "alb"]
    [[route]]
    path = "/behind/"
    service = "behind"
    [[route]]
    path = "/behind/reading/"
    service = "behind"
    methods = ["GET"]
    [[route]]
    path = "/aliased/"
    service = "aliased"
    [[route]]
    path = "/aliased/open/"
    service = "aliased"
    access = "public"
    [[route]]
    host = "app.example"
    path = "/"
    service = "behind"
"#;

/// A request as it came to a proxy.
#[derive(Clone, Copy)]
struct Original<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

const fn get<'a>(path: &'a str, headers: &'a [(&'a str, &'a str)]) -> Original<'a> {
    Original { method: "GET", host: "localhost:8080", path, headers }
}

/// Asks about it as a proxy of this dialect does, by this method where the dialect leaves it open.
async fn ask_by(by: &str, asker: &Asker, dialect: &str, original: Original<'_>) -> Answer {
    let Original { method, host, path, headers } = original;
    let url = format!("http://{host}{path}");
    let said: Vec<(&str, &str)> = match dialect {
        "nginx" => vec![("x-original-method", method), ("x-original-url", &url)],
        "envoy" => vec![("host", host), ("x-forwarded-proto", "http"), ("content-length", "0")],
        _ => vec![
            ("x-forwarded-method", method),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", host),
            ("x-forwarded-uri", path),
        ],
    };
    let (by, asked) = match dialect {
        "envoy" => (method, format!("/authz/envoy{path}")),
        _ => (by, format!("/authz/{dialect}")),
    };
    asker.ask(by, &asked, &[&said, headers].concat()).await
}

async fn ask(asker: &Asker, dialect: &str, original: Original<'_>) -> Answer {
    ask_by("GET", asker, dialect, original).await
}

fn removed(answer: &Answer) -> Vec<String> {
    answer.header("x-envoy-auth-headers-to-remove").split(", ").map(str::to_owned).collect()
}

#[tokio::test]
async fn an_allowed_request_gets_a_signed_identity_in_every_dialect() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let cookies = format!("a=1; {session}; b=2");
    for dialect in DIALECTS {
        let answer = ask(&asker, dialect, get("/behind/x?y=z", &[("cookie", &cookies)])).await;
        assert_eq!(answer.status, 200, "{dialect}: {answer:?}");
        assert_eq!((answer.header("content-length"), answer.header("cache-control")), ("0", "no-store"));
        assert_eq!(answer.body, "");
        let identity = world.verifier("behind").verify(answer.header("aldgate-identity"), support::world_now(&world));
        assert_eq!(identity.expect("an identity").account(), authenticator.account, "{dialect}");
        assert_eq!(answer.header("aldgate-subject"), authenticator.account.to_string());
        assert!(IDENTITY.iter().all(|name| !answer.header(name).is_empty()), "{dialect}: {answer:?}");
        assert_eq!(answer.header("cookie"), "a=1; b=2", "{dialect}: our cookie never reaches a service");
        assert!(answer.headers.get("set-cookie").is_none() && answer.headers.get("authorization").is_none());
        let basic = [("cookie", cookies.as_str()), ("authorization", "Basic b3du")];
        let own = ask(&asker, dialect, get("/behind/", &basic)).await;
        assert_eq!(own.header("authorization"), "Basic b3du", "{dialect}: a service's own credential stays");
        let doubled = [basic[0], basic[1], ("authorization", "Basic YW5kZXJz")];
        let dropped = ask(&asker, dialect, get("/behind/", &doubled)).await;
        assert!(dropped.headers.get("authorization").is_none(), "{dialect}: {dropped:?}");
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    for dialect in ["nginx", "forward", "haproxy"] {
        for headers in [&[("cookie", session.as_str())][..], &[], &[HTML]] {
            let original = get("/behind/", headers);
            let by_get = ask_by("GET", &asker, dialect, original).await;
            let by_head = ask_by("HEAD", &asker, dialect, original).await;
            assert_eq!(by_head.status, by_get.status, "{dialect}");
            assert_eq!(by_head.body, "");
            let names =
                |answer: &Answer| answer.headers.keys().map(|name| name.as_str().to_owned()).collect::<BTreeSet<_>>();
            assert_eq!(names(&by_head), names(&by_get), "{dialect}");
        }
    }
}

#[tokio::test]
async fn where_nobody_is_known_nothing_is_said_and_envoy_takes_away_what_the_client_said() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    for path in ["/open/", "/maybe/"] {
        for dialect in DIALECTS {
            let forged = [("aldgate-subject", "admin"), ("cookie", "a=1")];
            let answer = ask(&asker, dialect, get(path, &forged)).await;
            assert_eq!(answer.status, 200, "{dialect} {path}: {answer:?}");
            assert!(IDENTITY.iter().all(|name| answer.headers.get(*name).is_none()), "{dialect}: {answer:?}");
        }
        let answer = ask(&asker, "envoy", get(path, &[])).await;
        for name in IDENTITY.iter().chain(&["cookie", "remote-user", "x-forwarded-email", "x-amzn-oidc-data"]) {
            assert!(removed(&answer).iter().any(|there| there == name), "{name} in {answer:?}");
        }
    }
    let known = ask(&asker, "envoy", get("/maybe/", &[("cookie", &session)])).await;
    assert!(IDENTITY.iter().all(|name| known.headers.get(*name).is_some()), "{known:?}");
    assert!(removed(&known).contains(&"cookie".to_owned()), "none is left: {known:?}");
    assert!(!removed(&known).contains(&"aldgate-subject".to_owned()));
    let public = ask(&asker, "envoy", get("/open/", &[("cookie", &session)])).await;
    assert!(removed(&public).contains(&"cookie".to_owned()), "also where no session is looked at");
}

#[tokio::test]
async fn a_program_is_told_what_is_missing() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let password = world.open_by_password().await;
    for dialect in DIALECTS {
        let answer = ask(&asker, dialect, get("/behind/", &[])).await;
        assert_eq!(answer.status, 401, "{dialect}: {answer:?}");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="aldgate""#);
        assert!(answer.headers.get("location").is_none(), "{dialect}");
        assert_eq!(answer.json()["type"], "urn:aldgate:problem:not-signed-in");
        let weak = ask(&asker, dialect, get("/fresh/", &[("cookie", &password)])).await;
        assert_eq!(weak.status, 401);
        assert!(weak.header("www-authenticate").contains("insufficient_user_authentication"), "{weak:?}");
        let low = ask(&asker, dialect, get("/verified/", &[("cookie", &password)])).await;
        assert_eq!(low.status, 401, "{dialect}: {low:?}");
    }
}

#[tokio::test]
async fn a_browser_is_sent_to_sign_in_by_an_absolute_address() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let there = "http://localhost:8080/sign-in?return_to=/behind/page%3Fa%3D1";
    for dialect in ["forward", "haproxy", "envoy"] {
        let answer = ask(&asker, dialect, get("/behind/page?a=1", &[HTML])).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, there), "{dialect}");
    }
    let nginx = ask(&asker, "nginx", get("/behind/page?a=1", &[HTML])).await;
    assert_eq!((nginx.status.as_u16(), nginx.header("location")), (401, there), "nginx knows no redirection");
    assert_eq!(nginx.header("www-authenticate"), r#"Bearer realm="aldgate""#);
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_and_its_cookie_cleared() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    assert_eq!(ask(&asker, "nginx", get("/behind/", &[("cookie", &session)])).await.status, 200);
    world.warm.end_sessions(&authenticator.account, None).await.expect("ended");
    for dialect in DIALECTS {
        let answer = ask(&asker, dialect, get("/behind/", &[("cookie", &session)])).await;
        assert_eq!(answer.status, 401, "{dialect}");
        assert!(answer.header("set-cookie").contains("Max-Age=0"), "{dialect}: {answer:?}");
    }
}

#[tokio::test]
async fn a_cookie_of_one_host_opens_nothing_on_another() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    let headers = [("cookie", session.as_str())];
    for dialect in DIALECTS {
        let original = Original { host: "app.example", ..get("/x", &headers) };
        assert_eq!(ask(&asker, dialect, original).await.status, 401, "{dialect}");
    }
}

#[tokio::test]
async fn what_cannot_be_decided_is_refused() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let cold = world.state.snapshot.load().tag_keys.token(SessionId::from_bytes([9; 16]), "localhost");
    let cold = format!("{}={cold}", cookie::SESSION);
    world.warm.set_down(true);
    for dialect in DIALECTS {
        let answer = ask(&asker, dialect, get("/behind/", &[("cookie", &cold)])).await;
        assert_eq!(answer.status, 503, "{dialect}: {answer:?}");
    }
}

#[tokio::test]
async fn ambiguous_paths_are_refused_before_a_public_route_can_match() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    for path in [
        "/open/..%2fapp/",
        "/open/../app/",
        "/open/..;/app/",
        "/open//app/",
        "/open/%252e%252e/app/",
        "/open/%2e%2e/app/",
        "/open/\\..\\app/",
    ] {
        for dialect in DIALECTS {
            let answer = ask(&asker, dialect, get(path, &[])).await;
            let expected = if dialect == "nginx" { 403 } else { 400 };
            assert_eq!(answer.status, expected, "{dialect} {path}: {answer:?}");
        }
    }
    for dialect in ["nginx", "forward", "haproxy"] {
        let answer = ask(&asker, dialect, get("/open/#/../app/", &[])).await;
        assert!(answer.status.is_client_error(), "{dialect}: {answer:?}");
    }
}

#[tokio::test]
async fn no_route_and_the_platforms_own_paths_are_refused() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    for dialect in DIALECTS {
        let expected = if dialect == "nginx" { 403 } else { 404 };
        assert_eq!(ask(&asker, dialect, get("/nothing", &[])).await.status, expected, "{dialect}");
        for headers in [&[][..], &[("cookie", session.as_str())]] {
            for path in ["/sign-in", "/session", "/account/"] {
                let answer = ask(&asker, dialect, get(path, headers)).await;
                assert_eq!(answer.status, expected, "{dialect} {path}: {answer:?}");
                assert!(answer.json()["detail"].as_str().expect("text").contains("public listener"), "{answer:?}");
            }
        }
        let other = Original { host: "elsewhere.example", ..get("/behind/", &[]) };
        assert_eq!(ask(&asker, dialect, other).await.status, expected, "{dialect}");
    }
}

#[tokio::test]
async fn missing_doubled_and_conflicting_metadata_are_refused_by_name() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    let cookie = ("cookie", session.as_str());
    let method = ("x-forwarded-method", "GET");
    let proto = ("x-forwarded-proto", "http");
    let host = ("x-forwarded-host", "localhost:8080");
    let uri = ("x-forwarded-uri", "/behind/");
    let url = ("x-original-url", "http://localhost:8080/behind/");
    let was = ("x-original-method", "GET");
    type Question<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str);
    let questions: [Question<'_>; 9] = [
        ("/authz/forward", vec![cookie, proto, host, uri], "x-forwarded-method is missing"),
        ("/authz/forward", vec![cookie, method, proto, host, url], "x-forwarded-uri is missing"),
        ("/authz/haproxy", vec![cookie, method, proto, host, uri, uri], "x-forwarded-uri stands there more than once"),
        ("/authz/forward", vec![cookie, method, proto, host, uri, ("x-original-url", "http://x/behind/")], "agree"),
        ("/authz/forward", vec![cookie, ("x-forwarded-method", "get"), proto, host, uri], "is malformed"),
        ("/authz/nginx", vec![cookie, was], "x-original-url is missing"),
        ("/authz/nginx", vec![cookie, url], "x-original-method is missing"),
        ("/authz/nginx", vec![cookie, was, url, ("x-forwarded-host", "evil.example")], "do not agree"),
        ("/authz/envoy/behind/", vec![cookie, ("host", "localhost:8080")], "x-forwarded-proto is missing"),
    ];
    for (path, headers, reason) in questions {
        let answer = asker.ask("GET", path, &headers).await;
        let expected = if path == "/authz/nginx" { 403 } else { 400 };
        assert_eq!(answer.status, expected, "{path} {headers:?}");
        assert!(answer.json()["detail"].as_str().expect("text").contains(reason), "{reason} in {answer:?}");
        assert!(answer.headers.get("aldgate-identity").is_none());
    }
    let good = asker.ask("GET", "/authz/forward", &[cookie, method, proto, host, uri]).await;
    assert_eq!(good.status, 200);
}

#[tokio::test]
async fn the_public_listener_knows_no_questions_and_believes_no_forwarding_headers() {
    let world = World::with(MORE).await;
    let said = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "localhost:8080"),
        ("x-forwarded-uri", "/open/"),
        ("x-original-url", "http://localhost:8080/open/"),
        ("x-original-method", "GET"),
    ];
    for path in ["/authz/forward", "/authz/nginx", "/authz/envoy/open/"] {
        assert_eq!(world.get(path, &said).await.status, 404, "{path}");
    }
    assert_eq!(world.get("/app/", &said).await.status, 401);
    let seen = received(&world.get("/open/", &said).await);
    assert_eq!(seen["x-forwarded-host"], "localhost:8080");
    assert!(!seen.keys().any(|name| name.starts_with("x-original") || name == "x-forwarded-uri"), "{seen:?}");
}

#[tokio::test]
async fn a_service_behind_another_proxy_cannot_be_reached_through_the_gate() {
    let world = World::with(MORE).await;
    let session = world.log_in(&world.register(1).await).await;
    assert_eq!(world.get("/behind/", &[("cookie", &session)]).await.status, 404);
    assert_eq!(world.get("/behind/", &[]).await.status, 401);
}

#[tokio::test]
async fn a_service_gets_other_gateways_names_and_no_client_can_say_them() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let subjects = [
        "remote-user",
        "x-forwarded-user",
        "x-forwarded-preferred-username",
        "x-auth-request-user",
        "x-auth-request-preferred-username",
        "x-pomerium-claim-sub",
        "x-pomerium-claim-user",
        "x-amzn-oidc-identity",
    ];
    let assertions = ["x-pomerium-jwt-assertion", "cf-access-jwt-assertion", "x-amzn-oidc-data"];
    let seen = received(&world.get("/aliased/", &[("cookie", &session)]).await);
    let told = ask(&asker, "nginx", get("/aliased/", &[("cookie", &session)])).await;
    for name in subjects {
        assert_eq!(seen[name], authenticator.account.to_string(), "{name}");
        assert_eq!(told.header(name), seen[name], "{name}");
    }
    for name in assertions {
        let identity = world.verifier("aliased").verify(&seen[name], support::world_now(&world));
        assert_eq!(identity.expect(name).account(), authenticator.account);
        assert_eq!(told.header(name), seen[name], "{name}");
    }
    let spelled = |name: &&str| [(*name).to_owned(), name.to_uppercase(), name.replace('-', "_")];
    let lies = ["remote-groups", "x-forwarded-email", "cf-access-authenticated-user-email"];
    let names: Vec<_> = subjects.iter().chain(&assertions).chain(&lies).flat_map(spelled).collect();
    let forged: Vec<_> = names.iter().map(|name| (name.as_str(), "forged-by-client")).collect();
    for path in ["/open/", "/maybe/", "/aliased/open/"] {
        let answer = world.get(path, &forged).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(!answer.body.contains("forged-by-client"), "{path}: {}", answer.body);
    }
    let plain = received(&world.get("/app/", &[("cookie", &session)]).await);
    assert!(subjects.iter().chain(&assertions).all(|name| !plain.contains_key(*name)), "only where it is asked for");
}

#[tokio::test]
async fn a_question_counts_as_use_of_the_session() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    for _ in 0..5 {
        world.clock.advance(Duration::from_mins(20));
        let answer = ask(&asker, "forward", get("/behind/", &[("cookie", &session)])).await;
        assert_eq!(answer.status, 200, "five times twenty minutes are more than it may lie unused");
    }
    world.clock.advance(Duration::from_mins(31));
    assert_eq!(ask(&asker, "forward", get("/behind/", &[("cookie", &session)])).await.status, 401);
}

/// How many are under way is the proxy's affair; how often one address asks, ours.
#[tokio::test]
async fn an_address_that_asks_too_often_is_refused_in_every_dialect() {
    let dear = r#"
        [[route]]
        path = "/behind/dear/"
        service = "behind"
        access = "public"
        cost = "password"
        [admission.password]
        per_address = "60/m"
        burst = 2
        at_once = 1
        queue = 0
    "#;
    let world = World::with(&format!("{MORE}{dear}")).await;
    let asker = Asker::of(&world).await;
    for (n, dialect) in DIALECTS.into_iter().enumerate() {
        let client = format!("198.51.100.{n}");
        let from = [("x-forwarded-for", client.as_str())];
        let ask_for = async |path| ask(&asker, dialect, get(path, &from)).await;
        for _ in 0..2 {
            assert_eq!(ask_for("/behind/dear/").await.status, 200, "{dialect}");
        }
        let refused = ask_for("/behind/dear/").await;
        assert_eq!(refused.status, if dialect == "nginx" { 403 } else { 429 }, "{dialect}: {refused:?}");
        assert_eq!(refused.header("retry-after"), "1", "{dialect}");
        assert_eq!(ask_for("/behind/").await.status, 401, "{dialect}: what is cheap is not counted");
    }
    let over_grpc = async || told(answered(&asker, check(get("/behind/dear/", &[]), true)).await).status;
    assert_eq!([over_grpc().await, over_grpc().await, over_grpc().await], [200, 200, 429]);
    let text = String::from_utf8(world.state.metrics.exposition(&world.state.hot)).expect("text");
    let counted = r#"aldgate_admission_refused_total{asked="service",class="password",reason="address"} 5"#;
    assert!(text.contains(counted), "{text}");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(over_grpc().await, 200, "one more a second");
}

#[tokio::test]
async fn health_is_for_this_machine_and_questions_may_carry_any_host() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    assert_eq!(asker.ask("GET", "/metrics", &[("host", "evil.example")]).await.status, 421);
    assert_eq!(asker.ask("POST", "/livez", &[]).await.status, 405);
    assert_eq!(asker.ask("GET", "/authz/", &[]).await.status, 404);
    assert_eq!(ask(&asker, "envoy", Original { host: "app.example", ..get("/", &[]) }).await.status, 401);
    ask(&asker, "forward", get("/open/", &[])).await;
    let metrics = asker.ask("GET", "/metrics", &[]).await.body;
    for line in
        [r#"aldgate_requests_total{by="authz",status="2xx"} 1"#, r#"aldgate_requests_total{by="authz",status="4xx"} 1"#]
    {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_questions() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let question = "GET /authz/envoy/open/ HTTP/1.1\r\nhost: localhost\r\nx-forwarded-proto: http\r\n";
    let raw = format!("{question}\r\n");
    let mut stream = tokio::net::TcpStream::connect(asker.private).await.expect("connected");
    for _ in 0..3 {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        stream.write_all(raw.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        let mut byte = [0; 1];
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).await.expect("an answer on the same connection");
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
}

/// What Envoy would send over gRPC.
fn check(original: Original<'_>, raw: bool) -> CheckRequest {
    let Original { method, host, path, headers } = original;
    let pseudo = [(":method", method), (":path", path), (":authority", host), (":scheme", "http")];
    let all = pseudo.iter().chain(headers).copied();
    let mut http = HttpRequest {
        method: method.into(),
        host: host.into(),
        path: path.into(),
        scheme: "http".into(),
        ..HttpRequest::default()
    };
    if raw {
        let header = |(name, value): (&str, &str)| HeaderValue {
            key: name.into(),
            raw_value: value.into(),
            ..HeaderValue::default()
        };
        http.header_map = Some(HeaderMap { headers: all.map(header).collect() });
    } else {
        for (name, value) in all {
            let joined = http.headers.entry(name.into()).or_default();
            *joined = if joined.is_empty() { value.into() } else { format!("{joined},{value}") };
        }
    }
    let socket = SocketAddress { address: "192.0.2.7".into(), ..SocketAddress::default() };
    let source = Address { address: Some(AddressKind::SocketAddress(socket)) };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(Peer { address: Some(source), ..Peer::default() }),
            request: Some(Request { http: Some(http), ..Request::default() }),
            ..AttributeContext::default()
        }),
    }
}

async fn answered(asker: &Asker, question: CheckRequest) -> CheckResponse {
    answered_at(asker.grpc, question).await
}

async fn answered_at(address: std::net::SocketAddr, question: CheckRequest) -> CheckResponse {
    let mut client = AuthorizationClient::connect(format!("http://{address}")).await.expect("connected");
    client.check(question).await.expect("an answer").into_inner()
}

#[derive(Debug)]
struct Told {
    code: i32,
    status: i32,
    headers: BTreeMap<String, String>,
    remove: Vec<String>,
    body: String,
}

fn told(answer: CheckResponse) -> Told {
    let code = answer.status.expect("a status").code;
    let (status, headers, remove, body) = match answer.http_response.expect("an answer") {
        HttpResponse::OkResponse(ok) => (200, ok.headers, ok.headers_to_remove, String::new()),
        HttpResponse::DeniedResponse(denied) => {
            (denied.status.expect("a status").code, denied.headers, vec![], denied.body)
        }
        HttpResponse::ErrorResponse(error) => panic!("{error:?}"),
    };
    let pair = |option: envoy_types::pb::envoy::config::core::v3::HeaderValueOption| {
        #[allow(deprecated, reason = "what Envoy reads")]
        let appended = option.append.is_none_or(|append| append.value);
        assert!(!appended, "a header is set, never added to what the client sent: {option:?}");
        option.header.map(|header| (header.key, header.value))
    };
    Told { code, status, headers: headers.into_iter().filter_map(pair).collect(), remove, body }
}

#[tokio::test]
async fn envoy_is_told_over_grpc_what_to_set_and_what_to_take_away() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let cookies = format!("a=1; {session}; b=2");
    let headers = [("cookie", cookies.as_str()), ("aldgate_subject", "admin"), ("x-forwarded-for", "192.0.2.7"), HTML];
    for raw in [true, false] {
        let allowed = told(answered(&asker, check(get("/behind/x?y", &headers), raw)).await);
        assert_eq!((allowed.code, allowed.status), (0, 200), "{allowed:?}");
        assert_eq!(allowed.headers["aldgate-subject"], authenticator.account.to_string());
        let identity =
            world.verifier("behind").verify(&allowed.headers["aldgate-identity"], support::world_now(&world));
        assert!(identity.is_ok());
        assert_eq!(allowed.headers["cookie"], "a=1; b=2");
        for name in ["aldgate_subject", "remote-user", "x-forwarded-email"] {
            assert!(allowed.remove.iter().any(|there| there == name), "{name} in {allowed:?}");
        }
        assert!(!allowed.remove.iter().any(|name| name == "x-forwarded-for" || name == "aldgate-subject"));
        let public = told(answered(&asker, check(get("/open/", &[("cookie", &session)]), raw)).await);
        assert_eq!(public.code, 0);
        assert!(IDENTITY.iter().all(|name| public.remove.iter().any(|there| there == name)), "{public:?}");
        assert!(public.remove.contains(&"cookie".to_owned()));
    }
}

#[tokio::test]
async fn envoy_is_told_to_take_away_what_would_change_what_was_judged() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    let headers = [("cookie", session.as_str()), ("x_http_method.override", "DELETE")];
    let overrides = ["x-http-method-override", "x-http-method", "x-method-override"];
    for (path, judges_method) in [("/behind/reading/x", true), ("/behind/x", false)] {
        let over_http = removed(&ask(&asker, "envoy", get(path, &headers)).await);
        let over_grpc = told(answered(&asker, check(get(path, &headers), true)).await).remove;
        for removed in [&over_http, &over_grpc] {
            assert!(overrides.iter().all(|name| removed.iter().any(|r| r == name) == judges_method), "{removed:?}");
            for name in ["x-rewrite-url", "x-original-url", "true-client-ip", "client-cert", "proxy", "forwarded"] {
                assert!(removed.iter().any(|r| r == name), "{name} in {removed:?}");
            }
            assert!(removed.iter().all(|r| r != "x-forwarded-for" && r != "x-forwarded-proto"), "{removed:?}");
        }
        assert_eq!(over_grpc.iter().any(|name| name == "x_http_method.override"), judges_method, "{over_grpc:?}");
    }
}

#[tokio::test]
async fn envoy_is_told_over_grpc_to_take_away_a_token_that_opened_the_gate() {
    let signer = Signer::new("ES256", "k1");
    let server = IssuerServer::answering(key_set([&signer])).await;
    let more = format!(
        r#"
        [[route]]
        path = "/behind/api/"
        service = "behind"
        access_tokens = true
        [[token_issuer]]
        issuer = "{ISSUER}"
        audience = "{AUDIENCE}"
        jwks_uri = {:?}
        "#,
        server.url()
    );
    let world = World::with(&format!("{MORE}{more}")).await;
    let asker = Asker::of(&world).await;
    let shown = format!("Bearer {}", signer.token(&claims(NOW)));
    for raw in [true, false] {
        let headers = [("authorization", shown.as_str()), ("dpop", "stray")];
        let answer = answered(&asker, check(get("/behind/api/", &headers), raw)).await;
        let Some(HttpResponse::OkResponse(ok)) = answer.http_response else { panic!("{answer:?}") };
        let set: Vec<_> = ok.headers.iter().filter_map(|option| option.header.as_ref()).collect();
        assert!(set.iter().any(|header| header.key == "aldgate-subject" && header.value == "alice"), "{set:?}");
        for name in ["authorization", "dpop", "aldgate-session"] {
            assert!(ok.headers_to_remove.iter().any(|removed| removed == name), "{name} in {ok:?}");
            assert!(set.iter().all(|header| header.key != name), "{name} in {set:?}");
        }
        // Two of them, joined or not, are never one.
        let twice = [("authorization", shown.as_str()), ("authorization", shown.as_str())];
        let answer = answered(&asker, check(get("/behind/api/", &twice), raw)).await;
        let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else { panic!("{answer:?}") };
        assert_eq!(denied.status.expect("a status").code, 401);
    }
}

#[tokio::test]
async fn envoy_is_told_over_grpc_why_not() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let authenticator = world.register(1).await;
    let session = world.log_in(&authenticator).await;
    let program = told(answered(&asker, check(get("/behind/", &[]), true)).await);
    assert_eq!((program.code, program.status), (16, 401), "{program:?}");
    assert_eq!(program.headers["www-authenticate"], r#"Bearer realm="aldgate""#);
    assert!(program.body.contains("urn:aldgate:problem:not-signed-in"));
    let browser = told(answered(&asker, check(get("/behind/?a=1", &[HTML]), true)).await);
    assert_eq!(browser.status, 303);
    assert_eq!(browser.headers["location"], "http://localhost:8080/sign-in?return_to=/behind/%3Fa%3D1");
    let ambiguous = told(answered(&asker, check(get("/open/..%2fapp/", &[]), true)).await);
    assert_eq!((ambiguous.code, ambiguous.status), (7, 400), "{ambiguous:?}");
    world.warm.end_sessions(&authenticator.account, None).await.expect("ended");
    let ended = told(answered(&asker, check(get("/behind/", &[("cookie", &session)]), true)).await);
    assert_eq!(ended.status, 401);
}

#[tokio::test]
async fn envoys_question_over_grpc_must_be_whole_and_of_one_mind() {
    let world = World::with(MORE).await;
    let asker = Asker::of(&world).await;
    let session = world.log_in(&world.register(1).await).await;
    let whole = check(get("/behind/", &[("cookie", &session)]), true);
    assert_eq!(told(answered(&asker, whole.clone()).await).status, 200);
    let changed = |change: fn(&mut HttpRequest)| {
        let mut question = whole.clone();
        let http = question.attributes.as_mut().and_then(|a| a.request.as_mut()?.http.as_mut());
        change(http.expect("a request"));
        question
    };
    let questions = [
        CheckRequest::default(),
        changed(|http| http.method.clear()),
        changed(|http| http.scheme.clear()),
        changed(|http| http.host.clear()),
        changed(|http| http.path.clear()),
        changed(|http| http.path = "/open/".into()),
        changed(|http| http.host = "app.example".into()),
        changed(|http| http.path = "/behind/#x".into()),
    ];
    for question in questions {
        let refused = told(answered(&asker, question.clone()).await);
        assert_eq!((refused.code, refused.status), (7, 400), "{question:?}");
    }
    let hidden = [("cookie", "a=1"), ("cookie", session.as_str())];
    let refused = told(answered(&asker, check(get("/open/", &hidden), false)).await);
    assert_eq!(refused.status, 400, "joined by a comma it would be neither found nor taken out");
    let apart = told(answered(&asker, check(get("/behind/", &hidden), true)).await);
    assert_eq!((apart.status, apart.headers["cookie"].as_str()), (200, "a=1"));
}

#[tokio::test]
async fn the_program_answers_on_both_listeners_and_on_no_public_one() {
    let more = "[[service]]\nname = \"a\"\n[[route]]\npath = \"/a/\"\nservice = \"a\"\naccess = \"public\"\n";
    let instance = Instance::start_with(more).await;
    let said = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "localhost"),
        ("x-forwarded-uri", "/a/"),
    ];
    let get = hyper::Method::GET;
    let private = instance.private_client().send(get.clone(), "/authz/forward", &said, "").await;
    assert_eq!(private.status, 200, "{private:?}");
    let public = instance.client().send(get, "/authz/forward", &said, "").await;
    assert_eq!(public.status, 404, "{public:?}");
    let grpc = std::net::SocketAddr::from(([127, 0, 0, 1], instance.ports.authz_grpc));
    let original = Original { method: "GET", host: "localhost", path: "/a/", headers: &[] };
    assert_eq!(told(answered_at(grpc, check(original, true)).await).status, 200);
}
