//! Everything that stands sealed, place by place, for whoever seals it anew.
//!
//! A place is a column of sealed values and the column of its rows' key, which is bytes. Whoever adds such a column adds
//! it to [`PLACES`]; what is not here stays under its old key for ever, and that key cannot be told from one in use.

use super::connection::On;
use super::{
    Connection, Readers, Value, client_text, contact, delivery, person, query, second_step, unreadable, write_rows,
};
use crate::store::StoreError;
use crate::store::data_key::KeyId;
use crate::store::seal::{EMAIL, Place};
use aldgate_core::time::Timestamp;

/// A place, and the statements on it.
pub(in crate::store) struct Sealed {
    pub(in crate::store) place: Place,
    after: &'static str,
    replace: &'static str,
    count: &'static str,
    count_under: &'static str,
    value: &'static str,
}

macro_rules! sealed {
    ($place:expr, $table:literal, $key:literal, $value:literal) => {
        Sealed {
            place: $place,
            after: concat!(
                "SELECT ",
                $key,
                ", ",
                $value,
                " FROM ",
                $table,
                " WHERE ",
                $key,
                " > $1 ORDER BY ",
                $key,
                " LIMIT $2"
            ),
            replace: concat!(
                "UPDATE ",
                $table,
                " SET ",
                $value,
                " = new.column3 FROM (VALUES {rows}) AS new WHERE ",
                $table,
                ".",
                $key,
                " = new.column1 AND ",
                $table,
                ".",
                $value,
                " = new.column2"
            ),
            count: concat!("SELECT count(*) FROM ", $table),
            count_under: concat!("SELECT count(*) FROM ", $table, " WHERE substr(", $value, ", 1, 2) = $1"),
            value: concat!("SELECT ", $value, " FROM ", $table, " WHERE ", $key, " = $1"),
        }
    };
}

/// Every place.
pub(in crate::store) const PLACES: &[Sealed] = &[
    sealed!(EMAIL, "account", "id", "email"),
    sealed!(delivery::PLACE, "delivery", "id", "payload"),
    sealed!(person::PLACE, "person", "account", "record"),
    sealed!(second_step::PLACE, "second_step", "id", "sealed"),
    sealed!(contact::PLACE, "contact_change", "id", "sealed"),
    sealed!(client_text::PLACE, "client_text", "id", "sealed"),
];

/// Rows after a key, by their keys: key and sealed value.
pub(in crate::store) async fn after(
    readers: &Readers,
    sealed: &Sealed,
    key: &[u8],
    max: u32,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
    query(sealed.after).bind(key).bind(max).all(readers).await
}

/// A value to replace: row, old, new.
pub(in crate::store) type Replacement = (Vec<u8>, Vec<u8>, Vec<u8>);

/// Replaces values, where they are still what they were.
pub(in crate::store) async fn replace(
    connection: &mut Connection,
    sealed: &Sealed,
    replacements: &[Replacement],
) -> Result<(), StoreError> {
    let rows: Vec<[Value; 3]> =
        replacements.iter().cloned().map(|(row, old, new)| [row.into(), old.into(), new.into()]).collect();
    write_rows(connection, sealed.replace, &rows).await?;
    Ok(())
}

