//! A warm tier on a test's servers, and what is put into it.

use crate::server::{Server, eventually};
use aldgate_core::hot::{Capacity, Hot, Known};
use aldgate_core::id::{AccountId, CredentialDigest, SessionId, SingleUse};
use aldgate_core::secret::Secret;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::testing::ManualClock;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::world::{self, NOW};
use aldgate_core::warm::change::{Change, Feed, Follower};
use aldgate_core::warm::redis::{NotConnected, Options, RedisWarm};
use aldgate_core::warm::{Opening, PasskeyLogin, Warm as _};
use aldgate_core::webauthn::credential::CredentialRecord;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long one call may take where the machine is busy with other tests; the deadline itself has its own test.
const DEADLINE: Duration = Duration::from_secs(5);

/// These servers, with patience.
pub(crate) fn options(addresses: &[String]) -> Options {
    let addresses = addresses.iter().map(|address| address.parse().expect("an address")).collect();
    Options { deadline: DEADLINE, ..Options::new(addresses) }
}

pub(crate) async fn connect(options: Options) -> Result<Arc<RedisWarm>, NotConnected> {
    let clock = Arc::new(ManualClock::at(NOW));
    RedisWarm::connect(options, &world::master_key(), clock, None).await.map(Arc::new)
}

/// A tier, however long a busy machine takes to greet it.
pub(crate) async fn connected(options: Options) -> Arc<RedisWarm> {
    let mut warm = None;
    eventually("the tier is connected", async || {
        warm = connect(again(&options)).await.ok();
        warm.is_some()
    })
    .await;
    warm.expect("connected")
}

/// The same options.
pub(crate) fn again(options: &Options) -> Options {
    let Options { addresses, cluster, tls, user, password, deadline, prefix } = options;
    Options {
        addresses: addresses.clone(),
        cluster: *cluster,
        tls: tls.clone(),
        user: user.clone(),
        password: password.as_ref().map(|password| Secret::new(password.expose().clone())),
        deadline: *deadline,
        prefix: prefix.clone(),
    }
}

/// A tier on one server, its feed live.
pub(crate) async fn on(server: &Server) -> Arc<RedisWarm> {
    let warm = connected(options(&[server.address()])).await;
    live(&warm).await;
    warm
}

/// A gateway: the copies that follow a tier.
pub(crate) struct Gateway {
    pub(crate) warm: Arc<RedisWarm>,
    hot: Arc<Hot>,
}

impl Gateway {
    pub(crate) fn over(warm: Arc<RedisWarm>) -> Self {
        let hot = Arc::new(Hot::new(Capacity::LEAST));
        warm.follow(hot.clone());
        Self { warm, hot }
    }

    pub(crate) fn admit(&self, opening: &Opening) {
        self.hot.admit_session(opening.session, opening.record, self.hot.ask(NOW));
    }

    /// Whether it lets the session in without a question.
    pub(crate) fn believes(&self, session: &SessionId) -> bool {
        matches!(self.hot.session(session, NOW), Known::Confirmed(_))
    }

    /// Whether it asks warm before it lets the session in.
    pub(crate) fn asks_for(&self, session: &SessionId) -> bool {
        matches!(self.hot.session(session, NOW), Known::Unconfirmed(_, NOW))
    }

    /// Whether it refuses the session without a question.
    pub(crate) fn refuses(&self, session: &SessionId) -> bool {
        matches!(self.hot.session(session, NOW), Known::Ended)
    }
}

pub(crate) async fn live(warm: &RedisWarm) {
    eventually("the feed is live", async || warm.feed_state().live).await;
}

/// A session of an account whose first byte, and so whose lane, is given.
pub(crate) fn opening(account: u8, n: u64) -> Opening {
    let account = AccountId::from_bytes([account; 16]);
    let digest = SingleUse::of(&n.to_be_bytes());
    let session = SessionId::from_slice(&digest.as_bytes()[..16]).expect("16 bytes").in_lane(account.lane());
    Opening { session, record: SessionRecord { account, ..world::session_record() }, replaces: None }
}

pub(crate) fn passkey(user: u64) -> CredentialRecord {
    Authenticator::derived(3, user).record()
}

/// The `n`-th log-in with a passkey.
pub(crate) fn login(record: &CredentialRecord, n: u64, sign_count: u32) -> PasskeyLogin {
    let mut opening = opening(record.account.as_bytes()[0], n);
    opening.record.account = record.account;
    opening.record.credential = Some(record.digest);
    PasskeyLogin {
        challenge: SingleUse::of(&[&n.to_be_bytes(), record.digest.as_bytes().as_slice()].concat()),
        challenge_expires: NOW.plus(Duration::from_mins(5)),
        credential: record.clone(),
        sign_count,
        backup_state: false,
        opening,
        new_browser: None,
    }
}

/// What a follower is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    Change(Change),
    Feed(Feed),
}

impl Told {
    pub(crate) fn ended(session: SessionId) -> Self {
        Self::Change(Change::SessionEnded(session))
    }

    pub(crate) fn retired(digest: CredentialDigest) -> Self {
        Self::Change(Change::CredentialRetired(digest))
    }
}

/// Remembers what it was told, in order.
#[derive(Default)]
pub(crate) struct Notebook(Mutex<Vec<Told>>);

impl Follower for Notebook {
    fn apply(&self, change: &Change) {
        self.0.lock().expect("no panic").push(Told::Change(change.clone()));
    }

    fn feed(&self, feed: Feed) {
        self.0.lock().expect("no panic").push(Told::Feed(feed));
    }
}

impl Notebook {
    pub(crate) fn told(&self) -> Vec<Told> {
        self.0.lock().expect("no panic").clone()
    }

    pub(crate) fn has(&self, told: &Told) -> bool {
        self.told().contains(told)
    }

    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.told().iter().rev().find(|told| matches!(told, Told::Feed(_))), Some(Told::Feed(Feed::Silent(_))))
    }
}
