//! Sealing anew: when a new data key has come into use, everything older is put under it, in the background.
//!
//! In steps of some hundred rows, each a write of its own that also notes how far it has come: a process that ends is
//! followed by another that goes on there, and of two at once neither harms the other (a value is replaced only while it
//! is what was read). A new key's time must have come for a while, so that no process seals under an older one any more.
//! At the end everything is counted; what somebody has put under an older key meanwhile is found by another round.

use super::data_key::{DataKeys, KeyId};
use super::job::{Tx, Write};
use super::sql::reseal::{PLACES, Replacement, Sealed};
use super::{Store, StoreError, sql};
use crate::store::audit::{Act, AuditEntry, DATA_KEY_RESEALED};
use aldgate_core::time::{Clock, Timestamp};
use async_trait::async_trait;
use std::time::Duration;

/// Rows of one step: a few milliseconds of the writer's time.
const STEP_ROWS_MAX: u32 = 200;

/// The pause after a step, so that whoever signs in has the database for most of the time.
const PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked which keys there are.
const LOOK: Duration = Duration::from_secs(5);

/// How long a key must have been in use before what is older is sealed anew: several looks of every process.
const SETTLED_AFTER: Duration = Duration::from_secs(15);

/// What a step has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do.
    More,
    /// Nothing is to be done now.
    Nothing,
}

impl Store {
    /// Looks at the keys and seals anew, for as long as it is polled.
    pub async fn run_resealer(&self, keys: &dyn DataKeys, clock: &dyn Clock) {
        let mut failing = false;
        loop {
            let worked = self.look_and_reseal(keys, clock).await;
            if let (Err(error), false) = (&worked, failing) {
                tracing::error!(%error, "the data keys are not in order");
            }
            failing = worked.is_err();
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn look_and_reseal(&self, keys: &dyn DataKeys, clock: &dyn Clock) -> Result<(), StoreError> {
        self.look_at_keys(keys, clock.now()).await?;
        while self.reseal_step(clock.now()).await? == Step::More {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// One step.
    ///
    /// # Errors
    /// [`StoreError`], also for a value that does not open: everything after it waits.
    pub(crate) async fn reseal_step(&self, now: Timestamp) -> Result<Step, StoreError> {
        let (key, _) = self.sealer.ring().sealing()?;
        let rows = sql::data_key::all(&self.readers).await?;
        let Some(row) = rows.iter().find(|row| row.id == key) else { return Ok(Step::Nothing) };
        if row.resealed_at.is_some() || row.active_from.plus(SETTLED_AFTER) > now {
            return Ok(Step::Nothing);
        }
        for (at, sealed) in PLACES.iter().enumerate() {
            let (after, done) = sql::reseal::progress(&self.readers, sealed.place, key).await?;
            if !done {
                self.reseal_rows(at, sealed, key, &after).await?;
                return Ok(Step::More);
            }
        }
        self.finish(key, now).await
    }

    async fn reseal_rows(&self, at: usize, sealed: &Sealed, key: KeyId, after: &[u8]) -> Result<(), StoreError> {
        let rows = sql::reseal::after(&self.readers, sealed, after, STEP_ROWS_MAX).await?;
        let done = rows.len() < usize::try_from(STEP_ROWS_MAX).unwrap_or(usize::MAX);
        let after = rows.last().map_or_else(|| after.to_vec(), |(row, _)| row.clone());
        let mut replacements = Vec::new();
        for (row, old) in rows {
            if self.sealer.key_of(sealed.place, &row, &old) != Some(key) {
                let new = self.sealer.seal_anew(sealed.place, &row, &old)?;
                replacements.push((row, old, new));
            }
        }
        self.writer.write(Reseal { at, key, replacements, after, done }).await
    }

    /// Counts; what is under another key still is found by another round.
    async fn finish(&self, key: KeyId, now: Timestamp) -> Result<Step, StoreError> {
        let mut again = Vec::new();
        for (at, sealed) in PLACES.iter().enumerate() {
            let all = sql::reseal::count(&self.readers, sealed).await?;
            if sql::reseal::count_under(&self.readers, sealed, key).await? < all {
                again.push(at);
            }
        }
        for at in &again {
            let begin = Reseal { at: *at, key, replacements: Vec::new(), after: Vec::new(), done: false };
            self.writer.write(begin).await?;
        }
        if !again.is_empty() {
            return Ok(Step::More);
        }
        self.writer.write(Finished { key, now }).await?;
        Ok(Step::Nothing)
    }
}

/// Some rows of a place, and how far that is.
struct Reseal {
    at: usize,
    key: KeyId,
    replacements: Vec<Replacement>,
    after: Vec<u8>,
    done: bool,
}

#[async_trait]
impl Write for Reseal {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let Some(sealed) = PLACES.get(self.at) else { return Ok(()) };
        sql::reseal::replace(tx.connection, sealed, &self.replacements).await?;
        sql::reseal::advance(tx.connection, sealed.place, self.key, &self.after, self.done).await
    }
}

struct Finished {
    key: KeyId,
    now: Timestamp,
}

#[async_trait]
impl Write for Finished {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        if sql::data_key::resealed(tx.connection, self.key, self.now).await? {
            let act = Act::system("resealer", self.now);
            tx.audit(AuditEntry::done(act, DATA_KEY_RESEALED).with("key", self.key)).await?;
        }
        Ok(())
    }
}
