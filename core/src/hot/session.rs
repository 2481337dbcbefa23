//! Sessions as this process knows them.

use super::dense::{INDEX_BYTES, Kept, allocated};
use super::feed::Asked;
use crate::id::SessionId;
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an entry takes, in bytes: its place, its part of the index at the most, and the [`HotSession`] with its counts.
/// docs/measured.md, "Memory", has what was measured.
pub const SESSION_BYTES: u64 = PLACE_BYTES + INDEX_BYTES + allocated(CLASS_BYTES);

/// An entry's place in the slab.
const PLACE_BYTES: u64 = 48;

/// The allocator's size class for a [`HotSession`] and the two counts of its `Arc`.
const CLASS_BYTES: u64 = 192;

/// What this process knows of a session.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// That it ended, or that there is none: no look-up is needed.
    Ended,
    /// A copy that every change has been applied to.
    Confirmed(Arc<HotSession>),
    /// A copy that changes may have missed since this moment: to be confirmed before use.
    Unconfirmed(Arc<HotSession>, Timestamp),
}

/// A session as this process knows it. What services are told of it is kept elsewhere (see [`super::identity`]), so that
/// a session that is at rest takes no room for it.
#[derive(Debug)]
pub struct HotSession {
    /// The session's handle.
    pub session: SessionId,
    /// The record as it came from warm.
    pub record: SessionRecord,
    asked_gap: AtomicU64,
    asked_at: AtomicU64,
    seen: AtomicU64,
    written: AtomicU64,
}

impl HotSession {
    /// A copy of a record, which warm was asked for as `asked` says.
    pub fn new(session: SessionId, record: SessionRecord, asked: Asked) -> Self {
        let seen = record.seen.as_millis();
        Self {
            session,
            record,
            asked_gap: AtomicU64::new(asked.gap),
            asked_at: AtomicU64::new(asked.at.as_millis()),
            seen: AtomicU64::new(seen),
            written: AtomicU64::new(seen),
        }
    }

    pub(super) fn asked(&self) -> Asked {
        let gap = self.asked_gap.load(Ordering::Acquire);
        Asked { gap, at: Timestamp::from_millis(self.asked_at.load(Ordering::Relaxed)) }
    }

    /// Notes that warm has confirmed the copy. A record changes in nothing but the time of its last use.
    pub(super) fn confirm(&self, record: &SessionRecord, asked: Asked) {
        self.seen.fetch_max(record.seen.as_millis(), Ordering::Relaxed);
        self.asked_at.fetch_max(asked.at.as_millis(), Ordering::Relaxed);
        self.asked_gap.fetch_max(asked.gap, Ordering::Release);
    }

    /// When this process last saw the session used, or when warm did.
    pub fn seen(&self) -> Timestamp {
        Timestamp::from_millis(self.seen.load(Ordering::Relaxed))
    }

    /// Notes a use at `now`. True if the time should be written to warm; whoever is told so does it alone.
    pub fn touch(&self, now: Timestamp) -> bool {
        self.seen.fetch_max(now.as_millis(), Ordering::Relaxed);
        let written = self.written.load(Ordering::Relaxed);
        let due = now.since(Timestamp::from_millis(written)) >= self.record.touch_after();
        due && self.written.compare_exchange(written, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

impl Kept for Arc<HotSession> {
    const LEAST: u64 = SESSION_BYTES;

    fn weight(&self) -> u64 {
        SESSION_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::super::dense::Dense;
    use super::*;

    #[test]
    fn an_entry_weighs_what_it_takes() {
        let dense = Dense::new(SESSION_BYTES * 1_000);
        let asked = Asked { gap: 0, at: crate::testing::world::NOW };
        let record = crate::testing::world::session_record();
        let id = SessionId::from_bytes([1; 16]);
        dense.settle(&id, |_| Some(Arc::new(HotSession::new(id, record, asked))));
        assert_eq!(dense.places_and_index_bytes()[0], PLACE_BYTES);
        assert!(16 + size_of::<HotSession>() as u64 <= CLASS_BYTES);
        assert!(SESSION_BYTES - size_of::<SessionRecord>() as u64 <= 200, "beyond the record");
    }
}
