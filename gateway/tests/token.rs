//! Access tokens at the edge: what services are told, who is refused, how soon an end is known everywhere, and what an
//! issuer that fails does to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::decide::Lookup;
use aldgate_core::id::TokenDigest;
use aldgate_core::testing::token_issuer::{AUDIENCE, ISSUER, Signer, claims, claims_with, encoded, key_set};
use aldgate_core::testing::world::NOW;
use aldgate_core::time::{Clock as _, Timestamp};
use aldgate_core::token::family;
use aldgate_core::verdict::TokenRefused;
use aldgate_core::warm::Warm as _;
use aldgate_core::warm::change::Feed;
use aldgate_gateway::clock::SystemClock;
use aldgate_gateway::token::key_source::{FETCH_INTERVAL, STALE_MAX};
use aldgate_gateway::token::{ShowingRequest, revoke};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use std::time::Duration;
use support::asker::Asker;
use support::http::Answer;
use support::instance::Instance;
use support::issuer::IssuerServer;
use support::world::{ORIGIN, World, parse, received};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Routes that take tokens, and the tables of an issuer.
fn tables(issuer: &str) -> String {
    format!(
        r#"
        [[route]]
        path = "/api/"
        service = "echo"
        access_tokens = true
        [[route]]
        path = "/write/"
        service = "echo"
        access_tokens = true
        demand = {{ scopes = ["admin"] }}
        [[route]]
        path = "/either/"
        service = "echo"
        access = "optional"
        access_tokens = true
        [[token_issuer]]
        issuer = "{ISSUER}"
        audience = "{AUDIENCE}"
        {issuer}
        "#
    )
}

/// A gateway that takes JWTs by the key set that a server publishes.
struct Keyed {
    world: World,
    server: IssuerServer,
    signer: Signer,
}

impl Keyed {
    async fn new() -> Self {
        let signer = Signer::new("ES256", "k1");
        let server = IssuerServer::answering(key_set([&signer])).await;
        let world = World::with(&Self::tables(&server)).await;
        Self { world, server, signer }
    }

    fn tables(server: &IssuerServer) -> String {
        tables(&format!("jwks_uri = {:?}", server.url()))
    }

    /// Another gateway of the same deployment.
    async fn another(&self) -> World {
        self.world.beside_with(&Self::tables(&self.server)).await
    }

    fn token(&self) -> String {
        self.signer.token(&claims(NOW))
    }
}

/// A gateway that asks a server about tokens.
async fn asking(server: &IssuerServer) -> (World, TempDir) {
    let dir = TempDir::new().expect("a directory");
    let secret = dir.path().join("secret");
    std::fs::write(&secret, "s3cret:+\n").expect("written");
    let issuer = format!(
        "introspection = {:?}\nclient_id = \"the gate\"\nclient_secret = {secret:?}\ncache = \"30s\"",
        server.url()
    );
    (World::with(&tables(&issuer)).await, dir)
}

/// What is said to whoever shows nothing.
const NOBODY: &str = r#"Bearer realm="aldgate", DPoP realm="aldgate", algs="ES256 ES384 EdDSA PS256""#;

fn active(with: &[(&str, Value)]) -> String {
    let mut answer = claims(NOW);
    answer["active"] = true.into();
    for (name, value) in with {
        answer[*name] = value.clone();
    }
    answer.to_string()
}

async fn bearer(world: &World, path: &str, token: &str) -> Answer {
    world.get(path, &[("authorization", &format!("Bearer {token}"))]).await
}

async fn dpop(world: &World, token: &str, proof: &str) -> Answer {
    world.get("/api/x", &[("authorization", &format!("DPoP {token}")), ("dpop", proof)]).await
}

/// It was refused with this scheme and error code.
fn assert_told(answer: &Answer, scheme: &str, code: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    let told = answer.header("www-authenticate");
    assert!(told.starts_with(&format!("{scheme} realm=\"aldgate\", error=\"{code}\"")), "{told}");
    assert_eq!(answer.json()["type"], "urn:aldgate:problem:token-invalid");
}

fn assert_refused(answer: &Answer) {
    assert_told(answer, "Bearer", "invalid_token");
}

fn assert_bad_proof(answer: &Answer) {
    assert_told(answer, "DPoP", "invalid_dpop_proof");
}

/// As [`bearer`], for a gate that waits for somebody else.
async fn patient(world: &World, path: &str, token: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost:8080\r\nconnection: close\r\n");
    let mut client = world.connect();
    let request = format!("{head}authorization: Bearer {token}\r\n\r\n");
    client.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.expect("an answer");
    parse(&answer)
}

