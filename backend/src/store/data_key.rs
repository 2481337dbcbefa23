//! Data keys: under which what is personal stands sealed, one after the other.
//!
//! Key 0 is derived from the master key; a deployment that never rotates has no other. A new key is made by
//! `aldgate keys rotate`: it lies with the deployment's keys ([`DataKeys`]: files in `keys.dir`, plain or wrapped by a
//! KMS), its number and the moment from which it seals stand in the database. Every process looks there every few seconds, so that
//! all have it before it is used. From that moment on everything new is sealed under it, and what is older is sealed anew
//! step by step ([`super::reseal`]). An old key goes only when nothing is sealed under it any more.
//!
//! Each key's row holds a value by which another key of the same number is told (a file that was copied from another
//! deployment): such a key is refused, and nothing is sealed under it.

use super::{Store, StoreError, sql};
use crate::store::audit::{Act, AuditEntry, DATA_KEY_DROPPED, DATA_KEY_MADE};
use crate::store::job::{Tx, Write};
use crate::store::sql::data_key::KeyRow;
use aldgate_core::entropy::EntropyFailed;
use aldgate_core::secret::{MasterKey, Purpose, Secret};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::hmac;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

/// Bytes of a data key.
pub const DATA_KEY_BYTES: usize = 32;

/// A data key's number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub u16);

impl KeyId {
    /// The key that is derived from the master key.
    pub const DERIVED: Self = Self(0);

    pub(super) const fn to_bytes(self) -> [u8; 2] {
        self.0.to_be_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(bytes))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a place for keys did not do it: one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeysFailed(pub String);

/// Where data keys lie. A place may be far away: it is asked a few times in the life of a process, and never for a request.
#[async_trait]
pub trait DataKeys: Send + Sync {
    /// A key; `None` if there is none of this number.
    ///
    /// # Errors
    /// [`KeysFailed`].
    async fn load(&self, id: KeyId) -> Result<Option<Secret<[u8; DATA_KEY_BYTES]>>, KeysFailed>;

    /// Keeps a new key.
    ///
    /// # Errors
    /// [`KeysFailed`], also if there is one of this number: a key that is in use is never replaced.
    async fn keep(&self, id: KeyId, key: &Secret<[u8; DATA_KEY_BYTES]>) -> Result<(), KeysFailed>;

    /// Destroys a key.
    ///
    /// # Errors
    /// [`KeysFailed`].
    async fn destroy(&self, id: KeyId) -> Result<(), KeysFailed>;

    /// Where it lies, or would: for an operator, who copies it to the other backends.
    fn place(&self, id: KeyId) -> PathBuf;
}

/// The keys that a process has.
pub(super) struct Ring {
    keys: RwLock<Keys>,
}

struct Keys {
    by_id: HashMap<KeyId, Arc<LessSafeKey>>,
    sealing: KeyId,
}

impl Ring {
    /// With the derived key alone.
    pub(super) fn new(master: &MasterKey) -> Result<Self, StoreError> {
        let keys = Keys { by_id: HashMap::new(), sealing: KeyId::DERIVED };
        let ring = Self { keys: RwLock::new(keys) };
        ring.put(KeyId::DERIVED, &master.derive(Purpose::IdentifierSeal, 0))?;
        Ok(ring)
    }

    /// Takes a key.
    pub(super) fn put(&self, id: KeyId, key: &Secret<[u8; DATA_KEY_BYTES]>) -> Result<(), StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, key.expose())
            .map_err(|_| StoreError::Broken("a sealing key has no 256 bits".into()))?;
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.by_id.insert(id, Arc::new(LessSafeKey::new(key)));
        Ok(())
    }

    /// Seals under a key from now on.
    pub(super) fn seal_under(&self, id: KeyId) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).sealing = id;
    }

    /// The key that seals.
    pub(super) fn sealing(&self) -> Result<(KeyId, Arc<LessSafeKey>), StoreError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = keys.by_id.get(&keys.sealing).cloned();
        key.map(|key| (keys.sealing, key))
            .ok_or_else(|| StoreError::Broken(format!("data key {} is missing: nothing can be sealed", keys.sealing)))
    }

    /// The key of this number.
    pub(super) fn opening(&self, id: KeyId) -> Option<Arc<LessSafeKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&id).cloned()
    }

    /// Forgets the keys that are not among these; never the derived one.
    fn retain(&self, ids: &[KeyId]) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.by_id.retain(|id, _| *id == KeyId::DERIVED || ids.contains(id));
    }
}

