//! What an operator's command stands on: the configuration, the deployment's keys and its database, opened beside the
//! backend that may be running.

use super::{CannotStart, database, keys, report_faults, runtime};
use aldgate_backend::store::audit::{Act, Actor};
use aldgate_backend::store::{DataKeys, Store};
use aldgate_core::entropy::Entropy;
use aldgate_core::time::{Clock, Timestamp};
use aldgate_gateway::clock::{SystemClock, SystemEntropy};
use aldgate_gateway::config::Config;
use aldgate_gateway::config::source::Source;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An operator at work.
pub(crate) struct Operator {
    /// The configuration.
    pub(crate) config: Config,
    /// The database.
    pub(crate) store: Store,
    /// Where the data keys lie.
    pub(crate) data_keys: Arc<dyn DataKeys>,
}

impl Operator {
    /// Opens what the configuration names. Keys and database must be there: a command makes none.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) async fn open(config: Config) -> Result<Self, CannotStart> {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let master = keys::that_exist(&config.keys, &*entropy)?.master;
        if let (aldgate_gateway::config::Store::Embedded, database) = (&config.store, config.database())
            && !database.exists()
        {
            return Err(CannotStart(format!("{} is missing: no backend has run on this data.dir", database.display())));
        }
        let store = database::open(&config, &master, entropy).await?;
        let data_keys = keys::data_keys(&config)?;
        let looked = store.look_at_keys(&*data_keys, now()).await;
        looked.map_err(|error| CannotStart(error.to_string()))?;
        Ok(Self { config, store, data_keys })
    }

    /// Done by whoever runs the command, now.
    pub(crate) fn act() -> Act {
        let user = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
        Act { by: Actor::Operator(user.filter(|user| !user.is_empty()).unwrap_or_else(|| "unknown".into())), at: now() }
    }
}

/// Now.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A moment in UTC, as RFC 3339 writes it.
pub(crate) fn date(moment: Timestamp) -> String {
    let seconds = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
    let date = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    date.format(&Rfc3339).unwrap_or_default()
}

/// Runs an operator's command on a configuration. What it says goes to standard output, why it failed to standard error.
#[expect(clippy::print_stderr, reason = "a command speaks to its user")]
pub(crate) fn run<F>(path: Option<&Path>, command: impl FnOnce(Config) -> F) -> ExitCode
where
    F: Future<Output = Result<(), CannotStart>>,
{
    super::log::diagnostics();
    let loaded = Source::read(path).map_err(|fault| vec![fault]).and_then(|source| source.config());
    let config = match loaded {
        Ok(config) => config,
        Err(faults) => return report_faults(path, &faults),
    };
    let done = runtime("command", 2).and_then(|runtime| runtime.block_on(command(config)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aldgate: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One line of standard output.
#[expect(clippy::print_stdout, reason = "a command speaks to its user")]
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("{line}");
}
