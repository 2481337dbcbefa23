//! Machines show who they are by a certificate: real TLS handshakes, through the listener's own settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod support;

use aldgate_core::testing::token_issuer::{AUDIENCE, ISSUER, Signer, claims_with, key_set};
use aldgate_core::testing::world::NOW;
use aldgate_core::time::Timestamp;
use aldgate_gateway::config::Config;
use aldgate_gateway::door::handshake::Handshakes;
use aldgate_gateway::files::Files;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pingora::tls::{ClientTlsStream, TlsConnector};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use ring::digest::{SHA256, digest};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, HandshakeKind, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::http::Answer;
use support::instance::{Instance, Ports, config};
use support::world::{World, echo_upstream, received};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;

/// Midnight before its first day, in seconds since the epoch.
const YEAR_2050: u64 = 2_524_608_000;

const HEADER: &str = "aldgate-client-certificate";

/// An authority and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A chain, the client's own certificate first, and the key of that.
type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

impl Authority {
    fn new() -> Self {
        Self::named("Machines")
    }

    fn named(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(authority(name), key).expect("an authority"))
    }

    /// One below this, good until the year 2050.
    fn below(&self) -> Self {
        let mut params = authority("Some machines");
        params.not_after = date_time_ymd(2050, 1, 1);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::signed_by(params, key, &self.0).expect("an authority"))
    }

    fn sign(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let leaf = params.signed_by(&key, &self.0).expect("a certificate");
        (vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
    }

    fn client(&self, names: &[&str]) -> Pair {
        self.sign(&client(names))
    }
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// What a client's certificate says, good until 2100.
fn client(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    let name = |name: &&str| match name.contains("://") {
        true => SanType::URI((*name).try_into().expect("a name")),
        false => SanType::DnsName((*name).try_into().expect("a name")),
    };
    params.subject_alt_names = names.iter().map(name).collect();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2100, 1, 1));
    params
}

/// How a client connects: which certificate it shows, in which version of TLS.
fn connector(
    server: &CertificateDer<'static>,
    shows: Option<Pair>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(server.clone()).expect("a root");
    let builder = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let builder = builder.with_protocol_versions(versions).expect("versions").with_root_certificates(roots);
    match shows {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).expect("a pair"),
    }
}

/// Sends one GET on a connection and reads its answer; gives the sender back for more.
struct Asker<B>(hyper::client::conn::http1::SendRequest<B>);

impl Asker<Empty<Bytes>> {
    async fn over<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Self {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP/1");
        tokio::spawn(connection);
        Self(sender)
    }

    async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(path).header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.0.send_request(request.body(Empty::new()).expect("a request")).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// A gateway whose listener asks for certificates of one authority.
struct Gate {
    world: World,
    authority: Authority,
    handshakes: Handshakes,
    server: CertificateDer<'static>,
    upstream: u16,
    dir: TempDir,
}

impl Gate {
    async fn new() -> Self {
        Self::of(World::new().await).await
    }

