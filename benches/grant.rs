//! What the OpenID provider's tokens cost: signing by each algorithm beside ring's raw signature, and the parts of a
//! refresh (the client's assertion verified and used up, the grant's token replaced on SQLite, a new token signed) beside
//! the signature alone.
//!
//! Run with `cargo bench -p aldgate-benches --bench grant`.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has no result")]

use aldgate_backend::model::{Grant, GrantId};
use aldgate_backend::oidc::client_assertion::{AssertionRules, Audience, ClientKeys, UnverifiedAssertion};
use aldgate_backend::oidc::jws::Kind;
use aldgate_backend::oidc::keys::{Rules, SigningAlgorithm, SigningKeys};
use aldgate_backend::store::{Rotation, Store};
use aldgate_backend::warm::embedded::EmbeddedWarm;
use aldgate_core::entropy::Entropy;
use aldgate_core::id::AccountId;
use aldgate_core::testing::token_issuer::{Signer, key_set};
use aldgate_core::testing::{SeededEntropy, world};
use aldgate_core::warm::Warm;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

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
            client: "rp".into(),
            record: vec![0; 40],
            generation: 0,
            created: world::NOW,
            expires: world::NOW.plus(Duration::from_hours(1)),
            revoked: false,
        };
        let _ = self.store.redeem(&grant).await.expect("written");
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

fn refreshing(c: &mut Criterion) {
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
    }
}

criterion_group!(grant_benches, signing, refreshing);
criterion_main!(grant_benches);
