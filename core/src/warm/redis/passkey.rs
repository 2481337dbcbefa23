//! Passkeys in Redis: a published record, found by the digest alone, and a cell in the account's lane.
//!
//! The record holds what is fixed when a passkey is registered (key, account); the cell holds what changes (counter,
//! backup state, identity level, whether the account is disabled, revision). A log-in moves the cell by
//! compare-and-set: the caller brings the state from which it judged and the tagged cell that follows from it; if the
//! state is another by now, the function gives the cell back, and the caller judges anew. So a log-in is one round trip,
//! unless two with one passkey meet. One whose account is disabled never gets as far as the function.

use super::RedisWarm;
use super::key::Key;
use super::server::Reach;
use super::tag::{CellState, Forged, RETIRED};
use crate::id::{AccountId, CredentialDigest, Lane};
use crate::warm::change::Change;
use crate::warm::login_event::{LoginEvent, PasskeyUsed};
use crate::warm::{PasskeyLogin, Settlement, Unavailable};
use crate::webauthn::assertion::counter_grows;
use crate::webauthn::credential::CredentialRecord;
use redis::{Cmd, cmd};
use std::sync::Arc;
use std::time::Duration;

/// How long a passkey's cell is kept after it was last published or used, and its record after it was last published:
/// longer than a year. What has run out is asked for in the cold tier once, and put back.
pub(super) const KEPT: Duration = Duration::from_hours(400 * 24);

/// How long it is remembered that a passkey was removed: longer than any process can still hold its record unawares.
const RETIRED_FOR: Duration = Duration::from_hours(1);

/// How often a step is begun anew because another one on the same passkey came first. Counters only grow, so a person
/// cannot lose this race often, and whoever tries on purpose is refused.
const ATTEMPTS: usize = 5;

/// What a compare-and-set answered.
enum Answer {
    Done(Vec<Vec<u8>>),
    Used,
    Regressed,
    Gone,
    Missing,
    /// Another cell is there; empty for none.
    Mismatch(Vec<u8>),
}

impl Answer {
    fn read(parts: Vec<Vec<u8>>) -> Result<Self, Unavailable> {
        let mut parts = parts.into_iter();
        match parts.next().as_deref() {
            Some(b"S") => Ok(Self::Done(parts.collect())),
            Some(b"U") => Ok(Self::Used),
            Some(b"C") => Ok(Self::Regressed),
            Some(b"G") => Ok(Self::Gone),
            Some(b"N") => Ok(Self::Missing),
            Some(b"M") => Ok(Self::Mismatch(parts.next().unwrap_or_default())),
            _ => Err(Unavailable("the function library answered in another form".into())),
        }
    }
}

/// What was found where a passkey's record is published.
enum Published {
    Here(CredentialRecord),
    Retired,
    Nothing,
    /// Something that is not ours; it may be overwritten.
    Forged,
}

/// What to do with a cell that is already there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Onto {
    /// The new facts are put onto it, and told.
    Change,
    /// It stays: it knows better than the cold tier.
    Restore,
}

impl RedisWarm {
    pub(super) async fn find_credential(
        &self,
        digest: &CredentialDigest,
    ) -> Result<Option<CredentialRecord>, Unavailable> {
        match self.published(digest).await? {
            Published::Retired => Ok(None),
            Published::Nothing | Published::Forged => self.restore(digest).await,
            Published::Here(record) => {
                let key = self.cell_key(&record);
                let cell: Option<Vec<u8>> = self.servers.call(key.slot, Reach::Key, cmd("GET").arg(&key.name)).await?;
                match cell {
                    Some(cell) if cell == RETIRED => Ok(None),
                    Some(cell) => match self.tags.read_cell(&record.account, digest, &cell) {
                        Ok(state) => Ok(Some(state.onto(&record))),
                        Err(forged) => {
                            self.refuse(forged);
                            self.restore(digest).await
                        }
                    },
                    None => self.restore(digest).await,
                }
            }
        }
    }

    async fn published(&self, digest: &CredentialDigest) -> Result<Published, Unavailable> {
        let key = self.keys.published(digest);
        let value: Option<Vec<u8>> = self.servers.call(key.slot, Reach::Key, cmd("GET").arg(&key.name)).await?;
        Ok(match value {
            None => Published::Nothing,
            Some(value) if value == RETIRED => Published::Retired,
            Some(value) => match self.tags.read_published(digest, &value) {
                Ok(record) => Published::Here(record),
                Err(forged) => {
                    self.refuse(forged);
                    Published::Forged
                }
            },
        })
    }

    fn cell_key(&self, record: &CredentialRecord) -> Key {
        self.keys.in_lane(record.account.lane(), &[b"k".as_slice(), record.digest.as_bytes()].concat())
    }