    async fn of(world: World) -> Self {
        let (authority, dir) = (Authority::new(), TempDir::new().expect("a directory"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(dir.path().join("chain.pem"), made.cert.pem()).expect("a file");
        std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
        let upstream = echo_upstream().await;
        serve(&world, dir.path(), upstream, Some(&authority.0.pem()));
        let handshakes = Handshakes::new(&world.state).expect("TLS");
        Self { world, authority, handshakes, server: made.cert.der().clone(), upstream, dir }
    }

    /// Takes over the same configuration with these authorities, or none.
    fn trust(&self, authorities: Option<&str>) {
        serve(&self.world, self.dir.path(), self.upstream, authorities);
    }

    /// Takes over the same configuration with more in it.
    fn serve_also(&self, more: &str) {
        serve_with(&self.world, self.dir.path(), self.upstream, Some(&self.authority.0.pem()), more);
    }

    fn client(&self, shows: Option<Pair>) -> TlsConnector {
        TlsConnector::from(Arc::new(connector(&self.server, shows, rustls::ALL_VERSIONS)))
    }

    async fn connect(&self, connector: &TlsConnector) -> std::io::Result<ClientTlsStream<DuplexStream>> {
        self.connect_to(connector, "localhost").await
    }

    async fn connect_to(
        &self,
        connector: &TlsConnector,
        name: &'static str,
    ) -> std::io::Result<ClientTlsStream<DuplexStream>> {
        let (client, server) = tokio::io::duplex(256 * 1024);
        let (handshake, served) = (connector.connect(ServerName::try_from(name).expect("a name"), client), async {
            if let Ok(stream) = self.handshakes.shake(Box::new(server)).await {
                self.world.serve(stream);
            }
        });
        tokio::join!(handshake, served).0
    }

    async fn get(&self, shows: Option<Pair>, path: &str, headers: &[(&str, &str)]) -> Answer {
        let stream = self.connect(&self.client(shows)).await.expect("a handshake");
        Asker::over(stream).await.get(path, headers).await
    }

    /// The alert with which the handshake is refused.
    async fn refusal(&self, shows: Pair) -> AlertDescription {
        let failed = match self.connect(&self.client(Some(shows))).await {
            // Over TLS 1.3 the client learns of it when it reads.
            Ok(mut stream) => stream.read(&mut [0]).await.expect_err("a refusal"),
            Err(error) => error,
        };
        match failed.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) => *alert,
            _ => panic!("no alert: {failed:?}"),
        }
    }
}

/// Takes over a configuration with routes to the upstream, and these authorities of clients.
fn serve(world: &World, dir: &Path, upstream: u16, authorities: Option<&str>) {
    serve_with(world, dir, upstream, authorities, "");
}

fn serve_with(world: &World, dir: &Path, upstream: u16, authorities: Option<&str>, more: &str) {
    let [chain, key, clients] = ["chain.pem", "key.pem", "clients.pem"].map(|name| dir.join(name));
    std::fs::write(&clients, authorities.unwrap_or_default()).expect("a file");
    let mut edge = format!("certificate = {chain:?}, private_key = {key:?}");
    if authorities.is_some() {
        edge.push_str(&format!(", client_authorities = {clients:?}"));
    }
    let text = format!("{}{more}", text(&edge, upstream, authorities.is_some()));
    let config = Config::parse(&text).unwrap_or_else(|faults| panic!("{faults:?}"));
    let files = Files::read(&config).unwrap_or_else(|faults| panic!("{faults:?}"));
    world.state.snapshot.replace(&config, files, &world.state.master, support::world_now(world)).expect("served");
}

/// A configuration with these keys of `[edge]`, and routes that demand certificates or none that does.
fn text(edge: &str, upstream: u16, demanding: bool) -> String {
    let mut text = format!(
        "demo = {{ enabled = false }}\nlog = {{ access = \"off\" }}\nedge = {{ {edge} }}\n\
         [[service]]\nname = \"echo\"\nupstream = \"127.0.0.1:{upstream}\"\n"
    );
    for (path, access, certificate) in [
        ("/open/", "public", "false"),
        ("/any/", "public", "true"),
        ("/named/", "public", "[\"service.example\", \"spiffe://example/service\"]"),
        ("/both/", "session", "true"),
    ] {
        text.push_str(&format!("[[route]]\npath = \"{path}\"\nservice = \"echo\"\naccess = \"{access}\"\n"));
        text.push_str(&format!("client_certificate = {}\n", if demanding { certificate } else { "false" }));
    }
    text
}

#[tokio::test]
async fn a_token_that_is_bound_to_a_certificate_passes_with_it_alone() {
    let (dir, signer) = (TempDir::new().expect("a directory"), Signer::new("ES256", "k1"));
    let keys = dir.path().join("keys.json");
    std::fs::write(&keys, key_set([&signer])).expect("a file");
    let more = format!(
        "[[route]]\npath = \"/api/\"\nservice = \"echo\"\naccess_tokens = true\n\
         [[token_issuer]]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nkey_set = {keys:?}\n"
    );
    let gate = Gate::of(World::with(&more).await).await;
    gate.serve_also(&more);
    let (owner, other) = (gate.authority.client(&["owner.example"]), gate.authority.client(&["other.example"]));
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &owner.0[0]));
    let claims = claims_with(NOW, "cnf", serde_json::json!({ "x5t#S256": thumbprint }));
    let bearer = format!("Bearer {}", signer.token(&claims));
    let shown = [("authorization", bearer.as_str())];
    for (pair, status) in [(None, 401), (Some(other), 401), (Some(owner), 200)] {
        let answer = gate.get(pair, "/api/x", &shown).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

/// The `type` of a problem document.
fn problem(answer: &Answer) -> String {
    answer.json()["type"].as_str().expect("a type").to_owned()
}

fn assert_certificate_required(answer: &Answer) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(problem(answer).ends_with("certificate-required"), "{answer:?}");
}

