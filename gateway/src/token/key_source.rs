//! Where an issuer's key set comes from, and how old it may get.
//!
//! It is fetched again every `refresh`, so a token of a key that was removed dies within that time, also where its verdict
//! is kept. A key that is not in it may be new: the set is then fetched at once, but never twice within
//! [`FETCH_INTERVAL`] and never by two requests at a time, whatever tokens name. If it cannot be fetched, or what comes is no
//! good, the old set serves until [`STALE_MAX`]; after that nothing is verified any more.

use crate::config::KeySetPlace;
use crate::metrics::Metrics;
use crate::token::outbound::Outbound;
use aldgate_core::time::Timestamp;
use aldgate_core::token::key_set::{KEY_SET_BYTES_MAX, KeySet};
use aldgate_core::token::verifying_key::VerifyingKey;
use arc_swap::ArcSwapOption;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;

/// The least time between two attempts to fetch one set.
pub const FETCH_INTERVAL: Duration = Duration::from_secs(30);

/// How old a set may get that cannot be fetched again.
pub const STALE_MAX: Duration = Duration::from_hours(1);

/// A key set as it was fetched.
#[derive(Debug)]
pub struct Loaded {
    keys: KeySet,
    at: Timestamp,
}

impl Loaded {
    /// The key that a token names.
    pub fn find(&self, key_id: Option<&str>) -> Option<&VerifyingKey> {
        self.keys.find(key_id)
    }

    /// Whether a key, by its thumbprint, stands in the set.
    pub fn contains(&self, thumbprint: &[u8; 32]) -> bool {
        self.keys.contains(thumbprint)
    }
}

/// An issuer's key set, now and later.
pub struct KeySource {
    place: KeySetPlace,
    refresh: Duration,
    loaded: ArcSwapOption<Loaded>,
    /// When it was last attempted to fetch it; held while it is.
    attempted: Mutex<Option<Timestamp>>,
}

impl KeySource {
    /// A set that has not been fetched yet.
    pub fn new(place: KeySetPlace, refresh: Duration) -> Self {
        Self { place, refresh, loaded: ArcSwapOption::empty(), attempted: Mutex::new(None) }
    }

    /// The set, unless there is none or it is too old.
    pub fn keys(&self, now: Timestamp) -> Option<Arc<Loaded>> {
        self.loaded.load_full().filter(|loaded| now.since(loaded.at) <= STALE_MAX)
    }

    /// Whether it is time to fetch it again.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.loaded.load().as_ref().is_none_or(|loaded| now.since(loaded.at) >= self.refresh)
    }

    /// Fetches it, unless that was attempted a moment ago; whoever comes while it is fetched waits and is served by that.
    pub async fn load(&self, outbound: &Outbound, metrics: &Metrics, now: Timestamp) {
        let mut attempted = self.attempted.lock().await;
        if attempted.is_some_and(|at| now.since(at) < FETCH_INTERVAL) {
            return;
        }
        *attempted = Some(now);
        let fetched = match &self.place {
            KeySetPlace::File(path) => read_file(path).await.map_err(|error| error.to_string()),
            KeySetPlace::Uri(uri) => outbound.get(uri, KEY_SET_BYTES_MAX).await.map_err(|error| error.to_string()),
        };
        let keys = fetched.and_then(|text| KeySet::parse(&text).map_err(|error| error.to_string()));
        metrics.token_issuer_asked(keys.is_ok());
        match keys {
            Ok(keys) => self.loaded.store(Some(Arc::new(Loaded { keys, at: now }))),
            Err(error) => {
                tracing::warn!(place = %self.place, error, "a key set could not be fetched; the old one stays")
            }
        }
    }
}

/// Reads a file; one byte more than the bound tells that it is too long.
async fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(KEY_SET_BYTES_MAX as u64 + 1).read_to_end(&mut text).await?;
    Ok(text)
}