#[tokio::test]
async fn a_service_learns_whom_a_token_is_for_and_never_gets_the_token() {
    let keyed = Keyed::new().await;
    let token = keyed.token();
    let headers =
        [("authorization", format!("bearer {token}")), ("dpop", "stray".to_owned()), ("cookie", "a=1".to_owned())];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = keyed.world.get("/api/x?access_token=1", &headers).await;
    assert!(!answer.body.contains(&token), "{}", answer.body);
    let seen = received(&answer);
    let claims = keyed.world.verifier("echo").verify_for_grant(&seen["aldgate-identity"], NOW).expect("an assertion");
    assert_eq!((claims.sub.as_str(), claims.token_iss.as_str()), ("alice", ISSUER));
    assert_eq!((claims.client_id.as_deref(), claims.scope.as_str()), (Some("app"), "read write"));
    assert_eq!((claims.vot.as_str(), claims.auth_time), ("P9.Cm", Some(NOW.as_secs() - 60)));
    assert_eq!(seen["aldgate-subject"], "alice");
    assert_eq!((seen["aldgate-identity-level"].as_str(), seen["aldgate-components"].as_str()), ("P9", "Cm"));
    for absent in ["aldgate-session", "authorization", "dpop"] {
        assert!(!seen.contains_key(absent), "{absent} in {seen:?}");
    }
    assert_eq!(seen["cookie"], "a=1");
    let again = received(&bearer(&keyed.world, "/api/y", &token).await);
    assert_eq!(again["aldgate-identity"], seen["aldgate-identity"], "nothing is signed twice");
    assert_eq!(keyed.server.asked(), 1, "one fetch of the key set");
}

#[tokio::test]
async fn routes_that_take_no_tokens_pass_the_header_on_untouched() {
    let keyed = Keyed::new().await;
    let session = keyed.world.open_by_password().await;
    let shown = format!("Bearer {}", keyed.token());
    let seen =
        received(&keyed.world.get("/app/x", &[("authorization", &shown), ("dpop", "p"), ("cookie", &session)]).await);
    assert_eq!((seen["authorization"].as_str(), seen["dpop"].as_str()), (shown.as_str(), "p"));
    assert!(seen.contains_key("aldgate-session"), "the cookie counts there");
    assert_eq!(bearer(&keyed.world, "/app/x", &keyed.token()).await.status, 401, "and the token opens nothing");
    let basic = [("authorization", "Basic YTpi"), ("cookie", session.as_str())];
    let seen = received(&keyed.world.get("/api/x", &basic).await);
    assert_eq!(seen["authorization"], "Basic YTpi", "another scheme is the service's own affair");
}

#[tokio::test]
async fn a_cookie_beside_a_bad_token_does_not_help() {
    let keyed = Keyed::new().await;
    let session = keyed.world.open_by_password().await;
    assert_eq!(keyed.world.get("/api/x", &[("cookie", &session)]).await.status, 200, "a cookie alone does");
    for bad in ["Bearer x", "Bearer", "Bearer a b", "DPoP x", &format!("Bearer {}x", keyed.token())] {
        for path in ["/api/x", "/either/x"] {
            assert_refused(&keyed.world.get(path, &[("authorization", bad), ("cookie", &session)]).await);
        }
    }
    let good = format!("Bearer {}", keyed.token());
    let twice = [("authorization", good.as_str()), ("authorization", good.as_str()), ("cookie", &session)];
    assert_refused(&keyed.world.get("/api/x", &twice).await);
    let in_query = format!("/api/x?access_token={}", keyed.token());
    let answer = keyed.world.get(&in_query, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, NOBODY));
}

