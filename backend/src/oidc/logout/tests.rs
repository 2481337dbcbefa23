//! Log-outs on a real store, to real listeners: told once where all is well, told in the end where it is not, and never
//! to an address that may not be called.

use super::*;
use crate::deliveries::Deliveries;
use crate::oidc::client::tests::registration;
use crate::oidc::client::{Client as RegisteredClient, PublicKeys, Registration};
use crate::oidc::keys::Rules;
use crate::store::TOLD_FOR;
use crate::store::tests::Home;
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::testing::token_issuer::{Signer, key_set};
use aldgate_core::testing::world::{NOW, master_key};
use aldgate_core::testing::{ManualClock, SeededEntropy};
use aldgate_core::time::Clock as _;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::jws::Compact;
use aldgate_core::token::key_set::KeySet;
use aldgate_core::warm::memory::MemoryWarm;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::post;
use std::net::SocketAddr;
use tokio::task::JoinSet;

const ISSUER: &str = "https://login.example";
const ADA: AccountId = AccountId::from_bytes([1; 16]);

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

/// A client of a profile that is told at an address.
fn told_at(id: &str, profile: &str, uri: &str) -> RegisteredClient {
    let vectors = if profile == "cross-government" { vec!["Cl.Cm".to_owned()] } else { vec!["P0.Cm".to_owned()] };
    let from = Registration {
        profile: Some(profile.into()),
        vectors,
        scopes: vec!["openid".into()],
        backchannel_logout_uri: Some(uri.into()),
        keys: Some(PublicKeys::Set(key_set([&Signer::new("ES256", "key")]).into_bytes())),
        ..registration(id)
    };
    RegisteredClient::register(&from).expect("a client")
}

struct World {
    home: Home,
    clock: Arc<ManualClock>,
    keys: Arc<SigningKeys>,
    registry: Registry,
    reach: Vec<&'static str>,
}

impl World {
    async fn new(reach: &[&'static str], clients: Vec<RegisteredClient>) -> Self {
        let home = Home::new().await;
        let entropy = Arc::new(SeededEntropy::new(7));
        let keys = SigningKeys::new(home.store.clone(), &master_key(), entropy, Rules::default());
        keys.look(NOW).await.expect("looked");
        let registry = Registry::new(clients).expect("clients");
        Self { home, clock: Arc::new(ManualClock::at(NOW)), keys: Arc::new(keys), registry, reach: reach.to_vec() }
    }

    /// A process that tells clients.
    fn process(&self, seed: u64) -> Deliveries {
        let (master, entropy) = (master_key(), Arc::new(SeededEntropy::new(seed)));
        let on = Ground {
            registry: self.registry.clone(),
            subjects: Subjects::of(&master),
            names: SessionNames::of(&master),
            keys: Arc::clone(&self.keys),
            entropy: entropy.clone(),
            issuer: ISSUER.into(),
        };
        let reach = Reach::beyond_public(self.reach.iter().map(|text| text.parse().expect("a network")).collect());
        let warm = Arc::new(MemoryWarm::default());
        let deliverers = deliverers(on, self.home.store.clone(), warm, reach).expect("set up");
        Deliveries::new(self.home.store.clone(), deliverers, self.clock.clone(), entropy)
    }

    async fn note(&self, client: &str, session: u8) {
        let session = SessionId::from_bytes([session; 16]);
        let notice = LogoutNotice { account: ADA, client: client.into(), session };
        self.home.store.deliver_later(LOGOUT, &notice.encode(), NOW, TOLD_FOR).await.expect("noted");
    }

    async fn waiting(&self) -> u64 {
        self.home.store.undelivered().await.expect("read")
    }
}

const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1/128"];

#[tokio::test]
async fn a_client_is_told_once_by_a_token_that_is_nothing_but_a_log_out() {
    let (client, address) = Client::start().await;
    let at = format!("http://localhost:{}/logout", address.port());
    let clients = vec![told_at("rp1", "fapi2", &at), told_at("rp2", "cross-government", &at)];
    let world = World::new(LOOPBACK, clients).await;
    world.note("rp1", 1).await;
    world.note("rp2", 1).await;
    let process = world.process(1);
    assert_eq!(process.deliver_due().await, Ok(2));
    assert_eq!((process.deliver_due().await, world.waiting().await), (Ok(0), 0), "told, and forgotten");
    let told = client.told();
    let ring = world.keys.ring();
    let set = KeySet::parse(ring.document()).expect("a key set");
    assert_eq!(told.len(), 2);
    let names = SessionNames::of(&master_key());
    for token in told {
        let jws = Compact::parse(&token).expect("a compact JWS");
        assert_eq!(jws.kind().as_deref(), Some("logout+jwt"));
        let payload = set.find(jws.key_id()).expect("a key").verify(&jws).expect("verified");
        let claims = Claims::read(payload).expect("claims");
        assert_eq!(claims.text("iss"), Ok(Some(ISSUER)));
        let id = if claims.is_for("rp1") == Ok(true) { "rp1" } else { "rp2" };
        assert_eq!(claims.is_for(id), Ok(true));
        let registered = world.registry.find(id).expect("a client");
        let subject = Subjects::of(&master_key()).name(&registered, &ADA);
        assert_eq!(claims.text("sub"), Ok(Some(subject.as_str())), "as the client knows the person");
        // A department is told whose sessions end, all of them, as at GOV.UK One Login.
        let session = names.name(&SessionId::from_bytes([1; 16]), id);
        assert_eq!(claims.text("sid"), Ok((id == "rp1").then_some(session.as_str())));
        assert_eq!(claims.date("exp").expect("a date"), Some(NOW.plus(Duration::from_mins(2))));
        let event = serde_json::json!({"http://schemas.openid.net/event/backchannel-logout": {}});
        assert_eq!(claims.get("events"), Some(&event));
        assert!(claims.get("nonce").is_none() && claims.text("jti").is_ok_and(|id| id.is_some()));
    }
}

#[tokio::test]
async fn a_client_that_fails_is_tried_again_by_another_token_until_it_has_heard() {
    let (client, address) = Client::start().await;
    let world = World::new(LOOPBACK, vec![told_at("rp", "fapi2", &format!("http://{address}/logout"))]).await;
    world.note("rp", 1).await;
    let process = world.process(1);
    for (tried, status) in
        [StatusCode::INTERNAL_SERVER_ERROR, StatusCode::BAD_REQUEST, StatusCode::FOUND].into_iter().enumerate()
    {
        client.answer(status);
        assert_eq!(process.deliver_due().await, Ok(1), "{status}");
        assert_eq!(client.told().len(), tried + 1, "and no redirection was followed");
        assert_eq!(process.deliver_due().await, Ok(0), "not at once");
        world.clock.advance(Duration::from_mins(1));
    }
    client.answer(StatusCode::OK);
    assert_eq!((process.deliver_due().await, world.waiting().await), (Ok(1), 0));
    let told = client.told();
    assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "each try has a token of its own");
    let exp = |token: &String| {
        let jws = Compact::parse(token).expect("a compact JWS");
        let ring = world.keys.ring();
        let set = KeySet::parse(ring.document()).expect("a key set");
        let payload = set.find(jws.key_id()).expect("a key").verify(&jws).expect("verified");
        Claims::read(payload).expect("claims").date("exp").expect("a date")
    };
    assert_eq!(exp(&told[3]), Some(world.clock.now().plus(Duration::from_mins(2))), "made when it is sent");
}

