//! What may be settled: the judgement on a batch of log-ins, openings and single-use values, apart from any SQL.
//!
//! The batch is read in one statement, judged here in the order in which it was asked for, and written in a few
//! statements for all ([`super::sql::settling`]). Judging in order means that of two with the same challenge the first
//! wins, and that counters grow strictly within a batch as between batches. The judgement is that of the memory tier
//! in `aldgate_core::warm::memory`: challenge, then credential, then counter; only `Settled` changes anything.

use aldgate_core::id::{CredentialDigest, SingleUse};
use aldgate_core::language::Language;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::change::Change;
use aldgate_core::warm::{Opening, PasskeyLogin, Settlement};
use aldgate_core::webauthn::assertion::counter_grows;
use aldgate_core::webauthn::credential::CredentialRecord;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// One thing to settle. A passkey log-in has all three parts, an opening and a consumption have one.
#[derive(Debug, Clone)]
pub(super) struct Settling {
    /// A value to use up, and until when that is remembered.
    pub(super) single_use: Option<(SingleUse, Timestamp)>,
    /// A passkey that was used.
    pub(super) passkey: Option<PasskeyUse>,
    /// A session to open.
    pub(super) opening: Option<Opening>,
    /// In which language somebody is to be told that it was opened in a new browser, if it was.
    pub(super) new_browser: Option<Language>,
}

/// What an authenticator reported of a passkey.
#[derive(Debug, Clone, Copy)]
pub(super) struct PasskeyUse {
    pub(super) credential: CredentialDigest,
    pub(super) sign_count: u32,
    pub(super) backup_state: bool,
    pub(super) at: Timestamp,
}

impl Settling {
    pub(super) fn login(login: &PasskeyLogin) -> Self {
        let passkey = PasskeyUse {
            credential: login.credential.digest,
            sign_count: login.sign_count,
            backup_state: login.backup_state,
            at: login.opening.record.authenticated,
        };
        Self {
            single_use: Some((login.challenge, login.challenge_expires)),
            passkey: Some(passkey),
            opening: Some(login.opening.clone()),
            new_browser: login.new_browser,
        }
    }

    pub(super) fn opening(opening: &Opening) -> Self {
        Self { single_use: None, passkey: None, opening: Some(opening.clone()), new_browser: None }
    }

    pub(super) const fn consumption(value: SingleUse, until: Timestamp) -> Self {
        Self { single_use: Some((value, until)), passkey: None, opening: None, new_browser: None }
    }
}

impl Settling {
    /// Whether what the database holds decides on it. An opening alone always takes place.
    pub(super) const fn depends(&self) -> bool {
        self.single_use.is_some() || self.passkey.is_some()
    }
}

/// What the database holds on one settling.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) used: bool,
    pub(super) credential: Option<CredentialRecord>,
}

/// The judgement on a batch: what to answer, what to write, what to tell.
#[derive(Default)]
pub(super) struct Judgement<'a> {
    pub(super) outcomes: Vec<Settlement>,
    pub(super) consumed: Vec<(SingleUse, Timestamp)>,
    /// The sessions, and in which language somebody is told of each, if anybody is.
    pub(super) opened: Vec<(&'a Opening, Option<Language>)>,
    /// The passkeys that were used, as they are now, and when.
    pub(super) used: HashMap<CredentialDigest, (CredentialRecord, Timestamp)>,
    pub(super) changes: Vec<Change>,
    seen: HashSet<SingleUse>,
}

impl<'a> Judgement<'a> {
    /// Judges `batch`, on each of which the database holds what `found` says.
    pub(super) fn on(batch: &[&'a Settling], found: Vec<Found>) -> Self {
        let mut judgement = Self::default();
        for (settling, found) in batch.iter().zip(found) {
            let outcome = judgement.judge(settling, found);
            judgement.outcomes.push(outcome);
        }
        judgement
    }

    fn judge(&mut self, settling: &'a Settling, found: Found) -> Settlement {
        if settling.single_use.is_some_and(|(value, _)| found.used || self.seen.contains(&value)) {
            return Settlement::ChallengeUsed;
        }
        if let Some(passkey) = &settling.passkey
            && let Err(refused) = self.use_passkey(passkey, found.credential)
        {
            return refused;
        }
        if let Some((value, until)) = settling.single_use {
            self.seen.insert(value);
            self.consumed.push((value, until));
        }
        self.opened.extend(settling.opening.iter().map(|opening| (opening, settling.new_browser)));
        Settlement::Settled
    }

    fn use_passkey(&mut self, passkey: &PasskeyUse, stored: Option<CredentialRecord>) -> Result<(), Settlement> {
        let before = self.used.get(&passkey.credential).map(|(record, _)| record.clone());
        let mut record = before.or(stored).ok_or(Settlement::CredentialGone)?;
        if record.disabled {
            return Err(Settlement::AccountDisabled);
        }
        if !counter_grows(record.sign_count, passkey.sign_count) {
            return Err(Settlement::CounterRegressed);
        }
        if (record.sign_count, record.backup_state) != (passkey.sign_count, passkey.backup_state) {
            record.sign_count = passkey.sign_count;
            record.backup_state = passkey.backup_state;
            record.revision += 1;
            self.changes.push(Change::CredentialChanged(Arc::new(record.clone())));
        }
        self.used.insert(passkey.credential, (record, passkey.at));
        Ok(())
    }
}
