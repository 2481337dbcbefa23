//! What this process has heard of as ended before its time: tokens, and what tokens have in common ([`super::family`]).
//!
//! So many of the latest are kept. Whoever keeps a token notes how many ends had been heard of when warm was asked about
//! it ([`Ended::count`]): if one has been forgotten since, warm has to be asked again ([`Ended::forgotten`]).

use crate::id::TokenDigest;
use std::collections::{HashMap, VecDeque};

/// How many are kept, in about 8 MiB: as many as 200 a second for as long as an access token of ours lives.
pub(super) const ENDED_MAX: usize = 64 * 1024;

/// The latest ends. They are numbered in the order in which they came.
#[derive(Default)]
pub(super) struct Ended {
    /// The number of the latest end of each.
    numbers: HashMap<TokenDigest, u64>,
    order: VecDeque<TokenDigest>,
    forgotten: u64,
}

impl Ended {
    /// Notes one.
    pub(super) fn note(&mut self, ended: TokenDigest) {
        self.numbers.insert(ended, self.count());
        self.order.push_back(ended);
        if self.order.len() <= ENDED_MAX {
            return;
        }
        if let Some(oldest) = self.order.pop_front() {
            if self.numbers.get(&oldest) == Some(&self.forgotten) {
                self.numbers.remove(&oldest); // Else it has ended once more since.
            }
            self.forgotten += 1;
        }
    }

    /// Whether one has ended, as far as it is still known.
    pub(super) fn has(&self, digest: &TokenDigest) -> bool {
        self.numbers.contains_key(digest)
    }

    /// How many there have been.
    pub(super) fn count(&self) -> u64 {
        self.forgotten + u64::try_from(self.order.len()).unwrap_or(u64::MAX)
    }

    /// How many of them have been forgotten: the first ones.
    pub(super) const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept_and_what_ends_again_is_kept_from_then() {
        let mut ended = Ended::default();
        let digest = |n: usize| TokenDigest::of(&n.to_be_bytes());
        (0..ENDED_MAX).for_each(|n| ended.note(digest(n)));
        assert_eq!(ended.forgotten(), 0);
        ended.note(digest(0));
        ended.note(digest(ENDED_MAX));
        assert_eq!((ended.forgotten(), ended.numbers.len(), ended.order.len()), (2, ENDED_MAX, ENDED_MAX));
        assert!(ended.has(&digest(0)) && !ended.has(&digest(1)) && ended.has(&digest(2)));
        assert_eq!(u64::try_from(ENDED_MAX).map(|kept| kept + 2), Ok(ended.count()));
    }
}
