//! What is known not to be there: handles that ended, and handles of which warm said that it knows nothing.
//!
//! In moka, apart from what is there: these are few, young and small, and who floods this cache displaces no session and
//! no passkey. It forgets by least recent use, so a tombstone lasts as long as the latest tens of thousands, which is
//! longer than any look-up that began before the end.

use super::dense::Held;
use super::feed::Asked;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::hash::Hash;

/// Why something is not there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Why {
    /// It ended. It never comes back.
    Ended,
    /// Warm, asked like this, knew nothing of it.
    Absent(Asked),
}

/// The cache of what is not there.
pub(super) struct Gone<K>(Cache<K, Why>);

impl<K: Copy + Eq + Hash + Send + Sync + 'static> Gone<K> {
    /// An empty cache for `capacity` bytes, of which each entry takes `entry_bytes`.
    pub(super) fn new(capacity: u64, entry_bytes: u32) -> Self {
        let cache = Cache::builder().max_capacity(capacity).weigher(move |_, _| entry_bytes);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }

    pub(super) fn why(&self, key: &K) -> Option<Why> {
        self.0.get(key)
    }

    pub(super) fn has_ended(&self, key: &K) -> bool {
        matches!(self.0.get(key), Some(Why::Ended))
    }

    // All writes by the same kind of call: the cache puts these in one order for a key, but not a plain `insert`.

    pub(super) fn end(&self, key: K) {
        self.0.entry(key).and_compute_with(|_| Op::Put(Why::Ended));
    }

    pub(super) fn note_absent(&self, key: K, asked: Asked) {
        self.0.entry(key).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(Why::Ended) => Op::Nop,
            Some(Why::Absent(_)) | None => Op::Put(Why::Absent(asked)),
        });
    }

    pub(super) fn forget_absence(&self, key: K) {
        if !matches!(self.0.get(&key), Some(Why::Absent(_))) {
            return; // As nearly always.
        }
        self.0.entry(key).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(Why::Absent(_)) => Op::Remove,
            Some(Why::Ended) | None => Op::Nop,
        });
    }

    /// How full it is, with moka's own housekeeping done first.
    pub(super) fn held(&self) -> Held {
        self.0.run_pending_tasks();
        Held { entries: self.0.entry_count(), bytes: self.0.weighted_size() }
    }
}
