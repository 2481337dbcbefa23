//! The composition root: the only place that knows gateway and backend both.

mod banner;
pub(crate) mod check;
mod demo;
mod dev_certificate;
mod keys;
mod log;
mod ports;
mod signal;
pub(crate) mod up;

use aldgate_gateway::config::fault::Fault;
use std::path::Path;
use std::process::ExitCode;

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

#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
fn report_faults(path: Option<&Path>, faults: &[Fault]) -> ExitCode {
    let name = path.map_or_else(|| "built-in defaults".into(), |path| path.display().to_string());
    for fault in faults {
        eprintln!("aldgate: {name}: {fault}");
    }
    ExitCode::from(EXIT_CONFIG)
}
