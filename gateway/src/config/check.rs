//! From what the file says to what the program uses. Every value is judged; every fault is collected.

use super::fault::Fault;
use super::file::{FileConfig, FileDemand, FileDemo, FileEdge, FileHot, FileRelyingParty, FileRoute, FileService};
use super::{AccessLog, Config, Edge};
use aldgate_core::assurance::{Components, IdentityLevel};
use aldgate_core::hot::Capacity;
use aldgate_core::policy::demand::Demand;
use aldgate_core::policy::platform;
use aldgate_core::policy::route::{Access, PathPattern, Route, RouteTable, Service, Target};
use aldgate_core::session::record::Lifetimes;
use aldgate_core::session::token;
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const HTTP: &str = "127.0.0.1:8080";
const HTTPS: &str = "127.0.0.1:8443";
const PRIVATE: &str = "127.0.0.1:8081";
const DEMO: &str = "127.0.0.1:8090";
const THREADS_MAX: i64 = 1024; // More threads than any machine's cores is a typing error.
const DRAIN: Duration = Duration::from_secs(1); // Long enough for a page; a developer's Ctrl-C should not wait longer.
const SERVICES_MAX: usize = 10_000; // Far below the numbers that are kept for the backend.
const MAX_AGE_MIN: Duration = Duration::from_secs(30); // Less, and a person would be sent to sign in for ever.
const DRAIN_MAX: Duration = Duration::from_mins(5); // Orchestrators kill sooner.
const IDLE: Duration = Duration::from_mins(30); // NIST SP 800-63B-4, AAL2: an hour at most.
const ABSOLUTE: Duration = Duration::from_hours(12); // The same: a day at most for AAL2, 12 h for AAL3.
const SESSIONS: i64 = 1_000_000; // About 0.4 GB with moka's overhead.
const CREDENTIALS: i64 = 1_000_000;
const HOT_MAX: i64 = 100_000_000;

/// Where faults are gathered, with the path of the table that is being judged.
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, path: &str, message: impl AsRef<str>) {
        self.0.push(Fault::new(path, message.as_ref()));
    }

    /// The value, or a fault and nothing.
    fn keep<T>(&mut self, path: &str, value: Result<T, impl AsRef<str>>) -> Option<T> {
        value.map_err(|message| self.add(path, message)).ok()
    }
}

/// Judges the whole file.
///
/// # Errors
/// All faults.
pub fn check(file: &FileConfig, faults_of_form: Vec<Fault>) -> Result<Config, Vec<Fault>> {
    let mut faults = Faults(faults_of_form);
    let data = PathBuf::from(file.data.as_ref().and_then(|data| data.dir.as_deref()).unwrap_or("data"));
    let edge = edge(file.edge.as_ref().unwrap_or(&FileEdge::default()), &mut faults);
    let relying_party = relying_party(file.relying_party.as_ref().unwrap_or(&FileRelyingParty::default()), &mut faults);
    let session = file.session.as_ref();
    let idle = session.and_then(|session| session.idle.as_deref());
    let lifetimes = lifetimes(idle, session.and_then(|session| session.absolute.as_deref()), &mut faults);
    let in_hot = |read: fn(&FileHot) -> Option<i64>| file.hot.as_ref().and_then(read);
    let hot = Capacity {
        sessions: count("hot.sessions", in_hot(|hot| hot.sessions), SESSIONS, HOT_MAX, &mut faults),
        credentials: count("hot.credentials", in_hot(|hot| hot.credentials), CREDENTIALS, HOT_MAX, &mut faults),
    };
    let cores = std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1));
    let password_threads = count(
        "password.threads",
        file.password.as_ref().and_then(|password| password.threads),
        cores,
        THREADS_MAX,
        &mut faults,
    );
    let demo = demo(file.demo.as_ref(), &edge, &mut faults);
    let access_log = match file.log.as_ref().and_then(|log| log.access.as_deref()) {
        None => AccessLog::File(data.join("log/access.jsonl")),
        Some("off") => AccessLog::Off,
        Some("stdout") => AccessLog::Stdout,
        Some(path) => AccessLog::File(path.into()),
    };
    let issuer = relying_party.origins.first().cloned().unwrap_or_default();
    let login_host = host_of(&issuer).to_ascii_lowercase();
    let (services, routes) = services_and_routes(file, demo, &login_host, &mut faults);
    if !faults.0.is_empty() {
        return Err(faults.0);
    }
    let password_threads = usize::try_from(password_threads).unwrap_or(1);
    Ok(Config {
        data,
        edge,
        relying_party,
        issuer,
        login_host,
        lifetimes,
        hot,
        password_threads,
        demo,
        access_log,
        services,
        routes,
    })
}

