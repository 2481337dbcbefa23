//! Tickets by which a client resumes a TLS session (RFC 8446, section 2.2; the form follows RFC 5077, section 4).
//!
//! What TLS wants to remember of a session is sealed and given to the client; nothing is stored. The keys are derived
//! from the deployment's key of keys for a day each, so that a ticket is good after a restart and at every gateway of the
//! deployment, and nothing has to be distributed. A ticket is `key name ‖ salt ‖ sealed (time ‖ state)`; each is sealed
//! with AES-256-GCM (NIST SP 800-38D) under a key of its own, which is HMAC-SHA-256 of the salt under the key of the day:
//! with 128 bits of salt, no number of tickets that a nation's clients take comes near a second use.
//!
//! Whoever has the key of keys can open tickets. That breaks no recorded traffic as long as the resumed session agrees on
//! fresh keys too (`psk_dhe_ke`, RFC 8446, section 2.2), as in TLS 1.3 it does, and in TLS 1.2 it does not: the state of
//! such a session must never be sealed here.

use crate::entropy::Entropy;
use crate::secret::{MasterKey, Purpose};
use crate::time::Timestamp;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use std::time::Duration;

/// How long a ticket is good. RFC 8446, section 4.6.1, allows a week; a day resumes whoever comes back tomorrow morning.
pub const LIFETIME: Duration = Duration::from_hours(24);

/// Life of a key. A ticket of its last moment is good for a [`LIFETIME`] more: the key before is accepted too.
const PERIOD: Duration = LIFETIME;

/// How far the clocks of two gateways may differ.
const EARLY: Duration = Duration::from_mins(5);

/// Longest state that is sealed: a client's certificate with its chain stands in it. A client with more resumes nothing.
pub const STATE_BYTES_MAX: usize = 16 * 1024;

const NAME_BYTES: usize = 4;
const SALT_BYTES: usize = 16;
const TIME_BYTES: usize = 8;

/// Bytes that a ticket has beside its state.
const OVERHEAD: usize = NAME_BYTES + SALT_BYTES + TIME_BYTES + MAX_TAG_LEN;

/// Longest ticket that is looked at.
pub const TICKET_BYTES_MAX: usize = STATE_BYTES_MAX + OVERHEAD;

struct TicketKey {
    name: [u8; NAME_BYTES],
    key: hmac::Key,
}

impl TicketKey {
    fn of(master: &MasterKey, period: u64) -> Self {
        let secret = master.derive(Purpose::TlsTicket, period);
        let [_, _, _, _, name @ ..] = period.to_be_bytes(); // 2^32 days.
        Self { name, key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose()) }
    }

    /// The key of one ticket.
    fn for_one(&self, salt: &[u8]) -> Option<LessSafeKey> {
        let key = hmac::sign(&self.key, salt);
        UnboundKey::new(&AES_256_GCM, key.as_ref()).ok().map(LessSafeKey::new)
    }
}

/// A key seals one ticket, so the nonce is no matter.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// The keys that are accepted at one moment.
pub struct TicketKeys {
    current: TicketKey,
    previous: TicketKey,
    next: TicketKey,
    until: Timestamp,
}

impl TicketKeys {
    /// The keys that are right at `now`. Make them anew at [`TicketKeys::until`].
    pub fn at(master: &MasterKey, now: Timestamp) -> Self {
        let period = now.as_secs() / PERIOD.as_secs();
        Self {
            current: TicketKey::of(master, period),
            previous: TicketKey::of(master, period.saturating_sub(1)),
            next: TicketKey::of(master, period.saturating_add(1)),
            until: Timestamp::from_secs(PERIOD.as_secs().saturating_mul(period.saturating_add(1))),
        }
    }

    /// When the current key's period ends.
    pub const fn until(&self) -> Timestamp {
        self.until
    }

    /// A ticket with this state in it; none if the state is too large, or there is no randomness.
    pub fn seal(&self, state: &[u8], now: Timestamp, entropy: &dyn Entropy) -> Option<Vec<u8>> {
        if state.len() > STATE_BYTES_MAX {
            return None;
        }
        let salt: [u8; SALT_BYTES] = entropy.bytes().ok()?;
        let mut ticket = Vec::with_capacity(state.len() + OVERHEAD);
        for part in [&self.current.name[..], &salt, &now.as_millis().to_be_bytes(), state] {
            ticket.extend_from_slice(part);
        }
        let sealed = ticket.get_mut(NAME_BYTES + SALT_BYTES..)?;
        let tag =
            self.current.for_one(&salt)?.seal_in_place_separate_tag(nonce(), Aad::from(self.current.name), sealed);
        ticket.extend_from_slice(tag.ok()?.as_ref());
        Some(ticket)
    }

