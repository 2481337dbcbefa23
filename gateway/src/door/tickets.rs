//! Session tickets for rustls: what is in them, and which sessions get one.
//!
//! Only sessions of TLS 1.3 do. There a resumed session agrees on fresh keys again (`psk_dhe_ke` is all that rustls
//! speaks); in TLS 1.2 a ticket holds the session's own secret, and a key that opens tickets would open what was recorded.
//! rustls hands both over in one form, in which the version stands near the beginning: what is not plainly of TLS 1.3 is
//! not sealed, so that a form that we do not know costs resumption and nothing else.

use crate::state::EdgeState;
use aldgate_core::entropy::Entropy;
use aldgate_core::secret::MasterKey;
use aldgate_core::time::Clock;
use aldgate_core::tls_ticket::{LIFETIME, TicketKeys};
use arc_swap::ArcSwap;
use rustls::server::ProducesTickets;
use std::fmt;
use std::sync::Arc;

/// Seals and opens tickets with the deployment's keys.
pub(super) struct Tickets {
    master: Arc<MasterKey>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    keys: ArcSwap<TicketKeys>,
}

impl Tickets {
    /// For a listener of this gateway.
    pub(super) fn new(state: &EdgeState) -> Self {
        let keys = ArcSwap::from_pointee(TicketKeys::at(&state.master, state.clock.now()));
        Self { master: state.master.clone(), clock: state.clock.clone(), entropy: state.entropy.clone(), keys }
    }

    /// The keys of this moment; whoever comes first in a new period makes them.
    fn keys(&self) -> Arc<TicketKeys> {
        let keys = self.keys.load_full();
        let now = self.clock.now();
        if now < keys.until() {
            return keys;
        }
        let keys = Arc::new(TicketKeys::at(&self.master, now));
        self.keys.store(keys.clone());
        keys
    }
}

/// Whether a state is one of TLS 1.3: a name or none, then the version and a suite of that version.
fn is_of_tls13(state: &[u8]) -> bool {
    let after_name = match state {
        [0, rest @ ..] => Some(rest),
        [1, length, rest @ ..] => rest.get(usize::from(*length)..),
        _ => None,
    };
    matches!(after_name, Some([0x03, 0x04, 0x13, 0x01..=0x03, ..]))
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(LIFETIME.as_secs()).unwrap_or(0)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        is_of_tls13(plain).then(|| self.keys().seal(plain, self.clock.now(), &*self.entropy))?
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.keys().open(cipher, self.clock.now()).filter(|plain| is_of_tls13(plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_state_of_tls_1_3_is_sealed() {
        for state in [&[0, 3, 4, 0x13, 1, 32][..], &[1, 2, b'a', b'b', 3, 4, 0x13, 3, 48]] {
            assert!(is_of_tls13(state), "{state:?}");
        }
        for state in [
            &[][..],
            &[0],
            &[1],
            &[1, 9, 3, 4, 0x13, 1],
            &[2, 3, 4, 0x13, 1],
            &[0, 3, 3, 0xc0, 0x2f, 48],
            &[0, 3, 4, 0xc0, 0x2f],
            &[1, 1, b'a', 3, 3, 0xc0, 0x2b],
        ] {
            assert!(!is_of_tls13(state), "{state:?}");
        }
    }
}
