//! From what the file says to what the program uses. Every value is judged; every fault is collected. A table, or a few
//! that belong together, has a file of its own.

mod admission;
mod certificate;
mod client;
mod cors;
mod edge;
mod messages;
mod passkeys;
mod password;
mod relying_party;
mod route;
mod signing_keys;
mod size;
mod store;
mod token_issuer;
mod warm;

pub(crate) use relying_party::host_of;

use super::fault::Fault;
use super::file::{FileConfig, FileEdge, FileHot, FileMessages, FileRelyingParty, FileStore, FileWarm};
use super::{AccessLog, Config, Warm};
use aldgate_core::hot::{CAPACITY_MIN, Capacity};
use aldgate_core::session::record::Lifetimes;
use aldgate_core::session::token;
use size::{MIB, size};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const THREADS_MAX: i64 = 1024; // More threads than any machine's cores is a typing error.
const IDLE: Duration = Duration::from_mins(30); // NIST SP 800-63B-4, AAL2: an hour at most.
const ABSOLUTE: Duration = Duration::from_hours(12); // The same: a day at most for AAL2, 12 h for AAL3.
const SESSIONS: u64 = 256 * MIB; // 2,000,000.
const CREDENTIALS: u64 = 256 * MIB; // 870,000.
const GONE: u64 = 32 * MIB; // 50,000 sessions and as many passkeys: as many may end while one look-up is under way.
const IDENTITIES: u64 = 64 * MIB; // 43,000 at a time, each for half a minute: 1,400 people a second.

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
    let edge = edge::edge(file.edge.as_ref().unwrap_or(&FileEdge::default()), &mut faults);
    let relying_party =
        relying_party::relying_party(file.relying_party.as_ref().unwrap_or(&FileRelyingParty::default()), &mut faults);
    let session = file.session.as_ref();
    let idle = session.and_then(|session| session.idle.as_deref());
    let lifetimes = lifetimes(idle, session.and_then(|session| session.absolute.as_deref()), &mut faults);
    let keys = file.keys.as_ref().and_then(|keys| keys.dir.as_ref()).map_or_else(|| data.join("keys"), PathBuf::from);
    let key_program = file.keys.as_ref().and_then(|keys| keys.wrap.clone());
    if key_program.as_ref().is_some_and(|command| !command.first().is_some_and(|path| path.starts_with('/'))) {
        faults.add("keys.wrap", "must be a list that begins with the absolute path of a program");
    }
    let sockets = file.backend.as_ref().and_then(|backend| backend.sockets.as_ref());
    let sockets = sockets.map_or_else(|| data.join("run"), PathBuf::from);
    let client_networks = file.backend.as_ref().and_then(|backend| backend.client_networks.clone());
    let warm = warm::warm(file.warm.as_ref().unwrap_or(&FileWarm::default()), &mut faults);
    let store = store::store(file.store.as_ref().unwrap_or(&FileStore::default()), &warm, &mut faults);
    let hot = hot(file.hot.as_ref().unwrap_or(&FileHot::default()), &mut faults);
    let cores = std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1));
    let password_threads = count(
        "password.threads",
        file.password.as_ref().and_then(|password| password.threads),
        cores,
        THREADS_MAX,
        &mut faults,
    );
    let admission = admission::admission(file.admission.as_ref(), password_threads, &mut faults);
    let waiting_room = admission::waiting_room(file.waiting_room.as_ref(), &mut faults);
    let demo = edge::demo(file.demo.as_ref(), &edge, warm == Warm::Embedded, &mut faults);
    let access_log = match file.log.as_ref().and_then(|log| log.access.as_deref()) {
        None => AccessLog::File(data.join("log/access.jsonl")),
        Some("off") => AccessLog::Off,
        Some("stdout") => AccessLog::Stdout,
        Some(path) => AccessLog::File(path.into()),
    };
    let issuer = relying_party.origins.first().cloned().unwrap_or_default();
    let login_host = host_of(&issuer).to_ascii_lowercase();
    let (services, routes) = route::services_and_routes(file, demo, &login_host, &mut faults);
    let password = password::password(file.password.as_ref(), password_threads, &routes, &mut faults);
    let models = passkeys::models(file.passkeys.as_ref(), &mut faults);
    let messages = messages::messages(file.messages.as_ref().unwrap_or(&FileMessages::default()), &mut faults);
    let signing_keys = signing_keys::signing_keys(file.signing_keys.as_ref(), &mut faults);
    let token_issuers = token_issuer::token_issuers(file, &routes, &mut faults);
    let clients = client::clients(file, &mut faults);
    if !faults.0.is_empty() {
        return Err(faults.0);
    }
    Ok(Config {
        data,
        edge,
        relying_party,
        issuer,
        login_host,
        lifetimes,
        keys,
        key_program,
        sockets,
        store,
        client_networks: client_networks.unwrap_or_default(),
        warm,
        hot,
        password,
        signing_keys,
        models,
        messages,
        admission,
        waiting_room,
        demo,
        access_log,
        services,
        token_issuers,
        clients,
        routes,
    })
}

fn hot(hot: &FileHot, faults: &mut Faults) -> Capacity {
    let mut capacity =
        |path, text: &Option<String>, default| size(path, text.as_deref(), default, CAPACITY_MIN, faults);
    Capacity {
        sessions: capacity("hot.sessions", &hot.sessions, SESSIONS),
        credentials: capacity("hot.credentials", &hot.credentials, CREDENTIALS),
        gone: capacity("hot.gone", &hot.gone, GONE),
        identities: capacity("hot.identities", &hot.identities, IDENTITIES),
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
