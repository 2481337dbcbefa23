//! What has to be delivered later (a back-channel log-out, a message): an outbox.
//!
//! It is written in the transaction of the fact that demands it ([`super::job::Tx::later`]), so that neither is without
//! the other, and delivered at least once: tried, tried again with growing pauses, and given up when its time is over.
//! Whoever tries one has a lease on it; when a process dies with it, another tries when the lease ends. Payloads are
//! sealed, since they may hold an address. Who delivers what is not the store's affair ([`crate::deliveries`]).

use super::job::{Tx, Write};
use super::{Store, StoreError, sql};
use aldgate_core::entropy::EntropyFailed;
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest payload, in bytes: a token or a message, no document.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024;

/// The longest that something is tried.
pub const LIFETIME_MAX: Duration = Duration::from_hours(24 * 7);

/// Who delivers it: a short word that must not change once in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub &'static str);

/// The id of something to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveryId(pub(super) [u8; 16]);

impl DeliveryId {
    /// Its bytes: whoever receives it twice can tell by them.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Something to deliver that another write demands ([`Store::telling`]).
pub(crate) struct Outgoing {
    /// Who delivers it.
    pub(crate) kind: Kind,
    /// What is delivered.
    pub(crate) payload: Zeroizing<Vec<u8>>,
    /// From when on.
    pub(crate) at: Timestamp,
    /// And for how long.
    pub(crate) lifetime: Duration,
}

/// Something to deliver, sealed.
pub(super) struct Later {
    pub(super) id: DeliveryId,
    pub(super) kind: Kind,
    pub(super) payload: Vec<u8>,
    pub(super) at: Timestamp,
    pub(super) expires: Timestamp,
}

/// Something that is being delivered: whoever holds it has a lease on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its id.
    pub id: DeliveryId,
    /// Who delivers it.
    pub kind: String,
    /// What is delivered.
    pub payload: Vec<u8>,
    /// How often it was tried before.
    pub attempts: u32,
    /// Until when it is tried.
    pub expires: Timestamp,
}

impl Tx<'_> {
    /// Writes what is to be delivered with whatever else this transaction writes: from `at` on, for as long as
    /// `lifetime` (at most [`LIFETIME_MAX`]).
    ///
    /// # Errors
    /// [`StoreError`], also for what is longer than [`PAYLOAD_BYTES_MAX`]. Nothing of the transaction may be committed
    /// then.
    pub(super) async fn later(
        &mut self,
        kind: Kind,
        payload: &[u8],
        at: Timestamp,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(StoreError::Broken(format!("a delivery of the kind {} is too long", kind.0)));
        }
        let id =
            self.sealer.entropy().bytes().map_err(|failed: EntropyFailed| StoreError::Broken(failed.to_string()))?;
        let payload = self.sealer.seal_bytes(sql::delivery::PLACE, &id, payload)?;
        let later = Later { id: DeliveryId(id), kind, payload, at, expires: at.plus(lifetime.min(LIFETIME_MAX)) };
        sql::delivery::add(self.connection, &later).await
    }
}

/// Something to deliver that no other fact demands.
struct Add {
    kind: Kind,
    payload: Vec<u8>,
    at: Timestamp,
    lifetime: Duration,
}

#[async_trait]
impl Write for Add {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        tx.later(self.kind, &self.payload, self.at, self.lifetime).await
    }
}

/// What is delivered later.
impl Store {
    /// Writes something to deliver that no other fact demands, from `at` on for as long as `lifetime`.
    ///
    /// # Errors
    /// [`StoreError`], also for what is longer than [`PAYLOAD_BYTES_MAX`].
    pub async fn deliver_later(
        &self,
        kind: Kind,
        payload: &[u8],
        at: Timestamp,
        lifetime: Duration,
    ) -> Result<(), StoreError> {
        self.writer.write(Add { kind, payload: payload.to_vec(), at, lifetime }).await
    }

    /// How many wait to be delivered.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn undelivered(&self) -> Result<u64, StoreError> {
        sql::delivery::count(&self.readers).await
    }

    /// Takes at most `max` that are due, with a lease: until it ends nobody else takes them. One that does not open
    /// (it was altered) is given up.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take_due(&self, now: Timestamp, lease: Duration, max: u32) -> Result<Vec<Due>, StoreError> {
        let mut taken = Vec::new();
        for row in sql::delivery::due(&self.readers, now, max).await? {
            let take = sql::delivery::Take { id: row.id, seen: row.next_at, until: now.plus(lease) };
            if !self.writer.write(take).await? {
                continue; // Another process was quicker.
            }
            match self.sealer.open_bytes(sql::delivery::PLACE, &row.id.0, &row.payload) {
                Ok(payload) => {
                    let sql::delivery::DueRow { id, kind, attempts, expires, .. } = row;
                    taken.push(Due { id, kind, payload, attempts, expires });
                }
                Err(error) => {
                    tracing::error!(%error, delivery = %row.id, "what was to be delivered cannot be read");
                    self.delivered(&row.id).await?;
                }
            }
        }
        Ok(taken)
    }

    /// Forgets one: it was delivered, or never will be.
    ///
    /// # Errors
    /// [`StoreError`]. It is delivered again then.
    pub async fn delivered(&self, id: &DeliveryId) -> Result<(), StoreError> {
        self.writer.write(sql::delivery::Forget(*id)).await
    }

    /// Puts one back, to be tried again at a moment.
    ///
    /// # Errors
    /// [`StoreError`]. It is tried when its lease ends then.
    pub async fn postpone(&self, id: &DeliveryId, until: Timestamp) -> Result<(), StoreError> {
        self.writer.write(sql::delivery::Postpone { id: *id, until }).await
    }
}
