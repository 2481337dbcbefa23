//! The warm tier on Redis 7 or Valkey: one server, one of several that replace each other, or a Cluster.
//!
//! Each verb of the trait is one call of one function inside Redis (`aldgate.lua`), which is atomic there, and lies in
//! one slot: whatever belongs to an account lies in its lane. Three steps are more than one call, and none of them lets
//! a caller see half: a passkey is found by its digest first, and then in its account's lane; a published passkey has
//! its cell before its record; and a session of *another* lane that a log-in replaces is ended after the new one
//! opened.
//!
//! Nothing that comes back is believed for its place alone: each value is tagged (`tag`). Nothing waits longer than the
//! deadline, and a call of which it is not known whether it was executed is repeated only where doing it twice is doing
//! it once.
//!
//! # What is acknowledged, and what may be lost
//! With `appendonly yes` and `appendfsync always`, what a primary has acknowledged survives its crash and that of its
//! machine; with `everysec` up to two seconds may be lost, even with the process alone. Replication is asynchronous: a
//! primary that is lost for good takes with it what its replica had not received, milliseconds as a rule. What was used up
//! ([`Warm::consume`]) is the exception: it counts once a replica has it, where the primary has one (`witness`), so that
//! nothing is used twice over a failover. A revocation that is lost so leaves a session standing, until its end, in
//! gateways that had not heard of it; the feed notices that the log was cut (`feed`). Where that is too much, run with
//! `min-replicas-to-write 1` and keep the sessions short. The passkeys have their home in the cold tier, and are restored
//! from there. `maxmemory-policy` must be `noeviction`: a revocation must not make room for a session. While a cluster moves
//! a lane's slot, what needs more of the lane than one key is refused until the last key has arrived, and so is what can be
//! used once and lies in the slot.
//!
//! A gateway that is cut off from the world together with a primary which was replaced meanwhile goes on with that one,
//! and hears nothing of what ends at the other, until the two meet again: `min-replicas-to-write` keeps new log-ins out
//! there, not old sessions. A Cluster has no such case for long: a minority of it stops within its node timeout, and
//! the feed is silent.
//!
//! # Log-ins for the cold tier
//! Every session that opens leaves an event in its lane's log, for the backend to settle (`login_event`). The log is
//! bounded: when the backend is away for more than an hour at full load, its oldest events are lost. Then the cold
//! tier's list of log-ins has a hole, and its counters lag until the next log-in; no log-in depends on either, as long
//! as this tier stands.
//!
//! # Bounds
//! A session, what was used up, what was revoked and what was retired live as long as they matter, in Redis' own
//! reckoning (`PX`). Of a passkey, what changes lives for [`KEPT`](passkey::KEPT) after it was last published or used,
//! and what is fixed after it was last published; the cold tier knows it longer, and is asked once for what has run
//! out. The logs are cut at the lengths that `aldgate.lua` names, and an account has at most a thousand sessions.

mod feed;
mod key;
mod library;
mod login_event;
mod options;
mod passkey;
mod server;
mod tag;
mod witness;

pub use feed::{FeedState, Place, SILENCE};
pub use options::{Address, DEADLINE, NotAnAddress, NotConnected, Options, Tls};

use crate::cold::Cold;
use crate::id::{AccountId, CredentialDigest, Lane, SessionId, SingleUse, TokenDigest};
use crate::secret::MasterKey;
use crate::seldom::Seldom;
use crate::session::record::SessionRecord;
use crate::time::{Clock, Timestamp};
use crate::warm::change::{Change, Follower};
use crate::warm::login_event::LoginEvent;
use crate::warm::{Consumption, Opening, PasskeyLogin, Settlement, Unavailable, Warm};
use crate::webauthn::credential::CredentialRecord;
use ::redis::{Cmd, FromRedisValue, Value, cmd};
use async_trait::async_trait;
use feed::{Hub, Reader};
use futures_util::future::try_join_all;
use key::Keys;
use passkey::millis;
use server::{Reach, Servers};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tag::{Forged, Tags};
use tokio::task::AbortHandle;

