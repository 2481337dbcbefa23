//! Clients of the OpenID provider.

use super::{Readers, query, revocation, timestamp, unreadable};
use crate::store::StoreError;
use crate::store::audit::{
    Act, Action, AuditEntry, CLIENT_CHANGED, CLIENT_DISABLED, CLIENT_ENABLED, CLIENT_REGISTERED, CLIENT_REMOVED,
};
use crate::store::client::StoredClient;
use crate::store::job::{Tx, Write};
use async_trait::async_trait;

fn number(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| unreadable("a client's revision"))
}

/// All of them, with their revisions.
pub(in crate::store) async fn revisions(readers: &Readers) -> Result<Vec<(String, u32)>, StoreError> {
    let rows: Vec<(String, i64)> = query("SELECT id, revision FROM client").all(readers).await?;
    rows.into_iter().map(|(id, revision)| Ok((id, number(revision)?))).collect()
}

type Row = (Option<Vec<u8>>, i64, i64, i64, i64);

const BY_ID: &str = "SELECT record, disabled, generation, revision, created FROM client WHERE id = $1";

/// One of them.
pub(in crate::store) async fn by_id(readers: &Readers, id: &str) -> Result<Option<StoredClient>, StoreError> {
    let row: Option<Row> = query(BY_ID).bind(id.to_owned()).optional(readers).await?;
    let Some((record, disabled, generation, revision, created)) = row else { return Ok(None) };
    Ok(Some(StoredClient {
        id: id.to_owned(),
        record,
        disabled: disabled != 0,
        generation: number(generation)?,
        revision: number(revision)?,
        created: timestamp(created),
    }))
}

/// A client to register.
pub(in crate::store) struct Add {
    pub(in crate::store) id: String,
    pub(in crate::store) record: Vec<u8>,
    pub(in crate::store) act: Act,
}

/// What the audit says of a client.
fn entry(act: &Act, action: Action, id: &str) -> AuditEntry {
    AuditEntry::done(act.clone(), action).with("client", id)
}

const ADD: &str = "INSERT INTO client (id, record, disabled, generation, revision, created)
                   VALUES ($1, $2, 0, 0, 0, $3) ON CONFLICT (id) DO NOTHING";

#[async_trait]
impl Write for Add {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let add = query(ADD).bind(self.id.clone()).bind(self.record.clone()).bind(self.act.at);
        let added = add.execute(&mut *tx.connection).await? == 1;
        if added {
            tx.audit(entry(&self.act, CLIENT_REGISTERED, &self.id)).await?;
        }
        Ok(added)
    }
}

/// What is registered of a client from now on, if its token is of this generation: the next is good then.
pub(in crate::store) struct Change {
    pub(in crate::store) id: String,
    pub(in crate::store) generation: u32,
    pub(in crate::store) record: Vec<u8>,
    pub(in crate::store) act: Act,
}

const CHANGE: &str = "UPDATE client SET record = $2, revision = revision + 1, generation = $4
                      WHERE id = $1 AND record IS NOT NULL AND disabled = 0 AND generation = $3";

#[async_trait]
impl Write for Change {
    type Outcome = Option<u32>;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Option<u32>, StoreError> {
        let next = self.generation.saturating_add(1);
        let change = query(CHANGE).bind(self.id.clone()).bind(self.record.clone()).bind(self.generation).bind(next);
        if change.execute(&mut *tx.connection).await? == 0 {
            return Ok(None);
        }
        tx.audit(entry(&self.act, CLIENT_CHANGED, &self.id)).await?;
        Ok(Some(next))
    }
}

/// Whether a client is out of use from now on. If it is, its token is good no more, whoever has it.
pub(in crate::store) struct SetDisabled {
    pub(in crate::store) id: String,
    pub(in crate::store) disabled: bool,
    pub(in crate::store) act: Act,
}

const SET_DISABLED: &str = "INSERT INTO client (id, record, disabled, generation, revision, created)
                            VALUES ($1, NULL, $2, 0, 0, $3)
                            ON CONFLICT (id) DO UPDATE
                            SET disabled = excluded.disabled, revision = client.revision + 1,
                                generation = client.generation + excluded.disabled";

#[async_trait]
impl Write for SetDisabled {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let set = query(SET_DISABLED).bind(self.id.clone()).bind(i64::from(self.disabled)).bind(self.act.at);
        set.execute(&mut *tx.connection).await?;
        if self.disabled {
            revocation::note_client(tx.connection, &self.id, self.act.at).await?;
        }
        let action = if self.disabled { CLIENT_DISABLED } else { CLIENT_ENABLED };
        tx.audit(entry(&self.act, action, &self.id)).await
    }
}

/// A client to forget.
pub(in crate::store) struct Remove {
    pub(in crate::store) id: String,
    pub(in crate::store) act: Act,
}

#[async_trait]
impl Write for Remove {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let remove = query("DELETE FROM client WHERE id = $1 AND record IS NOT NULL").bind(self.id.clone());
        let removed = remove.execute(&mut *tx.connection).await? == 1;
        if removed {
            revocation::note_client(tx.connection, &self.id, self.act.at).await?;
            tx.audit(entry(&self.act, CLIENT_REMOVED, &self.id)).await?;
        }
        Ok(removed)
    }
}
