//! The copies of one kind of record, and what is known not to be there: two maps, and the order between them.
//!
//! - **An end wins.** It is noted before the copy is removed, and whoever puts a copy looks for an end while holding the
//!   key. Who looks too early is followed by the removal; so when [`Copies::end`] returns, there is no copy, and a
//!   look-up that began before it puts none.
//! - **An absence hides nothing.** A copy is looked for first. And whoever notes an absence looks for a copy
//!   afterwards, as whoever puts a copy looks for an absence afterwards: one of the two sees the other, and the
//!   absence goes. So none lies in wait beneath a copy for the copy to be evicted.

use super::dense::{Dense, Held, Kept};
use super::feed::Asked;
use super::gone::{Gone, Why};
use std::hash::Hash;

/// What there is under a key.
pub(super) enum Found<V> {
    Here(V),
    Gone(Why),
    Nothing,
}

/// Copies by their key.
pub(super) struct Copies<K, V> {
    here: Dense<K, V>,
    gone: Gone<K>,
}

impl<K: Copy + Eq + Hash + Send + Sync + 'static, V: Kept> Copies<K, V> {
    pub(super) const fn new(here: Dense<K, V>, gone: Gone<K>) -> Self {
        Self { here, gone }
    }

    pub(super) fn find(&self, key: &K) -> Found<V> {
        match self.here.get(key) {
            Some(here) => Found::Here(here),
            None => self.gone.why(key).map_or(Found::Nothing, Found::Gone),
        }
    }

    /// Puts what `decide` makes of what is there, as [`Dense::settle`] does, unless it has ended.
    pub(super) fn put(&self, key: &K, decide: impl FnOnce(Option<&V>) -> Option<V>) -> Option<V> {
        let kept = self.here.settle(key, |here| match here {
            None if self.gone.has_ended(key) => None,
            here => decide(here),
        })?;
        self.gone.forget_absence(*key);
        Some(kept)
    }

    pub(super) fn end(&self, key: &K) {
        self.gone.end(*key);
        self.here.remove(key);
    }

    pub(super) fn note_absent(&self, key: &K, asked: Asked) {
        if self.here.has(key) {
            return; // The answer is late.
        }
        self.gone.note_absent(*key, asked);
        if self.here.has(key) {
            self.gone.forget_absence(*key);
        }
    }

    pub(super) fn here(&self) -> Held {
        self.here.held()
    }

    pub(super) fn gone(&self) -> Held {
        self.gone.held()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const CAPACITY: u64 = 1024 * 1024;

    impl Kept for u32 {
        const LEAST: u64 = 64;

        fn weight(&self) -> u64 {
            Self::LEAST
        }
    }

    fn copies() -> Copies<u32, u32> {
        Copies::new(Dense::new(CAPACITY), Gone::new(CAPACITY, 256))
    }

    #[test]
    fn no_absence_lies_in_wait_beneath_a_copy() {
        let (copies, asked) = (copies(), Asked { gap: 0, at: NOW });
        for round in 0..20_000 {
            std::thread::scope(|scope| {
                scope.spawn(|| copies.note_absent(&round, asked));
                assert_eq!(copies.put(&round, |_| Some(1)), Some(1));
            });
            copies.here.remove(&round); // As if it had been evicted.
            assert!(matches!(copies.find(&round), Found::Nothing), "round {round}");
        }
    }

    #[test]
    fn an_absence_that_comes_late_is_not_noted() {
        let copies = copies();
        copies.put(&1, |_| Some(1));
        copies.note_absent(&1, Asked { gap: 0, at: NOW });
        copies.here.remove(&1);
        assert!(matches!(copies.find(&1), Found::Nothing));
    }

    #[test]
    fn a_copy_that_is_put_while_it_ends_is_never_left_behind() {
        let copies = copies();
        for round in 0..20_000 {
            std::thread::scope(|scope| {
                scope.spawn(|| copies.put(&round, |_| Some(1)));
                copies.end(&round);
                assert!(matches!(copies.find(&round), Found::Gone(Why::Ended)), "round {round}");
            });
            assert!(matches!(copies.find(&round), Found::Gone(Why::Ended)), "round {round}");
            assert!(!copies.here.has(&round), "round {round}");
        }
    }
}
