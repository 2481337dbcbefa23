//! The servers: which of them is the primary of a slot, and one connection to each primary.
//!
//! One multiplexed connection a primary carries all calls of the process, pipelined, and another one asks what its replicas
//! have (`witness`); there is no pool. A task of its own, the keeper, finds the primaries, opens the connections, and does so anew whenever a call complains. Calls never
//! dial: they take the connection that there is, or wait for the next *fleet* until their deadline.
//!
//! A cluster's slots are followed here rather than by the library's cluster client, because a call that may have been
//! executed must not be sent again behind the caller's back, every step must end at its deadline, and the feed needs to
//! know the primary of each lane anyway.

use super::key::{Key, Slot};
use super::library;
use super::options::{Address, NotConnected, Options};
use super::witness::{Unwitnessed, Witness};
use crate::warm::Unavailable;
use futures_util::future::join_all;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, FromRedisValue, IntoConnectionInfo as _, RedisError,
    RedisResult, ServerErrorKind, TlsCertificates, Value, cmd, pipe,
};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long a server may take to accept a connection and to say what it is.
const CONNECT: Duration = Duration::from_millis(500);

/// How long the start may take.
const START: Duration = Duration::from_secs(2);

/// The first and the longest pause between two attempts to find the primaries.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What an error says that is ours: no answer came by the deadline.
const LATE: &str = "Redis did not answer in time";

/// Complaints that may wait for the keeper; one is enough, since it looks at everything.
const COMPLAINTS_MAX: usize = 16;

/// How far a call reaches, and whether it may be sent again when it is not known whether it was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// One key, which it names. Doing it twice is as doing it once.
    Key,
    /// One key, and once, or the caller hears of it.
    KeyOnce,
    /// More of a lane than the one key that it names. Doing it twice is as doing it once. While a cluster moves the
    /// lane to another primary, some of its keys are at one and some at the other, and neither can do it: it waits.
    Lane,
}

/// A primary, and the connection to it.
#[derive(Clone)]
pub(super) struct Primary {
    pub(super) address: Address,
    link: MultiplexedConnection,
    witness: Witness,
}

/// The primaries as they were found at one moment.
pub(super) struct Fleet {
    generation: u64,
    primaries: Vec<Primary>,
    /// First slot, last slot, place in `primaries`.
    ranges: Vec<(Slot, Slot, usize)>,
    /// Every node that was named, to ask when the primaries are gone.
    known: Vec<Address>,
    /// Whether every primary that should be there is.
    whole: bool,
}

impl Fleet {
    const fn none() -> Self {
        Self { generation: 0, primaries: Vec::new(), ranges: Vec::new(), known: Vec::new(), whole: false }
    }

    fn primary(&self, slot: Slot) -> Option<&Primary> {
        let range = self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot))?;
        self.primaries.get(range.2)
    }

    fn linked(&self, address: &Address) -> Option<&Primary> {
        self.primaries.iter().find(|primary| primary.address == *address)
    }
}

/// That something is wrong with a fleet, and perhaps with one of its connections.
struct Complaint {
    generation: u64,
    broken: Option<Address>,
}

/// The servers.
pub(super) struct Servers {
    dialler: Arc<Dialler>,
    fleet: watch::Receiver<Arc<Fleet>>,
    complaints: mpsc::Sender<Complaint>,
}

impl Servers {
    /// Finds the primaries, with the library on each, and keeps them found by the future that comes with it.
    pub(super) async fn connect(
        options: Options,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), NotConnected> {
        if options.addresses.is_empty() {
            return Err(NotConnected::NoAddress);
        }
        if options.prefix.contains(['{', '}']) {
            return Err(NotConnected::Prefix);
        }
        let dialler = Arc::new(Dialler(options));
        let fleet = match timeout(START, dialler.find(&Fleet::none(), None)).await {
            Ok(Ok(fleet)) if fleet.whole => fleet,
            Ok(Ok(_)) => return Err(NotConnected::Unreachable("a primary of the cluster does not answer".into())),
            Ok(Err(said)) => return Err(NotConnected::Unreachable(said)),
            Err(_) => return Err(NotConnected::Unreachable(format!("no answer within {} s", START.as_secs()))),
        };
        let (found, fleet) = watch::channel(Arc::new(fleet));
        let (complaints, heard) = mpsc::channel(COMPLAINTS_MAX);
        let keeper = keep(dialler.clone(), heard, found);
        Ok((Self { dialler, fleet, complaints }, keeper))
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.dialler.0.cluster
    }

