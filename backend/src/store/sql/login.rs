//! Log-ins that a shared tier has settled, written down where they have their home: the passkeys' counters and last
//! use, and an event each.

use super::{Connection, Readers, hex, millis, rows};
use crate::store::StoreError;
use crate::store::job::{Tx, Write};
use aldgate_core::id::{CredentialDigest, Lane};
use aldgate_core::time::Timestamp;
use aldgate_core::warm::login_event::{LoginEvent, PasskeyUsed};
use async_trait::async_trait;
use sqlx::Executor;
use std::collections::HashMap;

/// Up to which of its log-ins a lane is settled.
pub(in crate::store) async fn settled_through(readers: &Readers, lane: Lane) -> Result<u64, StoreError> {
    through(readers, lane).await
}

async fn through<'c>(on: impl Executor<'c, Database = sqlx::Sqlite>, lane: Lane) -> Result<u64, StoreError> {
    let query = sqlx::query_scalar("SELECT through FROM settled WHERE lane = $1").bind(signed(lane.index())?);
    let through: Option<i64> = query.fetch_optional(on).await?;
    Ok(through.map_or(0, |through| u64::try_from(through).unwrap_or(0)))
}

fn signed<N: TryInto<i64>>(number: N) -> Result<i64, StoreError> {
    number.try_into().map_err(|_| StoreError::Broken("a number is beyond what the database holds".into()))
}

/// Log-ins of one lane, with their numbers, oldest first. What was settled before is left out; gives how many were new.
pub(in crate::store) struct Settle {
    pub(in crate::store) lane: Lane,
    pub(in crate::store) events: Vec<(u64, LoginEvent)>,
}

/// Nothing goes back: a log-in may be an old one that somebody has put into the tier again, and a record may have been
/// changed here since. Which of two states of the backup is the later one, the time of the log-in says.
const USE: &str = "
    UPDATE credential
    SET sign_count = max(sign_count, new.value ->> 1),
        backup_state = iif(new.value ->> 4 >= coalesce(last_used, 0), new.value ->> 2, backup_state),
        revision = max(credential.revision, new.value ->> 3),
        last_used = max(coalesce(last_used, 0), new.value ->> 4)
    FROM jsonb_each($1) AS new WHERE credential.digest = unhex(new.value ->> 0)";

const APPEND: &str = "
    INSERT INTO login_event (account, credential, session, at)
    SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3 FROM jsonb_each($1)";

const ADVANCE: &str = "
    INSERT INTO settled (lane, through) VALUES ($1, $2) ON CONFLICT (lane) DO UPDATE SET through = excluded.through";

#[async_trait]
impl Write for Settle {
    type Outcome = usize;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let through = through(&mut *tx.connection, self.lane).await?;
        let fresh: Vec<_> = self.events.iter().filter(|(number, _)| *number > through).collect();
        let Some(last) = fresh.iter().map(|(number, _)| *number).max() else { return Ok(0) };
        note_uses(tx.connection, &fresh).await?;
        append(tx.connection, &fresh).await?;
        let advance = sqlx::query(ADVANCE).bind(signed(self.lane.index())?).bind(signed(last)?);
        advance.execute(&mut *tx.connection).await?;
        Ok(fresh.len())
    }
}

async fn note_uses(connection: &mut Connection, fresh: &[&(u64, LoginEvent)]) -> Result<(), StoreError> {
    // In order: of several uses of one passkey the last stays.
    let uses: HashMap<CredentialDigest, (PasskeyUsed, Timestamp)> =
        fresh.iter().filter_map(|(_, event)| event.passkey.map(|used| (used.credential, (used, event.at)))).collect();
    let used = uses.values().map(|(used, at)| {
        (hex(used.credential.as_bytes()), used.sign_count, used.backup_state, used.revision, millis(*at))
    });
    sqlx::query(USE).bind(rows(used)?).execute(connection).await?;
    Ok(())
}

async fn append(connection: &mut Connection, fresh: &[&(u64, LoginEvent)]) -> Result<(), StoreError> {
    let events = fresh.iter().map(|(_, event)| {
        let credential = event.passkey.map(|used| hex(used.credential.as_bytes()));
        (hex(event.account.as_bytes()), credential, hex(event.session.as_bytes()), millis(event.at))
    });
    sqlx::query(APPEND).bind(rows(events)?).execute(connection).await?;
    Ok(())
}
