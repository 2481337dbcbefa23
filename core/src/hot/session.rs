//! Sessions as this process knows them.

use super::feed::Asked;
use super::rows::SEAT_BYTES;
use crate::assurance::{Components, IdentityLevel};
use crate::device::Device;
use crate::id::{AccountId, CredentialDigest, SessionId};
use crate::session::record::SessionRecord;
use crate::time::Timestamp;
use std::time::Duration;

/// What an entry takes, in bytes. docs/measured.md, "Memory", has what was measured.
pub const SESSION_BYTES: u64 = SEAT_BYTES;

/// Words of an entry: two lines of the processor's cache.
pub(super) const WORDS: usize = 16;

/// A session as it lies in the map: what [`HotSession::to_words`] says.
pub(super) type Words = [u64; WORDS];

/// What this process knows of a session.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// That it ended, or that there is none: no look-up is needed.
    Ended,
    /// A copy that every change has been applied to.
    Confirmed(HotSession),
    /// A copy that changes may have missed since this moment: to be confirmed before use.
    Unconfirmed(HotSession, Timestamp),
}

/// A session as this process knows it at a moment. What services are told of it is kept elsewhere (see
/// [`super::identity`]), so that a session that is at rest takes no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotSession {
    /// The session's handle.
    pub session: SessionId,
    /// The record as it came from warm, but for when it was last used: that is when this process last saw it used, if
    /// that is later.
    pub record: SessionRecord,
    pub(super) asked: Asked,
    /// When the time of use was last written to warm.
    written: Timestamp,
}

impl HotSession {
    /// A copy of a record, which warm was asked for as `asked` says.
    pub const fn new(session: SessionId, record: SessionRecord, asked: Asked) -> Self {
        Self { session, record, asked, written: record.seen }
    }

    /// The copy once warm has confirmed it. A record changes in nothing but the time of its last use.
    pub(super) fn confirmed(mut self, record: &SessionRecord, asked: Asked) -> Self {
        self.record.seen = self.record.seen.max(record.seen);
        self.asked = Asked { gap: self.asked.gap.max(asked.gap), at: self.asked.at.max(asked.at) };
        self
    }

    /// When this process last saw the session used, or when warm did.
    pub const fn seen(&self) -> Timestamp {
        self.record.seen
    }

    /// Whether a use at `now` should be written to warm.
    pub(super) fn is_touch_due(&self, now: Timestamp) -> bool {
        now.since(self.written) >= self.record.touch_after()
    }

    /// Notes a use at `now`; true if it should be written to warm.
    pub(super) fn touch(&mut self, now: Timestamp) -> bool {
        let due = self.is_touch_due(now);
        self.record.seen = self.record.seen.max(now);
        if due {
            self.written = now;
        }
        due
    }

    /// Notes that the last time of use was not written to warm after all: the next use tries again.
    pub(super) fn touch_again(&mut self) {
        self.written = Timestamp::default(); // Longer ago than any session lives.
    }

    /// The words that an entry takes. A moment takes 48 bits of a word (8,900 years in milliseconds), and the 16 left
    /// over carry something small, or a half of something larger.
    pub(super) fn to_words(self) -> Words {
        let Self { session, record, asked, written } = self;
        let zero = [0; 32];
        let [handle, another] = halves(session.as_bytes());
        let [account, account_too] = halves(record.account.as_bytes());
        let [subject, subject_too] = halves(record.acting_for.as_ref().map_or(&[0; 16], AccountId::as_bytes));
        let credential = record.credential.as_ref().map_or(&zero, CredentialDigest::as_bytes);
        let [c0, c1, c2, c3] = quarters(credential);
        let level = [record.identity as u8, record.components.as_byte()];
        let idle = u32::try_from(record.idle.as_secs()).unwrap_or(u32::MAX);
        let gap = u32::try_from(asked.gap).unwrap_or(NO_GAP);
        let ([idle_high, idle_low], [gap_high, gap_low]) = (split(idle), split(gap));
        let times = [
            packed(record.opened, idle_high),
            packed(record.authenticated, idle_low),
            packed(record.expires, u16::from_be_bytes(level)),
            packed(record.seen, u16::from_be_bytes(record.device.to_bytes())),
            packed(asked.at, gap_high),
            packed(written, gap_low),
        ];
        let [opened, authenticated, expires, seen, asked, written] = times;
        [
            handle,
            another,
            account,
            account_too,
            subject,
            subject_too,
            c0,
            c1,
            c2,
            c3,
            opened,
            authenticated,
            expires,
            seen,
            asked,
            written,
        ]
    }