#[tokio::test]
async fn a_token_without_the_scope_is_told_which_is_missing() {
    let keyed = Keyed::new().await;
    let answer = bearer(&keyed.world, "/write/x", &keyed.token()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    let told = answer.header("www-authenticate");
    assert!(told.contains(r#"error="insufficient_scope""#) && told.contains(r#"scope="admin""#), "{told}");
    let admin = keyed.signer.token(&claims_with(NOW, "scope", json!("admin")));
    assert_eq!(bearer(&keyed.world, "/write/x", &admin).await.status, 200);
}

#[tokio::test]
async fn what_is_known_of_one_token_is_never_known_of_another() {
    let keyed = Keyed::new().await;
    let token = keyed.token();
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    for last in ['A', 'B', 'Q', 'g', 'w', '_'].into_iter().filter(|last| !token.ends_with(*last)) {
        let other = format!("{}{last}", &token[..token.len() - 1]);
        assert_refused(&bearer(&keyed.world, "/api/x", &other).await);
    }
    assert_refused(&bearer(&keyed.world, "/api/x", &token[..token.len() - 1]).await);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200, "nor is a refusal");
}

#[tokio::test]
async fn a_known_token_ends_with_its_time() {
    let keyed = Keyed::new().await;
    let token = keyed.token();
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    keyed.world.clock.advance(Duration::from_millis(299_999));
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    keyed.world.clock.advance(Duration::from_millis(1));
    assert_refused(&bearer(&keyed.world, "/api/x", &token).await);
}

const URL: &str = "http://localhost:8080/api/x";

#[tokio::test]
async fn a_bound_token_needs_the_proof_of_its_key_and_each_proof_is_good_once_everywhere() {
    let keyed = Keyed::new().await;
    let key = Signer::new("ES256", "c");
    let token = keyed.signer.token(&claims_with(NOW, "cnf", json!({"jkt": key.thumbprint()})));
    let told = bearer(&keyed.world, "/api/x", &token).await;
    assert_told(&told, "DPoP", "invalid_token");
    assert!(told.header("www-authenticate").contains(r#"algs="ES256 ES384 EdDSA PS256""#));

    let proof = key.proof("GET", URL, &token, "1", NOW);
    assert_eq!(dpop(&keyed.world, &token, &proof).await.status, 200);
    assert_bad_proof(&dpop(&keyed.world, &token, &proof).await);
    let another = keyed.another().await;
    assert_bad_proof(&dpop(&another, &token, &proof).await);
    assert_eq!(dpop(&another, &token, &key.proof("GET", URL, &token, "2", NOW)).await.status, 200);

    let stolen = Signer::new("ES256", "thief");
    let other_token = keyed.token();
    for (what, proof) in [
        ("another key", stolen.proof("GET", URL, &token, "3", NOW)),
        ("another method", key.proof("POST", URL, &token, "4", NOW)),
        ("another path", key.proof("GET", "http://localhost:8080/api/y", &token, "5", NOW)),
        ("another host", key.proof("GET", "http://other:8080/api/x", &token, "6", NOW)),
        ("another token", key.proof("GET", URL, &other_token, "7", NOW)),
        ("too old", key.proof("GET", URL, &token, "8", NOW.plus(Duration::from_secs(11)))),
        ("no proof at all", "x".to_owned()),
    ] {
        let answer = dpop(&keyed.world, &token, &proof).await;
        assert_eq!(answer.status, 401, "{what}");
        assert_bad_proof(&answer);
    }
    let fresh = key.proof("GET", URL, &token, "9", NOW);
    let shown = format!("DPoP {token}");
    let twice = [("authorization", shown.as_str()), ("dpop", fresh.as_str()), ("dpop", fresh.as_str())];
    assert_bad_proof(&keyed.world.get("/api/x", &twice).await);
    assert_bad_proof(&keyed.world.get("/api/x", &twice[..1]).await);
    let unbound = keyed.token();
    let answer = dpop(&keyed.world, &unbound, &key.proof("GET", URL, &unbound, "10", NOW)).await;
    assert_told(&answer, "DPoP", "invalid_token");
    keyed.world.warm.set_down(true);
    assert_eq!(dpop(&keyed.world, &token, &fresh).await.status, 503, "what cannot be consumed does not pass");
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_is_nothing_without_it() {
    let keyed = Keyed::new().await;
    let token = keyed.signer.token(&claims_with(
        NOW,
        "cnf",
        json!({"x5t#S256": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}),
    ));
    assert_refused(&bearer(&keyed.world, "/api/x", &token).await);
    let as_dpop = [("authorization", format!("DPoP {token}"))];
    let as_dpop: Vec<_> = as_dpop.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_told(&keyed.world.get("/api/x", &as_dpop).await, "DPoP", "invalid_token");
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().expect("a value"));
    let shown = |certificate| ShowingRequest {
        headers: &headers,
        method: "GET",
        scheme: "http",
        authority: "localhost:8080",
        path: "/api/x",
        certificate,
    };
    let tokens = keyed.world.tokens();
    assert!(matches!(tokens.lookup(&shown(Some([7; 32])), NOW).await, Lookup::Grant(Ok(_))));
    for certificate in [None, Some([8; 32])] {
        let refused = tokens.lookup(&shown(certificate), NOW).await;
        assert!(matches!(refused, Lookup::Grant(Err(TokenRefused::Uncertified))), "{certificate:?}");
    }
}

#[tokio::test]
async fn of_many_requests_with_one_proof_at_once_one_passes() {
    let keyed = Keyed::new().await;
    let another = keyed.another().await;
    let key = Signer::new("ES256", "c");
    let token = keyed.signer.token(&claims_with(NOW, "cnf", json!({"jkt": key.thumbprint()})));
    for round in 0..5 {
        let proof = key.proof("GET", URL, &token, &format!("at once {round}"), NOW);
        let requests = (0..20).map(|at| dpop(if at % 2 == 0 { &keyed.world } else { &another }, &token, &proof));
        let answers = futures::future::join_all(requests).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 19);
    }
}

#[tokio::test]
async fn where_nonces_are_asked_for_a_client_gets_one_and_comes_back_with_it() {
    let signer = Signer::new("ES256", "k1");
    let server = IssuerServer::answering(key_set([&signer])).await;
    let tables = format!("{}\ndpop_nonce = true", Keyed::tables(&server));
    let world = World::with(&tables).await;
    let another = world.beside_with(&tables).await;
    let key = Signer::new("ES256", "c");
    let token = signer.token(&claims_with(NOW, "cnf", json!({"jkt": key.thumbprint()})));
    let proof = |id: &str, nonce: &str| {
        let (header, mut claims) = key.proof_parts("GET", URL, &token, id, NOW);
        claims["nonce"] = nonce.into();
        key.sign(header.to_string(), claims.to_string())
    };
    let told = dpop(&world, &token, &key.proof("GET", URL, &token, "1", NOW)).await;
    assert_told(&told, "DPoP", "use_dpop_nonce");
    let nonce = told.header("dpop-nonce").to_owned();
    assert_eq!(dpop(&world, &token, &proof("1", &nonce)).await.status, 200, "a refused proof was not used up");
    assert_eq!(dpop(&another, &token, &proof("2", &nonce)).await.status, 200, "every gateway knows it");
    assert_bad_proof(&dpop(&another, &token, &proof("1", &nonce)).await);
    let made_up = dpop(&world, &token, &proof("3", "AAAAAAAAAAAAAAAAAAAAAA")).await;
    assert_told(&made_up, "DPoP", "use_dpop_nonce");
    assert_bad_proof(&dpop(&world, &token, "x").await);
    assert!(dpop(&world, &token, "x").await.headers.get("dpop-nonce").is_none());
}

#[tokio::test]
async fn who_shows_a_token_gets_no_page_and_no_way_to_sign_in() {
    let keyed = Keyed::new().await;
    let html = ("accept", "text/html, */*; q=.2");
    let bad = keyed.world.get("/api/x", &[("authorization", "Bearer x"), html]).await;
    assert_refused(&bad);
    assert_eq!(bad.header("content-type"), "application/problem+json");
    let shown = format!("Bearer {}", keyed.token());
    let lacking = keyed.world.get("/write/x", &[("authorization", &shown), html]).await;
    assert_eq!((lacking.status.as_u16(), lacking.header("content-type")), (403, "application/problem+json"));
    assert_eq!(keyed.world.get("/api/x", &[html]).await.status, 303, "a person does");
}

#[tokio::test]
async fn a_token_that_is_too_long_is_refused_without_a_question() {
    let server = IssuerServer::answering(active(&[])).await;
    let (world, _dir) = asking(&server).await;
    assert_refused(&bearer(&world, "/api/x", &"a".repeat(8 * 1024 + 1)).await);
    assert_eq!(server.asked(), 0);
    assert_eq!(bearer(&world, "/api/x", &"a".repeat(8 * 1024)).await.status, 200);
    assert_eq!(bearer(&world, "/api/x", &"a".repeat(33 * 1024)).await.status, 431);
}

#[tokio::test]
async fn an_operator_revokes_on_the_private_listener_alone() {
    let keyed = Keyed::new().await;
    let asker = Asker::of(&keyed.world).await;
    let token = keyed.token();
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    let form = |host: &str, body: &str| {
        format!(
            "POST /tokens/revoke HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let revocation = format!("token={token}");
    let alien = parse(&asker.raw(form("evil.example", &revocation).as_bytes()).await);
    assert_eq!(alien.status, 421, "another name that points here");
    let long = format!("token={}", "a".repeat(60_000));
    assert_eq!(parse(&asker.raw(form("localhost", &long).as_bytes()).await).status, 400);
    assert_eq!(asker.ask("GET", "/tokens/revoke", &[]).await.status, 404);
    let public = keyed.world.send("POST", "/tokens/revoke", &[], &revocation).await;
    assert_eq!(public.status, 404, "not on the public listener");
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200, "none of these did");
    let done = parse(&asker.raw(form("localhost:8081", &revocation).as_bytes()).await);
    assert_eq!((done.status.as_u16(), done.body.as_str()), (200, "revoked\n"));
    assert_refused(&bearer(&keyed.world, "/api/x", &token).await);
    let resigned = keyed.token();
    let signed = |token: &str| token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
    assert!(resigned != token && signed(&resigned) == signed(&token), "the same, signed once more");
    assert_refused(&bearer(&keyed.world, "/api/x", &resigned).await);
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_in_every_gateway() {
    let keyed = Keyed::new().await;
    let another = keyed.another().await;
    let token = keyed.token();
    for world in [&keyed.world, &another] {
        assert_eq!(bearer(world, "/api/x", &token).await.status, 200);
    }
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    let body = format!("token={token}&token_type_hint=access_token");
    let (status, _) = revoke::answer(&headers, body.as_bytes(), &keyed.world.tokens(), NOW).await;
    assert_eq!(status, 200);
    for world in [&another, &keyed.world] {
        assert_refused(&bearer(world, "/api/x", &token).await);
    }
    let newcomer = keyed.another().await;
    assert_refused(&bearer(&newcomer, "/api/x", &token).await);
}

/// A token of a grant of the deployment's own provider, or of whoever else says so.
fn of_grant(signer: &Signer, issuer: &str, client: &str, grant: u8, given: Timestamp) -> String {
    let name = encoded([&[grant; family::GRANT_BYTES][..], &[7; 24]].concat());
    let mut claims = claims_with(given, "iss", json!(issuer));
    (claims["client_id"], claims["jti"]) = (json!(client), json!(name));
    signer.token(&claims)
}

#[tokio::test]
async fn the_tokens_of_a_grant_or_a_client_that_has_ended_are_refused_in_every_gateway_and_no_others() {
    let signer = Signer::new("ES256", "k1");
    let server = IssuerServer::answering(key_set([&signer])).await;
    let own =
        format!("[[token_issuer]]\nissuer = {ORIGIN:?}\naudience = {AUDIENCE:?}\njwks_uri = {:?}\n", server.url());
    let tables = format!("{}{own}", Keyed::tables(&server));
    let world = World::with(&tables).await;
    let another = world.beside_with(&tables).await;
    let ended = of_grant(&signer, ORIGIN, "app", 1, NOW);
    let stands = of_grant(&signer, ORIGIN, "app", 2, NOW);
    let of_another_client = of_grant(&signer, ORIGIN, "other", 3, NOW);
    let of_another_issuer = of_grant(&signer, ISSUER, "app", 1, NOW);
    let statuses = async |world: &World| {
        let mut statuses = Vec::new();
        for token in [&ended, &stands, &of_another_client, &of_another_issuer] {
            statuses.push(bearer(world, "/api/x", token).await.status.as_u16());
        }
        statuses
    };
    for gateway in [&world, &another] {
        assert_eq!(statuses(gateway).await, [200; 4]);
    }
    world.warm.revoke_token(&family::of_grant(&[1; 16]), family::remembered_until(NOW)).await.expect("revoked");
    let newcomer = world.beside_with(&tables).await; // Or one of them, after a restart.
    for gateway in [&world, &another, &newcomer] {
        assert_eq!(statuses(gateway).await, [401, 200, 200, 200]);
    }
    assert_refused(&bearer(&world, "/api/x", &ended).await);
    for stopped in family::all_of_client("app", NOW) {
        another.warm.revoke_token(&stopped, family::remembered_until(NOW)).await.expect("revoked");
    }
    let newcomer = world.beside_with(&tables).await;
    for gateway in [&world, &another, &newcomer] {
        assert_eq!(statuses(gateway).await, [401, 401, 200, 200]);
    }
    world.clock.advance(Duration::from_mins(2));
    let in_use_again = of_grant(&signer, ORIGIN, "app", 4, world.clock.now());
    assert_eq!(bearer(&world, "/api/x", &in_use_again).await.status, 200);
    assert_eq!(statuses(&world).await, [401, 401, 200, 200]);
}

#[tokio::test]
async fn a_browser_cannot_revoke_and_what_is_not_acknowledged_is_not_called_revoked() {
    let keyed = Keyed::new().await;
    let tokens = keyed.world.tokens();
    let mut headers = HeaderMap::new();
    assert_eq!(revoke::answer(&headers, b"token=a", &tokens, NOW).await.0, 415);
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    assert_eq!(revoke::answer(&headers, b"tokens=a", &tokens, NOW).await.0, 400);
    for name in ["origin", "sec-fetch-site", "sec-fetch-mode"] {
        let mut headers = headers.clone();
        headers.insert(name, HeaderValue::from_static("null"));
        assert_eq!(revoke::answer(&headers, b"token=a", &tokens, NOW).await.0, 403, "{name}");
    }
    keyed.world.warm.set_down(true);
    assert_eq!(revoke::answer(&headers, b"token=a", &tokens, NOW).await.0, 503);
    keyed.world.warm.set_down(false);
    assert!(!keyed.world.warm.token_revoked(&TokenDigest::of(b"a")).await.expect("warm"));
}

#[tokio::test]
async fn while_the_feed_is_silent_every_use_is_confirmed() {
    let keyed = Keyed::new().await;
    let (warm, token) = (&keyed.world.warm, keyed.token());
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    warm.set_down(true);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200, "the feed is live: nothing has to be asked");
    assert_eq!(
        bearer(&keyed.world, "/api/x", &keyed.signer.token(&claims_with(NOW, "jti", json!("2")))).await.status,
        503,
        "a new one has"
    );
    warm.set_feed(Feed::Silent(NOW));
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 503);
    warm.set_down(false);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    warm.set_down(true);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 503, "each use anew");
    warm.set_feed(Feed::Gap);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 503, "and once after a gap");
    warm.set_down(false);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    warm.set_down(true);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200, "confirmed since the gap");
}

