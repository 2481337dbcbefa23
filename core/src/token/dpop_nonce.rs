//! Nonces for DPoP proofs (RFC 9449, section 9): a proof that carries one was made lately, by our clock and not by its
//! maker's, so that proofs cannot be made in advance by whoever has a client's key for a moment.
//!
//! Nothing is kept: a nonce is a keyed digest of the period in which it is given out, so every gateway of the
//! deployment knows every nonce. It is for all clients alike; that a proof is good once is the business of its `jti`.

use crate::secret::{MasterKey, Purpose};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::time::Duration;
use subtle::ConstantTimeEq as _;

/// For how long one nonce is given out. It is taken for as long again, so a client asks for a new one every few
/// minutes.
pub const PERIOD: Duration = Duration::from_mins(2);

const NONCE_BYTES: usize = 16;

/// The key of nonces.
#[derive(Debug, Clone)]
pub struct DpopNonceKey(hmac::Key);

impl DpopNonceKey {
    /// The deployment's key.
    pub fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::DpopNonce, 0).expose()))
    }

    /// The nonce that is given out now, as it stands in `DPoP-Nonce`.
    pub fn nonce(&self, now: Timestamp) -> String {
        self.of_period(period(now))
    }

    /// Whether this was given out in this period or the one before, or is already by a gateway whose clock is ahead.
    pub fn takes(&self, nonce: &str, now: Timestamp) -> bool {
        let this = period(now);
        [this.checked_sub(1), Some(this), this.checked_add(1)]
            .into_iter()
            .flatten()
            .any(|period| bool::from(self.of_period(period).as_bytes().ct_eq(nonce.as_bytes())))
    }

    fn of_period(&self, period: u64) -> String {
        let digest = hmac::sign(&self.0, &period.to_be_bytes());
        URL_SAFE_NO_PAD.encode(digest.as_ref().get(..NONCE_BYTES).unwrap_or_default())
    }
}

const fn period(now: Timestamp) -> u64 {
    now.as_secs() / PERIOD.as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn key(byte: u8) -> DpopNonceKey {
        DpopNonceKey::of(&MasterKey::new([byte; 32]))
    }

    #[test]
    fn a_nonce_is_taken_in_its_period_and_the_next_and_by_a_clock_that_is_behind() {
        let nonce = key(1).nonce(START);
        assert_eq!(nonce.len(), 22);
        for secs in [0, 119, 120, 239] {
            assert!(key(1).takes(&nonce, START.plus(Duration::from_secs(secs))), "{secs} s");
        }
        assert!(!key(1).takes(&nonce, START.plus(Duration::from_secs(240))));
        assert!(key(1).takes(&nonce, Timestamp::from_secs(START.as_secs() - 120)));
        assert!(!key(1).takes(&nonce, Timestamp::from_secs(START.as_secs() - 121)));
    }

    #[test]
    fn what_we_did_not_give_out_is_not_taken() {
        for nonce in ["", "AAAAAAAAAAAAAAAAAAAAAA", &key(2).nonce(START), &key(1).nonce(START)[..21]] {
            assert!(!key(1).takes(nonce, START), "{nonce}");
        }
        assert_ne!(key(1).nonce(START), key(1).nonce(START.plus(PERIOD)));
    }
}