/// How far the clocks of two gateways may differ: what was used up is remembered so much longer.
const SKEW: Duration = Duration::from_mins(5);

/// Sessions whose last use one call notes, so that it stays a short step for the server.
const TOUCHED_MAX: usize = 500;

/// The text of the functions, for `FUNCTION LOAD` by an administrator.
pub const fn library() -> &'static str {
    library::TEXT
}

/// The warm tier on Redis.
pub struct RedisWarm {
    servers: Arc<Servers>,
    keys: Arc<Keys>,
    tags: Arc<Tags>,
    clock: Arc<dyn Clock>,
    cold: Option<Arc<dyn Cold>>,
    hub: Arc<Hub>,
    refused: AtomicU64,
    refusals_told: Seldom,
    tasks: Vec<AbortHandle>,
}

impl Drop for RedisWarm {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl RedisWarm {
    /// Connects, and starts to follow the changes, on the runtime that this is called on; the runtime must live as long
    /// as the tier is used. What is missing here of passkeys is asked of `cold`.
    ///
    /// # Errors
    /// When no usable primary is found within two seconds. A later outage is survived: calls fail until it is over.
    pub async fn connect(
        options: Options,
        master: &MasterKey,
        clock: Arc<dyn Clock>,
        cold: Option<Arc<dyn Cold>>,
    ) -> Result<Self, NotConnected> {
        let keys = Arc::new(Keys::new(&options.prefix));
        let (servers, keeper) = Servers::connect(options).await?;
        let mut warm = Self {
            servers: Arc::new(servers),
            keys,
            tags: Arc::new(Tags::new(master)),
            hub: Arc::new(Hub::new(clock.clone())),
            clock,
            cold,
            refused: AtomicU64::new(0),
            refusals_told: Seldom::default(),
            tasks: vec![tokio::spawn(keeper).abort_handle()],
        };
        let lanes: Vec<Lane> = Lane::all().collect();
        let lanes_each = if warm.servers.is_cluster() { 1 } else { lanes.len() };
        for lanes in lanes.chunks(lanes_each) {
            let reader = tokio::spawn(warm.reader(lanes.to_vec()).run());
            warm.tasks.push(reader.abort_handle());
        }
        Ok(warm)
    }

    fn reader(&self, lanes: Vec<Lane>) -> Reader {
        Reader {
            lanes,
            servers: self.servers.clone(),
            keys: self.keys.clone(),
            tags: self.tags.clone(),
            clock: self.clock.clone(),
            hub: self.hub.clone(),
        }
    }

    /// How the feed of changes stands.
    pub fn feed_state(&self) -> FeedState {
        self.hub.feed_state()
    }

    /// How many values were found in Redis that this deployment had not written there.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// A call of a function on a lane; its arguments follow.
    fn function(&self, name: &str, lane: Lane) -> Cmd {
        let mut call = cmd("FCALL");
        call.arg(format!("aldgate_1_{name}")).arg(1).arg(&self.keys.lane(lane).name);
        call
    }

    async fn lane_call<T: FromRedisValue>(&self, lane: Lane, call: &Cmd) -> Result<T, Unavailable> {
        self.servers.call(self.keys.lane(lane).slot, Reach::Lane, call).await
    }

    /// For how long a value that may be used once is remembered, in milliseconds.
    fn remembered_for(&self, until: Timestamp) -> u64 {
        millis(until.since(self.clock.now()).saturating_add(SKEW))
    }

