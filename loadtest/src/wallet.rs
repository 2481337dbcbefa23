//! The passkeys of those who take part, derived before the start: a derivation costs ten signatures' worth of CPU and
//! must not fall into a window.

use crate::clock;
use crate::progress::Progress;
use aldgate_core::testing::authenticator::Authenticator;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{fmt, thread};

/// 2026-01-01T00:00:00Z. Signature counters are made from the time since then.
const COUNTER_EPOCH_SECS: u64 = 1_767_225_600;

/// Log-ins of one passkey per second of wall time that the counter leaves room for; it lasts until 2034.
const COUNTER_STEPS_PER_SEC: u64 = 16;

/// Passkeys that take turns, so that none is used twice at once (its counter would seem to run backwards).
pub(crate) struct Wallet {
    holders: Vec<Holder>,
    turn: AtomicUsize,
}

/// Somebody with a passkey, who comes back in the same browser.
pub(crate) struct Holder {
    /// The passkey.
    pub(crate) passkey: Authenticator,
    opened_here: Mutex<Option<String>>,
}

impl Holder {
    const fn new(passkey: Authenticator) -> Self {
        Self { passkey, opened_here: Mutex::new(None) }
    }

    /// What their browser shows of having been here before.
    pub(crate) fn opened_here(&self) -> Option<String> {
        self.opened_here.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Their browser keeps what it was given for that.
    pub(crate) fn keep(&self, opened_here: Option<&str>) {
        *self.opened_here.lock().unwrap_or_else(PoisonError::into_inner) = opened_here.map(str::to_owned);
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wallet({} passkeys)", self.holders.len())
    }
}

impl Wallet {
    /// Derives the passkeys of `size` of the accounts `0..accounts`, spread evenly; of all, if there are fewer.
    pub(crate) fn derive(seed: u64, accounts: u64, size: u64, progress: &mut Progress) -> Self {
        let size = size.min(accounts).max(1);
        // Counters must grow from run to run, and nobody remembers the last run but the server.
        let elapsed = clock::unix_secs().saturating_sub(COUNTER_EPOCH_SECS);
        let counter = u32::try_from(elapsed * COUNTER_STEPS_PER_SEC).unwrap_or(u32::MAX / 2);
        let users: Vec<u64> = spread(accounts, size);
        let mut passkeys = Vec::with_capacity(users.len());
        for some in users.chunks(512) {
            passkeys.extend(derive_all(seed, some));
            progress.show(|| format!("deriving passkeys: {} of {size}", passkeys.len()));
        }
        for passkey in &passkeys {
            passkey.sign_count.store(counter, Ordering::Relaxed);
        }
        Self { holders: passkeys.into_iter().map(Holder::new).collect(), turn: AtomicUsize::new(0) }
    }

    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.holders.len()
    }

    /// The next in turn.
    pub(crate) fn next(&self) -> &Holder {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.holders[turn % self.holders.len()]
    }
}

/// `size` different numbers below `accounts`, spread evenly.
fn spread(accounts: u64, size: u64) -> Vec<u64> {
    let scaled = |index: u64| u128::from(index) * u128::from(accounts) / u128::from(size);
    (0..size).filter_map(|index| u64::try_from(scaled(index)).ok()).collect()
}

/// Derives the passkeys of the given users on all cores, in their order.
pub(crate) fn derive_all(seed: u64, users: &[u64]) -> Vec<Authenticator> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = users.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = users
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|user| Authenticator::derived(seed, *user)).collect()))
            .collect();
        parts
            .into_iter()
            .flat_map(|part: thread::ScopedJoinHandle<'_, Vec<_>>| part.join().unwrap_or_default())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn participants_are_different_and_spread_over_all_accounts() {
        assert_eq!(spread(10, 4), [0, 2, 5, 7]);
        assert_eq!(spread(3, 3), [0, 1, 2]);
        assert_eq!(spread(45_300_000, 2).last(), Some(&22_650_000));
    }

    #[test]
    fn passkeys_take_turns_and_keep_their_accounts() {
        let wallet = Wallet::derive(7, 3, 5, &mut Progress::silent());
        assert_eq!(wallet.len(), 3);
        let ids: Vec<_> = (0..4).map(|_| wallet.next().passkey.credential_id).collect();
        assert!(ids[0] != ids[1] && ids[0] == ids[3]);
        assert_eq!(ids[2], Authenticator::derived(7, 2).credential_id);
        assert!(wallet.next().passkey.sign_count.load(Ordering::Relaxed) > 1_000_000);
    }
}
