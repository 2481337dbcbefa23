//! A small world: the backend on its socket, a gate that asserts who is signed in, and browsers that keep cookies.

use aldgate_backend::model::telephone::Countries;
use aldgate_backend::oidc::keys::Rules;
use aldgate_backend::oidc::logout::reach::Reach;
use aldgate_backend::oidc::registry::Registry;
use aldgate_backend::store::Store;
use aldgate_backend::warm::embedded::EmbeddedWarm;
use aldgate_backend::{AUDIENCE, Backend, Breached, Carrier, Config, Message};
use aldgate_core::id::SessionId;
use aldgate_core::session::cookie;
use aldgate_core::session::token::TagKeys;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::{ManualClock, SeededEntropy, world};
use aldgate_core::time::{Clock as _, Timestamp};
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_core::warm::Warm;
use aldgate_core::warm::change::{Change, Feed, Follower};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

pub(crate) const ORIGIN: &str = "http://localhost:8080";
pub(crate) const RP_ID: &str = "localhost";
pub(crate) const PASSWORD: &str = "three random words";
pub(crate) const JOURNEY: &str = "__Host-aldgate-journey";
const ISSUER: &str = "http://localhost:8080";

/// Shortest password that stands alone, if nothing else is said.
const PASSWORD_ALONE_CHARS_MIN: usize = 8;

/// The seed of a world without clients.
const WITHOUT_CLIENTS: u64 = 11;

/// The backend and all around it.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) warm: Arc<dyn Warm>,
    pub(crate) gate: SigningKey,
    messages: Arc<Mutex<Vec<Message>>>,
    backend: Backend,
}

