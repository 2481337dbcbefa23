//! Values that travel through browsers and clients and come back: sealed, so that nobody else reads or changes them, and
//! nothing is stored for what nobody finishes.
//!
//! AES-256-GCM (NIST SP 800-38D) under a key of the day for one purpose, with a random nonce. The content is CBOR; it
//! says itself when it ends.

use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::secret::{MasterKey, Purpose};
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::sync::Arc;
use std::time::Duration;

/// Longest text that is opened; the longest that is made has about 1,800 characters.
const TEXT_BYTES_MAX: usize = 3 * 1024;

/// Life of a key: random nonces allow 2^32 sealings a key, which a day of a nation comes nowhere near. It is also the
/// least time for which whatever was sealed can be opened.
const KEY_PERIOD: Duration = Duration::from_hours(24);

/// The seal for one purpose.
pub(crate) struct Seal {
    master: Arc<MasterKey>,
    entropy: Arc<dyn Entropy>,
    purpose: Purpose,
}

impl Seal {
    /// A seal under keys that are derived from the deployment's.
    pub(crate) const fn new(master: Arc<MasterKey>, entropy: Arc<dyn Entropy>, purpose: Purpose) -> Self {
        Self { master, entropy, purpose }
    }

    /// Seals a content.
    pub(crate) fn seal(&self, content: &impl Encode<()>, now: Timestamp) -> Result<String, EntropyFailed> {
        let nonce: [u8; NONCE_LEN] = self.entropy.bytes()?;
        let mut sealed = minicbor::to_vec(content).map_err(|_| EntropyFailed)?; // A `Vec` takes whatever is written.
        let tag = self.key(period(now)).and_then(|key| {
            key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed).ok()
        });
        let tag = tag.ok_or(EntropyFailed)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed, tag.as_ref()].concat()))
    }

    /// What was sealed here today or yesterday; nothing for anything else.
    pub(crate) fn open<T: for<'b> Decode<'b, ()>>(&self, text: &str, now: Timestamp) -> Option<T> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
        let today = period(now);
        [today, today.saturating_sub(1)].into_iter().find_map(|period| {
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain = self.key(period)?.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
            minicbor::decode(plain).ok()
        })
    }

    fn key(&self, period: u64) -> Option<LessSafeKey> {
        let secret = self.master.derive(self.purpose, period);
        UnboundKey::new(&AES_256_GCM, secret.expose()).ok().map(LessSafeKey::new)
    }
}

const fn period(now: Timestamp) -> u64 {
    now.as_secs() / KEY_PERIOD.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::SeededEntropy;
    use aldgate_core::testing::world::{self, NOW};

    fn seal(purpose: Purpose) -> Seal {
        Seal::new(Arc::new(world::master_key()), Arc::new(SeededEntropy::new(1)), purpose)
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_until_its_keys_are_gone() {
        let code = seal(Purpose::AuthorizationCode);
        let text = code.seal(&"content", NOW).expect("sealed");
        let open = |seal: &Seal, now| seal.open::<String>(&text, now);
        assert_eq!(open(&code, NOW).as_deref(), Some("content"));
        assert_eq!(open(&code, NOW.plus(KEY_PERIOD)).as_deref(), Some("content"));
        assert_eq!(open(&code, NOW.plus(KEY_PERIOD * 2)), None);
        assert_eq!(open(&seal(Purpose::ConsentRequest), NOW), None);
    }

    #[test]
    fn whatever_was_changed_does_not_open() {
        let code = seal(Purpose::AuthorizationCode);
        let text = code.seal(&"content", NOW).expect("sealed");
        for at in 0..text.len() {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let forged = [&text[..at], other, &text[at + 1..]].concat();
            assert_eq!(code.open::<String>(&forged, NOW), None, "character {at}");
            assert_eq!(code.open::<String>(&text[..at], NOW), None, "cut at {at}");
        }
        assert_eq!(code.open::<String>(&"A".repeat(TEXT_BYTES_MAX + 1), NOW), None);
    }
}
