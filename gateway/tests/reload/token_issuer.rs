//! The issuers of access tokens change under a running gateway: what is new is believed, what is gone is not, and what is
//! as it was keeps what it knows.

use super::support::http::Answer;
use super::support::instance::{Instance, config};
use super::support::issuer::IssuerServer;
use super::support::world::{World, echo_upstream, received};
use super::{Process, put, upstream};
use aldgate_core::id::TokenDigest;
use aldgate_core::testing::token_issuer::{AUDIENCE, ISSUER, Signer, claims, claims_with, key_set};
use aldgate_core::testing::world::NOW;
use aldgate_core::time::Clock as _;
use aldgate_core::warm::Warm as _;
use aldgate_gateway::clock::SystemClock;
use aldgate_gateway::config::source::Source;
use aldgate_gateway::exchange::Exchange;
use aldgate_gateway::phase::judge::{Judgement, judge};
use aldgate_gateway::reload::{Loaded, Refused, Started, take_over};
use http::Method;
use pingora::http::RequestHeader;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Another issuer.
const SECOND: &str = "https://second.example";

/// The table of an issuer.
fn table(name: &str, keys: &str) -> String {
    format!("[[token_issuer]]\nissuer = \"{name}\"\naudience = \"{AUDIENCE}\"\n{keys}\n")
}

/// The table of one that publishes its keys.
fn published(name: &str, server: &IssuerServer) -> String {
    table(name, &format!("jwks_uri = {:?}", server.url()))
}

/// The table of one whose keys lie in a file.
fn filed(name: &str, path: &Path) -> String {
    table(name, &format!("key_set = {path:?}"))
}

/// The table of one that is asked.
fn asked(name: &str, server: &IssuerServer, secret: &Path) -> String {
    let keys = format!("introspection = {:?}\nclient_id = \"gate\"\nclient_secret = {secret:?}", server.url());
    table(name, &keys)
}

/// A gateway whose configuration is taken over again and again.
struct Reloaded {
    world: World,
    port: u16,
    dir: TempDir,
}

impl Reloaded {
    /// With these tables.
    async fn with(tables: &str) -> Self {
        let (world, port) = (World::new().await, echo_upstream().await);
        let this = Self { world, port, dir: TempDir::new().expect("a directory") };
        this.take(tables).expect("taken over");
        this
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        put(&path, text);
        path
    }

    /// The whole file: a route that takes tokens, and these tables.
    fn text(&self, tables: &str) -> String {
        super::text(&[("echo", self.port)], &[("/api/", "echo", "session")]) + "access_tokens = true\n" + tables
    }

    /// As the watch does with a changed file.
    fn take(&self, tables: &str) -> Result<(), Refused> {
        let started = Started { source: Source::of(super::text(&[], &[])), development: None };
        let loaded = Loaded::of(Source::of(self.text(tables)), &started).map_err(Refused::Faults)?;
        take_over(&self.world.state, &started, loaded)
    }

    async fn show(&self, token: &str) -> Answer {
        self.world.get("/api/x", &[("authorization", &format!("Bearer {token}"))]).await
    }

    async fn status(&self, token: &str) -> u16 {
        self.show(token).await.status.as_u16()
    }

    /// The subject that the service is told.
    async fn subject(&self, token: &str) -> String {
        received(&self.show(token).await)["aldgate-subject"].clone()
    }
}

/// A token of an issuer.
fn token(signer: &Signer, issuer: &str) -> String {
    signer.token(&claims_with(NOW, "iss", json!(issuer)))
}

/// What an issuer says of a token for somebody.
fn active(issuer: &str, subject: &str) -> String {
    let mut answer: Value = claims(NOW);
    answer["active"] = true.into();
    answer["iss"] = issuer.into();
    answer["sub"] = subject.into();
    answer.to_string()
}

#[tokio::test]
async fn a_new_issuer_is_believed_and_a_token_of_a_removed_one_refused_with_the_next_request() {
    let (first, second) = (Signer::new("ES256", "k1"), Signer::new("EdDSA", "k2"));
    let (server, other) =
        (IssuerServer::answering(key_set([&first])).await, IssuerServer::answering(key_set([&second])).await);
    let (its, others) = (token(&first, ISSUER), token(&second, SECOND));
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    assert_eq!((gate.status(&its).await, gate.status(&others).await), (200, 401));
    gate.take(&(published(ISSUER, &server) + &published(SECOND, &other))).expect("taken over");
    assert_eq!((gate.status(&its).await, gate.status(&others).await), (200, 200));
    gate.take(&published(SECOND, &other)).expect("taken over");
    assert_eq!((gate.status(&its).await, gate.status(&others).await), (401, 200));

    gate.world.clock.advance(Duration::from_mins(4));
    gate.world.tokens().refresh(gate.world.clock.now()).await;
    gate.world.clock.advance(Duration::from_secs(59));
    assert_eq!(gate.status(&others).await, 200);
    gate.world.clock.advance(Duration::from_mins(4));
    gate.world.tokens().refresh(gate.world.clock.now()).await;
    assert_eq!((server.asked(), other.asked()), (1, 2), "one that is gone is asked nothing more");
}

