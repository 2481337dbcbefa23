//! What services were told of sessions, for as long as they may be told it again.
//!
//! Beside the sessions and not in them: an identity weighs several times its session and lives half a minute, so it
//! has a capacity of its own. In moka, because it has to leave when its time has come, used or not, and because beside
//! a kilobyte or two moka's overhead is small; in segments, so that readers do not all share one channel. Where the
//! capacity is too small an identity is signed anew, which costs a signature and no correctness.

use super::dense::Held;
use crate::id::SessionId;
use crate::identity_header::IdentityLines;
use crate::time::Timestamp;
use crate::token::identity_assertion::REUSE;
use moka::policy::EvictionPolicy;
use moka::sync::{CacheBuilder, SegmentedCache};
use std::sync::Arc;

/// Segments, each with its share of the capacity and a channel of its own. More cost a process more to start.
const SEGMENTS: usize = 4;

/// What an entry takes beside its lines: moka's bookkeeping, key and value, the places of the values, the rounding of the
/// allocations. See docs/measured.md, "Memory".
const ENTRY_BYTES: usize = 560;

/// A session's identity as one service is told it, for as long as it may be told again.
#[derive(Debug, Clone)]
pub struct MintedIdentity {
    /// The service's place in the table of services.
    pub service: u16,
    /// What it is told.
    pub lines: Arc<IdentityLines>,
    /// Until when they may be given to the service.
    pub reuse_until: Timestamp,
}

#[derive(Clone)]
struct Entry {
    lines: Arc<IdentityLines>,
    reuse_until: Timestamp,
}

fn weight(entry: &Entry) -> u32 {
    u32::try_from(ENTRY_BYTES + entry.lines.lines().len()).unwrap_or(u32::MAX)
}

/// The cache of minted identities. moka lets go of them by a clock of its own, which bounds memory only: whether one
/// may be given out is judged at the caller's time.
pub(super) struct Identities(SegmentedCache<(SessionId, u16), Entry>);

impl Identities {
    pub(super) fn new(capacity: u64) -> Self {
        let cache = CacheBuilder::new(capacity).segments(SEGMENTS).weigher(|_, entry: &Entry| weight(entry));
        Self(cache.eviction_policy(EvictionPolicy::lru()).time_to_live(REUSE).build())
    }

    pub(super) fn get(&self, session: SessionId, service: u16, now: Timestamp) -> Option<Arc<IdentityLines>> {
        let kept = self.0.get(&(session, service))?;
        (now < kept.reuse_until).then_some(kept.lines)
    }

    pub(super) fn keep(&self, session: SessionId, minted: MintedIdentity) {
        let MintedIdentity { service, lines, reuse_until } = minted;
        self.0.insert((session, service), Entry { lines, reuse_until });
    }

    /// How full it is, with moka's own housekeeping done first.
    pub(super) fn held(&self) -> Held {
        self.0.run_pending_tasks();
        Held { entries: self.0.entry_count(), bytes: self.0.weighted_size() }
    }
}
