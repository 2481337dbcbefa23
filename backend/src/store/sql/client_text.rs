//! What clients keep with us about people: a sealed text for each person and client.
//!
//! It lay open once, in a table of its own, into which backends of that version still write while they run beside this one.
//! A row there is newer than the sealed one, since whoever writes here removes it; it is sealed in the background.

use super::{Connection, Readers, query, unreadable};
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use crate::store::seal::Place;
use aldgate_core::id::AccountId;
use async_trait::async_trait;
use std::collections::BTreeSet;

/// Where the texts stand sealed.
pub(in crate::store) const PLACE: Place = Place("client_text.sealed");

/// Rows that are sealed in one step: a few milliseconds of the writer's time.
const STEP_ROWS_MAX: u32 = 200;

/// The key of a text's row: sixteen bytes of the account, and the client's name after them.
pub(in crate::store) fn row(account: &AccountId, client: &str) -> Vec<u8> {
    [account.as_bytes().as_slice(), client.as_bytes()].concat()
}

/// A sealed text.
pub(in crate::store) async fn sealed(readers: &Readers, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let query = query("SELECT sealed FROM client_text WHERE id = $1").bind(row.to_vec());
    let found: Option<(Vec<u8>,)> = query.optional(readers).await?;
    Ok(found.map(|(sealed,)| sealed))
}

/// A text that lies open still.
pub(in crate::store) async fn left_open(
    readers: &Readers,
    account: &AccountId,
    client: &str,
) -> Result<Option<String>, StoreError> {
    let query = query("SELECT text FROM client_metadata WHERE account = $1 AND client = $2");
    let row: Option<(String,)> =
        query.bind(account.as_bytes().to_vec()).bind(client.to_owned()).optional(readers).await?;
    Ok(row.map(|(text,)| text))
}

const CLIENTS_OF: &str = "
    SELECT id, '' AS client FROM client_text WHERE account = $1
    UNION ALL SELECT account, client FROM client_metadata WHERE account = $1";

/// The clients that keep something about a person, each once, by their names.
pub(in crate::store) async fn clients_of(readers: &Readers, account: &AccountId) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(Vec<u8>, String)> = query(CLIENTS_OF).bind(account.as_bytes().to_vec()).all(readers).await?;
    let sealed = |id: &[u8]| id.get(account.as_bytes().len()..).and_then(|name| String::from_utf8(name.to_vec()).ok());
    let named = rows.into_iter().filter_map(|(id, client)| if client.is_empty() { sealed(&id) } else { Some(client) });
    let clients: BTreeSet<String> = named.collect();
    Ok(clients.into_iter().collect())
}

/// Some texts that lie open still.
pub(in crate::store) async fn all_left_open(readers: &Readers) -> Result<Vec<(AccountId, String, String)>, StoreError> {
    let query = query("SELECT account, client, text FROM client_metadata LIMIT $1").bind(STEP_ROWS_MAX);
    let rows: Vec<(Vec<u8>, String, String)> = query.all(readers).await?;
    let read = |(account, client, text): (Vec<u8>, String, String)| {
        let account = account.try_into().map_err(|_| unreadable("the account of a client's text"))?;
        Ok((AccountId::from_bytes(account), client, text))
    };
    rows.into_iter().map(read).collect()
}

const KEEP: &str = "
    INSERT INTO client_text (id, account, sealed) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed";

const REMOVE_OPEN: &str = "DELETE FROM client_metadata WHERE account = $1 AND client = $2";

/// Keeps a text in the place of what was kept before.
pub(in crate::store) struct Keep {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) client: String,
    pub(in crate::store) sealed: Vec<u8>,
}

#[async_trait]
impl Write for Keep {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let Self { account, client, sealed } = self;
        put(tx.connection, KEEP, account, client, sealed).await?;
        let remove = query(REMOVE_OPEN).bind(account.as_bytes().to_vec()).bind(client.clone());
        remove.execute(&mut *tx.connection).await?;
        Ok(())
    }
}

/// Forgets what a client keeps about a person, sealed or left open.
pub(in crate::store) async fn forget(tx: &mut Tx<'_>, account: &AccountId, client: &str) -> Result<(), StoreError> {
    let sealed = query("DELETE FROM client_text WHERE id = $1").bind(row(account, client));
    sealed.execute(&mut *tx.connection).await?;
    let open = query(REMOVE_OPEN).bind(account.as_bytes().to_vec()).bind(client.to_owned());
    open.execute(&mut *tx.connection).await?;
    Ok(())
}

const BEGIN: &str = "
    INSERT INTO client_text (id, account, sealed) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO NOTHING";

/// Keeps a text where none was kept. False if one was.
pub(in crate::store) struct Begin {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) client: String,
    pub(in crate::store) sealed: Vec<u8>,
}

#[async_trait]
impl Write for Begin {
    type Outcome = bool;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<bool, StoreError> {
        Ok(put(tx.connection, BEGIN, &self.account, &self.client, &self.sealed).await? > 0)
    }
}

/// A text that lay open, as it was and sealed.
pub(in crate::store) struct Carried {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) client: String,
    pub(in crate::store) text: String,
    pub(in crate::store) sealed: Vec<u8>,
}

/// Seals texts that lay open, where they are still what they were.
pub(in crate::store) struct Carry(pub(in crate::store) Vec<Carried>);

const REMOVE_CARRIED: &str = "DELETE FROM client_metadata WHERE account = $1 AND client = $2 AND text = $3";

#[async_trait]
impl Write for Carry {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for Carried { account, client, text, sealed } in &self.0 {
            let remove = query(REMOVE_CARRIED).bind(account.as_bytes().to_vec()).bind(client.clone());
            if remove.bind(text.clone()).execute(&mut *tx.connection).await? > 0 {
                put(tx.connection, KEEP, account, client, sealed).await?;
            }
        }
        Ok(())
    }
}

async fn put(
    connection: &mut Connection,
    statement: &'static str,
    account: &AccountId,
    client: &str,
    sealed: &[u8],
) -> Result<u64, StoreError> {
    let put = query(statement).bind(row(account, client)).bind(account.as_bytes().to_vec()).bind(sealed.to_vec());
    put.execute(connection).await
}

/// Leaves a text open, as a version before this one does.
#[cfg(test)]
pub(in crate::store) struct LeaveOpen(
    pub(in crate::store) AccountId,
    pub(in crate::store) &'static str,
    pub(in crate::store) &'static str,
);

#[cfg(test)]
#[async_trait]
impl Write for LeaveOpen {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        let leave = query("INSERT INTO client_metadata (account, client, text) VALUES ($1, $2, $3)");
        let leave = leave.bind(self.0.as_bytes().to_vec()).bind(self.1.to_owned()).bind(self.2.to_owned());
        leave.execute(&mut *tx.connection).await?;
        Ok(())
    }
}
