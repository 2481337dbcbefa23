//! Tags: what lies in Redis is believed only if this deployment wrote it there, under this very name.
//!
//! Whoever can write into Redis, past its password, must not be able to make a session or a passkey. So each value
//! carries HMAC-SHA-256, cut to 128 bits, under a key that is derived from the master key and never sent to Redis. The
//! tag covers what kind of value it is and whose, so that a genuine value under another name is refused too.
//!
//! A tag proves origin, not freshness: who can write into Redis can delete there, and put back what once was there.
//! What only forbids (that a value is used up, a token revoked, a passkey retired) carries no tag: to believe a planted
//! one is to refuse somebody, which who can delete can do anyway. Against a deleted revocation help the hot tier's
//! tombstones, and a session's absolute end, which the tag covers.

use crate::assurance::IdentityLevel;
use crate::id::{AccountId, CredentialDigest, Lane, SessionId};
use crate::secret::{MasterKey, Purpose};
use crate::session::record::{RECORD_BYTES, SessionRecord};
use crate::time::Timestamp;
use crate::warm::change::Change;
use crate::warm::login_event::LoginEvent;
use crate::webauthn::credential::CredentialRecord;
use ring::hmac;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// Bytes of a tag: 128 bits.
const TAG_BYTES: usize = 16;

/// Where a session's last use begins in its value; the script writes there.
const SEEN_AT: usize = 2 * TAG_BYTES + RECORD_BYTES;

/// Bytes of a session's value.
const SESSION_BYTES: usize = SEEN_AT + SEEN_BYTES;

/// Bytes of a tagged last use.
const SEEN_BYTES: usize = 8 + TAG_BYTES;

/// Bytes of the state in a cell.
pub(super) const STATE_BYTES: usize = 15;

/// What is there instead of a passkey that was removed.
pub(super) const RETIRED: &[u8] = b"R";

/// The value is not what this deployment wrote under this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a value in Redis is not tagged by this deployment for where it lies")]
pub(super) struct Forged;

/// What a tag is about. The byte goes under the tag.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Kind {
    Session = 1,
    Seen = 2,
    Published = 3,
    Cell = 4,
    Change = 5,
    LogIn = 6,
}

/// What changes of a passkey; its other facts are fixed when it is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CellState {
    pub(super) identity: IdentityLevel,
    pub(super) backup_state: bool,
    pub(super) disabled: bool,
    pub(super) sign_count: u32,
    pub(super) revision: u64,
}

impl CellState {
    pub(super) const fn of(record: &CredentialRecord) -> Self {
        Self {
            identity: record.identity,
            backup_state: record.backup_state,
            disabled: record.disabled,
            sign_count: record.sign_count,
            revision: record.revision,
        }
    }

    /// The record, with this state.
    pub(super) fn onto(self, record: &CredentialRecord) -> CredentialRecord {
        let Self { identity, backup_state, disabled, sign_count, revision } = self;
        CredentialRecord { identity, backup_state, disabled, sign_count, revision, ..record.clone() }
    }

    pub(super) fn encode(self) -> [u8; STATE_BYTES] {
        let mut out = [0; STATE_BYTES];
        let flags = u8::from(self.backup_state) | u8::from(self.disabled) << 1;
        out[..3].copy_from_slice(&[b'C', self.identity as u8, flags]);
        out[3..7].copy_from_slice(&self.sign_count.to_be_bytes());
        out[7..].copy_from_slice(&self.revision.to_be_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[kind, identity, flags], rest) = bytes.split_first_chunk::<3>()?;
        let (sign_count, revision) = rest.split_first_chunk::<4>()?;
        (kind == b'C' && flags <= 3).then_some(Self {
            identity: IdentityLevel::from_byte(identity)?,
            backup_state: flags & 1 != 0,
            disabled: flags & 2 != 0,
            sign_count: u32::from_be_bytes(*sign_count),
            revision: u64::from_be_bytes(revision.try_into().ok()?),
        })
    }
}

/// The key, and what is made and read with it.
pub(super) struct Tags(hmac::Key);

