//! Browsers in which an account's password has been right before, so that whoever hammers at an account from elsewhere
//! does not keep its owner out (NIST SP 800-63B-4, section 3.2.2, lets a verifier tell such attempts apart).
//!
//! A cookie says so: a random identifier, when it was made, and a tag over both and the account's address. It opens
//! nothing. It gives its browser a count of its own for this one account, in the place of the count that strangers share.
//! Nothing is stored, and the address cannot be read from it.

use crate::model::EmailAddress;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::secret::{MasterKey, Purpose};
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::time::Duration;

/// The cookie's name.
pub(crate) const COOKIE: &str = "__Host-aldgate-device";

/// How long a browser is remembered after its last sign-in with the password.
pub(crate) const LIFETIME: Duration = Duration::from_hours(180 * 24);

const ID_BYTES: usize = 16;
const MADE_BYTES: usize = 8;
const TAG_BYTES: usize = 32;
const BYTES: usize = ID_BYTES + MADE_BYTES + TAG_BYTES;

/// What a browser presents; whether it is ours, and for which account, is not known yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShownDevice([u8; BYTES]);

/// A browser in which this account's password was right before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownDevice([u8; ID_BYTES]);

impl KnownDevice {
    /// A browser that is known by the session that it is in.
    pub(super) const fn by_session(session: [u8; ID_BYTES]) -> Self {
        Self(session)
    }

    /// The bytes.
    pub(super) const fn as_bytes(&self) -> &[u8; ID_BYTES] {
        &self.0
    }
}

impl ShownDevice {
    /// Reads a cookie's value.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let mut bytes = [0; BYTES];
        (URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) == Ok(BYTES)).then_some(Self(bytes))
    }
}

/// The key of these cookies.
pub(crate) struct KnownDevices(hmac::Key);

impl KnownDevices {
    /// The key that is derived from the deployment's.
    pub(crate) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::KnownDevice, 0).expose()))
    }

    /// The cookie's value for a browser in which the account's password was right just now.
    pub(super) fn remember(
        &self,
        email: &EmailAddress,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<String, EntropyFailed> {
        let id: [u8; ID_BYTES] = entropy.bytes()?;
        let head = [&id[..], &now.as_secs().to_be_bytes()].concat();
        let tag = hmac::sign(&self.0, &covered(&head, email));
        Ok(URL_SAFE_NO_PAD.encode([&head, tag.as_ref()].concat()))
    }

    /// The browser, if it is known for this account.
    pub(super) fn recognise(&self, shown: &ShownDevice, email: &EmailAddress, now: Timestamp) -> Option<KnownDevice> {
        let (head, tag) = shown.0.split_at(ID_BYTES + MADE_BYTES);
        hmac::verify(&self.0, &covered(head, email), tag).ok()?;
        let (id, made) = head.split_first_chunk::<ID_BYTES>()?;
        let made = Timestamp::from_secs(u64::from_be_bytes(made.try_into().ok()?));
        (now < made.plus(LIFETIME)).then_some(KnownDevice(*id))
    }
}

/// The head has one length, so the two cannot run into each other.
fn covered(head: &[u8], email: &EmailAddress) -> Vec<u8> {
    [head, email.canonical().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::{SeededEntropy, world};

    const NOW: Timestamp = world::NOW;

    fn address(text: &str) -> EmailAddress {
        EmailAddress::parse(text).expect("address")
    }

    fn devices() -> KnownDevices {
        KnownDevices::of(&world::master_key())
    }

    fn cookie() -> String {
        devices().remember(&address("ada@example.org"), NOW, &SeededEntropy::new(1)).expect("entropy")
    }

    fn known(cookie: &[u8], email: &str, now: Timestamp) -> bool {
        ShownDevice::parse(cookie).and_then(|shown| devices().recognise(&shown, &address(email), now)).is_some()
    }

    #[test]
    fn a_browser_is_known_for_its_account_in_every_spelling_and_for_no_other() {
        assert!(known(cookie().as_bytes(), "ada@example.org", NOW));
        assert!(known(cookie().as_bytes(), "Ada@EXAMPLE.org", NOW));
        assert!(!known(cookie().as_bytes(), "bob@example.org", NOW));
        assert!(!known(cookie().as_bytes(), "ada@example.org", NOW.plus(LIFETIME)));
    }

    #[test]
    fn forged_cut_and_lengthened_cookies_are_refused() {
        let cookie = cookie().into_bytes();
        for at in 0..cookie.len() {
            let mut forged = cookie.clone();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(!known(&forged, "ada@example.org", NOW), "character {at}");
            assert!(!known(&cookie[..at], "ada@example.org", NOW), "cut at {at}");
        }
        assert!(!known(&[&cookie[..], b"AAAA"].concat(), "ada@example.org", NOW));
    }
}
