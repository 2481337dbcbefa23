//! The accounts that were opened in a browser before, so that an account's owner hears of a browser that is new to it.
//!
//! A cookie says so: for each of a few accounts when it was opened here last, and a tag over that and the account. It opens
//! nothing and names nobody: whose it is shows only when the account is known by other means. Nothing is stored. The edge
//! gives it at a log-in with a passkey, the backend at all others.

use crate::id::AccountId;
use crate::secret::{MasterKey, Purpose};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::time::Duration;

/// The cookie's name.
pub const COOKIE: &str = "__Host-aldgate-opened";

/// How long an account is known after it was opened here.
pub const LIFETIME: Duration = Duration::from_hours(180 * 24);

/// Accounts of one browser: a family's. The one that was opened longest ago goes first.
const ACCOUNTS_MAX: usize = 4;

const OPENED_BYTES: usize = 8;
const TAG_BYTES: usize = 16;
const ENTRY_BYTES: usize = OPENED_BYTES + TAG_BYTES;

type Entry = [u8; ENTRY_BYTES];

/// What a browser shows; whether it is ours, and for whom, is not known yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown([Option<Entry>; ACCOUNTS_MAX]);

impl Shown {
    /// Reads a cookie's value. One that cannot be read shows nothing.
    pub fn parse(value: &[u8]) -> Self {
        let mut bytes = [0; ACCOUNTS_MAX * ENTRY_BYTES];
        let Ok(length) = URL_SAFE_NO_PAD.decode_slice(value, &mut bytes) else { return Self::default() };
        let (entries, odd) = bytes.get(..length).unwrap_or_default().as_chunks::<ENTRY_BYTES>();
        let mut shown = Self::default();
        if odd.is_empty() {
            shown.0.iter_mut().zip(entries).for_each(|(place, entry)| *place = Some(*entry));
        }
        shown
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().flatten()
    }
}

/// The key of these cookies.
#[derive(Debug, Clone)]
pub struct OpenedHere(hmac::Key);

impl OpenedHere {
    /// The key that is derived from the deployment's.
    pub fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::OpenedHere, 0).expose()))
    }

    /// Whether an account was opened here before, and not too long ago.
    pub fn knows(&self, shown: &Shown, account: &AccountId, now: Timestamp) -> bool {
        shown.entries().any(|entry| self.opened(entry, account).is_some_and(|opened| now < opened.plus(LIFETIME)))
    }

    /// The cookie's value from now on, when an account is opened here. Other accounts stay, as far as there is room.
    pub fn noted(&self, shown: &Shown, account: &AccountId, now: Timestamp) -> String {
        let opened = now.as_millis().to_be_bytes();
        let tag = self.tag(account, &opened);
        let newest = [&opened[..], tag.as_ref().get(..TAG_BYTES).unwrap_or_default()].concat();
        let others = shown.entries().filter(|entry| self.opened(entry, account).is_none()).flatten();
        let all: Vec<u8> = newest.into_iter().chain(others.copied()).take(ACCOUNTS_MAX * ENTRY_BYTES).collect();
        URL_SAFE_NO_PAD.encode(all)
    }

    /// When it says that this account was opened here; `None` if it is another's, or none of ours.
    fn opened(&self, entry: &Entry, account: &AccountId) -> Option<Timestamp> {
        let (opened, tag) = entry.split_first_chunk::<OPENED_BYTES>()?;
        let ours = self.tag(account, opened);
        let same = subtle::ConstantTimeEq::ct_eq(ours.as_ref().get(..TAG_BYTES)?, tag);
        bool::from(same).then(|| Timestamp::from_millis(u64::from_be_bytes(*opened)))
    }

    fn tag(&self, account: &AccountId, opened: &[u8; OPENED_BYTES]) -> hmac::Tag {
        hmac::sign(&self.0, &[account.as_bytes().as_slice(), opened].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::world;

    const NOW: Timestamp = world::NOW;

    const fn account(n: u8) -> AccountId {
        AccountId::from_bytes([n; 16])
    }

    fn key() -> OpenedHere {
        OpenedHere::of(&world::master_key())
    }

    fn noted(before: &str, n: u8, now: Timestamp) -> String {
        key().noted(&Shown::parse(before.as_bytes()), &account(n), now)
    }

    fn knows(cookie: &[u8], n: u8, now: Timestamp) -> bool {
        key().knows(&Shown::parse(cookie), &account(n), now)
    }

    #[test]
    fn an_account_is_known_where_it_was_opened_for_half_a_year_and_no_other_is() {
        let cookie = noted("", 1, NOW);
        assert!(knows(cookie.as_bytes(), 1, NOW));
        assert!(!knows(cookie.as_bytes(), 2, NOW));
        assert!(!knows(cookie.as_bytes(), 1, NOW.plus(LIFETIME)));
        let later = NOW.plus(Duration::from_hours(1));
        let again = noted(&cookie, 1, later);
        assert_eq!(again.len(), cookie.len(), "one account has one entry");
        assert!(knows(again.as_bytes(), 1, NOW.plus(LIFETIME)));
    }

    #[test]
    fn a_family_shares_a_browser_and_what_lies_longest_goes() {
        let cookie = (1..=5).fold(String::new(), |cookie, n| noted(&cookie, n, NOW));
        assert!((2..=5).all(|n| knows(cookie.as_bytes(), n, NOW)));
        assert!(!knows(cookie.as_bytes(), 1, NOW));
        assert_eq!(cookie.len(), ACCOUNTS_MAX * ENTRY_BYTES * 4 / 3);
    }

    #[test]
    fn forged_cut_and_lengthened_cookies_know_nobody() {
        let cookie = noted("", 1, NOW).into_bytes();
        for at in 0..cookie.len() {
            let mut forged = cookie.clone();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(!knows(&forged, 1, NOW), "character {at}");
            assert!(!knows(&cookie[..at], 1, NOW), "cut at {at}");
        }
        assert!(!knows(&[&cookie[..], b"AAAA"].concat(), 1, NOW), "an entry that is cut makes all of it unreadable");
        assert_eq!(Shown::parse(&[b'A'; 4_096]), Shown::default());
    }
}
