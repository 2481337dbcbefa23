//! The hot tier: the bounded caches of one process, and how a change is applied to them.
//!
//! A copy may be late but never wrong for long: each change is applied here before the call that caused it returns.
//! What ended leaves a *tombstone*, so that a look-up which began before the change cannot put the old copy back.
//! Handles and digests never return to life, so a tombstone needs no date.
//!
//! That warm knows nothing of a handle is kept too, for [`ABSENCE`]: a browser that goes on with a dead cookie, or somebody
//! who tries passkeys that are not registered, costs one look-up in that time and not one a request. It never hides what
//! is new. A session's token is given out only once warm has the session, so an absence that was found with it stays
//! true; a passkey that is registered replaces its absence by the change that tells of it; and where changes may have
//! been missed, no absence is kept or believed.

use crate::id::{CredentialDigest, SessionId};
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use crate::warm::change::{Change, Feed, Follower};
use crate::webauthn::credential::CredentialRecord;
use bytes::Bytes;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// For how many services one session keeps its identity at a time; a browser rarely uses more at once.
const IDENTITIES_MAX: usize = 8;

/// For how long it is believed that warm knows nothing of a handle.
pub const ABSENCE: Duration = Duration::from_secs(10);

/// A session's identity as one service is told it, for as long as it may be told again.
#[derive(Debug, Clone)]
pub struct MintedIdentity {
    /// The service's place in the table of services.
    pub service: u16,
    /// The values of [`crate::identity_header::IDENTITY`], in that order, ready to be sent.
    pub values: Arc<[Bytes; 6]>,
    /// Until when they may be given to the service.
    pub reuse_until: Timestamp,
}

/// The state of the feed when something was asked of warm. A copy is as good as the feed has been since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    gap: u64,
    at: Timestamp,
}

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

/// What this process knows of a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownCredential {
    /// Nothing.
    Nothing,
    /// That it was removed, or that there is none: no look-up is needed.
    Gone,
    /// Its record.
    Here(Arc<CredentialRecord>),
}

/// A session as this process knows it.
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
    identities: Mutex<Vec<MintedIdentity>>,
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
            identities: Mutex::new(Vec::new()),
        }
    }

    fn asked(&self) -> Asked {
        let gap = self.asked_gap.load(Ordering::Acquire);
        Asked { gap, at: Timestamp::from_millis(self.asked_at.load(Ordering::Relaxed)) }
    }

    /// Notes that warm has confirmed the copy. A record changes in nothing but the time of its last use.
    fn confirm(&self, record: &SessionRecord, asked: Asked) {
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

    /// What a service is told, if it was minted and may still be given out.
    pub fn identity(&self, service: u16, now: Timestamp) -> Option<Arc<[Bytes; 6]>> {
        let kept = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|kept| kept.service == service && now < kept.reuse_until).map(|kept| kept.values.clone())
    }

    /// Keeps what was minted, in place of what is older for the same service, or of the oldest of all.
    pub fn keep_identity(&self, minted: MintedIdentity) {
        let mut kept = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| kept.service != minted.service);
        if kept.len() >= IDENTITIES_MAX {
            kept.remove(0);
        }
        kept.push(minted);
    }
}

#[derive(Clone)]
enum SessionEntry {
    Here(Arc<HotSession>),
    Ended,
    Absent(Asked),
}

#[derive(Clone)]
enum CredentialEntry {
    Here(Arc<CredentialRecord>),
    Retired,
    Absent(Asked),
}

/// How many entries each cache may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Sessions.
    pub sessions: u64,
    /// Passkeys.
    pub credentials: u64,
}

/// The caches of one process.
pub struct Hot {
    sessions: Cache<SessionId, SessionEntry>,
    credentials: Cache<CredentialDigest, CredentialEntry>,
    /// How many gaps the feed has had.
    gaps: AtomicU64,
    /// Since when the feed is silent, in milliseconds; 0 while it is live.
    silent_since: AtomicU64,
}

impl Hot {
    /// Empty caches. Sessions leave by least recent use: a new one must never be turned away, as a frequency filter
    /// would. For passkeys, most of which are used once a month, the filter is right.
    pub fn new(capacity: Capacity) -> Self {
        Self {
            sessions: Cache::builder().max_capacity(capacity.sessions).eviction_policy(EvictionPolicy::lru()).build(),
            credentials: Cache::new(capacity.credentials),
            gaps: AtomicU64::new(0),
            silent_since: AtomicU64::new(0),
        }
    }

