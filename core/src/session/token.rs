//! The session token: `base64url(epoch ‖ handle ‖ tag)`, 44 characters.
//!
//! The tag is HMAC-SHA-256, cut to 128 bits, under a key that is derived from the master key for each period of
//! [`EPOCH`]. Keys rotate by the clock alone: every gateway that holds the master key changes at the same moment, and
//! nothing has to be distributed. The key of the period before stays accepted, and the next one a little early, so
//! clocks that differ do no harm.
//!
//! The tag covers the host that the cookie is for. One session has a token of its own on each host, so a cookie that a
//! service's host lost opens nothing on another, nor on the log-in host.

use crate::id::{ID_BYTES, SessionId};
use crate::secret::{MasterKey, Purpose};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// Life of a tag key. A token is accepted for at most two of them, so a session may live at most one.
pub const EPOCH: Duration = Duration::from_hours(30 * 24);

/// How long before its period a key is accepted: how far the clocks of two gateways may differ.
const EARLY: Duration = Duration::from_mins(5);

const TAG_BYTES: usize = 16; // 128 bits: 2^64 forgeries at a billion a second take 500 years.
const RAW_BYTES: usize = 1 + ID_BYTES + TAG_BYTES;

/// Characters of a token.
pub const TOKEN_CHARS: usize = RAW_BYTES / 3 * 4;

/// Why a presented token was refused. No tier was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenRefused {
    /// Not 44 characters of base64url.
    #[error("the session token is malformed")]
    Malformed,
    /// Tagged in a period whose key is no longer, or not yet, accepted.
    #[error("the session token's key is out of date")]
    Epoch,
    /// The tag is not ours.
    #[error("the session token is forged")]
    Forged,
}

/// Proof that the bearer was given this session's token: its tag was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presenter(SessionId);

impl Presenter {
    /// The session that the token opens.
    pub const fn session(&self) -> SessionId {
        self.0
    }
}

struct TagKey {
    epoch: u64,
    key: hmac::Key,
}

/// The tag keys that are accepted at one moment, newest use first.
pub struct TagKeys {
    current: TagKey,
    previous: TagKey,
    next: TagKey,
    until: Timestamp,
}

const fn epoch_at(now: Timestamp) -> u64 {
    now.as_secs() / EPOCH.as_secs()
}

impl TagKey {
    fn of(master: &MasterKey, epoch: u64) -> Self {
        let secret = master.derive(Purpose::SessionTag, epoch);
        Self { epoch, key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose()) }
    }

    /// The byte that stands in the token; 256 periods are 21 years.
    const fn byte(&self) -> u8 {
        self.epoch.to_le_bytes()[0]
    }

    fn tag(&self, head: &[u8], host: &str) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(head); // Of fixed length, so where the host begins is never in doubt.
        context.update(host.as_bytes());
        let full = context.sign();
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&full.as_ref()[..TAG_BYTES]);
        tag
    }
}

impl TagKeys {
    /// The keys that are right at `now`. Make them anew before [`TagKeys::until`].
    pub fn at(master: &MasterKey, now: Timestamp) -> Self {
        let epoch = epoch_at(now);
        Self {
            current: TagKey::of(master, epoch),
            previous: TagKey::of(master, epoch.saturating_sub(1)),
            next: TagKey::of(master, epoch.saturating_add(1)),
            until: Timestamp::from_secs(EPOCH.as_secs().saturating_mul(epoch.saturating_add(1))),
        }
    }

    /// When the current key's period ends.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// The token that opens `session` on `host` (in lower case, without port).
    pub fn token(&self, session: SessionId, host: &str) -> String {
        let mut raw = [0; RAW_BYTES];
        raw[0] = self.current.byte();
        raw[1..=ID_BYTES].copy_from_slice(session.as_bytes());
        let tag = self.current.tag(&raw[..=ID_BYTES], host);
        raw[1 + ID_BYTES..].copy_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(raw)
    }

    fn key_for(&self, byte: u8, now: Timestamp) -> Option<&TagKey> {
        let early = now.plus(EARLY) >= self.until;
        [(&self.current, true), (&self.previous, true), (&self.next, early)]
            .into_iter()
            .find_map(|(key, accepted)| (accepted && key.byte() == byte).then_some(key))
    }