    /// Sends a command to the primary of a slot and reads the answer, within the deadline.
    pub(super) async fn call<T: FromRedisValue>(
        &self,
        slot: Slot,
        reach: Reach,
        command: &Cmd,
    ) -> Result<T, Unavailable> {
        let value = self.call_until(Instant::now() + self.dialler.0.deadline, slot, reach, command).await?;
        redis::from_redis_value(value).map_err(|error| Unavailable(format!("Redis answered in another form: {error}")))
    }

    async fn call_until(
        &self,
        deadline: Instant,
        slot: Slot,
        reach: Reach,
        command: &Cmd,
    ) -> Result<Value, Unavailable> {
        let mut fleet = self.fleet.clone();
        let mut pause = PAUSE.0 / 4;
        let mut last = String::from("no primary is known for this key");
        loop {
            let now = fleet.borrow_and_update().clone();
            let mut broken = None;
            let mut trouble = Trouble::Elsewhere;
            if let Some(primary) = now.primary(slot) {
                let error = match self.send(deadline, &now, primary, reach, command).await {
                    Ok(value) => return Ok(value),
                    Err(error) => error,
                };
                last = error.to_string();
                trouble = Trouble::of(&error);
                broken = trouble.is_of_the_connection().then(|| primary.address.clone());
            }
            if trouble == Trouble::Refused {
                return Err(Unavailable(last));
            }
            self.complain(now.generation, broken);
            if trouble == Trouble::Late || (trouble == Trouble::Broken && reach == Reach::KeyOnce) {
                return Err(Unavailable(last));
            }
            let again = async {
                if matches!(trouble, Trouble::Busy | Trouble::Ask) {
                    sleep(pause).await;
                    return true;
                }
                fleet.wait_for(|fleet| fleet.generation > now.generation).await.is_ok()
            };
            if timeout_at(deadline, again).await != Ok(true) {
                return Err(Unavailable(format!("{LATE} ({last})")));
            }
            pause = pause.saturating_mul(2);
        }
    }

    /// Sends a command to a primary once, and on to where its slot has moved to, or is just moving to if that will do.
    async fn send(
        &self,
        deadline: Instant,
        fleet: &Fleet,
        primary: &Primary,
        reach: Reach,
        command: &Cmd,
    ) -> RedisResult<Value> {
        let answer = within(deadline, primary.link.clone().req_packed_command(command)).await;
        let error = match answer.and_then(Value::extract_error) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let next = error.redirect_node().and_then(|(address, _)| address.parse().ok());
        let Some(next) = next.and_then(|address| fleet.linked(&address)) else { return Err(error) };
        let mut redirected = pipe();
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => {}
            ErrorKind::Server(ServerErrorKind::Ask) if reach != Reach::Lane => {
                redirected.cmd("ASKING").ignore();
            }
            _ => return Err(error),
        }
        self.complain(fleet.generation, None);
        redirected.add_command(command.clone());
        let answers = within(deadline, redirected.query_async::<Vec<Value>>(&mut next.link.clone())).await?;
        answers.into_iter().next().ok_or(error)
    }

    /// The number of the fleet of this moment: another one later may have other primaries.
    pub(super) fn generation(&self) -> u64 {
        self.fleet.borrow().generation
    }

    /// Waits until a replica has what was written under a key, where its primary has one. `since` is the fleet in which it
    /// was begun to write it: what another primary was told, this one must have.
    pub(super) async fn witnessed(&self, key: &Key, life: u64, since: u64) -> Result<(), Unavailable> {
        let fleet = self.fleet.borrow().clone();
        let primary = fleet.primary(key.slot).ok_or_else(|| Unavailable("no primary is known for this key".into()))?;
        if !primary.witness.is_replicated() && !self.is_cluster() && fleet.generation == since {
            return Ok(());
        }
        let patience = self.dialler.0.deadline.saturating_mul(2);
        let seen = timeout(patience, primary.witness.saw(&key.name, life)).await;
        let Err(why) = seen.unwrap_or(Err(Unwitnessed::NotReplicated)) else { return Ok(()) };
        match &why {
            Unwitnessed::NotReplicated => {}
            Unwitnessed::Gone => self.complain(fleet.generation, None),
            Unwitnessed::NotAllowed | Unwitnessed::Broken(_) => {
                self.complain(fleet.generation, Some(primary.address.clone()));
            }
        }
        Err(why.into())
    }

    /// The primary of a slot, as it is known now.
    pub(super) fn primary(&self, slot: Slot) -> Option<(u64, Address)> {
        let fleet = self.fleet.borrow();
        let primary = fleet.primary(slot)?;
        Some((fleet.generation, primary.address.clone()))
    }

    /// Has the primaries looked for anew, unless that has been done since `generation`.
    pub(super) fn look_again(&self, generation: u64) {
        self.complain(generation, None);
    }

    /// A connection of its own to a server, for a call that blocks.
    pub(super) async fn dial(&self, address: &Address) -> RedisResult<MultiplexedConnection> {
        self.dialler.dial(address, None).await
    }

    fn complain(&self, generation: u64, broken: Option<Address>) {
        // A full queue has complaints enough.
        let _ = self.complaints.try_send(Complaint { generation, broken });
    }
}

