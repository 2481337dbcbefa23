//! What any warm tier must do, as one suite: run over the memory tier, the embedded one, and Redis alone and as a
//! Cluster.
//!
//! The suite speaks only the trait's verbs. How a passkey comes to be registered differs from tier to tier, so that is
//! a seam. Each case makes accounts and sessions of its own, so the cases may share one tier.

#![expect(clippy::expect_used, reason = "testing code: a failed expectation is a failed case")]

use crate::id::{AccountId, CredentialDigest, SessionId, SingleUse, TokenDigest};
use crate::language::Language;
use crate::session::record::SessionRecord;
use crate::testing::authenticator::Authenticator;
use crate::testing::world::{self, NOW};
use crate::time::Timestamp;
use crate::warm::change::{Change, Feed, Follower};
use crate::warm::login_event::{LoginEvents, PasskeyUsed};
use crate::warm::{Consumption, Opening, PasskeyLogin, Settlement, Warm};
use crate::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// How a passkey comes and goes, other than through warm.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Registers the passkey of a user, and publishes it; gives its record.
    async fn register(&self, user: u64) -> CredentialRecord;
    /// Removes a passkey, and retires it.
    async fn remove(&self, record: &CredentialRecord);
    /// Disables the account of a passkey, or enables it again, and publishes that; gives the record as it is then.
    async fn set_disabled(&self, record: &CredentialRecord, disabled: bool) -> CredentialRecord;
}

/// A tier that has no home for passkeys apart from itself: publishing one is all there is to registering it.
#[derive(Debug)]
pub struct Publishing<W>(pub Arc<W>);

#[async_trait]
impl<W: Warm> Registry for Publishing<W> {
    async fn register(&self, user: u64) -> CredentialRecord {
        let record = Authenticator::derived(2, user).record();
        self.0.publish_credential(&record).await.expect("warm answers");
        record
    }

    async fn remove(&self, record: &CredentialRecord) {
        self.0.retire_credential(&record.account, &record.digest).await.expect("warm answers");
    }

    async fn set_disabled(&self, record: &CredentialRecord, disabled: bool) -> CredentialRecord {
        let record = CredentialRecord { disabled, revision: record.revision + 1, ..record.clone() };
        self.0.publish_credential(&record).await.expect("warm answers");
        record
    }
}

/// Remembers what it was told.
#[derive(Default)]
struct Notebook(Mutex<Vec<Change>>);

impl Follower for Notebook {
    fn apply(&self, change: &Change) {
        self.0.lock().expect("no panic").push(change.clone());
    }

    fn feed(&self, _: Feed) {}
}

impl Notebook {
    fn has(&self, change: &Change) -> bool {
        self.0.lock().expect("no panic").contains(change)
    }

    fn ended(&self, session: SessionId) -> bool {
        self.has(&Change::SessionEnded(session))
    }
}

struct Suite {
    warm: Arc<dyn Warm>,
    registry: Arc<dyn Registry>,
    notebook: Arc<Notebook>,
}

/// A session of an account, in its lane as all are.
fn session_id(case: &str, n: u64, account: AccountId) -> SessionId {
    SessionId::from_slice(&single_use(case, n).as_bytes()[..16]).expect("16 bytes").in_lane(account.lane())
}

fn single_use(case: &str, n: u64) -> SingleUse {
    SingleUse::of(format!("{case} {n}").as_bytes())
}

fn opening(case: &str, n: u64, account: AccountId, credential: Option<CredentialDigest>) -> Opening {
    let record = SessionRecord { account, credential, ..world::session_record() };
    Opening { session: session_id(case, n, account), record, replaces: None }
}

fn login(case: &str, n: u64, record: &CredentialRecord, sign_count: u32) -> PasskeyLogin {
    PasskeyLogin {
        challenge: single_use(case, n),
        challenge_expires: NOW.plus(Duration::from_mins(5)),
        credential: record.clone(),
        sign_count,
        backup_state: false,
        opening: opening(case, n, record.account, Some(record.digest)),
        new_browser: None,
    }
}