#[tokio::test]
async fn a_token_of_a_removed_key_dies_with_the_next_refresh() {
    let keyed = Keyed::new().await;
    let (token, next) =
        (keyed.signer.token(&claims_with(NOW, "exp", json!(NOW.as_secs() + 7_200))), Signer::new("ES256", "k2"));
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    keyed.server.answer(200, key_set([&next]));
    let refreshed = || async {
        let now = keyed.world.clock.now();
        keyed.world.tokens().refresh(now).await;
    };
    keyed.world.clock.advance(Duration::from_secs(299));
    refreshed().await;
    assert_eq!(keyed.server.asked(), 1, "not before its time");
    keyed.world.clock.advance(Duration::from_secs(1));
    refreshed().await;
    assert_eq!(keyed.server.asked(), 2);
    assert_refused(&bearer(&keyed.world, "/api/x", &token).await);
    let now = keyed.world.clock.now();
    assert_eq!(bearer(&keyed.world, "/api/x", &next.token(&claims(now))).await.status, 200);
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_a_storm_of_unknown_ones_is_one_fetch() {
    let keyed = Keyed::new().await;
    assert_eq!(bearer(&keyed.world, "/api/x", &keyed.token()).await.status, 200);
    keyed.world.clock.advance(FETCH_INTERVAL);
    let next = Signer::new("EdDSA", "k2");
    keyed.server.answer(200, key_set([&keyed.signer, &next]));
    keyed.server.take(Duration::from_millis(50));
    let now = keyed.world.clock.now();
    let strangers: Vec<_> =
        (0..60).map(|at| Signer::new("ES256", &format!("unknown{at}")).token(&claims(now))).collect();
    let mut tokens = strangers.clone();
    tokens.push(next.token(&claims(now)));
    let answers = futures::future::join_all(tokens.iter().map(|token| bearer(&keyed.world, "/api/x", token))).await;
    assert!(answers[..60].iter().all(|answer| answer.status == 401));
    assert_eq!(answers[60].status, 200);
    assert_eq!(keyed.server.asked(), 2, "one at the start, one for all of them");
}

#[tokio::test]
async fn a_key_set_that_is_no_good_leaves_the_old_one_until_it_is_stale() {
    let keyed = Keyed::new().await;
    let token = keyed.signer.token(&claims_with(NOW, "exp", json!(NOW.as_secs() + 72_000)));
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
    let secret = key_set([&keyed.signer]).replace("\"kty\"", "\"d\":\"AAAA\",\"kty\"");
    for (status, body) in [
        (200, "{}".to_owned()),
        (200, secret),
        (200, "x".repeat(100_000)),
        (500, key_set([&Signer::new("ES256", "k1")])),
    ] {
        keyed.server.answer(status, body);
        keyed.world.clock.advance(Duration::from_secs(600));
        keyed.world.tokens().refresh(keyed.world.clock.now()).await;
        assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200, "the old set serves");
    }
    assert_eq!(keyed.server.asked(), 5);
    keyed.world.clock.advance(STALE_MAX);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 503, "but not for ever");
    keyed.server.answer(200, key_set([&keyed.signer]));
    keyed.world.tokens().refresh(keyed.world.clock.now()).await;
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200);
}

