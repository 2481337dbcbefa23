//! Registering clients on a real store: who may, for what, once; and a client that is put out of use is out of use for
//! every process, after a restart too.

use super::*;
use crate::herald::Herald;
use crate::oidc::Ground;
use crate::oidc::authorize::Next;
use crate::oidc::client::ConsentRefused;
use crate::oidc::client::tests::registration;
use crate::oidc::keys::{Rules, SigningKeys};
use crate::oidc::logout::reach::Reach;
use crate::oidc::registry::Registry;
use crate::store::Store;
use crate::store::tests::Home;
use aldgate_core::testing::SeededEntropy;
use aldgate_core::testing::token_issuer::{Signer, key_set};
use aldgate_core::testing::world::{NOW, master_key};
use aldgate_core::token::family;
use aldgate_core::warm::Warm;
use aldgate_core::warm::memory::MemoryWarm;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A provider with one client of the configuration, `configured`.
pub(crate) fn provider(store: Store, warm: Arc<dyn Warm>, seed: u64) -> Provider {
    let from = crate::oidc::client::Registration {
        backchannel_logout_uri: Some("https://configured.example/logout".into()),
        ..registration("configured")
    };
    let client = Client::register(&from).expect("a client");
    let (master, entropy) = (Arc::new(master_key()), Arc::new(SeededEntropy::new(seed)));
    let keys = SigningKeys::new(store.clone(), &master, entropy.clone(), Rules::default());
    let ground = Ground {
        issuer: "https://login.example".into(),
        host: "login.example".into(),
        registry: Registry::new([client]).expect("one"),
        herald: Arc::new(Herald::new(store.clone(), warm.clone())),
        store,
        warm,
        keys: Arc::new(keys),
        mutual_tls: false,
        reach: Reach::default(),
        entropy,
    };
    Provider::new(ground, &master).expect("set up")
}

struct World {
    home: Home,
    warm: Arc<MemoryWarm>,
    provider: Provider,
}

impl World {
    async fn new() -> Self {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let provider = provider(home.store.clone(), warm.clone(), 1);
        Self { home, warm, provider }
    }

    /// Another process, or this one after a restart.
    async fn other(&self) -> Provider {
        let other = provider(self.home.store.clone(), self.warm.clone(), 2);
        other.registry.look(&self.home.store).await.expect("looked");
        other
    }

    fn invite(&self) -> String {
        let vectors = ["P0.Cp", "P9.Cm"].map(str::to_owned).to_vec();
        let invitation = Invitation { scope: "openid email".into(), vectors, ..Invitation::default() };
        self.provider.invite(&invitation, NOW).expect("a token")
    }
}

fn metadata() -> Metadata {
    let jwks = serde_json::from_str(&key_set([&Signer::new("RS512", "k")])).expect("JSON");
    Metadata {
        client_name: "Appointments".into(),
        redirect_uris: vec!["https://rp.example/cb".into()],
        scope: "openid".into(),
        jwks: Some(jwks),
        vectors: vec!["P9.Cm".into()],
        ..Metadata::default()
    }
}

