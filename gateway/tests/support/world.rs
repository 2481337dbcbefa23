//! A whole gateway in memory: Pingora's proxy over a duplex stream, the warm tier in memory, a clock moved by hand,
//! and one real upstream that says what it received.

use super::http::Answer;
use aldgate_core::assurance::Components;
use aldgate_core::entropy::Entropy;
use aldgate_core::id::SessionId;
use aldgate_core::session::cookie;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::{ManualClock, SeededEntropy, world};
use aldgate_core::time::Clock as _;
use aldgate_core::token::identity_assertion::{SigningKey, Verifier};
use aldgate_core::warm::memory::MemoryWarm;
use aldgate_core::warm::{Opening, Warm};
use aldgate_gateway::assemble::{Shared, assemble};
use aldgate_gateway::config::Config;
use aldgate_gateway::deadline::WithDeadline;
use aldgate_gateway::edge::Edge;
use aldgate_gateway::general::General;
use aldgate_gateway::state::EdgeState;
use aldgate_gateway::token::Tokens;
use pingora::protocols::Stream;
use pingora::proxy::http_proxy;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::TcpListener;

pub const RP_ID: &str = "localhost";
pub const ORIGIN: &str = "http://localhost:8080";

/// A service's host, and another: neither is the log-in host.
pub const APP: &str = "app.localhost";
pub const RECORDS: &str = "records.localhost";

/// The gateway and what stands around it.
pub struct World {
    pub state: Arc<EdgeState>,
    pub warm: Arc<MemoryWarm>,
    pub clock: Arc<ManualClock>,
    app: Arc<WithDeadline<Edge>>,
    _dir: TempDir,
    _stop: tokio::sync::watch::Sender<bool>,
    stopped: tokio::sync::watch::Receiver<bool>,
}

/// Routes to the echoing upstream, one for each kind of access.
fn routes(upstream: u16) -> String {
    format!(
        r#"
        [demo]
        enabled = false
        [log]
        access = "off"
        [[service]]
        name = "echo"
        upstream = "127.0.0.1:{upstream}"
        [[service]]
        name = "nobody"
        upstream = "127.0.0.1:1"
        [[service]]
        name = "other"
        upstream = "127.0.0.1:{upstream}"
        [[route]]
        path = "/app/"
        service = "echo"
        [[route]]
        path = "/other/"
        service = "other"
        [[route]]
        path = "/fresh/"
        service = "echo"
        demand = {{ max_age = "5m", authenticator = "passkey" }}
        [[route]]
        path = "/verified/"
        service = "echo"
        demand = {{ identity = "P9" }}
        [[route]]
        path = "/open/"
        service = "echo"
        access = "public"
        [[route]]
        path = "/maybe/"
        service = "echo"
        access = "optional"
        [[route]]
        path = "/dead/"
        service = "nobody"
        access = "public"
        [[route]]
        host = "{APP}"
        path = "/"
        service = "echo"
        [[route]]
        host = "{APP}"
        path = "/fresh/"
        service = "echo"
        demand = {{ max_age = "5m", authenticator = "passkey" }}
        [[route]]
        host = "{APP}"
        path = "/maybe/"
        service = "echo"
        access = "optional"
        [[route]]
        host = "{RECORDS}"
        path = "/"
        service = "other"
        "#
    )
}

impl World {
    pub async fn new() -> Self {
        Self::with("").await
    }

    /// A world with more in its configuration. The service "echo" is at hand for its routes.
    pub async fn with(more: &str) -> Self {
        Self::over(Arc::default(), Arc::new(ManualClock::at(world::NOW)), 7, more).await
    }

    /// Another gateway of the same deployment: it shares the warm tier, the key of keys and the time.
    pub async fn beside(&self) -> Self {
        self.beside_with("").await
    }

    /// The same, with more in its configuration.
    pub async fn beside_with(&self, more: &str) -> Self {
        Self::over(self.warm.clone(), self.clock.clone(), 8, more).await
    }

