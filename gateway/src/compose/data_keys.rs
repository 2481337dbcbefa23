//! `aldgate keys`: the keys under which what is personal stands sealed in the database.

use super::CannotStart;
use super::operator::{Operator, date, now, say};
use aldgate_backend::store::{DataKey, KeyId, StoreError, Unopened};
use aldgate_gateway::config::Config;
use std::time::Duration;

/// How long a new key is announced before it is used: every process looks every five seconds, and where keys are copied
/// from machine to machine, that takes a while.
pub(crate) const ANNOUNCED_SECS: u32 = 600;

/// Most values that do not open and are listed: whoever has more has another problem.
const UNOPENED_MAX: u32 = 1000;

fn failed(error: StoreError) -> CannotStart {
    CannotStart::because("the data keys", error)
}

/// Prints them, how much is sealed under each, and what cannot be sealed anew.
///
/// # Errors
/// If they cannot be read.
pub(crate) async fn list(config: Config) -> Result<(), CannotStart> {
    let operator = Operator::open(config).await?;
    for key in operator.store.data_keys().await.map_err(failed)? {
        say(line(&key));
    }
    for Unopened { place, row, key } in operator.store.unopened(UNOPENED_MAX).await.map_err(failed)? {
        say(format!("key {key} is held back by a value that does not open: {place}, row {row}"));
    }
    operator.store.close().await;
    Ok(())
}

fn line(key: &DataKey) -> String {
    let DataKey { id, active_from, resealed_at, values } = key;
    let since = match *id {
        KeyId::DERIVED => "derived from the master key".to_owned(),
        _ => format!("seals from {}", date(*active_from)),
    };
    let resealed = resealed_at.map(|at| format!(", everything older sealed anew by {}", date(at)));
    format!("key {id}: {values} values, {since}{}", resealed.unwrap_or_default())
}

/// Makes the next one, which seals after `wait`; the backend then seals anew whatever is older.
///
/// # Errors
/// One line that says what to do.
pub(crate) async fn rotate(config: Config, wait: u32) -> Result<(), CannotStart> {
    let operator = Operator::open(config).await?;
    let active_from = now().plus(Duration::from_secs(wait.into()));
    let made = operator.store.make_data_key(&*operator.data_keys, active_from, Operator::act()).await;
    let id = made.map_err(failed)?;
    operator.store.close().await;
    say(format!("Key {id} is in {} and seals in {} s.", operator.data_keys.place(id).display(), wait));
    say("Copy it to the keys.dir of every other backend before that, and into the backup of the keys.");
    Ok(())
}

/// Drops one that nothing is sealed under.
///
/// # Errors
/// Why it stays.
pub(crate) async fn drop_key(config: Config, id: u16) -> Result<(), CannotStart> {
    let operator = Operator::open(config).await?;
    let dropped = operator.store.drop_data_key(&*operator.data_keys, KeyId(id), Operator::act()).await;
    dropped.map_err(failed)?.map_err(|stays| CannotStart(format!("key {id} stays: {stays}")))?;
    operator.store.close().await;
    say(format!("Key {id} is gone. Backups that were made before everything was sealed anew need it still."));
    Ok(())
}
