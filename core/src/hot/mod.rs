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
//!
//! Every cache has a capacity in bytes. Sessions and passkeys, of which there are millions, are kept in dense maps
//! ([`rows`], [`dense`]), and so is what services were told ([`identity`]), which most requests ask for; what is few and
//! short-lived is kept in moka: tombstones and absences ([`gone`]). There is no index by account: an end of all of an account's sessions is found in
//! warm, which has one, and reaches this tier as one change for each session. Nothing sweeps: an expired session leaves
//! when it is next asked for, and what nobody asks for any more leaves when its place is needed.

mod copies;
mod credential;
mod dense;
mod feed;
mod gone;
mod identity;
mod rows;
mod session;

pub use credential::{CREDENTIAL_BYTES, KnownCredential};
pub use dense::Held;
pub use feed::Asked;
pub use identity::MintedIdentity;
pub use session::{HotSession, Known, SESSION_BYTES};

use crate::id::{CredentialDigest, SessionId};
use crate::identity_header::IdentityLines;
use crate::session::record::{SessionRecord, Standing};
use crate::time::Timestamp;
use crate::warm::change::{Change, Feed, Follower};
use crate::webauthn::credential::CredentialRecord;
use copies::{Copies, Found};
use dense::Dense;
use feed::FeedState;
use gone::{Gone, Why};
use identity::Identities;
use rows::Rows;
use std::sync::Arc;
use std::time::Duration;

/// For how long it is believed that warm knows nothing of a handle.
pub const ABSENCE: Duration = Duration::from_secs(10);

/// The least capacity of a cache, in bytes: with less, its parts would be too small to tell what is used from what is
/// not.
pub const CAPACITY_MIN: u64 = 1024 * 1024;

/// What a tombstone or an absence takes, in bytes: a session's, and a passkey's. docs/measured.md, "Memory", has what was
/// measured.
pub const GONE_BYTES: [u32; 2] = [320, 352];

/// How many bytes each cache may take in all; at least [`CAPACITY_MIN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Sessions, [`SESSION_BYTES`] each.
    pub sessions: u64,
    /// Passkeys, [`CREDENTIAL_BYTES`] each with a P-256 key.
    pub credentials: u64,
    /// What is known not to be there, [`GONE_BYTES`] each; half of it for sessions, half for passkeys.
    pub gone: u64,
    /// What services are told of sessions, about 2 kB each.
    pub identities: u64,
}

impl Capacity {
    /// The least of each.
    pub const LEAST: Self =
        Self { sessions: CAPACITY_MIN, credentials: CAPACITY_MIN, gone: CAPACITY_MIN, identities: CAPACITY_MIN };
}

/// How full each cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// Sessions.
    pub sessions: Held,
    /// Passkeys.
    pub credentials: Held,
    /// What is known not to be there.
    pub gone: Held,
    /// What services are told of sessions.
    pub identities: Held,
}

/// The caches of one process.
pub struct Hot {
    sessions: Copies<SessionId, Rows>,
    credentials: Copies<CredentialDigest, Dense<CredentialDigest, Arc<CredentialRecord>>>,
    identities: Identities,
    feed: FeedState,
}

impl Hot {
    /// Empty caches.
    pub fn new(capacity: Capacity) -> Self {
        let Capacity { sessions, credentials, gone, identities } = capacity;
        let [session_gone_bytes, credential_gone_bytes] = GONE_BYTES;
        let half = gone.max(CAPACITY_MIN) / 2;
        Self {
            sessions: Copies::new(Rows::new(sessions.max(CAPACITY_MIN)), Gone::new(half, session_gone_bytes)),
            credentials: Copies::new(Dense::new(credentials.max(CAPACITY_MIN)), Gone::new(half, credential_gone_bytes)),
            identities: Identities::new(identities.max(CAPACITY_MIN)),
            feed: FeedState::default(),
        }
    }

    /// To be called at `now`, before warm is asked; what is found goes to [`Hot::admit_session`] with it.
    pub fn ask(&self, now: Timestamp) -> Asked {
        self.feed.asked(now)
    }