#[tokio::test]
async fn without_a_certificate_the_public_is_served_and_a_demanding_route_refuses() {
    let gate = Gate::new().await;
    let told = received(&gate.get(None, "/open/", &[]).await);
    assert!(!told.contains_key(HEADER));
    for path in ["/any/", "/named/", "/both/"] {
        assert_certificate_required(&gate.get(None, path, &[("accept", "application/json")]).await);
    }
    assert_certificate_required(&gate.world.get("/any/", &[("accept", "application/json")]).await);
}

#[tokio::test]
async fn a_certificate_of_the_right_name_reaches_the_service_which_is_told_of_it() {
    let gate = Gate::new().await;
    for name in ["service.example", "spiffe://example/service"] {
        let pair = gate.authority.client(&["other.example", name]);
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &pair.0[0]));
        let told = received(&gate.get(Some(pair), "/named/", &[]).await);
        assert_eq!(told[HEADER], format!("sha256=\"{thumbprint}\", names=(\"other.example\" \"{name}\")"));
    }
    let told = received(&gate.get(Some(gate.authority.client(&["service.example"])), "/open/", &[]).await);
    assert!(!told.contains_key(HEADER), "a route that demands none says nothing of it");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let gate = Gate::new().await;
    let mut common = client(&[]);
    common.distinguished_name.push(DnType::CommonName, "service.example");
    let pairs = [
        gate.authority.client(&["other.example"]),
        gate.authority.client(&["service.example.org", "a.service.example", "example"]),
        gate.authority.client(&["*.example"]),
        gate.authority.client(&["spiffe://example/service/more"]),
        gate.authority.sign(&common),
    ];
    for pair in pairs {
        let same = (pair.0.clone(), pair.1.clone_key());
        assert_certificate_required(&gate.get(Some(pair), "/named/", &[("accept", "application/json")]).await);
        received(&gate.get(Some(same), "/any/", &[]).await);
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_does_not_finish_the_handshake() {
    let gate = Gate::new().await;
    // Another authority, one that has taken the name of ours, and a certificate that vouches for itself.
    let pair = Authority::named("Others").client(&["service.example"]);
    assert_eq!(gate.refusal(pair).await, AlertDescription::UnknownCA);
    assert_eq!(gate.refusal(Authority::new().client(&["service.example"])).await, AlertDescription::DecryptError);
    let key = KeyPair::generate().expect("a key");
    let own = client(&["service.example"]).self_signed(&key).expect("a certificate");
    let pair = (vec![own.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"));
    assert_eq!(gate.refusal(pair).await, AlertDescription::UnknownCA);
}

#[tokio::test]
async fn a_certificate_outside_its_dates_or_purpose_does_not_finish_the_handshake() {
    let gate = Gate::new().await;
    let mut expired = client(&["service.example"]);
    expired.not_after = date_time_ymd(2021, 1, 1);
    assert_eq!(gate.refusal(gate.authority.sign(&expired)).await, AlertDescription::CertificateExpired);
    let mut early = client(&["service.example"]);
    early.not_before = date_time_ymd(2099, 1, 1);
    gate.refusal(gate.authority.sign(&early)).await;
    let mut server = client(&["service.example"]);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    gate.refusal(gate.authority.sign(&server)).await;
}

#[tokio::test]
async fn a_certificate_does_not_stand_for_a_session() {
    let gate = Gate::new().await;
    let pair = gate.authority.client(&["service.example"]);
    let same = (pair.0.clone(), pair.1.clone_key());
    let answer = gate.get(Some(pair), "/both/", &[("accept", "application/json")]).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let cookie = gate.world.open_by_password().await;
    let told = received(&gate.get(Some(same), "/both/", &[("cookie", &cookie)]).await);
    assert!(told.contains_key(HEADER) && told.contains_key("aldgate-identity"), "{told:?}");
}

#[tokio::test]
async fn a_client_cannot_say_the_header_itself() {
    let gate = Gate::new().await;
    let forged = [(HEADER, "sha256=\"x\", names=(\"service.example\")"), ("aldgate_client_certificate", "forged")];
    assert_certificate_required(&gate.get(None, "/named/", &[forged[0], ("accept", "application/json")]).await);
    let open = gate.get(None, "/open/", &forged).await;
    let pair = gate.authority.client(&["other.example"]);
    let any = gate.get(Some(pair), "/any/", &forged).await;
    for (answer, said) in [(open, 0), (any, 1)] {
        let body = answer.body.to_ascii_lowercase();
        assert_eq!(body.matches("client-certificate").count(), said, "{body}");
        assert!(!body.contains("forged") && !body.contains("client_certificate") && !body.contains("service.example"));
    }
}

#[tokio::test]
async fn a_client_cannot_have_the_header_taken_away() {
    let gate = Gate::new().await;
    let pair = gate.authority.client(&["service.example"]);
    let refused = gate.get(Some(pair), "/named/", &[("connection", HEADER)]).await;
    assert_eq!(refused.status, 400, "{refused:?}");
}

#[tokio::test]
async fn over_http_2_all_requests_of_a_connection_share_its_certificate() {
    let gate = Gate::new().await;
    let paths: BTreeMap<_, _> = [("/named/", 200), ("/any/", 200), ("/open/", 200)].into();
    for (shows, others) in [(true, 200), (false, 403)] {
        let pair = shows.then(|| gate.authority.client(&["service.example"]));
        let mut config = connector(&gate.server, pair, rustls::ALL_VERSIONS);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = gate.connect(&TlsConnector::from(Arc::new(config))).await.expect("a handshake");
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.expect("HTTP/2");
        tokio::spawn(connection);
        for (path, status) in &paths {
            let request = Request::get(format!("https://localhost{path}")).version(Version::HTTP_2);
            let answer = sender.send_request(request.body(Empty::<Bytes>::new()).expect("a request")).await;
            let answer = answer.expect("an answer");
            let expected = if *path == "/open/" { *status } else { others };
            assert_eq!(answer.status(), expected, "{path}");
            let body = answer.into_body().collect().await.expect("a body").to_bytes();
            let told = String::from_utf8_lossy(&body).to_ascii_lowercase().contains(HEADER);
            assert_eq!(told, shows && *path != "/open/", "{path}");
        }
    }
}

#[tokio::test]
async fn a_resumed_session_is_verified_again() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let gate = Gate::new().await;
        let below = gate.authority.below();
        let mut pair = below.client(&["service.example"]);
        pair.0.push(below.0.der().clone());
        let client = TlsConnector::from(Arc::new(connector(&gate.server, Some(pair), &[version])));
        // An hour before who vouched for it runs out; tickets are good for a day.
        gate.world.clock.advance(Timestamp::from_secs(YEAR_2050 - 3_600).since(NOW));
        let resumed = if *version == rustls::version::TLS13 { HandshakeKind::Resumed } else { HandshakeKind::Full };
        for (kind, status) in [(HandshakeKind::Full, 200), (resumed, 200), (resumed, 403)] {
            if status == 403 {
                gate.world.clock.advance(Duration::from_hours(2));
            }
            let stream = gate.connect(&client).await.expect("a handshake");
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind), "{version:?}");
            let answer = Asker::over(stream).await.get("/named/", &[]).await;
            assert_eq!(answer.status, status, "{version:?}: who vouched for it ran out in 2050");
        }
    }
}