/// All of it, over one tier.
pub async fn suite(warm: Arc<dyn Warm>, registry: Arc<dyn Registry>) {
    let notebook = Arc::new(Notebook::default());
    warm.follow(notebook.clone());
    let suite = Suite { warm, registry, notebook };
    suite.a_settled_login_has_its_session_and_its_counter().await;
    suite.refusals_come_in_order_and_change_nothing().await;
    suite.a_disabled_account_is_opened_by_no_passkey_whatever_copy_it_was_verified_against().await;
    suite.one_challenge_opens_one_session().await;
    suite.one_counter_value_opens_one_session().await;
    suite.passkeys_without_a_counter_log_in_at_once().await;
    suite.many_people_log_in_at_once().await;
    suite.a_replaced_session_ends_and_the_followers_know().await;
    suite.use_is_noted_forward_only().await;
    suite.sessions_end_by_account_and_by_passkey().await;
    suite.a_replaced_session_of_another_account_ends().await;
    suite.a_value_is_consumed_once().await;
    suite.a_token_is_revoked_and_the_followers_know().await;
    suite.the_followers_know_of_new_provider_keys().await;
    suite.passkeys_are_published_and_retired().await;
}

/// What a tier that keeps log-ins for the cold one must do besides.
pub async fn login_events<W: Warm + LoginEvents>(tier: Arc<W>, registry: Arc<dyn Registry>) {
    let record = registry.register(9).await;
    let lane = record.account.lane();
    let read = async |after, max| tier.login_events(lane, after, max).await.expect("warm answers");
    // The lane is not this case's alone.
    let mut before = 0;
    while let Some((last, _)) = read(before, 100).await.last() {
        before = *last;
    }
    let settled = async |n: u32| {
        // One of them in a browser that was new to the account: the cold tier learns that, and in which language.
        let new_browser = (n == 2).then_some(Language::Welsh);
        let login = PasskeyLogin { new_browser, ..login("events", n.into(), &record, n) };
        assert_eq!(tier.settle(&login).await, Ok(Settlement::Settled));
        login
    };
    let logins = [settled(1).await, settled(2).await, settled(3).await];
    let regressed = login("events", 4, &record, 3);
    assert_eq!(tier.settle(&regressed).await, Ok(Settlement::CounterRegressed));
    let plain = opening("events", 5, record.account, None);
    tier.open_session(&plain).await.expect("warm answers");

    let mut expected: Vec<_> = logins.iter().map(|login| Some(used(login))).collect();
    expected.push(None);
    let first = read(before, 2).await;
    let events = [first.clone(), read(first[1].0, 100).await].concat();
    assert!(events.is_sorted_by(|(a, _), (b, _)| a < b) && events[0].0 > before, "{events:?}");
    assert!(events.iter().map(|(_, event)| event.passkey).eq(expected));
    let openings = logins.iter().map(|login| &login.opening).chain([&plain]);
    assert!(events.iter().zip(openings).all(|((_, event), opening)| {
        let record = &opening.record;
        (event.account, event.session, event.at) == (record.account, opening.session, record.authenticated)
    }));

    tier.forget_login_events(lane, events[1].0).await.expect("warm answers");
    assert_eq!(read(0, 100).await, events[2..], "what is settled is let go of");
    tier.forget_login_events(lane, events[3].0).await.expect("warm answers");
    tier.forget_login_events(lane, events[3].0).await.expect("warm answers");
    assert_eq!(read(0, 100).await, []);
    let next = settled(4).await;
    let later = read(events[3].0, 100).await;
    assert_eq!(later.iter().map(|(_, event)| event.session).collect::<Vec<_>>(), [next.opening.session]);
}

/// What a log-in made of its passkey, which was published once and used with the counters 1, 2, 3 and so on.
fn used(login: &PasskeyLogin) -> PasskeyUsed {
    PasskeyUsed {
        credential: login.credential.digest,
        sign_count: login.sign_count,
        backup_state: login.backup_state,
        new_browser: login.new_browser,
        revision: login.credential.revision + u64::from(login.sign_count),
    }
}

impl Suite {
    async fn settle(&self, login: &PasskeyLogin) -> Settlement {
        self.warm.settle(login).await.expect("warm answers")
    }