    /// Asks the cold tier for a passkey that is missing here, and puts it back.
    async fn restore(&self, digest: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        let Some(cold) = &self.cold else { return Ok(None) };
        match cold.credential(digest).await? {
            Some(record) if record.digest == *digest => self.put(&record, Onto::Restore).await,
            _ => Ok(None),
        }
    }

    pub(super) async fn publish(&self, record: &CredentialRecord) -> Result<(), Unavailable> {
        self.put(record, Onto::Change).await.map(drop)
    }

    /// Writes a passkey's cell and then its record; gives the record as it now is, or `None` if it was removed.
    async fn put(&self, record: &CredentialRecord, onto: Onto) -> Result<Option<CredentialRecord>, Unavailable> {
        let lane = record.account.lane();
        let mut known = Vec::new();
        let mut here = None;
        for _ in 0..ATTEMPTS {
            let next = match (here, onto) {
                (None, _) => CellState::of(record),
                (Some(here), Onto::Restore) => here,
                (Some(here), Onto::Change) => merged(here, CellState::of(record)),
            };
            let now = next.onto(record);
            if here != Some(next) {
                let change = Change::CredentialChanged(Arc::new(now.clone()));
                let cell = self.tags.cell(&record.account, &record.digest, next);
                let mut call = self.function("publish", lane);
                call.arg(record.digest.as_bytes()).arg(&known).arg(cell);
                call.arg(if onto == Onto::Change { self.tags.change(lane, &change) } else { Vec::new() });
                call.arg(millis(KEPT));
                match Answer::read(self.lane_call(lane, &call).await?)? {
                    Answer::Done(_) if onto == Onto::Change => self.tell(&change),
                    Answer::Done(_) => {}
                    Answer::Mismatch(cell) => {
                        here = self.tags.read_cell(&record.account, &record.digest, &cell).ok();
                        if here.is_none() && !cell.is_empty() {
                            self.refuse(Forged);
                        }
                        known = cell;
                        continue;
                    }
                    _ => return Ok(None),
                }
            }
            if self.keep(&now).await? {
                return Ok(Some(now));
            }
            // It was retired while nobody could know its lane, or while this was on its way.
            self.forbid(lane, &record.digest).await?;
            return Ok(None);
        }
        Err(Unavailable("a passkey is being changed all the time".into()))
    }

    /// Writes a passkey's record where its digest finds it. False if it was retired meanwhile.
    async fn keep(&self, record: &CredentialRecord) -> Result<bool, Unavailable> {
        let key = self.keys.published(&record.digest);
        let mut call = cmd("FCALL");
        call.arg("aldgate_1_keep").arg(1).arg(&key.name).arg(self.tags.published(record)).arg(millis(KEPT));
        let answer = self.servers.call(key.slot, Reach::Key, &call).await?;
        Ok(matches!(Answer::read(answer)?, Answer::Done(_)))
    }

    /// First in the account's lane, where log-ins are settled, and then where the digest finds it.
    pub(super) async fn retire(&self, account: &AccountId, digest: &CredentialDigest) -> Result<(), Unavailable> {
        self.forbid(account.lane(), digest).await?;
        let key = self.keys.published(digest);
        let mut call = cmd("FCALL");
        call.arg("aldgate_1_strike").arg(1).arg(&key.name).arg(millis(RETIRED_FOR));
        self.servers.call::<redis::Value>(key.slot, Reach::Key, &call).await.map(drop)
    }

    /// Puts a retirement where a passkey's cell is, and tells it.
    async fn forbid(&self, lane: Lane, digest: &CredentialDigest) -> Result<(), Unavailable> {
        let change = Change::CredentialRetired(*digest);
        let mut call = self.function("retire", lane);
        call.arg(digest.as_bytes()).arg(millis(RETIRED_FOR)).arg(self.tags.change(lane, &change));
        self.lane_call::<redis::Value>(lane, &call).await?;
        self.tell(&change);
        Ok(())
    }

    /// Settles a log-in: one round trip, and one more for each log-in of the same passkey that came between.
    pub(super) async fn settle_login(&self, login: &PasskeyLogin) -> Result<Settlement, Unavailable> {
        let record = &login.credential;
        let lane = record.account.lane();
        let mut state = CellState::of(record);
        for _ in 0..ATTEMPTS {
            if newest(record, state).disabled {
                match self.state_if_enabled(record).await? {
                    Ok(enabled) => state = enabled,
                    Err(refused) => return Ok(refused),
                }
            }
            let (call, change) = self.settle_call(login, state);
            match Answer::read(self.lane_call(lane, &call).await?)? {
                Answer::Done(ended) => {
                    change.iter().for_each(|change| self.tell(change));
                    self.tell_ended(&ended);
                    self.end_replaced(&login.opening).await?;
                    return Ok(Settlement::Settled);
                }
                Answer::Used => return Ok(Settlement::ChallengeUsed),
                Answer::Regressed => return Ok(Settlement::CounterRegressed),
                Answer::Gone => return Ok(Settlement::CredentialGone),
                Answer::Missing => match self.restore(&record.digest).await? {
                    Some(restored) if restored.account == record.account => state = CellState::of(&restored),
                    _ => return Ok(Settlement::CredentialGone),
                },
                Answer::Mismatch(cell) => match self.tags.read_cell(&record.account, &record.digest, &cell) {
                    Ok(here) => state = here,
                    Err(forged) => {
                        self.refuse(forged);
                        match self.restore(&record.digest).await? {
                            Some(restored) if restored.account == record.account => state = CellState::of(&restored),
                            _ => return Ok(Settlement::CredentialGone),
                        }
                    }
                },
            }
        }
        Err(Unavailable("others log in with this passkey all the time".into()))
    }

