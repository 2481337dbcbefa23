//! Where an issuer's key set comes from, and how old it may get.
//!
//! It is fetched again every `refresh`, so a token of a key that was removed dies within that time, also where its verdict
//! is kept. A key that is not in it may be new: the set is then fetched at once, but never twice within
//! [`FETCH_INTERVAL`] (a second, as long as none has come yet) and never by two requests at a time, whatever tokens name.
//! A fetch is a task of its own: it goes on when the client whose token began it has gone, so nobody can keep a set from
//! being fetched by asking and going away.
//! When the issuer itself tells of a change ([`KeySource::reload`]), it is fetched at that moment.
//! If a set cannot be fetched, or what comes is no good, the old one serves until [`STALE_MAX`]; after that nothing is
//! verified any more.

use crate::config::KeySetPlace;
use crate::metrics::Metrics;
use crate::token::CannotTakeTokens;
use crate::token::outbound::Outbound;
use aldgate_core::time::Timestamp;
use aldgate_core::token::key_set::{KEY_SET_BYTES_MAX, KeySet};
use aldgate_core::token::verifying_key::VerifyingKey;
use arc_swap::ArcSwapOption;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

/// The least time between two attempts to fetch one set.
pub const FETCH_INTERVAL: Duration = Duration::from_secs(30);

/// The same before the first has come: a gateway may start a moment before the issuer beside it answers.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);

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

enum Place {
    File(PathBuf),
    Uri(Outbound, String),
}

/// The last attempt to fetch a set.
struct Attempt {
    at: Timestamp,
    /// Closed when it is over.
    over: watch::Receiver<()>,
}

/// An issuer's key set, now and later.
pub struct KeySource {
    place: Place,
    refresh: Duration,
    loaded: ArcSwapOption<Loaded>,
    last: Mutex<Option<Attempt>>,
    /// Whether the last attempt that is over brought a set.
    answered: AtomicBool,
    /// Whether its issuer has said that it is another, and it has not been fetched since.
    outdated: AtomicBool,
    metrics: Arc<Metrics>,
}

impl KeySource {
    /// The set at a place, which was read just now or has not been fetched yet.
    ///
    /// # Errors
    /// [`CannotTakeTokens`] when there is nothing to fetch it with.
    pub fn new(
        place: &KeySetPlace,
        refresh: Duration,
        keys: Option<KeySet>,
        now: Timestamp,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CannotTakeTokens> {
        let place = match place {
            KeySetPlace::File(path) => Place::File(path.clone()),
            KeySetPlace::Uri(uri) => Place::Uri(Outbound::new()?, uri.clone()),
        };
        let answered = AtomicBool::new(keys.is_some());
        let loaded = ArcSwapOption::new(keys.map(|keys| Arc::new(Loaded { keys, at: now })));
        Ok(Self { place, refresh, loaded, last: Mutex::new(None), answered, outdated: AtomicBool::new(false), metrics })
    }

    /// The set, unless there is none or it is too old.
    pub fn keys(&self, now: Timestamp) -> Option<Arc<Loaded>> {
        self.loaded.load_full().filter(|loaded| now.since(loaded.at) <= STALE_MAX)
    }

    /// Whether it is time to fetch it again.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let old = self.loaded.load().as_ref().is_none_or(|loaded| now.since(loaded.at) >= self.refresh);
        old || self.outdated.load(Ordering::Acquire)
    }

    /// Whether the last attempt to fetch it brought one: then a key that is not in it is nobody's.
    pub fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    /// Fetches it, unless that was attempted a moment ago; whoever comes while it is fetched waits and is served by that.
    pub async fn load(self: &Arc<Self>, now: Timestamp) {
        let mut over = self.attempt(now);
        while over.changed().await.is_ok() {}
    }

    /// The attempt that is under way, or was a moment ago, or begins by this.
    fn attempt(self: &Arc<Self>, now: Timestamp) -> watch::Receiver<()> {
        let mut last = self.last();
        let interval = if self.loaded.load().is_some() { FETCH_INTERVAL } else { FIRST_INTERVAL };
        if let Some(attempt) = last.as_ref().filter(|attempt| now.since(attempt.at) < interval) {
            return attempt.over.clone();
        }
        self.begin(&mut last, now)
    }

    /// Fetches it because its issuer has said that it is another now, however short a while ago it was fetched. An attempt
    /// that is under way may have read the old one: it is waited for, and does not count.
    pub async fn reload(self: &Arc<Self>, now: Timestamp) {
        let under_way = self.last().as_ref().map(|attempt| attempt.over.clone());
        if let Some(mut over) = under_way {
            while over.changed().await.is_ok() {}
        }
        self.outdated.store(true, Ordering::Release);
        let mut over = self.begin(&mut self.last(), now);
        while over.changed().await.is_ok() {}
    }

    fn last(&self) -> MutexGuard<'_, Option<Attempt>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an attempt.
    fn begin(self: &Arc<Self>, last: &mut Option<Attempt>, now: Timestamp) -> watch::Receiver<()> {
        let (under_way, over) = watch::channel(());
        *last = Some(Attempt { at: now, over: over.clone() });
        let this = self.clone();
        tokio::spawn(async move {
            this.fetch(now).await;
            drop(under_way);
        });
        over
    }

    async fn fetch(&self, now: Timestamp) {
        let fetched = match &self.place {
            Place::File(path) => read_file(path).await.map_err(|error| error.to_string()),
            Place::Uri(outbound, uri) => outbound.get(uri, KEY_SET_BYTES_MAX).await.map_err(|error| error.to_string()),
        };
        let keys = fetched.and_then(|text| KeySet::parse(&text).map_err(|error| error.to_string()));
        self.metrics.token_issuer_asked(keys.is_ok());
        self.answered.store(keys.is_ok(), Ordering::Release);
        match keys {
            Ok(keys) => {
                self.outdated.store(false, Ordering::Release);
                self.loaded.store(Some(Arc::new(Loaded { keys, at: now })));
            }
            Err(error) => {
                let place = match &self.place {
                    Place::File(path) => path.display().to_string(),
                    Place::Uri(_, uri) => uri.clone(),
                };
                tracing::warn!(place, error, "a key set could not be fetched; the old one stays");
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
