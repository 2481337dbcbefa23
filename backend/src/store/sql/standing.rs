//! Whether a session may still change its account. Sessions are in the shared tier, which may be another database: of an account
//! it is written down here when all its sessions were ended, and which one stayed, in the transaction that ended them.

use super::{Connection, query};
use crate::store::{InSession, StoreError};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;

/// Notes that every session of an account has ended but one, if one stays.
pub(super) async fn put_out(
    connection: &mut Connection,
    account: &AccountId,
    keep: Option<SessionId>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let update = query("UPDATE account SET out_at = $2, out_keep = $3 WHERE id = $1").bind(*account);
    update.bind(at).bind(keep).execute(connection).await?;
    Ok(())
}

/// The gate says in seconds when somebody has signed in: one of the second in which all were ended may be of after that.
const STANDS: &str = "
    SELECT EXISTS (SELECT 1 FROM account WHERE id = $1 AND (out_at < $2 OR out_keep = $3))";

const SECOND: u64 = 1_000;

/// Whether a session was not among those that were ended.
pub(in crate::store) async fn stands(connection: &mut Connection, session: &InSession) -> Result<bool, StoreError> {
    let InSession { account, session, authenticated } = session;
    let second_over = Timestamp::from_millis((authenticated.as_millis() / SECOND + 1) * SECOND);
    let found = query(STANDS).bind(*account).bind(second_over).bind(*session);
    let (stands,): (bool,) = found.one(connection).await?;
    Ok(stands)
}