    /// To be called at `now`, before warm is asked; what is found goes to [`Hot::admit_session`] with it.
    pub fn ask(&self, now: Timestamp) -> Asked {
        Asked { gap: self.gaps.load(Ordering::Acquire), at: now }
    }

    /// What is known of a session at `now`.
    pub fn session(&self, session: &SessionId, now: Timestamp) -> Known {
        match self.sessions.get(session) {
            Some(SessionEntry::Here(hot)) => self.known(hot),
            Some(SessionEntry::Ended) => Known::Ended,
            Some(SessionEntry::Absent(asked)) if self.still_true(asked, now) => Known::Ended,
            Some(SessionEntry::Absent(_)) | None => Known::Nothing,
        }
    }

    /// Whether nothing can have come since warm was asked that this process has not heard of.
    fn is_unbroken_since(&self, asked: Asked) -> bool {
        asked.gap == self.gaps.load(Ordering::Acquire) && self.silent_since.load(Ordering::Acquire) == 0
    }

    fn still_true(&self, absence: Asked, now: Timestamp) -> bool {
        now.since(absence.at) < ABSENCE && self.is_unbroken_since(absence)
    }

    /// Keeps that warm, asked as `asked` says for a session whose token is genuine, knows nothing of it.
    pub fn note_absent_session(&self, session: SessionId, asked: Asked) {
        self.sessions.entry(session).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(SessionEntry::Absent(_)) | None if self.is_unbroken_since(asked) => {
                Op::Put(SessionEntry::Absent(asked))
            }
            _ => Op::Nop,
        });
    }

    fn known(&self, hot: Arc<HotSession>) -> Known {
        let silent_since = self.silent_since.load(Ordering::Acquire);
        let asked = hot.asked();
        match (asked.gap == self.gaps.load(Ordering::Acquire), silent_since) {
            (true, 0) => Known::Confirmed(hot),
            (true, since) => Known::Unconfirmed(hot, asked.at.max(Timestamp::from_millis(since))),
            (false, _) => Known::Unconfirmed(hot, asked.at),
        }
    }

    /// Keeps what a look-up found; gives what is now kept, which is `None` if the session ended meanwhile. A copy that
    /// is already here stays, and is confirmed by it.
    pub fn admit_session(&self, session: SessionId, record: SessionRecord, asked: Asked) -> Option<Arc<HotSession>> {
        let result = self.sessions.entry(session).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(SessionEntry::Ended) => Op::Nop,
            Some(SessionEntry::Here(here)) => {
                here.confirm(&record, asked);
                Op::Nop
            }
            Some(SessionEntry::Absent(_)) | None => {
                Op::Put(SessionEntry::Here(Arc::new(HotSession::new(session, record, asked))))
            }
        });
        match result.into_entry().map(moka::Entry::into_value) {
            Some(SessionEntry::Here(hot)) => Some(hot),
            Some(SessionEntry::Ended | SessionEntry::Absent(_)) | None => None,
        }
    }

    /// What is known of a passkey at `now`.
    pub fn credential(&self, credential: &CredentialDigest, now: Timestamp) -> KnownCredential {
        match self.credentials.get(credential) {
            Some(CredentialEntry::Here(record)) => KnownCredential::Here(record),
            Some(CredentialEntry::Retired) => KnownCredential::Gone,
            Some(CredentialEntry::Absent(asked)) if self.still_true(asked, now) => KnownCredential::Gone,
            Some(CredentialEntry::Absent(_)) | None => KnownCredential::Nothing,
        }
    }

    /// Keeps that warm, asked as `asked` says, knows nothing of a passkey.
    pub fn note_absent_credential(&self, credential: CredentialDigest, asked: Asked) {
        self.credentials.entry(credential).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
            Some(CredentialEntry::Absent(_)) | None if self.is_unbroken_since(asked) => {
                Op::Put(CredentialEntry::Absent(asked))
            }
            _ => Op::Nop,
        });
    }

    /// Keeps a passkey's record, unless a newer one or its retirement is known; gives what is now kept.
    pub fn admit_credential(&self, record: Arc<CredentialRecord>) -> Option<Arc<CredentialRecord>> {
        let result =
            self.credentials.entry(record.digest).and_compute_with(|entry| match entry.map(moka::Entry::into_value) {
                Some(CredentialEntry::Retired) => Op::Nop,
                Some(CredentialEntry::Here(here)) if here.revision >= record.revision => Op::Nop,
                Some(CredentialEntry::Here(_) | CredentialEntry::Absent(_)) | None => {
                    Op::Put(CredentialEntry::Here(record))
                }
            });
        match result.into_entry().map(moka::Entry::into_value) {
            Some(CredentialEntry::Here(record)) => Some(record),
            Some(CredentialEntry::Retired | CredentialEntry::Absent(_)) | None => None,
        }
    }

    /// How many entries each cache holds, about.
    pub fn entries(&self) -> Capacity {
        Capacity { sessions: self.sessions.entry_count(), credentials: self.credentials.entry_count() }
    }
}

