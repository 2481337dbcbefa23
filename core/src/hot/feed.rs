//! How the feed of changes stands, as this process has heard.
//!
//! What is asked of warm is asked at some state of the feed. Whether an answer may still be relied on is read off by
//! comparing that state with the present one: no entry is visited because the feed failed.

use crate::time::Timestamp;
use crate::warm::change::Feed;
use std::sync::atomic::{AtomicU64, Ordering};

/// The state of the feed when something was asked of warm. A copy is as good as the feed has been since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub(super) gap: u64,
    pub(super) at: Timestamp,
}

/// What the present state of the feed says of an answer.
pub(super) enum Standing {
    /// Every change since then has been applied.
    Unbroken,
    /// Changes may have been missed since this moment.
    BrokenSince(Timestamp),
}

/// The feed's state.
#[derive(Debug, Default)]
pub(super) struct FeedState {
    /// How many gaps the feed has had.
    gaps: AtomicU64,
    /// Since when the feed is silent, in milliseconds; 0 while it is live.
    silent_since: AtomicU64,
}

impl FeedState {
    pub(super) fn asked(&self, at: Timestamp) -> Asked {
        Asked { gap: self.gaps.load(Ordering::Acquire), at }
    }

    pub(super) fn since(&self, asked: Asked) -> Standing {
        let silent_since = self.silent_since.load(Ordering::Acquire);
        match (asked.gap == self.gaps.load(Ordering::Acquire), silent_since) {
            (true, 0) => Standing::Unbroken,
            (true, since) => Standing::BrokenSince(asked.at.max(Timestamp::from_millis(since))),
            (false, _) => Standing::BrokenSince(asked.at),
        }
    }

    pub(super) fn is_unbroken_since(&self, asked: Asked) -> bool {
        matches!(self.since(asked), Standing::Unbroken)
    }

    pub(super) fn hear(&self, feed: Feed) {
        match feed {
            Feed::Live => self.silent_since.store(0, Ordering::Release),
            Feed::Silent(since) => self.silent_since.store(since.as_millis().max(1), Ordering::Release),
            Feed::Gap => {
                self.gaps.fetch_add(1, Ordering::AcqRel); // First: nothing from before may look confirmed in between.
                self.silent_since.store(0, Ordering::Release);
            }
        }
    }
}
