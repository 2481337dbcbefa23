//! Tells the shared tier what has changed: which passkeys are worth another thing because an account was disabled or its
//! identity is another, which sessions end because a password was changed or a passkey removed, and which access tokens
//! because their grant or their client has ended.
//!
//! Each is noted in the transaction of the fact that demands it (an outbox), told at once, and forgotten when the tier
//! has it. If the process or the tier dies in between, it is told again. Then it ends what has been opened since, too:
//! somebody signs in once more, and nobody stays who should not.

use crate::fault::Fault;
use crate::model::{ChangedPasskeys, EndedTokens, News, Revocation};
use crate::store::{Queue, Store};
use aldgate_core::id::Lane;
use aldgate_core::warm::{Unavailable, Warm};
use futures_util::future::join_all;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// How many are read at a time; at rest there is none.
const READ_MAX: u32 = 100;

/// How often it is looked whether one was left: what a password change ends, it ends within a second of the tier's
/// return.
const LOOK: Duration = Duration::from_secs(1);

/// How often one account's passkeys are told until they are what was told: an administrator changes them a few times a year.
const LOOKS_MAX: u32 = 5;

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
                tracing::warn!(%error, "what has changed waits for the shared tier");
            }
            Ok(()) if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::warn!("the shared tier has been told of every change");
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
        let (mut down, mut told) = (BTreeSet::new(), Ok(()));
        for queue in Queue::ALL {
            told = told.and(self.try_tell_queue(queue, &mut down).await);
        }
        told
    }

    /// What is read at a time is told at once. Of a lane that the tier cannot be told of now, the rest waits too; what is of
    /// other lanes does not wait for it.
    async fn try_tell_queue(&self, queue: Queue, down: &mut BTreeSet<Lane>) -> Result<(), Fault> {
        let (mut failed, mut after) = (Ok(()), 0);
        loop {
            let mut untold = self.store.untold(queue, after, READ_MAX).await?;
            let Some((last, _)) = untold.last() else { return failed };
            after = *last;
            untold.retain(|(_, news)| !down.contains(&news.lane()));
            let answers = join_all(untold.iter().map(|(_, news)| self.tell_one(news))).await;
            let mut told = Vec::new();
            for ((n, news), answer) in untold.iter().zip(answers) {
                match answer {
                    Ok(()) => told.push(*n),
                    Err(fault) => {
                        down.insert(news.lane());
                        failed = Err(fault);
                    }
                }
            }
            if !told.is_empty() {
                self.store.told(queue, told).await?;
            }
        }
    }

    async fn tell_one(&self, news: &News) -> Result<(), Fault> {
        match news {
            News::Passkeys(changed) => self.publish(changed).await?,
            News::Sessions(revocation) => self.revoke(revocation).await?,
            News::Tokens(EndedTokens { digest, until }) => self.warm.revoke_token(digest, *until).await?,
        }
        Ok(())
    }

    /// Tells what the passkeys of an account are worth now, and ends what may have been opened by what they were worth before:
    /// in this order, since between the two another may be opened.
    ///
    /// It is looked at again when it was told. Another process may have told of a later change meanwhile, and this one would
    /// have put an earlier state in its place; whoever comes last sees the last.
    async fn publish(&self, ChangedPasskeys { account, ends_all }: &ChangedPasskeys) -> Result<(), Fault> {
        let mut told = BTreeMap::new();
        for _ in 0..LOOKS_MAX {
            let records = self.store.credentials_of(account).await?;
            let worth = records.iter().map(|record| (record.digest, (record.identity, record.disabled))).collect();
            if worth == told {
                if *ends_all {
                    self.warm.end_sessions(account, None).await?;
                }
                return Ok(());
            }
            for record in &records {
                self.warm.publish_credential(record).await?;
            }
            told = worth;
        }
        Err(Unavailable("the passkeys of an account change all the time".into()).into())
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
    use crate::model::{DisabledFor, Grant, GrantId, PasswordHash, Person};
    use crate::store::tests::{ACT, Home, credential, with_passkey};
    use crate::store::{Addition, Creation, Recovery, Redemption, Removal, Switching, Verification};
    use aldgate_core::assurance::IdentityLevel;
    use aldgate_core::id::{AccountId, CredentialDigest, SessionId, SingleUse, TokenDigest};
    use aldgate_core::session::record::SessionRecord;
    use aldgate_core::testing::authenticator::Authenticator;
    use aldgate_core::testing::world;
    use aldgate_core::time::Timestamp;
    use aldgate_core::token::family;
    use aldgate_core::warm::change::Follower;
    use aldgate_core::warm::memory::MemoryWarm;
    use aldgate_core::warm::{Consumption, Opening, PasskeyLogin, Settlement};
    use aldgate_core::webauthn::credential::CredentialRecord;

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
        assert_eq!(home.store.untold(Queue::Sessions, 0, 1).await, Ok(Vec::new()), "nothing is told for ever");
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
        assert_eq!(home.store.untold(Queue::Sessions, 0, 1).await, Ok(Vec::new()));
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

    /// Somebody with a passkey that was verified to P9, whose identity the tier knows at that level.
    async fn verified(home: &Home, warm: &MemoryWarm) -> (AccountId, CredentialDigest) {
        let (new, passkey) = (with_passkey(0), Authenticator::derived(1, 0).record().digest);
        assert_eq!(home.store.create_account(&new).await, Ok(Creation::Created));
        let verified = home.store.set_person(&new.id, IdentityLevel::P9, &Person::default(), ACT).await;
        assert_eq!(verified, Ok(Verification::Written));
        Herald::new(home.store.clone(), Arc::new(MemoryWarm::default())).tell().await;
        let record = home.store.credential(&passkey).await.expect("read").expect("a passkey");
        assert_eq!(record.identity, IdentityLevel::P9);
        warm.publish_credential(&record).await.expect("published");
        (new.id, passkey)
    }

    #[tokio::test]
    async fn a_passkey_that_recovery_lowers_is_so_in_the_tier_when_it_is_back_and_what_it_opened_meanwhile_ends() {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let (account, passkey) = verified(&home, &warm).await;
        warm.set_down(true);
        let new = PasswordHash::new("$argon2id$new".into());
        assert_eq!(home.store.recover(&account, None, &new, None, ACT).await, Ok(Recovery::Recovered));
        Herald::new(home.store.clone(), warm.clone()).tell().await;
        warm.set_down(false);
        let known = async || warm.credential(&passkey).await.expect("read").expect("a passkey").identity;
        assert_eq!(known().await, IdentityLevel::P9, "it has not heard");
        let high = SessionRecord { account, identity: IdentityLevel::P9, ..world::session_record() };
        let meanwhile = open(&warm, 1, high).await;
        Herald::new(home.store.clone(), warm.clone()).tell().await; // Another process, after a crash.
        assert_eq!(known().await, IdentityLevel::P0);
        assert!(warm.session(&meanwhile).await.expect("read").is_none());
        assert_eq!(home.store.untold(Queue::Passkeys, 0, 1).await, Ok(Vec::new()), "nothing is told for ever");
    }

    #[tokio::test]
    async fn a_disabled_account_is_so_in_the_tier_when_it_is_back_and_so_is_an_enabled_one() {
        let (home, warm) = (Home::new().await, Arc::new(MemoryWarm::default()));
        let (account, passkey) = verified(&home, &warm).await;
        let herald = Herald::new(home.store.clone(), warm.clone());
        let known = async || warm.credential(&passkey).await.expect("read").expect("a passkey").disabled;
        warm.set_down(true);
        let disabled = home.store.disable_account(&account, DisabledFor::Fraud, ACT).await;
        assert_eq!(disabled, Ok(Switching::Done));
        herald.tell().await;
        warm.set_down(false);
        assert!(!known().await, "it has not heard");
        herald.tell().await;
        assert!(known().await);
        assert_eq!(home.store.enable_account(&account, ACT).await, Ok(Switching::Done));
        herald.tell().await;
        assert!(!known().await);
    }

    /// A tier in which, while it is being told of a passkey, the account is disabled and another process tells that.
    struct Overtaken {
        warm: MemoryWarm,
        store: Store,
        account: AccountId,
        armed: AtomicBool,
    }

    #[async_trait::async_trait]
    impl Warm for Overtaken {
        async fn publish_credential(&self, record: &CredentialRecord) -> Result<(), Unavailable> {
            if self.armed.swap(false, Ordering::SeqCst) {
                let disabled = self.store.disable_account(&self.account, DisabledFor::Fraud, ACT).await;
                assert_eq!(disabled, Ok(Switching::Done));
                let [(n, _)] = self.store.untold(Queue::Passkeys, 1, 10).await.expect("read")[..] else {
                    panic!("one is noted")
                };
                let now = self.store.credential(&record.digest).await.expect("read").expect("a passkey");
                self.warm.publish_credential(&now).await?;
                self.store.told(Queue::Passkeys, vec![n]).await.expect("told");
            }
            self.warm.publish_credential(record).await
        }

        async fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, Unavailable> {
            self.warm.session(session).await
        }

        async fn credential(&self, digest: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
            self.warm.credential(digest).await
        }

        async fn settle(&self, login: &PasskeyLogin) -> Result<Settlement, Unavailable> {
            self.warm.settle(login).await
        }

        async fn open_session(&self, opening: &Opening) -> Result<(), Unavailable> {
            self.warm.open_session(opening).await
        }

        async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), Unavailable> {
            self.warm.touch(seen).await
        }

        async fn end_session(&self, account: &AccountId, session: &SessionId) -> Result<bool, Unavailable> {
            self.warm.end_session(account, session).await
        }

        async fn end_sessions(&self, account: &AccountId, keep: Option<&SessionId>) -> Result<usize, Unavailable> {
            self.warm.end_sessions(account, keep).await
        }

        async fn end_sessions_of_credential(
            &self,
            account: &AccountId,
            credential: &CredentialDigest,
            keep: Option<&SessionId>,
        ) -> Result<usize, Unavailable> {
            self.warm.end_sessions_of_credential(account, credential, keep).await
        }

        async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(SessionId, SessionRecord)>, Unavailable> {
            self.warm.sessions_of(account).await
        }

        async fn consume(&self, value: &SingleUse, until: Timestamp) -> Result<Consumption, Unavailable> {
            self.warm.consume(value, until).await
        }

        async fn retire_credential(&self, account: &AccountId, digest: &CredentialDigest) -> Result<(), Unavailable> {
            self.warm.retire_credential(account, digest).await
        }

        async fn revoke_token(&self, token: &TokenDigest, until: Timestamp) -> Result<(), Unavailable> {
            self.warm.revoke_token(token, until).await
        }

        async fn token_revoked(&self, token: &TokenDigest) -> Result<bool, Unavailable> {
            self.warm.token_revoked(token).await
        }

        async fn provider_keys_changed(&self) -> Result<(), Unavailable> {
            self.warm.provider_keys_changed().await
        }

        fn follow(&self, follower: Arc<dyn Follower>) {
            self.warm.follow(follower);
        }
    }

    #[tokio::test]
    async fn of_two_who_tell_of_one_account_the_later_state_stays() {
        let home = Home::new().await;
        let (new, passkey) = (with_passkey(0), Authenticator::derived(1, 0).record().digest);
        assert_eq!(home.store.create_account(&new).await, Ok(Creation::Created));
        let verified = home.store.set_person(&new.id, IdentityLevel::P9, &Person::default(), ACT).await;
        assert_eq!(verified, Ok(Verification::Written));
        let (store, armed) = (home.store.clone(), AtomicBool::new(true));
        let warm = Arc::new(Overtaken { warm: MemoryWarm::default(), store, account: new.id, armed });
        Herald::new(home.store.clone(), warm.clone()).tell().await;
        let known = warm.credential(&passkey).await.expect("read").expect("a passkey");
        assert!(known.disabled, "what the slower one had read before is not what stays");
        assert_eq!(home.store.untold(Queue::Passkeys, 0, 1).await, Ok(Vec::new()));
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
        assert_eq!(home.store.untold(Queue::Tokens, 0, 1).await, Ok(Vec::new()));
    }
}