#[tokio::test]
async fn without_any_key_set_nothing_is_believed_and_nothing_is_called_wrong() {
    let keyed = Keyed::new().await;
    keyed.server.answer(404, "");
    assert_eq!(bearer(&keyed.world, "/api/x", &keyed.token()).await.status, 503);
    keyed.server.answer(200, key_set([&keyed.signer]));
    assert_eq!(bearer(&keyed.world, "/api/x", &keyed.token()).await.status, 503, "not again at once");
    keyed.world.clock.advance(FETCH_INTERVAL);
    assert_eq!(bearer(&keyed.world, "/api/x", &keyed.token()).await.status, 200);
}

#[tokio::test]
async fn a_redirection_is_never_followed() {
    let keyed = Keyed::new().await;
    let elsewhere = IssuerServer::answering(key_set([&keyed.signer])).await;
    for status in [301, 302, 303, 307, 308] {
        keyed.server.redirect(status, &elsewhere.url());
        assert_eq!(bearer(&keyed.world, "/api/x", &keyed.token()).await.status, 503, "{status}");
        keyed.world.clock.advance(FETCH_INTERVAL);
    }
    assert_eq!((keyed.server.asked(), elsewhere.asked()), (5, 0));

    let server = IssuerServer::answering("").await;
    let (world, _dir) = asking(&server).await;
    elsewhere.answer(200, active(&[]));
    server.redirect(307, &elsewhere.url());
    assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 503);
    assert_eq!(elsewhere.asked(), 0, "neither token nor client secret goes elsewhere");
}