fn edge(file: &FileEdge, faults: &mut Faults) -> Edge {
    let http = listener("edge.http", file.http.as_deref(), HTTP, faults);
    let https = listener("edge.https", file.https.as_deref(), HTTPS, faults);
    if http.is_none() && https.is_none() {
        faults.add("edge", "at least one of http and https must listen");
    }
    let private = listener("edge.private", file.private.as_deref(), PRIVATE, faults);
    if private.is_none_or(|address| !address.ip().is_loopback()) {
        faults.add("edge.private", "must be a loopback address: metrics are for this machine only");
    }
    let cores = std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1));
    let threads = count("edge.threads", file.threads, cores, THREADS_MAX, faults);
    let announce = span("edge.announce", file.announce.as_deref(), Duration::ZERO, faults);
    let drain = span("edge.drain", file.drain.as_deref(), DRAIN, faults);
    for (key, span) in [("edge.announce", announce), ("edge.drain", drain)] {
        if span > DRAIN_MAX {
            faults.add(key, "must be at most 5m");
        }
    }
    if http.is_some() && http == https || private.is_some() && (private == http || private == https) {
        faults.add("edge", "http, https and private must be different addresses");
    }
    let certificate = match (&file.certificate, &file.private_key) {
        (Some(chain), Some(key)) => Some((chain.into(), key.into())),
        (None, None) => None,
        _ => {
            faults.add("edge.certificate", "certificate and private_key go together");
            None
        }
    };
    if certificate.is_none() && file.certificate.is_none() && https.is_some_and(|address| !address.ip().is_loopback()) {
        faults.add("edge.certificate", "is missing: the development certificate serves loopback addresses only");
    }
    Edge {
        http,
        https,
        private: private.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8081))),
        threads: usize::try_from(threads).unwrap_or(1),
        announce,
        drain,
        certificate,
    }
}

fn listener(path: &str, text: Option<&str>, default: &str, faults: &mut Faults) -> Option<SocketAddr> {
    match text.unwrap_or(default) {
        "" => None,
        text => {
            faults.keep(path, text.parse().map_err(|_| format!("{text:?} is not an address such as \"{default}\"")))
        }
    }
}

fn count(path: &str, value: Option<i64>, default: i64, max: i64, faults: &mut Faults) -> u64 {
    let value = value.unwrap_or(default);
    if !(1..=max).contains(&value) {
        faults.add(path, format!("must be from 1 to {max}"));
    }
    u64::try_from(value).unwrap_or(1)
}

/// `90s`, `15m`, `12h`, `30d`.
fn parse_span(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let n: u64 = digits.parse().ok()?;
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    n.checked_mul(secs).map(Duration::from_secs)
}

fn span(path: &str, text: Option<&str>, default: Duration, faults: &mut Faults) -> Duration {
    let Some(text) = text else { return default };
    let message = || format!("{text:?} is not a span of time such as \"90s\", \"15m\", \"12h\" or \"30d\"");
    faults.keep(path, parse_span(text).ok_or_else(message)).unwrap_or(default)
}

fn lifetimes(idle: Option<&str>, absolute: Option<&str>, faults: &mut Faults) -> Lifetimes {
    let idle = span("session.idle", idle, IDLE, faults);
    let absolute = span("session.absolute", absolute, ABSOLUTE, faults);
    if idle < Duration::from_secs(1) || idle > absolute {
        faults.add("session.idle", "must be at least 1s and at most session.absolute");
    }
    if absolute > token::EPOCH {
        faults.add("session.absolute", "must be at most 30d: the keys of session tokens rotate after that");
    }
    Lifetimes { idle, absolute }
}

/// The host of an origin, without scheme and port.
pub(crate) fn host_of(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => authority.get(..at).unwrap_or(authority),
        _ => authority,
    }
}

/// An origin exactly as a browser writes it: scheme, lower-case host, and no default port, path or slash.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    let default_port = matches!(
        (scheme, authority.rsplit_once(':').map(|(_, port)| port)),
        ("http", Some("80")) | ("https", Some("443"))
    );
    matches!(scheme, "http" | "https") && !authority.is_empty() && authority.bytes().all(plain) && !default_port
}

