//! Tokens of the links in messages: for whom a link is, what it may do, since when, and a tag over all that.
//!
//! Nothing is stored for one that nobody follows, and a forged one costs one HMAC and no look-up. The tag is
//! HMAC-SHA-256 under a key of the deployment's. That a link works once is the affair of the write that it is for: by its
//! [`OpenedLink::single_use`], or by what its mark names in the store.

use crate::model::{Account, EmailAddress, PasswordHash};
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::{AccountId, SingleUse};
use aldgate_core::secret::{MasterKey, Purpose, Secret};
use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use std::time::Duration;

const MARK_BYTES: usize = 16;
const TAG_BYTES: usize = 32;
const HEAD_BYTES: usize = 1 + 16 + 8 + MARK_BYTES;
const BYTES: usize = HEAD_BYTES + TAG_BYTES;

/// What ties a link to one state of things, or names one thing.
pub(crate) type Mark = [u8; MARK_BYTES];

/// What a link may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    /// Replace the password; the mark is that of the password which was forgotten.
    Reset,
    /// Take a change of contact back; the mark names the change.
    CancelChange,
    /// Say that something was not done by the account's owner; the mark is of the address that it went to, and random.
    NotMe,
}

impl Power {
    const ALL: [Self; 3] = [Self::Reset, Self::CancelChange, Self::NotMe];

    /// How long such a link works.
    pub(crate) const fn lifetime(self) -> Duration {
        match self {
            Self::Reset => Duration::from_hours(1),
            Self::CancelChange => Duration::from_hours(24),
            Self::NotMe => Duration::from_hours(7 * 24), // People read their mail when they are back.
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Self::Reset => 1,
            Self::CancelChange => 2,
            Self::NotMe => 3,
        }
    }
}

/// A link that we have made, and that may still be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenedLink {
    account: AccountId,
    issued: Timestamp,
    ends: Timestamp,
    mark: Mark,
    single_use: SingleUse,
}

impl OpenedLink {
    /// Whose account.
    pub(crate) const fn account(&self) -> AccountId {
        self.account
    }

    /// When it was sent.
    pub(crate) const fn issued(&self) -> Timestamp {
        self.issued
    }

    /// Its mark.
    pub(crate) const fn mark(&self) -> &Mark {
        &self.mark
    }

    /// By what it is used up, and until when that must be remembered.
    pub(crate) const fn single_use(&self) -> (SingleUse, Timestamp) {
        (self.single_use, self.ends)
    }
}

/// Why a link does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkRefused {
    /// Its time is over.
    Expired,
    /// It was used, or what it was for is done.
    Used,
    /// We have not made it, or it was cut.
    Broken,
}

/// The deployment's key for links.
pub(crate) struct LinkTokens(hmac::Key);