pub(crate) fn signing_key() -> SigningKey {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("key");
    SigningKey::from_pkcs8(pkcs8.as_ref()).expect("key")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_warm(|store| Arc::new(EmbeddedWarm::new(store))).await
    }

    /// A world whose shared tier is another.
    pub(crate) async fn with_warm(warm: impl FnOnce(Store) -> Arc<dyn Warm>) -> Self {
        Self::without_clients(PASSWORD_ALONE_CHARS_MIN, warm).await
    }

    /// A world in which a password that stands alone is so long at least.
    pub(crate) async fn demanding(chars: usize) -> Self {
        Self::without_clients(chars, |store| Arc::new(EmbeddedWarm::new(store))).await
    }

    async fn without_clients(chars: usize, warm: impl FnOnce(Store) -> Arc<dyn Warm>) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let clock = Arc::new(ManualClock::at(world::NOW));
        Self::on(folder, clock, Registry::default(), (WITHOUT_CLIENTS, chars), warm).await
    }

    /// A world with clients, on a database that has signing keys.
    pub(crate) async fn with_clients(database: &Path, clients: Registry) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::copy(database, folder.path().join("aldgate.db")).expect("a copy");
        let clock = Arc::new(ManualClock::at(world::NOW));
        let with = (12, PASSWORD_ALONE_CHARS_MIN);
        Self::on(folder, clock, clients, with, |store| Arc::new(EmbeddedWarm::new(store))).await
    }

    /// The same world after a restart, with other clients.
    pub(crate) async fn restarted(self, clients: Registry) -> Self {
        self.store.close().await;
        std::fs::remove_file(self.socket()).expect("the old socket");
        let _ = std::fs::remove_file(self.folder.path().join("admin.sock")); // Where there was an administrator.
        let with = (13, PASSWORD_ALONE_CHARS_MIN);
        Self::on(self.folder, self.clock, clients, with, |store| Arc::new(EmbeddedWarm::new(store))).await
    }

    async fn on(
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        clients: Registry,
        (seed, password_alone_chars_min): (u64, usize),
        warm: impl FnOnce(Store) -> Arc<dyn Warm>,
    ) -> Self {
        let has_keys = seed != WITHOUT_CLIENTS; // Else they would be made, and RSA keys take their time.
        let entropy = Arc::new(SeededEntropy::new(seed));
        let path = folder.path().join("aldgate.db");
        let store = Store::open(&path, &world::master_key(), entropy.clone()).await.expect("store");
        let warm = warm(store.clone());
        let gate = signing_key();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let config = Config {
            relying_party: world::relying_party(),
            lifetimes: world::LIFETIMES,
            origins: vec![ORIGIN.into()],
            issuer: ISSUER.into(),
            login_host: "localhost".into(),
            key_set: gate.key_set(),
            outbox: folder.path().join("outbox"),
            email: Carrier::Outbox,
            text: Carrier::Outbox,
            voice: Carrier::Outbox,
            countries: Countries::default(),
            argon2_threads: 2,
            clients,
            signing_keys: Rules::default(),
            mutual_tls: true,
            reach: Reach::beyond_public(vec!["127.0.0.0/8".parse().expect("a network")]), // Of services under test.
            password_alone_chars_min,
            breached: Arc::new(Breached::bundled().expect("a filter")),
            models: None,
        };
        let heard = messages.clone();
        let listen = Arc::new(move |message: &Message| heard.lock().expect("lock").push(message.clone()));
        let master = Arc::new(world::master_key());
        let backend = Backend::new(config, store.clone(), warm.clone(), master, clock.clone(), entropy, Some(listen));
        let backend = backend.expect("backend");
        let listener = UnixListener::bind(folder.path().join("backend.sock")).expect("socket");
        if has_keys {
            backend.prepare().await;
            let tended = backend.clone();
            tokio::spawn(async move { tended.tend(None).await });
        }
        let serving = backend.clone();
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        let world = Self { folder, store, clock, warm, gate, messages, backend };
        if has_keys {
            world.until_keys_are_known().await;
        }
        world
    }

    /// The backend reads its signing keys beside its requests.
    async fn until_keys_are_known(&self) {
        let request = b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        while !self.exchange(request).await.body.contains("RS512") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn after(&self, span: Duration) {
        self.clock.advance(span);
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("backend.sock")
    }

    /// How many transactions the database's log holds: its last page of each says so (SQLite's file format, section 4.1).
    pub(crate) fn commits(&self) -> usize {
        const HEADER_BYTES: usize = 32;
        const FRAME_HEADER_BYTES: usize = 24;
        let log = std::fs::read(self.folder.path().join("aldgate.db-wal")).expect("a log");
        let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().expect("four bytes"));
        let (page_bytes, salt) = (number(8) as usize, &log[16..24]);
        let frames = (HEADER_BYTES..log.len()).step_by(FRAME_HEADER_BYTES + page_bytes);
        frames.take_while(|at| log[at + 8..at + 16] == *salt).filter(|at| number(at + 4) != 0).count()
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().expect("lock").clone()
    }

    /// The token of the link that was sent last.
    pub(crate) fn token(&self) -> String {
        self.messages().iter().rev().find_map(|message| token_in(&message.body)).expect("a link was sent")
    }

    /// The token of the link that was sent last to this recipient.
    pub(crate) fn token_sent_to(&self, to: &str) -> String {
        let to_them = self.messages().into_iter().rev().filter(|message| message.to == to);
        to_them.filter_map(|message| token_in(&message.body)).next().expect("a link was sent")
    }

    /// The token of the link by which a change of contact is taken back, that was sent last to this recipient.
    pub(crate) fn undo(&self, to: &str) -> String {
        let changed = |message: &Message| message.to == to && message.subject == "Your contact details were changed";
        let told = self.messages().into_iter().rev().find(changed).expect("a message");
        token_in(&told.body).expect("a link")
    }

    /// The code that was sent last.
    pub(crate) fn code(&self) -> String {
        self.messages().into_iter().rev().find_map(|message| message.code).expect("a code was sent")
    }

    pub(crate) fn browser(&self) -> Browser<'_> {
        Browser { world: self, cookies: BTreeMap::new(), client: "192.0.2.1".into(), origin: Some(ORIGIN.into()) }
    }

    /// What the gate makes of a session cookie: an assertion, or nothing.
    async fn assertion(&self, token: &str) -> Option<String> {
        let now = self.now();
        let session = TagKeys::at(&world::master_key(), now).verify(token.as_bytes(), "localhost", now).ok()?.session();
        let record = self.warm.session(&session).await.expect("warm")?;
        Some(self.gate.mint(ISSUER, AUDIENCE, session, &record, now).expect("assertion"))
    }

    /// From now on no message leaves.
    pub(crate) fn break_outbox(&self) {
        let outbox = self.folder.path().join("outbox");
        std::fs::rename(&outbox, self.folder.path().join("away")).expect("moved");
        std::fs::write(&outbox, b"").expect("in its way");
    }

    /// From now on messages leave again.
    pub(crate) fn mend_outbox(&self) {
        let outbox = self.folder.path().join("outbox");
        std::fs::remove_file(&outbox).expect("removed");
        std::fs::rename(self.folder.path().join("away"), &outbox).expect("moved");
    }

    /// Delivers what waits to be delivered. Nobody who asks waits for that.
    pub(crate) async fn deliver(&self) {
        while self.backend.deliver().await.is_ok_and(|tried| tried > 0) {}
    }

    /// Sends bytes, gives the answer; what was written down to be sent has been, then.
    pub(crate) async fn exchange(&self, request: &[u8]) -> Answer {
        let answer = self.ask(request).await;
        self.deliver().await;
        answer
    }

    /// What an administrator is answered, on their socket.
    pub(crate) async fn administer(&self, method: &str, path: &str, body: &str) -> Answer {
        let socket = self.folder.path().join("admin.sock");
        if !socket.exists() {
            let (listener, serving) = (UnixListener::bind(&socket).expect("socket"), self.backend.clone());
            tokio::spawn(async move { serving.serve_admin(listener, std::future::pending()).await });
        }
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        Self::ask_at(&socket, request.as_bytes()).await
    }

    async fn ask(&self, request: &[u8]) -> Answer {
        Self::ask_at(&self.socket(), request).await
    }

    async fn ask_at(socket: &Path, request: &[u8]) -> Answer {
        let mut stream = UnixStream::connect(socket).await.expect("connected");
        let _ = stream.write_all(request).await; // A refused body may be cut short.
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        Answer::parse(&bytes)
    }

    /// An account with a password, and the browser that registered it.
    pub(crate) async fn with_password(&self, email: &str) -> Browser<'_> {
        let mut browser = self.browser();
        browser.prove(email).await;
        let answer = browser.post("/register/password", &[("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/register/done"));
        browser
    }

    /// An account with a passkey, and the browser that registered it.
    pub(crate) async fn with_passkey(&self, email: &str, authenticator: &Authenticator) -> Browser<'_> {
        let mut browser = self.browser();
        browser.prove(email).await;
        let answer = browser.register_passkey(authenticator).await;
        assert_eq!((answer.status, answer.json()["next"].as_str()), (200, Some("/register/done")));
        browser
    }
}

