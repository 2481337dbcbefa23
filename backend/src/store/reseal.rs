//! Sealing anew: when a new data key has come into use, everything older is put under it, in the background.
//!
//! In steps of some hundred rows, each a write of its own that also notes how far it has come: a process that ends is
//! followed by another that goes on there, and of two at once neither harms the other (a value is replaced only while it
//! is what was read). Where the next key comes into use meanwhile, the work under this one ends: nothing that is under a
//! newer key is put under an older one, and how far the newer has come is not noted away, however far apart the clocks of
//! two processes are.
//! A new key's time must have come for a while, so that no process seals under an older one any more. At the end
//! everything is counted; what somebody has put under an older key meanwhile is found by another round.
//!
//! A value that does not open (it was altered) holds up no other: it is noted, said once in the log, and passed over. It
//! keeps its key from being dropped, which `aldgate keys list` says; and it is tried again, so that one that was mended
//! is sealed anew like any other.

use super::data_key::{DataKeys, KeyId};
use super::job::{Tx, Write};
use super::sql::data_key::KeyRow;
use super::sql::hex;
use super::sql::reseal::{PLACES, Replacement, Sealed, UnopenedRow};
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

/// Values that do not open and are said one by one in a step's log.
const SAID_MAX: usize = 10;

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
        while self.seal_client_metadata().await? {
            tokio::time::sleep(PAUSE).await;
        }
        while self.fill_nhs_numbers().await? {
            tokio::time::sleep(PAUSE).await;
        }
        while self.reseal_step(clock.now()).await? == Step::More {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// One step.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn reseal_step(&self, now: Timestamp) -> Result<Step, StoreError> {
        let (key, _) = self.sealer.ring().sealing()?;
        let rows = sql::data_key::all(&self.readers).await?;
        let newer: Vec<&KeyRow> = rows.iter().filter(|row| row.id > key).collect();
        if newer.iter().any(|row| row.active_from <= now) || sql::reseal::is_overtaken(&self.readers, key).await? {
            return Ok(Step::Nothing); // Another key seals by now: here from the next look on, or elsewhere already.
        }
        self.try_unopened_again().await?;
        let Some(row) = rows.iter().find(|row| row.id == key) else { return Ok(Step::Nothing) };
        if row.resealed_at.is_some() || row.active_from.plus(SETTLED_AFTER) > now {
            return Ok(Step::Nothing);
        }
        let newer: Vec<KeyId> = newer.iter().map(|row| row.id).collect();
        for (at, sealed) in PLACES.iter().enumerate() {
            let (after, done) = sql::reseal::progress(&self.readers, sealed.place, key).await?;
            if !done {
                self.reseal_rows((at, sealed), (key, now), &newer, &after).await?;
                return Ok(Step::More);
            }
        }
        self.finish(key, &newer, now).await
    }

    async fn reseal_rows(
        &self,
        (at, sealed): (usize, &Sealed),
        (key, now): (KeyId, Timestamp),
        newer: &[KeyId],
        after: &[u8],
    ) -> Result<(), StoreError> {
        let rows = sql::reseal::after(&self.readers, sealed, after, STEP_ROWS_MAX).await?;
        let done = rows.len() < usize::try_from(STEP_ROWS_MAX).unwrap_or(usize::MAX);
        let after = rows.last().map_or_else(|| after.to_vec(), |(row, _)| row.clone());
        let (mut replacements, mut unopened) = (Vec::new(), Vec::new());
        for (row, old) in rows {
            if !newer.contains(&said_key(&old)) && self.sealer.key_of(sealed.place, &row, &old) != Some(key) {
                match self.sealer.seal_anew(sealed.place, &row, &old)? {
                    Some(new) => replacements.push((row, old, new)),
                    None => unopened.push((row, said_key(&old))),
                }
            }
        }
        let found = self.writer.write(Reseal { at, key, replacements, unopened, after, done, now }).await?;
        say_unopened(sealed, &found);
        Ok(())
    }

    /// Tries those again that did not open, the longest known first: one that was mended is sealed anew, one that is
    /// gone is forgotten.
    async fn try_unopened_again(&self) -> Result<(), StoreError> {
        for UnopenedRow { place, row, .. } in sql::reseal::unopened(&self.readers, STEP_ROWS_MAX).await? {
            let Some((at, sealed)) = PLACES.iter().enumerate().find(|(_, sealed)| sealed.place.0 == place) else {
                continue; // Of a later version.
            };
            let mended = match sql::reseal::value(&self.readers, sealed, &row).await? {
                None => None,
                Some(old) => match self.sealer.seal_anew(sealed.place, &row, &old)? {
                    Some(new) => Some((row.clone(), old, new)),
                    None => continue,
                },
            };
            tracing::info!(place, row = hex(&row), gone = mended.is_none(), "a sealed value is in order again");
            self.writer.write(Mended { at, row, mended }).await?;
        }
        Ok(())
    }

    /// Counts; what is under another key still is found by another round.
    async fn finish(&self, key: KeyId, newer: &[KeyId], now: Timestamp) -> Result<Step, StoreError> {
        let mut again = Vec::new();
        for (at, sealed) in PLACES.iter().enumerate() {
            let all = sql::reseal::count(&self.readers, sealed).await?;
            let mut done = sql::reseal::count_unopened(&self.readers, sealed, key).await?;
            for key in [key].iter().chain(newer) {
                done += sql::reseal::count_under(&self.readers, sealed, *key).await?;
            }
            if done < all {
                again.push(at);
            }
        }
        for at in &again {
            self.writer.write(Reseal { at: *at, key, now, ..Reseal::default() }).await?;
        }
        if !again.is_empty() {
            return Ok(Step::More);
        }
        self.writer.write(Finished { key, now }).await?;
        Ok(Step::Nothing)
    }
}