    /// The state of a passkey whose account a copy says is disabled, if it is not any more: what is here is looked at, and
    /// not a copy that may have missed it.
    async fn state_if_enabled(&self, record: &CredentialRecord) -> Result<Result<CellState, Settlement>, Unavailable> {
        let found = self.find_credential(&record.digest).await?;
        let Some(found) = found.filter(|found| found.account == record.account) else {
            return Ok(Err(Settlement::CredentialGone));
        };
        let here = CellState::of(&found);
        Ok(if newest(record, here).disabled { Err(Settlement::AccountDisabled) } else { Ok(here) })
    }

    /// The call that settles a log-in if the passkey is in state `here`, and what changes by it.
    fn settle_call(&self, login: &PasskeyLogin, here: CellState) -> (Cmd, Option<Change>) {
        let record = &login.credential;
        let lane = record.account.lane();
        let state = newest(record, here);
        let (sign_count, backup_state) = (login.sign_count, login.backup_state);
        let grows = counter_grows(state.sign_count, sign_count);
        let moves = (state.sign_count, state.backup_state) != (sign_count, backup_state);
        let next = CellState { sign_count, backup_state, revision: state.revision.saturating_add(1), ..state };
        let change = (grows && moves).then(|| Change::CredentialChanged(Arc::new(next.onto(record))));
        let revision = if moves { next.revision } else { state.revision };
        let new_browser = login.new_browser;
        let used = PasskeyUsed { credential: record.digest, sign_count, backup_state, revision, new_browser };
        let event = LoginEvent { passkey: Some(used), ..LoginEvent::of(&login.opening) };
        let mut call = self.function("settle", lane);
        self.add_opening(&mut call, &login.opening, &event);
        call.arg(login.challenge.as_bytes()).arg(self.remembered_for(login.challenge_expires));
        call.arg(record.digest.as_bytes()).arg(here.encode().as_slice());
        call.arg(change.as_ref().map(|_| self.tags.cell(&record.account, &record.digest, next)).unwrap_or_default());
        call.arg(change.as_ref().map(|change| self.tags.change(lane, change)).unwrap_or_default());
        call.arg(u8::from(!grows)).arg(millis(KEPT));
        (call, change)
    }
}

/// The state that counts. One that is older than that which the assertion was verified against is not gone back to: the
/// server has lost the newer one, or somebody has put the older one there.
const fn newest(verified: &CredentialRecord, here: CellState) -> CellState {
    if verified.revision > here.revision { CellState::of(verified) } else { here }
}

/// What is left of two states of one passkey: what was published of its account, and the counter that came furthest.
fn merged(here: CellState, published: CellState) -> CellState {
    let ahead = if published.sign_count > here.sign_count { published } else { here };
    let CellState { identity, disabled, .. } = published;
    let merged = CellState { identity, disabled, revision: here.revision, ..ahead };
    let known = merged == here && published.revision <= here.revision;
    let revision = if known { here.revision } else { here.revision.max(published.revision).saturating_add(1) };
    CellState { revision, ..merged }
}

pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assurance::IdentityLevel;

    #[test]
    fn a_publication_never_moves_a_counter_back() {
        let state = |identity, sign_count, revision| CellState {
            identity,
            backup_state: false,
            disabled: false,
            sign_count,
            revision,
        };
        let here = state(IdentityLevel::P0, 7, 9);
        assert_eq!(merged(here, state(IdentityLevel::P0, 0, 1)), here);
        assert_eq!(merged(here, state(IdentityLevel::P5, 0, 2)), state(IdentityLevel::P5, 7, 10));
        assert_eq!(merged(here, state(IdentityLevel::P0, 8, 20)), state(IdentityLevel::P0, 8, 21));
        assert_eq!(merged(here, state(IdentityLevel::P0, 7, 20)), state(IdentityLevel::P0, 7, 21), "it is newer");
        let disabled = CellState { disabled: true, ..state(IdentityLevel::P0, 0, 2) };
        assert_eq!(merged(here, disabled), CellState { disabled: true, ..state(IdentityLevel::P0, 7, 10) });
        assert_eq!(merged(merged(here, disabled), state(IdentityLevel::P0, 0, 3)), state(IdentityLevel::P0, 7, 11));
    }
}
