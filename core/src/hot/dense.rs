//! A dense bounded map, for the entries that there are millions of.
//!
//! Over `quick_cache`, which keeps its entries in a slab, where moka keeps each in several allocations of its own
//! (docs/measured.md has both). It adds two things:
//!
//! - **Capacity in bytes, held.** Each entry weighs what it takes in all: its place in the slab, its place in the
//!   index, what it points to. A place once used is never given back, only used again; so nothing weighs less than a
//!   fixed least, and a flood of small entries cannot leave more places behind than were paid for. The places are
//!   reserved at the start: no growth doubles them, and no request pays for moving them. So a quarter of a capacity is
//!   taken before there is any entry (mimalloc asks for huge pages, of which a part is never touched). The index may
//!   double once in its life, when removals have worn it out, and is paid for as doubled.
//! - **One order for a key.** [`Map::settle`] and [`Map::remove`] are the only ways to write. Where there is an
//!   entry they work under its shard's lock; where there is none, `settle` holds the key until it has decided, and
//!   other writers of that key wait. Readers never do: a key that is being decided on is not there yet.
//!
//! Eviction is S3-FIFO's: whoever comes is let in, on trial; who is used once more while on trial stays, and leaves
//! when not used for long. No filter turns anybody away at the door, as moka's TinyLFU would, and a use is noted in
//! the entry itself, not in a channel that all readers share.

use super::copies::Map;
use quick_cache::sync::{Cache, DefaultLifecycle, EntryAction, EntryResult};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::hash::Hash;

/// Parts, each with a lock and its share of the capacity: so many that two of the busiest machine's threads rarely
/// meet, and that mending the index of one takes a millisecond. A small map is given fewer.
const SHARDS: usize = 256;

/// What the index takes for an entry at the most, in bytes: four and a control byte a bucket, and as many buckets as a
/// power of two that is up to twice what is needed at seven eighths full, doubled once.
pub(super) const INDEX_BYTES: u64 = 23;

/// Places beyond the capacity in each shard, for keys that are being decided on.
const SPARE_PLACES: usize = 16;

/// The part of the capacity that is for entries in use; the rest is for those on trial. A wide trial (a quarter) gives
/// a new session time to be used a second time; with the library's 3 % a burst of log-ins would push out its own.
const IN_USE_PART: f64 = 0.75;

/// A value that can be kept.
pub(super) trait Kept: Clone {
    /// The least that any entry weighs, in bytes.
    const LEAST: u64;

    /// What the entry takes in all, in bytes; at least [`Kept::LEAST`], and always the same for one value.
    fn weight(&self) -> u64;
}

/// What an entry weighs that takes `place` bytes for itself and `heap` bytes for what it points to, if the least entry
/// weighs `least`: each pays for its place in proportion, so that both together never take more than the capacity,
/// whatever has been in the places before.
pub(super) const fn weight(heap: u64, place: u64, least: u64) -> u64 {
    let with_place = heap.saturating_mul(least) / (least - place);
    if with_place > least { with_place } else { least }
}

/// What an allocation takes, in bytes: its size class, and a sixteenth for what the allocator keeps beside it
/// (mimalloc: 4 to 6 % at these sizes).
pub(super) const fn allocated(class: u64) -> u64 {
    class + class / 16
}

#[derive(Clone)]
struct ByBytes;

impl<K, V: Kept> Weighter<K, V> for ByBytes {
    fn weight(&self, _: &K, value: &V) -> u64 {
        value.weight()
    }
}

/// How full a cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Entries.
    pub entries: u64,
    /// What they take, in bytes.
    pub bytes: u64,
}

/// A bounded map.
pub(super) struct Dense<K, V>(Cache<K, V, ByBytes>);

impl<K: Eq + Hash + Clone, V: Kept> Dense<K, V> {
    /// An empty map for `capacity` bytes.
    #[expect(clippy::expect_used, reason = "both capacities are given, which is all that can be missing")]
    pub(super) fn new(capacity: u64) -> Self {
        let places = usize::try_from(capacity / V::LEAST).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .weight_capacity(capacity)
            .estimated_items_capacity(places)
            .shards(SHARDS)
            .hot_allocation(IN_USE_PART)
            .ghost_allocation(0.0) // A ghost is a place in the slab that nobody weighs.
            .build()
            .expect("capacities");
        let cache = Cache::with_options(options, ByBytes, DefaultHashBuilder::default(), DefaultLifecycle::default());
        cache.reserve(places.saturating_add(SPARE_PLACES * cache.num_shards()));
        Self(cache)
    }

    /// What its places take, and what its index does, in bytes.
    #[cfg(test)]
    pub(super) fn places_and_index_bytes(&self) -> [u64; 2] {
        let used = self.0.memory_used();
        [used.entries, used.map].map(|bytes| u64::try_from(bytes).expect("a size"))
    }
}

impl<K: Eq + Hash + Clone, V: Kept> Map<K> for Dense<K, V> {
    type Value = V;

