//! Taking over a changed configuration without a restart: on SIGHUP, and when a file has changed.
//!
//! A new configuration is checked whole, with the files that it names ([`crate::files`]). It is then swapped whole
//! ([`crate::snapshot`]), or refused whole, and the old one serves on. Services, routes with all that a route says, the
//! issuers of access tokens, and those files can change so; every other key is part of what the process was started
//! with, and a configuration that changes one is refused with the names of the keys.
//!
//! The files are read every two seconds and known by their content, so that a new file under the same name and a link
//! that was turned to another file (as Kubernetes does) are noticed as well as an edit; inotify watches files, not names,
//! and sees nothing on some network file systems. A change is taken over once two readings agree: a file that is being
//! written may be good TOML half-way, without the strict routes at its end. What was refused is not tried again before
//! something changes, except when SIGHUP asks for it.

use crate::config::Config;
use crate::config::fault::Fault;
use crate::config::source::{Source, sha256};
use crate::files::Files;
use crate::snapshot::CannotServe;
use crate::state::EdgeState;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use toml::{Table, Value};

/// How often the files are read. Twice this is how long a change takes at most: nobody waits for it.
const LOOK: Duration = Duration::from_secs(2);

/// The keys and tables that can change while the process runs.
const RELOADABLE: [&str; 6] =
    ["service", "route", "token_issuer", "edge.certificate", "edge.private_key", "edge.client_authorities"];

/// What the process was started with.
#[derive(Debug, Clone)]
pub struct Started {
    /// The configuration; the keys that cannot change are compared with it.
    pub source: Source,
    /// Certificate and key for development, if they were made because none are configured.
    pub development: Option<(PathBuf, PathBuf)>,
}

/// A configuration, checked, with the files that it names.
pub struct Loaded {
    source: Source,
    config: Config,
    files: Files,
}

impl Loaded {
    /// Checks a configuration and reads the files that it names.
    ///
    /// # Errors
    /// Every fault that was found; those of the files once the configuration itself has none.
    pub fn of(source: Source, started: &Started) -> Result<Self, Vec<Fault>> {
        let config = source.config()?;
        Self::with_files(source, config, started)
    }

    fn with_files(source: Source, mut config: Config, started: &Started) -> Result<Self, Vec<Fault>> {
        config.edge.certificate = config.edge.certificate.or_else(|| started.development.clone());
        let files = Files::read(&config)?;
        Ok(Self { source, config, files })
    }
}

/// By what a configuration and its files are known.
fn digest(source: &Source, files: [u8; 32]) -> [u8; 32] {
    sha256(&[*source.digest(), files].concat())
}

/// Why a configuration was not taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It has faults.
    Faults(Vec<Fault>),
    /// These keys differ from what the process was started with.
    NeedsRestart(Vec<String>),
    /// It cannot be served.
    CannotServe(CannotServe),
}

impl Refused {
    /// One line for each thing that is wrong.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Faults(faults) => faults.iter().map(ToString::to_string).collect(),
            Self::NeedsRestart(keys) => keys.iter().map(|key| format!("{key}: a change needs a restart")).collect(),
            Self::CannotServe(why) => vec![why.to_string()],
        }
    }
}

/// Makes known which configuration serves, and keeps watching its files if there is one. Without a file, SIGHUP ends the
/// process, as it does with programs that a terminal was closed on.
///
/// To be called on a runtime; from then on, SIGHUP does not end the process.
///
/// # Errors
/// When signals cannot be watched.
pub fn start(state: &Arc<EdgeState>, path: Option<&Path>, started: Started) -> std::io::Result<()> {
    let serves = state.snapshot.current();
    state.metrics.config_serves(&started.source.checksum(), serves.tls.as_deref());
    if let Some(path) = path {
        let hang_up = signal(SignalKind::hangup())?;
        let settled = digest(&started.source, serves.files);
        let watch = Watch { state: state.clone(), path: path.into(), started, settled, last: settled, checked: None };
        tokio::spawn(watch.run(hang_up));
    }
    Ok(())
}

/// Takes over a configuration, in a process that was started with another.
///
/// # Errors
/// [`Refused`]: then the one that served before serves on.
pub fn take_over(state: &EdgeState, started: &Started, new: Loaded) -> Result<(), Refused> {
    let keys = fixed_keys_that_differ(started.source.text(), new.source.text());
    if !keys.is_empty() {
        return Err(Refused::NeedsRestart(keys));
    }
    let replaced = state.snapshot.replace(&new.config, new.files, &state.master, state.clock.now());
    replaced.map_err(Refused::CannotServe)?;
    state.metrics.config_serves(&new.source.checksum(), state.snapshot.load().tls.as_deref());
    Ok(())
}

/// The paths of all keys that differ between two files, but for those that can change. Compared as they stand: a default
/// that is written out counts as a change, because nobody here knows every default.
fn fixed_keys_that_differ(old: &str, new: &str) -> Vec<String> {
    let table = |text: &str| text.parse::<Table>().unwrap_or_default(); // Both were parsed before.
    let mut keys = Vec::new();
    differing("", &table(old), &table(new), &mut keys);
    keys
}