#[tokio::test]
async fn what_was_noted_outlives_the_process_and_of_several_one_tells() {
    let (client, address) = Client::start().await;
    let world = World::new(LOOPBACK, vec![told_at("rp", "fapi2", &format!("http://{address}/logout"))]).await;
    for session in 0..40 {
        world.note("rp", session).await;
    }
    let rounds = (0..3).map(|seed| {
        let process = world.process(seed);
        async move { process.deliver_due().await }
    });
    let rounds = rounds.collect::<JoinSet<_>>().join_all().await;
    assert!(rounds.iter().all(Result::is_ok), "{rounds:?}");
    assert_eq!((client.told().len(), world.waiting().await), (40, 0), "each once");
}

#[tokio::test]
async fn addresses_that_may_not_be_called_are_not_called() {
    let outbound = Outbound::new(Reach::default()).expect("set up");
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
        let refused = outbound.tell(&target, "x.y.z").await;
        assert_eq!(refused, Err(NotTold::OutOfReach), "{n}: {uri}");
    }
    assert!(client.told().is_empty());
}

#[tokio::test]
async fn a_client_that_is_gone_is_not_waited_for_and_one_that_never_answers_is_given_up_after_a_day() {
    let refusing = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = refusing.local_addr().expect("an address");
    drop(refusing);
    let out_of_use = Registration {
        disabled: true,
        backchannel_logout_uri: Some(format!("http://{address}/logout")),
        ..registration("disabled")
    };
    let clients = vec![
        told_at("rp", "fapi2", &format!("http://{address}/logout")),
        RegisteredClient::register(&out_of_use).expect("a client"),
    ];
    let world = World::new(LOOPBACK, clients).await;
    let process = world.process(1);
    world.note("gone", 1).await;
    world.note("disabled", 1).await;
    assert_eq!((process.deliver_due().await, world.waiting().await), (Ok(2), 0));
    world.note("rp", 1).await;
    while world.clock.now().since(NOW) < TOLD_FOR {
        process.deliver_due().await.expect("a round");
        assert_eq!(world.waiting().await, 1);
        world.clock.advance(Duration::from_hours(1));
    }
    process.deliver_due().await.expect("a round");
    assert_eq!(world.waiting().await, 0);
}

#[tokio::test]
async fn a_client_that_does_not_answer_holds_up_no_other() {
    let (client, address) = Client::start().await;
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let silent = format!("http://{}/logout", hanging.local_addr().expect("an address"));
    let clients =
        vec![told_at("silent", "fapi2", &silent), told_at("rp", "fapi2", &format!("http://{address}/logout"))];
    let world = World::new(LOOPBACK, clients).await;
    for session in 0..100 {
        world.note("silent", session).await;
    }
    world.note("rp", 1).await;
    let round = tokio::time::timeout(outbound::DEADLINE * 3, world.process(1).deliver_due()).await;
    assert_eq!(round.expect("one deadline, not a hundred"), Ok(101));
    assert_eq!((client.told().len(), world.waiting().await), (1, 100));
    drop(hanging);
}
