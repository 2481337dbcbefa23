//! The copies of one kind of record, and what is known not to be there: two maps, and the order between them.
//!
//! - **An end wins.** It is noted before the copy is removed, and whoever puts a copy looks for an end while holding the
//!   key. Who looks too early is followed by the removal; so when [`Copies::end`] returns, there is no copy, and a
//!   look-up that began before it puts none.
//! - **An absence hides nothing.** A copy is looked for first. And whoever notes an absence looks for a copy
//!   afterwards, as whoever puts a copy looks for an absence afterwards: one of the two sees the other, and the
//!   absence goes. So none lies in wait beneath a copy for the copy to be evicted.

use super::dense::Held;
use super::feed::Asked;
use super::gone::{Gone, Why};
use std::hash::Hash;

/// A bounded map in which all writes of one key have an order.
pub(super) trait Map<K> {
    /// What it keeps.
    type Value;

    /// What is kept under a key. It counts as a use.
    fn get(&self, key: &K) -> Option<Self::Value>;

    /// Whether something is kept under a key. It counts as no use.
    fn has(&self, key: &K) -> bool;

    /// Decides what is kept under a key from what is kept now: `decide` gives what to put there, or `None` to leave it
    /// as it is. Gives what is there afterwards. Nobody else writes this key in between.
    fn settle(&self, key: &K, decide: impl FnOnce(Option<&Self::Value>) -> Option<Self::Value>) -> Option<Self::Value>;

    /// Removes what is kept under a key, after whatever is being decided on it.
    fn remove(&self, key: &K);

    /// How full it is.
    fn held(&self) -> Held;
}

/// What there is under a key.
pub(super) enum Found<V> {
    Here(V),
    Gone(Why),
    Nothing,
}

/// Copies by their key.
pub(super) struct Copies<K, M> {
    here: M,
    gone: Gone<K>,
}

impl<K: Copy + Eq + Hash + Send + Sync + 'static, M: Map<K>> Copies<K, M> {
    pub(super) const fn new(here: M, gone: Gone<K>) -> Self {
        Self { here, gone }
    }

    pub(super) fn find(&self, key: &K) -> Found<M::Value> {
        match self.here.get(key) {
            Some(here) => Found::Here(here),
            None => self.gone.why(key).map_or(Found::Nothing, Found::Gone),
        }
    }

    /// What holds the copies.
    pub(super) const fn map(&self) -> &M {
        &self.here
    }

    /// Whether it is known that there is none, or none any more.
    pub(super) fn why_gone(&self, key: &K) -> Option<Why> {
        if self.here.has(key) { None } else { self.gone.why(key) }
    }

    /// Puts what `decide` makes of what is there, as [`Map::settle`] does, unless it has ended.
    pub(super) fn put(&self, key: &K, decide: impl FnOnce(Option<&M::Value>) -> Option<M::Value>) -> Option<M::Value> {
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
    use super::super::dense::{Dense, Kept};
    use super::super::rows::Rows;
    use super::super::session::HotSession;
    use super::*;
    use crate::id::SessionId;
    use crate::testing::world;
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const CAPACITY: u64 = 1024 * 1024;

    impl Kept for u32 {
        const LEAST: u64 = 64;

        fn weight(&self) -> u64 {
            Self::LEAST
        }
    }

    fn copies() -> Copies<u32, Dense<u32, u32>> {
        Copies::new(Dense::new(CAPACITY), Gone::new(CAPACITY, 256))
    }

    fn sessions() -> Copies<SessionId, Rows> {
        Copies::new(Rows::new(CAPACITY), Gone::new(CAPACITY, 256))
    }

    fn handle(round: u32) -> SessionId {
        SessionId::from_bytes(u128::from(round).to_be_bytes())
    }

    fn copy_of(handle: SessionId) -> HotSession {
        HotSession::new(handle, world::session_record(), Asked { gap: 0, at: NOW })
    }

    fn no_absence_lies_in_wait<K, M>(copies: &Copies<K, M>, key: impl Fn(u32) -> K, value: impl Fn(K) -> M::Value)
    where
        K: Copy + Eq + Hash + Send + Sync + 'static,
        M: Map<K> + Sync,
    {
        let asked = Asked { gap: 0, at: NOW };
        for round in 0..20_000 {
            let key = key(round);
            std::thread::scope(|scope| {
                scope.spawn(|| copies.note_absent(&key, asked));
                assert!(copies.put(&key, |_| Some(value(key))).is_some());
            });
            copies.here.remove(&key); // As if it had been evicted.
            assert!(matches!(copies.find(&key), Found::Nothing), "round {round}");
        }
    }

    #[test]
    fn no_absence_lies_in_wait_beneath_a_copy() {
        no_absence_lies_in_wait(&copies(), |round| round, |_| 1);
        no_absence_lies_in_wait(&sessions(), handle, copy_of);
    }

    #[test]
    fn an_absence_that_comes_late_is_not_noted() {
        let copies = copies();
        copies.put(&1, |_| Some(1));
        copies.note_absent(&1, Asked { gap: 0, at: NOW });
        copies.here.remove(&1);
        assert!(matches!(copies.find(&1), Found::Nothing));
    }

    fn none_is_left_behind<K, M>(copies: &Copies<K, M>, key: impl Fn(u32) -> K, value: impl Fn(K) -> M::Value + Sync)
    where
        K: Copy + Eq + Hash + Send + Sync + 'static,
        M: Map<K> + Sync,
    {
        for round in 0..20_000 {
            let key = key(round);
            std::thread::scope(|scope| {
                scope.spawn(|| drop(copies.put(&key, |_| Some(value(key)))));
                copies.end(&key);
                assert!(matches!(copies.find(&key), Found::Gone(Why::Ended)), "round {round}");
            });
            assert!(matches!(copies.find(&key), Found::Gone(Why::Ended)), "round {round}");
            assert!(!copies.here.has(&key), "round {round}");
        }
    }

    #[test]
    fn a_copy_that_is_put_while_it_ends_is_never_left_behind() {
        none_is_left_behind(&copies(), |round| round, |_| 1);
        none_is_left_behind(&sessions(), handle, copy_of);
    }
}