    async fn open(&self, opening: &Opening) {
        self.warm.open_session(opening).await.expect("warm answers");
    }

    async fn session(&self, session: &SessionId) -> Option<SessionRecord> {
        self.warm.session(session).await.expect("warm answers")
    }

    async fn credential(&self, digest: &CredentialDigest) -> Option<CredentialRecord> {
        self.warm.credential(digest).await.expect("warm answers")
    }

    /// Settles all at once, each on a task of its own; gives the outcomes in the order of the log-ins.
    async fn settle_at_once(&self, logins: &[PasskeyLogin]) -> Vec<Settlement> {
        let mut tasks = JoinSet::new();
        for (n, login) in logins.iter().cloned().enumerate() {
            let warm = self.warm.clone();
            tasks.spawn(async move { (n, warm.settle(&login).await.expect("warm answers")) });
        }
        let mut outcomes = tasks.join_all().await;
        outcomes.sort_by_key(|(n, _)| *n);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn a_settled_login_has_its_session_and_its_counter(&self) {
        let record = self.registry.register(1).await;
        assert_eq!(self.credential(&record.digest).await, Some(record.clone()));
        let login = PasskeyLogin { backup_state: true, ..login("settled", 1, &record, 7) };
        assert_eq!(self.settle(&login).await, Settlement::Settled);
        assert_eq!(self.session(&login.opening.session).await, Some(login.opening.record));
        let after = CredentialRecord { sign_count: 7, backup_state: true, revision: record.revision + 1, ..record };
        assert_eq!(self.credential(&after.digest).await, Some(after.clone()));
        assert!(self.notebook.has(&Change::CredentialChanged(Arc::new(after))));
    }

    async fn refusals_come_in_order_and_change_nothing(&self) {
        let record = self.registry.register(2).await;
        assert_eq!(self.settle(&login("refusals", 1, &record, 5)).await, Settlement::Settled);
        let regressed = login("refusals", 2, &record, 5);
        assert_eq!(self.settle(&regressed).await, Settlement::CounterRegressed);
        assert_eq!(self.session(&regressed.opening.session).await, None);
        let zero = login("refusals", 3, &record, 0);
        assert_eq!(self.settle(&zero).await, Settlement::CounterRegressed);
        let unconsumed = PasskeyLogin { sign_count: 6, ..regressed };
        assert_eq!(self.settle(&unconsumed).await, Settlement::Settled, "a refusal consumes nothing");
        self.registry.remove(&record).await;
        let gone = login("refusals", 4, &record, 1);
        assert_eq!(self.settle(&gone).await, Settlement::CredentialGone);
        assert_eq!(self.session(&gone.opening.session).await, None);
        let used = PasskeyLogin { challenge: unconsumed.challenge, ..gone };
        assert_eq!(self.settle(&used).await, Settlement::ChallengeUsed, "the challenge is judged first");
    }

    async fn a_disabled_account_is_opened_by_no_passkey_whatever_copy_it_was_verified_against(&self) {
        let before = self.registry.register(11).await;
        let disabled = self.registry.set_disabled(&before, true).await;
        let found = self.credential(&before.digest).await.expect("a passkey");
        assert!(found.disabled && disabled.disabled, "{found:?}");
        for (n, copy) in (1..).zip([&before, &disabled]) {
            let login = login("disabled", n, copy, 1);
            assert_eq!(self.settle(&login).await, Settlement::AccountDisabled, "{copy:?}");
            assert_eq!(self.session(&login.opening.session).await, None);
        }
        let enabled = self.registry.set_disabled(&disabled, false).await;
        assert!(!self.credential(&before.digest).await.expect("a passkey").disabled);
        // A gateway may have missed that, and says so with what it knows: the tier knows better.
        assert_eq!(self.settle(&login("disabled", 3, &disabled, 2)).await, Settlement::Settled, "{enabled:?}");
        assert_eq!(self.settle(&login("disabled", 4, &enabled, 3)).await, Settlement::Settled);
    }

    async fn one_challenge_opens_one_session(&self) {
        let record = self.registry.register(3).await;
        let challenge = single_use("one challenge", 0);
        let contender = |n: u64| PasskeyLogin {
            challenge,
            ..login("one challenge", n, &record, u32::try_from(n).expect("small") + 1)
        };
        let logins: Vec<_> = (0..100).map(contender).collect();
        let outcomes = self.settle_at_once(&logins).await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settlement::Settled).count(), 1);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settlement::ChallengeUsed).count(), 99);
        for (login, outcome) in logins.iter().zip(outcomes) {
            assert_eq!(self.session(&login.opening.session).await.is_some(), outcome == Settlement::Settled);
        }
    }

    async fn one_counter_value_opens_one_session(&self) {
        let record = self.registry.register(4).await;
        let logins: Vec<_> = (0..100).map(|n| login("one counter", n, &record, 9)).collect();
        let outcomes = self.settle_at_once(&logins).await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settlement::Settled).count(), 1);
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Settlement::CounterRegressed).count(), 99);
        assert_eq!(self.credential(&record.digest).await.map(|record| record.sign_count), Some(9));
    }

    async fn passkeys_without_a_counter_log_in_at_once(&self) {
        let record = self.registry.register(5).await;
        let logins: Vec<_> = (0..100).map(|n| login("no counter", n, &record, 0)).collect();
        let outcomes = self.settle_at_once(&logins).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Settlement::Settled));
        assert_eq!(self.credential(&record.digest).await, Some(record), "nothing has changed");
    }

    async fn many_people_log_in_at_once(&self) {
        let mut logins = Vec::new();
        for user in 100..200 {
            let record = self.registry.register(user).await;
            logins.push(login("many", 2 * user, &record, 1));
            logins.push(login("many", 2 * user + 1, &record, 0));
        }
        let outcomes = self.settle_at_once(&logins).await;
        for (login, outcome) in logins.iter().zip(outcomes) {
            let stored = self.session(&login.opening.session).await;
            assert_eq!(stored, (outcome == Settlement::Settled).then_some(login.opening.record));
            assert!(login.sign_count == 0 || outcome == Settlement::Settled);
        }
    }

    async fn a_replaced_session_ends_and_the_followers_know(&self) {
        let record = self.registry.register(6).await;
        let first = opening("replaced", 1, record.account, None);
        self.open(&first).await;
        assert_eq!(self.session(&first.session).await, Some(first.record));
        let second = Opening { replaces: Some(first.session), ..opening("replaced", 2, record.account, None) };
        self.open(&second).await;
        assert!(self.notebook.ended(first.session));
        assert_eq!(self.session(&first.session).await, None);
        let mut third = login("replaced", 3, &record, 1);
        third.opening.replaces = Some(second.session);
        assert_eq!(self.settle(&third).await, Settlement::Settled);
        assert!(self.notebook.ended(second.session));
        assert_eq!(self.session(&second.session).await, None);
        let unknown = session_id("replaced", 99, record.account);
        let fourth = Opening { replaces: Some(unknown), ..opening("replaced", 4, record.account, None) };
        self.open(&fourth).await;
        assert!(!self.notebook.ended(unknown), "what did not stand did not end");
    }

    async fn use_is_noted_forward_only(&self) {
        let open = opening("touch", 1, AccountId::from_bytes([31; 16]), None);
        let unknown = session_id("touch", 2, open.record.account);
        self.open(&open).await;
        let later = |secs| NOW.plus(Duration::from_secs(secs));
        let touch = async |seen: &[(SessionId, Timestamp)]| self.warm.touch(seen).await.expect("warm answers");
        touch(&[(open.session, later(90)), (open.session, later(60)), (unknown, NOW)]).await;
        assert_eq!(self.session(&open.session).await.map(|record| record.seen), Some(later(90)));
        touch(&[(open.session, later(30))]).await;
        touch(&[]).await;
        assert_eq!(self.session(&open.session).await, Some(SessionRecord { seen: later(90), ..open.record }));
        assert_eq!(self.session(&unknown).await, None);
        assert_eq!(self.warm.end_session(&open.record.account, &open.session).await, Ok(true));
        touch(&[(open.session, later(120))]).await;
        assert_eq!(self.session(&open.session).await, None, "an ended session stays ended");
    }

    async fn sessions_end_by_account_and_by_passkey(&self) {
        let (account, other) = (AccountId::from_bytes([32; 16]), AccountId::from_bytes([33; 16]));
        let passkey = CredentialDigest::of(b"passkey of the session cases");
        let mut open = Vec::new();
        for n in 0..6 {
            let mut opening = opening("ends", n, account, (n % 2 == 0).then_some(passkey));
            opening.record.opened = NOW.plus(Duration::from_secs(n));
            self.open(&opening).await;
            open.push(opening.session);
        }
        let theirs = opening("ends", 10, other, None);
        self.open(&theirs).await;
        let listed = self.warm.sessions_of(&account).await.expect("warm answers");
        assert!(listed.iter().map(|(id, _)| id).eq(open.iter().rev()), "newest first");
        assert_eq!(self.warm.end_session(&account, &theirs.session).await, Ok(false), "another's session");
        assert_eq!(self.warm.end_session(&account, &open[5]).await, Ok(true));
        assert_eq!(self.warm.end_session(&account, &open[5]).await, Ok(false));
        assert_eq!(self.warm.end_sessions_of_credential(&account, &passkey, Some(&open[0])).await, Ok(2));
        assert!(self.notebook.ended(open[2]) && self.notebook.ended(open[4]) && !self.notebook.ended(open[0]));
        assert_eq!(self.warm.end_sessions(&account, Some(&open[1])).await, Ok(2));
        let left = self.warm.sessions_of(&account).await.expect("warm answers");
        assert_eq!(left.iter().map(|(id, _)| *id).collect::<Vec<_>>(), vec![open[1]]);
        assert_eq!(self.warm.end_sessions(&account, None).await, Ok(1));
        assert_eq!(self.warm.sessions_of(&other).await.map(|sessions| sessions.len()), Ok(1));
    }

    async fn a_value_is_consumed_once(&self) {
        let value = single_use("consume", 1);
        let until = NOW.plus(Duration::from_mins(5));
        let consume = |value| {
            let warm = self.warm.clone();
            async move { warm.consume(&value, until).await.expect("warm answers") }
        };
        let mut tasks = JoinSet::new();
        (0..100).for_each(|_| drop(tasks.spawn(consume(value))));
        let outcomes = tasks.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Consumption::Consumed).count(), 1);
        assert_eq!(consume(single_use("consume", 2)).await, Consumption::Consumed, "another value is another value");
    }

    async fn a_token_is_revoked_and_the_followers_know(&self) {
        let (token, other) = (TokenDigest::of(b"a revoked token"), TokenDigest::of(b"another token"));
        for _ in 0..2 {
            self.warm.revoke_token(&token, NOW.plus(Duration::from_mins(5))).await.expect("warm answers");
            assert_eq!(self.warm.token_revoked(&token).await, Ok(true));
        }
        assert!(self.notebook.has(&Change::TokenRevoked(token)));
        assert_eq!(self.warm.token_revoked(&other).await, Ok(false));
    }

    async fn the_followers_know_of_new_provider_keys(&self) {
        self.warm.provider_keys_changed().await.expect("warm answers");
        assert!(self.notebook.has(&Change::ProviderKeysChanged));
    }

    /// Somebody else's session in the same browser may lie in another place of the tier.
    async fn a_replaced_session_of_another_account_ends(&self) {
        let theirs = opening("other replaced", 1, AccountId::from_bytes([0x1f; 16]), None);
        let mine = AccountId::from_bytes([0xf1; 16]);
        self.open(&theirs).await;
        self.open(&Opening { replaces: Some(theirs.session), ..opening("other replaced", 2, mine, None) }).await;
        assert_eq!(self.session(&theirs.session).await, None);
        assert!(self.notebook.ended(theirs.session));
    }

    async fn passkeys_are_published_and_retired(&self) {
        let record = self.registry.register(8).await;
        assert!(self.notebook.has(&Change::CredentialChanged(Arc::new(record.clone()))));
        assert_eq!(self.credential(&record.digest).await, Some(record.clone()));
        self.registry.remove(&record).await;
        assert!(self.notebook.has(&Change::CredentialRetired(record.digest)));
        assert_eq!(self.credential(&record.digest).await, None);
    }
}
