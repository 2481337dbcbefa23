//! Asking the warm tier on behalf of a request: under a deadline, and what is found goes to hot.
//!
//! A late answer is no answer: the request fails closed.

use crate::metrics::{LookupResult, Metrics};
use aldgate_core::decide::Lookup;
use aldgate_core::hot::Hot;
use aldgate_core::id::{CredentialDigest, SessionId};
use aldgate_core::time::Timestamp;
use aldgate_core::warm::{Unavailable, Warm};
use aldgate_core::webauthn::credential::CredentialRecord;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// How long a request waits for warm. Architecture, section 5: a failure is clean in less than a second.
pub const WARM_DEADLINE: Duration = Duration::from_millis(500);

/// How warm is asked.
pub struct Lookups {
    warm: Arc<dyn Warm>,
    hot: Arc<Hot>,
    metrics: Arc<Metrics>,
}

/// Runs a call to warm under the deadline.
///
/// # Errors
/// [`Unavailable`] also when the deadline passes.
pub async fn under_deadline<T>(call: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    let late = |_| Unavailable("no answer in time".into());
    tokio::time::timeout(WARM_DEADLINE, call).await.map_err(late)?
}

impl Lookups {
    /// Looks up in `warm`, keeps in `hot`.
    pub fn new(warm: Arc<dyn Warm>, hot: Arc<Hot>, metrics: Arc<Metrics>) -> Self {
        Self { warm, hot, metrics }
    }

    fn count<T>(&self, result: &Result<Option<T>, Unavailable>) {
        self.metrics.looked_up(match result {
            Ok(Some(_)) => LookupResult::Found,
            Ok(None) => LookupResult::Nothing,
            Err(_) => LookupResult::Unavailable,
        });
    }

    /// What warm knows of a session, in the form that `decide` takes.
    pub async fn session(&self, session: SessionId, now: Timestamp) -> Lookup {
        let asked = self.hot.ask(now);
        let found = under_deadline(self.warm.session(&session)).await;
        self.count(&found);
        match found {
            Err(unavailable) => {
                tracing::warn!(%unavailable, "a session could not be looked up");
                Lookup::Unavailable
            }
            Ok(found) => {
                let admitted = found.and_then(|record| self.hot.admit_session(session, record, asked));
                admitted.map_or(Lookup::Nothing, Lookup::Found)
            }
        }
    }

    /// A passkey's record: from hot, else from warm.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn credential(
        &self,
        credential: &CredentialDigest,
    ) -> Result<Option<Arc<CredentialRecord>>, Unavailable> {
        if let Some(here) = self.hot.credential(credential) {
            return Ok(Some(here));
        }
        let found = under_deadline(self.warm.credential(credential)).await;
        self.count(&found);
        Ok(found?.and_then(|record| self.hot.admit_credential(Arc::new(record))))
    }
}
