//! Sessions from which clients serve people, and how clients come to hear of their end.
//!
//! In two steps, each of them one transaction. What ends sessions also writes down that it does ([`FAREWELL`]): that is
//! one row, whatever the clients. Whoever works it off finds out which of the sessions stand no more, and puts a notice
//! ([`LOGOUT`]) in the place of each row of a client; so a client hears of a session once, whoever ends it how often.

use super::delivery::Kind;
use super::{Store, StoreError, sql};
use aldgate_core::id::{AccountId, SessionId};
use aldgate_core::time::Timestamp;
use std::time::Duration;

/// Sessions of an account have ended ([`crate::model::Farewell`]).
pub(crate) const FAREWELL: Kind = Kind("farewell");

/// A client is to be told of one ([`crate::model::LogoutNotice`]).
pub(crate) const LOGOUT: Kind = Kind("logout");

/// For how long a client is tried: a session lasts no longer than a day, so what it has not heard by then it need not.
pub(crate) const TOLD_FOR: Duration = Duration::from_hours(24);

/// The session from which a client serves somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedFrom {
    /// Which.
    pub session: SessionId,
    /// When it ends by itself at the latest.
    pub ends: Timestamp,
}

impl Store {
    /// The sessions of an account from which clients are served, with the clients, as far as that began by `until`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn client_sessions(
        &self,
        account: &AccountId,
        until: Timestamp,
    ) -> Result<Vec<(SessionId, String)>, StoreError> {
        sql::client_session::of_account(&self.readers, account, until).await
    }

    /// Has clients told that sessions of an account have ended, each once.
    ///
    /// # Errors
    /// [`StoreError`]; none is told then.
    pub(crate) async fn announce(
        &self,
        account: &AccountId,
        ended: Vec<(SessionId, String)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if ended.is_empty() {
            return Ok(());
        }
        self.writer.write(sql::client_session::Announce { account: *account, ended, now }).await
    }
}