#[tokio::test]
async fn an_issuer_that_goes_and_comes_back_has_to_vouch_for_its_tokens_again() {
    let (signer, next) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k1"));
    let server = IssuerServer::answering(key_set([&signer])).await;
    let other = IssuerServer::answering(key_set([&next])).await;
    let (tables, its) = (published(ISSUER, &server), token(&signer, ISSUER));
    let gate = Reloaded::with(&tables).await;
    assert_eq!(gate.status(&its).await, 200);
    gate.take(&published(SECOND, &other)).expect("taken over");
    server.answer(200, key_set([&next]));
    gate.take(&tables).expect("taken over");
    assert_eq!((gate.status(&its).await, gate.status(&token(&next, ISSUER)).await), (401, 200));
}

#[tokio::test]
async fn an_issuer_that_is_as_it_was_is_not_asked_again_wherever_its_table_stands() {
    let (signer, third) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k3"));
    let server = IssuerServer::answering(key_set([&signer])).await;
    let asked_one = IssuerServer::answering(active(SECOND, "bob")).await;
    let gate =
        Reloaded::with("[[token_issuer]]\nissuer = \"a\"\naudience = \"a\"\njwks_uri = \"http://127.0.0.1:1/\"").await;
    let secret = gate.file("secret", "s3cret\n");
    let known = published(ISSUER, &server) + &asked(SECOND, &asked_one, &secret);
    gate.take(&known).expect("taken over");
    let its = token(&signer, ISSUER);
    assert_eq!((gate.status(&its).await, gate.status("opaque").await), (200, 200));
    let keys = gate.file("keys.json", &key_set([&third]));
    for tables in [
        filed("https://third.example", &keys) + &known,
        asked(SECOND, &asked_one, &secret) + &published(ISSUER, &server),
        known + "[[route]]\npath = \"/new/\"\nservice = \"echo\"\naccess = \"public\"\n",
    ] {
        gate.take(&tables).expect("taken over");
        gate.world.warm.set_down(true);
        assert_eq!((gate.status(&its).await, gate.status("opaque").await), (200, 200), "nor is warm asked");
        gate.world.warm.set_down(false);
        let fresh = signer.token(&claims_with(NOW, "jti", json!(tables.len())));
        assert_eq!(gate.status(&fresh).await, 200, "its key set is there");
    }
    assert_eq!(gate.world.get("/new/", &[]).await.status, 200);
    assert_eq!((server.asked(), asked_one.asked()), (1, 1));
}

#[tokio::test]
async fn what_was_verified_for_an_issuer_is_nothing_once_anything_about_it_has_changed() {
    let (signer, next) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k1"));
    let server = IssuerServer::answering(key_set([&signer])).await;
    let other = IssuerServer::answering(key_set([&next])).await;
    let (its, nexts) = (token(&signer, ISSUER), token(&next, ISSUER));
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    assert_eq!((gate.status(&its).await, gate.status(&nexts).await), (200, 401));
    gate.take(&published(ISSUER, &other)).expect("taken over");
    assert_eq!((gate.status(&its).await, gate.status(&nexts).await), (401, 200), "neither good nor bad is kept");
    gate.take(&published(ISSUER, &other).replace(AUDIENCE, "https://elsewhere.example")).expect("taken over");
    assert_eq!(gate.status(&nexts).await, 401, "another audience");
    gate.take(&(published(ISSUER, &other) + "refresh = \"1m\"\n")).expect("taken over");
    assert_eq!((gate.status(&nexts).await, other.asked()), (200, 3), "each of the three has asked for itself");
}