/// The token of the link in a message. It leads to us, whatever else it says.
pub(crate) fn token_in(body: &str) -> Option<String> {
    let (before, after) = body.split_once("?token=")?;
    let page = before.rsplit_once(char::is_whitespace).map_or(before, |(_, page)| page);
    assert!(page.starts_with(&format!("{ISSUER}/")), "{page}");
    after.split_whitespace().next().map(str::to_owned)
}

/// A gate's hot tier, as far as passkeys go: it hears of changes.
#[derive(Default)]
pub(crate) struct Ear(Mutex<Vec<Change>>);

impl Follower for Ear {
    fn apply(&self, change: &Change) {
        self.0.lock().expect("lock").push(change.clone());
    }

    fn feed(&self, _: Feed) {}
}

impl Ear {
    pub(crate) fn heard(&self, change: &Change) -> bool {
        self.0.lock().expect("lock").contains(change)
    }
}

/// An answer of the backend's.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let pair = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
        let headers: Vec<_> = lines.filter_map(pair).collect();
        let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = if chunked { joined(body.as_bytes()) } else { body.to_owned() };
        Self { status: status.expect("a status"), headers, body }
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// The slug of a problem document.
    pub(crate) fn slug(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.body);
        self.json()["type"].as_str().expect("type").trim_start_matches("urn:aldgate:problem:").to_owned()
    }

    /// Everything that somebody could tell two answers apart by: cookies by name and length, no date.
    pub(crate) fn look(&self, email: &str) -> (u16, Vec<(String, String)>, String) {
        let blur = |(name, value): &(String, String)| match name.as_str() {
            "date" => (name.clone(), String::new()),
            "set-cookie" => {
                let (cookie, rest) = value.split_once('=').expect("cookie");
                let (content, attributes) = rest.split_once(';').expect("attributes");
                (name.clone(), format!("{cookie}={};{attributes}", content.len()))
            }
            _ => (name.clone(), value.clone()),
        };
        (self.status, self.headers.iter().map(blur).collect(), self.body.replace(email, "EMAIL"))
    }
}

/// A body that came in chunks (RFC 9112, section 7.1), to its end.
fn joined(mut chunks: &[u8]) -> String {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|pair| pair == b"\r\n").expect("a chunk");
        let size = std::str::from_utf8(&chunks[..end]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("its size");
        if size == 0 {
            return String::from_utf8(body).expect("text");
        }
        body.extend_from_slice(&chunks[end + 2..end + 2 + size]);
        chunks = &chunks[end + 4 + size..];
    }
}

/// A browser: it keeps cookies and, through the gate, is whoever its session says.
#[derive(Clone)]
pub(crate) struct Browser<'w> {
    world: &'w World,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) client: String,
    pub(crate) origin: Option<String>,
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let pairs: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    pairs.join("&")
}

