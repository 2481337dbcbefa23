//! `aldgate oidc-keys`: the keys with which the OpenID provider signs, for an operator.
//!
//! It works on the store itself, whether or not a backend runs on it: whatever is changed, each running backend finds
//! within a second.

use super::operator::{Operator, date};
use super::{CannotStart, database, keys, runtime};
use aldgate_backend::oidc::keys::{KeysFailed, ListedKey, Rotation, Rules, SigningAlgorithm, SigningKeys, Standing};
use aldgate_core::entropy::Entropy;
use aldgate_core::time::{Clock as _, Timestamp};
use aldgate_gateway::clock::{SystemClock, SystemEntropy};
use aldgate_gateway::config::source::Source;
use aldgate_gateway::config::{Config, KeyPeriods};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// What an operator asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// Which keys there are.
    List,
    /// A new key of an algorithm, or of all of them.
    Rotate(Option<SigningAlgorithm>),
    /// A new key of an algorithm in the place of all others.
    Replace(SigningAlgorithm),
}

/// When keys change, as the configuration says.
pub(crate) fn rules(config: &Config) -> Rules {
    let KeyPeriods { announce, period, keep } = config.signing_keys;
    Rules { announce, period, outlive: keep, ..Rules::default() }
}

/// Does it, on the store of a configuration.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to its user")]
pub(crate) fn run(asked: Asked, path: Option<&Path>) -> ExitCode {
    let loaded = Source::read(path).map_err(|fault| vec![fault]).and_then(|source| source.config());
    let config = match loaded {
        Ok(config) => config,
        Err(faults) => return super::report_faults(path, &faults),
    };
    let done = runtime("oidc-keys", 2).and_then(|runtime| runtime.block_on(on_store(asked, &config)));
    match done {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("aldgate: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn on_store(asked: Asked, config: &Config) -> Result<Vec<String>, CannotStart> {
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let master = keys::that_exist(&config.keys, &*entropy)?.master;
    let store = database::open(config, &master, entropy.clone()).await?;
    let keys = SigningKeys::new(store.clone(), &master, entropy, rules(config));
    let done = perform(asked, &keys, SystemClock.now()).await;
    store.close().await;
    done.map_err(|error| CannotStart(error.to_string()))
}

async fn perform(asked: Asked, keys: &SigningKeys, now: Timestamp) -> Result<Vec<String>, KeysFailed> {
    keys.look(now).await?;
    match asked {
        Asked::List => Ok(keys.ring().list(now).iter().map(listed).collect()),
        Asked::Rotate(algorithm) => {
            let mut lines = Vec::new();
            for algorithm in SigningAlgorithm::ALL.into_iter().filter(|one| algorithm.is_none_or(|it| it == *one)) {
                lines.push(match keys.rotate(algorithm, Operator::act()).await? {
                    Rotation::Announced(begins) => format!("{algorithm}: a new key signs from {}", date(begins)),
                    Rotation::AnnouncedBefore(begins) => {
                        format!("{algorithm}: a new key was announced before, and signs from {}", date(begins))
                    }
                });
            }
            Ok(lines)
        }
        Asked::Replace(algorithm) => {
            keys.replace(algorithm, Operator::act()).await?;
            let removed = "all keys before are removed, and what they signed is refused; a new one signs from now on";
            Ok(vec![format!("{algorithm}: {removed}")])
        }
    }
}

fn listed(key: &ListedKey) -> String {
    let standing = match key.standing {
        Standing::Announced => format!("announced, signs from {}", date(key.begins)),
        Standing::Signs => format!("signs since {}", date(key.begins)),
        Standing::Outlives(until) => format!("signs no more, published until {}", date(until)),
    };
    format!("{:<5}  {}  {standing}", key.algorithm.as_str(), key.key_id)
}