    /// The state in a ticket; none if it was not sealed in this deployment, was changed, or is too old.
    pub fn open(&self, ticket: &[u8], now: Timestamp) -> Option<Vec<u8>> {
        if ticket.len() > TICKET_BYTES_MAX {
            return None;
        }
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (salt, sealed) = rest.split_first_chunk::<SALT_BYTES>()?;
        let key = [&self.current, &self.previous, &self.next].into_iter().find(|key| key.name == *name)?;
        let mut sealed = sealed.to_vec();
        let plain = key.for_one(salt)?.open_in_place(nonce(), Aad::from(*name), &mut sealed).ok()?;
        let (time, state) = plain.split_first_chunk::<TIME_BYTES>()?;
        let made = Timestamp::from_millis(u64::from_be_bytes(*time));
        let in_time = made <= now.plus(EARLY) && now < made.plus(LIFETIME);
        in_time.then(|| state.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::EntropyFailed;
    use crate::testing::SeededEntropy;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn keys(now: Timestamp) -> TicketKeys {
        TicketKeys::at(&MasterKey::new([9; 32]), now)
    }

    fn ticket(now: Timestamp) -> Vec<u8> {
        keys(now).seal(b"state", now, &SeededEntropy::new(1)).expect("a ticket")
    }

    #[test]
    fn a_ticket_opens_at_every_gateway_of_its_deployment_and_at_no_other() {
        assert_eq!(keys(NOW).open(&ticket(NOW), NOW).as_deref(), Some(&b"state"[..]));
        let other = TicketKeys::at(&MasterKey::new([8; 32]), NOW);
        assert_eq!(other.open(&ticket(NOW), NOW), None);
    }

    #[test]
    fn no_two_tickets_are_alike() {
        let (keys, entropy) = (keys(NOW), SeededEntropy::new(1));
        let [one, two] = [(); 2].map(|()| keys.seal(b"state", NOW, &entropy).expect("a ticket"));
        assert_ne!(one[NAME_BYTES..], two[NAME_BYTES..]);
        assert_ne!(one[NAME_BYTES + SALT_BYTES..], two[NAME_BYTES + SALT_BYTES..]);
        assert!(!one.windows(5).any(|part| part == b"state"), "and none says what is in it");
    }

    #[test]
    fn a_ticket_is_good_for_a_day_whatever_the_period_of_its_key() {
        let midnight = keys(NOW).until();
        let late = Timestamp::from_millis(midnight.as_millis() - 1);
        for made in [midnight, late, NOW] {
            let ticket = ticket(made);
            let last = Timestamp::from_millis(made.plus(LIFETIME).as_millis() - 1);
            assert!(keys(last).open(&ticket, last).is_some());
            let end = made.plus(LIFETIME);
            assert_eq!(keys(end).open(&ticket, end), None);
            let much_later = end.plus(PERIOD);
            assert_eq!(keys(much_later).open(&ticket, much_later), None);
        }
    }

    #[test]
    fn clocks_may_differ_by_minutes_and_not_by_hours() {
        let midnight = keys(NOW).until();
        let ticket = ticket(midnight);
        let (slow, slower) = [60_000, 3_600_000].map(|by| Timestamp::from_millis(midnight.as_millis() - by)).into();
        assert!(keys(slow).open(&ticket, slow).is_some());
        assert_eq!(keys(slower).open(&ticket, slower), None);
    }

    #[test]
    fn a_changed_or_shortened_ticket_is_none() {
        let ticket = ticket(NOW);
        for at in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 1;
            assert_eq!(keys(NOW).open(&changed, NOW), None, "byte {at}");
            assert_eq!(keys(NOW).open(&ticket[..at], NOW), None, "{at} bytes");
        }
    }

    #[test]
    fn what_is_too_large_is_neither_sealed_nor_opened() {
        let keys = keys(NOW);
        let largest = keys.seal(&[0; STATE_BYTES_MAX], NOW, &SeededEntropy::new(1)).expect("a ticket");
        assert_eq!(largest.len(), TICKET_BYTES_MAX);
        assert!(keys.open(&largest, NOW).is_some());
        assert_eq!(keys.seal(&[0; STATE_BYTES_MAX + 1], NOW, &SeededEntropy::new(1)), None);
        assert_eq!(keys.open(&[0; TICKET_BYTES_MAX + 1], NOW), None);
    }

    #[test]
    fn without_randomness_there_is_no_ticket() {
        struct Broken;
        impl Entropy for Broken {
            fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
                Err(EntropyFailed)
            }
        }
        assert_eq!(keys(NOW).seal(b"state", NOW, &Broken), None);
    }

    proptest! {
        #[test]
        fn random_bytes_are_never_a_ticket(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let mut named = keys(NOW).current.name.to_vec();
            named.extend(&bytes);
            prop_assert!(keys(NOW).open(&named, NOW).is_none());
            prop_assert!(keys(NOW).open(&bytes, NOW).is_none());
        }
    }
}
