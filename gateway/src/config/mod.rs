//! The configuration: what the file may say ([`file`]), and what the program uses ([`Config`]), with every value
//! checked and typed in between ([`check`]). All faults are found before any is reported.

pub mod check;
pub mod fault;
pub mod file;
mod network;
pub mod source;

use aldgate_core::hot::Capacity;
use aldgate_core::limit::rate::Rate;
use aldgate_core::policy::route::{Route, Service};
use aldgate_core::session::record::Lifetimes;
use aldgate_core::warm::redis::Address;
use aldgate_core::webauthn::relying_party::RelyingParty;
use fault::Fault;
pub use network::Network;
use source::Source;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything that the program needs to know, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the program keeps its database, keys, sockets and logs.
    pub data: PathBuf,
    /// The listeners.
    pub edge: Edge,
    /// For whom passkeys are made.
    pub relying_party: RelyingParty,
    /// The origin that people sign in at, and the issuer of identity assertions.
    pub issuer: String,
    /// The host of the log-in pages, in lower case without port.
    pub login_host: String,
    /// How long sessions last.
    pub lifetimes: Lifetimes,
    /// Where the deployment's keys lie.
    pub keys: PathBuf,
    /// The program that wraps data keys and unwraps them, with its first arguments; without one they lie plain.
    pub key_program: Option<Vec<String>>,
    /// Where the backend's sockets lie.
    pub sockets: PathBuf,
    /// The backend's database.
    pub store: Store,
    /// Networks, beside the public ones, in which clients may be told of log-outs, as text: the backend reads them.
    pub client_networks: Vec<String>,
    /// The shared tier.
    pub warm: Warm,
    /// How much the hot tier may hold.
    pub hot: Capacity,
    /// How passwords are hashed, and which ones are taken.
    pub password: Password,
    /// When the OpenID provider's keys change.
    pub signing_keys: KeyPeriods,
    /// The list of models of authenticators, if there is one.
    pub models: Option<Models>,
    /// Who carries what is sent to people.
    pub messages: Messages,
    /// How much may be asked for.
    pub admission: Admission,
    /// How many people sign in at once, if that is bounded.
    pub waiting_room: Option<WaitingRoom>,
    /// The built-in demonstration service, if it runs.
    pub demo: Option<SocketAddr>,
    /// Where the access log goes.
    pub access_log: AccessLog,
    /// The services behind the gate.
    pub services: Vec<Arc<Service>>,
    /// Whose access tokens are taken, on the routes that take any.
    pub token_issuers: Vec<TokenIssuer>,
    /// The services that people sign in to by OpenID Connect.
    pub clients: Vec<Client>,
    /// The routes to them; the platform's own are added by the edge.
    pub routes: Vec<Route>,
}

/// The listeners and their limits.
#[derive(Debug, Clone)]
pub struct Edge {
    /// Plain HTTP.
    pub http: Option<SocketAddr>,
    /// HTTP over TLS.
    pub https: Option<SocketAddr>,
    /// Metrics, health, and the questions of other proxies; loopback only.
    pub private: SocketAddr,
    /// Envoy's questions over gRPC; loopback only.
    pub authz_grpc: Option<SocketAddr>,
    /// Threads that serve.
    pub threads: usize,
    /// Whether plain requests to services take the fast lane.
    pub fast_lane: bool,
    /// Whether other processes of this user may listen on `http`, `https` and `authz_grpc` too (`SO_REUSEPORT`).
    pub reuse_port: bool,
    /// How long the end is announced (readiness false, still serving), so that a balancer can look elsewhere.
    pub announce: Duration,
    /// How long requests under way are given once listening has stopped.
    pub drain: Duration,
    /// Certificate chain and private key (PEM); without them a development certificate is made.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The authorities (PEM) of clients' certificates; without them, no client is asked for one.
    pub client_authorities: Option<PathBuf>,
    /// How many connections the public listeners take.
    pub connections: Connections,
    /// For how long browsers are told to come over TLS only; `None` to say nothing.
    pub hsts: Option<Duration>,
}

/// How many connections the public listeners take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// In all.
    pub all: NonZeroU32,
    /// From one address (IPv6: from one /64); `None` for as many as there may be.
    pub per_address: Option<NonZeroU32>,
    /// From where there may be more: balancers that stand in front.
    pub uncapped: Vec<Network>,
}

/// The backend's database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Store {
    /// An SQLite file in the data directory.
    Embedded,
    /// On PostgreSQL.
    Postgres(Postgres),
}

