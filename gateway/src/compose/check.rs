//! `aldgate check`: says everything that is wrong with a configuration file.

use aldgate_gateway::config::Config;
use std::path::Path;
use std::process::ExitCode;

/// Checks one file.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn run(path: &Path) -> ExitCode {
    match Config::load(Some(path)) {
        Err(faults) => super::report_faults(Some(path), &faults),
        Ok(config) => {
            println!("{}: good; {} routes to {} services", path.display(), config.routes.len(), config.services.len());
            ExitCode::SUCCESS
        }
    }
}