#[tokio::test]
async fn an_issuer_that_is_down_closes_the_gate() {
    let server = IssuerServer::answering("").await;
    let (asked, _dir) = asking(&server).await;
    let keyed = Keyed::new().await;
    let tables = Keyed::tables(&server);
    let world = World::with(&tables).await;
    drop(server);
    assert_eq!(patient(&asked, "/api/x", "opaque").await.status, 503);
    assert_eq!(patient(&world, "/api/x", &keyed.token()).await.status, 503);
    let optional = patient(&world, "/either/x", &keyed.token()).await;
    assert_eq!(optional.status, 503, "also where nobody need be known");
}

#[tokio::test]
async fn a_fetch_goes_on_when_whoever_began_it_has_gone() {
    let keyed = Keyed::new().await;
    keyed.server.take(Duration::from_millis(100));
    let tokens = keyed.world.tokens();
    // A client that asks and goes away at once, every time that a fetch is allowed.
    for round in 1..=3 {
        assert!(futures::poll!(std::pin::pin!(tokens.refresh(keyed.world.clock.now()))).is_pending());
        while keyed.server.asked() < round {
            tokio::task::yield_now().await;
        }
        keyed.world.clock.advance(Duration::from_secs(600));
    }
    let now = keyed.world.clock.now();
    let token = keyed.signer.token(&claims(now));
    let by_the_last = async {
        while bearer(&keyed.world, "/api/x", &token).await.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), by_the_last).await.expect("the set came all the same");
}

#[tokio::test]
async fn a_key_that_is_not_there_is_called_wrong_only_by_a_set_that_was_fetched() {
    let keyed = Keyed::new().await;
    assert_eq!(bearer(&keyed.world, "/api/x", &keyed.token()).await.status, 200);
    let next = Signer::new("ES256", "k2");
    let shown = |now| next.token(&claims(now));
    assert_refused(&bearer(&keyed.world, "/api/x", &shown(NOW)).await);
    keyed.server.answer(500, "");
    keyed.world.clock.advance(FETCH_INTERVAL);
    let now = keyed.world.clock.now();
    assert_eq!(bearer(&keyed.world, "/api/x", &shown(now)).await.status, 503, "it may be new");
    assert_eq!(bearer(&keyed.world, "/api/x", &keyed.signer.token(&claims(now))).await.status, 200);
}

#[tokio::test]
async fn a_key_set_is_read_from_a_file_too() {
    let dir = TempDir::new().expect("a directory");
    let (path, signer) = (dir.path().join("keys.json"), Signer::new("PS256", "r"));
    std::fs::write(&path, key_set([&signer])).expect("written");
    let world = World::with(&tables(&format!("key_set = {path:?}"))).await;
    assert_eq!(bearer(&world, "/api/x", &signer.token(&claims(NOW))).await.status, 200);
}

