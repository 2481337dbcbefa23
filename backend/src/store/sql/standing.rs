//! Whether a session may still change its account. Sessions are in the shared tier, which may be another database: of an account
//! it is written down here when all its sessions were ended, and which one stayed, in the transaction that ended them.

use super::{Connection, grant, query};
use crate::store::{InSession, StoreError};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;

const REVOKE: &str = "UPDATE client_grant SET revoked = 1 WHERE account = $1 AND revoked = 0 RETURNING id";
const REVOKE_BUT: &str = "
    UPDATE client_grant SET revoked = 1
    WHERE account = $1 AND revoked = 0 AND (session IS NULL OR session <> $2) RETURNING id";

/// Notes that every session of an account has ended but one, if one stays. What services were given in those ends too:
/// whoever was in keeps nothing by a service's refresh tokens.
pub(super) async fn put_out(
    connection: &mut Connection,
    account: &AccountId,
    keep: Option<SessionId>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let update = query("UPDATE account SET out_at = $2, out_keep = $3 WHERE id = $1").bind(*account);
    update.bind(at).bind(keep).execute(&mut *connection).await?;
    let revoke = query(if keep.is_some() { REVOKE_BUT } else { REVOKE }).bind(*account);
    let revoke = if let Some(keep) = keep { revoke.bind(keep) } else { revoke };
    grant::end(connection, revoke, at).await?;
    Ok(())
}

/// The gate says in seconds when somebody has signed in: one of the second in which all were ended may be of after that.
const STANDS: &str = "
    SELECT EXISTS (
        SELECT 1 FROM account WHERE id = $1 AND (out_at < $2 OR out_keep = $3)
            AND NOT EXISTS (SELECT 1 FROM disabled_account d WHERE d.account = $1))";

const SECOND: u64 = 1_000;

/// Whether a session was not among those that were ended. None stands of a disabled account.
pub(in crate::store) async fn stands(connection: &mut Connection, session: &InSession) -> Result<bool, StoreError> {
    let InSession { account, session, authenticated } = session;
    let second_over = Timestamp::from_millis((authenticated.as_millis() / SECOND + 1) * SECOND);
    let found = query(STANDS).bind(*account).bind(second_over).bind(*session);
    let (stands,): (bool,) = found.one(connection).await?;
    Ok(stands)
}
