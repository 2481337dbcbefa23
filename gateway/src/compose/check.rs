//! `aldgate check`: says everything that is wrong with a configuration file.

use aldgate_core::time::Clock as _;
use aldgate_gateway::clock::SystemClock;
use aldgate_gateway::config::fault::Fault;
use aldgate_gateway::config::source::Source;
use std::path::Path;
use std::process::ExitCode;

/// Checks one file.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn run(path: &Path) -> ExitCode {
    let loaded = Source::read(Some(path)).map_err(|fault| vec![fault]);
    let checked = loaded.and_then(|source| {
        let config = source.config()?;
        super::clients::registry(&config)?;
        super::clients::reach(&config)?;
        super::messages::countries(&config)?;
        let models = super::models::read(config.models.as_ref(), SystemClock.now());
        models.map_err(|error| vec![Fault::new("passkeys", &error.to_string())])?;
        Ok((config, source.checksum()))
    });
    match checked {
        Err(faults) => super::report_faults(Some(path), &faults),
        Ok((config, checksum)) => {
            let (routes, services) = (config.routes.len(), config.services.len());
            println!("{}: good; {routes} routes to {services} services; checksum {checksum}", path.display());
            ExitCode::SUCCESS
        }
    }
}