/// Which key a value says that it is under; before data keys, values said nothing.
fn said_key(sealed: &[u8]) -> KeyId {
    sealed.first_chunk().map_or(KeyId::DERIVED, |bytes| KeyId::from_bytes(*bytes))
}

fn say_unopened(sealed: &Sealed, found: &[(Vec<u8>, KeyId)]) {
    for (row, key) in found.iter().take(SAID_MAX) {
        tracing::error!(
            place = sealed.place.0,
            row = hex(row),
            %key,
            "a sealed value does not open, and is passed over: it keeps its key from being dropped"
        );
    }
    if let Some(more) = found.len().checked_sub(SAID_MAX).filter(|more| *more > 0) {
        tracing::error!(place = sealed.place.0, more, "sealed values near these do not open either");
    }
}

/// Some rows of a place, and how far that is.
#[derive(Default)]
struct Reseal {
    at: usize,
    key: KeyId,
    replacements: Vec<Replacement>,
    /// Rows whose values do not open, and under which key they say that they are.
    unopened: Vec<(Vec<u8>, KeyId)>,
    after: Vec<u8>,
    done: bool,
    now: Timestamp,
}

#[async_trait]
impl Write for Reseal {
    /// What does not open, and was not known not to.
    type Outcome = Vec<(Vec<u8>, KeyId)>;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Self::Outcome, StoreError> {
        let Some(sealed) = PLACES.get(self.at) else { return Ok(Vec::new()) };
        if sql::reseal::is_overtaken(&mut *tx.connection, self.key).await? {
            return Ok(Vec::new());
        }
        sql::reseal::replace(tx.connection, sealed, &self.replacements).await?;
        let mut found = Vec::new();
        for (row, key) in &self.unopened {
            if sql::reseal::note_unopened(tx.connection, sealed, row, *key, self.now).await? {
                found.push((row.clone(), *key));
            }
        }
        sql::reseal::advance(tx.connection, sealed.place, self.key, &self.after, self.done).await?;
        Ok(found)
    }
}

/// A value that did not open and now does, sealed anew; or whose row is gone.
struct Mended {
    at: usize,
    row: Vec<u8>,
    mended: Option<Replacement>,
}

#[async_trait]
impl Write for Mended {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let Some(sealed) = PLACES.get(self.at) else { return Ok(()) };
        if let Some(replacement) = &self.mended {
            sql::reseal::replace(tx.connection, sealed, std::slice::from_ref(replacement)).await?;
        }
        sql::reseal::forget_unopened(tx.connection, sealed, &self.row).await
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
