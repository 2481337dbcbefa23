//! Log-outs on a real store, to real listeners: told once where all is well, told in the end where it is not, and never
//! to an address that may not be called.

use super::*;
use crate::oidc::keys::Rules;
use crate::store::tests::Home;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::world::{NOW, master_key};
use aldgate_core::token::claims::Claims;
use aldgate_core::token::jws::Compact;
use aldgate_core::token::key_set::KeySet;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::post;
use std::collections::HashMap;
use std::net::SocketAddr;

const ISSUER: &str = "https://login.example";

/// A client that notes what it is told and answers with what it is told to.
#[derive(Clone)]
struct Client {
    told: Arc<Mutex<Vec<String>>>,
    status: Arc<Mutex<StatusCode>>,
}

impl Client {
    async fn start() -> (Self, SocketAddr) {
        let client = Self { told: Arc::default(), status: Arc::new(Mutex::new(StatusCode::OK)) };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/logout", post(logout)).with_state(client.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (client, address)
    }

    fn answer(&self, status: StatusCode) {
        *self.status.lock().expect("no panic") = status;
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().expect("no panic").clone()
    }
}

async fn logout(State(client): State<Client>, body: String) -> axum::response::Response {
    let token = body.strip_prefix("logout_token=").expect("a form").to_owned();
    client.told.lock().expect("no panic").push(token);
    let status = *client.status.lock().expect("no panic");
    (status, [(header::LOCATION, "/elsewhere")], "x".repeat(100_000)).into_response()
}

#[derive(Default)]
struct Targets(Mutex<HashMap<String, LogoutTarget>>);

impl Targets {
    fn add(&self, client: &str, uri: &str, algorithm: SigningAlgorithm) {
        let target = LogoutTarget { uri: LogoutUri::parse(uri).expect("an address"), algorithm };
        self.0.lock().expect("no panic").insert(client.into(), target);
    }
}

#[async_trait]
impl LogoutTargets for Targets {
    async fn target(&self, client: &str) -> Option<LogoutTarget> {
        self.0.lock().expect("no panic").get(client).cloned()
    }
}

struct World {
    home: Home,
    targets: Arc<Targets>,
    logouts: Arc<Logouts>,
    keys: Arc<SigningKeys>,
}

impl World {
    async fn new(beyond: &[&str]) -> Self {
        let home = Home::new().await;
        let entropy = Arc::new(SeededEntropy::new(7));
        let keys = SigningKeys::new(home.store.clone(), &master_key(), entropy.clone(), Rules::default());
        keys.look(NOW).await.expect("looked");
        let (keys, targets) = (Arc::new(keys), Arc::new(Targets::default()));
        let networks = beyond.iter().map(|text| text.parse().expect("a network")).collect();
        let logouts = Self::process(&home, &keys, &targets, Reach::beyond_public(networks), entropy);
        Self { home, targets, logouts, keys }
    }

    fn process(
        home: &Home,
        keys: &Arc<SigningKeys>,
        targets: &Arc<Targets>,
        reach: Reach,
        entropy: Arc<SeededEntropy>,
    ) -> Arc<Logouts> {
        let (store, targets) = (home.store.clone(), Arc::clone(targets) as Arc<dyn LogoutTargets>);
        let logouts = Logouts::new(store, Arc::clone(keys), targets, entropy, ISSUER.into(), reach);
        Arc::new(logouts.expect("set up"))
    }

    async fn note(&self, client: &str, session: &str) {
        let notice = self.logouts.notice(client.into(), "ada".into(), session.into(), NOW).expect("a notice");
        self.logouts.note(vec![notice], Vec::new()).await.expect("noted");
    }

    async fn round(&self, now: Timestamp) -> usize {
        Arc::clone(&self.logouts).round(now).await.expect("a round")
    }

    async fn waiting(&self) -> usize {
        self.home.store.due_logouts(NOW.plus(Duration::from_hours(1_000)), 1_000).await.expect("read").len()
    }
}

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

#[tokio::test]
async fn a_client_is_told_once_by_a_token_that_is_nothing_but_a_log_out() {
    let world = World::new(LOOPBACK).await;
    let (client, address) = Client::start().await;
    for (name, algorithm) in [("rp1", SigningAlgorithm::Es256), ("rp2", SigningAlgorithm::Rs512)] {
        world.targets.add(name, &format!("http://localhost:{}/logout", address.port()), algorithm);
        world.note(name, "session-1").await;
    }
    assert_eq!(world.round(NOW).await, 2);
    assert_eq!((world.round(NOW).await, world.waiting().await), (0, 0), "told, and forgotten");
    let told = client.told();
    let ring = world.keys.ring();
    let set = KeySet::parse(ring.document()).expect("a key set");
    assert_eq!(told.len(), 2);
    for token in told {
        let jws = Compact::parse(&token).expect("a compact JWS");
        assert_eq!(jws.kind().as_deref(), Some("logout+jwt"));
        let payload = set.find(jws.key_id()).expect("a key").verify(&jws).expect("verified");
        let claims = Claims::read(payload).expect("claims");
        assert_eq!(claims.text("iss"), Ok(Some(ISSUER)));
        assert_eq!((claims.text("sub"), claims.text("sid")), (Ok(Some("ada")), Ok(Some("session-1"))));
        assert!(claims.is_for("rp1") == Ok(true) || claims.is_for("rp2") == Ok(true));
        assert_eq!(claims.date("exp").expect("a date"), Some(NOW.plus(Duration::from_mins(2))));
        let event = serde_json::json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        assert_eq!(claims.get("events"), Some(&event));
        assert!(claims.get("nonce").is_none() && claims.text("jti").is_ok_and(|id| id.is_some()));
    }
}

