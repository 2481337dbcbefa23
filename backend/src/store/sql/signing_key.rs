//! The OpenID provider's signing keys.

use super::{Readers, query, timestamp, unreadable};
use crate::store::StoreError;
use crate::store::audit::{Act, AuditEntry, SIGNING_KEY_FORGOTTEN, SIGNING_KEY_MADE, SIGNING_KEYS_WITHDRAWN};
use crate::store::job::{Tx, Write};
use crate::store::signing_key::{KeyAddition, SigningKeyName, StoredSigningKey};
use async_trait::async_trait;

type Row = (String, i64, String, i64, i64, Vec<u8>);

const ALL: &str = "SELECT algorithm, number, key_id, made, begins, sealed FROM signing_key ORDER BY algorithm, number";

/// All keys, by algorithm and number.
pub(in crate::store) async fn all(readers: &Readers) -> Result<Vec<StoredSigningKey>, StoreError> {
    let rows: Vec<Row> = query(ALL).all(readers).await?;
    rows.into_iter().map(stored).collect()
}

fn stored((algorithm, number, key_id, made, begins, sealed): Row) -> Result<StoredSigningKey, StoreError> {
    let number = u32::try_from(number).map_err(|_| unreadable("a signing key's number"))?;
    let name = SigningKeyName { algorithm, number, key_id, made: timestamp(made), begins: timestamp(begins) };
    Ok(StoredSigningKey { name, sealed })
}

/// A key to add; `alone`, if it takes the place of all others of its algorithm.
pub(in crate::store) struct Add {
    pub(in crate::store) key: StoredSigningKey,
    pub(in crate::store) alone: bool,
    pub(in crate::store) act: Act,
}

const ADD: &str = "INSERT INTO signing_key (algorithm, number, key_id, made, begins, sealed)
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";

const LEAVE_ALONE: &str = "DELETE FROM signing_key WHERE algorithm = $1 AND number <> $2";

#[async_trait]
impl Write for Add {
    type Outcome = KeyAddition;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<KeyAddition, StoreError> {
        let StoredSigningKey { name, sealed } = &self.key;
        let added = query(ADD)
            .bind(name.algorithm.clone())
            .bind(i64::from(name.number))
            .bind(name.key_id.clone())
            .bind(name.made)
            .bind(name.begins)
            .bind(sealed.clone())
            .execute(&mut *tx.connection)
            .await?;
        if added == 0 {
            return Ok(KeyAddition::NumberTaken);
        }
        if self.alone {
            let others = query(LEAVE_ALONE).bind(name.algorithm.clone()).bind(i64::from(name.number));
            let withdrawn = others.execute(&mut *tx.connection).await?;
            let entry = AuditEntry::done(self.act.clone(), SIGNING_KEYS_WITHDRAWN);
            tx.audit(entry.with("algorithm", &name.algorithm).with("keys", withdrawn)).await?;
        }
        let entry = AuditEntry::done(self.act.clone(), SIGNING_KEY_MADE).with("algorithm", &name.algorithm);
        let entry = entry.with("number", name.number).with("key_id", &name.key_id);
        tx.audit(entry.with("signs_from", name.begins.as_millis())).await?;
        Ok(KeyAddition::Added)
    }
}

/// A key to delete.
pub(in crate::store) struct Forget {
    pub(in crate::store) algorithm: String,
    pub(in crate::store) number: u32,
    pub(in crate::store) act: Act,
}

#[async_trait]
impl Write for Forget {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let forget = query("DELETE FROM signing_key WHERE algorithm = $1 AND number = $2");
        let forget = forget.bind(self.algorithm.clone()).bind(i64::from(self.number));
        if forget.execute(&mut *tx.connection).await? > 0 {
            let entry = AuditEntry::done(self.act.clone(), SIGNING_KEY_FORGOTTEN).with("algorithm", &self.algorithm);
            tx.audit(entry.with("number", self.number)).await?;
        }
        Ok(())
    }
}
