//! Access tokens at the edge: what services are told, who is refused, how soon an end is known everywhere, and what an
//! issuer that fails does to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::id::TokenDigest;
use aldgate_core::testing::token_issuer::{AUDIENCE, ISSUER, Signer, claims, claims_with, key_set};
use aldgate_core::testing::world::NOW;
use aldgate_core::time::Clock as _;
use aldgate_core::warm::Warm as _;
use aldgate_core::warm::change::Feed;
use aldgate_gateway::token::key_source::{FETCH_INTERVAL, STALE_MAX};
use aldgate_gateway::token::revoke;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use std::time::Duration;
use support::http::Answer;
use support::issuer::IssuerServer;
use support::world::{World, received};
use tempfile::TempDir;

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

fn assert_refused(answer: &Answer, scheme: &str) {
    assert_eq!(answer.status, 401, "{answer:?}");
    let told = answer.header("www-authenticate");
    assert!(told.starts_with(scheme) && told.contains(r#"error="invalid_token""#), "{told}");
    assert_eq!(answer.json()["type"], "urn:aldgate:problem:token-invalid");
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
            assert_refused(&keyed.world.get(path, &[("authorization", bad), ("cookie", &session)]).await, "Bearer ");
        }
    }
    let good = format!("Bearer {}", keyed.token());
    let twice = [("authorization", good.as_str()), ("authorization", good.as_str()), ("cookie", &session)];
    assert_refused(&keyed.world.get("/api/x", &twice).await, "Bearer ");
    let in_query = format!("/api/x?access_token={}", keyed.token());
    let answer = keyed.world.get(&in_query, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, r#"Bearer realm="aldgate""#));
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
        assert_refused(&bearer(&keyed.world, "/api/x", &other).await, "Bearer ");
    }
    assert_refused(&bearer(&keyed.world, "/api/x", &token[..token.len() - 1]).await, "Bearer ");
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
    assert_refused(&bearer(&keyed.world, "/api/x", &token).await, "Bearer ");
}

const URL: &str = "http://localhost:8080/api/x";

