//! What the OpenID provider's tokens cost: signing by each algorithm beside ring's raw signature; the parts of a refresh
//! (the client's assertion verified and used up, the grant's token replaced on SQLite, a new token signed); and the
//! token endpoint's whole answer to a client that asks for itself, all but the socket. The latter two in CPU time of all
//! threads, so that grants a second are those of one core.
//!
//! Run with `cargo bench -p aldgate-benches --bench grant`.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has no result")]

use aldgate_backend::model::telephone::Countries;
use aldgate_backend::model::{Grant, GrantId};
use aldgate_backend::oidc::client::{Client, PublicKeys, Registration};
use aldgate_backend::oidc::client_assertion::{AssertionRules, Audience, ClientKeys, UnverifiedAssertion};
use aldgate_backend::oidc::jws::Kind;
use aldgate_backend::oidc::keys::{Rules, SigningAlgorithm, SigningKeys};
use aldgate_backend::oidc::logout::reach::Reach;
use aldgate_backend::oidc::registry::Registry;
use aldgate_backend::store::{Rotation, Store};
use aldgate_backend::warm::embedded::EmbeddedWarm;
use aldgate_backend::{Backend, Breached, Carrier, Config};
use aldgate_benches::cpu_time::CpuTime;
use aldgate_core::entropy::Entropy;
use aldgate_core::id::AccountId;
use aldgate_core::testing::token_issuer::{Signer, key_set};
use aldgate_core::testing::{ManualClock, SeededEntropy, world};
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_core::warm::Warm;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode};
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use jsonwebtoken::Algorithm;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tower_service::Service as _;

/// The gateway's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ISSUER: &str = "https://login.example";

/// Refreshes that are under way at once: as many as one commit of the store may hold.
const AT_ONCE: usize = 64;

/// The claims of an access token.
fn claims(now: u64) -> Value {
    json!({
        "iss": ISSUER, "aud": ISSUER, "sub": "AQEBAQEBAQEBAQEBAQEBAQ", "client_id": "rp", "iat": now, "exp": now + 300,
        "jti": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ", "scope": "openid profile email", "vot": "P9.Cm",
        "auth_time": now, "token_use": "access", "version": 0,
    })
}

/// A provider's parts, and a client that proves itself by one algorithm.
struct World {
    store: Store,
    warm: EmbeddedWarm,
    keys: SigningKeys,
    client: Signer,
    client_keys: ClientKeys,
    algorithms: [Algorithm; 1],
    entropy: SeededEntropy,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(client: &'static str, algorithm: Algorithm) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (master, entropy) = (world::master_key(), Arc::new(SeededEntropy::new(1)));
        let store = Store::open(&folder.path().join("aldgate.db"), &master, entropy.clone()).await.expect("a store");
        let keys = SigningKeys::new(store.clone(), &master, entropy, Rules::default());
        keys.look(world::NOW).await.expect("keys");
        let client = Signer::new(client, "k");
        let client_keys = ClientKeys::from_jwks(key_set([&client]).as_bytes(), None).expect("a key set");
        let (warm, entropy) = (EmbeddedWarm::new(store.clone()), SeededEntropy::new(2));
        Self { store, warm, keys, client, client_keys, algorithms: [algorithm], entropy, _folder: folder }
    }

    /// A grant that stands, and an assertion of its client's.
    async fn prepare(&self) -> (Grant, String) {
        let id: [u8; 16] = (&self.entropy as &dyn Entropy).bytes().expect("random");
        let grant = Grant {
            id: GrantId::from_bytes(id),
            account: AccountId::from_bytes([1; 16]),
            session: None,
            client: "rp".into(),
            record: vec![0; 40],
            generation: 0,
            created: world::NOW,
            expires: world::NOW.plus(Duration::from_hours(1)),
            revoked: false,
        };
        let _ = self.store.redeem(&grant, None).await.expect("written");
        let expires = world::NOW.as_secs() + 60;
        let claims = json!({"iss": "rp", "sub": "rp", "aud": ISSUER, "exp": expires, "jti": format!("{id:?}")});
        let header = json!({"alg": self.client.algorithm, "kid": "k"});
        (grant, self.client.sign(header.to_string(), claims.to_string()))
    }