#[tokio::test]
async fn a_connection_does_not_outlive_its_certificate() {
    let gate = Gate::new().await;
    let pair = gate.authority.client(&["service.example"]);
    let stream = gate.connect(&gate.client(Some(pair))).await.expect("a handshake");
    let mut asker = Asker::over(stream).await;
    assert_eq!(asker.get("/named/", &[]).await.status, 200);
    gate.world.clock.advance(Duration::from_hours(24 * 365 * 100));
    assert_eq!(asker.get("/named/", &[]).await.status, 403);
    assert_eq!(asker.get("/open/", &[]).await.status, 200, "the connection itself still stands");
}

#[tokio::test]
async fn an_authority_between_that_has_run_out_opens_nothing_on_a_connection_that_stands() {
    let gate = Gate::new().await;
    let below = gate.authority.below();
    let mut pair = below.client(&["service.example"]);
    pair.0.push(below.0.der().clone());
    let mut asker = Asker::over(gate.connect(&gate.client(Some(pair))).await.expect("a handshake")).await;
    assert_eq!(asker.get("/named/", &[]).await.status, 200);
    gate.world.clock.advance(Duration::from_hours(24 * 365 * 40));
    assert_eq!(asker.get("/named/", &[]).await.status, 403, "it ran out in 2050");
}