#[tokio::test]
async fn a_bound_token_needs_the_proof_of_its_key_and_each_proof_is_good_once_everywhere() {
    let keyed = Keyed::new().await;
    let key = Signer::new("ES256", "c");
    let token = keyed.signer.token(&claims_with(NOW, "cnf", json!({"jkt": key.thumbprint()})));
    let told = bearer(&keyed.world, "/api/x", &token).await;
    assert_refused(&told, "DPoP ");
    assert!(told.header("www-authenticate").contains(r#"algs="ES256 ES384 EdDSA PS256""#));

    let proof = key.proof("GET", URL, &token, "1", NOW);
    assert_eq!(dpop(&keyed.world, &token, &proof).await.status, 200);
    assert_refused(&dpop(&keyed.world, &token, &proof).await, "DPoP ");
    let another = keyed.another().await;
    assert_refused(&dpop(&another, &token, &proof).await, "DPoP ");
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
        assert_refused(&answer, "DPoP ");
    }
    let fresh = key.proof("GET", URL, &token, "9", NOW);
    let shown = format!("DPoP {token}");
    let twice = [("authorization", shown.as_str()), ("dpop", fresh.as_str()), ("dpop", fresh.as_str())];
    assert_refused(&keyed.world.get("/api/x", &twice).await, "DPoP ");
    assert_refused(&keyed.world.get("/api/x", &twice[..1]).await, "DPoP ");
    let unbound = keyed.token();
    assert_refused(&dpop(&keyed.world, &unbound, &key.proof("GET", URL, &unbound, "10", NOW)).await, "DPoP ");
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
    assert_refused(&bearer(&keyed.world, "/api/x", &token).await, "DPoP ");
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
    let (status, _) = revoke::answer(&headers, body.as_bytes(), &keyed.world.state.tokens, NOW).await;
    assert_eq!(status, 200);
    for world in [&another, &keyed.world] {
        assert_refused(&bearer(world, "/api/x", &token).await, "Bearer ");
    }
    let newcomer = keyed.another().await;
    assert_refused(&bearer(&newcomer, "/api/x", &token).await, "Bearer ");
}

#[tokio::test]
async fn a_browser_cannot_revoke_and_what_is_not_acknowledged_is_not_called_revoked() {
    let keyed = Keyed::new().await;
    let tokens = &keyed.world.state.tokens;
    let mut headers = HeaderMap::new();
    assert_eq!(revoke::answer(&headers, b"token=a", tokens, NOW).await.0, 415);
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    assert_eq!(revoke::answer(&headers, b"tokens=a", tokens, NOW).await.0, 400);
    for name in ["origin", "sec-fetch-site", "sec-fetch-mode"] {
        let mut headers = headers.clone();
        headers.insert(name, HeaderValue::from_static("null"));
        assert_eq!(revoke::answer(&headers, b"token=a", tokens, NOW).await.0, 403, "{name}");
    }
    keyed.world.warm.set_down(true);
    assert_eq!(revoke::answer(&headers, b"token=a", tokens, NOW).await.0, 503);
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
        keyed.world.state.tokens.refresh(now).await;
    };
    keyed.world.clock.advance(Duration::from_secs(299));
    refreshed().await;
    assert_eq!(keyed.server.asked(), 1, "not before its time");
    keyed.world.clock.advance(Duration::from_secs(1));
    refreshed().await;
    assert_eq!(keyed.server.asked(), 2);
    assert_refused(&bearer(&keyed.world, "/api/x", &token).await, "Bearer ");
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
        keyed.world.state.tokens.refresh(keyed.world.clock.now()).await;
        assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 200, "the old set serves");
    }
    assert_eq!(keyed.server.asked(), 5);
    keyed.world.clock.advance(STALE_MAX);
    assert_eq!(bearer(&keyed.world, "/api/x", &token).await.status, 503, "but not for ever");
    keyed.server.answer(200, key_set([&keyed.signer]));
    keyed.world.state.tokens.refresh(keyed.world.clock.now()).await;
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
    keyed.server.answer(302, "");
    assert_eq!(bearer(&keyed.world, "/api/x", &keyed.token()).await.status, 503);
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
    assert_refused(&bearer(&world, "/api/x", "opaque").await, "Bearer ");
    assert_refused(&bearer(&world, "/api/x", "opaque").await, "Bearer ");
    assert_eq!(server.asked(), 2, "a refusal is kept for a moment");
    assert_refused(&bearer(&world, "/api/x", "opaqu").await, "Bearer ");
    assert_eq!(server.asked(), 3, "of this token alone");
}

#[tokio::test]
async fn an_opaque_token_is_revoked_by_the_feed_although_its_issuer_still_calls_it_active() {
    let server = IssuerServer::answering(active(&[])).await;
    let (world, _dir) = asking(&server).await;
    assert_eq!(bearer(&world, "/api/x", "opaque").await.status, 200);
    world.warm.revoke_token(&TokenDigest::of(b"opaque"), NOW.plus(Duration::from_hours(1))).await.expect("revoked");
    assert_refused(&bearer(&world, "/api/x", "opaque").await, "Bearer ");
    world.clock.advance(Duration::from_secs(60));
    assert_refused(&bearer(&world, "/api/x", "opaque").await, "Bearer ");
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
    assert_refused(&bearer(&world, "/api/x", "bound").await, "DPoP ");
    assert_eq!(dpop(&world, "bound", &key.proof("GET", URL, "bound", "1", NOW)).await.status, 200);
    server.take(Duration::from_secs(30));
    assert_eq!(bearer(&world, "/api/x", "late").await.status, 503);
}

#[tokio::test]
async fn a_token_in_the_form_of_a_jwt_is_not_asked_about() {
    let server = IssuerServer::answering(active(&[])).await;
    let (world, _dir) = asking(&server).await;
    let forged = Signer::new("ES256", "k").token(&claims_with(NOW, "iss", json!("https://other.example")));
    assert_refused(&bearer(&world, "/api/x", &forged).await, "Bearer ");
    assert_refused(&bearer(&world, "/api/x", "a.b.c").await, "Bearer ");
    assert_eq!(server.asked(), 0);
}