impl Tags {
    pub(super) fn new(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::WarmTag, 0).expose()))
    }

    /// `whose` is of one length for each kind, so where it ends is never in doubt.
    fn tag(&self, kind: Kind, whose: &[&[u8]], value: &[u8]) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&[kind as u8]);
        whose.iter().for_each(|part| context.update(part));
        context.update(value);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
        tag
    }

    fn verify(&self, kind: Kind, whose: &[&[u8]], value: &[u8], tag: &[u8]) -> Result<(), Forged> {
        bool::from(self.tag(kind, whose, value).ct_eq(tag)).then_some(()).ok_or(Forged)
    }

    /// A value and, behind it, its tag.
    fn tagged(&self, kind: Kind, whose: &[&[u8]], value: &[u8]) -> Vec<u8> {
        [value, &self.tag(kind, whose, value)].concat()
    }

    /// The value before a tag that is right.
    fn untag<'a>(&self, kind: Kind, whose: &[&[u8]], tagged: &'a [u8]) -> Result<&'a [u8], Forged> {
        let (value, tag) = tagged.split_last_chunk::<TAG_BYTES>().ok_or(Forged)?;
        self.verify(kind, whose, value, tag)?;
        Ok(value)
    }

    /// A session's value: the tag of its record, the tag with which the script tells its end, the record, its last use.
    pub(super) fn session(&self, session: &SessionId, record: &SessionRecord) -> Vec<u8> {
        let bytes = record.encode();
        let tag = self.tag(Kind::Session, &[session.as_bytes()], &bytes);
        let end = self.change_tag(session.lane(), &ended_bytes(session));
        [&tag[..], &end, &bytes, &self.seen(session, record.seen)].concat()
    }

    /// When a session was last used, tagged.
    pub(super) fn seen(&self, session: &SessionId, at: Timestamp) -> Vec<u8> {
        self.tagged(Kind::Seen, &[session.as_bytes()], &at.as_millis().to_be_bytes())
    }

    pub(super) fn read_session(&self, session: &SessionId, value: &[u8]) -> Result<SessionRecord, Forged> {
        let value: &[u8; SESSION_BYTES] = value.try_into().map_err(|_| Forged)?;
        let (head, seen) = value.split_at(SEEN_AT);
        let (tags, record) = head.split_at(2 * TAG_BYTES);
        self.verify(Kind::Session, &[session.as_bytes()], record, &tags[..TAG_BYTES])?;
        let seen = self.untag(Kind::Seen, &[session.as_bytes()], seen)?;
        let seen = u64::from_be_bytes(seen.try_into().map_err(|_| Forged)?);
        let record = SessionRecord::decode(record).ok_or(Forged)?;
        Ok(SessionRecord { seen: Timestamp::from_millis(seen), ..record })
    }

    /// A passkey's published record. Of what changes it holds what was published last; its cell knows better.
    pub(super) fn published(&self, record: &CredentialRecord) -> Vec<u8> {
        self.tagged(Kind::Published, &[record.digest.as_bytes()], &record.encode())
    }

    pub(super) fn read_published(&self, digest: &CredentialDigest, value: &[u8]) -> Result<CredentialRecord, Forged> {
        let bytes = self.untag(Kind::Published, &[digest.as_bytes()], value)?;
        CredentialRecord::decode(*digest, bytes).ok_or(Forged)
    }

    /// A passkey's cell.
    pub(super) fn cell(&self, account: &AccountId, digest: &CredentialDigest, state: CellState) -> Vec<u8> {
        self.tagged(Kind::Cell, &[account.as_bytes(), digest.as_bytes()], &state.encode())
    }

    pub(super) fn read_cell(
        &self,
        account: &AccountId,
        digest: &CredentialDigest,
        value: &[u8],
    ) -> Result<CellState, Forged> {
        let state = self.untag(Kind::Cell, &[account.as_bytes(), digest.as_bytes()], value)?;
        CellState::decode(state).ok_or(Forged)
    }

    /// A change as it is told in a lane. An old one that somebody tells again does no harm: what ended never comes
    /// back, of a passkey's records the newest is kept, and a key set is fetched once more.
    pub(super) fn change(&self, lane: Lane, change: &Change) -> Vec<u8> {
        let bytes = match change {
            Change::SessionEnded(session) => ended_bytes(session),
            Change::CredentialChanged(record) => [b"C".as_slice(), record.digest.as_bytes(), &record.encode()].concat(),
            Change::CredentialRetired(digest) => [b"R".as_slice(), digest.as_bytes()].concat(),
            Change::TokenRevoked(token) => [b"T".as_slice(), token.as_bytes()].concat(),
            Change::ProviderKeysChanged => b"K".to_vec(),
        };
        let tag = self.change_tag(lane, &bytes);
        [&bytes[..], &tag].concat()
    }

    fn change_tag(&self, lane: Lane, bytes: &[u8]) -> [u8; TAG_BYTES] {
        self.tag(Kind::Change, &[&[lane_byte(lane)]], bytes)
    }

    pub(super) fn read_change(&self, lane: Lane, value: &[u8]) -> Result<Change, Forged> {
        let bytes = self.untag(Kind::Change, &[&[lane_byte(lane)]], value)?;
        let (kind, rest) = bytes.split_first().ok_or(Forged)?;
        let change = match kind {
            b'E' => SessionId::from_slice(rest).map(Change::SessionEnded),
            b'C' => rest.split_first_chunk::<32>().and_then(|(digest, record)| {
                let record = CredentialRecord::decode(CredentialDigest::from_bytes(*digest), record)?;
                Some(Change::CredentialChanged(Arc::new(record)))
            }),
            b'R' => CredentialDigest::from_slice(rest).map(Change::CredentialRetired),
            b'T' => crate::id::TokenDigest::from_slice(rest).map(Change::TokenRevoked),
            b'K' => rest.is_empty().then_some(Change::ProviderKeysChanged),
            _ => None,
        };
        change.ok_or(Forged)
    }

    /// A log-in for the cold tier, in its account's lane. One that somebody puts there again turns no counter back; it
    /// stands in the list of log-ins twice.
    pub(super) fn log_in(&self, event: &LoginEvent) -> Vec<u8> {
        self.tagged(Kind::LogIn, &[&[lane_byte(event.account.lane())]], &event.encode())
    }

    pub(super) fn read_log_in(&self, lane: Lane, value: &[u8]) -> Result<LoginEvent, Forged> {
        let bytes = self.untag(Kind::LogIn, &[&[lane_byte(lane)]], value)?;
        LoginEvent::decode(bytes).ok_or(Forged)
    }
}

