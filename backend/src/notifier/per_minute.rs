//! How many messages a carrier takes a minute: beyond that it is not even asked.

use aldgate_core::time::Timestamp;
use std::sync::{Mutex, PoisonError};

/// A bound, and what was sent in one minute.
#[derive(Debug)]
pub(super) struct PerMinute {
    most: u32,
    sent: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: u64,
    sent: u32,
}

impl PerMinute {
    /// At most so many.
    pub(super) fn new(most: u32) -> Self {
        Self { most, sent: Mutex::default() }
    }

    /// Counts a message, if there is room for it in this minute.
    pub(super) fn reserve(&self, now: Timestamp) -> bool {
        let mut minute = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now.as_secs() / 60;
        if minute.number != number {
            *minute = Minute { number, sent: 0 };
        }
        minute.sent = minute.sent.saturating_add(1);
        minute.sent <= self.most
    }
}
