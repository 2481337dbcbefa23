//! Tells the shared tier of revocations: which sessions end because a password was changed or a passkey removed, and which
//! access tokens because their grant or their client has ended.
//!
//! Each is noted in the transaction of the fact that demands it (an outbox), told at once, and forgotten when the tier
//! has it. If the process or the tier dies in between, it is told again. Then it ends what has been opened since, too:
//! somebody signs in once more, and nobody stays who should not.

use crate::fault::Fault;
use crate::model::Revocation;
use crate::store::Store;
use aldgate_core::id::Lane;
use aldgate_core::warm::{Unavailable, Warm};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How many are read at a time; at rest there is none.
const READ_MAX: u32 = 100;

/// How often it is looked whether one was left: what a password change ends, it ends within a second of the tier's
/// return.
const LOOK: Duration = Duration::from_secs(1);

/// Tells a tier what a store notes.
pub(crate) struct Herald {
    store: Store,
    warm: Arc<dyn Warm>,
    /// One at a time, in the order in which they were noted.
    telling: Mutex<()>,
    /// Whether some wait: said once, and not every second.
    failing: AtomicBool,
}

impl Herald {
    pub(crate) fn new(store: Store, warm: Arc<dyn Warm>) -> Self {
        Self { store, warm, telling: Mutex::new(()), failing: AtomicBool::new(false) }
    }