impl LinkTokens {
    /// Derives the key.
    pub(crate) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::Link, 0).expose()))
    }

    /// What changes with an account's password and with its address, and tells nothing of either: a link that was sent to
    /// an address which is no longer the account's is worth nothing.
    pub(crate) fn mark_of(&self, account: &Account) -> Mark {
        self.mark(&account.email, account.password.as_ref())
    }

    fn mark(&self, email: &EmailAddress, password: Option<&PasswordHash>) -> Mark {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(email.canonical().as_bytes());
        context.update(&[0]); // No address holds it.
        context.update(password.map_or("", PasswordHash::expose).as_bytes());
        context.sign().as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// A token that is good from now on.
    pub(crate) fn mint(&self, power: Power, account: &AccountId, mark: Mark, now: Timestamp) -> Secret<String> {
        let issued = now.as_millis().to_be_bytes();
        let head = [&[power.byte()][..], account.as_bytes(), &issued, &mark].concat();
        let tag = hmac::sign(&self.0, &head);
        Secret::new(URL_SAFE_NO_PAD.encode([&head, tag.as_ref()].concat()))
    }

    /// A token that sets the first password of an account which has none, while this is its address.
    pub(crate) fn mint_way_back(&self, account: &AccountId, email: &EmailAddress, now: Timestamp) -> Secret<String> {
        self.mint(Power::Reset, account, self.mark(email, None), now)
    }

    /// A token by which whoever reads the mail of an address says that something was not done by them. One for an address
    /// that a stranger had put there is told from others ([`Self::went_to`]).
    pub(crate) fn mint_not_me(
        &self,
        account: &Account,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Secret<String>, EntropyFailed> {
        let random: [u8; MARK_BYTES / 2] = entropy.bytes()?;
        let mut mark = [0; MARK_BYTES];
        let (address, rest) = mark.split_at_mut(MARK_BYTES / 2);
        address.copy_from_slice(&self.address_mark(&account.email));
        rest.copy_from_slice(&random);
        Ok(self.mint(Power::NotMe, &account.id, mark, now))
    }

    /// Whether a link of [`Self::mint_not_me`] went to this address.
    pub(crate) fn went_to(&self, link: &OpenedLink, email: &EmailAddress) -> bool {
        link.mark.starts_with(&self.address_mark(email))
    }

    fn address_mark(&self, email: &EmailAddress) -> [u8; MARK_BYTES / 2] {
        let tag = hmac::sign(&self.0, &[b"address\0", email.canonical().as_bytes()].concat());
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }

    /// Opens a token that somebody shows for this.
    pub(crate) fn open(&self, power: Power, text: &str, now: Timestamp) -> Result<OpenedLink, LinkRefused> {
        let (link, late) = self.open_late(power, text, now)?;
        if late { Err(LinkRefused::Expired) } else { Ok(link) }
    }

    fn genuine(&self, power: Power, text: &str) -> Result<OpenedLink, LinkRefused> {
        let mut bytes = [0; BYTES];
        if URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) != Ok(BYTES) {
            return Err(LinkRefused::Broken);
        }
        let (head, tag) = bytes.split_at(HEAD_BYTES);
        hmac::verify(&self.0, head, tag).map_err(|_| LinkRefused::Broken)?;
        let opened = Self::read(head).filter(|(said, _)| *said == power);
        opened.map(|(_, link)| link).ok_or(LinkRefused::Broken)
    }

    /// The same for one whose time may be over, and whether it is.
    pub(crate) fn open_late(
        &self,
        power: Power,
        text: &str,
        now: Timestamp,
    ) -> Result<(OpenedLink, bool), LinkRefused> {
        let link = self.genuine(power, text)?;
        Ok((link, now >= link.ends))
    }

    fn read(head: &[u8]) -> Option<(Power, OpenedLink)> {
        let (power, rest) = head.split_first()?;
        let power = Power::ALL.into_iter().find(|known| known.byte() == *power)?;
        let (account, rest) = rest.split_first_chunk::<16>()?;
        let (issued, mark) = rest.split_first_chunk::<8>()?;
        let issued = Timestamp::from_millis(u64::from_be_bytes(*issued));
        let single_use = SingleUse::of(&[&b"link"[..], head].concat());
        let ends = issued.plus(power.lifetime());
        let account = AccountId::from_bytes(*account);
        Some((power, OpenedLink { account, issued, ends, mark: mark.try_into().ok()?, single_use }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::world;

    const NOW: Timestamp = world::NOW;
    const ACCOUNT: AccountId = AccountId::from_bytes([7; 16]);

    fn tokens() -> LinkTokens {
        LinkTokens::of(&world::master_key())
    }

    #[test]
    fn a_token_opens_for_its_purpose_within_its_time() {
        for power in Power::ALL {
            let token = tokens().mint(power, &ACCOUNT, [9; 16], NOW);
            let open = |power, now| tokens().open(power, token.expose(), now);
            let link = open(power, NOW).expect("open");
            assert_eq!((link.account(), *link.mark(), link.issued()), (ACCOUNT, [9; 16], NOW));
            assert_eq!(open(power, NOW.plus(power.lifetime())), Err(LinkRefused::Expired));
            for other in Power::ALL.into_iter().filter(|other| *other != power) {
                assert_eq!(open(other, NOW), Err(LinkRefused::Broken), "{other:?}");
            }
        }
    }

    #[test]
    fn forged_cut_and_lengthened_tokens_are_broken() {
        let token = tokens().mint(Power::Reset, &ACCOUNT, [9; 16], NOW);
        let token = token.expose();
        let broken = |text: &str| tokens().open(Power::Reset, text, NOW) == Err(LinkRefused::Broken);
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert!(broken(std::str::from_utf8(&forged).expect("text")), "character {at}");
            assert!(broken(&token[..at]), "cut at {at}");
        }
        assert!(broken(&format!("{token}AAAA")) && broken(&format!("{token}=")) && broken("é"));
    }
}
