//! Taking over a changed configuration without a restart: on SIGHUP, and when the file has changed.
//!
//! A new configuration is checked whole. It is then swapped whole ([`crate::snapshot`]), or refused whole, and the old
//! one serves on. Services and routes, with all that a route says, can change so; every other key is part of what the
//! process was started with, and a file that changes one is refused with the names of the keys.
//!
//! The file is read every two seconds and known by its digest, so that a new file under the same name and a link that
//! was turned to another file (as Kubernetes does) are noticed as well as an edit. A change is taken over once two
//! readings agree: a file that is being written may be good TOML half-way, without the strict routes at its end. What
//! was refused is not tried again before it changes, except when SIGHUP asks for it.

use crate::config::fault::Fault;
use crate::config::source::Source;
use crate::snapshot::CannotServe;
use crate::state::EdgeState;
use ring::digest::{SHA256, digest};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use toml::{Table, Value};

/// How often the file is read. Twice this is how long a change takes at most: nobody waits for it.
const LOOK: Duration = Duration::from_secs(2);

/// The tables that can change while the process runs.
const RELOADABLE: [&str; 2] = ["service", "route"];

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

/// Makes known which configuration serves, and keeps watching its file if there is one. Without a file, SIGHUP ends the
/// process, as it does with programs that a terminal was closed on.
///
/// To be called on a runtime; from then on, SIGHUP does not end the process.
///
/// # Errors
/// When signals cannot be watched.
pub fn start(state: &Arc<EdgeState>, path: Option<&Path>, started: Source) -> std::io::Result<()> {
    state.metrics.config_serves(&started.checksum());
    if let Some(path) = path {
        let hang_up = signal(SignalKind::hangup())?;
        let watch = Watch::new(state.clone(), path.to_owned(), started);
        tokio::spawn(watch.run(hang_up));
    }
    Ok(())
}

/// Takes over a configuration, in a process that was started with another.
///
/// # Errors
/// [`Refused`]: then the one that served before serves on.
pub fn take_over(state: &EdgeState, started: &Source, new: &Source) -> Result<(), Refused> {
    let config = new.config().map_err(Refused::Faults)?;
    let keys = fixed_keys_that_differ(started.text(), new.text());
    if !keys.is_empty() {
        return Err(Refused::NeedsRestart(keys));
    }
    state.snapshot.replace(&config, &state.master, state.clock.now()).map_err(Refused::CannotServe)
}

/// The paths of all keys that differ between two files, but for those that can change. Compared as they stand: a default
/// that is written out counts as a change, because nobody here knows every default.
fn fixed_keys_that_differ(old: &str, new: &str) -> Vec<String> {
    let table = |text: &str| {
        let mut table: Table = text.parse().unwrap_or_default(); // Both were parsed before.
        table.retain(|key, _| !RELOADABLE.contains(&key));
        table
    };
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
            (Some(Value::Table(old)), Some(Value::Table(new))) => differing(&path, old, new, keys),
            (Some(Value::Table(old)), None) => differing(&path, old, &empty, keys),
            (None, Some(Value::Table(new))) => differing(&path, &empty, new, keys),
            (old, new) if old != new => keys.push(path),
            _ => {}
        }
    }
}

/// What stands under the file's name, or why nothing can be read there; and a digest to know it by.
type Reading = ([u8; 32], Result<Source, Fault>);

fn reading(path: &Path) -> Reading {
    match Source::read(Some(path)) {
        Ok(source) => (*source.digest(), Ok(source)),
        Err(fault) => {
            let mut known_by = [0; 32];
            known_by.copy_from_slice(digest(&SHA256, format!("{fault}").as_bytes()).as_ref());
            (known_by, Err(fault))
        }
    }
}

/// The watch over one file.
struct Watch {
    state: Arc<EdgeState>,
    path: PathBuf,
    /// What the process was started with; the keys that cannot change are compared with it.
    started: Source,
    /// What was taken over or refused last.
    settled: [u8; 32],
    /// What was read last.
    last: [u8; 32],
}

impl Watch {
    fn new(state: Arc<EdgeState>, path: PathBuf, started: Source) -> Self {
        let digest = *started.digest();
        Self { state, path, started, settled: digest, last: digest }
    }

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

    /// Reads the file, and settles what it says if that is new and will hardly change in this moment, or if asked to.
    fn look(&mut self, asked: bool) {
        let (digest, source) = reading(&self.path);
        let is_new = digest != self.settled;
        let is_at_rest = digest == std::mem::replace(&mut self.last, digest);
        if asked || is_new && is_at_rest {
            self.settled = digest;
            self.settle(source);
        }
    }

    fn settle(&self, source: Result<Source, Fault>) {
        let result = match &source {
            Ok(source) => take_over(&self.state, &self.started, source).map(|()| source.checksum()),
            Err(fault) => Err(Refused::Faults(vec![fault.clone()])),
        };
        let path = self.path.display();
        match result {
            Ok(checksum) => {
                self.state.metrics.config_serves(&checksum);
                self.state.metrics.reloaded(true);
                tracing::info!(%path, checksum, "the configuration was taken over");
            }
            Err(refused) => {
                self.state.metrics.reloaded(false);
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