    fn get(&self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    fn has(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    fn settle(&self, key: &K, decide: impl FnOnce(Option<&V>) -> Option<V>) -> Option<V> {
        let mut decide = Some(decide);
        let entry = self.0.entry(key, None, |_, here| {
            if let Some(new) = decide.take().and_then(|decide| decide(Some(here))) {
                *here = new;
            }
            EntryAction::Retain(here.clone())
        });
        match entry {
            EntryResult::Retained(here) => Some(here),
            EntryResult::Vacant(place) => {
                let new = decide.take().and_then(|decide| decide(None))?;
                // Fails only if somebody wrote past `settle`. Then nothing of ours is kept, and it is asked for again.
                place.insert(new.clone()).ok().map(|()| new)
            }
            // Neither is asked for above, and nobody waits with a deadline.
            EntryResult::Removed(..) | EntryResult::Replaced(..) | EntryResult::Timeout => None,
        }
    }

    fn remove(&self, key: &K) {
        drop(self.0.entry(key, None, |_, _| EntryAction::<()>::Remove));
    }

    fn held(&self) -> Held {
        Held { entries: u64::try_from(self.0.len()).unwrap_or(u64::MAX), bytes: self.0.weight() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const PLACE: u64 = 40;

    #[derive(Debug, Clone, PartialEq, Eq)]
    enum Value {
        Fact(u32),
        Large(u64),
    }

    impl Kept for Value {
        const LEAST: u64 = 128;

        fn weight(&self) -> u64 {
            match self {
                Self::Large(heap) => weight(*heap, PLACE, Self::LEAST),
                Self::Fact(_) => Self::LEAST,
            }
        }
    }

    const CAPACITY: u64 = 1024 * 1024;

    #[test]
    fn the_newest_entry_is_always_let_in() {
        let dense = Dense::new(CAPACITY);
        for key in 0..100_000_u32 {
            dense.settle(&key, |_| Some(Value::Fact(key)));
            assert_eq!(dense.get(&key), Some(Value::Fact(key)), "after {key} others");
        }
    }

    #[test]
    fn what_was_used_twice_outlives_a_flood_of_what_was_used_once() {
        let dense = Dense::new(CAPACITY);
        for key in 0..1_000_u32 {
            dense.settle(&key, |_| Some(Value::Fact(key)));
        }
        (0..1_000_u32).for_each(|key| assert!(dense.get(&key).is_some(), "there is room"));
        (1_000..100_000_u32).for_each(|key| _ = dense.settle(&key, |_| Some(Value::Fact(key))));
        let left = (0..1_000_u32).filter(|key| dense.get(key).is_some()).count();
        assert!(left > 900, "{left}");
    }

    #[test]
    fn the_weight_stays_below_the_capacity_whatever_comes() {
        let dense = Dense::new(CAPACITY);
        for key in 0..50_000_u32 {
            let value = if key % 3 == 0 { Value::Large(u64::from(key) % 2_000) } else { Value::Fact(key) };
            dense.settle(&(key % 20_000), |_| Some(value));
        }
        dense.settle(&u32::MAX, |_| Some(Value::Fact(0))); // What a value grows by is made room for by the next one.
        let held = dense.held();
        assert!(held.bytes <= CAPACITY && held.bytes > CAPACITY / 2, "{held:?}");
    }

    #[test]
    fn a_flood_of_other_keys_needs_no_more_places() {
        let dense = Dense::new(CAPACITY);
        let flood = |keys: std::ops::Range<u32>| {
            keys.clone().for_each(|key| _ = dense.settle(&key, |_| Some(Value::Fact(key))));
            let [places, index] = dense.places_and_index_bytes();
            assert!(index <= CAPACITY / Value::LEAST * INDEX_BYTES, "{index}");
            places
        };
        let full = flood(0..100_000);
        assert_eq!(flood(100_000..1_000_000), full);
        (900_000..1_000_000).for_each(|key| dense.remove(&key));
        assert_eq!(flood(1_000_000..1_100_000), full);
    }

    #[test]
    fn two_writers_of_one_key_never_lose_an_update() {
        let dense = Arc::new(Dense::new(CAPACITY));
        let count = |dense: &Dense<u32, Value>| {
            for key in (0..10_000_u32).map(|n| n % 16) {
                dense.settle(&key, |here| match here {
                    Some(Value::Fact(n)) => Some(Value::Fact(n + 1)),
                    _ => Some(Value::Fact(1)),
                });
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(|| count(&dense)))));
        assert!((0..16).all(|key| dense.get(&key) == Some(Value::Fact(2_500))));
    }

    #[test]
    fn an_undecided_or_removed_key_is_left_without_an_entry() {
        let dense = Dense::<u32, Value>::new(CAPACITY);
        assert_eq!(dense.settle(&1, |_| None), None);
        dense.remove(&2);
        dense.settle(&3, |_| Some(Value::Fact(3)));
        dense.remove(&3);
        assert_eq!((dense.get(&1), dense.get(&2), dense.get(&3), dense.held().entries), (None, None, None, 0));
    }
}