/// By what a key is told from another of the same number.
fn check_value(key: &Secret<[u8; DATA_KEY_BYTES]>) -> [u8; 16] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), b"aldgate/data-key/check/1");
    let mut value = [0; 16];
    value.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    value
}

/// A data key, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataKey {
    /// Its number.
    pub id: KeyId,
    /// From when it seals.
    pub active_from: Timestamp,
    /// When everything older had been sealed anew under it.
    pub resealed_at: Option<Timestamp>,
    /// Values that are sealed under it.
    pub values: u64,
}

/// Why a key is not dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDropped {
    /// It is derived from the master key.
    #[error("key 0 is derived from the master key and cannot be dropped")]
    Derived,
    /// There is none.
    #[error("there is no such key")]
    Unknown,
    /// It seals, or will.
    #[error("it is the newest key: what is new is sealed under it")]
    Newest,
    /// Not everything has been sealed anew yet.
    #[error("not everything has been sealed anew under the newest key yet: wait for the backend to do it")]
    NotResealed,
    /// Something is sealed under it still.
    #[error(
        "{values} values are sealed under it still, of which {unopened} do not open (`aldgate keys list` names them)"
    )]
    InUse {
        /// How many values.
        values: u64,
        /// How many of them were altered, so that nothing can seal them anew.
        unopened: u64,
    },
}

/// A sealed value that does not open: it was altered, and keeps its key from being dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unopened {
    /// Table and column.
    pub place: String,
    /// The key of its row, in hexadecimal.
    pub row: String,
    /// The key that it says that it is under.
    pub key: KeyId,
}

/// Data keys.
impl Store {
    /// Looks which keys there are, loads those that are new, and seals under the newest whose time has come.
    ///
    /// # Errors
    /// [`StoreError`] if one is missing or is not the one that it should be. What was sealed under it does not open;
    /// everything else goes on.
    pub async fn look_at_keys(&self, keys: &dyn DataKeys, now: Timestamp) -> Result<(), StoreError> {
        let rows = sql::data_key::all(&self.readers).await?;
        let ring = self.sealer.ring();
        ring.retain(&rows.iter().map(|row| row.id).collect::<Vec<_>>());
        let mut missing = Ok(());
        for row in rows.iter().filter(|row| ring.opening(row.id).is_none()) {
            let loaded = load(keys, row).await;
            missing = missing.and(loaded.and_then(|key| ring.put(row.id, &key)));
        }
        let active = rows.iter().filter(|row| row.active_from <= now).map(|row| row.id).max();
        // Also where it is missing: nothing may be sealed under an old one that might be dropped.
        ring.seal_under(active.unwrap_or(KeyId::DERIVED));
        missing
    }