impl Browser<'_> {
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", b"", &[]).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", path, "application/x-www-form-urlencoded", form(fields).as_bytes(), &[]).await
    }

    pub(crate) async fn post_json(&mut self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, "application/json", body.to_string().as_bytes(), &[]).await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
        more: &[(&str, &str)],
    ) -> Answer {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\
             x-forwarded-for: {}\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0\r\n",
            body.len(),
            self.client
        );
        let mut headers: Vec<(&str, String)> = more.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.extend(self.origin.clone().map(|origin| ("origin", origin)));
        headers.extend((!kind.is_empty()).then(|| ("content-type", kind.to_owned())));
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("cookie", pairs.join("; ")));
        }
        if let Some(token) = self.cookies.get(cookie::SESSION) {
            headers.extend(self.world.assertion(token).await.map(|jwt| ("aldgate-identity", jwt)));
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let answer = self.world.exchange(&[head.as_bytes(), b"\r\n", body].concat()).await;
        self.keep_cookies(&answer);
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'; "), "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        answer
    }

    /// Posts a form and hangs up as soon as something is done, without waiting for the answer.
    pub(crate) async fn drop_when(&self, path: &str, fields: &str, done: impl AsyncFn() -> bool) {
        let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let token = self.cookies.get(cookie::SESSION).expect("a session");
        let identity = self.world.assertion(token).await.expect("an assertion");
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\norigin: {ORIGIN}\r\ncookie: {}\r\naldgate-identity: {identity}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{fields}",
            pairs.join("; "),
            fields.len()
        );
        let mut stream = UnixStream::connect(self.world.socket()).await.expect("connected");
        stream.write_all(request.as_bytes()).await.expect("sent");
        while !done().await {
            tokio::task::yield_now().await;
        }
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for set in answer.all("set-cookie") {
            assert!(set.starts_with("__Host-") && set.contains("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{set}");
            let (name, rest) = set.split_once('=').expect("cookie");
            let value = rest.split(';').next().unwrap_or_default();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The session that the cookie opens, if any.
    pub(crate) async fn session(&self) -> Option<SessionId> {
        let token = self.cookies.get(cookie::SESSION)?;
        let now = self.world.now();
        let id =
            TagKeys::at(&world::master_key(), now).verify(token.as_bytes(), "localhost", now).expect("token").session();
        self.world.warm.session(&id).await.expect("warm").map(|_| id)
    }

    /// Registers as far as the proof of the address.
    pub(crate) async fn prove(&mut self, email: &str) {
        let answer = self.post("/register", &[("email", email), ("return_to", "/demo?x=1")]).await;
        assert_eq!((answer.status, answer.location()), (303, "/register/code"), "{}", answer.body);
        let code = self.world.code();
        let answer = self.post("/register/code", &[("code", &code)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/register/method"), "{}", answer.body);
    }

    /// The challenge of a new ceremony.
    pub(crate) async fn challenge(&mut self) -> String {
        let answer = self.post_json("/passkey/register/options", &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["challenge"].as_str().expect("challenge").to_owned()
    }

    pub(crate) async fn register_passkey(&mut self, authenticator: &Authenticator) -> Answer {
        let challenge = self.challenge().await;
        self.post_json("/passkey/register", &registration(authenticator, &challenge)).await
    }

    /// Chooses a new password by a message to an address.
    pub(crate) async fn choose_anew(&mut self, email: &str, password: &str) {
        assert_eq!(self.post("/reset", &[("email", email)]).await.status, 200);
        let token = self.world.token_sent_to(email);
        let answer = self.post("/reset/new", &[("token", &token), ("password", password)]).await;
        assert_eq!(answer.location(), "/sign-in?done=password-reset", "{}", answer.body);
    }

    /// Signs in with a password.
    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let answer = self.post("/sign-in", &[("email", email), ("return_to", "/demo?x=1")]).await;
        assert_eq!((answer.status, answer.location()), (303, "/sign-in/password?return_to=%2Fdemo%3Fx%3D1"));
        self.post("/sign-in/password", &[("password", password)]).await
    }
}

/// What a browser sends when this authenticator has answered.
pub(crate) fn registration(authenticator: &Authenticator, challenge: &str) -> Value {
    let object = authenticator.attestation_object(RP_ID, 0x05);
    registration_of(&authenticator.credential_id, &object, challenge)
}

pub(crate) fn registration_of(credential_id: &[u8], object: &[u8], challenge: &str) -> Value {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let client_data = Authenticator::client_data("webauthn.create", challenge, ORIGIN);
    json!({
        "id": text(credential_id), "rawId": text(credential_id), "type": "public-key",
        "authenticatorAttachment": "platform", "clientExtensionResults": {"credProps": {"rk": true}},
        "response": {
            "clientDataJSON": text(client_data.as_bytes()),
            "attestationObject": text(object),
            "transports": ["internal"],
        },
    })
}
