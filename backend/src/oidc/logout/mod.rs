//! Back-channel log-out (OpenID Connect Back-Channel Logout 1.0): clients are told that a session has ended, without the
//! browser.
//!
//! The transaction that ends sessions writes down that it does; which clients are to be told is found out afterwards
//! ([`farewell`]), and each of them is a delivery of its own ([`crate::deliveries`]): tried until the client has answered,
//! with longer and longer pauses, for a day. What waits is the fact alone, which session of whom and which client. Where
//! the client is, what it calls the person and the session, and the signature are those of the moment in which it is
//! called: a token lives for two minutes, keys change, and a client that was put out of use meanwhile is told nothing.

mod farewell;
#[cfg(test)]
mod farewell_tests;
mod outbound;
pub mod reach;
#[cfg(test)]
mod tests;
mod token;
mod uri;

use super::client::Client;
use super::jws::Kind as TokenKind;
use super::keys::SigningKeys;
use super::registry::Registry;
use super::session_name::SessionNames;
use super::subject::Subjects;
use crate::deliveries::{Deliverer, Undelivered};
use crate::fault::Fault;
use crate::model::LogoutNotice;
use crate::store::delivery::{Due, Kind};
use crate::store::{LOGOUT, Store};
use aldgate_core::entropy::Entropy;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::Warm;
use async_trait::async_trait;
use farewell::Farewells;
use outbound::{NotTold, Outbound};
use reach::Reach;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use token::LogoutClaims;
pub use uri::{BadLogoutUri, LogoutUri};

/// For how long a client that did not answer is not called again: what else it must hear does not hold up the others,
/// one deadline each.
const SILENT_FOR: Duration = Duration::from_secs(10);

/// The HTTP client of log-outs cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the client that tells of log-outs cannot be set up: {0}")]
pub struct NoOutbound(String);

/// What clients are told with.
pub(super) struct Ground {
    /// Who they are.
    pub(super) registry: Registry,
    /// What they call people.
    pub(super) subjects: Subjects,
    /// What they call sessions.
    pub(super) names: SessionNames,
    /// What tokens are signed with.
    pub(super) keys: Arc<SigningKeys>,
    /// For tokens' own names.
    pub(super) entropy: Arc<dyn Entropy>,
    /// In whose name they are told.
    pub(super) issuer: String,
}

/// Tells clients.
struct Logouts {
    on: Ground,
    outbound: Outbound,
    silent: Silent,
}

/// Both steps of telling clients that sessions of `warm` have ended.
///
/// # Errors
/// [`NoOutbound`].
pub(super) fn deliverers(
    on: Ground,
    store: Store,
    warm: Arc<dyn Warm>,
    reach: Reach,
) -> Result<Vec<Arc<dyn Deliverer>>, NoOutbound> {
    let outbound = Outbound::new(reach).map_err(NoOutbound)?;
    let logouts = Logouts { on, outbound, silent: Silent::default() };
    Ok(vec![Arc::new(Farewells { store, warm }), Arc::new(logouts)])
}

impl Logouts {
    /// A token that tells a client of one end.
    fn token(&self, client: &Client, notice: &LogoutNotice, now: Timestamp) -> Result<String, Fault> {
        let claims = LogoutClaims {
            iss: &self.on.issuer,
            sub: self.on.subjects.name(client, &notice.account),
            aud: client.id().as_str(),
            sid: client.is_told_the_session().then(|| self.on.names.name(&notice.session, client.id().as_str())),
        };
        let claims = claims.at(now, &*self.on.entropy)?;
        Ok(self.on.keys.sign(client.id_token_signing(), TokenKind::LogoutToken, &claims, now)?)
    }
}

#[async_trait]
impl Deliverer for Logouts {
    fn kind(&self) -> Kind {
        LOGOUT
    }

    async fn deliver(&self, due: &Due, now: Timestamp) -> Result<(), Undelivered> {
        let notice = LogoutNotice::decode(&due.payload);
        let notice = notice.ok_or_else(|| Undelivered::Never("it is of another version".into()))?;
        // One that is gone, out of use or wants to hear no more is told nothing.
        let Some(client) = self.on.registry.in_use(&notice.client) else { return Ok(()) };
        let Some(uri) = client.logout() else { return Ok(()) };
        let not_now = |why: &dyn std::fmt::Display| Undelivered::NotNow(format!("client {}: {why}", notice.client));
        if self.silent.holds(&notice.client, now) {
            return Err(not_now(&NotTold::NoAnswer));
        }
        let token = self.token(&client, &notice, now).map_err(|fault| not_now(&fault))?;
        let told = self.outbound.tell(uri, &token).await;
        if told == Err(NotTold::NoAnswer) {
            self.silent.note(&notice.client, now);
        }
        told.map_err(|why| not_now(&why))
    }
}

/// Clients that did not answer, and until when that is remembered. Never more than there are clients.
#[derive(Default)]
struct Silent(Mutex<BTreeMap<String, Timestamp>>);

impl Silent {
    fn holds(&self, client: &str, now: Timestamp) -> bool {
        let silent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        silent.get(client).is_some_and(|until| now < *until)
    }

    fn note(&self, client: &str, now: Timestamp) {
        let mut silent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        silent.retain(|_, until| now < *until);
        silent.insert(client.to_owned(), now.plus(SILENT_FOR));
    }
}