#[tokio::test]
async fn a_service_is_told_at_once_what_the_new_endpoint_says_of_a_token() {
    let (server, other) =
        (IssuerServer::answering(active(ISSUER, "alice")).await, IssuerServer::answering(active(ISSUER, "bob")).await);
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    let secret = gate.file("secret", "s3cret\n");
    gate.take(&asked(ISSUER, &server, &secret)).expect("taken over");
    assert_eq!(gate.subject("opaque").await, "alice");
    gate.take(&asked(ISSUER, &other, &secret)).expect("taken over");
    assert_eq!(gate.subject("opaque").await, "bob");
    other.answer(200, r#"{"active":false}"#);
    assert_eq!(gate.status("dead").await, 401);
    gate.take(&asked(ISSUER, &server, &secret)).expect("taken over");
    assert_eq!(gate.subject("dead").await, "alice", "what one refused a moment ago is for the other to say");
}

#[tokio::test]
async fn an_issuer_is_asked_with_the_secret_that_stands_in_the_file() {
    let server = IssuerServer::answering(active(ISSUER, "alice")).await;
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    let tables = asked(ISSUER, &server, &gate.file("secret", "old\n"));
    let shown = || server.last().0["authorization"].to_str().expect("text").to_owned();
    gate.take(&tables).expect("taken over");
    assert_eq!(gate.status("opaque").await, 200);
    let old = shown();
    gate.file("secret", "new\n");
    gate.take(&tables).expect("taken over");
    assert_eq!((gate.status("opaque").await, server.asked()), (200, 2));
    assert_ne!(shown(), old);
}

#[tokio::test]
async fn an_issuer_whose_file_is_no_good_is_refused_whole_by_its_key() {
    let (signer, third) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k3"));
    let server = IssuerServer::answering(key_set([&signer])).await;
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    let (its, others) = (token(&signer, ISSUER), token(&third, "https://third.example"));
    assert_eq!(gate.status(&its).await, 200);
    let (good, bad) = (gate.file("good.json", &key_set([&third])), gate.file("bad.json", r#"{"keys":[]}"#));
    let empty = gate.file("empty", " \n");
    let tables = [
        filed("https://third.example", &good),
        filed("https://fourth.example", &bad),
        asked(SECOND, &server, &empty),
        "[[route]]\npath = \"/new/\"\nservice = \"echo\"\naccess = \"public\"\n".to_owned(),
    ];
    let Err(Refused::Faults(faults)) = gate.take(&tables.concat()) else { panic!("taken over") };
    let keys: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(keys, ["token_issuer[1].key_set", "token_issuer[2].client_secret"]);
    assert!(faults[1].message.starts_with(&empty.display().to_string()), "{faults:?}");
    assert_eq!((gate.status(&its).await, gate.status(&others).await), (200, 401), "nothing has changed");
    assert_eq!(gate.world.get("/new/", &[]).await.status, 404);
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn issuers_beside_a_key_that_needs_a_restart_are_refused_with_it() {
    let (signer, third) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k3"));
    let server = IssuerServer::answering(key_set([&signer])).await;
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    let keys = gate.file("keys.json", &key_set([&third]));
    let half = filed(SECOND, &keys) + "[session]\nidle = \"10m\"\n";
    assert_eq!(gate.take(&half), Err(Refused::NeedsRestart(vec!["session.idle".into()])));
    assert_eq!((gate.status(&token(&signer, ISSUER)).await, gate.status(&token(&third, SECOND)).await), (200, 401));
}

#[tokio::test]
async fn what_was_revoked_stays_revoked_and_what_comes_later_is_revoked_by_the_feed() {
    let signer = Signer::new("ES256", "k1");
    let server = IssuerServer::answering(key_set([&signer])).await;
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    let revoke = async |token: &str| {
        let ends = NOW.plus(Duration::from_hours(1));
        gate.world.warm.revoke_token(&TokenDigest::of(token.as_bytes()), ends).await.expect("revoked");
    };
    let early = token(&signer, ISSUER);
    assert_eq!(gate.status(&early).await, 200);
    revoke(&early).await;
    for round in 0..3 {
        gate.take(&(published(ISSUER, &server) + &format!("refresh = \"{}m\"\n", 1 + round))).expect("taken over");
        let later = signer.token(&claims_with(NOW, "jti", json!(round)));
        assert_eq!(gate.status(&later).await, 200);
        revoke(&later).await;
        gate.world.warm.set_down(true);
        assert_eq!(
            (gate.status(&later).await, gate.status(&early).await),
            (401, 401),
            "known here, without a question"
        );
        gate.world.warm.set_down(false);
    }
}

#[tokio::test]
async fn a_request_that_began_before_leaves_nothing_behind_that_a_later_one_could_pass_by() {
    let signer = Signer::new("ES256", "k1");
    let server = IssuerServer::answering(key_set([&signer])).await;
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    let its = token(&signer, ISSUER);
    let mut header = RequestHeader::build("GET", b"/api/x", None).expect("a header");
    header.insert_header("authorization", format!("Bearer {its}")).expect("a value");
    let begin = || {
        let mut exchange = Exchange::begin(&gate.world.state);
        exchange.host = "localhost".into();
        exchange
    };
    let before = begin();
    gate.take(&published(SECOND, &server)).expect("taken over");
    assert!(matches!(judge(&header, &before, &gate.world.state).await, Judgement::Pass(_)));
    assert!(matches!(judge(&header, &begin(), &gate.world.state).await, Judgement::Challenge(..)));
    assert!(matches!(judge(&header, &before, &gate.world.state).await, Judgement::Pass(_)), "and it still stands");
}

#[tokio::test]
async fn a_thousand_reloads_leave_nothing_behind() {
    let (signer, third) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k3"));
    let server = IssuerServer::answering(key_set([&signer])).await;
    let gate = Reloaded::with(&published(ISSUER, &server)).await;
    let (its, keys) = (token(&signer, ISSUER), gate.file("keys.json", &key_set([&third])));
    assert_eq!(gate.status(&its).await, 200);
    let kept = || Arc::strong_count(&gate.world.state.kept_tokens);
    let (holders, mut gone) = (kept(), Vec::new());
    for round in 0..1_000 {
        gone.push(Arc::downgrade(&gate.world.state.snapshot.current()));
        let changed = filed(SECOND, &keys) + &format!("refresh = \"{}m\"\n", 1 + round % 2);
        gate.take(&(published(ISSUER, &server) + &changed)).expect("taken over");
    }
    assert_eq!(gone.iter().filter(|generation| generation.upgrade().is_some()).count(), 0);
    assert_eq!(kept(), holders, "the feed knows one follower, and this process one generation");
    assert_eq!((gate.status(&its).await, gate.status(&token(&third, SECOND)).await, server.asked()), (200, 200, 1));
    let ends = NOW.plus(Duration::from_hours(1));
    gate.world.warm.revoke_token(&TokenDigest::of(its.as_bytes()), ends).await.expect("revoked");
    assert_eq!(gate.status(&its).await, 401);
}

#[tokio::test]
async fn the_program_notices_an_issuers_file_and_fetches_what_a_new_issuer_publishes() {
    let (first, next, second) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k1"), Signer::new("ES256", "k2"));
    let (dir, ports) = (Arc::new(TempDir::new().expect("a directory")), super::Ports::free());
    let (keys, port) = (dir.path().join("keys.json"), upstream("one").await);
    put(&keys, &key_set([&first]));
    let with = |tables: &str| {
        let routes = super::routes(port, &["/old/"]).replace("access = \"public\"", "access_tokens = true");
        config(dir.path(), ports, &(routes + tables))
    };
    let instance = Instance::start_as(dir.clone(), ports, &with(&filed(ISSUER, &keys))).await;
    let process = Process { instance, port, file: dir.path().join("aldgate.toml") };
    let show = async |signer: &Signer| {
        let shown = format!("Bearer {}", signer.token(&claims(SystemClock.now())));
        let mut client = process.instance.client();
        client.send(Method::GET, "/old/", &[("authorization", &shown)], "").await.status.as_u16()
    };
    assert_eq!((show(&first).await, show(&next).await), (200, 401));

    put(&keys, &key_set([&next]));
    process.until_metrics_say("aldgate_config_reloads_total{result=\"applied\"} 1").await;
    assert_eq!((show(&first).await, show(&next).await), (401, 200));
    put(&keys, "{");
    process.until_metrics_say("aldgate_config_reloads_total{result=\"refused\"} 1").await;
    let said = process.instance.errors();
    assert!(said.contains("token_issuer[0].key_set: ") && said.contains("keys.json"), "{said}");
    assert_eq!(show(&next).await, 200, "the old one serves on");

    put(&keys, &key_set([&next]));
    let server = IssuerServer::answering(key_set([&second])).await;
    process.write(&with(&(filed(ISSUER, &keys) + &published(SECOND, &server))));
    process.instance.signal("HUP");
    process.until_metrics_say("aldgate_config_last_reload_successful 1").await;
    let fetched = async {
        while server.asked() == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), fetched).await.expect("nobody's request began it");
    assert_eq!(show(&next).await, 200);
}
