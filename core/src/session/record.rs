//! The session record: what the warm tier keeps of a session. Fixed size, versioned.

use crate::assurance::{Components, IdentityLevel};
use crate::device::Device;
use crate::id::{AccountId, CredentialDigest};
use crate::time::Timestamp;
use std::time::Duration;

/// First byte of an encoded record; a new layout takes a new number.
const VERSION: u8 = 2;

/// Bytes of an encoded record.
pub const RECORD_BYTES: usize = 1 + 16 + 16 + 32 + 4 * 8 + 4 + 1 + 1 + 2;

/// What is known of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRecord {
    /// Whose session it is.
    pub account: AccountId,
    /// For whom that person acts, if it is somebody else.
    pub acting_for: Option<AccountId>,
    /// The passkey that opened it, so that removing the passkey can end it.
    pub credential: Option<CredentialDigest>,
    /// When it was opened.
    pub opened: Timestamp,
    /// When the person last proved who they are (OIDC `auth_time`).
    pub authenticated: Timestamp,
    /// When it was last used, to within [`SessionRecord::touch_after`].
    pub seen: Timestamp,
    /// When it ends whatever happens.
    pub expires: Timestamp,
    /// How long it may lie unused.
    pub idle: Duration,
    /// How well the person's identity was verified.
    pub identity: IdentityLevel,
    /// What was shown at sign-in.
    pub components: Components,
    /// The kind of browser, for the person's own list.
    pub device: Device,
}

/// Whether a session still stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may be used.
    Live,
    /// It lay unused too long.
    Idle,
    /// Its absolute end has come.
    Expired,
}

/// How long sessions last; from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// How long a session may lie unused.
    pub idle: Duration,
    /// How long a session may last in all.
    pub absolute: Duration,
}

/// How a person has just proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authentication {
    /// Who.
    pub account: AccountId,
    /// With which passkey, if with one.
    pub credential: Option<CredentialDigest>,
    /// How well their identity was verified before.
    pub identity: IdentityLevel,
    /// What they showed.
    pub components: Components,
}

impl SessionRecord {
    /// The record of a session that opens now.
    pub fn open(by: Authentication, lifetimes: Lifetimes, device: Device, now: Timestamp) -> Self {
        Self {
            account: by.account,
            acting_for: None,
            credential: by.credential,
            opened: now,
            authenticated: now,
            seen: now,
            expires: now.plus(lifetimes.absolute),
            idle: lifetimes.idle,
            identity: by.identity,
            components: by.components,
            device,
        }
    }

    /// Whether the session stands at `now`, last used at `seen` (which the hot tier may know better than the record).
    pub fn standing(&self, seen: Timestamp, now: Timestamp) -> Standing {
        if now >= self.expires {
            Standing::Expired
        } else if now.since(seen) >= self.idle {
            Standing::Idle
        } else {
            Standing::Live
        }
    }

    /// How stale `seen` may become before it is written down again: a thirtieth of the idle time, so that at most
    /// that much of it is lost, and a busy session costs a write a minute rather than one a request.
    pub fn touch_after(&self) -> Duration {
        self.idle / 30
    }

    /// The bytes that the warm tier keeps.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut out = [0; RECORD_BYTES];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&[VERSION]);
        put(self.account.as_bytes());
        put(self.acting_for.as_ref().map_or(&[0; 16], |subject| subject.as_bytes()));
        put(self.credential.as_ref().map_or(&[0; 32], |credential| credential.as_bytes()));
        for moment in [self.opened, self.authenticated, self.seen, self.expires] {
            put(&moment.as_millis().to_be_bytes());
        }
        put(&u32::try_from(self.idle.as_secs()).unwrap_or(u32::MAX).to_be_bytes());
        put(&[self.identity as u8, self.components.as_byte()]);
        put(&self.device.to_bytes());
        out
    }

    /// Reads what [`SessionRecord::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; RECORD_BYTES] = bytes.try_into().ok()?;
        let (version, rest) = bytes.split_first()?;
        let (account, rest) = rest.split_first_chunk::<16>()?;
        let (acting_for, rest) = rest.split_first_chunk::<16>()?;
        let (credential, rest) = rest.split_first_chunk::<32>()?;
        let (opened, rest) = rest.split_first_chunk::<8>()?;
        let (authenticated, rest) = rest.split_first_chunk::<8>()?;
        let (seen, rest) = rest.split_first_chunk::<8>()?;
        let (expires, rest) = rest.split_first_chunk::<8>()?;
        let (idle, rest) = rest.split_first_chunk::<4>()?;
        let &[identity, components, browser, system] = rest else { return None };
        let moment = |bytes: &[u8; 8]| Timestamp::from_millis(u64::from_be_bytes(*bytes));
        (*version == VERSION).then_some(Self {
            account: AccountId::from_bytes(*account),
            acting_for: (*acting_for != [0; 16]).then(|| AccountId::from_bytes(*acting_for)),
            credential: (*credential != [0; 32]).then(|| CredentialDigest::from_bytes(*credential)),
            opened: moment(opened),
            authenticated: moment(authenticated),
            seen: moment(seen),
            expires: moment(expires),
            idle: Duration::from_secs(u64::from(u32::from_be_bytes(*idle))),
            identity: IdentityLevel::from_byte(identity)?,
            components: Components::from_byte(components)?,
            device: Device::from_bytes([browser, system]),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn record() -> SessionRecord {
        let by = Authentication {
            account: AccountId::from_bytes([1; 16]),
            credential: Some(CredentialDigest::of(b"credential")),
            identity: IdentityLevel::P5,
            components: Components::PASSKEY,
        };
        let lifetimes = Lifetimes { idle: Duration::from_mins(30), absolute: Duration::from_hours(12) };
        SessionRecord::open(by, lifetimes, Device::default(), NOW)
    }

    #[test]
    fn bytes_and_back() {
        let with = record();
        assert_eq!(SessionRecord::decode(&with.encode()), Some(with));
        let without = SessionRecord { credential: None, acting_for: Some(AccountId::from_bytes([9; 16])), ..with };
        assert_eq!(SessionRecord::decode(&without.encode()), Some(without));
    }

    #[test]
    fn another_version_or_length_is_no_record() {
        let mut bytes = record().encode();
        bytes[0] = 1;
        assert_eq!(SessionRecord::decode(&bytes), None);
        assert_eq!(SessionRecord::decode(&record().encode()[1..]), None);
    }

    #[test]
    fn a_session_ends_when_idle_and_at_its_absolute_end() {
        let record = record();
        let after = |minutes| NOW.plus(Duration::from_mins(minutes));
        assert_eq!(record.standing(NOW, after(29)), Standing::Live);
        assert_eq!(record.standing(NOW, after(30)), Standing::Idle);
        assert_eq!(record.standing(after(29), after(30)), Standing::Live);
        assert_eq!(record.standing(after(719), after(720)), Standing::Expired);
    }
}
