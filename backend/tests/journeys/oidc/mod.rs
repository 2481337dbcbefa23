//! The OpenID provider from the outside: services that sign assertions, browsers that come and go, and every attack on
//! what passes between them.

mod authorize;
mod claims;
mod consent;
mod disabled;
mod end_session;
mod ended;
mod fapi2;
mod log;
mod logout;
mod machine;
mod metadata;
mod more;
mod mutual_tls;
#[path = "../../support/person.rs"]
mod person;
mod profiles;
mod refresh;
mod registration;
mod resources;
mod services;
mod signed_request;
mod sso;
mod token;
mod token_exchange;
mod userinfo;
mod writes;

use crate::world::{Answer, Browser, World, form};
use aldgate_backend::model;
use aldgate_backend::oidc::client::{Client, PublicKeys, Registration};
use aldgate_backend::oidc::keys::{Rules, SigningKeys};
use aldgate_backend::oidc::registry::Registry;
use aldgate_backend::store::audit::Act;
use aldgate_backend::store::{Store, Verification};
use aldgate_core::assurance::IdentityLevel;
use aldgate_core::id::AccountId;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::token_issuer::{Signer, key_set};
use aldgate_core::testing::{SeededEntropy, world};
use aldgate_core::token::jws::Compact;
use aldgate_core::token::key_set::KeySet;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
pub(crate) use person::facts;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use tokio::sync::OnceCell;

pub(crate) const ISSUER: &str = "http://localhost:8080";
pub(crate) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Every vector of NHS login.
const VECTORS: [&str; 12] = [
    "P0.Cp", "P0.Cp.Cd", "P0.Cp.Ck", "P0.Cm", "P5.Cp", "P5.Cp.Cd", "P5.Cp.Ck", "P5.Cm", "P9.Cp", "P9.Cp.Cd",
    "P9.Cp.Ck", "P9.Cm",
];

/// Every scope.
const SCOPES: [&str; 11] = [
    "openid",
    "profile",
    "basic_demographics",
    "profile_extended",
    "email",
    "phone",
    "landline",
    "gp_registration_details",
    "gp_integration_credentials",
    "client_metadata",
    "nhs_app_credentials",
];

static RS512: LazyLock<Signer> = LazyLock::new(|| Signer::new("RS512", "k1"));
static JWT_IDS: AtomicU64 = AtomicU64::new(0);
static DATABASE: OnceCell<(tempfile::TempDir, PathBuf)> = OnceCell::const_new();

/// A database with signing keys and nothing else, made once: RSA keys take their time.
async fn database() -> PathBuf {
    let make = || async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("aldgate.db");
        let entropy = Arc::new(SeededEntropy::new(10));
        let store = Store::open(&path, &world::master_key(), entropy.clone()).await.expect("a store");
        let keys = SigningKeys::new(store.clone(), &world::master_key(), entropy, Rules::default());
        keys.look(world::NOW).await.expect("keys");
        store.close().await;
        (folder, path)
    };
    DATABASE.get_or_init(make).await.1.clone()
}

/// The registration of a service.
pub(crate) fn registration(id: &str) -> Registration {
    let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    Registration {
        id: id.into(),
        name: format!("The {id} service"),
        profile: Some("nhs".into()),
        redirect_uris: vec![format!("https://{id}.example/cb"), format!("https://{id}.example/other")],
        post_logout_redirect_uris: vec![format!("https://{id}.example/bye")],
        scopes: texts(&SCOPES),
        vectors: texts(&VECTORS),
        machine_scopes: vec!["provision".into(), "https://login.example/Users.retrieve".into()],
        resource_server: id == "third",
        keys: Some(PublicKeys::Set(key_set([&*RS512]).into_bytes())),
        ..Registration::default()
    }
}

pub(crate) fn registry(registrations: &[Registration]) -> Registry {
    let clients = registrations.iter().map(|from| Client::register(from).expect("a client"));
    Registry::new(clients).expect("clients")
}

/// Two services that may not continue each other's log-ins, and one that may continue the first one's.
pub(crate) fn registrations() -> Vec<Registration> {
    let third = Registration { sso_from: vec!["rp".into()], ..registration("third") };
    vec![registration("rp"), registration("other"), third]
}

pub(crate) async fn provider() -> World {
    World::with_clients(&database().await, registry(&registrations())).await
}

/// A service: what it sends, and what it makes of the answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service(pub(crate) &'static str);

pub(crate) const RP: Service = Service("rp");
pub(crate) const OTHER: Service = Service("other");
pub(crate) const THIRD: Service = Service("third");

/// What a redirect URI was given.
pub(crate) fn query_of(location: &str) -> std::collections::BTreeMap<String, String> {
    let query = location.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), unescaped(value))).collect()
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(&after[..2]).expect("digits");
            bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            rest = &after[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).expect("text")
}

impl Service {
    pub(crate) fn redirect_uri(self) -> String {
        format!("https://{}.example/cb", self.0)
    }

