//! Log-ins in Redis: each lane's log of those that the cold tier has not settled yet.
//!
//! The function that opens a session appends its log-in in the same step. The entries are `0-1`, `0-2`, `0-3` and so
//! on, so a log-in's number is the second half of its entry's name, and no number is left out. A data set that was
//! begun anew begins at 1 again: whoever asks for what comes after a number that it has not reached is given it from
//! its beginning, since settling a log-in twice is settling it once.

use super::RedisWarm;
use super::server::Reach;
use super::tag::Forged;
use crate::id::{AccountId, CredentialDigest, Lane, SessionId};
use crate::time::Timestamp;
use crate::warm::login_event::{LoginEvent, LoginEvents, PasskeyUsed};
use crate::warm::{Opening, Unavailable};
use async_trait::async_trait;
use redis::{Value, cmd};

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
        if let Some(PasskeyUsed { credential, sign_count, backup_state, revision }) = &self.passkey {
            out.extend_from_slice(credential.as_bytes());
            out.extend_from_slice(&sign_count.to_be_bytes());
            out.extend_from_slice(&revision.to_be_bytes());
            out.push(u8::from(*backup_state));
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
    let &[backup_state @ (0 | 1)] = rest else { return None };
    Some(PasskeyUsed {
        credential: CredentialDigest::from_bytes(*credential),
        sign_count: u32::from_be_bytes(*sign_count),
        backup_state: backup_state == 1,
        revision: u64::from_be_bytes(*revision),
    })
}

#[async_trait]
impl LoginEvents for RedisWarm {
    async fn login_events(&self, lane: Lane, after: u64, max: usize) -> Result<Vec<(u64, LoginEvent)>, Unavailable> {
        let mut after = after;
        loop {
            let page = self.page(lane, after, max.clamp(1, READ_MAX)).await?;
            let Some((last, _)) = page.last() else { return Ok(Vec::new()) };
            after = *last;
            let believed: Vec<_> = page.into_iter().filter_map(|(number, event)| Some((number, event?))).collect();
            // A page of nothing but forgeries must not look like the end of the log.
            if !believed.is_empty() {
                return Ok(believed);
            }
        }
    }

    async fn forget_login_events(&self, lane: Lane, through: u64) -> Result<(), Unavailable> {
        let key = self.keys.log_ins(lane);
        let mut call = cmd("XTRIM");
        call.arg(&key.name).arg("MINID").arg(format!("0-{}", through.saturating_add(1)));
        self.servers.call::<Value>(key.slot, Reach::Key, &call).await.map(drop)
    }
}

impl RedisWarm {
    /// What stands in a lane's log after a number, and what of it is a log-in.
    async fn page(&self, lane: Lane, after: u64, max: usize) -> Result<Vec<(u64, Option<LoginEvent>)>, Unavailable> {
        let mut call = cmd("FCALL_RO");
        call.arg("aldgate_1_log_ins").arg(1).arg(&self.keys.lane(lane).name).arg(after).arg(max);
        let entries: Vec<(String, Vec<Vec<u8>>)> = self.lane_call(lane, &call).await?;
        let read = |(name, fields): (String, Vec<Vec<u8>>)| {
            let event = fields.get(1).ok_or(Forged).and_then(|value| self.tags.read_log_in(lane, value));
            Some((number(&name)?, event.map_err(|forged| self.refuse(forged)).ok()))
        };
        Ok(entries.into_iter().filter_map(read).collect())
    }
}

fn number(name: &str) -> Option<u64> {
    name.strip_prefix("0-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_back() {
        let passkey =
            PasskeyUsed { credential: CredentialDigest::of(b"c"), sign_count: 4, backup_state: true, revision: 5 };
        let with = LoginEvent {
            account: AccountId::from_bytes([1; 16]),
            session: SessionId::from_bytes([2; 16]),
            at: Timestamp::from_secs(3),
            passkey: Some(passkey),
        };
        assert_eq!(LoginEvent::decode(&with.encode()), Some(with));
        let without = LoginEvent { passkey: None, ..with };
        assert_eq!(LoginEvent::decode(&without.encode()), Some(without));
        assert_eq!(LoginEvent::decode(&with.encode()[1..]), None);
        assert_eq!(LoginEvent::decode(&without.encode()[1..]), None);
    }

    #[test]
    fn a_number_is_the_second_half_of_a_name() {
        assert_eq!(number("0-7"), Some(7));
        assert_eq!(number("1700000000000-7"), None, "an entry that somebody else added");
    }
}