#[tokio::test]
async fn an_authority_that_is_taken_out_opens_nothing_any_more_on_any_connection() {
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        let (gate, other) = (Gate::new().await, Authority::named("Others"));
        let client = |pair| TlsConnector::from(Arc::new(connector(&gate.server, Some(pair), &[version])));
        let ours = client(gate.authority.client(&["service.example"]));
        let mut standing = Asker::over(gate.connect(&ours).await.expect("a handshake")).await;
        assert_eq!(standing.get("/named/", &[]).await.status, 200);

        gate.trust(Some(&format!("{}{}", gate.authority.0.pem(), other.0.pem())));
        assert_eq!(standing.get("/named/", &[]).await.status, 200, "one more changes nothing for the first");
        let theirs = client(other.client(&["service.example"]));
        let stream = gate.connect(&theirs).await.expect("a handshake");
        assert_eq!(Asker::over(stream).await.get("/named/", &[]).await.status, 200);

        gate.trust(Some(&other.0.pem()));
        assert_certificate_required(&standing.get("/named/", &[("accept", "application/json")]).await);
        assert_eq!(standing.get("/open/", &[]).await.status, 200, "the connection itself still stands");
        if *version == rustls::version::TLS13 {
            let resumed = gate.connect(&ours).await.expect("a handshake");
            assert_eq!(resumed.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
            assert_certificate_required(
                &Asker::over(resumed).await.get("/named/", &[("accept", "application/json")]).await,
            );
        } else {
            assert!(gate.connect(&ours).await.is_err(), "TLS 1.2 resumes nothing");
        }
        assert_eq!(gate.refusal(gate.authority.client(&["service.example"])).await, AlertDescription::UnknownCA);
    }
}

#[tokio::test]
async fn without_authorities_a_standing_connection_shows_nothing_and_nobody_is_asked() {
    let gate = Gate::new().await;
    let pair = gate.authority.client(&["service.example"]);
    let client = gate.client(Some(pair));
    let mut standing = Asker::over(gate.connect(&client).await.expect("a handshake")).await;
    assert!(received(&standing.get("/named/", &[]).await).contains_key(HEADER));
    gate.trust(None);
    assert!(!received(&standing.get("/named/", &[]).await).contains_key(HEADER));
    let stream = gate.connect(&gate.client(Some(Authority::named("Others").client(&["a.example"])))).await;
    assert_eq!(Asker::over(stream.expect("not asked")).await.get("/named/", &[]).await.status, 200);
}

/// Notes which authorities a server names, and shows nothing.
#[derive(Debug, Default)]
struct Hints(Mutex<Option<usize>>);