/// A database on PostgreSQL, and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// `postgres://user@host/database`. The backend judges the rest of it.
    pub url: String,
    /// The file whose first line is the user's password.
    pub password_file: Option<PathBuf>,
    /// The authorities (PEM) that may have signed the server's certificate; `None` for those of the system.
    pub ca: Option<PathBuf>,
    /// Connections at most.
    pub connections: u32,
}

/// The shared tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warm {
    /// On the backend's own store, in one process with it.
    Embedded,
    /// On Redis or Valkey.
    Redis(Redis),
}

/// Redis servers, and how to speak to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// Where to begin.
    pub addresses: Vec<Address>,
    /// Whether they are a Redis Cluster.
    pub cluster: bool,
    /// TLS, if it is to be used.
    pub tls: Option<RedisTls>,
    /// The ACL user; `None` for the default one.
    pub user: Option<String>,
    /// The file whose first line is the user's password.
    pub password_file: Option<PathBuf>,
    /// How the names of all keys begin.
    pub prefix: String,
}

/// TLS to Redis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisTls {
    /// The authorities (PEM) that may have signed the servers' certificates; `None` for those of the system.
    pub ca: Option<PathBuf>,
}

/// How passwords are hashed, and which ones are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// Threads that hash.
    pub threads: usize,
    /// Shortest password of an account that asks for nothing else, in characters.
    pub alone_length: usize,
    /// The filter of breached passwords, if there is one.
    pub breached: Option<PathBuf>,
}

/// The list of models of authenticators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Models {
    /// The list itself (FIDO Metadata Service).
    pub list: PathBuf,
    /// The certificate of the root that its signer must lead to.
    pub root: PathBuf,
}

/// Who carries what is sent to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Messages {
    /// Mail.
    pub email: Carrier,
    /// Text messages.
    pub text: Carrier,
    /// Calls.
    pub voice: Carrier,
    /// The codes of the countries whose telephones are written to and called, as text; `None` where nothing is said.
    pub countries: Option<Vec<String>>,
}

/// Whoever carries messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// A folder, from which somebody else takes them.
    Outbox,
    /// A mail relay.
    Smtp(Smtp),
    /// GOV.UK Notify.
    GovUkNotify(GovUkNotify),
    /// Whoever takes them over HTTPS.
    Webhook(Webhook),
}

/// A mail relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is spoken to.
    pub security: SmtpSecurity,
    /// Who we are there, and the file whose first line is our password.
    pub login: Option<(String, PathBuf)>,
    /// From whom mail is.
    pub from: String,
}

/// How a mail relay is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Implicit,
    /// TLS before anything else is said.
    StartTls,
    /// Without TLS: on this machine only.
    None,
}

/// A service at GOV.UK Notify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GovUkNotify {
    /// The API.
    pub url: String,
    /// The file whose first line is the API key.
    pub api_key_file: PathBuf,
    /// The template of mail.
    pub email_template: String,
    /// The template of text messages.
    pub text_template: String,
    /// Messages a minute that the service may send.
    pub per_minute: u32,
}

/// Whoever takes text messages and calls over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where they are posted to.
    pub url: String,
    /// The file whose first line is the secret by which they are signed.
    pub secret_file: PathBuf,
    /// Messages a minute that it takes.
    pub per_minute: u32,
}

/// When the keys change with which the OpenID provider signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPeriods {
    /// For how long a key is published before it signs.
    pub announce: Duration,
    /// For how long it signs.
    pub period: Duration,
    /// For how long it is published after that.
    pub keep: Duration,
}

/// Somebody whose access tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenIssuer {
    /// Its name: the `iss` of its tokens, exactly.
    pub issuer: String,
    /// Our name in its tokens: what their `aud` must contain, exactly.
    pub audience: String,
    /// How its tokens are judged.
    pub check: TokenCheck,
    /// Whether the DPoP proofs of its tokens must carry a nonce of ours.
    pub dpop_nonce: bool,
}

/// How the tokens of an issuer are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenCheck {
    /// They are JWTs, verified with its key set.
    KeySet {
        /// Where the set is.
        place: KeySetPlace,
        /// How often it is fetched again.
        refresh: Duration,
    },
    /// It is asked about them.
    Introspection(Introspection),
}

/// Where a key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySetPlace {
    /// In a file.
    File(PathBuf),
    /// At an address: https, or http on this machine.
    Uri(String),
}

/// How an issuer is asked about a token (RFC 7662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introspection {
    /// The endpoint: https, or http on this machine.
    pub endpoint: String,
    /// Who we are there.
    pub client_id: String,
    /// The file with our secret there.
    pub client_secret: PathBuf,
    /// For how long an answer is used.
    pub cache: Duration,
}

