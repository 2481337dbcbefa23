//! Which clients must hear that sessions have ended: those that serve the person from one of them.
//!
//! A session that stands no more, and whose clients were not told, has ended too: it ran out, or another took its place in
//! the same browser, as when somebody proves more of themselves. Its clients hear of it together with the next end that
//! the person brings about: from then on nobody is signed in there.

use crate::deliveries::{Deliverer, Undelivered};
use crate::fault::Fault;
use crate::model::Farewell;
use crate::store::delivery::{Due, Kind};
use crate::store::{FAREWELL, Store};
use aldgate_core::id::SessionId;
use aldgate_core::session::record::{SessionRecord, Standing};
use aldgate_core::time::Timestamp;
use aldgate_core::warm::Warm;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Makes of the end of sessions a notice for each client.
pub(super) struct Farewells {
    pub(super) store: Store,
    pub(super) warm: Arc<dyn Warm>,
}

impl Farewells {
    async fn announce(&self, farewell: &Farewell, now: Timestamp) -> Result<(), Fault> {
        let Farewell { account, at, .. } = farewell;
        let mut served = self.store.client_sessions(account, *at).await?;
        if served.is_empty() {
            return Ok(());
        }
        let stay = self.staying(farewell, now).await?;
        served.retain(|(session, _)| !stay.contains(session));
        Ok(self.store.announce(account, served, now).await?)
    }

    /// The sessions that stand, and are not meant.
    async fn staying(&self, farewell: &Farewell, now: Timestamp) -> Result<BTreeSet<SessionId>, Fault> {
        let standing = self.warm.sessions_of(&farewell.account).await?;
        let stay = standing
            .into_iter()
            .filter(|(session, record)| stands(record, now) && !farewell.ending.ends(*session, Some(record)));
        Ok(stay.map(|(session, _)| session).collect())
    }
}

/// Whether a session stands: its last use may be later than its record knows.
fn stands(record: &SessionRecord, now: Timestamp) -> bool {
    record.standing(record.seen.plus(record.touch_after()), now) == Standing::Live
}

#[async_trait]
impl Deliverer for Farewells {
    fn kind(&self) -> Kind {
        FAREWELL
    }

    async fn deliver(&self, due: &Due, now: Timestamp) -> Result<(), Undelivered> {
        let farewell = Farewell::decode(&due.payload);
        let farewell = farewell.ok_or_else(|| Undelivered::Never("it is of another version".into()))?;
        self.announce(&farewell, now).await.map_err(|fault| Undelivered::NotNow(fault.to_string()))
    }
}