    /// What is known of a session at `now`. A copy whose absolute end has come is given out a last time, for whoever
    /// asks to judge it, and leaves a tombstone.
    pub fn session(&self, session: &SessionId, now: Timestamp) -> Known {
        let here = match self.sessions.find(session) {
            Found::Here(here) => here,
            Found::Gone(why) if self.believes(why, now) => return Known::Ended,
            Found::Gone(_) | Found::Nothing => return Known::Nothing,
        };
        match self.feed.since(here.asked) {
            feed::Standing::BrokenSince(at) => Known::Unconfirmed(here, at),
            feed::Standing::Unbroken => {
                if here.record.standing(here.seen(), now) == Standing::Expired {
                    self.sessions.end(session);
                }
                Known::Confirmed(here)
            }
        }
    }

    fn believes(&self, why: Why, now: Timestamp) -> bool {
        match why {
            Why::Ended => true,
            Why::Absent(asked) => now.since(asked.at) < ABSENCE && self.feed.is_unbroken_since(asked),
        }
    }

    /// Keeps that warm, asked as `asked` says for a session whose token is genuine, knows nothing of it.
    pub fn note_absent_session(&self, session: SessionId, asked: Asked) {
        if self.feed.is_unbroken_since(asked) {
            self.sessions.note_absent(&session, asked);
        }
    }

    /// Keeps what a look-up found; gives what is now kept, which is `None` if the session ended meanwhile. A copy that
    /// is already here stays, and is confirmed by it.
    pub fn admit_session(&self, session: SessionId, record: SessionRecord, asked: Asked) -> Option<HotSession> {
        self.sessions.put(&session, |here| {
            Some(here.map_or_else(|| HotSession::new(session, record, asked), |here| here.confirmed(&record, asked)))
        })
    }

    /// Whether a session is known to have ended, or not to be there, at `now`. It counts as no use of the session.
    pub fn has_ended(&self, session: &SessionId, now: Timestamp) -> bool {
        self.sessions.why_gone(session).is_some_and(|why| self.believes(why, now))
    }

    /// Notes a use at `now`, in the copy that is kept and in the one that was given out. True if the time should be
    /// written to warm; whoever is told so does it alone, unless the copy was evicted meanwhile.
    pub fn touch(&self, session: &mut HotSession, now: Timestamp) -> bool {
        if now <= session.seen() && !session.is_touch_due(now) {
            return false; // Nothing is new: as for most of the requests by which a page is loaded.
        }
        let due_here = session.touch(now);
        self.sessions.map().touch(&session.session, now).unwrap_or(due_here)
    }

    /// Notes that a time of use, which [`Hot::touch`] gave out to be written, will not be: the next use is given out again.
    pub fn touch_again(&self, session: &SessionId) {
        self.sessions.map().touch_again(session);
    }

    /// What is known of a passkey at `now`.
    pub fn credential(&self, credential: &CredentialDigest, now: Timestamp) -> KnownCredential {
        match self.credentials.find(credential) {
            Found::Here(record) => KnownCredential::Here(record),
            Found::Gone(why) if self.believes(why, now) => KnownCredential::Gone,
            Found::Gone(_) | Found::Nothing => KnownCredential::Nothing,
        }
    }

    /// Keeps that warm, asked as `asked` says, knows nothing of a passkey.
    pub fn note_absent_credential(&self, credential: CredentialDigest, asked: Asked) {
        if self.feed.is_unbroken_since(asked) {
            self.credentials.note_absent(&credential, asked);
        }
    }

    /// Keeps a passkey's record, unless a newer one or its retirement is known; gives what is now kept.
    pub fn admit_credential(&self, record: Arc<CredentialRecord>) -> Option<Arc<CredentialRecord>> {
        let digest = record.digest;
        self.credentials.put(&digest, |here| match here {
            Some(here) if here.revision >= record.revision => None,
            Some(_) | None => Some(record),
        })
    }