impl ResolvesClientCert for Hints {
    fn resolve(&self, subjects: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        *self.0.lock().expect("a lock") = Some(subjects.len());
        None
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn clients_are_told_the_authorities_of_the_configuration_that_serves() {
    let gate = Gate::new().await;
    let told = async || {
        let hints = Arc::new(Hints::default());
        let mut config = connector(&gate.server, None, rustls::ALL_VERSIONS);
        config.client_auth_cert_resolver = hints.clone();
        gate.connect(&TlsConnector::from(Arc::new(config))).await.expect("a handshake");
        *hints.0.lock().expect("a lock")
    };
    assert_eq!(told().await, Some(1));
    let (first, second) = (gate.authority.0.pem(), Authority::named("Others").0.pem());
    gate.trust(Some(&format!("{first}{second}")));
    assert_eq!(told().await, Some(2));
    gate.trust(None);
    assert_eq!(told().await, None, "nobody is asked");
    gate.trust(Some(&first));
    assert_eq!(told().await, Some(1));
    for n in 0..70 {
        let one = Authority::named(&format!("Machines {n}")).0.pem();
        gate.trust(Some(&one));
        let expected = if n < 62 { 1 } else { 0 };
        assert_eq!(told().await, Some(expected), "set {n}: where no more can be told, clients choose freely");
    }
}

/// Threats: a name in the handshake, or the form of its first message, that makes the gate forget what a route demands.
#[tokio::test]
async fn no_form_of_the_handshake_avoids_what_the_route_demands() {
    let gate = Gate::new().await;
    let made = rcgen::generate_simple_self_signed(
        ["localhost", "other.example", "deep.other.example", "127.0.0.1"].map(String::from),
    );
    let made = made.expect("a certificate");
    std::fs::write(gate.dir.path().join("chain.pem"), made.cert.pem()).expect("a file");
    std::fs::write(gate.dir.path().join("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    gate.trust(Some(&gate.authority.0.pem()));
    // By name, by another, in other letters, without any (an address has none); and cut into small records.
    for name in ["localhost", "LocalHost", "other.example", "deep.other.example", "127.0.0.1"] {
        for fragments in [None, Some(64)] {
            for (shows, status) in [(true, 200), (false, 403)] {
                let pair = shows.then(|| gate.authority.client(&["service.example"]));
                let mut config = connector(made.cert.der(), pair, rustls::ALL_VERSIONS);
                config.max_fragment_size = fragments;
                let stream = gate.connect_to(&TlsConnector::from(Arc::new(config)), name).await.expect("a handshake");
                let answer = Asker::over(stream).await.get("/named/", &[]).await;
                assert_eq!(answer.status, status, "{name} in pieces of {fragments:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_other_proxies_say_of_certificates_is_struck() {
    let gate = Gate::new().await;
    let forged = [
        ("client-cert", ":Zm9yZ2Vk:"),
        ("Client_Cert-Chain", "forged"),
        ("x-forwarded-client-cert", "By=forged"),
        ("x-ssl-client-verify", "SUCCESS-forged"),
        ("ssl-client-subject-dn", "CN=forged"),
        ("x-amzn-mtls-clientcert-subject", "CN=forged"),
        ("x-client-cert", "forged"),
        ("x-arr-clientcert", "forged"),
    ];
    for shows in [None, Some(gate.authority.client(&["other.example"]))] {
        let path = if shows.is_some() { "/any/" } else { "/open/" };
        let answer = gate.get(shows, path, &forged).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("forged") && !answer.body.contains("Zm9y"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_proxy_that_asks_about_a_demanding_route_is_told_clearly_that_it_cannot() {
    let gate = Gate::new().await;
    let asker = support::asker::Asker::of(&gate.world).await;
    let shown = ("x-forwarded-client-cert", "By=spiffe://example/service");
    let url = ("x-original-url", "http://localhost:8080/named/");
    let forwarded = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "localhost:8080"),
        ("x-forwarded-uri", "/named/"),
    ];
    let header = (HEADER, "sha256=\"x\", names=(\"service.example\")");
    let questions = [
        ("/authz/nginx", vec![("x-original-method", "GET"), url, shown, header]),
        ("/authz/forward", [&forwarded[..], &[shown, header]].concat()),
        ("/authz/haproxy", [&forwarded[..], &[shown, header]].concat()),
        ("/authz/envoy/named/", vec![("host", "localhost:8080"), ("x-forwarded-proto", "http"), shown, header]),
    ];
    for (path, headers) in questions {
        let answer = asker.ask("GET", path, &headers).await;
        assert_certificate_required(&answer);
        assert!(answer.body.contains("the gate's own TLS listener"), "{path}: {}", answer.body);
    }
    let open = asker.ask(
        "GET",
        "/authz/nginx",
        &[("x-original-method", "GET"), ("x-original-url", "http://localhost:8080/open/")],
    );
    assert_eq!(open.await.status, 200, "a route that demands none is decided as ever");
}

#[tokio::test]
async fn the_whole_program_asks_for_certificates_and_serves_who_has_one() {
    let (dir, ports, authority) = (Arc::new(TempDir::new().expect("a directory")), Ports::free(), Authority::new());
    let clients = dir.path().join("clients.pem");
    std::fs::write(&clients, authority.0.pem()).expect("a file");
    let upstream = echo_upstream().await;
    let routes = format!(
        "[[service]]\nname = \"echo\"\nupstream = \"127.0.0.1:{upstream}\"\n\
         [[route]]\npath = \"/machines/\"\nservice = \"echo\"\naccess = \"public\"\n\
         client_certificate = [\"service.example\"]\n"
    );
    let asks = format!("threads = 2\nclient_authorities = {clients:?}");
    let text = config(dir.path(), ports, &routes).replace("threads = 2", &asks);
    let instance = Instance::start_as(dir, ports, &text).await;
    let server = CertificateDer::from_pem_file(instance.data().join("tls/certificate.pem")).expect("a certificate");
    let get = async |pair: Option<Pair>, path: &str| {
        let stream = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, ports.https))).await.expect("connected");
        let client = TlsConnector::from(Arc::new(connector(&server, pair, rustls::ALL_VERSIONS)));
        let stream = client.connect(ServerName::try_from("localhost").expect("a name"), stream).await;
        Asker::over(stream.expect("a handshake")).await.get(path, &[]).await
    };
    assert_eq!(get(None, "/").await.status, 200, "people are served as ever");
    assert_eq!(get(None, "/machines/").await.status, 403);
    assert_eq!(get(Some(authority.client(&["other.example"])), "/machines/").await.status, 403);
    let told = received(&get(Some(authority.client(&["service.example"])), "/machines/").await);
    assert!(told[HEADER].ends_with("names=(\"service.example\")"), "{told:?}");
    assert_eq!(instance.client().get("/machines/").await.status, 403, "plain HTTP shows no certificate");
}

#[test]
fn a_route_cannot_demand_what_no_listener_asks_for() {
    let faults = |edge: &str, certificate: &str| {
        let text = format!(
            "{edge}\ndemo = {{ enabled = false }}\n[[service]]\nname = \"a\"\nupstream = \"127.0.0.1:1\"\n\
             [[route]]\npath = \"/a/\"\nservice = \"a\"\naccess = \"public\"\nclient_certificate = {certificate}\n"
        );
        let faults = Config::parse(&text).err().unwrap_or_default();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let good = "edge = { client_authorities = \"clients.pem\" }";
    assert_eq!(faults(good, "true"), "");
    assert_eq!(faults("", "false"), "", "none is demanded");
    assert!(faults("", "true").contains("route[0].client_certificate: needs edge.client_authorities"));
    let plain = "edge = { https = \"\", client_authorities = \"clients.pem\" }";
    assert!(faults(plain, "true").contains("route[0].client_certificate: needs edge.https"));
    assert!(faults(plain, "false").contains("edge.client_authorities: goes with https"));
    let behind = format!(
        "{good}\ndemo = {{ enabled = false }}\n[[service]]\nname = \"a\"\n[[route]]\npath = \"/a/\"\nservice = \"a\"\nclient_certificate = true\n"
    );
    let said = format!("{:?}", Config::parse(&behind).err().unwrap_or_default());
    assert!(said.contains("needs a service with an upstream"), "{said}");
    for wrong in ["[]", "[\"*.example\"]", "[\"Service.example\"]", "[\"CN=a\"]", "[\"a b\"]", "\"a\"", "[\"a..b\"]"] {
        assert!(faults(good, wrong).contains("route[0].client_certificate"), "{wrong}");
    }
}