/// What comes in time, or that it did not.
async fn within<T>(deadline: Instant, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout_at(deadline, answer).await.unwrap_or_else(|_| Err((ErrorKind::Io, LATE).into()))
}

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// The server will not do it; asking again will not change that.
    Refused,
    /// The connection is gone; it is not known whether the call was executed.
    Broken,
    /// There was no answer in time; it is not known whether the call was executed.
    Late,
    /// Not executed: another server is the primary now.
    Elsewhere,
    /// Not executed: the slot is just moving, and this key is not here any more.
    Ask,
    /// Not executed: in a moment, perhaps.
    Busy,
    /// Not executed: the library is not loaded there.
    NoLibrary,
}

impl Trouble {
    /// Whether the connection should be opened anew, with all that is made sure of then.
    const fn is_of_the_connection(self) -> bool {
        matches!(self, Self::Broken | Self::Late | Self::NoLibrary)
    }

    fn of(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Io if error.to_string().starts_with(LATE) => Self::Late,
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::ReadOnly) => Self::Elsewhere,
            ErrorKind::Server(ServerErrorKind::Ask) => Self::Ask,
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown,
            ) => Self::Busy,
            ErrorKind::Server(_) if library::is_missing(error) => Self::NoLibrary,
            ErrorKind::Server(_) if error.to_string().to_ascii_lowercase().contains("readonly") => Self::Elsewhere,
            ErrorKind::Server(_) | ErrorKind::Extension => Self::Refused,
            _ => Self::Broken,
        }
    }
}

/// Finds the primaries whenever a call has complained, until they are all there.
async fn keep(dialler: Arc<Dialler>, mut heard: mpsc::Receiver<Complaint>, found: watch::Sender<Arc<Fleet>>) {
    while let Some(complaint) = heard.recv().await {
        if complaint.generation < found.borrow().generation && found.borrow().whole {
            continue; // Of a fleet that has been replaced: the next one must not wait behind it.
        }
        let mut broken = complaint.broken;
        let mut pause = PAUSE.0;
        while complaint.generation >= found.borrow().generation || !found.borrow().whole {
            let before = found.borrow().clone();
            match dialler.find(&before, broken.take().as_ref()).await {
                Ok(fleet) => {
                    let whole = fleet.whole;
                    found.send_replace(Arc::new(fleet));
                    if whole {
                        break;
                    }
                }
                Err(said) => tracing::warn!(%said, "no usable Redis primary"),
            }
            sleep(jittered(pause)).await;
            pause = pause.saturating_mul(2).min(PAUSE.1);
        }
        sleep(jittered(PAUSE.0)).await; // However much is complained, not without a pause.
    }
}