#[tokio::test]
async fn an_issuer_is_asked_once_about_a_token_that_a_hundred_requests_show() {
    let server = IssuerServer::answering(active(&[])).await;
    server.take(Duration::from_millis(100));
    let (world, _dir) = asking(&server).await;
    let requests = (0..100).map(|_| bearer(&world, "/api/x", "opaque"));
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(server.asked(), 1);
    let (headers, body) = server.last();
    assert_eq!(body, "token=opaque&token_type_hint=access_token");
    // `the gate` and `s3cret:+`, each encoded as in a form.
    assert_eq!(headers["authorization"], "Basic dGhlK2dhdGU6czNjcmV0JTNBJTJC");
    let seen = received(&answers[0]);
    assert_eq!((seen["aldgate-subject"].as_str(), seen.contains_key("authorization")), ("alice", false));
}

#[tokio::test]
async fn an_answer_about_a_token_is_used_for_its_time_and_no_longer() {
    let server = IssuerServer::answering(active(&[])).await;
    let (world, _dir) = asking(&server).await;
    assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 200);
    server.answer(200, r#"{"active":false}"#);
    world.clock.advance(Duration::from_millis(29_999));
    assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 200);
    world.clock.advance(Duration::from_millis(1));
    assert_refused(&bearer(&world, "/api/x", "opaque").await);
    assert_refused(&bearer(&world, "/api/x", "opaque").await);
    assert_eq!(server.asked(), 2, "a refusal is kept for a moment");
    assert_refused(&bearer(&world, "/api/x", "opaqu").await);
    assert_eq!(server.asked(), 3, "of this token alone");
}

#[tokio::test]
async fn a_token_whose_end_is_not_told_is_asked_about_again_and_again() {
    let mut endless: Value = serde_json::from_str(&active(&[])).expect("JSON");
    endless.as_object_mut().expect("an object").remove("exp");
    let server = IssuerServer::answering(endless.to_string()).await;
    let (world, _dir) = asking(&server).await;
    for round in 1..=3 {
        assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 200, "{round}");
        world.clock.advance(Duration::from_secs(29));
        assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 200, "{round}");
        assert_eq!(server.asked(), round);
        world.clock.advance(Duration::from_secs(600));
    }
    server.answer(200, active(&[("exp", json!(world.clock.now().as_secs() + 60))]));
    assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 200, "nor does a new end surprise anybody");
}

#[tokio::test]
async fn an_opaque_token_is_revoked_by_the_feed_although_its_issuer_still_calls_it_active() {
    let server = IssuerServer::answering(active(&[])).await;
    let (world, _dir) = asking(&server).await;
    assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 200);
    world.warm.revoke_token(&TokenDigest::of(b"opaque"), NOW.plus(Duration::from_hours(1))).await.expect("revoked");
    assert_refused(&bearer(&world, "/api/x", "opaque").await);
    world.clock.advance(Duration::from_secs(60));
    assert_refused(&bearer(&world, "/api/x", "opaque").await);
}

#[tokio::test]
async fn an_issuer_that_does_not_answer_closes_the_gate_and_one_for_others_refuses() {
    let server = IssuerServer::answering("").await;
    let (world, _dir) = asking(&server).await;
    for (at, (status, body)) in [
        (200, "<html>".to_owned()),
        (200, "{}".into()),
        (500, active(&[])),
        (302, String::new()),
        (401, String::new()),
        (200, " ".repeat(70_000)),
    ]
    .into_iter()
    .enumerate()
    {
        server.answer(status, body);
        assert_eq!(bearer(&world, "/api/x", &format!("t{at}")).await.status, 503, "{at}");
    }
    for (at, change) in [
        ("aud", json!("https://other.example")),
        ("iss", json!("https://other.example")),
        ("exp", json!(NOW.as_secs())),
        ("nbf", json!(NOW.as_secs() + 60)),
        ("token_type", json!("refresh_token")),
        ("token_type", json!("DPoP")),
    ]
    .into_iter()
    .enumerate()
    {
        server.answer(200, active(&[change]));
        assert_eq!(bearer(&world, "/api/x", &format!("u{at}")).await.status, 401, "{at}");
    }
    let key = Signer::new("EdDSA", "c");
    server.answer(200, active(&[("cnf", json!({"jkt": key.thumbprint()}))]));
    assert_told(&bearer(&world, "/api/x", "bound").await, "DPoP", "invalid_token");
    assert_eq!(dpop(&world, "bound", &key.proof("GET", URL, "bound", "1", NOW)).await.status, 200);
    server.take(Duration::from_secs(30));
    assert_eq!(patient(&world, "/api/x", "late").await.status, 503, "nor one that takes too long");
}

#[tokio::test]
async fn a_token_in_the_form_of_a_jwt_is_not_asked_about() {
    let server = IssuerServer::answering(active(&[])).await;
    let (world, _dir) = asking(&server).await;
    let forged = Signer::new("ES256", "k").token(&claims_with(NOW, "iss", json!("https://other.example")));
    assert_refused(&bearer(&world, "/api/x", &forged).await);
    assert_refused(&bearer(&world, "/api/x", "a.b.c").await);
    assert_eq!(server.asked(), 0);
}

/// Asks as a proxy of this dialect does, about `GET /api/x`.
async fn asked_by(dialect: &str, asker: &Asker, shown: &[(&str, &str)]) -> Answer {
    let said: &[(&str, &str)] = match dialect {
        "nginx" => &[("x-original-method", "GET"), ("x-original-url", URL)],
        "envoy" => &[("host", "localhost:8080"), ("x-forwarded-proto", "http")],
        _ => &[
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "localhost:8080"),
            ("x-forwarded-uri", "/api/x"),
        ],
    };
    let path = if dialect == "envoy" { "/authz/envoy/api/x".to_owned() } else { format!("/authz/{dialect}") };
    asker.ask("GET", &path, &[said, shown].concat()).await
}