    async fn refresh(&self, grant: &Grant, assertion: &str, signing: SigningAlgorithm) -> String {
        let now = world::NOW;
        let life_max = Duration::from_hours(1);
        let rules = AssertionRules { algorithms: &self.algorithms, audience: Audience::Only(ISSUER), life_max };
        let unverified = UnverifiedAssertion::parse(assertion).expect("an assertion");
        let unspent = unverified.verify(&self.client_keys, rules, now).expect("verified");
        let proven = unspent.spend(&self.warm as &dyn Warm).await.expect("warm").expect("unused");
        let rotated = self.store.rotate(grant, 0, grant.expires, now).await.expect("written");
        assert_eq!((rotated, proven.client_id()), (Rotation::Rotated, "rp"));
        self.keys.sign(signing, Kind::Jwt, &claims(now.as_secs()), now).expect("signed")
    }
}

fn signing(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::new("ES256", Algorithm::ES256));
    let claims = claims(world::NOW.as_secs());
    for (algorithm, raw) in [
        (SigningAlgorithm::Es256, "ES256"),
        (SigningAlgorithm::EdDsa, "EdDSA"),
        (SigningAlgorithm::Rs512, "RS512"),
        (SigningAlgorithm::Ps256, "PS256"),
    ] {
        c.bench_function(&format!("token/{algorithm}"), |b| {
            b.iter(|| world.keys.sign(algorithm, Kind::Jwt, black_box(&claims), world::NOW).expect("signed"));
        });
        let (signer, message) = (Signer::new(raw, "k"), [b'x'; 600]);
        c.bench_function(&format!("floor/{algorithm} by ring alone"), |b| {
            b.iter(|| signer.signature(black_box(&message)));
        });
    }
}

/// The floor of each group: as many signatures as grants, by ring alone, on the same threads and in the same measure.
fn signatures_alone(group: &mut BenchmarkGroup<'_, CpuTime>, runtime: &Runtime, algorithm: &'static str) {
    let signer = Arc::new(Signer::new(algorithm, "k"));
    group.bench_function(format!("{algorithm}, the signatures alone"), |b| {
        b.iter(|| {
            let signed = (0..AT_ONCE).map(|_| {
                let signer = Arc::clone(&signer);
                async move { signer.signature(black_box(&[b'x'; 600])) }
            });
            runtime.block_on(async { signed.collect::<JoinSet<_>>().join_all().await })
        });
    });
}

fn refreshing(c: &mut Criterion<CpuTime>) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = c.benchmark_group("refresh");
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    for (client, algorithm, signing) in
        [("ES256", Algorithm::ES256, SigningAlgorithm::Es256), ("RS512", Algorithm::RS512, SigningAlgorithm::Rs512)]
    {
        let world = Arc::new(runtime.block_on(World::new(client, algorithm)));
        let prepare = || {
            runtime.block_on(async {
                let mut all = Vec::with_capacity(AT_ONCE);
                for _ in 0..AT_ONCE {
                    all.push(world.prepare().await);
                }
                all
            })
        };
        let refresh_all = |all: Vec<(Grant, String)>| {
            let refreshes = all.into_iter().map(|(grant, assertion)| {
                let world = Arc::clone(&world);
                async move { world.refresh(&grant, &assertion, signing).await }
            });
            runtime.block_on(async { refreshes.collect::<JoinSet<_>>().join_all().await })
        };
        group.bench_function(client, |b| b.iter_batched(prepare, refresh_all, BatchSize::PerIteration));
        signatures_alone(&mut group, &runtime, client);
    }
}

/// The whole backend, and a client that may ask for itself.
struct Endpoint {
    router: axum::Router,
    client: Signer,
    entropy: SeededEntropy,
    _folder: tempfile::TempDir,
}