/// How many values there are.
pub(in crate::store) async fn count(readers: &Readers, sealed: &Sealed) -> Result<u64, StoreError> {
    let (count,): (i64,) = query(sealed.count).one(readers).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// How many are under a key. One of a version before data keys may be counted with them by chance, never the reverse.
pub(in crate::store) async fn count_under(readers: &Readers, sealed: &Sealed, key: KeyId) -> Result<u64, StoreError> {
    let (count,): (i64,) = query(sealed.count_under).bind(key.to_bytes()).one(readers).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// The value of a row, if it is there.
pub(in crate::store) async fn value(
    readers: &Readers,
    sealed: &Sealed,
    row: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    let found: Option<(Vec<u8>,)> = query(sealed.value).bind(row).optional(readers).await?;
    Ok(found.map(|(value,)| value))
}

/// A value that did not open when it was met.
pub(in crate::store) struct UnopenedRow {
    pub(in crate::store) place: String,
    pub(in crate::store) row: Vec<u8>,
    pub(in crate::store) key: KeyId,
}

const UNOPENED: &str = "SELECT place, id, key FROM unopened ORDER BY found, place, id LIMIT $1";

/// Values that did not open, the longest known first.
pub(in crate::store) async fn unopened(readers: &Readers, max: u32) -> Result<Vec<UnopenedRow>, StoreError> {
    let rows: Vec<(String, Vec<u8>, i64)> = query(UNOPENED).bind(max).all(readers).await?;
    let read = |(place, row, key)| {
        let key = u16::try_from(key).map_err(|_| unreadable("a data key's number"))?;
        Ok(UnopenedRow { place, row, key: KeyId(key) })
    };
    rows.into_iter().map(read).collect()
}

const COUNT_UNOPENED: &str = "SELECT count(*) FROM unopened WHERE place = $1 AND key <> $2";

/// How many values of a place did not open, and are not under a key.
pub(in crate::store) async fn count_unopened(
    readers: &Readers,
    sealed: &Sealed,
    but: KeyId,
) -> Result<u64, StoreError> {
    let count = query(COUNT_UNOPENED).bind(sealed.place.0).bind(i64::from(but.0));
    let (count,): (i64,) = count.one(readers).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

const COUNT_UNOPENED_UNDER: &str = "SELECT count(*) FROM unopened WHERE key = $1";

/// How many values did not open that say that they are under a key.
pub(in crate::store) async fn count_unopened_under(readers: &Readers, key: KeyId) -> Result<u64, StoreError> {
    let (count,): (i64,) = query(COUNT_UNOPENED_UNDER).bind(i64::from(key.0)).one(readers).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

const NOTE_UNOPENED: &str = "
    INSERT INTO unopened (place, id, key, found) VALUES ($1, $2, $3, $4) ON CONFLICT (place, id) DO NOTHING";

/// Notes a value that does not open. False if that is known.
pub(in crate::store) async fn note_unopened(
    connection: &mut Connection,
    sealed: &Sealed,
    row: &[u8],
    key: KeyId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let note = query(NOTE_UNOPENED).bind(sealed.place.0).bind(row).bind(i64::from(key.0)).bind(now);
    Ok(note.execute(connection).await? > 0)
}

/// Forgets one: it opens, or is gone.
pub(in crate::store) async fn forget_unopened(
    connection: &mut Connection,
    sealed: &Sealed,
    row: &[u8],
) -> Result<(), StoreError> {
    let forget = query("DELETE FROM unopened WHERE place = $1 AND id = $2").bind(sealed.place.0).bind(row);
    forget.execute(connection).await?;
    Ok(())
}

/// How far a place has been sealed anew under a key: the last row's key, and whether it was the last of all.
pub(in crate::store) async fn progress<'a>(
    on: impl Into<On<'a>>,
    place: Place,
    key: KeyId,
) -> Result<(Vec<u8>, bool), StoreError> {
    let progress = query("SELECT after, done FROM reseal WHERE place = $1 AND key = $2");
    let row: Option<(Vec<u8>, i64)> = progress.bind(place.0).bind(i64::from(key.0)).optional(on).await?;
    Ok(row.map_or_else(Default::default, |(after, done)| (after, done != 0)))
}

/// Whether somebody has begun to seal anew under a newer key.
pub(in crate::store) async fn is_overtaken<'a>(on: impl Into<On<'a>>, key: KeyId) -> Result<bool, StoreError> {
    let newer = query("SELECT EXISTS (SELECT 1 FROM reseal WHERE key > $1)").bind(i64::from(key.0));
    let (newer,): (bool,) = newer.one(on).await?;
    Ok(newer)
}

const ADVANCE: &str = "
    INSERT INTO reseal (place, key, after, done) VALUES ($1, $2, $3, $4)
    ON CONFLICT (place) DO UPDATE SET key = excluded.key, after = excluded.after, done = excluded.done";

/// Notes how far.
pub(in crate::store) async fn advance(
    connection: &mut Connection,
    place: Place,
    key: KeyId,
    after: &[u8],
    done: bool,
) -> Result<(), StoreError> {
    let advance = query(ADVANCE).bind(place.0).bind(i64::from(key.0)).bind(after).bind(done);
    advance.execute(connection).await?;
    Ok(())
}
