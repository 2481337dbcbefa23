//! What the file may say: TOML, every key optional, no other key allowed.
//!
//! Values are read as they stand here and judged in [`super::check`]. The tables are read by hand rather than by serde,
//! which stops at the first fault: a person who mends a file wants to see all of them, unknown keys and values of the
//! wrong kind included.

use super::fault::Fault;
use toml::Value;

/// A value as it can stand in the file.
trait Read: Sized {
    /// Reads it; what cannot be read is a fault, and nothing.
    fn read(path: &str, value: &Value, faults: &mut Vec<Fault>) -> Option<Self>;
}

macro_rules! scalar {
    ($type:ty, $kind:literal, $pattern:pat => $value:expr) => {
        impl Read for $type {
            fn read(path: &str, value: &Value, faults: &mut Vec<Fault>) -> Option<Self> {
                if let $pattern = value {
                    return Some($value);
                }
                faults.push(Fault::new(path, concat!("must be ", $kind)));
                None
            }
        }
    };
}

scalar!(String, "text in quotes", Value::String(text) => text.clone());
scalar!(i64, "a whole number", Value::Integer(number) => *number);
scalar!(bool, "true or false", Value::Boolean(flag) => *flag);

impl<T: Read> Read for Vec<T> {
    fn read(path: &str, value: &Value, faults: &mut Vec<Fault>) -> Option<Self> {
        let Value::Array(items) = value else {
            faults.push(Fault::new(path, "must be a list"));
            return None;
        };
        let read = |(at, item)| T::read(&format!("{path}[{at}]"), item, faults);
        Some(items.iter().enumerate().filter_map(read).collect())
    }
}

/// `client_certificate` of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileCertificate {
    /// `true`, any that the authorities vouch for; or `false`, none.
    Demanded(bool),
    /// One of these names.
    Named(Vec<String>),
}

impl Read for FileCertificate {
    fn read(path: &str, value: &Value, faults: &mut Vec<Fault>) -> Option<Self> {
        match value {
            Value::Boolean(demanded) => Some(Self::Demanded(*demanded)),
            Value::Array(_) => Vec::read(path, value, faults).map(Self::Named),
            _ => {
                faults.push(Fault::new(path, "must be true, false or a list of names"));
                None
            }
        }
    }
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident : $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: Option<$type>,)*
        }

        impl Read for $name {
            fn read(path: &str, value: &Value, faults: &mut Vec<Fault>) -> Option<Self> {
                let Value::Table(table) = value else {
                    faults.push(Fault::new(path, "must be a table"));
                    return None;
                };
                let at = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                let known = [$(stringify!($field)),*];
                for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
                    let message = format!("is not a key that Aldgate knows; known: {}", known.join(", "));
                    faults.push(Fault::new(&at(key), &message));
                }
                Some(Self {
                    $($field: table
                        .get(stringify!($field))
                        .and_then(|value| <$type as Read>::read(&at(stringify!($field)), value, faults)),)*
                })
            }
        }
    };
}

