//! From which sessions clients serve people, until they are told of their end.

use super::{Connection, Readers, query, session_id};
use crate::model::{Farewell, Grant, LogoutNotice};
use crate::store::StoreError;
use crate::store::client_session::{FAREWELL, LOGOUT, ServedFrom, TOLD_FOR};
use crate::store::job::{Tx, Write};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;

/// A client that is served again from a session needs to be told of its end once.
const BEGIN: &str = "
    INSERT INTO client_session (session, client, account, began, ends) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (session, client) DO NOTHING";

/// Notes that the client of a grant serves its person from a session.
pub(super) async fn begin(connection: &mut Connection, of: &Grant, served: &ServedFrom) -> Result<(), StoreError> {
    let begin = query(BEGIN).bind(served.session).bind(of.client.as_str()).bind(of.account);
    begin.bind(of.created).bind(served.ends).execute(connection).await?;
    Ok(())
}

const ANY: &str = "SELECT EXISTS (SELECT 1 FROM client_session WHERE account = $1)";

/// Writes down that sessions of an account end, if any client is served from one of them.
pub(super) async fn farewell(tx: &mut Tx<'_>, farewell: &Farewell) -> Result<(), StoreError> {
    let (any,): (bool,) = query(ANY).bind(farewell.account).one(&mut *tx.connection).await?;
    if any { tx.later(FAREWELL, &farewell.encode(), farewell.at, TOLD_FOR).await } else { Ok(()) }
}

const OF_ACCOUNT: &str = "SELECT session, client FROM client_session WHERE account = $1 AND began <= $2";

/// The sessions of an account from which clients are served since `until` or before.
pub(in crate::store) async fn of_account(
    readers: &Readers,
    account: &AccountId,
    until: Timestamp,
) -> Result<Vec<(SessionId, String)>, StoreError> {
    let rows: Vec<(Vec<u8>, String)> = query(OF_ACCOUNT).bind(*account).bind(until).all(readers).await?;
    rows.into_iter().map(|(session, client)| Ok((session_id(&session)?, client))).collect()
}

/// Has clients told that sessions have ended: each by whoever first says so, and by nobody else.
pub(in crate::store) struct Announce {
    pub(in crate::store) account: AccountId,
    pub(in crate::store) ended: Vec<(SessionId, String)>,
    pub(in crate::store) now: Timestamp,
}

const END: &str = "DELETE FROM client_session WHERE session = $1 AND client = $2";

const OF_CLIENT: &str = "SELECT session FROM client_session WHERE account = $1 AND client = $2";

/// Has a client told that it serves a person no more, whether or not their sessions stand.
pub(super) async fn leave(
    tx: &mut Tx<'_>,
    account: &AccountId,
    client: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sessions: Vec<(Vec<u8>,)> = query(OF_CLIENT).bind(*account).bind(client).all(&mut *tx.connection).await?;
    let ended = sessions.iter().map(|(session,)| Ok((session_id(session)?, client.to_owned())));
    let ended = ended.collect::<Result<_, StoreError>>()?;
    Announce { account: *account, ended, now }.write(tx).await
}

#[async_trait]
impl Write for Announce {
    type Outcome = ();

    async fn write(&self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        for (session, client) in &self.ended {
            let end = query(END).bind(*session).bind(client.as_str());
            if end.execute(&mut *tx.connection).await? > 0 {
                let notice = LogoutNotice { account: self.account, client: client.clone(), session: *session };
                tx.later(LOGOUT, &notice.encode(), self.now, TOLD_FOR).await?;
            }
        }
        Ok(())
    }
}