fn refusal<T: std::fmt::Debug>(result: Registered<T>) -> RegistrationRefused {
    match result {
        Err(NotDone::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

/// The parts of the metadata that are refused.
fn fields<T: std::fmt::Debug>(result: Registered<T>) -> Vec<&'static str> {
    match refusal(result) {
        RegistrationRefused::Metadata(faults) => faults.iter().map(|fault| fault.field).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_client_registers_itself_once_with_a_token_and_every_process_knows_it() {
    let world = World::new().await;
    let token = world.invite();
    let registered = world.provider.register_itself(&token, metadata(), NOW).await.expect("registered");
    let id = registered.id.as_str();
    let client = world.provider.registry.in_use(id).expect("known at once");
    assert_eq!(client.name(), "Appointments");
    assert!(world.other().await.registry.in_use(id).is_some());
    let again = world.provider.register_itself(&token, metadata(), NOW).await;
    assert_eq!(refusal(again), RegistrationRefused::InvalidToken, "a token is good once");
}

#[tokio::test]
async fn a_client_says_how_it_signs_its_requests_by_an_algorithm_of_its_profile() {
    let world = World::new().await;
    let token = world.invite();
    let signing = |algorithm: &str| Metadata {
        request_object_signing_alg: Some(algorithm.into()),
        require_signed_request_object: true,
        ..metadata()
    };
    for bad in ["none", "HS256", "ES256", ""] {
        let refused = world.provider.register_itself(&token, signing(bad), NOW).await;
        assert_eq!(fields(refused), ["request_object_signing_alg"], "{bad}");
    }
    let odd = Metadata { consent_refused: Some("server_error".into()), ..metadata() };
    assert_eq!(fields(world.provider.register_itself(&token, odd, NOW).await), ["consent_refused"]);
    let good = Metadata { consent_refused: Some("consent_required".into()), ..signing("RS512") };
    let registered = world.provider.register_itself(&token, good, NOW).await.expect("registered");
    let client = world.other().await.registry.in_use(registered.id.as_str()).expect("kept");
    assert!(client.request_objects().are_required());
    assert_eq!(client.consent_refused(), ConsentRefused::ConsentRequired);
}

#[tokio::test]
async fn of_many_who_use_one_token_at_once_one_registers() {
    let world = World::new().await;
    let (token, provider) = (world.invite(), Arc::new(world.provider));
    let tries = (0..20).map(|_| {
        let (token, provider) = (token.clone(), Arc::clone(&provider));
        async move { provider.register_itself(&token, metadata(), NOW).await.is_ok() }
    });
    let registered = tries.collect::<tokio::task::JoinSet<_>>().join_all().await;
    assert_eq!(registered.into_iter().filter(|one| *one).count(), 1);
}

#[tokio::test]
async fn without_a_good_token_nobody_registers() {
    let world = World::new().await;
    let token = world.invite();
    for bad in ["", "x", &token[1..], &format!("{token}A")] {
        let refused = world.provider.register_itself(bad, metadata(), NOW).await;
        assert_eq!(refusal(refused), RegistrationRefused::InvalidToken, "{bad:.20}");
    }
    let late = NOW.plus(Duration::from_hours(24));
    assert_eq!(
        refusal(world.provider.register_itself(&token, metadata(), late).await),
        RegistrationRefused::InvalidToken
    );
    assert_eq!(world.provider.clients().len(), 1, "the one of the configuration");
}

#[tokio::test]
async fn a_client_gets_no_more_than_its_invitation_and_is_told_all_that_is_wrong() {
    let world = World::new().await;
    let token = world.invite();
    let register = |asked: Metadata| world.provider.register_itself(&token, asked, NOW);
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let beyond = Metadata {
        profile: Some("nhs".into()),
        scope: "openid profile".into(),
        vectors: texts(&["P0.Cm"]),
        sso_from: texts(&["configured"]),
        sector: Some("other.example".into()),
        machine_scopes: texts(&["x"]),
        resource_server: true,
        resources: texts(&["https://api.example"]),
        serves: texts(&["https://api.example"]),
        exchange_for: texts(&["https://api.example"]),
        ..metadata()
    };
    assert_eq!(
        fields(register(beyond).await),
        [
            "profile",
            "sso_from",
            "sector",
            "machine_scopes",
            "resource_server",
            "resources",
            "serves",
            "exchange_for",
            "scope",
            "vectors"
        ]
    );
    let unsupported = Metadata {
        token_endpoint_auth_method: Some("client_secret_basic".into()),
        id_token_signed_response_alg: Some("none".into()),
        grant_types: Some(texts(&["implicit"])),
        response_types: Some(texts(&["code", "token"])),
        jwks_uri: Some("https://rp.example/jwks".into()),
        redirect_uris: texts(&["http://rp.example/cb"]),
        backchannel_logout_uri: Some("http://169.254.169.254/".into()),
        jwks: None,
        ..metadata()
    };
    let expected = [
        "token_endpoint_auth_method",
        "grant_types",
        "response_types",
        "jwks_uri",
        "redirect_uris",
        "keys",
        "backchannel_logout_uri",
        "id_token_signed_response_alg",
    ];
    assert_eq!(fields(register(unsupported).await), expected);
    let unsaid = Metadata { scope: String::new(), vectors: Vec::new(), ..metadata() };
    let registered = register(unsaid).await.expect("a refusal uses no token up");
    assert_eq!((registered.metadata.scope.as_str(), registered.metadata.vectors.len()), ("openid email", 2));
}

#[tokio::test]
async fn a_client_looks_after_its_own_registration_and_no_others() {
    let world = World::new().await;
    let register = || async {
        let token = world.invite();
        world.provider.register_itself(&token, metadata(), NOW).await.expect("registered")
    };
    let (mine, other) = (register().await, register().await);
    let id = mine.id.as_str();
    let read = world.provider.own_registration(id, &mine.token).await.expect("read");
    assert_eq!((read.metadata, read.created), (metadata(), NOW));
    for token in [other.token.as_str(), "", "x"] {
        assert_eq!(refusal(world.provider.own_registration(id, token).await), RegistrationRefused::InvalidToken);
        let changed = world.provider.change_own_registration(id, token, metadata(), NOW).await;
        assert_eq!(refusal(changed), RegistrationRefused::InvalidToken);
        assert_eq!(
            refusal(world.provider.remove_own_registration(id, token, NOW).await),
            RegistrationRefused::InvalidToken
        );
    }
    assert_eq!(
        refusal(world.provider.own_registration("configured", &mine.token).await),
        RegistrationRefused::InvalidToken
    );
    let renamed = Metadata { client_name: "Letters".into(), ..metadata() };
    let mine = world.provider.change_own_registration(id, &mine.token, renamed, NOW).await.expect("changed");
    assert_eq!(world.provider.registry.find(id).expect("a client").name(), "Letters");
    assert_eq!(world.other().await.registry.find(id).expect("a client").name(), "Letters");
    let more = Metadata { scope: "openid email".into(), ..metadata() };
    assert_eq!(fields(world.provider.change_own_registration(id, &mine.token, more, NOW).await), ["scope"]);
    world.provider.remove_own_registration(id, &mine.token, NOW).await.expect("removed");
    assert!(world.provider.registry.find(id).is_none() && world.other().await.registry.find(id).is_none());
    assert_eq!(refusal(world.provider.own_registration(id, &mine.token).await), RegistrationRefused::InvalidToken);
    assert!(world.provider.registry.find(other.id.as_str()).is_some());
}

#[tokio::test]
async fn of_many_who_change_a_client_by_one_token_one_does_and_has_the_next_token() {
    let world = World::new().await;
    let own = world.provider.register_itself(&world.invite(), metadata(), NOW).await.expect("registered");
    let (id, provider) = (own.id.to_string(), Arc::new(world.provider));
    let changes = (0..10).map(|n| {
        let (provider, id, token) = (Arc::clone(&provider), id.clone(), own.token.clone());
        let metadata = Metadata { client_name: format!("Letters {n}"), ..metadata() };
        async move { provider.change_own_registration(&id, &token, metadata, NOW).await.ok() }
    });
    let changed = changes.collect::<tokio::task::JoinSet<_>>().join_all().await;
    let [won] = &changed.into_iter().flatten().collect::<Vec<_>>()[..] else { panic!("not one") };
    assert_eq!(provider.registry.find(&id).expect("a client").name(), won.metadata.client_name);
    assert_eq!(refusal(provider.own_registration(&id, &own.token).await), RegistrationRefused::InvalidToken);
    assert_eq!(provider.own_registration(&id, &won.token).await.expect("read").metadata, won.metadata);
    for disabled in [true, false] {
        provider.set_disabled(&id, disabled, NOW).await.expect("set");
        assert_eq!(refusal(provider.own_registration(&id, &won.token).await), RegistrationRefused::InvalidToken);
    }
}

#[tokio::test]
async fn a_client_cannot_move_into_another_departments_sector() {
    let world = World::new().await;
    let invited = |profile: &str, sector: Option<&str>| {
        let vectors = vec![if profile == "nhs" { "P9.Cm" } else { "Cl.Cm" }.to_owned()];
        let (profile, sector) = (Some(profile.to_owned()), sector.map(str::to_owned));
        let invitation = Invitation { profile, scope: "openid".into(), vectors, sector };
        world.provider.invite(&invitation, NOW).expect("a token")
    };
    let at = |uri: &str| Metadata { redirect_uris: vec![uri.into()], vectors: Vec::new(), ..metadata() };
    let register =
        async |token: String, uri| world.provider.register_itself(&token, at(uri), NOW).await.expect("registered");
    let change = |of: &Registration, asked: Metadata| {
        let (id, token) = (of.id.to_string(), of.token.clone());
        let provider = &world.provider;
        async move { provider.change_own_registration(&id, &token, asked, NOW).await }
    };
    let sector =
        |of: &Registration| world.provider.registry.find(of.id.as_str()).expect("a client").sector().to_owned();
    let cars = register(invited("cross-government", None), "https://cars.example/cb").await;
    assert_eq!(fields(change(&cars, at("https://tax.example/cb")).await), ["redirect_uris"]);
    assert_eq!(sector(&cars), "cars.example");
    let moved = Metadata { sector: Some("tax.example".into()), ..at("https://cars.example/cb") };
    assert_eq!(fields(change(&cars, moved).await), ["sector"]);
    assert!(change(&cars, at("https://cars.example/other")).await.is_ok());
    // An administrator chooses; the client may repeat that, as whoever changes a registration must (RFC 7592, section 2.2).
    let boats = register(invited("cross-government", Some("cars.example")), "https://boats.example/cb").await;
    assert_eq!(sector(&boats), "cars.example");
    let same = Metadata { sector: Some("cars.example".into()), ..at("https://boats.example/other") };
    assert!(change(&boats, same).await.is_ok());
    assert_eq!(sector(&boats), "cars.example");
    // Or in the words of OpenID Connect (Core, section 8.1), of which an administrator alone is believed.
    let by_uri = |uri: &str| Metadata {
        profile: Some("cross-government".into()),
        sector_identifier_uri: Some(uri.into()),
        redirect_uris: vec!["https://vans.example/cb".into(), "https://lorries.example/cb".into()],
        vectors: vec!["Cl.Cm".into()],
        ..metadata()
    };
    world.provider.register("vans", &by_uri("https://cars.example/sector.json"), NOW).await.expect("registered");
    assert_eq!(world.provider.registry.find("vans").expect("a client").sector(), "cars.example");
    for bad in
        ["http://cars.example/", "https://user@cars.example/", "cars.example", "https://CARS.example/", "https:///x"]
    {
        let refused = fields(world.provider.register("bad", &by_uri(bad), NOW).await);
        assert_eq!(refused[0], "sector_identifier_uri", "{bad}");
    }
    let two = Metadata { sector: Some("tax.example".into()), ..by_uri("https://cars.example/") };
    assert_eq!(fields(world.provider.register("two", &two, NOW).await), ["sector_identifier_uri"]);
    let itself =
        Metadata { sector_identifier_uri: Some("https://tax.example/".into()), ..at("https://cars.example/cb") };
    assert_eq!(
        fields(world.provider.register_itself(&invited("cross-government", None), itself, NOW).await),
        ["sector_identifier_uri"]
    );
    // Where everybody has one name, a host is no more than a host.
    let letters = register(invited("nhs", None), "https://letters.example/cb").await;
    assert!(change(&letters, at("https://post.example/cb")).await.is_ok());
}

#[tokio::test]
async fn a_disabled_client_is_out_of_use_at_once_everywhere_and_after_a_restart() {
    let world = World::new().await;
    let token = world.invite();
    let own = world.provider.register_itself(&token, metadata(), NOW).await.expect("registered");
    let asks = |provider: &Provider, id: &str| {
        let client = provider.registry.find(id).expect("a client");
        let uri = if id == "configured" { "https://configured.example/cb" } else { "https://rp.example/cb" };
        let pairs = [("client_id", client.id().as_str()), ("redirect_uri", uri), ("response_type", "code")];
        let more = [("scope", "openid"), ("state", "s"), ("nonce", "n"), ("vtr", r#"["P9.Cm"]"#)];
        let pairs = pairs.into_iter().chain(more).map(|(name, value)| (name.into(), value.into()));
        crate::oidc::parameters::Parameters::read(pairs.collect::<Vec<_>>()).expect("parameters")
    };
    for id in ["configured", own.id.as_str()] {
        let parameters = asks(&world.provider, id);
        let good = world.provider.begin(&parameters, None, true, NOW).await.expect("led");
        assert!(matches!(good, Next::SignIn(..)), "{id}: {good:?}");
        let running = world.other().await;
        assert!(running.registry.in_use(id).is_some(), "{id}");
        world.provider.set_disabled(id, true, NOW).await.expect("disabled");
        assert!(world.provider.registry.in_use(id).is_none() && world.provider.registry.find(id).is_some(), "{id}");
        // Nobody is sent to sign in for it, and no code is given.
        match world.provider.begin(&parameters, None, true, NOW).await.expect("led") {
            Next::Leave(address) => assert!(address.contains("error=unauthorized_client"), "{id}: {address}"),
            other => panic!("{id}: {other:?}"),
        }
        running.registry.look(&world.home.store).await.expect("looked");
        assert!(running.registry.in_use(id).is_none(), "{id}: another process, a look later");
        assert!(world.other().await.registry.in_use(id).is_none(), "{id}: after a restart");
    }
    let changed = world.provider.change_own_registration(own.id.as_str(), &own.token, metadata(), NOW).await;
    assert_eq!(refusal(changed), RegistrationRefused::InvalidToken, "nor does it change its registration");
    let standing: Vec<_> = world.provider.clients().iter().map(|one| (one.configured, one.disabled)).collect();
    assert_eq!((standing.len(), standing.iter().all(|(_, disabled)| *disabled)), (2, true));
    for id in ["configured", own.id.as_str()] {
        world.provider.set_disabled(id, false, NOW).await.expect("enabled");
        assert!(world.provider.registry.in_use(id).is_some() && world.other().await.registry.in_use(id).is_some());
    }
    assert_eq!(refusal(world.provider.set_disabled("nobody", true, NOW).await), RegistrationRefused::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_look_that_began_before_puts_no_client_back_into_use() {
    let world = World::new().await;
    let provider = Arc::new(world.provider);
    let looking: Vec<_> = (0..8)
        .map(|_| {
            let (provider, store) = (Arc::clone(&provider), world.home.store.clone());
            tokio::spawn(async move {
                loop {
                    provider.registry.look(&store).await.expect("looked");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 0..200 {
        for disabled in [true, false] {
            provider.set_disabled("configured", disabled, NOW).await.expect("written");
            for _ in 0..20 {
                assert_eq!(provider.registry.in_use("configured").is_none(), disabled, "{round}");
                tokio::task::yield_now().await;
            }
        }
    }
    looking.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn an_administrator_registers_clients_under_names_that_are_free() {
    let world = World::new().await;
    world.provider.register("letters", &metadata(), NOW).await.expect("registered");
    assert!(world.other().await.registry.in_use("letters").is_some());
    for taken in ["letters", "configured"] {
        assert_eq!(refusal(world.provider.register(taken, &metadata(), NOW).await), RegistrationRefused::Taken);
    }
    assert_eq!(fields(world.provider.register("a b", &metadata(), NOW).await), ["id"]);
    // What an administrator has disabled in the configuration's place is no client of the store's.
    world.provider.set_disabled("configured", true, NOW).await.expect("disabled");
    assert_eq!(refusal(world.provider.register("configured", &metadata(), NOW).await), RegistrationRefused::Taken);
}

/// Whether the access tokens of a client's last minutes have ended in every gateway.
async fn tokens_have_ended(world: &World, id: &str) -> bool {
    let mut ended = Vec::new();
    for digest in family::all_of_client(id, NOW) {
        ended.push(world.warm.token_revoked(&digest).await.expect("warm"));
    }
    assert!(ended.iter().all(|one| *one == ended[0]), "{ended:?}");
    ended[0]
}

#[tokio::test]
async fn an_administrator_changes_a_client_and_what_is_taken_from_it_ends_at_once() {
    let world = World::new().await;
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let whole = Metadata { scope: "openid email".into(), vectors: texts(&["P0.Cm", "P9.Cm"]), ..metadata() };
    world.provider.register("letters", &whole, NOW).await.expect("registered");
    let read = world.provider.client("letters").await.expect("read");
    let (stored, kept) = read.stored.expect("registered while it runs");
    assert_eq!((kept, stored.revision, read.listed.configured), (whole.clone(), 0, false));

    let renamed = Metadata { client_name: "Post".into(), sso_from: texts(&["configured"]), ..whole.clone() };
    world.provider.change("letters", &renamed, Some(0), NOW).await.expect("changed");
    let client = world.other().await.registry.in_use("letters").expect("a client");
    assert_eq!((client.name(), client.continues(&ClientId::parse("configured").expect("a name"))), ("Post", true));
    assert!(!tokens_have_ended(&world, "letters").await, "nothing was taken from it");

    let narrow = Metadata { scope: "openid".into(), ..renamed.clone() };
    assert_eq!(
        refusal(world.provider.change("letters", &narrow, Some(0), NOW).await),
        RegistrationRefused::Overtaken,
        "whoever has read an older one does not undo what was done since"
    );
    world.provider.change("letters", &narrow, None, NOW).await.expect("changed");
    assert!(tokens_have_ended(&world, "letters").await);
    assert!(!tokens_have_ended(&world, "configured").await);
    let before = world.provider.client("letters").await.expect("read").stored.expect("registered").0.revision;
    for bad in [
        Metadata { redirect_uris: texts(&["http://rp.example/cb"]), ..whole.clone() },
        Metadata { jwks_uri: Some("https://rp.example/jwks".into()), ..whole.clone() },
        Metadata { vectors: Vec::new(), ..whole.clone() },
    ] {
        assert_eq!(fields(world.provider.change("letters", &bad, None, NOW).await).len(), 1);
    }
    let after = world.provider.client("letters").await.expect("read").stored.expect("registered").0.revision;
    assert_eq!(before, after, "what is wrong changes nothing");
    assert_eq!(refusal(world.provider.change("nobody", &whole, None, NOW).await), RegistrationRefused::NotFound);
}

#[tokio::test]
async fn the_configuration_alone_changes_what_it_names() {
    let world = World::new().await;
    let read = world.provider.client("configured").await.expect("read");
    assert!(read.listed.configured && read.stored.is_none());
    let configured = |result| assert_eq!(result, RegistrationRefused::Configured);
    configured(refusal(world.provider.change("configured", &metadata(), None, NOW).await));
    configured(refusal(world.provider.remove("configured", NOW).await));
    configured(refusal(world.provider.renew_token("configured", NOW).await));
    assert!(world.provider.registry.in_use("configured").is_some());
}

/// People have allowed the name something, which nobody else may have by it.
#[tokio::test]
async fn the_name_of_a_client_that_is_removed_is_nobodys_ever_after() {
    let world = World::new().await;
    world.provider.register("letters", &metadata(), NOW).await.expect("registered");
    let own = world.provider.register_itself(&world.invite(), metadata(), NOW).await.expect("registered");
    world.provider.remove("letters", NOW).await.expect("removed");
    world.provider.remove_own_registration(own.id.as_str(), &own.token, NOW).await.expect("removed");
    for id in ["letters", own.id.as_str()] {
        assert!(tokens_have_ended(&world, id).await, "{id}");
        for provider in [&world.provider, &world.other().await] {
            assert!(provider.registry.find(id).is_none() && provider.clients().len() == 1, "{id}");
            assert_eq!(refusal(provider.register(id, &metadata(), NOW).await), RegistrationRefused::Taken);
            for disabled in [true, false] {
                assert_eq!(refusal(provider.set_disabled(id, disabled, NOW).await), RegistrationRefused::NotFound);
            }
            assert_eq!(refusal(provider.client(id).await), RegistrationRefused::NotFound);
            assert_eq!(refusal(provider.change(id, &metadata(), None, NOW).await), RegistrationRefused::NotFound);
            assert_eq!(refusal(provider.remove(id, NOW).await), RegistrationRefused::NotFound);
        }
    }
}

#[tokio::test]
async fn a_client_that_lost_its_token_is_given_another_and_keeps_what_administrators_decided() {
    let world = World::new().await;
    let own = world.provider.register_itself(&world.invite(), metadata(), NOW).await.expect("registered");
    let id = own.id.as_str();
    world.provider.set_disabled(id, true, NOW).await.expect("disabled");
    assert_eq!(refusal(world.provider.renew_token(id, NOW).await), RegistrationRefused::OutOfUse);
    world.provider.set_disabled(id, false, NOW).await.expect("enabled");
    assert_eq!(refusal(world.provider.own_registration(id, &own.token).await), RegistrationRefused::InvalidToken);
    let first = world.provider.renew_token(id, NOW).await.expect("a token");
    let token = world.provider.renew_token(id, NOW).await.expect("a token");
    for lost in [&own.token, &first] {
        assert_eq!(refusal(world.provider.own_registration(id, lost).await), RegistrationRefused::InvalidToken);
    }
    let read = world.provider.own_registration(id, &token).await.expect("read");
    let decided = Metadata {
        machine_scopes: vec!["read".into()],
        requesting_system: Some("urn:x".into()),
        resource_server: true,
        ..read.metadata
    };
    world.provider.change(id, &decided, None, NOW).await.expect("changed");
    // It may put back what it reads, or say less; what an administrator decided stays, and is not its own to change.
    let read = world.provider.own_registration(id, &token).await.expect("its token is as good as before");
    assert_eq!(read.metadata, decided);
    let put = world.provider.change_own_registration(id, &token, decided.clone(), NOW).await.expect("changed");
    let less = Metadata { client_name: "Post".into(), ..metadata() };
    let put = world.provider.change_own_registration(id, &put.token, less, NOW).await.expect("changed");
    assert_eq!(put.metadata, Metadata { client_name: "Post".into(), ..decided.clone() });
    let more = Metadata { machine_scopes: vec!["write".into()], requesting_system: Some("urn:y".into()), ..metadata() };
    let refused = world.provider.change_own_registration(id, &put.token, more, NOW).await;
    assert_eq!(fields(refused), ["machine_scopes", "requesting_system"]);
    world.provider.register("https://rp.example/x", &metadata(), NOW).await.expect("registered");
    let without = world.provider.renew_token("https://rp.example/x", NOW).await;
    assert_eq!(refusal(without), RegistrationRefused::WithoutAddress);
}

/// A client that changes itself has read what it may ask for before: what an administrator takes from it meanwhile stays taken.
#[tokio::test]
async fn of_a_client_and_an_administrator_who_change_it_at_once_the_administrator_says_what_it_may() {
    for _ in 0..20 {
        let world = World::new().await;
        let wide = Metadata { scope: "openid email".into(), ..metadata() };
        let own = world.provider.register_itself(&world.invite(), wide.clone(), NOW).await.expect("registered");
        let id = own.id.as_str();
        let (renamed, narrow) = (Metadata { client_name: "Post".into(), ..wide.clone() }, metadata());
        let (own, ours) = tokio::join!(
            world.provider.change_own_registration(id, &own.token, renamed, NOW),
            world.provider.change(id, &narrow, None, NOW)
        );
        let left = world.provider.registry.find(id).expect("a client").scopes().to_string();
        match (own, ours) {
            // It came first; the administrator has to look at what it is now.
            (Ok(_), Err(NotDone::Refused(RegistrationRefused::Overtaken))) => assert_eq!(left, "openid email"),
            (Ok(_) | Err(NotDone::Refused(RegistrationRefused::Metadata(_))), Ok(())) => assert_eq!(left, "openid"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn metadata_that_are_not_known_are_passed_over() {
    let text = json!({"client_name": "A", "software_id": "x", "client_uri": {"a": 1}}).to_string();
    let metadata: Metadata = serde_json::from_str(&text).expect("metadata");
    assert_eq!(metadata, Metadata { client_name: "A".into(), ..Metadata::default() });
    assert!(serde_json::from_str::<Metadata>(r#"{"redirect_uris": "https://rp.example"}"#).is_err());
}

#[tokio::test]
async fn who_registered_changed_and_disabled_clients_stands_in_the_audit() {
    let world = World::new().await;
    let own = world.provider.register_itself(&world.invite(), metadata(), NOW).await.expect("registered");
    let id = own.id.as_str();
    let _ = world.provider.change_own_registration(id, &own.token, metadata(), NOW).await.expect("changed");
    for disabled in [true, false] {
        world.provider.set_disabled(id, disabled, NOW).await.expect("set");
    }
    let generation = world.home.store.client(id).await.expect("read").expect("a client").generation;
    let token = world.provider.registrations.write(id, generation);
    world.provider.remove_own_registration(id, &token, NOW).await.expect("removed");
    world.provider.register("letters", &metadata(), NOW).await.expect("registered");
    let renamed = Metadata { client_name: "Post".into(), scope: "openid email".into(), ..metadata() };
    world.provider.change("letters", &renamed, None, NOW).await.expect("changed");
    world.provider.renew_token("letters", NOW).await.expect("a token");
    world.provider.remove("letters", NOW).await.expect("removed");
    let entries = world.home.store.audited(crate::store::audit::CHAINS - 1, 0, 100).await.expect("read");
    let said: Vec<_> = entries
        .iter()
        .map(crate::store::audit::Audited::json)
        .map(|entry| {
            let detail = entry["detail"].to_string(); // And no secret.
            [entry["action"].clone(), entry["actor"].clone(), detail.into()]
                .map(|text| text.as_str().unwrap_or("").to_owned())
        })
        .collect();
    let (itself, administrator) = (format!("client:{id}"), "system:admin-socket".to_owned());
    let (own, letters) = (json!({ "client": id }).to_string(), r#"{"client":"letters"}"#.to_owned());
    let changed = r#"{"client":"letters","members":"client_name scope"}"#.to_owned();
    let wanted = [
        ("client.registered", &itself, &own),
        ("client.changed", &itself, &own),
        ("client.disabled", &administrator, &own),
        ("client.enabled", &administrator, &own),
        ("client.removed", &itself, &own),
        ("client.registered", &administrator, &letters),
        ("client.changed", &administrator, &changed),
        ("client.token-renewed", &administrator, &letters),
        ("client.removed", &administrator, &letters),
    ];
    assert_eq!(said, wanted.map(|(action, actor, detail)| [action.to_owned(), actor.clone(), detail.clone()]));
}