/// A service that people sign in to by OpenID Connect, as the file says it: whether it can be served so, the backend judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name on the wire.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whose rules hold for it, if the file says so.
    pub profile: Option<String>,
    /// The exact addresses at which it takes its answers.
    pub redirect_uris: Vec<String>,
    /// Where it takes people whom it has signed out here.
    pub post_logout_redirect_uris: Vec<String>,
    /// What it may ask to know.
    pub scopes: Vec<String>,
    /// How well it may ask people to be known.
    pub vectors: Vec<String>,
    /// Clients whose log-ins it may continue.
    pub sso_from: Vec<String>,
    /// The sector in which it knows people by one name, if the file says so.
    pub sector: Option<String>,
    /// Where it is told of log-outs, without the browser.
    pub backchannel_logout_uri: Option<String>,
    /// Whether it must be told which session has ended.
    pub backchannel_logout_session_required: bool,
    /// By what its ID tokens and log-out tokens are signed, if the file says so.
    pub id_token_signed_response_alg: Option<String>,
    /// What its access tokens say that the system is which asks for a person, if the file says so.
    pub requesting_system: Option<String>,
    /// The one algorithm of its request objects, if the file says so.
    pub request_object_signing_alg: Option<String>,
    /// Whether each of its requests must be signed.
    pub require_signed_request_object: bool,
    /// What it is told of somebody who does not agree, if the file says so.
    pub consent_refused: Option<String>,
    /// What it may ask for itself, about nobody.
    pub machine_scopes: Vec<String>,
    /// The services for which it may ask for tokens.
    pub resources: Vec<String>,
    /// The services that it stands for, if it is a resource server of those alone.
    pub serves: Vec<String>,
    /// The services for which it may exchange tokens.
    pub exchange_for: Vec<String>,
    /// The DNS name of the certificate by which it proves itself.
    pub tls_client_auth_san_dns: Option<String>,
    /// The URI of that.
    pub tls_client_auth_san_uri: Option<String>,
    /// Whether its tokens are bound to its certificate.
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Whether it may ask what tokens of other clients are worth.
    pub resource_server: bool,
    /// The file with its keys; none for one that proves itself by its certificate and signs nothing.
    pub keys: Option<ClientKeys>,
    /// Whether it is out of use.
    pub disabled: bool,
}

/// Where a client's public keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientKeys {
    /// One key, in PEM.
    Pem(PathBuf),
    /// A key set (RFC 7517).
    Set(PathBuf),
}

/// How much may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Addresses that stand for many people: no rate of one address is held against them.
    pub many_behind: Vec<IpAddr>,
    /// What holds for each class of cost, in the order of [`aldgate_core::policy::cost::CostClass::ALL`].
    pub classes: [ClassLimits; 4],
}

/// What holds for one class of cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassLimits {
    /// How often one address may ask.
    pub per_address: Option<Rate>,
    /// How many requests may be under way, and how many more may wait for that.
    pub places: Option<Places>,
}

/// How many requests may be under way, and how many more may wait for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// Under way.
    pub at_once: u32,
    /// Waiting.
    pub queue: u32,
}

/// How many people sign in at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingRoom {
    /// How many are let in.
    pub people: u32,
    /// How long one stays without asking for another page.
    pub stay: Duration,
}

/// Where the access log goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To standard output.
    Stdout,
    /// To a file, appended.
    File(PathBuf),
}

impl Config {
    /// Reads and checks a file. Without a file, the defaults stand.
    ///
    /// # Errors
    /// Every fault that was found, each with the path of its key.
    pub fn load(path: Option<&Path>) -> Result<Self, Vec<Fault>> {
        Source::read(path).map_err(|fault| vec![fault])?.config()
    }

    /// Reads and checks the text of a file.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let (file, faults) = file::FileConfig::parse(text).map_err(|fault| vec![fault])?;
        check::check(&file, faults)
    }

    /// The file of the embedded database.
    pub fn database(&self) -> PathBuf {
        self.data.join("aldgate.db")
    }

    /// The Unix socket on which the backend answers requests that the gate forwards.
    pub fn backend_socket(&self) -> PathBuf {
        self.sockets.join("backend.sock")
    }

    /// The Unix socket on which the backend answers administrators.
    pub fn admin_socket(&self) -> PathBuf {
        self.sockets.join("admin.sock")
    }

    /// The Unix socket on which the backend answers gateways themselves.
    pub fn cold_socket(&self) -> PathBuf {
        self.sockets.join("cold.sock")
    }
}
