//! The composition root: the only place that knows gateway and backend both. A command is a way of putting the same
//! parts together.

pub(crate) mod accounts;
pub(crate) mod audit;
mod backend;
pub(crate) mod backup;
mod banner;
pub(crate) mod breached;
pub(crate) mod check;
mod clients;
mod cold_tier;
pub(crate) mod data_keys;
mod database;
mod demo;
mod dev_certificate;
mod edge;
mod gateway;
mod hand_over;
mod keys;
mod log;
mod messages;
mod models;
pub(crate) mod oidc_keys;
pub(crate) mod operator;
mod place;
mod ports;
mod signal;
mod tar;
mod tier;
mod up;

pub(crate) use backend::backend;
pub(crate) use gateway::{gateway, take_over};
pub(crate) use up::up;

use aldgate_gateway::clock::Stopwatch;
use aldgate_gateway::config::fault::Fault;
use aldgate_gateway::config::source::Source;
use edge::Start;
use std::path::Path;
use std::process::ExitCode;
use tokio::runtime::{Builder, Runtime};

/// `EX_CONFIG` of sysexits(3).
const EXIT_CONFIG: u8 = 78;

/// Why the program cannot start: one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct CannotStart(pub(crate) String);

impl CannotStart {
    /// With the thing that failed in front of the reason.
    pub(crate) fn because(what: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

/// Runs a command on a configuration file until it ends.
#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
pub(crate) fn run(command: fn(&Start<'_>) -> Result<(), CannotStart>, path: Option<&Path>) -> ExitCode {
    let began = Stopwatch::start();
    log::diagnostics();
    let loaded = Source::read(path).map_err(|fault| vec![fault]).and_then(|source| Ok((source.config()?, source)));
    let (config, source) = match loaded {
        Ok(loaded) => loaded,
        Err(faults) => return report_faults(path, &faults),
    };
    match command(&Start { config, path, source, began }) {
        Ok(()) => {
            banner::stopped();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("aldgate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what an administrator loads into Redis, for `redis-cli -x FUNCTION LOAD`.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn redis_functions() -> ExitCode {
    print!("{}", aldgate_core::warm::redis::library());
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
fn report_faults(path: Option<&Path>, faults: &[Fault]) -> ExitCode {
    let name = path.map_or_else(|| "built-in defaults".into(), |path| path.display().to_string());
    for fault in faults {
        eprintln!("aldgate: {name}: {fault}");
    }
    ExitCode::from(EXIT_CONFIG)
}

fn runtime(name: &'static str, threads: usize) -> Result<Runtime, CannotStart> {
    let built = Builder::new_multi_thread().thread_name(name).worker_threads(threads).enable_all().build();
    built.map_err(|error| CannotStart::because("cannot start threads", error))
}