    /// Verifies by its tag alone a token that was presented on `host`.
    ///
    /// # Errors
    /// [`TokenRefused`] says why; nothing was looked up.
    pub fn verify(&self, token: &[u8], host: &str, now: Timestamp) -> Result<Presenter, TokenRefused> {
        let mut raw = [0; RAW_BYTES];
        if token.len() != TOKEN_CHARS || URL_SAFE_NO_PAD.decode_slice(token, &mut raw) != Ok(RAW_BYTES) {
            return Err(TokenRefused::Malformed);
        }
        let key = self.key_for(raw[0], now).ok_or(TokenRefused::Epoch)?;
        let (head, tag) = raw.split_at(1 + ID_BYTES);
        if !bool::from(key.tag(head, host).ct_eq(tag)) {
            return Err(TokenRefused::Forged);
        }
        SessionId::from_slice(&head[1..]).map(Presenter).ok_or(TokenRefused::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOST: &str = "login.example";

    fn keys(now: Timestamp) -> TagKeys {
        TagKeys::at(&MasterKey::new([9; 32]), now)
    }

    #[test]
    fn a_token_opens_its_session_and_no_other() {
        let id = SessionId::from_bytes([3; 16]);
        let token = keys(NOW).token(id, HOST);
        assert_eq!(token.len(), TOKEN_CHARS);
        assert_eq!(keys(NOW).verify(token.as_bytes(), HOST, NOW).map(|p| p.session()), Ok(id));
    }

    #[test]
    fn every_single_changed_character_is_refused() {
        let token = keys(NOW).token(SessionId::from_bytes([3; 16]), HOST).into_bytes();
        for at in 0..token.len() {
            for other in *b"AZaz09-_" {
                let mut forged = token.clone();
                if forged[at] != other {
                    forged[at] = other;
                    assert!(keys(NOW).verify(&forged, HOST, NOW).is_err(), "character {at} as {other}");
                }
            }
        }
    }

    #[test]
    fn a_token_of_one_host_opens_nothing_on_another() {
        let token = keys(NOW).token(SessionId::from_bytes([3; 16]), HOST);
        for host in ["app.example", "login.example.", "login.exampl", ""] {
            assert_eq!(keys(NOW).verify(token.as_bytes(), host, NOW), Err(TokenRefused::Forged), "{host}");
        }
    }

    #[test]
    fn truncated_and_extended_tokens_are_refused() {
        let token = keys(NOW).token(SessionId::from_bytes([3; 16]), HOST);
        for len in 0..token.len() {
            assert_eq!(keys(NOW).verify(&token.as_bytes()[..len], HOST, NOW), Err(TokenRefused::Malformed));
        }
        assert_eq!(keys(NOW).verify(format!("{token}=").as_bytes(), HOST, NOW), Err(TokenRefused::Malformed));
    }

    #[test]
    fn keys_rotate_and_the_last_one_stays_accepted_for_one_period() {
        let token = keys(NOW).token(SessionId::from_bytes([3; 16]), HOST);
        let (one, two) = (NOW.plus(EPOCH), NOW.plus(EPOCH * 2));
        assert!(keys(one).verify(token.as_bytes(), HOST, one).is_ok());
        assert_eq!(keys(two).verify(token.as_bytes(), HOST, two), Err(TokenRefused::Epoch));
    }

    #[test]
    fn the_next_key_is_accepted_only_shortly_before_its_period() {
        let boundary = keys(NOW).until();
        let token = keys(boundary).token(SessionId::from_bytes([3; 16]), HOST);
        let just_before = Timestamp::from_millis(boundary.as_millis() - 1_000);
        assert!(keys(just_before).verify(token.as_bytes(), HOST, just_before).is_ok());
        let long_before = Timestamp::from_millis(boundary.as_millis() - 3_600_000);
        assert_eq!(keys(long_before).verify(token.as_bytes(), HOST, long_before), Err(TokenRefused::Epoch));
    }

    proptest! {
        #[test]
        fn random_bytes_never_open_anything(token in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(keys(NOW).verify(&token, HOST, NOW).is_err());
        }
    }
}
