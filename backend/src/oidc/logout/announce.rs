//! Which clients must hear that sessions end: those that a grant was made for in one of them.
//!
//! A session that is no more, and whose clients were not told, has ended too: it ran out, or another took its place in
//! the same browser, as when somebody proves more of themselves. Its clients hear of it together with the next end that
//! the person brings about: from then on nobody is signed in there.

use super::LogoutNotice;
use crate::fault::Fault;
use crate::model::GrantId;
use crate::oidc::Provider;
use crate::oidc::grant_record::GrantRecord;
use aldgate_core::id::{AccountId, CredentialDigest, SessionId};
use aldgate_core::time::Timestamp;
use std::collections::BTreeSet;

/// Which sessions of an account are about to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// One.
    One(SessionId),
    /// All but one, if one stays.
    AllBut(Option<SessionId>),
    /// All that a passkey opened, but for one.
    OfPasskey {
        /// The passkey.
        passkey: CredentialDigest,
        /// The session that stays.
        keep: SessionId,
    },
}

/// What clients are to be told once sessions end, and the grants for which that is settled then.
#[derive(Debug, Default)]
#[must_use = "nobody is told before it is noted"]
pub(crate) struct Farewell {
    notices: Vec<LogoutNotice>,
    grants: Vec<GrantId>,
}

impl Provider {
    /// What clients are to be told when sessions of an account end: asked while the sessions stand. Whoever signs out
    /// wants that first: where it cannot be found out, they end all the same, and the log says so.
    pub(crate) async fn farewell(&self, account: &AccountId, ending: Ending, now: Timestamp) -> Farewell {
        self.find_farewell(account, ending, now).await.unwrap_or_else(|error| {
            tracing::error!(%error, "clients will not be told of a log-out");
            Farewell::default()
        })
    }

    /// Notes a farewell: before the sessions end, where nothing can keep them from it, else as soon as they have.
    pub(crate) async fn note_farewell(&self, farewell: Farewell) {
        if let Err(error) = self.logouts.note(farewell.notices, farewell.grants).await {
            tracing::error!(%error, "clients will not be told of a log-out");
        }
    }

    async fn find_farewell(&self, account: &AccountId, ending: Ending, now: Timestamp) -> Result<Farewell, Fault> {
        let grants = self.store.untold_grants(account, now).await?;
        let mut farewell = Farewell::default();
        if grants.is_empty() {
            return Ok(farewell);
        }
        let (stay, mut told) = (self.staying_sessions(account, ending).await?, BTreeSet::new());
        for grant in grants {
            let Some(record) = GrantRecord::decode(&grant.record) else { continue };
            if stay.contains(&record.session) {
                continue;
            }
            farewell.grants.push(grant.id);
            let told_client = self.registry.find(&grant.client).filter(|client| client.logout().is_some());
            let Some(client) = told_client else { continue };
            if told.insert((grant.client.clone(), record.session)) {
                let session = self.sessions.name(&record.session, &grant.client);
                let subject = self.subject(&client, account);
                farewell.notices.push(self.logouts.notice(grant.client, subject, session, now)?);
            }
        }
        Ok(farewell)
    }

    /// The sessions that stand, and will.
    async fn staying_sessions(&self, account: &AccountId, ending: Ending) -> Result<BTreeSet<SessionId>, Fault> {
        let standing = self.warm.sessions_of(account).await?;
        let stay = standing.into_iter().filter(|(session, record)| match ending {
            Ending::One(one) => *session != one,
            Ending::AllBut(keep) => Some(*session) == keep,
            Ending::OfPasskey { passkey, keep } => record.credential != Some(passkey) || *session == keep,
        });
        Ok(stay.map(|(session, _)| session).collect())
    }
}