#[tokio::test]
async fn a_proxy_that_asks_gets_the_same_judgement_on_a_token_in_every_dialect() {
    let keyed = Keyed::new().await;
    let asker = Asker::of(&keyed.world).await;
    let key = Signer::new("ES256", "c");
    let (open, bound) = (
        format!("Bearer {}", keyed.token()),
        keyed.signer.token(&claims_with(NOW, "cnf", json!({"jkt": key.thumbprint()}))),
    );
    let session = keyed.world.open_by_password().await;
    for dialect in ["nginx", "forward", "haproxy", "envoy"] {
        let told = asked_by(dialect, &asker, &[("authorization", &open), ("dpop", "stray"), ("cookie", "a=1")]).await;
        assert_eq!((told.status.as_u16(), told.header("aldgate-subject")), (200, "alice"), "{dialect}: {told:?}");
        let said = keyed.world.verifier("echo").verify_for_grant(told.header("aldgate-identity"), NOW);
        assert_eq!(said.expect("an assertion").token_iss, ISSUER, "{dialect}");
        for absent in ["authorization", "dpop", "aldgate-session"] {
            assert!(told.headers.get(absent).is_none(), "{dialect}: {absent} in {told:?}");
            let taken_away = told.header("x-envoy-auth-headers-to-remove").split(", ").any(|name| name == absent);
            assert_eq!(taken_away, dialect == "envoy", "{dialect}: {absent} in {told:?}");
        }
        assert_eq!(told.header("cookie"), "a=1", "{dialect}");

        let as_bearer = format!("Bearer {bound}");
        let stolen = asked_by(dialect, &asker, &[("authorization", &as_bearer)]).await;
        assert_told(&stolen, "DPoP", "invalid_token");
        let as_dpop = format!("DPoP {bound}");
        let proof = key.proof("GET", URL, &bound, dialect, NOW);
        let shown = [("authorization", as_dpop.as_str()), ("dpop", proof.as_str())];
        assert_eq!(asked_by(dialect, &asker, &shown).await.status, 200, "{dialect}");
        assert_bad_proof(&asked_by(dialect, &asker, &shown).await);
        let elsewhere = key.proof("GET", "http://127.0.0.1:8081/authz/forward", &bound, "x", NOW);
        assert_bad_proof(&asked_by(dialect, &asker, &[shown[0], ("dpop", &elsewhere)]).await);
        let twice = [("authorization", open.as_str()), ("authorization", open.as_str()), ("cookie", &session)];
        assert_refused(&asked_by(dialect, &asker, &twice).await);
    }
    keyed.world.warm.set_down(true);
    let proof = key.proof("GET", URL, &bound, "last", NOW);
    let shown = [("authorization", format!("DPoP {bound}")), ("dpop", proof)];
    let shown: Vec<_> = shown.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(asked_by("forward", &asker, &shown).await.status, 503, "what cannot be used up does not pass");
}

#[tokio::test]
async fn a_service_with_aliases_learns_the_tokens_subject_by_the_names_that_it_knows() {
    let signer = Signer::new("ES256", "k1");
    let server = IssuerServer::answering(key_set([&signer])).await;
    let more = r#"
        [[service]]
        name = "aliased"
        upstream = "ECHO"
        aliases = ["authelia", "alb"]
        [[route]]
        path = "/aliased/"
        service = "aliased"
        access_tokens = true
    "#;
    let world = World::with(&format!("{more}{}", Keyed::tables(&server))).await;
    let shown = format!("Bearer {}", signer.token(&claims(NOW)));
    let lies = [("authorization", shown.as_str()), ("remote-user", "admin"), ("aldgate-session", "x")];
    let seen = received(&world.get("/aliased/", &lies).await);
    assert_eq!((seen["remote-user"].as_str(), seen["x-amzn-oidc-identity"].as_str()), ("alice", "alice"));
    assert_eq!(seen["x-amzn-oidc-data"], seen["aldgate-identity"]);
    assert!(!seen.contains_key("aldgate-session"));
}

#[tokio::test]
async fn the_program_fetches_its_key_sets_before_anybody_comes_and_takes_tokens_and_revocations() {
    let signer = Signer::new("ES256", "k1");
    let server = IssuerServer::answering(key_set([&signer])).await;
    let service = format!("[[service]]\nname = \"echo\"\nupstream = \"{}\"\n", server.address);
    let instance = Instance::start_with(&format!("{service}{}", Keyed::tables(&server))).await;
    let fetched = async {
        while server.asked() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), fetched).await.expect("nobody's request began it");
    let token = signer.token(&claims(SystemClock.now()));
    let shown = format!("Bearer {token}");
    let show = async || instance.client().send(Method::GET, "/api/x", &[("authorization", &shown)], "").await;
    assert_eq!(show().await.status, 200);
    let (headers, _) = server.last();
    assert_eq!(headers["aldgate-subject"], "alice");
    assert!(!headers.contains_key("authorization"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let revocation = format!("token={token}");
    let done = instance.private_client().send(Method::POST, revoke::PATH, &form, &revocation).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_refused(&show().await);
}