    /// Reads what [`HotSession::to_words`] wrote; `None` for anything else.
    pub(super) fn from_words(words: Words) -> Option<Self> {
        let [h0, h1, a0, a1, s0, s1, c0, c1, c2, c3, opened, authenticated, expires, seen, asked, written] = words;
        let [identity, components] = small(expires).to_be_bytes();
        let gap = joined([small(asked), small(written)]);
        let record = SessionRecord {
            account: AccountId::from_bytes(bytes16([a0, a1])),
            acting_for: (s0 | s1 != 0).then(|| AccountId::from_bytes(bytes16([s0, s1]))),
            credential: (c0 | c1 | c2 | c3 != 0).then(|| CredentialDigest::from_bytes(bytes32([c0, c1, c2, c3]))),
            opened: moment(opened),
            authenticated: moment(authenticated),
            seen: moment(seen),
            expires: moment(expires),
            idle: Duration::from_secs(u64::from(joined([small(opened), small(authenticated)]))),
            identity: IdentityLevel::from_byte(identity)?,
            components: Components::from_byte(components)?,
            device: Device::from_bytes(small(seen).to_be_bytes()),
        };
        // A feed with so many gaps confirms nothing any more, rather than the wrong thing.
        let gap = if gap == NO_GAP { u64::MAX } else { u64::from(gap) };
        let asked = Asked { gap, at: moment(asked) };
        Some(Self { session: SessionId::from_bytes(bytes16([h0, h1])), record, asked, written: moment(written) })
    }
}

/// Stands for every count of gaps that 32 bits do not hold.
const NO_GAP: u32 = u32::MAX;

fn packed(moment: Timestamp, small: u16) -> u64 {
    (moment.as_millis().min((1 << 48) - 1) << 16) | u64::from(small)
}

const fn moment(word: u64) -> Timestamp {
    Timestamp::from_millis(word >> 16)
}

const fn small(word: u64) -> u16 {
    (word & 0xffff) as u16
}

const fn split(number: u32) -> [u16; 2] {
    [(number >> 16) as u16, (number & 0xffff) as u16]
}

fn joined([high, low]: [u16; 2]) -> u32 {
    (u32::from(high) << 16) | u32::from(low)
}

fn halves(bytes: &[u8; 16]) -> [u64; 2] {
    let number = u128::from_le_bytes(*bytes);
    [number as u64, (number >> 64) as u64]
}

fn quarters(bytes: &[u8; 32]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)))
}

fn bytes16([low, high]: [u64; 2]) -> [u8; 16] {
    (u128::from(low) | (u128::from(high) << 64)).to_le_bytes()
}

fn bytes32(words: [u64; 4]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world::{NOW, session_record};

    #[test]
    fn words_and_back() {
        let asked = Asked { gap: 0x1_2345, at: NOW.plus(Duration::from_millis(7)) };
        let mut session = HotSession::new(SessionId::from_bytes(*b"0123456789abcdef"), session_record(), asked);
        assert_eq!(HotSession::from_words(session.to_words()), Some(session));
        session.record.acting_for = Some(AccountId::from_bytes(*b"fedcba9876543210"));
        session.record.credential = Some(CredentialDigest::of(b"c"));
        session.record.identity = IdentityLevel::P9;
        session.record.device = Device::from_bytes([3, 5]);
        session.record.idle = Duration::from_secs(0x12_3456);
        session.record.authenticated = NOW.plus(Duration::from_millis(1));
        session.record.expires = NOW.plus(Duration::from_millis(2));
        session.touch(NOW.plus(Duration::from_millis(3)));
        assert_eq!(HotSession::from_words(session.to_words()), Some(session));
    }

    #[test]
    fn a_time_of_use_that_was_not_written_is_due_again_at_the_next_use() {
        let mut session = HotSession::new(SessionId::from_bytes([1; 16]), session_record(), Asked { gap: 0, at: NOW });
        let later = NOW.plus(session.record.touch_after());
        assert!(session.touch(later) && !session.touch(later.plus(Duration::from_secs(1))));
        session.touch_again();
        assert_eq!(HotSession::from_words(session.to_words()), Some(session));
        assert!(session.touch(later.plus(Duration::from_secs(2))));
        assert!(!session.touch(later.plus(Duration::from_secs(3))), "and is given out once");
    }

    #[test]
    fn more_gaps_than_can_be_counted_are_no_gap_that_was() {
        let of = |gap| HotSession::new(SessionId::from_bytes([1; 16]), session_record(), Asked { gap, at: NOW });
        let back = |gap| HotSession::from_words(of(gap).to_words()).expect("a session").asked.gap;
        assert_eq!(back(u64::from(NO_GAP) - 1), u64::from(NO_GAP) - 1);
        assert_eq!([back(u64::from(NO_GAP)), back(1 << 32)], [u64::MAX; 2]);
    }
}