table!(
    /// The whole file.
    FileConfig {
        /// `[data]`
        data: FileData,
        /// `[edge]`
        edge: FileEdge,
        /// `[relying_party]`
        relying_party: FileRelyingParty,
        /// `[session]`
        session: FileSession,
        /// `[keys]`
        keys: FileKeys,
        /// `[backend]`
        backend: FileBackend,
        /// `[store]`
        store: FileStore,
        /// `[warm]`
        warm: FileWarm,
        /// `[hot]`
        hot: FileHot,
        /// `[password]`
        password: FilePassword,
        /// `[signing_keys]`
        signing_keys: FileSigningKeys,
        /// `[passkeys]`
        passkeys: FilePasskeys,
        /// `[messages]`
        messages: FileMessages,
        /// `[admission]`
        admission: FileAdmission,
        /// `[waiting_room]`
        waiting_room: FileWaitingRoom,
        /// `[demo]`
        demo: FileDemo,
        /// `[log]`
        log: FileLog,
        /// `[[service]]`
        service: Vec<FileService>,
        /// `[[token_issuer]]`
        token_issuer: Vec<FileTokenIssuer>,
        /// `[[client]]`
        client: Vec<FileClient>,
        /// `[[route]]`
        route: Vec<FileRoute>,
    }
);
table!(
    /// `[data]`: where things are kept.
    FileData {
        /// The directory.
        dir: String,
    }
);
table!(
    /// `[edge]`: the listeners.
    FileEdge {
        /// Address of the plain HTTP listener; empty for none.
        http: String,
        /// Address of the TLS listener; empty for none.
        https: String,
        /// Address of the private listener.
        private: String,
        /// Address at which Envoy asks over gRPC; empty for none.
        authz_grpc: String,
        /// Threads that serve.
        threads: i64,
        /// Whether plain requests to services take the fast lane.
        fast_lane: bool,
        /// Whether http, https and authz_grpc may be listened on by several processes of this user.
        reuse_port: bool,
        /// How long the end is announced before listening stops.
        announce: String,
        /// How long requests under way are given after that.
        drain: String,
        /// Certificate chain, PEM.
        certificate: String,
        /// Private key, PEM.
        private_key: String,
        /// Authorities of clients' certificates, PEM.
        client_authorities: String,
        /// For how long browsers are to come over TLS only; "off" to say nothing.
        hsts: String,
        /// Connections in all.
        connections: i64,
        /// Connections from one address; 0 for no such cap.
        connections_per_address: i64,
        /// Networks to which that cap does not apply.
        uncapped: Vec<String>,
    }
);
table!(
    /// `[relying_party]`: for whom passkeys are made.
    FileRelyingParty {
        /// RP ID.
        id: String,
        /// Name that authenticators show.
        name: String,
        /// Exact origins; the first is where people sign in.
        origins: Vec<String>,
        /// Exact origins outside the RP ID that may use its passkeys too.
        related: Vec<String>,
        /// Exact origins of pages that may embed the log-in page.
        embedders: Vec<String>,
        /// "required" or "preferred".
        user_verification: String,
    }
);
table!(
    /// `[session]`: how long sessions last.
    FileSession {
        /// How long one may lie unused.
        idle: String,
        /// How long one may last in all.
        absolute: String,
    }
);
table!(
    /// `[keys]`: the deployment's keys.
    FileKeys {
        /// The directory.
        dir: String,
        /// The program that wraps data keys, and its first arguments.
        wrap: Vec<String>,
    }
);
table!(
    /// `[backend]`: how gateways reach it.
    FileBackend {
        /// The directory of its sockets.
        sockets: String,
        /// Networks, beside the public ones, in which clients may be told of log-outs.
        client_networks: Vec<String>,
    }
);
table!(
    /// `[store]`: the backend's database.
    FileStore {
        /// `postgres://user@host/database`; without it, an SQLite file in the data directory.
        url: String,
        /// File whose first line is the password.
        password_file: String,
        /// Authorities of the server's certificate, PEM.
        ca: String,
        /// Connections at most.
        connections: i64,
    }
);
table!(
    /// `[warm]`: the tier that all gateways share.
    FileWarm {
        /// "embedded" or "redis".
        kind: String,
        /// `host:port` of each server.
        addresses: Vec<String>,
        /// Whether they are a Redis Cluster.
        cluster: bool,
        /// Whether to speak TLS.
        tls: bool,
        /// Authorities of the servers' certificates, PEM.
        ca: String,
        /// ACL user.
        user: String,
        /// File whose first line is the password.
        password_file: String,
        /// How the names of all keys begin.
        prefix: String,
    }
);
table!(
    /// `[hot]`: how much is kept in memory.
    FileHot {
        /// Bytes for sessions.
        sessions: String,
        /// Bytes for passkeys.
        credentials: String,
        /// Bytes for what is known not to be there.
        gone: String,
        /// Bytes for what services are told of sessions.
        identities: String,
    }
);
table!(
    /// `[password]`
    FilePassword {
        /// Threads that hash.
        threads: i64,
        /// Shortest password of an account that asks for nothing else, in characters.
        alone_length: i64,
        /// The filter of breached passwords.
        breached: String,
    }
);
table!(
    /// `[signing_keys]`: when the keys change with which the OpenID provider signs.
    FileSigningKeys {
        /// For how long a key is published before it signs.
        announce: String,
        /// For how long it signs.
        period: String,
        /// For how long it is published after that.
        keep: String,
    }
);
table!(
    /// `[passkeys]`: what is known of models of authenticators.
    FilePasskeys {
        /// The list of the FIDO Metadata Service, as it was fetched.
        metadata: String,
        /// The certificate of the root that its signer must lead to.
        metadata_root: String,
    }
);
table!(
    /// `[messages]`: who carries what is sent to people.
    FileMessages {
        /// "outbox", "smtp" or "govuk-notify".
        email: String,
        /// "outbox", "govuk-notify" or "webhook".
        text: String,
        /// "outbox" or "webhook".
        voice: String,
        /// Codes of the countries whose telephones are written to and called.
        countries: Vec<String>,
        /// `[messages.smtp]`
        smtp: FileSmtp,
        /// `[messages.govuk_notify]`
        govuk_notify: FileGovUkNotify,
        /// `[messages.webhook]`
        webhook: FileWebhook,
    }
);
table!(
    /// `[messages.webhook]`: whoever takes text messages and calls over HTTPS.
    FileWebhook {
        /// Where they are posted to.
        url: String,
        /// The file whose first line is the secret by which they are signed.
        secret_file: String,
        /// Messages a minute that it takes.
        per_minute: i64,
    }
);
table!(
    /// `[messages.smtp]`: a mail relay.
    FileSmtp {
        /// Its host.
        host: String,
        /// Its port.
        port: i64,
        /// "implicit", "starttls" or "none".
        security: String,
        /// Who we are there.
        user: String,
        /// The file whose first line is our password there.
        password_file: String,
        /// From whom mail is.
        from: String,
    }
);
table!(
    /// `[messages.govuk_notify]`: a service at GOV.UK Notify.
    FileGovUkNotify {
        /// The API.
        url: String,
        /// The file whose first line is the API key.
        api_key_file: String,
        /// The template of mail.
        email_template: String,
        /// The template of text messages.
        text_template: String,
        /// Messages a minute that the service may send.
        per_minute: i64,
    }
);
table!(
    /// `[admission]`: how much may be asked for.
    FileAdmission {
        /// Addresses that stand for many people.
        many_behind: Vec<String>,
        /// `[admission.check]`
        check: FileClass,
        /// `[admission.passkey]`
        passkey: FileClass,
        /// `[admission.refresh]`
        refresh: FileClass,
        /// `[admission.password]`
        password: FileClass,
    }
);
table!(
    /// `[admission.*]`: one class of cost.
    FileClass {
        /// The rate of one address, as "20/s" or "300/m"; "" for none.
        per_address: String,
        /// How many of them may come at once.
        burst: i64,
        /// How many may be under way, of all addresses together; 0 for any number.
        at_once: i64,
        /// How many more may wait.
        queue: i64,
    }
);
table!(
    /// `[waiting_room]`: how many people sign in at once.
    FileWaitingRoom {
        /// How many; 0 for any number, and no room.
        people: i64,
        /// How long one may stay without asking for another page.
        stay: String,
    }
);
table!(
    /// `[demo]`: the built-in demonstration service.
    FileDemo {
        /// Whether it runs.
        enabled: bool,
        /// Where it listens.
        listen: String,
    }
);
table!(
    /// `[log]`
    FileLog {
        /// "off", "stdout" or a path.
        access: String,
    }
);
table!(
    /// `[[service]]`: something behind the gate.
    FileService {
        /// Its name; the audience of its assertions.
        name: String,
        /// `host:port` as a socket address, or `unix:/path`; left out for a service behind another proxy.
        upstream: String,
        /// Other gateways whose header names it knows.
        aliases: Vec<String>,
    }
);
table!(
    /// `[[token_issuer]]`: somebody whose access tokens are taken.
    FileTokenIssuer {
        /// The `iss` of its tokens.
        issuer: String,
        /// What the `aud` of its tokens must contain.
        audience: String,
        /// The file with its key set.
        key_set: String,
        /// The address of its key set.
        jwks_uri: String,
        /// How often the key set is fetched again.
        refresh: String,
        /// The address at which it is asked about tokens.
        introspection: String,
        /// Who we are there.
        client_id: String,
        /// The file with our secret there.
        client_secret: String,
        /// For how long an answer is used.
        cache: String,
        /// Whether DPoP proofs must carry a nonce of ours.
        dpop_nonce: bool,
    }
);
table!(
    /// `[[client]]`: a service that people sign in to by OpenID Connect.
    FileClient {
        /// Its name on the wire.
        id: String,
        /// Its name for people.
        name: String,
        /// Whose rules hold for it.
        profile: String,
        /// The exact addresses at which it takes its answers.
        redirect_uris: Vec<String>,
        /// Where it takes people whom it has signed out here.
        post_logout_redirect_uris: Vec<String>,
        /// What it may ask to know.
        scopes: Vec<String>,
        /// How well it may ask people to be known.
        vectors: Vec<String>,
        /// Clients whose log-ins it may continue.
        sso_from: Vec<String>,
        /// The sector in which it knows people by one name.
        sector: String,
        /// Where it is told of log-outs, without the browser.
        backchannel_logout_uri: String,
        /// Whether it must be told which session has ended.
        backchannel_logout_session_required: bool,
        /// By what its ID tokens and log-out tokens are signed.
        id_token_signed_response_alg: String,
        /// What its access tokens say that the system is which asks for a person.
        requesting_system: String,
        /// The one algorithm of its request objects.
        request_object_signing_alg: String,
        /// Whether each of its requests must be signed.
        require_signed_request_object: bool,
        /// What it is told of somebody who does not agree.
        consent_refused: String,
        /// What it may ask for itself.
        machine_scopes: Vec<String>,
        /// The services for which it may ask for tokens.
        resources: Vec<String>,
        /// The services that it stands for.
        serves: Vec<String>,
        /// The services for which it may exchange tokens.
        exchange_for: Vec<String>,
        /// The DNS name of the certificate by which it proves itself.
        tls_client_auth_san_dns: String,
        /// The URI of that.
        tls_client_auth_san_uri: String,
        /// Whether its tokens are bound to its certificate.
        tls_client_certificate_bound_access_tokens: bool,
        /// Whether it may ask what tokens of other clients are worth.
        resource_server: bool,
        /// The file with its public key, PEM.
        public_key: String,
        /// The file with its key set.
        key_set: String,
        /// Whether it is out of use.
        disabled: bool,
    }
);
table!(
    /// `[[route]]`: who may reach what.
    FileRoute {
        /// Host, without port.
        host: String,
        /// Path: with a slash at the end everything below it, without one itself alone.
        path: String,
        /// The service's name.
        service: String,
        /// "public", "optional" or "session".
        access: String,
        /// Whether a client must show a certificate, and of which names.
        client_certificate: FileCertificate,
        /// The methods that it takes.
        methods: Vec<String>,
        /// "check", "passkey", "refresh" or "password".
        cost: String,
        /// For how long sessions pass that the shared tier cannot confirm.
        warm_grace: String,
        /// Whether an access token may stand in the place of a session.
        access_tokens: bool,
        /// `[route.demand]`
        demand: FileDemand,
        /// `[route.cors]`
        cors: FileCors,
    }
);
table!(
    /// `[route.cors]`: which pages of other origins may use the route.
    FileCors {
        /// Their exact origins.
        origins: Vec<String>,
        /// The methods that they may use.
        methods: Vec<String>,
        /// The request headers that they may set.
        headers: Vec<String>,
        /// The response headers that they may read.
        expose: Vec<String>,
        /// Whether cookies may be sent along.
        credentials: bool,
        /// How long a browser may remember what is allowed.
        max_age: String,
    }
);
table!(
    /// `[route.demand]`: what the session must show.
    FileDemand {
        /// "P0", "P5" or "P9".
        identity: String,
        /// "password" or "passkey".
        authenticator: String,
        /// Vectors of trust, one of which is needed.
        vectors: Vec<String>,
        /// How long ago the person may have signed in.
        max_age: String,
        /// "forbidden", "allowed" or "required".
        delegation: String,
        /// What an access token must have been given for.
        scopes: Vec<String>,
    }
);

impl FileConfig {
    /// Reads the text; also gives every fault of form that it found.
    ///
    /// # Errors
    /// One fault if the text is not TOML at all.
    pub fn parse(text: &str) -> Result<(Self, Vec<Fault>), Fault> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| syntax_fault(text, &error))?;
        let mut faults = Vec::new();
        let file = Self::read("", &Value::Table(table), &mut faults);
        Ok((file.unwrap_or_default(), faults))
    }
}

fn syntax_fault(text: &str, error: &toml::de::Error) -> Fault {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
    Fault::new(&format!("line {}", before.matches('\n').count() + 1), error.message())
}