    /// Makes the next key, which seals from `active_from` on. Of several who make one at once, one has made it: whoever shares
    /// its place for keys is given the same number, and nobody else is given any.
    ///
    /// # Errors
    /// [`StoreError`]. A key that was kept and not written down is taken up by the next call.
    pub async fn make_data_key(
        &self,
        keys: &dyn DataKeys,
        active_from: Timestamp,
        act: Act,
    ) -> Result<KeyId, StoreError> {
        let newest = sql::data_key::all(&self.readers).await?.iter().map(|row| row.id.0).max().unwrap_or(0);
        let id = newest.checked_add(1).ok_or_else(|| StoreError::Broken("there are 65,535 data keys".into()))?;
        let id = KeyId(id);
        let (key, is_new) = self.next_key(keys, id).await?;
        let check_value = check_value(&key).to_vec();
        let row = KeyRow { id, check_value: check_value.clone(), active_from, resealed_at: None };
        if self.writer.write(Make { row, act }).await? {
            return Ok(id);
        }
        let there = sql::data_key::all(&self.readers).await?.into_iter().find(|row| row.id == id);
        if there.is_some_and(|there| there.check_value == check_value) {
            return Ok(id);
        }
        if is_new {
            keys.destroy(id).await.map_err(broken)?;
        }
        Err(StoreError::Broken(format!("data key {id} was made somewhere else at this moment: copy it to keys.dir")))
    }

    /// The key that is next in its place, which may have been left there, and whether it was made just now.
    async fn next_key(
        &self,
        keys: &dyn DataKeys,
        id: KeyId,
    ) -> Result<(Secret<[u8; DATA_KEY_BYTES]>, bool), StoreError> {
        if let Some(left) = keys.load(id).await.map_err(broken)? {
            return Ok((left, false));
        }
        let bytes = self.sealer.entropy().bytes();
        let key = Secret::new(bytes.map_err(|failed: EntropyFailed| StoreError::Broken(failed.to_string()))?);
        match keys.keep(id, &key).await {
            Ok(()) => Ok((key, true)),
            // Somebody who shares the place was faster.
            Err(failed) => match keys.load(id).await.map_err(broken)? {
                Some(theirs) => Ok((theirs, false)),
                None => Err(broken(failed)),
            },
        }
    }

    /// The keys, the derived one first, and how much is sealed under each. Goes through everything that is sealed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn data_keys(&self) -> Result<Vec<DataKey>, StoreError> {
        let derived = DataKey { id: KeyId::DERIVED, active_from: Timestamp::default(), resealed_at: None, values: 0 };
        let rows = sql::data_key::all(&self.readers).await?.into_iter().map(|row| DataKey {
            id: row.id,
            active_from: row.active_from,
            resealed_at: row.resealed_at,
            values: 0,
        });
        let mut keys: Vec<DataKey> = [derived].into_iter().chain(rows).collect();
        let newer = keys.len() - 1;
        let mut all = 0;
        for place in sql::reseal::PLACES {
            all += sql::reseal::count(&self.readers, place).await?;
            for key in &mut keys[1..] {
                key.values += sql::reseal::count_under(&self.readers, place, key.id).await?;
            }
        }
        let under_newer: u64 = keys.iter().rev().take(newer).map(|key| key.values).sum();
        if let Some(derived) = keys.first_mut() {
            derived.values = all.saturating_sub(under_newer); // Those of before had no number.
        }
        Ok(keys)
    }

    /// At most `max` sealed values that do not open, as far as sealing anew has met any.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unopened(&self, max: u32) -> Result<Vec<Unopened>, StoreError> {
        let rows = sql::reseal::unopened(&self.readers, max).await?;
        let named =
            |row: sql::reseal::UnopenedRow| Unopened { place: row.place, row: sql::hex(&row.row), key: row.key };
        Ok(rows.into_iter().map(named).collect())
    }

    /// Drops a key, if nothing is sealed under it and nothing will be.
    ///
    /// # Errors
    /// [`StoreError`]. A key that is dropped and not destroyed is so by another call.
    pub async fn drop_data_key(
        &self,
        keys: &dyn DataKeys,
        id: KeyId,
        act: Act,
    ) -> Result<Result<(), NotDropped>, StoreError> {
        let rows = sql::data_key::all(&self.readers).await?;
        let Some(newest) = rows.iter().max_by_key(|row| row.id) else { return Ok(Err(NotDropped::Unknown)) };
        if id == KeyId::DERIVED {
            return Ok(Err(NotDropped::Derived));
        }
        if id == newest.id {
            return Ok(Err(NotDropped::Newest));
        }
        if rows.iter().any(|row| row.id == id) {
            if newest.resealed_at.is_none() {
                return Ok(Err(NotDropped::NotResealed));
            }
            let mut values = 0;
            for place in sql::reseal::PLACES {
                values += sql::reseal::count_under(&self.readers, place, id).await?;
            }
            if values > 0 {
                let unopened = sql::reseal::count_unopened_under(&self.readers, id).await?;
                return Ok(Err(NotDropped::InUse { values, unopened: unopened.min(values) }));
            }
            self.writer.write(Drop { id, act }).await?;
        } else if id > newest.id || keys.load(id).await.map_err(broken)?.is_none() {
            return Ok(Err(NotDropped::Unknown));
        }
        keys.destroy(id).await.map_err(broken)?;
        Ok(Ok(()))
    }
}

