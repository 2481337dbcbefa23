//! Clients of the OpenID provider.

use super::{Readers, query, timestamp, unreadable, untold};
use crate::store::StoreError;
use crate::store::audit::{
    Act, Action, AuditEntry, CLIENT_CHANGED, CLIENT_DISABLED, CLIENT_ENABLED, CLIENT_REGISTERED, CLIENT_REMOVED,
    CLIENT_TOKEN_RENEWED,
};
use crate::store::client::{ClientChange, StoredClient, TokenOfClient};
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

/// What is registered of a client from now on.
pub(in crate::store) struct Change(pub(in crate::store) ClientChange);

/// Whatever becomes of a client, its disabling too, raises its revision.
const CHANGE: &str = "UPDATE client SET record = $2, revision = revision + 1, generation = generation + $4
                      WHERE id = $1 AND record IS NOT NULL AND revision = $3";

#[async_trait]
impl Write for Change {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let ClientChange { id, revision, record, token, ends_tokens, members, act } = &self.0;
        let change = query(CHANGE).bind(id.clone()).bind(record.clone()).bind(*revision);
        let change = change.bind(i64::from(*token == TokenOfClient::Renewed));
        if change.execute(&mut *tx.connection).await? == 0 {
            return Ok(false);
        }
        if *ends_tokens {
            untold::note_client(tx.connection, id, act.at).await?;
        }
        let entry = entry(act, CLIENT_CHANGED, id);
        tx.audit(if members.is_empty() { entry } else { entry.with("members", members.join(" ")) }).await?;
        Ok(true)
    }
}

/// Another token of a client's, for its own registration.
pub(in crate::store) struct RenewToken {
    pub(in crate::store) id: String,
    pub(in crate::store) act: Act,
}

const RENEW_TOKEN: &str = "UPDATE client SET generation = generation + 1, revision = revision + 1
                           WHERE id = $1 AND record IS NOT NULL AND disabled = 0 RETURNING generation";

#[async_trait]
impl Write for RenewToken {
    type Outcome = Option<u32>;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<Option<u32>, StoreError> {
        let renewed: Vec<(i64,)> = query(RENEW_TOKEN).bind(self.id.clone()).all(&mut *tx.connection).await?;
        let Some((generation,)) = renewed.first() else { return Ok(None) };
        tx.audit(entry(&self.act, CLIENT_TOKEN_RENEWED, &self.id)).await?;
        number(*generation).map(Some)
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
            untold::note_client(tx.connection, &self.id, self.act.at).await?;
        }
        let action = if self.disabled { CLIENT_DISABLED } else { CLIENT_ENABLED };
        tx.audit(entry(&self.act, action, &self.id)).await
    }
}

/// A client to forget. Its name stays behind, out of use: people have allowed that name something, and whoever were given
/// it next would have it from them.
pub(in crate::store) struct Remove {
    pub(in crate::store) id: String,
    pub(in crate::store) act: Act,
}

const REMOVE: &str =
    "UPDATE client SET record = NULL, disabled = 1, revision = revision + 1, generation = generation + 1
                      WHERE id = $1 AND record IS NOT NULL";

#[async_trait]
impl Write for Remove {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        let removed = query(REMOVE).bind(self.id.clone()).execute(&mut *tx.connection).await? == 1;
        if removed {
            untold::note_client(tx.connection, &self.id, self.act.at).await?;
            tx.audit(entry(&self.act, CLIENT_REMOVED, &self.id)).await?;
        }
        Ok(removed)
    }
}