    async fn over(warm: Arc<MemoryWarm>, clock: Arc<ManualClock>, seed: u64, more: &str) -> Self {
        let dir = TempDir::new().expect("a directory");
        let upstream = echo_upstream().await;
        let text = format!("data = {{ dir = {:?} }}\n{}\n{more}", dir.path().join("data"), routes(upstream));
        let text = text.replace("ECHO", &format!("127.0.0.1:{upstream}"));
        let config = Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}"));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(seed));
        let shared =
            Shared { master: Arc::new(world::master_key()), clock: clock.clone(), entropy, warm: warm.clone() };
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let key = SigningKey::from_pkcs8(pkcs8.expect("a key").as_ref()).expect("a key");
        let (state, writer) = assemble(&config, key, &shared).expect("parts");
        tokio::spawn(writer.run());
        let proxy = http_proxy(&Arc::new(ServerConf::default()), General::new(state.clone()));
        let app = Arc::new(WithDeadline::new(Arc::new(Edge::new(state.clone(), proxy))));
        let (stop, stopped) = tokio::sync::watch::channel(false);
        Self { state, warm, clock, app, _dir: dir, _stop: stop, stopped }
    }

    /// What its access tokens are judged by now.
    pub fn tokens(&self) -> Arc<Tokens> {
        self.state.snapshot.load().tokens.clone()
    }

    /// A fresh connection to the gateway.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(256 * 1024);
        self.serve(Box::new(server));
        client
    }

    /// Serves a connection of the test's own making.
    pub fn serve(&self, connection: Stream) {
        let (app, stopped) = (self.app.clone(), self.stopped.clone());
        tokio::spawn(Service::<WithDeadline<Edge>>::handle_event(connection, app, stopped));
    }

    /// Sends raw bytes on a fresh connection and reads until the gateway closes or falls silent.
    pub async fn raw(&self, request: &[u8]) -> String {
        let mut client = self.connect();
        client.write_all(request).await.expect("written");
        let mut answer = Vec::new();
        let mut piece = [0; 8192];
        // Longer than the gateway itself waits for anything in these tests.
        let silence = std::time::Duration::from_millis(1_200);
        while let Ok(Ok(n)) = tokio::time::timeout(silence, client.read(&mut piece)).await {
            if n == 0 {
                break;
            }
            answer.extend_from_slice(&piece[..n]);
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Sends one request and reads its answer.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send_to("localhost", method, path, headers, body).await
    }

    /// The same to another host.
    pub async fn send_to(&self, host: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}:8080\r\nconnection: close\r\n");
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        parse(&self.raw(request.as_bytes()).await)
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, "").await
    }

    pub async fn post_json(&self, path: &str, cookie: &str, body: &str) -> Answer {
        self.send("POST", path, &[("content-type", "application/json"), ("cookie", cookie)], body).await
    }

    /// Registers user `user` of seed 1.
    pub async fn register(&self, user: u64) -> Authenticator {
        let authenticator = Authenticator::derived(1, user);
        self.warm.publish_credential(&authenticator.record()).await.expect("published");
        authenticator
    }

    /// Asks for options: the challenge and the ceremony cookie.
    pub async fn options(&self) -> (String, String) {
        let answer = self.post_json("/passkey/login/options", "", "{}").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let challenge = answer.json()["challenge"].as_str().expect("a challenge").to_owned();
        (challenge, cookie_of(&answer).expect("a ceremony cookie"))
    }

    /// Logs in with a passkey: the session cookie.
    pub async fn log_in(&self, authenticator: &Authenticator) -> String {
        let (challenge, ceremony) = self.options().await;
        let body = authenticator.login_body(RP_ID, ORIGIN, &challenge);
        let answer = self.post_json("/passkey/login", &ceremony, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        cookie_of(&answer).expect("a session cookie")
    }

    /// Opens a session as the backend does after a password: the session cookie.
    pub async fn open_by_password(&self) -> String {
        let session = SessionId::from_bytes([0x50; 16]);
        let record = SessionRecord { components: Components::PASSWORD, ..world::session_record() };
        let record = SessionRecord { authenticated: self.clock.now(), seen: self.clock.now(), ..record };
        self.warm.open_session(&Opening { session, record, replaces: None }).await.expect("opened");
        format!("{}={}", cookie::SESSION, self.state.snapshot.load().tag_keys.token(session, "localhost"))
    }

    /// What services would verify with.
    pub fn verifier(&self, audience: &str) -> Verifier {
        Verifier::new(&self.state.key_set, &self.state.issuer, audience).expect("a key set")
    }
}

/// `name=value` of the first cookie that an answer sets.
pub fn cookie_of(answer: &Answer) -> Option<String> {
    answer.headers.get("set-cookie")?.to_str().ok()?.split(';').next().map(str::to_owned)
}

/// Reads a raw HTTP/1.1 answer.
pub fn parse(raw: &str) -> Answer {
    let (head, body) = raw.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer in {raw:?}"));
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
    let mut headers = hyper::HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        let name: hyper::header::HeaderName = name.parse().expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    Answer { status: status.parse().expect("a status"), headers, body: body.to_owned() }
}

/// The headers that the upstream received.
pub fn received(answer: &Answer) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = answer.body.lines().filter_map(|line| line.split_once(": "));
    lines.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect()
}

/// A service that answers each request with the header that it received, tries to set our cookie, and lets every page
/// read its answers.
pub async fn echo_upstream() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                let mut piece = [0; 4096];
                while let Ok(n) = stream.read(&mut piece).await {
                    head.extend_from_slice(&piece[..n]);
                    if n == 0 || head.windows(4).any(|w| w == b"\r\n\r\n") {
                        break;
                    }
                }
                if head.windows(18).any(|w| w.eq_ignore_ascii_case(b"upgrade: websocket")) {
                    let switch =
                        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
                    let _ = stream.write_all(switch.as_bytes()).await;
                    while let Ok(n @ 1..) = stream.read(&mut piece).await {
                        let _ = stream.write_all(&piece[..n]).await;
                    }
                    return;
                }
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nset-cookie: __Host-aldgate=planted\r\nset-cookie: own=1\r\naccess-control-allow-origin: *\r\naccess-control-allow-private-network: true\r\ncontent-length: {}\r\n\r\n",
                    head.len()
                );
                let _ = stream.write_all(&[answer.as_bytes(), &head].concat()).await;
            });
        }
    });
    port
}
