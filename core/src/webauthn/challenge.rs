//! Sealed challenges (WebAuthn Level 3, section 13.4.3): the server keeps nothing for a ceremony that was begun.
//!
//! A challenge carries what the server would have to remember (which ceremony, since when) and a tag over that and
//! over the *binding*: a value that only the browser which asked can present (the ceremony cookie). So a challenge
//! can neither be invented, nor moved to another browser or ceremony, nor used late. That it is used *once* is the
//! warm tier's affair ([`OpenedChallenge::single_use`]), in the same step that opens the session.

use crate::entropy::{Entropy, EntropyFailed};
use crate::id::SingleUse;
use crate::secret::{MasterKey, Purpose};
use crate::time::Timestamp;
use ring::hmac;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// How long a challenge may be answered.
pub const LIFETIME: Duration = Duration::from_mins(5);

const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
const HEAD_BYTES: usize = 1 + 8 + NONCE_BYTES;

/// Bytes of a challenge.
pub const CHALLENGE_BYTES: usize = HEAD_BYTES + TAG_BYTES;

/// Longest binding; the ceremony cookie has 22 characters.
pub const BINDING_BYTES_MAX: usize = 128;

/// What a challenge was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Ceremony {
    /// An authentication (`webauthn.get`).
    Authentication = 1,
    /// A registration (`webauthn.create`).
    Registration = 2,
}

/// Why a challenge was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeRefused {
    /// Not made here, made for another browser, or made for another ceremony.
    #[error("the challenge was not issued to this browser for this ceremony")]
    NotOurs,
    /// Older than [`LIFETIME`].
    #[error("the challenge has expired")]
    Expired,
}

/// The key that tags challenges.
pub struct ChallengeKey(hmac::Key);

/// Proof that a challenge was made here, for this ceremony and browser, and has not expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedChallenge {
    bytes: [u8; CHALLENGE_BYTES],
    expires: Timestamp,
}

impl OpenedChallenge {
    /// The challenge as it was sent to the client.
    pub const fn bytes(&self) -> &[u8; CHALLENGE_BYTES] {
        &self.bytes
    }

    /// What has to be consumed once, and until when that must be remembered.
    pub fn single_use(&self) -> (SingleUse, Timestamp) {
        (SingleUse::of(&self.bytes), self.expires)
    }
}

impl ChallengeKey {
    /// The deployment's key.
    pub fn of(master: &MasterKey) -> Self {
        let secret = master.derive(Purpose::Challenge, 0);
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    fn tag(&self, head: &[u8], binding: &[u8]) -> [u8; TAG_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(head);
        context.update(binding);
        let mut tag = [0; TAG_BYTES];
        tag.copy_from_slice(&context.sign().as_ref()[..TAG_BYTES]);
        tag
    }

    /// A fresh challenge for one ceremony of one browser.
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn seal(
        &self,
        ceremony: Ceremony,
        binding: &[u8],
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<[u8; CHALLENGE_BYTES], EntropyFailed> {
        let mut out = [0; CHALLENGE_BYTES];
        out[0] = ceremony as u8;
        out[1..9].copy_from_slice(&now.as_millis().to_be_bytes());
        entropy.fill(&mut out[9..HEAD_BYTES])?;
        let tag = self.tag(&out[..HEAD_BYTES], binding);
        out[HEAD_BYTES..].copy_from_slice(&tag);
        Ok(out)
    }

    /// Opens a challenge that a client presents.
    ///
    /// # Errors
    /// [`ChallengeRefused`] if it is not ours for this ceremony and binding, or is too old.
    pub fn open(
        &self,
        presented: &[u8],
        ceremony: Ceremony,
        binding: &[u8],
        now: Timestamp,
    ) -> Result<OpenedChallenge, ChallengeRefused> {
        let bytes: [u8; CHALLENGE_BYTES] = presented.try_into().map_err(|_| ChallengeRefused::NotOurs)?;
        let (head, tag) = bytes.split_at(HEAD_BYTES);
        let ours = bool::from(self.tag(head, binding).ct_eq(tag)) && head[0] == ceremony as u8;
        if !ours || binding.len() > BINDING_BYTES_MAX {
            return Err(ChallengeRefused::NotOurs);
        }
        let mut issued = [0; 8];
        issued.copy_from_slice(&head[1..9]);
        let expires = Timestamp::from_millis(u64::from_be_bytes(issued)).plus(LIFETIME);
        if now >= expires {
            return Err(ChallengeRefused::Expired);
        }
        Ok(OpenedChallenge { bytes, expires })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn key() -> ChallengeKey {
        ChallengeKey::of(&MasterKey::new([4; 32]))
    }

    fn sealed() -> [u8; CHALLENGE_BYTES] {
        key().seal(Ceremony::Authentication, b"browser", NOW, &SeededEntropy::new(1)).expect("entropy")
    }

    #[test]
    fn a_challenge_opens_for_its_ceremony_and_browser_only() {
        let sealed = sealed();
        let open = |ceremony, binding: &[u8]| key().open(&sealed, ceremony, binding, NOW);
        assert!(open(Ceremony::Authentication, b"browser").is_ok());
        assert_eq!(open(Ceremony::Registration, b"browser"), Err(ChallengeRefused::NotOurs));
        assert_eq!(open(Ceremony::Authentication, b"another"), Err(ChallengeRefused::NotOurs));
    }

    #[test]
    fn a_late_challenge_is_refused() {
        let late = NOW.plus(LIFETIME);
        let opened = key().open(&sealed(), Ceremony::Authentication, b"browser", late);
        assert_eq!(opened, Err(ChallengeRefused::Expired));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        for bit in 0..CHALLENGE_BYTES * 8 {
            let mut forged = sealed();
            forged[bit / 8] ^= 1 << (bit % 8);
            let opened = key().open(&forged, Ceremony::Authentication, b"browser", NOW);
            assert_eq!(opened, Err(ChallengeRefused::NotOurs), "bit {bit}");
        }
    }
}
