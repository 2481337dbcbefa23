//! Log-ins in Redis: each lane's log of those that the cold tier has not settled yet.
//!
//! The function that opens a session appends its log-in in the same step. An entry is named by the server's clock, as
//! Redis does it by itself, and its number is made of that name: so numbers rise also past the loss of the whole data
//! set and past a primary that is replaced by one which had not heard the last of it. What was settled up to there is
//! no reason to leave out what comes.

use super::RedisWarm;
use super::key::Slot;
use super::server::Reach;
use super::tag::Forged;
use crate::id::{AccountId, CredentialDigest, Lane, SessionId};
use crate::language::Language;
use crate::time::Timestamp;
use crate::warm::login_event::{LoginEvent, LoginEvents, PasskeyUsed};
use crate::warm::{Opening, Unavailable};
use async_trait::async_trait;
use redis::{Value, cmd};
use std::time::Duration;

/// Log-ins in one answer, whatever is asked for, so that reading them is a short step for the server.
const READ_MAX: usize = 1_000;

impl LoginEvent {
    /// The log-in that an opening is, without a passkey's part.
    pub(super) const fn of(opening: &Opening) -> Self {
        Self {
            account: opening.record.account,
            session: opening.session,
            at: opening.record.authenticated,
            passkey: None,
        }
    }

    /// The bytes that lie in the log, under a tag.
    pub(super) fn encode(&self) -> Vec<u8> {
        let at = self.at.as_millis().to_be_bytes();
        let mut out = [self.account.as_bytes().as_slice(), self.session.as_bytes(), &at].concat();
        if let Some(PasskeyUsed { credential, sign_count, backup_state, revision, new_browser }) = &self.passkey {
            out.extend_from_slice(credential.as_bytes());
            out.extend_from_slice(&sign_count.to_be_bytes());
            out.extend_from_slice(&revision.to_be_bytes());
            out.push(u8::from(*backup_state) | new_browser.map_or(0, Language::number) << 1);
        }
        out
    }

    /// Reads what [`LoginEvent::encode`] wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (account, rest) = bytes.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (at, rest) = rest.split_first_chunk::<8>()?;
        let passkey = if rest.is_empty() { None } else { Some(decode_passkey(rest)?) };
        Some(Self {
            account: AccountId::from_bytes(*account),
            session: SessionId::from_bytes(*session),
            at: Timestamp::from_millis(u64::from_be_bytes(*at)),
            passkey,
        })
    }
}

fn decode_passkey(bytes: &[u8]) -> Option<PasskeyUsed> {
    let (credential, rest) = bytes.split_first_chunk::<32>()?;
    let (sign_count, rest) = rest.split_first_chunk::<4>()?;
    let (revision, rest) = rest.split_first_chunk::<8>()?;
    let &[flags] = rest else { return None };
    let new_browser = match flags >> 1 {
        0 => None,
        number => Some(Language::of_number(number)?),
    };
    Some(PasskeyUsed {
        credential: CredentialDigest::from_bytes(*credential),
        sign_count: u32::from_be_bytes(*sign_count),
        backup_state: flags & 1 == 1,
        revision: u64::from_be_bytes(*revision),
        new_browser,
    })
}

#[async_trait]
impl LoginEvents for RedisWarm {
    async fn login_events(&self, lane: Lane, after: u64, max: usize) -> Result<Vec<(u64, LoginEvent)>, Unavailable> {
        let mut after = name(after);
        loop {
            let page = self.page(lane, &after, max.clamp(1, READ_MAX)).await?;
            let Some((last, _)) = page.last() else { return Ok(Vec::new()) };
            after.clone_from(last);
            let believed: Vec<_> = page.into_iter().filter_map(|(_, log_in)| log_in).collect();
            // A page of nothing but forgeries must not look like the end of the log.
            if !believed.is_empty() {
                return Ok(believed);
            }
        }
    }

    async fn forget_login_events(&self, lane: Lane, through: u64) -> Result<(), Unavailable> {
        let key = self.keys.log_ins(lane);
        let mut call = cmd("XTRIM");
        call.arg(&key.name).arg("MINID").arg(name(through.saturating_add(1)));
        self.servers.call::<Value>(key.slot, Reach::Key, &call).await.map(drop)
    }
}

/// A log-in with its number, or nothing where a forgery stands.
type Numbered = Option<(u64, LoginEvent)>;