fn ended_bytes(session: &SessionId) -> Vec<u8> {
    [b"E".as_slice(), session.as_bytes()].concat()
}

fn lane_byte(lane: Lane) -> u8 {
    u8::try_from(lane.index()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ID_BYTES;
    use crate::testing::authenticator::Authenticator;
    use crate::testing::world;

    fn tags() -> Tags {
        Tags::new(&world::master_key())
    }

    #[test]
    fn the_script_finds_each_part_of_a_session_where_it_looks() {
        let record = SessionRecord {
            account: AccountId::from_bytes([0xaa; ID_BYTES]),
            credential: Some(CredentialDigest::from_bytes([0xcc; 32])),
            ..world::session_record()
        };
        let session = SessionId::from_bytes([7; ID_BYTES]);
        let value = tags().session(&session, &record);
        let lua = |from: usize, to: usize| &value[from - 1..to];
        assert_eq!((value.len(), SEEN_AT), (161, 137));
        assert_eq!(lua(34, 49), [0xaa; 16]);
        assert_eq!(lua(66, 97), [0xcc; 32]);
        assert_eq!(lua(138, 145), record.seen.as_millis().to_be_bytes());
        let told = [b"E".as_slice(), session.as_bytes(), lua(17, 32)].concat();
        assert_eq!(tags().read_change(session.lane(), &told), Ok(Change::SessionEnded(session)));
    }

    #[test]
    fn a_session_that_was_altered_or_moved_is_refused() {
        let (tags, session) = (tags(), SessionId::from_bytes([7; ID_BYTES]));
        let value = tags.session(&session, &world::session_record());
        assert_eq!(tags.read_session(&session, &value), Ok(world::session_record()));
        for at in (0..TAG_BYTES).chain(2 * TAG_BYTES..value.len()) {
            let mut altered = value.clone();
            altered[at] ^= 1;
            assert_eq!(tags.read_session(&session, &altered), Err(Forged), "byte {at}");
        }
        assert_eq!(tags.read_session(&SessionId::from_bytes([8; ID_BYTES]), &value), Err(Forged));
        assert_eq!(Tags::new(&MasterKey::new([9; 32])).read_session(&session, &value), Err(Forged));
        assert_eq!(tags.read_session(&session, &value[1..]), Err(Forged));
    }

    #[test]
    fn a_change_of_another_lane_is_refused() {
        let record = Arc::new(Authenticator::derived(1, 1).record());
        let [one, other] = [Lane::all().next(), Lane::all().last()].map(|lane| lane.expect("sixteen lanes"));
        let change = Change::CredentialChanged(record);
        let told = tags().change(one, &change);
        assert_eq!(tags().read_change(one, &told), Ok(change));
        assert_eq!(tags().read_change(other, &told), Err(Forged));
        assert_eq!(tags().read_change(one, &[]), Err(Forged));
    }

    #[test]
    fn a_cell_is_of_one_passkey_of_one_account() {
        let record = Authenticator::derived(1, 1).record();
        let used = CredentialRecord { sign_count: 7, backup_state: true, revision: 9, ..record.clone() };
        let state = CellState::of(&used);
        let cell = tags().cell(&record.account, &record.digest, state);
        assert_eq!(tags().read_cell(&record.account, &record.digest, &cell), Ok(state));
        let disabled = CellState { disabled: true, ..state };
        let of_disabled = tags().cell(&record.account, &record.digest, disabled);
        assert_eq!(tags().read_cell(&record.account, &record.digest, &of_disabled), Ok(disabled));
        assert_eq!(tags().read_cell(&AccountId::from_bytes([0; 16]), &record.digest, &cell), Err(Forged));
        assert_eq!(state.encode().len(), STATE_BYTES);
    }
}