    /// The parameters of a request, some of them set otherwise; an empty value leaves one out.
    pub(crate) fn parameters(self, changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let uri = self.redirect_uri();
        let good = [
            ("client_id", self.0),
            ("redirect_uri", uri.as_str()),
            ("response_type", "code"),
            ("scope", "openid profile email"),
            ("state", "the state"),
            ("nonce", "the nonce"),
            ("vtr", r#"["P0.Cm","P0.Cp","P5.Cm","P9.Cm"]"#),
        ];
        let kept = good.iter().filter(|(name, _)| !changes.iter().any(|(other, _)| other == name));
        let all = kept.chain(changes).filter(|(_, value)| !value.is_empty());
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The path of a request.
    pub(crate) fn request(self, changes: &[(&str, &str)]) -> String {
        let parameters = self.parameters(changes);
        let pairs: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        format!("/authorize?{}", form(&pairs))
    }

    /// A code for whoever is signed in in this browser, who agrees if they are asked.
    pub(crate) async fn code(self, browser: &mut Browser<'_>, changes: &[(&str, &str)]) -> String {
        let answer = browser.get(&self.request(changes)).await;
        let answer = if answer.status == 200 { agree(browser, &answer).await } else { answer };
        let given = query_of(answer.location());
        assert!(answer.location().starts_with(&format!("https://{}.example/", self.0)), "{answer:?}");
        given.get("code").unwrap_or_else(|| panic!("no code: {}", answer.location())).clone()
    }

    /// The claims of an assertion.
    pub(crate) fn assertion_claims(self, world: &World) -> Value {
        let now = world.now().as_secs();
        let id = JWT_IDS.fetch_add(1, Ordering::SeqCst).to_string();
        json!({"iss": self.0, "sub": self.0, "aud": format!("{ISSUER}/token"), "iat": now, "exp": now + 300, "jti": id})
    }

    pub(crate) fn assertion(self, world: &World) -> String {
        signed(&self.assertion_claims(world))
    }

    /// An exchange at the token endpoint, with an assertion unless one is given.
    pub(crate) async fn exchange(self, world: &World, fields: &[(&str, &str)]) -> Answer {
        let assertion = self.assertion(world);
        let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion.as_str())];
        let proof = proof.iter().filter(|(name, _)| !fields.iter().any(|(other, _)| other == name));
        let all: Vec<_> = fields.iter().chain(proof).copied().filter(|(_, value)| !value.is_empty()).collect();
        post(world, "/token", &form(&all)).await
    }

    pub(crate) async fn redeem(self, world: &World, code: &str) -> Answer {
        let uri = self.redirect_uri();
        let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", &uri)];
        self.exchange(world, &fields).await
    }

    /// Tokens for whoever is signed in in this browser.
    pub(crate) async fn tokens(self, world: &World, browser: &mut Browser<'_>, changes: &[(&str, &str)]) -> Value {
        let code = self.code(browser, changes).await;
        let answer = self.redeem(world, &code).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub(crate) async fn refresh(self, world: &World, token: &str) -> Answer {
        self.exchange(world, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }
}

/// A JWT that a service signs.
pub(crate) fn signed(claims: &Value) -> String {
    RS512.sign(json!({"alg": "RS512", "typ": "JWT", "kid": "k1"}).to_string(), claims.to_string())
}

/// Says yes on the page that asks.
pub(crate) async fn agree(browser: &mut Browser<'_>, page: &Answer) -> Answer {
    decide(browser, page, "agree").await
}

pub(crate) async fn decide(browser: &mut Browser<'_>, page: &Answer, decision: &str) -> Answer {
    let question = question(page);
    browser.post("/authorize/consent", &[("question", &question), ("decision", decision)]).await
}

/// The sealed question in a page that asks for consent.
pub(crate) fn question(page: &Answer) -> String {
    assert!(page.body.contains("<h1>Share your information</h1>"), "{page:?}");
    let (_, rest) = page.body.split_once("name=\"question\" value=\"").expect("a question");
    rest.split('"').next().expect("a value").to_owned()
}

/// A program's request: no cookie, no origin.
pub(crate) async fn send(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    let text = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    world.exchange(text.as_bytes()).await
}

pub(crate) async fn post(world: &World, path: &str, body: &str) -> Answer {
    send(world, "POST", path, &[("content-type", "application/x-www-form-urlencoded")], body).await
}

/// What the userinfo endpoint says to a token.
pub(crate) async fn userinfo(world: &World, token: &str) -> Answer {
    send(world, "GET", "/userinfo", &[("authorization", &format!("Bearer {token}"))], "").await
}

/// A member of an answer's JSON that is a text.
pub(crate) fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_else(|| panic!("no {name} in {json}")).to_owned()
}

/// The error of an answer of the token endpoint.
pub(crate) fn error(answer: &Answer) -> (u16, String) {
    (answer.status, text(&answer.json(), "error"))
}

/// The claims of a token, verified with the published keys.
pub(crate) async fn verified(world: &World, token: &str) -> Value {
    let set = send(world, "GET", "/.well-known/jwks.json", &[], "").await;
    let set = KeySet::parse(set.body.as_bytes()).expect("a key set");
    let jws = Compact::parse(token).expect("a JWS");
    let payload = set.find(jws.key_id()).expect("a published key").verify(&jws).expect("a good signature");
    serde_json::from_slice(payload).expect("claims")
}

/// The header of a token.
pub(crate) fn header_of(token: &str) -> Value {
    let header = token.split('.').next().expect("a header");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON")
}

/// Somebody with a passkey, signed in, and who they are.
pub(crate) async fn somebody<'w>(world: &'w World, email: &str, user: u64) -> (Browser<'w>, AccountId) {
    let browser = world.with_passkey(email, &Authenticator::derived(1, user)).await;
    let session = browser.session().await.expect("a session");
    let record = world.warm.session(&session).await.expect("warm").expect("a record");
    (browser, record.account)
}

/// Verifies somebody's identity.
pub(crate) async fn prove(world: &World, account: &AccountId, level: IdentityLevel) {
    let act = Act::system("test", world.now());
    assert_eq!(world.store.set_person(account, level, &facts(), act).await, Ok(Verification::Written));
}
