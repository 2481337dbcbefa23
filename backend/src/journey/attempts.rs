//! How often something may be tried. Each limit is counted in the store, for every route and spelling alike, and is
//! reserved before the attempt: a burst of parallel attempts passes no more than the limit (NIST SP 800-63B-4, 3.2.2).

use super::known_device::KnownDevice;
use super::stage::JourneyId;
use crate::fault::{Fault, NotDone};
use crate::model::EmailAddress;
use crate::model::telephone::PhoneNumber;
use crate::notifier::Recipient;
use crate::store::{Attempt, Reservation, SignInRefusal, Store};
use aldgate_core::id::AccountId;
use aldgate_core::time::Timestamp;
use ring::digest::{Context, SHA256};
use std::net::IpAddr;
use std::time::Duration;

/// The limit is reached; there is room again at `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted {
    /// When there is room again.
    pub(crate) until: Timestamp,
}

/// Whose attempts are counted together.
#[derive(Debug, Clone, Copy)]
pub(super) enum Limit<'a> {
    /// Guesses at one code.
    CodeGuesses(&'a JourneyId, u8),
    /// Guesses at all the codes that are sent to prove one address or number.
    CodeGuessesOf(Recipient<'a>),
    /// Codes sent in one journey, also if its cookie is presented again and again.
    CodesOfJourney(&'a JourneyId),
    /// Messages to one address or number.
    MessagesTo(Recipient<'a>),
    /// Links for a new password, to one address.
    ResetsTo(&'a EmailAddress),
    /// The word that somebody has signed in in a new browser, to one account's owner.
    NewBrowsersOf(&'a AccountId),
    /// Messages to all the numbers together that differ in their last four digits from this one.
    MessagesNear(&'a PhoneNumber),
    /// Messages that one client caused.
    MessagesFrom(IpAddr),
    /// Codes that follow a right password, to one number.
    StepCodesTo(Recipient<'a>),
    /// Guesses at what opens one account (password, second step, recovery code), by all strangers together.
    PasswordOf(&'a EmailAddress),
    /// The same by one client.
    PasswordOfBy(&'a EmailAddress, IpAddr),
    /// The same, in all browsers together that are known for the account.
    PasswordOfKnown(&'a EmailAddress),
    /// The same in one browser that is known for it.
    PasswordOfKnownIn(&'a EmailAddress, KnownDevice),
    /// Guesses at any passwords by one client, right ones among them.
    PasswordsFrom(IpAddr),
    /// The same in browsers that are known for the accounts at which it guesses.
    PasswordsOfKnownFrom(IpAddr),
}

impl Limit<'_> {
    /// How many in how long, and what the key is made of.
    const fn bound(&self) -> (u32, Duration, &'static str) {
        match self {
            // Five of a million: one journey in 66,000 would be guessed, if one could begin as many.
            Self::CodeGuesses(..) => (5, Duration::from_mins(30), "guesses at a code"),
            // However many journeys are begun with it: whoever wants an address that is not theirs guesses for a hundred years.
            Self::CodeGuessesOf(_) => (20, Duration::from_hours(24), "guesses at the codes of an address"),
            Self::CodesOfJourney(_) => (3, Duration::from_hours(1), "codes of a journey"),
            // Nobody's letter box is to be filled by us.
            Self::MessagesTo(_) => (5, Duration::from_hours(1), "messages to an address"),
            // Counted by themselves: what a stranger has sent there by other ways takes none of them away. Whoever asks for
            // them all has sent the owner five links, and the last ones work until others may be sent.
            Self::ResetsTo(_) => (5, Duration::from_hours(1), "links for a new password to an address"),
            // Whoever knows the password does not bury the first of them under others.
            Self::NewBrowsersOf(_) => (5, Duration::from_hours(1), "new browsers of an account"),
            // Whoever holds ten thousand numbers in a row gets no ten thousand messages.
            Self::MessagesNear(_) => (50, Duration::from_hours(1), "messages to neighbouring numbers"),
            // Only whoever knows the password can cause these; what strangers cause takes none of them away.
            Self::StepCodesTo(_) => (10, Duration::from_hours(1), "codes after a password"),
            // A library or a hospital has one address for many people.
            Self::MessagesFrom(_) => (30, Duration::from_hours(1), "messages from a client"),
            // NIST SP 800-63B-4, section 3.2.2: at most 100 failures; beyond them even the right password is refused.
            // Half of them are for strangers, and half for browsers in which the owner has signed in before: no stranger
            // can use up the owner's.
            Self::PasswordOf(_) => (50, Duration::from_hours(24), "password of an account"),
            Self::PasswordOfKnown(_) => (50, Duration::from_hours(24), "password of an account in known browsers"),
            Self::PasswordOfKnownIn(..) => (10, Duration::from_mins(15), "password of an account in a known browser"),
            // So that one client cannot lock an account's owner out in less than two hours.
            Self::PasswordOfBy(..) => (10, Duration::from_mins(15), "password of an account by a client"),
            // Against one guess at each of many accounts. A hospital signs in from one address, and not 20 a minute.
            Self::PasswordsFrom(_) => (300, Duration::from_mins(15), "passwords from a client"),
            // A right one costs as much as a wrong one. Everybody in a hospital signs in once in this time, or twice.
            Self::PasswordsOfKnownFrom(_) => (3_000, Duration::from_mins(15), "passwords in known browsers"),
        }
    }

    fn reservation(&self) -> Reservation {
        let (limit, window, _) = self.bound();
        Reservation { key: self.key(), limit, window }
    }

    fn key(&self) -> [u8; 32] {
        let (_, _, label) = self.bound();
        let mut context = Context::new(&SHA256);
        let mut part = |bytes: &[u8]| {
            context.update(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(bytes);
        };
        part(label.as_bytes());
        match self {
            Self::CodeGuesses(journey, sending) => {
                part(journey.as_bytes());
                part(&[*sending]);
            }
            Self::CodesOfJourney(journey) => part(journey.as_bytes()),
            Self::CodeGuessesOf(to) | Self::MessagesTo(to) | Self::StepCodesTo(to) => {
                part(to.canonical().as_bytes());
            }
            Self::NewBrowsersOf(account) => part(account.as_bytes()),
            Self::MessagesNear(number) => part(number.block().as_bytes()),
            Self::ResetsTo(email) | Self::PasswordOf(email) | Self::PasswordOfKnown(email) => {
                part(email.canonical().as_bytes());
            }
            Self::MessagesFrom(client) | Self::PasswordsFrom(client) | Self::PasswordsOfKnownFrom(client) => {
                part(&network(*client));
            }
            Self::PasswordOfBy(email, client) => {
                part(email.canonical().as_bytes());
                part(&network(*client));
            }
            Self::PasswordOfKnownIn(email, device) => {
                part(email.canonical().as_bytes());
                part(device.as_bytes());
            }
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        key
    }
}

/// What one client holds: an IPv4 address, or the 64 bits that every IPv6 subscriber has at least.
fn network(client: IpAddr) -> Vec<u8> {
    match client.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets()[..8].to_vec(),
    }
}

/// What a guess at what opens an account counts for.
#[derive(Debug, Clone, Copy)]
pub(super) struct GuessLimits<'a> {
    /// For whoever guesses, at this account or another.
    pub(super) client: Limit<'a>,
    /// For the account.
    pub(super) account: [Limit<'a>; 2],
}

impl<'a> GuessLimits<'a> {
    /// All, in the order in which they are reserved.
    const fn all(&self) -> [Limit<'a>; 3] {
        let [first, second] = self.account;
        [self.client, first, second]
    }
}

/// How many of the limits, the first, are the client's.
const OF_CLIENT: usize = 1;

/// A guess at what opens an account, which is counted. What becomes of the count, whoever has judged the guess decides.
#[derive(Debug)]
#[must_use]
pub(super) struct Guess<'a> {
    limits: GuessLimits<'a>,
    /// Whether half of what there is for the account, or more, is counted, this one with it.
    is_half_used: bool,
}

/// The counters.
pub(super) struct Attempts<'a>(pub(super) &'a Store);

impl Attempts<'_> {
    /// Reserves one attempt, which counts for each of these limits, in one write. They are of different kinds, and a kind
    /// stands always before or always after another, so that no two writes wait for one another. What stands before the one
    /// that is reached stays counted.
    pub(super) async fn reserve(&self, limits: &[Limit<'_>], now: Timestamp) -> Result<(), NotDone<Exhausted>> {
        let under = limits.iter().map(Limit::reservation).collect();
        match self.0.reserve_attempt(under, now).await? {
            Attempt::Granted { .. } => Ok(()),
            Attempt::Exhausted { until, .. } => Err(NotDone::Refused(Exhausted { until })),
        }
    }

    /// Reserves one attempt of each of these, for a guess at the account of an address. That there were too many at it is
    /// counted for the audit; not that a client has had too many in all, since it could name address after address then.
    pub(super) async fn reserve_guess<'a>(
        &self,
        limits: GuessLimits<'a>,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Result<Guess<'a>, NotDone<Exhausted>> {
        let under: Vec<_> = limits.all().iter().map(Limit::reservation).collect();
        let bounds: Vec<_> = under.iter().map(|reservation| reservation.limit).collect();
        match self.0.reserve_attempt(under, now).await? {
            Attempt::Granted { left } => {
                let is_half_used = bounds.iter().zip(&left).skip(OF_CLIENT).any(|(limit, left)| left * 2 <= *limit);
                Ok(Guess { limits, is_half_used })
            }
            Attempt::Exhausted { until, at } => {
                if at >= OF_CLIENT {
                    self.refused(email, SignInRefusal::Throttled, now).await;
                }
                Err(NotDone::Refused(Exhausted { until }))
            }
        }
    }

    /// Counts a refused sign-in for the audit. Whoever is refused is so, whether it can be counted or not.
    pub(super) async fn refused(&self, email: &EmailAddress, refusal: SignInRefusal, now: Timestamp) {
        if let Err(error) = self.0.count_refusal(email, refusal, now).await {
            tracing::warn!(%error, "a refused sign-in is not counted for the audit");
        }
    }

    /// Gives back a guess that could not be judged, because something of ours is down or busy. Whoever tries again and
    /// again meanwhile must not find themselves shut out when it is up.
    pub(super) async fn give_back(&self, guess: Guess<'_>) {
        self.give_back_under(&guess.limits.all()).await;
    }

    /// Gives back one that was right, with more to be asked; for its client it stays counted.
    pub(super) async fn give_back_to_account(&self, guess: Guess<'_>) {
        self.give_back_under(&guess.limits.account).await;
    }

    /// If it cannot be given back, it stays counted.
    async fn give_back_under(&self, limits: &[Limit<'_>]) {
        if let Err(error) = self.0.give_back_attempt(limits.iter().map(Limit::key).collect()).await {
            tracing::debug!(%error, "an attempt that was not made stays counted");
        }
    }

    /// Forgets what was counted for an account, when everything that it asks for was right; not what its client has tried
    /// elsewhere. Nothing is forgotten unless half is used up: most who come in right have guessed wrong once or never, and
    /// need no write. What stays counted is one's own, and makes nobody wait.
    pub(super) async fn forget(&self, guess: Guess<'_>) -> Result<(), Fault> {
        if !guess.is_half_used {
            return Ok(());
        }
        Ok(self.0.clear_attempts(guess.limits.account.iter().map(Limit::key).collect()).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_client_cannot_guess_at_everybodys_password() {
        let home = crate::store::tests::Home::new().await;
        let (attempts, now) = (Attempts(&home.store), aldgate_core::testing::world::NOW);
        let from = |text: &str| Limit::PasswordsFrom(text.parse().expect("address"));
        for _ in 0..300 {
            assert!(attempts.reserve(&[from("192.0.2.1")], now).await.is_ok());
        }
        assert!(attempts.reserve(&[from("192.0.2.1")], now).await.is_err());
        assert!(attempts.reserve(&[from("192.0.2.2")], now).await.is_ok());
        let later = now.plus(Duration::from_mins(15));
        assert!(attempts.reserve(&[from("192.0.2.1")], later).await.is_ok());
    }

    #[tokio::test]
    async fn right_passwords_in_known_browsers_are_counted_too() {
        let home = crate::store::tests::Home::new().await;
        let now = aldgate_core::testing::world::NOW;
        let client = "192.0.2.1".parse().expect("address");
        let granted = crate::store::tests::race(60, |_| {
            let store = home.store.clone();
            async move {
                let mut granted = 0;
                for _ in 0..51 {
                    let reserved = Attempts(&store).reserve(&[Limit::PasswordsOfKnownFrom(client)], now).await;
                    granted += usize::from(reserved.is_ok());
                }
                granted
            }
        })
        .await;
        assert_eq!(granted.into_iter().sum::<usize>(), 3_000);
        assert!(Attempts(&home.store).reserve(&[Limit::PasswordsFrom(client)], now).await.is_ok(), "by themselves");
    }

    #[test]
    fn spellings_count_together_and_purposes_apart() {
        let address = |text| EmailAddress::parse(text).expect("address");
        let (one, two) = (address("Ada@example.org"), address("ada@EXAMPLE.org"));
        assert_eq!(Limit::PasswordOf(&one).key(), Limit::PasswordOf(&two).key());
        assert_ne!(Limit::PasswordOf(&one).key(), Limit::MessagesTo(Recipient::Email(&one)).key());
        let client = |text: &str| Limit::MessagesFrom(text.parse().expect("address")).key();
        assert_eq!(client("2001:db8::1"), client("2001:db8::2"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        let near = |text| Limit::MessagesNear(&PhoneNumber::parse(text).expect("a number")).key();
        assert_eq!(near("07700 900123"), near("+44 7700 909999"));
        assert_ne!(near("07700 900123"), near("07700 910123"));
    }
}