#[tokio::test]
async fn a_client_that_fails_is_tried_with_longer_and_longer_pauses_until_it_has_heard() {
    let world = World::new(LOOPBACK).await;
    let (client, address) = Client::start().await;
    world.targets.add("rp", &format!("http://{address}/logout"), SigningAlgorithm::EdDsa);
    world.note("rp", "s").await;
    let mut now = NOW;
    for (tried, status) in
        [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_REQUEST, StatusCode::FOUND].into_iter().enumerate()
    {
        client.answer(status);
        assert_eq!(world.round(now).await, 1, "{status}");
        assert_eq!(client.told().len(), tried + 1, "and no redirection was followed");
        let next = pause(u32::try_from(tried).expect("few"));
        now = now.plus(next);
        assert_eq!(world.round(Timestamp::from_millis(now.as_millis() - 1)).await, 0, "not before {next:?}");
    }
    client.answer(StatusCode::OK);
    assert_eq!((world.round(now).await, world.waiting().await), (1, 0));
    let told = client.told();
    assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "each try has a token of its own");
}

#[tokio::test]
async fn what_was_noted_outlives_the_process_and_of_several_one_tells() {
    let world = World::new(LOOPBACK).await;
    let (client, address) = Client::start().await;
    world.targets.add("rp", &format!("http://{address}/logout"), SigningAlgorithm::EdDsa);
    for session in 0..40 {
        world.note("rp", &session.to_string()).await;
    }
    let reach = || Reach::beyond_public(vec!["127.0.0.0/8".parse().expect("a network")]);
    let processes: Vec<_> = (0..3)
        .map(|seed| {
            World::process(&world.home, &world.keys, &world.targets, reach(), Arc::new(SeededEntropy::new(seed)))
        })
        .collect();
    let rounds = processes.into_iter().map(|process| process.round(NOW));
    let rounds = rounds.collect::<JoinSet<_>>().join_all().await;
    assert!(rounds.iter().all(Result::is_ok), "{rounds:?}");
    assert_eq!((client.told().len(), world.waiting().await), (40, 0), "each once");
}

#[tokio::test]
async fn addresses_that_may_not_be_called_are_not_called() {
    let world = World::new(&[]).await;
    let (client, address) = Client::start().await;
    for (n, uri) in [
        format!("http://{address}/logout"),
        format!("http://localhost:{}/logout", address.port()),
        format!("http://[::ffff:127.0.0.1]:{}/logout", address.port()),
        format!("https://127.0.0.1:{}/logout", address.port()),
    ]
    .iter()
    .enumerate()
    {
        let Ok(target) = LogoutUri::parse(uri) else { continue };
        let refused = world.logouts.outbound.tell(&target, "x.y.z").await;
        assert_eq!(refused, Err(NotTold::OutOfReach), "{n}: {uri}");
    }
    assert!(client.told().is_empty());
}

#[tokio::test]
async fn a_client_that_is_gone_is_not_waited_for_and_one_that_never_answers_is_given_up_after_a_day() {
    let world = World::new(LOOPBACK).await;
    world.note("gone", "s").await;
    assert_eq!((world.round(NOW).await, world.waiting().await), (1, 0));
    let refusing = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = refusing.local_addr().expect("an address");
    drop(refusing);
    world.targets.add("rp", &format!("http://{address}/logout"), SigningAlgorithm::EdDsa);
    world.note("rp", "s").await;
    let mut now = NOW;
    while now.since(NOW) < TRIED_FOR {
        world.round(now).await;
        assert_eq!(world.waiting().await, 1);
        now = now.plus(PAUSE_MAX);
    }
    world.round(now).await;
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_client_that_does_not_answer_holds_up_no_other() {
    let world = World::new(LOOPBACK).await;
    let (client, address) = Client::start().await;
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = format!("http://{}/logout", hanging.local_addr().expect("an address"));
    world.targets.add("silent", &silent, SigningAlgorithm::EdDsa);
    world.targets.add("rp", &format!("http://{address}/logout"), SigningAlgorithm::EdDsa);
    for session in 0..100 {
        world.note("silent", &session.to_string()).await;
    }
    world.note("rp", "s").await;
    let round = tokio::time::timeout(outbound::DEADLINE * 2, Arc::clone(&world.logouts).round(NOW)).await;
    assert_eq!(round.expect("one deadline, not a hundred").expect("a round"), 101);
    assert_eq!((client.told().len(), world.waiting().await), (1, 100));
    drop(hanging);
}

#[test]
fn pauses_grow_to_an_hour() {
    assert_eq!(
        [0, 1, 2, 7, 8, 40, u32::MAX].map(|tried| pause(tried).as_secs()),
        [15, 30, 60, 1_920, 3_600, 3_600, 3_600]
    );
    assert!(PAUSE > outbound::DEADLINE, "no other process takes up what is under way");
}