async fn load(keys: &dyn DataKeys, row: &KeyRow) -> Result<Secret<[u8; DATA_KEY_BYTES]>, StoreError> {
    let id = row.id;
    let key = keys.load(id).await.map_err(broken)?;
    let key = key.ok_or_else(|| StoreError::Broken(format!("data key {id} is missing: copy it to keys.dir")))?;
    if check_value(&key)[..] == row.check_value[..] {
        Ok(key)
    } else {
        Err(StoreError::Broken(format!("data key {id} in keys.dir is not the one of this database")))
    }
}

fn broken(failed: KeysFailed) -> StoreError {
    StoreError::Broken(failed.0)
}

struct Make {
    row: KeyRow,
    act: Act,
}

#[async_trait]
impl Write for Make {
    /// False if there is one of this number.
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        if !sql::data_key::add(tx.connection, &self.row).await? {
            return Ok(false);
        }
        tx.audit(AuditEntry::done(self.act.clone(), DATA_KEY_MADE).with("key", self.row.id)).await?;
        Ok(true)
    }
}

struct Drop {
    id: KeyId,
    act: Act,
}

#[async_trait]
impl Write for Drop {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        sql::data_key::remove(tx.connection, self.id).await?;
        tx.audit(AuditEntry::done(self.act.clone(), DATA_KEY_DROPPED).with("key", self.id)).await
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::hash_map::Entry;
    use std::sync::Mutex;

    /// Keys in memory.
    #[derive(Default)]
    pub(crate) struct MemoryKeys(Mutex<HashMap<u16, [u8; DATA_KEY_BYTES]>>);

    impl MemoryKeys {
        pub(crate) fn key(byte: u8) -> Secret<[u8; DATA_KEY_BYTES]> {
            Secret::new([byte; DATA_KEY_BYTES])
        }

        pub(crate) fn replace(&self, id: u16, key: [u8; DATA_KEY_BYTES]) {
            self.0.lock().expect("no panic").insert(id, key);
        }
    }

    #[async_trait]
    impl DataKeys for MemoryKeys {
        async fn load(&self, id: KeyId) -> Result<Option<Secret<[u8; DATA_KEY_BYTES]>>, KeysFailed> {
            Ok(self.0.lock().expect("no panic").get(&id.0).copied().map(Secret::new))
        }

        async fn keep(&self, id: KeyId, key: &Secret<[u8; DATA_KEY_BYTES]>) -> Result<(), KeysFailed> {
            match self.0.lock().expect("no panic").entry(id.0) {
                Entry::Vacant(place) => drop(place.insert(*key.expose())),
                Entry::Occupied(_) => return Err(KeysFailed("it is taken".into())),
            }
            Ok(())
        }

        async fn destroy(&self, id: KeyId) -> Result<(), KeysFailed> {
            self.0.lock().expect("no panic").remove(&id.0);
            Ok(())
        }

        fn place(&self, _: KeyId) -> PathBuf {
            PathBuf::new()
        }
    }
}