    fn refuse(&self, forged: Forged) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed) + 1;
        if self.refusals_told.may(self.clock.now()) {
            tracing::warn!(refused, "{forged}");
        }
    }

    fn tell(&self, change: &Change) {
        self.hub.followers.tell(change);
    }

    fn tell_ended(&self, ended: &[Vec<u8>]) {
        let ended = ended.iter().filter_map(|session| SessionId::from_slice(session));
        ended.for_each(|session| self.tell(&Change::SessionEnded(session)));
    }

    /// The arguments that open a session; they are the first of every function that does.
    fn add_opening(&self, call: &mut Cmd, opening: &Opening, event: &LoginEvent) {
        let now = self.clock.now();
        let Opening { session, record, replaces } = opening;
        // A session that has ended already is remembered for a moment: Redis has no life of zero.
        let life = millis(record.expires.since(now)).max(1);
        call.arg(now.as_millis()).arg(session.as_bytes()).arg(self.tags.session(session, record));
        call.arg(life).arg(record.expires.as_millis());
        let here = replaces.filter(|replaced| replaced.lane() == session.lane());
        call.arg(here.as_ref().map_or(&[][..], |replaced| replaced.as_bytes().as_slice()));
        call.arg(self.tags.log_in(event));
    }

    /// Ends the replaced session, if it lies in another lane: somebody else's, in the same browser.
    async fn end_replaced(&self, opening: &Opening) -> Result<(), Unavailable> {
        match opening.replaces {
            Some(replaced) if replaced.lane() != opening.session.lane() => {
                self.end(replaced.lane(), &[b"", b"one", replaced.as_bytes(), b""]).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn end(&self, lane: Lane, arguments: &[&[u8]]) -> Result<usize, Unavailable> {
        let mut call = self.function("end", lane);
        call.arg(arguments);
        let ended: Vec<Vec<u8>> = self.lane_call(lane, &call).await?;
        self.tell_ended(&ended);
        Ok(ended.len())
    }
}

#[async_trait]
impl Warm for RedisWarm {
    async fn session(&self, session: &SessionId) -> Result<Option<SessionRecord>, Unavailable> {
        let key = self.keys.in_lane(session.lane(), &[b"s".as_slice(), session.as_bytes()].concat());
        let value: Option<Vec<u8>> = self.servers.call(key.slot, Reach::Key, cmd("GET").arg(&key.name)).await?;
        let Some(value) = value else { return Ok(None) };
        Ok(self.tags.read_session(session, &value).map_err(|forged| self.refuse(forged)).ok())
    }

    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        self.find_credential(credential).await
    }

    async fn settle(&self, login: &PasskeyLogin) -> Result<Settlement, Unavailable> {
        in_lane_of_its_account(&login.opening)?;
        self.settle_login(login).await
    }

    async fn open_session(&self, opening: &Opening) -> Result<(), Unavailable> {
        in_lane_of_its_account(opening)?;
        let lane = opening.session.lane();
        let mut call = self.function("open", lane);
        self.add_opening(&mut call, opening, &LoginEvent::of(opening));
        let ended: Vec<Vec<u8>> = self.lane_call(lane, &call).await?;
        self.tell_ended(&ended);
        self.end_replaced(opening).await
    }

    async fn touch(&self, seen: &[(SessionId, Timestamp)]) -> Result<(), Unavailable> {
        let mut lanes = BTreeMap::<Lane, Vec<_>>::new();
        seen.iter().for_each(|touched| lanes.entry(touched.0.lane()).or_default().push(*touched));
        let mut calls = Vec::new();
        for (lane, seen) in &lanes {
            for seen in seen.chunks(TOUCHED_MAX) {
                let mut call = self.function("touch", *lane);
                for (session, at) in seen {
                    call.arg(session.as_bytes()).arg(self.tags.seen(session, *at));
                }
                calls.push((*lane, call));
            }
        }
        let calls = calls.iter().map(|(lane, call)| self.lane_call::<Value>(*lane, call));
        try_join_all(calls).await.map(drop)
    }

    async fn end_session(&self, account: &AccountId, session: &SessionId) -> Result<bool, Unavailable> {
        let ended = self.end(session.lane(), &[account.as_bytes(), b"one", session.as_bytes(), b""]).await?;
        Ok(ended > 0)
    }

    async fn end_sessions(&self, account: &AccountId, keep: Option<&SessionId>) -> Result<usize, Unavailable> {
        let keep = keep.map_or(&[][..], |keep| keep.as_bytes().as_slice());
        self.end(account.lane(), &[account.as_bytes(), b"all", keep, b""]).await
    }

    async fn end_sessions_of_credential(
        &self,
        account: &AccountId,
        credential: &CredentialDigest,
        keep: Option<&SessionId>,
    ) -> Result<usize, Unavailable> {
        let keep = keep.map_or(&[][..], |keep| keep.as_bytes().as_slice());
        self.end(account.lane(), &[account.as_bytes(), b"all", keep, credential.as_bytes()]).await
    }

    async fn sessions_of(&self, account: &AccountId) -> Result<Vec<(SessionId, SessionRecord)>, Unavailable> {
        let mut call = cmd("FCALL_RO");
        call.arg("aldgate_1_sessions").arg(1).arg(&self.keys.lane(account.lane()).name).arg(account.as_bytes());
        let found: Vec<Vec<u8>> = self.lane_call(account.lane(), &call).await?;
        let read = |pair: &[Vec<u8>]| {
            let session = SessionId::from_slice(&pair[0])?;
            let record = self.tags.read_session(&session, &pair[1]).map_err(|forged| self.refuse(forged)).ok()?;
            (record.account == *account).then_some((session, record))
        };
        let mut sessions: Vec<_> = found.chunks_exact(2).filter_map(read).collect();
        sessions.sort_by_key(|(_, record)| Reverse(record.opened));
        Ok(sessions)
    }

    async fn consume(&self, value: &SingleUse, until: Timestamp) -> Result<Consumption, Unavailable> {
        let (key, life, since) = (self.keys.single_use(value), self.remembered_for(until), self.servers.generation());
        let mut call = cmd("SET");
        call.arg(&key.name).arg(1).arg("NX").arg("PX").arg(life);
        // Not repeated: the second time would find what the first has used up.
        let set: Option<String> = self.servers.call(key.slot, Reach::KeyOnce, &call).await?;
        if set.is_none() {
            return Ok(Consumption::AlreadyUsed);
        }
        self.servers.witnessed(&key, life, since).await?;
        Ok(Consumption::Consumed)
    }

    async fn publish_credential(&self, record: &CredentialRecord) -> Result<(), Unavailable> {
        self.publish(record).await
    }

    async fn retire_credential(&self, account: &AccountId, credential: &CredentialDigest) -> Result<(), Unavailable> {
        self.retire(account, credential).await
    }

    async fn revoke_token(&self, token: &TokenDigest, until: Timestamp) -> Result<(), Unavailable> {
        let (lane, change) = (token.lane(), Change::TokenRevoked(*token));
        let mut call = self.function("revoke", lane);
        call.arg(token.as_bytes()).arg(self.remembered_for(until)).arg(self.tags.change(lane, &change));
        self.lane_call::<Value>(lane, &call).await?;
        self.tell(&change);
        Ok(())
    }

    /// Whatever stands there counts: to believe a planted revocation is to refuse one token.
    async fn token_revoked(&self, token: &TokenDigest) -> Result<bool, Unavailable> {
        let key = self.keys.in_lane(token.lane(), &[b"t".as_slice(), token.as_bytes()].concat());
        let value: Option<Vec<u8>> = self.servers.call(key.slot, Reach::Key, cmd("GET").arg(&key.name)).await?;
        Ok(value.is_some())
    }

    /// Told as the end of a token is, of one that there is not: each feed is one lane's.
    async fn provider_keys_changed(&self) -> Result<(), Unavailable> {
        let (nobodys, change) = (TokenDigest::of(b"aldgate: no token"), Change::ProviderKeysChanged);
        let lane = nobodys.lane();
        let mut call = self.function("revoke", lane);
        call.arg(nobodys.as_bytes()).arg(1).arg(self.tags.change(lane, &change));
        self.lane_call::<Value>(lane, &call).await?;
        self.tell(&change);
        Ok(())
    }

    fn follow(&self, follower: Arc<dyn Follower>) {
        self.hub.follow(follower);
    }
}

/// One step reaches one lane: a session is made in that of its account (`SessionId::random`).
fn in_lane_of_its_account(opening: &Opening) -> Result<(), Unavailable> {
    let fits = opening.session.lane() == opening.record.account.lane();
    fits.then_some(()).ok_or_else(|| Unavailable("the session is not in the lane of its account".into()))
}
