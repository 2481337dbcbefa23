//! What services were told of sessions, for as long as they may be told it again.
//!
//! Beside the sessions and not in them: an identity weighs several times its session and is good for half a minute, so it
//! has a capacity of its own. One whose time is over lies there until its place is needed or another takes it: what it
//! says could not be given out any more, and memory is bounded all the same. Where the capacity is too small an identity
//! is signed anew, which costs a signature and no correctness.

use super::copies::Map as _;
use super::dense::{Dense, Held, INDEX_BYTES, Kept, allocated, weight};
use crate::id::SessionId;
use crate::identity_header::IdentityLines;
use crate::time::Timestamp;
use std::sync::Arc;

/// An entry's place in the slab: key, pointer, time, and the slab's own words.
const PLACE_BYTES: u64 = 72;

/// What the lines' own description takes: where each value stands, and the two counts of its `Arc`.
const DESCRIPTION_BYTES: u64 = 160;

/// The shortest lines that a session has: names, handles and an assertion signed with P-256.
const LINES_BYTES_MIN: u64 = 640;

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

impl Kept for Entry {
    const LEAST: u64 = PLACE_BYTES + INDEX_BYTES + allocated(DESCRIPTION_BYTES) + allocated(LINES_BYTES_MIN);

    fn weight(&self) -> u64 {
        let lines = u64::try_from(self.lines.lines().len()).unwrap_or(u64::MAX);
        weight(allocated(DESCRIPTION_BYTES) + allocated(lines), PLACE_BYTES + INDEX_BYTES, Self::LEAST)
    }
}

/// The cache of minted identities.
pub(super) struct Identities(Dense<(SessionId, u16), Entry>);

impl Identities {
    pub(super) fn new(capacity: u64) -> Self {
        Self(Dense::new(capacity))
    }

    pub(super) fn get(&self, session: SessionId, service: u16, now: Timestamp) -> Option<Arc<IdentityLines>> {
        let kept = self.0.get(&(session, service))?;
        (now < kept.reuse_until).then_some(kept.lines)
    }

    pub(super) fn keep(&self, session: SessionId, minted: MintedIdentity) {
        let MintedIdentity { service, lines, reuse_until } = minted;
        let _ = self.0.settle(&(session, service), |_| Some(Entry { lines, reuse_until }));
    }

    /// How full it is.
    pub(super) fn held(&self) -> Held {
        self.0.held()
    }
}