fn relying_party(file: &FileRelyingParty, faults: &mut Faults) -> RelyingParty {
    let id = file.id.as_deref().unwrap_or("localhost");
    let origins =
        file.origins.clone().unwrap_or_else(|| vec!["http://localhost:8080".into(), "https://localhost:8443".into()]);
    let embedders = file.embedders.clone().unwrap_or_default();
    if origins.is_empty() {
        faults.add("relying_party.origins", "must name at least the origin that people sign in at");
    }
    for (key, list) in [("origins", &origins), ("embedders", &embedders)] {
        for (at, origin) in list.iter().enumerate().filter(|(_, origin)| !is_origin(origin)) {
            faults.add(
                &format!("relying_party.{key}[{at}]"),
                format!("{origin:?} is not an origin as browsers write it, such as \"https://login.example.org\""),
            );
        }
    }
    for (at, origin) in origins.iter().enumerate() {
        let host = host_of(origin);
        if host != id && !host.ends_with(&format!(".{id}")) {
            faults.add(&format!("relying_party.origins[{at}]"), format!("{host:?} is neither {id:?} nor below it"));
        }
        if origin.starts_with("http://") && host != "localhost" && !host.ends_with(".localhost") {
            faults.add(&format!("relying_party.origins[{at}]"), "passkeys need https, but for localhost");
        }
    }
    let user_verification = match file.user_verification.as_deref() {
        None | Some("required") => UserVerification::Required,
        Some("preferred") => UserVerification::Preferred,
        Some(_) => {
            faults.add("relying_party.user_verification", "must be \"required\" or \"preferred\"");
            UserVerification::Required
        }
    };
    let mut rp = RelyingParty::new(id, file.name.as_deref().unwrap_or("Aldgate"), origins, user_verification);
    rp.embedders = embedders;
    rp
}

fn demo(file: Option<&FileDemo>, edge: &Edge, faults: &mut Faults) -> Option<SocketAddr> {
    if file.and_then(|demo| demo.enabled) == Some(false) {
        return None;
    }
    if edge.http.is_none() {
        faults.add("demo.enabled", "must be false where edge.http does not listen: the demo fetches the key set there");
    }
    let address = listener("demo.listen", file.and_then(|demo| demo.listen.as_deref()), DEMO, faults);
    if address.is_some() && [edge.http, edge.https, Some(edge.private)].contains(&address) {
        faults.add("demo.listen", "is an address of [edge] too");
    }
    address
}

fn services_and_routes(
    file: &FileConfig,
    demo: Option<SocketAddr>,
    login_host: &str,
    faults: &mut Faults,
) -> (Vec<Arc<Service>>, Vec<Route>) {
    let mut services: Vec<Arc<Service>> = Vec::new();
    if file.service.as_ref().is_some_and(|rows| rows.len() > SERVICES_MAX) {
        faults.add("service", format!("must be at most {SERVICES_MAX} tables"));
    }
    for (at, row) in file.service.iter().flatten().enumerate() {
        let path = format!("service[{at}]");
        if let Some(service) = service(&path, row, at, faults) {
            if services.iter().any(|other| other.name == service.name) {
                faults.add(&path, format!("a service named {:?} stands above already", service.name));
            }
            services.push(Arc::new(service));
        }
    }
    let mut routes = Vec::new();
    for (at, row) in file.route.iter().flatten().enumerate() {
        routes.extend(route(&format!("route[{at}]"), row, &services, login_host, faults));
    }
    if let Some(address) = demo {
        if services.iter().any(|service| service.name == "demo") {
            faults.add("demo.enabled", "must be false where a service of yours is named \"demo\"");
        }
        let index = u16::try_from(services.len()).unwrap_or(u16::MAX);
        let service = Arc::new(Service { name: "demo".into(), index, upstream: address.to_string() });
        routes.push(Route {
            host: login_host.into(),
            path: PathPattern::Below("/demo".into()),
            target: Target::Service(service.clone()),
            access: Access::Demand(Demand::SIGNED_IN),
        });
        services.push(service);
    }
    if let Err(doubled) = RouteTable::new(routes.clone()) {
        faults.add("route", format!("{doubled}; the demo service has /demo/ unless demo.enabled is false"));
    }
    (services, routes)
}