/// Between half of a pause and the whole, so that many processes do not come back in step.
pub(super) fn jittered(pause: Duration) -> Duration {
    let spread = RandomState::new().hash_one(0_u8) % 512;
    pause.saturating_mul(512 + u32::try_from(spread).unwrap_or(0)) / 1_024
}

/// Opens connections, as the options say.
struct Dialler(Options);

impl Dialler {
    async fn dial(&self, address: &Address, answer_within: Option<Duration>) -> RedisResult<MultiplexedConnection> {
        let Address { host, port } = address.clone();
        let place = match self.0.tls {
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
            None => ConnectionAddr::Tcp(host, port),
        };
        let mut info = place.into_connection_info()?;
        let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(user) = &self.0.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.0.password {
            settings = settings.set_password(password.expose());
        }
        info = info.set_redis_settings(settings).set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = match &self.0.tls {
            Some(tls) => {
                let certificates = TlsCertificates { client_tls: None, root_cert: tls.authorities.clone() };
                Client::build_with_tls(info, certificates)?
            }
            None => Client::open(info)?,
        };
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(answer_within);
        let dialling = client.get_multiplexed_async_connection_with_config(&config);
        timeout(CONNECT, dialling).await.map_err(|_| RedisError::from((ErrorKind::Io, "no connection in time")))?
    }

    /// Whoever says what the replicas of a primary have.
    async fn witness(&self, address: &Address) -> Result<Witness, String> {
        let link = self.dial(address, None).await.map_err(|error| format!("{address}: {error}"))?;
        Witness::over(link, self.0.deadline).await.map_err(|why| format!("{address}: {why}"))
    }

    /// Looks at every server that is known. Connections of `before` are kept, but for a broken one.
    async fn find(&self, before: &Fleet, broken: Option<&Address>) -> Result<Fleet, String> {
        let fleet = if self.0.cluster { self.find_cluster(before, broken).await } else { self.find_one().await }?;
        Ok(Fleet { generation: before.generation + 1, ..fleet })
    }

    /// The server that says that it is the master; of several, the one that has written most: one that comes back
    /// after its replacement says so too, until it is told otherwise.
    async fn find_one(&self) -> Result<Fleet, String> {
        let asked = join_all(self.0.addresses.iter().map(|address| async move {
            let role = async {
                let mut link = self.dial(address, Some(self.0.deadline)).await?;
                let role: Vec<Value> = cmd("ROLE").query_async(&mut link).await?;
                Ok::<_, RedisError>((link, role))
            };
            match role.await {
                Ok((link, role)) => match role.as_slice() {
                    [Value::BulkString(name), Value::Int(offset), ..] if name == b"master" => {
                        Ok((*offset, address, link))
                    }
                    _ => Err(format!("{address} is not a master")),
                },
                Err(error) => Err(format!("{address}: {error}")),
            }
        }))
        .await;
        let mut said = Vec::new();
        let mut masters = Vec::new();
        for answer in asked {
            match answer {
                Ok(master) => masters.push(master),
                Err(why) => said.push(why),
            }
        }
        let (_, address, mut link) = masters.into_iter().max_by_key(|master| master.0).ok_or(said.join("; "))?;
        library::ensure(&mut link, address).await?;
        let witness = self.witness(address).await?;
        Ok(Fleet {
            generation: 0,
            primaries: vec![Primary { address: address.clone(), link, witness }],
            ranges: vec![(Slot(0), Slot(u16::MAX), 0)],
            known: Vec::new(),
            whole: true,
        })
    }

