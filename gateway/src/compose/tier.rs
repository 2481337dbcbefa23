//! The warm tier that the configuration asks for.

use super::CannotStart;
use aldgate_backend::store::Store;
use aldgate_backend::warm::embedded::EmbeddedWarm;
use aldgate_core::cold::Cold;
use aldgate_core::secret::{MasterKey, Secret};
use aldgate_core::time::Clock;
use aldgate_core::warm::Warm;
use aldgate_core::warm::login_event::LoginEvents;
use aldgate_core::warm::redis::{Options, RedisWarm, Tls};
use aldgate_gateway::config::Redis;
use aldgate_gateway::metrics::Metrics;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A warm tier.
pub(crate) struct Tier {
    /// The tier.
    pub(crate) warm: Arc<dyn Warm>,
    /// The tier, if it is on Redis.
    redis: Option<Arc<RedisWarm>>,
}

/// How often the count of forged values is told.
const COUNT: Duration = Duration::from_secs(5);

impl Tier {
    /// On the backend's own store.
    pub(crate) fn embedded(store: Store) -> Self {
        Self { warm: Arc::new(EmbeddedWarm::new(store)), redis: None }
    }

    /// On Redis. To be called on the runtime that it shall live on.
    ///
    /// # Errors
    /// One line that says what to do.
    pub(crate) async fn redis(
        config: &Redis,
        master: &MasterKey,
        clock: Arc<dyn Clock>,
        cold: Arc<dyn Cold>,
    ) -> Result<Self, CannotStart> {
        let options = options(config)?;
        let connected = RedisWarm::connect(options, master, clock, Some(cold)).await;
        let tier =
            Arc::new(connected.map_err(|error| CannotStart::because("cannot use Redis (warm.addresses)", error))?);
        Ok(Self { warm: tier.clone(), redis: Some(tier) })
    }

    /// The log-ins that it keeps for the backend; none where it is the backend's own.
    pub(crate) fn log_ins(&self) -> Option<Arc<dyn LoginEvents>> {
        let redis = self.redis.clone()?;
        Some(redis)
    }

    /// Counts what was planted in Redis, as long as the runtime lives on which this is called.
    pub(crate) fn count_forgeries(&self, metrics: Arc<Metrics>) {
        let Some(redis) = self.redis.clone() else { return };
        tokio::spawn(async move {
            loop {
                metrics.forged(redis.refused() + redis.feed_state().forged);
                tokio::time::sleep(COUNT).await;
            }
        });
    }
}

fn options(config: &Redis) -> Result<Options, CannotStart> {
    let tls = match &config.tls {
        None => None,
        Some(tls) => Some(Tls { authorities: tls.ca.as_deref().map(|path| read(path, "warm.ca")).transpose()? }),
    };
    let password = config.password_file.as_deref().map(|path| password(path, "warm.password_file")).transpose()?;
    Ok(Options {
        cluster: config.cluster,
        tls,
        user: config.user.clone(),
        password,
        prefix: config.prefix.clone(),
        ..Options::new(config.addresses.clone())
    })
}

fn read(path: &Path, key: &str) -> Result<Vec<u8>, CannotStart> {
    std::fs::read(path).map_err(|error| CannotStart::because(&format!("cannot read {} ({key})", path.display()), error))
}

/// The password is the file's first line.
///
/// # Errors
/// One line that names the file and the key of the configuration.
pub(crate) fn password(path: &Path, key: &str) -> Result<Secret<String>, CannotStart> {
    let bytes = zeroize::Zeroizing::new(read(path, key)?);
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = std::str::from_utf8(line).map(|text| text.trim_end_matches('\r'));
    match text {
        Ok(text) if !text.is_empty() => Ok(Secret::new(text.to_owned())),
        _ => Err(CannotStart(format!("{} ({key}) holds no password on its first line", path.display()))),
    }
}