fn service(path: &str, file: &FileService, at: usize, faults: &mut Faults) -> Option<Service> {
    let name = faults.keep(&format!("{path}.name"), file.name.as_deref().ok_or("is missing"))?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > 63 || !name.bytes().all(plain) || name == platform::BACKEND_AUDIENCE {
        faults.add(&format!("{path}.name"), "must be 1 to 63 of a-z, 0-9 and -, and not the backend's own name");
    }
    let upstream = faults.keep(&format!("{path}.upstream"), file.upstream.as_deref().ok_or("is missing"))?;
    let is_socket = upstream.strip_prefix("unix:").is_some_and(|p| p.starts_with('/') && p.len() < 100);
    if !is_socket && upstream.parse::<SocketAddr>().is_err() {
        faults.add(&format!("{path}.upstream"), "must be an address such as \"127.0.0.1:9000\", or \"unix:/path\"");
    }
    Some(Service { name: name.into(), index: u16::try_from(at).unwrap_or(u16::MAX), upstream: upstream.into() })
}

fn route(
    path: &str,
    file: &FileRoute,
    services: &[Arc<Service>],
    login_host: &str,
    faults: &mut Faults,
) -> Option<Route> {
    let host = file.host.as_deref().unwrap_or(login_host).to_ascii_lowercase();
    let pattern = file.path.as_deref().and_then(PathPattern::parse);
    let pattern = faults.keep(
        &format!("{path}.path"),
        pattern.ok_or("must be a plain path such as \"/app/\" (all below) or \"/app\" (itself alone)"),
    );
    let named = file.service.as_deref().and_then(|name| services.iter().find(|s| s.name == name));
    let service = faults.keep(&format!("{path}.service"), named.ok_or("must name one of the [[service]] tables"));
    let access = access(path, file, faults);
    if let (Some(pattern), true) = (&pattern, host == login_host)
        && platform::is_taken(pattern)
    {
        faults.add(&format!("{path}.path"), "covers a path that the platform itself needs on this host");
    }
    if host != login_host && access.is_some_and(|access| access != Access::Public) {
        faults.add(
            &format!("{path}.host"),
            format!("sessions are known on {login_host:?} only; a route on another host must be public"),
        );
    }
    Some(Route { host, path: pattern?, target: Target::Service(service?.clone()), access: access? })
}

fn access(path: &str, file: &FileRoute, faults: &mut Faults) -> Option<Access> {
    match (file.access.as_deref(), &file.demand) {
        (Some("public"), None) => Some(Access::Public),
        (Some("optional"), None) => Some(Access::Optional),
        (Some("session") | None, file) => {
            let none = FileDemand::default();
            Some(Access::Demand(demand(path, file.as_ref().unwrap_or(&none), faults)))
        }
        (Some("public" | "optional"), Some(_)) => {
            faults.add(&format!("{path}.demand"), "goes with access = \"session\" only");
            None
        }
        (Some(_), _) => {
            faults.add(&format!("{path}.access"), "must be \"public\", \"optional\" or \"session\"");
            None
        }
    }
}

fn demand(path: &str, file: &FileDemand, faults: &mut Faults) -> Demand {
    let identity = file
        .identity
        .as_deref()
        .unwrap_or("P0")
        .parse()
        .map_err(|e: aldgate_core::assurance::UnknownLevel| e.to_string());
    let components = match file.authenticator.as_deref() {
        None => Ok(Components::NONE),
        Some("password") => Ok(Components::PASSWORD),
        Some("passkey") => Ok(Components::PASSKEY),
        Some(_) => Err("must be \"password\" or \"passkey\""),
    };
    let max_age_path = format!("{path}.demand.max_age");
    let max_age = file.max_age.as_deref().map(|text| span(&max_age_path, Some(text), MAX_AGE_MIN, faults));
    if max_age.is_some_and(|max_age| max_age < MAX_AGE_MIN) {
        faults.add(&max_age_path, "must be at least 30s: a sign-in takes a moment");
    }
    Demand {
        identity: faults.keep(&format!("{path}.demand.identity"), identity).unwrap_or(IdentityLevel::P9),
        components: faults.keep(&format!("{path}.demand.authenticator"), components).unwrap_or(Components::PASSKEY),
        max_age,
    }
}