    /// What a service is told of a session, if it was minted and may still be given out.
    pub fn identity(&self, session: SessionId, service: u16, now: Timestamp) -> Option<Arc<IdentityLines>> {
        self.identities.get(session, service, now)
    }

    /// Keeps what was minted, in place of what is older for the same session and service.
    pub fn keep_identity(&self, session: SessionId, minted: MintedIdentity) {
        self.identities.keep(session, minted);
    }

    /// How full each cache is, about.
    pub fn fill(&self) -> Fill {
        let (sessions, credentials) = (self.sessions.gone(), self.credentials.gone());
        Fill {
            sessions: self.sessions.here(),
            credentials: self.credentials.here(),
            gone: Held { entries: sessions.entries + credentials.entries, bytes: sessions.bytes + credentials.bytes },
            identities: self.identities.held(),
        }
    }
}

impl Follower for Hot {
    fn apply(&self, change: &Change) {
        match change {
            Change::SessionEnded(session) => self.sessions.end(session),
            Change::CredentialRetired(digest) => self.credentials.end(digest),
            Change::CredentialChanged(record) => drop(self.admit_credential(record.clone())),
            Change::TokenRevoked(_) | Change::ProviderKeysChanged => {} // Kept beside the grants.
        }
    }

    fn feed(&self, feed: Feed) {
        self.feed.hear(feed);
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
        Hot::new(Capacity::LEAST)
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
            disabled: false,
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
                std::thread::spawn(move || _ = hot.admit_session(id, record(), hot.ask(NOW)))
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
        let hot = hot();
        let mut session = hot.admit_session(ID, record(), hot.ask(NOW)).expect("it has not ended");
        assert!(!hot.touch(&mut session, NOW.plus(Duration::from_secs(59))));
        let later = NOW.plus(Duration::from_mins(1));
        let mut copies = [session; 5]; // As five requests have it that come at once.
        let told = copies.each_mut().map(|copy| hot.touch(copy, later));
        assert_eq!(told, [true, false, false, false, false]);
        assert!(copies.iter().all(|copy| copy.seen() == later));
        assert!(matches!(hot.session(&ID, later), Known::Confirmed(here) if here.seen() == later));
    }

    #[test]
    fn a_time_of_use_that_is_not_written_is_given_out_once_more() {
        let hot = hot();
        let mut session = hot.admit_session(ID, record(), hot.ask(NOW)).expect("it has not ended");
        let later = NOW.plus(Duration::from_mins(1));
        assert!(hot.touch(&mut session, later));
        hot.touch_again(&ID);
        let use_of_it = || match hot.session(&ID, later) {
            Known::Confirmed(mut here) => hot.touch(&mut here, later),
            other => panic!("{other:?}"),
        };
        assert!(use_of_it(), "in the same moment already");
        assert!(!use_of_it());
    }

    #[test]
    fn an_identity_is_given_out_again_until_its_time() {
        let hot = hot();
        let lines = Arc::new(IdentityLines::of(["value"; 6]).expect("plain"));
        let minted = |service| MintedIdentity { service, lines: Arc::clone(&lines), reuse_until: NOW };
        let before = Timestamp::from_millis(NOW.as_millis() - 1);
        hot.keep_identity(ID, minted(1));
        assert!(hot.identity(ID, 1, before).is_some());
        assert!(hot.identity(ID, 1, NOW).is_none());
        assert!(hot.identity(ID, 2, before).is_none(), "of another service");
        assert!(hot.identity(SessionId::from_bytes([2; 16]), 1, before).is_none(), "of another session");
    }

    #[test]
    fn an_expired_session_is_judged_once_and_leaves() {
        let hot = hot();
        let record = record();
        let (end, bytes) = (record.expires, |hot: &Hot| hot.fill().sessions.bytes);
        hot.admit_session(ID, record, hot.ask(NOW));
        assert_eq!(bytes(&hot), SESSION_BYTES);
        assert!(matches!(hot.session(&ID, end), Known::Confirmed(here) if here.record.expires == end));
        assert_eq!(bytes(&hot), 0);
        assert!(matches!(hot.session(&ID, end), Known::Ended));
    }