impl Follower for Hot {
    fn apply(&self, change: &Change) {
        // By the same kind of call as `admit`: the cache puts these in one order for a key, but not a plain `insert`.
        match change {
            Change::SessionEnded(session) => {
                self.sessions.entry(*session).and_compute_with(|_| Op::Put(SessionEntry::Ended));
            }
            Change::CredentialRetired(digest) => {
                self.credentials.entry(*digest).and_compute_with(|_| Op::Put(CredentialEntry::Retired));
            }
            Change::CredentialChanged(record) => {
                self.admit_credential(record.clone());
            }
            Change::TokenRevoked(_) => {} // Kept beside the grants.
        }
    }

    fn feed(&self, feed: Feed) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assurance::{Components, IdentityLevel};
    use crate::device::Device;
    use crate::id::AccountId;
    use crate::session::record::{Authentication, Lifetimes};
    use crate::webauthn::public_key::PublicKey;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const ID: SessionId = SessionId::from_bytes([1; 16]);

    fn hot() -> Hot {
        Hot::new(Capacity { sessions: 100, credentials: 100 })
    }

    fn record() -> SessionRecord {
        let by = Authentication {
            account: AccountId::from_bytes([2; 16]),
            credential: None,
            identity: IdentityLevel::P0,
            components: Components::PASSWORD,
        };
        let lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };
        SessionRecord::open(by, lifetimes, Device::default(), NOW)
    }

    fn credential(revision: u64) -> Arc<CredentialRecord> {
        Arc::new(CredentialRecord {
            digest: CredentialDigest::of(b"c"),
            account: AccountId::from_bytes([2; 16]),
            identity: IdentityLevel::P0,
            public_key: PublicKey::EdDsa(Box::new([0; 32])),
            sign_count: 0,
            backup_eligible: false,
            backup_state: false,
            revision,
        })
    }

    #[test]
    fn a_look_up_that_began_before_the_end_cannot_bring_a_session_back() {
        let hot = hot();
        hot.apply(&Change::SessionEnded(ID));
        assert!(hot.admit_session(ID, record(), hot.ask(NOW)).is_none());
        assert!(matches!(hot.session(&ID, NOW), Known::Ended));
    }

    #[test]
    fn an_end_wins_over_look_ups_that_race_with_it() {
        let hot = Arc::new(hot());
        for round in 0..2_000_u32 {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&round.to_be_bytes());
            let id = SessionId::from_bytes(id);
            let admitting = {
                let hot = hot.clone();
                std::thread::spawn(move || drop(hot.admit_session(id, record(), hot.ask(NOW))))
            };
            hot.apply(&Change::SessionEnded(id));
            admitting.join().expect("a thread");
            assert!(matches!(hot.session(&id, NOW), Known::Ended), "round {round}");
        }
    }

    #[test]
    fn an_ended_session_is_gone_at_once() {
        let hot = hot();
        assert!(hot.admit_session(ID, record(), hot.ask(NOW)).is_some());
        hot.apply(&Change::SessionEnded(ID));
        assert!(matches!(hot.session(&ID, NOW), Known::Ended));
    }

    #[test]
    fn a_silent_feed_leaves_copies_unconfirmed_and_a_resumed_one_confirms_them() {
        let hot = hot();
        hot.admit_session(ID, record(), hot.ask(NOW));
        assert!(matches!(hot.session(&ID, NOW), Known::Confirmed(_)));
        let silence = NOW.plus(Duration::from_secs(10));
        hot.feed(Feed::Silent(silence));
        assert!(matches!(hot.session(&ID, NOW), Known::Unconfirmed(_, at) if at == silence));
        let asked = hot.ask(NOW.plus(Duration::from_secs(20)));
        assert!(hot.admit_session(ID, record(), asked).is_some());
        assert!(
            matches!(hot.session(&ID, NOW), Known::Unconfirmed(_, at) if at == asked.at),
            "but asked at that moment"
        );
        hot.feed(Feed::Live);
        assert!(matches!(hot.session(&ID, NOW), Known::Confirmed(_)), "what was missed has been applied");
    }

    #[test]
    fn after_a_gap_each_copy_is_confirmed_once() {
        let hot = hot();
        let before = hot.ask(NOW);
        hot.admit_session(ID, record(), before);
        hot.feed(Feed::Silent(NOW));
        hot.feed(Feed::Gap);
        assert!(matches!(hot.session(&ID, NOW), Known::Unconfirmed(_, NOW)));
        hot.admit_session(ID, record(), before);
        assert!(
            matches!(hot.session(&ID, NOW), Known::Unconfirmed(..)),
            "an answer from before the gap confirms nothing"
        );
        hot.admit_session(ID, record(), hot.ask(NOW));
        assert!(matches!(hot.session(&ID, NOW), Known::Confirmed(_)));
    }

    #[test]
    fn a_late_copy_of_a_passkey_never_replaces_a_newer_one() {
        let hot = hot();
        hot.admit_credential(credential(2));
        hot.apply(&Change::CredentialChanged(credential(1)));
        assert_eq!(hot.credential(&credential(0).digest, NOW), KnownCredential::Here(credential(2)));
        hot.apply(&Change::CredentialRetired(credential(0).digest));
        assert!(hot.admit_credential(credential(9)).is_none());
    }

    #[test]
    fn an_absence_is_believed_for_a_while_and_gives_way_to_the_session() {
        let hot = hot();
        hot.note_absent_session(ID, hot.ask(NOW));
        let later = |secs| NOW.plus(Duration::from_secs(secs));
        assert!(matches!(hot.session(&ID, later(9)), Known::Ended));
        assert!(matches!(hot.session(&ID, later(10)), Known::Nothing));
        assert!(hot.admit_session(ID, record(), hot.ask(NOW)).is_some());
        assert!(matches!(hot.session(&ID, NOW), Known::Confirmed(_)), "what is there wins");
        hot.note_absent_session(ID, hot.ask(NOW));
        assert!(matches!(hot.session(&ID, NOW), Known::Confirmed(_)), "also over an answer that is late");
    }

    #[test]
    fn an_absence_is_worth_nothing_where_a_change_may_have_been_missed() {
        let hot = hot();
        let before = hot.ask(NOW);
        hot.note_absent_session(ID, before);
        hot.feed(Feed::Silent(NOW));
        assert!(matches!(hot.session(&ID, NOW), Known::Nothing), "the feed is silent");
        hot.feed(Feed::Gap);
        assert!(matches!(hot.session(&ID, NOW), Known::Nothing), "it has missed something");
        hot.note_absent_session(ID, before);
        assert!(matches!(hot.session(&ID, NOW), Known::Nothing), "asked before the gap");
        hot.note_absent_session(ID, hot.ask(NOW));
        assert!(matches!(hot.session(&ID, NOW), Known::Ended));
    }

    #[test]
    fn a_passkey_that_is_registered_is_found_at_once_whatever_was_looked_up_before() {
        for round in 0..2_000_u64 {
            let hot = Arc::new(hot());
            let asked = hot.ask(NOW); // And warm says: none.
            let noting = {
                let hot = hot.clone();
                std::thread::spawn(move || hot.note_absent_credential(credential(0).digest, asked))
            };
            hot.apply(&Change::CredentialChanged(credential(0)));
            noting.join().expect("a thread");
            let known = hot.credential(&credential(0).digest, NOW);
            assert_eq!(known, KnownCredential::Here(credential(0)), "round {round}");
        }
    }

    #[test]
    fn one_of_many_requests_writes_the_time_of_use() {
        let session = HotSession::new(ID, record(), hot().ask(NOW));
        assert!(!session.touch(NOW.plus(Duration::from_secs(59))));
        let later = NOW.plus(Duration::from_mins(1));
        let told: Vec<_> = (0..5).map(|_| session.touch(later)).collect();
        assert_eq!(told, [true, false, false, false, false]);
        assert_eq!(session.seen(), later);
    }

    #[test]
    fn an_identity_is_given_out_again_until_its_time() {
        let session = HotSession::new(ID, record(), hot().ask(NOW));
        let values = Arc::new(std::array::from_fn(|_| Bytes::from_static(b"value")));
        let minted = |service| MintedIdentity { service, values: Arc::clone(&values), reuse_until: NOW };
        let before = Timestamp::from_millis(NOW.as_millis() - 1);
        session.keep_identity(minted(1));
        assert!(session.identity(1, before).is_some());
        assert!(session.identity(1, NOW).is_none());
        assert!(session.identity(2, before).is_none());
        (0..100).for_each(|service| session.keep_identity(minted(service)));
        let kept = session.identities.lock().expect("lock").len();
        assert_eq!(kept, IDENTITIES_MAX);
    }
}
