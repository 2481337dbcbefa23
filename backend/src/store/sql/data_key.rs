//! Which data keys there are. The keys themselves are elsewhere.

use super::{Connection, Readers, query, timestamp, unreadable};
use crate::store::StoreError;
use crate::store::data_key::KeyId;
use aldgate_core::time::Timestamp;

/// A data key's row.
#[derive(Debug, Clone)]
pub(in crate::store) struct KeyRow {
    pub(in crate::store) id: KeyId,
    pub(in crate::store) check_value: Vec<u8>,
    pub(in crate::store) active_from: Timestamp,
    pub(in crate::store) resealed_at: Option<Timestamp>,
}

type Row = (i64, Vec<u8>, i64, Option<i64>);

/// All of them, oldest first.
pub(in crate::store) async fn all(readers: &Readers) -> Result<Vec<KeyRow>, StoreError> {
    let all = query("SELECT id, check_value, active_from, resealed_at FROM data_key ORDER BY id");
    let rows: Vec<Row> = all.all(readers).await?;
    rows.into_iter().map(key_row).collect()
}

fn key_row((id, check_value, active_from, resealed_at): Row) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        id: KeyId(u16::try_from(id).map_err(|_| unreadable("a data key's number"))?),
        check_value,
        active_from: timestamp(active_from),
        resealed_at: resealed_at.map(timestamp),
    })
}

const ADD: &str = "
    INSERT INTO data_key (id, check_value, active_from) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";

/// Adds one. False if there is one of this number.
pub(in crate::store) async fn add(connection: &mut Connection, row: &KeyRow) -> Result<bool, StoreError> {
    let add = query(ADD).bind(i64::from(row.id.0)).bind(row.check_value.as_slice()).bind(row.active_from);
    Ok(add.execute(connection).await? > 0)
}

/// Removes one.
pub(in crate::store) async fn remove(connection: &mut Connection, id: KeyId) -> Result<(), StoreError> {
    query("DELETE FROM data_key WHERE id = $1").bind(i64::from(id.0)).execute(connection).await?;
    Ok(())
}

/// Notes that everything is sealed under it. False if that was noted before.
pub(in crate::store) async fn resealed(
    connection: &mut Connection,
    id: KeyId,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let note = query("UPDATE data_key SET resealed_at = $2 WHERE id = $1 AND resealed_at IS NULL");
    Ok(note.bind(i64::from(id.0)).bind(at).execute(connection).await? > 0)
}