    /// Tells all that is noted. What cannot be told now is told later: the fact stands, and nobody has to repeat it.
    pub(crate) async fn tell(&self) {
        match self.try_tell().await {
            Err(error) if !self.failing.swap(true, Ordering::Relaxed) => {
                tracing::warn!(%error, "revocations wait for the shared tier");
            }
            Ok(()) if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::warn!("the shared tier has been told of every revocation");
            }
            _ => {}
        }
    }

    /// Tells what was left, for as long as it is polled.
    pub(crate) async fn run(&self) {
        loop {
            self.tell().await;
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn try_tell(&self) -> Result<(), Fault> {
        let _one_at_a_time = self.telling.lock().await;
        let sessions = self.try_tell_of_sessions().await;
        self.try_tell_of_tokens().await.and(sessions)
    }

    /// Of a lane that the tier cannot be told of now, the rest waits too; what is of other lanes does not wait for it.
    async fn try_tell_of_sessions(&self) -> Result<(), Fault> {
        let (mut down, mut failed, mut after) = (BTreeSet::<Lane>::new(), None, 0);
        loop {
            let untold = self.store.untold_revocations(after, READ_MAX).await?;
            let Some((last, _)) = untold.last() else { break };
            after = *last;
            for (n, revocation) in untold {
                let lane = revocation.account.lane();
                if down.contains(&lane) {
                    continue;
                }
                match self.revoke(&revocation).await {
                    Ok(()) => self.store.revocation_told(n).await?,
                    Err(unavailable) => {
                        down.insert(lane);
                        failed = Some(unavailable);
                    }
                }
            }
        }
        failed.map_or(Ok(()), |unavailable| Err(unavailable.into()))
    }

    /// The same; what is read at a time is told at once, since an account may have many grants.
    async fn try_tell_of_tokens(&self) -> Result<(), Fault> {
        let (mut down, mut failed, mut after) = (BTreeSet::<Lane>::new(), None, 0);
        loop {
            let mut untold = self.store.untold_tokens(after, READ_MAX).await?;
            let Some((last, _)) = untold.last() else { break };
            after = *last;
            untold.retain(|(_, ended)| !down.contains(&ended.digest.lane()));
            let telling = untold.iter().map(|(_, ended)| self.warm.revoke_token(&ended.digest, ended.until));
            let mut told = Vec::new();
            for ((n, ended), answer) in untold.iter().zip(join_all(telling).await) {
                match answer {
                    Ok(()) => told.push(*n),
                    Err(unavailable) => {
                        down.insert(ended.digest.lane());
                        failed = Some(unavailable);
                    }
                }
            }
            self.store.ended_tokens_told(told).await?;
        }
        failed.map_or(Ok(()), |unavailable| Err(unavailable.into()))
    }

    async fn revoke(&self, revocation: &Revocation) -> Result<(), Unavailable> {
        let Revocation { account, credential, keep } = revocation;
        match credential {
            Some(credential) => {
                self.warm.retire_credential(account, credential).await?;
                self.warm.end_sessions_of_credential(account, credential, keep.as_ref()).await?;
            }
            None => drop(self.warm.end_sessions(account, keep.as_ref()).await?),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grant, GrantId, PasswordHash};
    use crate::store::tests::{ACT, Home, credential, with_passkey};
    use crate::store::{Addition, Creation, Redemption, Removal};
    use aldgate_core::id::{AccountId, SessionId, TokenDigest};
    use aldgate_core::session::record::SessionRecord;
    use aldgate_core::testing::authenticator::Authenticator;
    use aldgate_core::testing::world;
    use aldgate_core::token::family;
    use aldgate_core::warm::Opening;
    use aldgate_core::warm::memory::MemoryWarm;

    async fn open(warm: &MemoryWarm, byte: u8, record: SessionRecord) -> SessionId {
        let session = SessionId::from_bytes([byte; 16]);
        warm.open_session(&Opening { session, record, replaces: None }).await.expect("open");
        session
    }

    #[tokio::test]
    async fn what_a_tier_could_not_be_told_it_is_told_when_it_is_back() {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let new = with_passkey(0);
        assert_eq!(home.store.create_account(&new).await, Ok(Creation::Created));
        let record = SessionRecord { account: new.id, ..world::session_record() };
        let (mine, other) = (open(&warm, 1, record).await, open(&warm, 2, record).await);
        let herald = Herald::new(home.store.clone(), warm.clone());
        warm.set_down(true);
        let password = PasswordHash::new("$argon2id$".into());
        assert_eq!(home.store.set_password(&new.id, None, &password, Some(mine), ACT).await, Ok(true));
        herald.tell().await;
        warm.set_down(false);
        assert!(warm.session(&other).await.expect("read").is_some(), "it has not heard");
        Herald::new(home.store.clone(), warm.clone()).tell().await; // Another process, after a crash.
        assert!(warm.session(&other).await.expect("read").is_none());
        assert!(warm.session(&mine).await.expect("read").is_some());
        assert_eq!(home.store.untold_revocations(0, 1).await, Ok(Vec::new()), "nothing is told for ever");
    }

    #[tokio::test]
    async fn what_waits_for_one_lane_holds_up_no_other() {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let users = [with_passkey(0), with_passkey(2)];
        assert_ne!(users[0].id.lane(), users[1].id.lane());
        let password = PasswordHash::new("$argon2id$".into());
        let mut sessions = Vec::new();
        for (byte, user) in (1..).zip(&users) {
            assert_eq!(home.store.create_account(user).await, Ok(Creation::Created));
            sessions.push(open(&warm, byte, SessionRecord { account: user.id, ..world::session_record() }).await);
        }
        warm.set_lane_down(Some(users[0].id.lane()));
        for n in 0..READ_MAX {
            let before = (n > 0).then_some(&password);
            assert_eq!(home.store.set_password(&users[0].id, before, &password, None, ACT).await, Ok(true));
        }
        assert_eq!(home.store.set_password(&users[1].id, None, &password, None, ACT).await, Ok(true));
        let herald = Herald::new(home.store.clone(), warm.clone());
        herald.tell().await;
        assert!(warm.session(&sessions[0]).await.expect("read").is_some(), "its lane is down");
        assert!(warm.session(&sessions[1]).await.expect("read").is_none(), "however many are before it");
        warm.set_lane_down(None);
        herald.tell().await;
        assert!(warm.session(&sessions[0]).await.expect("read").is_none());
        assert_eq!(home.store.untold_revocations(0, 1).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn a_removed_passkey_is_retired_with_its_sessions() {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let (new, second) = (with_passkey(0), Authenticator::derived(1, 1));
        assert_eq!(home.store.create_account(&new).await, Ok(Creation::Created));
        assert_eq!(home.store.add_passkey(&new.id, &credential(&second)).await, Ok(Addition::Added));
        let passkey = second.record();
        warm.publish_credential(&passkey).await.expect("published");
        let by_password = SessionRecord { account: new.id, ..world::session_record() };
        let by_passkey = SessionRecord { credential: Some(passkey.digest), ..by_password };
        let (stays, ends) = (open(&warm, 1, by_password).await, open(&warm, 2, by_passkey).await);
        assert_eq!(home.store.remove_passkey(&new.id, &passkey.digest, None, ACT).await, Ok(Removal::Removed));
        Herald::new(home.store.clone(), warm.clone()).tell().await;
        assert_eq!(warm.credential(&passkey.digest).await, Ok(None));
        assert!(warm.session(&ends).await.expect("read").is_none());
        assert!(warm.session(&stays).await.expect("read").is_some());
    }

    fn ended(n: u8) -> TokenDigest {
        family::of_grant(&[n; 16])
    }

    async fn end_grant(home: &Home, account: &AccountId, n: u8) {
        let grant = Grant {
            id: GrantId::from_bytes([n; 16]),
            account: *account,
            session: None,
            client: "rp".into(),
            record: Vec::new(),
            generation: 0,
            created: world::NOW,
            expires: world::NOW.plus(Duration::from_hours(1)),
            revoked: false,
        };
        assert_eq!(home.store.redeem(&grant, None).await, Ok(Redemption::Redeemed));
        assert_eq!(home.store.revoke_grant(&grant.id, world::NOW).await, Ok(true));
    }

    #[tokio::test]
    async fn the_end_of_a_grant_is_told_when_the_tier_is_back_and_not_for_ever() {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let account = with_passkey(0).id;
        for n in 0..=u8::MAX {
            end_grant(&home, &account, n).await;
        }
        warm.set_down(true);
        Herald::new(home.store.clone(), warm.clone()).tell().await;
        warm.set_down(false);
        assert_eq!(warm.token_revoked(&ended(0)).await, Ok(false), "it has not heard");
        Herald::new(home.store.clone(), warm.clone()).tell().await; // Another process, after a crash.
        for n in 0..=u8::MAX {
            assert_eq!(warm.token_revoked(&ended(n)).await, Ok(true), "{n}");
        }
        assert_eq!(home.store.untold_tokens(0, 1).await, Ok(Vec::new()));
    }
}