    #[test]
    fn an_end_is_seen_by_every_reader_as_soon_as_it_is_applied() {
        let hot = hot();
        for round in 0..500_u128 {
            let id = SessionId::from_bytes(round.to_be_bytes());
            let ended = std::sync::atomic::AtomicBool::new(false);
            let order = std::sync::atomic::Ordering::SeqCst;
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while !ended.load(order) {
                            hot.admit_session(id, record(), hot.ask(NOW));
                        }
                        assert!(hot.admit_session(id, record(), hot.ask(NOW)).is_none());
                        assert!(matches!(hot.session(&id, NOW), Known::Ended), "round {round}");
                    });
                }
                hot.apply(&Change::SessionEnded(id));
                let known = hot.session(&id, NOW);
                ended.store(true, order); // Before anything can panic: the others wait for it.
                assert!(matches!(known, Known::Ended), "round {round}");
            });
        }
    }

    /// Offers three times as many sessions as there is room for.
    fn overfill(hot: &Hot, capacity: u64) -> u64 {
        let offered = 3 * capacity / SESSION_BYTES;
        for n in 0..offered {
            let id = SessionId::from_bytes(u128::from(n).to_be_bytes());
            assert!(hot.admit_session(id, record(), hot.ask(NOW)).is_some(), "the newest is always let in");
        }
        offered
    }

    #[test]
    fn the_capacity_in_bytes_is_held_when_three_times_as_much_is_offered() {
        let (hot, capacity) = (hot(), CAPACITY_MIN);
        let offered = overfill(&hot, capacity);
        let held = hot.fill().sessions;
        assert!(held.bytes <= capacity, "{held:?}");
        assert_eq!(held.bytes, held.entries * SESSION_BYTES);
        let found = (0..offered).filter(|n| {
            let id = SessionId::from_bytes(u128::from(*n).to_be_bytes());
            matches!(hot.session(&id, NOW), Known::Confirmed(_))
        });
        assert_eq!(u64::try_from(found.count()), Ok(held.entries), "what is counted is what is there");
        assert!(held.bytes > capacity * 9 / 10, "and it is used: {held:?}");
    }

    #[test]
    fn every_other_cache_holds_its_capacity_too() {
        let hot = hot();
        let value = "v".repeat(200);
        let lines = Arc::new(IdentityLines::of([value.as_str(); 6]).expect("plain"));
        for n in 0..20_000_u32 {
            let mut handle = [0; 16];
            handle[..4].copy_from_slice(&n.to_be_bytes());
            let (id, digest) = (SessionId::from_bytes(handle), CredentialDigest::of(&n.to_be_bytes()));
            hot.admit_credential(Arc::new(CredentialRecord { digest, ..(*credential(1)).clone() }));
            hot.note_absent_session(id, hot.ask(NOW));
            hot.apply(&Change::CredentialRetired(CredentialDigest::of(&handle)));
            hot.keep_identity(id, MintedIdentity { service: 1, lines: Arc::clone(&lines), reuse_until: NOW });
        }
        let Fill { credentials, gone, identities, .. } = hot.fill();
        for (name, held) in [("credentials", credentials), ("gone", gone), ("identities", identities)] {
            assert!(held.bytes <= CAPACITY_MIN && held.bytes > CAPACITY_MIN / 2, "{name}: {held:?}");
        }
    }

    #[test]
    fn a_flood_of_absences_displaces_no_session_and_no_recent_end() {
        let hot = hot();
        let id = |n: u128| SessionId::from_bytes(n.to_be_bytes());
        hot.admit_session(id(1), record(), hot.ask(NOW));
        for n in 10..20_000 {
            hot.note_absent_session(id(n), hot.ask(NOW));
        }
        hot.apply(&Change::SessionEnded(id(2)));
        for n in 20_000..21_000 {
            hot.note_absent_session(id(n), hot.ask(NOW));
        }
        assert!(matches!(hot.session(&id(1), NOW), Known::Confirmed(_)));
        assert!(hot.admit_session(id(2), record(), hot.ask(NOW)).is_none());
    }
}