    async fn find_cluster(&self, before: &Fleet, broken: Option<&Address>) -> Result<Fleet, String> {
        let usable = &|address: &Address| before.linked(address).filter(|_| Some(address) != broken);
        let mut ask: Vec<Address> = self.0.addresses.iter().chain(&before.known).cloned().collect();
        ask.sort();
        ask.dedup();
        let views = join_all(ask.iter().map(|address| async move {
            let mut link = match usable(address) {
                Some(primary) => primary.link.clone(),
                None => self.dial(address, Some(CONNECT)).await.map_err(|error| format!("{address}: {error}"))?,
            };
            View::of(&mut link, address).await.map_err(|error| format!("{address}: {error}"))
        }))
        .await;
        let (views, said): (Vec<_>, Vec<_>) = views.into_iter().partition(Result::is_ok);
        let view = views.into_iter().flatten().max_by_key(|view| (view.ok, view.epoch));
        let view = view.ok_or_else(|| said.into_iter().filter_map(Result::err).collect::<Vec<_>>().join("; "))?;
        let mut addresses: Vec<Address> = view.ranges.iter().map(|(_, _, address)| address.clone()).collect();
        addresses.sort();
        addresses.dedup();
        let opened = join_all(addresses.iter().map(|address| async move {
            if let Some(primary) = usable(address) {
                return Ok(primary.clone());
            }
            let dialled = self.dial(address, Some(self.0.deadline)).await;
            let mut link = dialled.map_err(|error| format!("{address}: {error}"))?;
            library::ensure(&mut link, address).await?;
            let witness = self.witness(address).await?;
            Ok::<_, String>(Primary { address: address.clone(), link, witness })
        }))
        .await;
        let (opened, failed): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
        let primaries: Vec<Primary> = opened.into_iter().flatten().collect();
        let failed: Vec<String> = failed.into_iter().filter_map(Result::err).collect();
        if !failed.is_empty() {
            tracing::warn!(said = failed.join("; "), "a primary of the Redis Cluster cannot be used");
        }
        if primaries.is_empty() {
            return Err(failed.join("; "));
        }
        let place = |address: &Address| primaries.iter().position(|primary| primary.address == *address);
        let ranges = view.ranges.iter().filter_map(|(first, last, at)| Some((*first, *last, place(at)?))).collect();
        Ok(Fleet { generation: 0, ranges, primaries, known: view.known, whole: failed.is_empty() && view.ok })
    }
}

/// A cluster as one of its nodes sees it.
struct View {
    ok: bool,
    epoch: u64,
    ranges: Vec<(Slot, Slot, Address)>,
    known: Vec<Address>,
}

impl View {
    async fn of(link: &mut MultiplexedConnection, asked: &Address) -> RedisResult<Self> {
        let mut both = pipe();
        both.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
        let (info, slots): (String, Value) = timeout(CONNECT, both.query_async(link))
            .await
            .map_err(|_| RedisError::from((ErrorKind::Io, "no answer in time")))??;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let mut view = Self {
            ok: field("cluster_state").is_some_and(|state| state.trim() == "ok"),
            epoch: field("cluster_current_epoch").and_then(|epoch| epoch.trim().parse().ok()).unwrap_or(0),
            ranges: Vec::new(),
            known: Vec::new(),
        };
        for range in array(slots).unwrap_or_default() {
            let mut parts = array(range).unwrap_or_default().into_iter();
            let (Some(Value::Int(first)), Some(Value::Int(last))) = (parts.next(), parts.next()) else { continue };
            let nodes: Vec<Address> = parts.filter_map(|node| node_address(node, asked)).collect();
            let (Ok(first), Ok(last), Some(primary)) = (u16::try_from(first), u16::try_from(last), nodes.first())
            else {
                continue;
            };
            view.ranges.push((Slot(first), Slot(last), primary.clone()));
            view.known.extend(nodes);
        }
        Ok(view)
    }
}

/// A node in the answer to `CLUSTER SLOTS`; one that does not know its own address has the one that was asked.
fn node_address(node: Value, asked: &Address) -> Option<Address> {
    let mut parts = array(node)?.into_iter();
    let (host, port) = (parts.next()?, parts.next()?);
    let Value::Int(port) = port else { return None };
    let host = bytes(host).and_then(|host| String::from_utf8(host).ok()).filter(|host| !host.is_empty() && host != "?");
    Some(Address { host: host.unwrap_or_else(|| asked.host.clone()), port: u16::try_from(port).ok()? })
}

/// The elements of an array.
pub(super) fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

/// The bytes of a text.
pub(super) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}