impl RedisWarm {
    /// The names that stand in a lane's log after a name, with the log-in of each that is one.
    async fn page(&self, lane: Lane, after: &str, max: usize) -> Result<Vec<(String, Numbered)>, Unavailable> {
        let key = self.keys.log_ins(lane);
        let mut call = cmd("XRANGE");
        call.arg(&key.name).arg(format!("({after}")).arg("+").arg("COUNT").arg(max);
        let entries: Vec<(String, Vec<Vec<u8>>)> = self.servers.call(key.slot, Reach::Key, &call).await?;
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let latest = self.latest(key.slot).await?;
        let read = |(name, fields): (String, Vec<Vec<u8>>)| {
            let log_in = self.read(lane, &name, &fields, latest).map_err(|forged| self.refuse(forged));
            (name, log_in.ok())
        };
        Ok(entries.into_iter().map(read).collect())
    }

    fn read(&self, lane: Lane, name: &str, fields: &[Vec<u8>], latest: u64) -> Result<(u64, LoginEvent), Forged> {
        let number = number(name).filter(|number| *number <= latest).ok_or(Forged)?;
        let event = self.tags.read_log_in(lane, fields.get(1).ok_or(Forged)?)?;
        Ok((number, event))
    }

    /// The last number that may have been given by now. A tag does not cover the number, so an old log-in could be put
    /// there under one of years to come: whoever believed it would take all that follow for settled.
    async fn latest(&self, slot: Slot) -> Result<u64, Unavailable> {
        let (secs, _): (u64, u64) = self.servers.call(slot, Reach::Key, &cmd("TIME")).await?;
        let millis = secs.saturating_add(CLOCK_BACK_MAX.as_secs()).saturating_mul(1_000).saturating_sub(EPOCH_MILLIS);
        Ok(millis.min(MILLIS_MAX) << PLACE_BITS | (PLACES - 1))
    }
}

/// The beginning of the year 2020, from which the milliseconds of a number are counted: 41 bits last until 2089.
const EPOCH_MILLIS: u64 = 1_577_836_800_000;

/// Low bits of a number: the place among the log-ins of one millisecond, or of an hour if the clock has gone back so
/// far.
const PLACE_BITS: u32 = 22;

/// Of the milliseconds, so that a number fits into a signed one of 64 bits.
const MILLIS_MAX: u64 = (1 << 41) - 1;

/// How far the server's clock may have gone back, as in `aldgate.lua`.
const CLOCK_BACK_MAX: Duration = Duration::from_hours(1);

const PLACES: u64 = 1 << PLACE_BITS;

/// The number of an entry; `None` for a name that no entry of ours has.
fn number(name: &str) -> Option<u64> {
    let (millis, place) = name.split_once('-')?;
    let millis = millis.parse::<u64>().ok()?.checked_sub(EPOCH_MILLIS)?;
    let place = place.parse::<u64>().ok().filter(|place| *place < PLACES)?;
    (millis <= MILLIS_MAX).then_some(millis << PLACE_BITS | place)
}

/// The name of the entry of a number; that of zero stands before all.
fn name(number: u64) -> String {
    format!("{}-{}", EPOCH_MILLIS + (number >> PLACE_BITS), number % PLACES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let passkey = PasskeyUsed {
            credential: CredentialDigest::of(b"c"),
            sign_count: 4,
            backup_state: true,
            revision: 5,
            new_browser: None,
        };
        let with = LoginEvent {
            account: AccountId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            at: Timestamp::from_secs(3),
            passkey: Some(passkey),
        };
        assert_eq!(LoginEvent::decode(&with.encode()), Some(with));
        for language in Language::ALL {
            let passkey = PasskeyUsed { new_browser: Some(language), backup_state: false, ..passkey };
            let in_new_browser = LoginEvent { passkey: Some(passkey), ..with };
            assert_eq!(LoginEvent::decode(&in_new_browser.encode()), Some(in_new_browser));
        }
        let mut of_later_version = with.encode();
        *of_later_version.last_mut().expect("a byte") |= 6;
        assert_eq!(LoginEvent::decode(&of_later_version), None);
        let without = LoginEvent { passkey: None, ..with };
        assert_eq!(LoginEvent::decode(&without.encode()), Some(without));
        assert_eq!(LoginEvent::decode(&with.encode()[1..]), None);
        assert_eq!(LoginEvent::decode(&without.encode()[1..]), None);
    }

    #[test]
    fn a_number_rises_with_the_name_and_leads_back_to_it() {
        let names = ["1577836800000-0", "1577836800000-7", "1700000000000-0", "1700000000000-1", "1700000000001-0"];
        let numbers: Vec<_> = names.iter().map(|name| number(name).expect("a number")).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert!(numbers.iter().map(|number| name(*number)).eq(names));
        assert!(i64::try_from(number("3776859999999-0").expect("the year 2089")).is_ok(), "a database can hold it");
        for foreign in ["0-7", "99999999999999-7", "1700000000000-4194304", "1700000000000", "x-1"] {
            assert_eq!(number(foreign), None, "{foreign}");
        }
    }
}
