//! Log-ins that a shared tier has settled, written down where they have their home: the passkeys' counters and last
//! use, and an event each.

use super::connection::On;
use super::{Connection, Readers, Value, credential_digest, query, timestamp, unreadable, write_rows};
use crate::store::job::{Tx, Write};
use crate::store::{PastLogIn, StoreError};
use aldgate_core::id::{AccountId, CredentialDigest, Lane};
use aldgate_core::time::Timestamp;
use aldgate_core::warm::login_event::{LoginEvent, PasskeyUsed};
use async_trait::async_trait;
use std::collections::HashMap;

/// Up to which of its log-ins a lane is settled.
pub(in crate::store) async fn settled_through<'a>(on: impl Into<On<'a>>, lane: Lane) -> Result<u64, StoreError> {
    let through = query("SELECT through FROM settled WHERE lane = $1").bind(signed(lane.index())?);
    let through: Option<(i64,)> = through.optional(on).await?;
    Ok(through.map_or(0, |(through,)| u64::try_from(through).unwrap_or(0)))
}

const OF_ACCOUNT: &str = "
    SELECT n, credential, at FROM login_event WHERE account = $1 AND n > $2 ORDER BY n LIMIT $3";

/// The log-ins of an account after one, oldest first.
pub(in crate::store) async fn of_account(
    readers: &Readers,
    account: &AccountId,
    after: u64,
    max: u32,
) -> Result<Vec<PastLogIn>, StoreError> {
    let asked = query(OF_ACCOUNT).bind(*account).bind(signed(after)?).bind(max);
    let rows: Vec<(i64, Option<Vec<u8>>, i64)> = asked.all(readers).await?;
    let read = |(n, passkey, at): (i64, Option<Vec<u8>>, i64)| {
        let n = u64::try_from(n).map_err(|_| unreadable("a log-in's number"))?;
        let passkey = passkey.map(|bytes| credential_digest(&bytes)).transpose()?;
        Ok(PastLogIn { n, at: timestamp(at), passkey })
    };
    rows.into_iter().map(read).collect()
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
    UPDATE credential SET
        sign_count = CASE WHEN used.column2 > credential.sign_count THEN used.column2 ELSE credential.sign_count END,
        backup_state = CASE WHEN used.column5 >= coalesce(credential.last_used, 0) THEN used.column3
                            ELSE credential.backup_state END,
        revision = CASE WHEN used.column4 > credential.revision THEN used.column4 ELSE credential.revision END,
        last_used = CASE WHEN used.column5 > coalesce(credential.last_used, 0) THEN used.column5
                         ELSE credential.last_used END
    FROM (VALUES {rows}) AS used WHERE credential.digest = used.column1";

const APPEND: &str = "INSERT INTO login_event (account, credential, session, at, untold) VALUES {rows}";

const ADVANCE: &str = "
    INSERT INTO settled (lane, through) VALUES ($1, $2) ON CONFLICT (lane) DO UPDATE SET through = excluded.through";

#[async_trait]
impl Write for Settle {
    type Outcome = usize;

    async fn write(&self, tx: &mut Tx<'_>) -> Result<usize, StoreError> {
        let through = settled_through(&mut *tx.connection, self.lane).await?;
        let fresh: Vec<_> = self.events.iter().filter(|(number, _)| *number > through).collect();
        let Some(last) = fresh.iter().map(|(number, _)| *number).max() else { return Ok(0) };
        note_uses(tx.connection, &fresh).await?;
        append(tx.connection, &fresh).await?;
        let advance = query(ADVANCE).bind(signed(self.lane.index())?).bind(signed(last)?);
        advance.execute(&mut *tx.connection).await?;
        Ok(fresh.len())
    }
}

async fn note_uses(connection: &mut Connection, fresh: &[&(u64, LoginEvent)]) -> Result<(), StoreError> {
    // In order: of several uses of one passkey the last stays.
    let uses: HashMap<CredentialDigest, (PasskeyUsed, Timestamp)> =
        fresh.iter().filter_map(|(_, event)| event.passkey.map(|used| (used.credential, (used, event.at)))).collect();
    let used: Vec<[Value; 5]> = uses
        .values()
        .map(|(used, at)| {
            let revision = i64::try_from(used.revision).unwrap_or(i64::MAX);
            [used.credential.into(), used.sign_count.into(), used.backup_state.into(), revision.into(), (*at).into()]
        })
        .collect();
    write_rows(connection, USE, &used).await?;
    Ok(())
}

async fn append(connection: &mut Connection, fresh: &[&(u64, LoginEvent)]) -> Result<(), StoreError> {
    let events: Vec<[Value; 5]> = fresh
        .iter()
        .map(|(_, event)| {
            let credential = event.passkey.map(|used| used.credential);
            let untold = event.passkey.and_then(|used| used.new_browser).map(|language| i64::from(language.number()));
            [event.account.into(), credential.into(), event.session.into(), event.at.into(), untold.into()]
        })
        .collect();
    write_rows(connection, APPEND, &events).await?;
    Ok(())
}