fn differing(path: &str, old: &Table, new: &Table, keys: &mut Vec<String>) {
    let empty = Table::new();
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (old.get(name), new.get(name)) {
            _ if RELOADABLE.contains(&path.as_str()) => {}
            (Some(Value::Table(old)), Some(Value::Table(new))) => differing(&path, old, new, keys),
            (Some(Value::Table(old)), None) => differing(&path, old, &empty, keys),
            (None, Some(Value::Table(new))) => differing(&path, &empty, new, keys),
            (old, new) if old != new => keys.push(path),
            _ => {}
        }
    }
}

/// The watch over one configuration and its files.
struct Watch {
    state: Arc<EdgeState>,
    path: PathBuf,
    started: Started,
    /// What was taken over or refused last.
    settled: [u8; 32],
    /// What was read last.
    last: [u8; 32],
    /// What the check said of the text that was read last: it may be long, and is looked at every two seconds.
    checked: Option<Checked>,
}

/// What the check said of the text with this digest.
struct Checked {
    text: [u8; 32],
    result: Result<Config, Vec<Fault>>,
}

impl Watch {
    async fn run(mut self, mut hang_up: Signal) {
        loop {
            let asked = tokio::select! {
                Some(()) = hang_up.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            // Reading and checking may take a while, and other tasks of this thread cannot wait so long.
            let looked = tokio::task::spawn_blocking(move || {
                self.look(asked);
                self
            });
            match looked.await {
                Ok(watch) => self = watch,
                Err(error) => {
                    tracing::error!(%error, "the configuration is not watched any more: start the process again");
                    return;
                }
            }
        }
    }

    /// Reads the files, and settles what they say if that is new and will hardly change in this moment, or if asked to.
    fn look(&mut self, asked: bool) {
        let (digest, loaded) = self.read();
        let is_new = digest != self.settled;
        let is_at_rest = digest == std::mem::replace(&mut self.last, digest);
        if asked || is_new && is_at_rest {
            self.settled = digest;
            self.settle(loaded);
        }
    }

    /// What stands there, or what is wrong with it; and a digest to know it by.
    fn read(&mut self) -> ([u8; 32], Result<Loaded, Vec<Fault>>) {
        let loaded = Source::read(Some(&self.path)).map_err(|fault| vec![fault]).and_then(|source| self.load(source));
        let digest = match &loaded {
            Ok(loaded) => digest(&loaded.source, loaded.files.digest()),
            Err(faults) => {
                sha256(format!("{:?} {faults:?}", self.checked.as_ref().map(|checked| checked.text)).as_bytes())
            }
        };
        (digest, loaded)
    }

    fn load(&mut self, source: Source) -> Result<Loaded, Vec<Fault>> {
        let known = self.checked.take().filter(|checked| checked.text == *source.digest());
        let checked = known.unwrap_or_else(|| Checked { text: *source.digest(), result: source.config() });
        let config = self.checked.insert(checked).result.clone()?;
        Loaded::with_files(source, config, &self.started)
    }

    fn settle(&self, loaded: Result<Loaded, Vec<Fault>>) {
        let path = self.path.display();
        let taken = loaded.map_err(Refused::Faults).and_then(|loaded| {
            let checksum = loaded.source.checksum();
            take_over(&self.state, &self.started, loaded).map(|()| checksum)
        });
        self.state.metrics.reloaded(taken.is_ok(), self.state.clock.now());
        match taken {
            Ok(checksum) => tracing::info!(%path, checksum, "the configuration was taken over"),
            Err(refused) => {
                for line in refused.lines() {
                    tracing::error!("{path}: {line}");
                }
                tracing::error!("{path}: refused whole; the configuration that served before serves on");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::{Shared, assemble};
    use aldgate_core::policy::path::NormalPath;
    use aldgate_core::testing::{ManualClock, SeededEntropy, world};
    use aldgate_core::token::identity_assertion::SigningKey;
    use aldgate_core::warm::memory::MemoryWarm;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use tempfile::TempDir;

    /// A watch over a file in a process that was started with it.
    fn watch(dir: &TempDir, text: &str) -> Watch {
        let path = dir.path().join("aldgate.toml");
        std::fs::write(&path, text).expect("written");
        let source = Source::of(text.to_owned());
        let clock = Arc::new(ManualClock::at(world::NOW));
        let (master, entropy) = (Arc::new(world::master_key()), Arc::new(SeededEntropy::new(1)));
        let shared = Shared { master, clock, entropy, warm: Arc::new(MemoryWarm::default()) };
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
        let key = SigningKey::from_pkcs8(key.as_ref()).expect("a key");
        let (state, _) = assemble(&source.config().expect("a configuration"), key, &shared).expect("parts");
        let settled = digest(&source, state.snapshot.load().files);
        let started = Started { source, development: None };
        Watch { state, path, started, settled, last: settled, checked: None }
    }

    fn with_route(path: &str) -> String {
        format!(
            "edge = {{ https = \"\" }}\nlog = {{ access = \"off\" }}\n[[service]]\nname = \"a\"\nupstream = \"127.0.0.1:1\"\n\
             [[route]]\npath = \"{path}\"\nservice = \"a\"\naccess = \"public\"\n"
        )
    }

    fn serves(watch: &Watch, path: &str) -> bool {
        let path = NormalPath::parse(path).expect("a path");
        watch.state.snapshot.load().routes.find("localhost", path).expect("no other case").is_some()
    }

    #[tokio::test]
    async fn a_file_that_still_changes_is_not_taken_over_unless_a_signal_asks() {
        let dir = TempDir::new().expect("a directory");
        let mut watch = watch(&dir, &with_route("/a/"));
        let write = |path: &str| std::fs::write(dir.path().join("aldgate.toml"), with_route(path)).expect("written");
        let steps = [
            ("/a/", false, "/a/"), // Nothing has changed.
            ("/b/", false, "/a/"), // Seen once.
            ("/c/", false, "/a/"), // It is being written.
            ("/c/", false, "/c/"), // It is at rest.
            ("/d/", true, "/d/"),
        ];
        for (written, asked, served) in steps {
            write(written);
            watch.look(asked);
            let served_now: Vec<_> =
                ["/a/", "/b/", "/c/", "/d/"].into_iter().filter(|path| serves(&watch, path)).collect();
            assert_eq!(served_now, [served], "{written} {asked}");
        }
    }

    #[tokio::test]
    async fn what_was_refused_is_tried_again_when_it_changes_or_a_signal_asks() {
        let dir = TempDir::new().expect("a directory");
        let mut watch = watch(&dir, &with_route("/a/"));
        let write = |text: &str| std::fs::write(dir.path().join("aldgate.toml"), text).expect("written");
        let refused = |watch: &Watch| {
            let text = String::from_utf8(watch.state.metrics.exposition(&watch.state.hot)).expect("text");
            let line =
                text.lines().find_map(|line| line.strip_prefix("aldgate_config_reloads_total{result=\"refused\"} "));
            line.and_then(|n| n.parse::<u32>().ok()).expect("a number")
        };
        write("[[route]]\n");
        for expected in [0, 1, 1, 1] {
            watch.look(false);
            assert_eq!(refused(&watch), expected);
        }
        watch.look(true);
        assert_eq!(refused(&watch), 2);
        std::fs::remove_file(&watch.path).expect("removed");
        for expected in [2, 3, 3] {
            watch.look(false);
            assert_eq!(refused(&watch), expected);
        }
        write(&with_route("/b/"));
        watch.look(false);
        watch.look(false);
        assert!(serves(&watch, "/b/"));
    }

    fn differ(old: &str, new: &str) -> Vec<String> {
        fixed_keys_that_differ(old, new)
    }

    #[test]
    fn services_and_routes_can_change() {
        let old = "[edge]\nthreads = 2\n[[service]]\nname = \"a\"\n[[route]]\npath = \"/a/\"\n";
        let new = "[[route]]\npath = \"/b/\"\n[route.demand]\nidentity = \"P9\"\n[edge]\nthreads = 2 # as before\n";
        assert!(differ(old, new).is_empty());
    }

    #[test]
    fn token_issuers_can_change() {
        let issuer = |refresh: &str| format!("[[token_issuer]]\nissuer = \"a\"\nrefresh = \"{refresh}\"\n");
        assert!(differ(&issuer("1m"), &issuer("2m")).is_empty());
        assert!(differ("", &issuer("1m")).is_empty());
        assert!(differ(&issuer("1m"), "").is_empty());
    }

    #[test]
    fn certificates_can_change_and_nothing_else_beside_them() {
        let old = "[edge]\ncertificate = \"a\"\nprivate_key = \"b\"\n";
        assert!(
            differ(old, "[edge]\ncertificate = \"c\"\nprivate_key = \"d\"\nclient_authorities = \"e\"\n").is_empty()
        );
        assert_eq!(differ(old, "[edge]\nthreads = 1\n"), ["edge.threads"]);
        assert_eq!(differ("", "[data]\ncertificate = \"a\"\n"), ["data.certificate"], "another key of that name");
    }

    #[test]
    fn every_other_key_is_named() {
        let old = "[edge]\nhttp = \"127.0.0.1:1\"\nthreads = 2\n[data]\ndir = \"a\"\n[hot]\nsessions = 1\n";
        let new = "[edge]\nhttp = \"127.0.0.1:2\"\nthreads = 2\n[data]\ndir = \"a\"\n[log]\naccess = \"off\"\n";
        assert_eq!(differ(old, new), ["edge.http", "hot.sessions", "log.access"]);
    }

    #[test]
    fn a_table_in_the_place_of_a_value_is_a_change() {
        assert_eq!(differ("a = 1\n", "[a]\nb = 1\n"), ["a"]);
    }
}