impl Endpoint {
    async fn new(algorithm: &'static str, profile: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (master, entropy) = (Arc::new(world::master_key()), Arc::new(SeededEntropy::new(1)));
        let store = Store::open(&folder.path().join("aldgate.db"), &master, entropy.clone()).await.expect("a store");
        let client = Signer::new(algorithm, "k");
        let registration = Registration {
            id: "rp".into(),
            name: "Machine".into(),
            profile: Some(profile.into()),
            redirect_uris: vec!["https://rp.example/cb".into()],
            scopes: vec!["openid".into()],
            vectors: vec![if profile == "nhs" { "P0.Cm" } else { "Cl.Cm" }.into()],
            machine_scopes: vec!["read".into()],
            keys: Some(PublicKeys::Set(key_set([&client]).into_bytes())),
            ..Registration::default()
        };
        let clients = Registry::new([Client::register(&registration).expect("a client")]).expect("one");
        let gate = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
        let config = Config {
            relying_party: world::relying_party(),
            lifetimes: world::LIFETIMES,
            origins: vec!["http://localhost:8080".into()],
            issuer: ISSUER.into(),
            login_host: "login.example".into(),
            key_set: SigningKey::from_pkcs8(gate.as_ref()).expect("a key").key_set(),
            outbox: folder.path().join("outbox"),
            email: Carrier::Outbox,
            text: Carrier::Outbox,
            voice: Carrier::Outbox,
            countries: Countries::default(),
            argon2_threads: 1,
            password_alone_chars_min: 15,
            breached: Arc::new(Breached::bundled().expect("a filter")),
            models: None,
            clients,
            signing_keys: Rules::default(),
            mutual_tls: false,
            reach: Reach::default(),
        };
        let (warm, clock) = (Arc::new(EmbeddedWarm::new(store.clone())), Arc::new(ManualClock::at(world::NOW)));
        let backend = Backend::new(config, store, warm, master, clock, entropy, None).expect("a backend");
        backend.prepare().await;
        // As it is served: its routes made once, not for each request.
        Self { router: backend.router().with_state(()), client, entropy: SeededEntropy::new(2), _folder: folder }
    }

    fn assertion(&self) -> String {
        let id: [u8; 16] = (&self.entropy as &dyn Entropy).bytes().expect("random");
        let expires = world::NOW.as_secs() + 60;
        let claims = json!({"iss": "rp", "sub": "rp", "aud": ISSUER, "exp": expires, "jti": format!("{id:?}")});
        self.client.sign(json!({"alg": self.client.algorithm, "kid": "k"}).to_string(), claims.to_string())
    }

    async fn ask(&self, assertion: String) -> StatusCode {
        let form = format!(
            "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A\
             jwt-bearer&client_assertion={assertion}"
        );
        let request = Request::post("/token").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = request.body(Body::from(form)).expect("a request");
        self.router.clone().call(request).await.map(|answer| answer.status()).expect("an answer")
    }
}

fn machines(c: &mut Criterion<CpuTime>) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = c.benchmark_group("client credentials");
    group.throughput(Throughput::Elements(AT_ONCE as u64));
    for (algorithm, profile) in [("ES256", "cross-government"), ("RS512", "nhs")] {
        let endpoint = Arc::new(runtime.block_on(Endpoint::new(algorithm, profile)));
        let prepare = || (0..AT_ONCE).map(|_| endpoint.assertion()).collect::<Vec<_>>();
        let ask_all = |all: Vec<String>| {
            let asked = all.into_iter().map(|assertion| {
                let endpoint = Arc::clone(&endpoint);
                async move { assert_eq!(endpoint.ask(assertion).await, StatusCode::OK) }
            });
            runtime.block_on(async { asked.collect::<JoinSet<_>>().join_all().await })
        };
        group.bench_function(algorithm, |b| b.iter_batched(prepare, ask_all, BatchSize::PerIteration));
        signatures_alone(&mut group, &runtime, algorithm);
    }
}

criterion_group!(signatures, signing);
criterion_group! {
    name = grants;
    config = Criterion::default().with_measurement(CpuTime).sample_size(30);
    targets = refreshing, machines
}
criterion_main!(signatures, grants);
