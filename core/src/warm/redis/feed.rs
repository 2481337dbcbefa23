//! The feed of changes: how this process hears what others ended or changed.
//!
//! Each lane has a numbered log, a stream whose entries are `e-0`, `e-1`, `e-2` and so on, where `e` is the number of
//! the data set. A reader waits at its lanes with `XREAD BLOCK`. A batch is applied to every follower before the
//! position moves, and the position is what acknowledges it. On one server one reader has all lanes; in a cluster each
//! lane has a reader of its own, since one `XREAD` may name one slot only.
//!
//! Nothing is taken on trust. A number that does not follow the last one, an entry whose tag is wrong, a log that no
//! longer holds what was read last (trimmed, emptied, or replaced by a replica that had lost its end): each is a *gap*,
//! and the followers confirm what they have. No answer for [`SILENCE`], not even an empty one, is a *silence*, in which
//! every copy is confirmed before use; it ends when every lane has caught up.

use super::key::Keys;
use super::server::{Servers, array, bytes, jittered};
use super::tag::{Forged, Tags};
use crate::id::{LANES, Lane};
use crate::seldom::Seldom;
use crate::time::{Clock, Timestamp};
use crate::warm::change::{Feed, Follower, Followers};
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{Cmd, RedisError, Value, cmd, pipe};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// No answer for so long is a silence.
pub const SILENCE: Duration = Duration::from_millis(500);

/// How long a server keeps a reader waiting: two answers fit into [`SILENCE`].
const BLOCK_MILLIS: u64 = 200;

/// How often a reader makes sure that the log still is what it was.
const CHECK: Duration = Duration::from_secs(1);

/// Entries of each lane in one answer, so that no answer is large: about 200 kB a lane.
const BATCH: usize = 1_000;

/// The first and the longest pause between two attempts to read.
const PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// A place in a lane's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The data set's number; zero for a log that does not exist yet.
    pub set: u64,
    /// The change's number in it.
    pub number: u64,
}

impl Place {
    fn parse(text: &[u8]) -> Option<Self> {
        let (set, number) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Self { set: set.parse().ok()?, number: number.parse().ok()? })
    }

    /// Whether `next` is the change right after this place.
    const fn is_followed_by(self, next: Self) -> bool {
        match self.set {
            0 => next.number == 0,
            set => next.set == set && next.number == self.number.saturating_add(1),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.set, self.number)
    }
}

/// How the feed of a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedState {
    /// Whether every lane is heard.
    pub live: bool,
    /// Up to which change each lane has been applied.
    pub applied: [Place; LANES],
    /// Up to when everything has been heard, whatever the lane.
    pub heard: Timestamp,
    /// How many gaps there have been.
    pub gaps: u64,
    /// How many changes were refused, because their tag was wrong.
    pub forged: u64,
}

/// One lane, as far as it has been read.
#[derive(Debug, Clone, Default)]
struct Position {
    place: Place,
    /// What stands there, to be recognised after an interruption.
    entry: Vec<u8>,
    heard: Timestamp,
    live: bool,
}

struct State {
    lanes: [Position; LANES],
    /// What the followers were told last.
    live: bool,
    /// A gap in one lane, not told yet, because another lane is silent.
    gap: bool,
    gaps: u64,
    forged: u64,
}

impl State {
    fn heard(&self) -> Timestamp {
        self.lanes.iter().map(|lane| lane.heard).min().unwrap_or_default()
    }
}

/// The followers of this process, and how far each lane has been read for them.
pub(super) struct Hub {
    pub(super) followers: Followers,
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    gaps_told: Seldom,
    forgeries_told: Seldom,
}

impl Hub {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let lanes = std::array::from_fn(|_| Position { heard: now, ..Position::default() });
        let state = State { lanes, live: false, gap: false, gaps: 0, forged: 0 };
        Self {
            followers: Followers::default(),
            state: Mutex::new(state),
            clock,
            gaps_told: Seldom::default(),
            forgeries_told: Seldom::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a follower, which is told at once if the feed is silent.
    pub(super) fn follow(&self, follower: Arc<dyn Follower>) {
        let state = self.state();
        if !state.live {
            follower.feed(Feed::Silent(state.heard()));
        }
        self.followers.add(follower);
    }

    pub(super) fn feed_state(&self) -> FeedState {
        let state = self.state();
        FeedState {
            live: state.live,
            applied: std::array::from_fn(|lane| state.lanes[lane].place),
            heard: state.heard(),
            gaps: state.gaps,
            forged: state.forged,
        }
    }

    fn position(&self, lane: Lane) -> Position {
        self.state().lanes[lane.index()].clone()
    }

    fn moved(&self, lane: Lane, place: Place, entry: Vec<u8>) {
        let mut state = self.state();
        let position = &mut state.lanes[lane.index()];
        (position.place, position.entry) = (place, entry);
    }

    /// Notes that everything of these lanes up to `at` has been applied.
    fn heard(&self, lanes: &[Lane], at: Timestamp) {
        let mut state = self.state();
        for lane in lanes {
            let position = &mut state.lanes[lane.index()];
            (position.heard, position.live) = (at, true);
        }
        if !state.live && state.lanes.iter().all(|lane| lane.live) {
            state.live = true;
            let feed = if std::mem::take(&mut state.gap) { Feed::Gap } else { Feed::Live };
            self.followers.tell_feed(feed);
        }
    }

    /// Notes that these lanes are no longer heard.
    fn silent(&self, lanes: &[Lane]) {
        let mut state = self.state();
        lanes.iter().for_each(|lane| state.lanes[lane.index()].live = false);
        if std::mem::take(&mut state.live) {
            tracing::warn!("the feed of changes is silent");
            self.followers.tell_feed(Feed::Silent(state.heard()));
        }
    }

    /// Notes that changes were missed.
    fn gap(&self) {
        let mut state = self.state();
        state.gaps += 1;
        if self.gaps_told.may(self.clock.now()) {
            tracing::warn!(gaps = state.gaps, "the feed of changes has a gap");
        }
        if state.live {
            self.followers.tell_feed(Feed::Gap);
        } else {
            state.gap = true;
        }
    }

    fn forged(&self) {
        let mut state = self.state();
        state.forged += 1;
        if self.forgeries_told.may(self.clock.now()) {
            tracing::warn!(forged = state.forged, "a change in Redis is not tagged by this deployment");
        }
    }
}

/// Why a reader begins anew.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error("no primary is known")]
    NoPrimary,
    #[error("no answer in time")]
    Late,
    #[error("an answer in another form")]
    Form,
    #[error("the server is no longer the primary")]
    Demoted,
    #[error(transparent)]
    Redis(#[from] RedisError),
}

/// Reads some lanes, all of one server.
pub(super) struct Reader {
    pub(super) lanes: Vec<Lane>,
    pub(super) servers: Arc<Servers>,
    pub(super) keys: Arc<Keys>,
    pub(super) tags: Arc<Tags>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) hub: Arc<Hub>,
}

/// Ends the belief in a reader's lanes, should it ever break: nobody else would notice that nothing is read any more.
struct Unread<'a>(&'a Reader);

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.hub.silent(&self.0.lanes);
        }
    }
}

impl Reader {
    /// Reads for ever.
    pub(super) async fn run(self) {
        let _unread = Unread(&self);
        let mut fresh = true;
        let mut pause = PAUSE.0;
        loop {
            let interrupted = self.read(&mut fresh, &mut pause).await;
            tracing::debug!(%interrupted, "the feed of changes was interrupted");
            self.hub.silent(&self.lanes);
            sleep(jittered(pause)).await;
            pause = pause.saturating_mul(2).min(PAUSE.1);
        }
    }

    /// Reads until something is wrong.
    async fn read(&self, fresh: &mut bool, pause: &mut Duration) -> Interrupted {
        let Some((generation, address)) = self.primary() else {
            self.servers.look_again(0);
            return Interrupted::NoPrimary;
        };
        let interrupted = match self.servers.dial(&address).await {
            Ok(link) => match self.follow(link, fresh, pause).await {
                Ok(never) => match never {},
                Err(interrupted) => interrupted,
            },
            Err(error) => error.into(),
        };
        self.servers.look_again(generation);
        interrupted
    }

    fn primary(&self) -> Option<(u64, super::options::Address)> {
        self.lanes.first().and_then(|lane| self.servers.primary(self.keys.lane(*lane).slot))
    }

    async fn follow(
        &self,
        mut link: MultiplexedConnection,
        fresh: &mut bool,
        pause: &mut Duration,
    ) -> Result<std::convert::Infallible, Interrupted> {
        self.check(&mut link, *fresh).await?;
        *fresh = false;
        let mut asked = self.clock.now();
        while self.step(&mut link, None).await? {
            asked = self.clock.now();
        }
        self.hub.heard(&self.lanes, asked); // Now that what was missed has been applied.
        let mut checked = Instant::now();
        loop {
            let asked = self.clock.now();
            self.step(&mut link, Some(BLOCK_MILLIS)).await?;
            self.hub.heard(&self.lanes, asked);
            *pause = PAUSE.0;
            if checked.elapsed() >= CHECK {
                self.check(&mut link, false).await?;
                checked = Instant::now();
            }
        }
    }

    /// Makes sure that each log still holds what was read last, where it was. A fresh reader begins at the ends.
    async fn check(&self, link: &mut MultiplexedConnection, fresh: bool) -> Result<(), Interrupted> {
        self.is_primary(link).await?;
        let positions: Vec<Position> = self.lanes.iter().map(|lane| self.hub.position(*lane)).collect();
        let found = self.places(link, positions.iter().map(|position| position.place)).await?;
        let intact = |position: &Position, (last, entry): &(Place, Vec<u8>)| {
            position.place == Place::default() || (position.entry == *entry && position.place <= *last)
        };
        if !fresh && positions.iter().zip(&found).all(|(position, found)| intact(position, found)) {
            return Ok(());
        }
        let ends = self.places(link, found.iter().map(|(last, _)| *last)).await?;
        if !fresh {
            self.hub.gap();
        }
        for (n, lane) in self.lanes.iter().enumerate() {
            if fresh || !intact(&positions[n], &found[n]) {
                self.hub.moved(*lane, found[n].0, ends[n].1.clone());
            }
        }
        Ok(())
    }

    /// A server that was demoted still answers, from what it has: nobody else would notice. A node of a cluster says
    /// so by itself.
    async fn is_primary(&self, link: &mut MultiplexedConnection) -> Result<(), Interrupted> {
        if self.servers.is_cluster() {
            return Ok(());
        }
        let role: Vec<Value> =
            timeout(SILENCE, cmd("ROLE").query_async(link)).await.map_err(|_| Interrupted::Late)??;
        let name = role.into_iter().next().and_then(bytes).ok_or(Interrupted::Form)?;
        if name == b"master" { Ok(()) } else { Err(Interrupted::Demoted) }
    }

    /// For each lane the end of its log, and what stands at a place in it.
    async fn places(
        &self,
        link: &mut MultiplexedConnection,
        places: impl Iterator<Item = Place>,
    ) -> Result<Vec<(Place, Vec<u8>)>, Interrupted> {
        let mut all = pipe();
        for (lane, place) in self.lanes.iter().zip(places) {
            let stem = self.keys.lane(*lane);
            all.cmd("FCALL_RO").arg("aldgate_1_place").arg(1).arg(&stem.name).arg(place.to_string());
        }
        let answers: Vec<(Vec<u8>, Vec<u8>)> =
            timeout(SILENCE, all.query_async(link)).await.map_err(|_| Interrupted::Late)??;
        let read = |(last, entry): (Vec<u8>, Vec<u8>)| Some((Place::parse(&last)?, entry));
        answers.into_iter().map(|answer| read(answer).ok_or(Interrupted::Form)).collect()
    }

    /// Reads once and applies what came. True if there may be more at once.
    async fn step(&self, link: &mut MultiplexedConnection, block: Option<u64>) -> Result<bool, Interrupted> {
        let command = self.xread(block);
        let answer = timeout(SILENCE, link.req_packed_command(&command)).await.map_err(|_| Interrupted::Late)??;
        if answer == Value::Nil {
            return Ok(false);
        }
        for stream in array(answer.extract_error()?).ok_or(Interrupted::Form)? {
            let [name, entries] = pair(stream)?;
            let name = bytes(name).ok_or(Interrupted::Form)?;
            let lane = self.lanes.iter().find(|lane| self.keys.changes(**lane).name == name);
            self.apply(*lane.ok_or(Interrupted::Form)?, array(entries).ok_or(Interrupted::Form)?)?;
        }
        Ok(true)
    }

    fn xread(&self, block: Option<u64>) -> Cmd {
        let mut command = cmd("XREAD");
        command.arg("COUNT").arg(BATCH);
        if let Some(millis) = block {
            command.arg("BLOCK").arg(millis);
        }
        command.arg("STREAMS");
        for lane in &self.lanes {
            command.arg(self.keys.changes(*lane).name);
        }
        for lane in &self.lanes {
            command.arg(self.hub.position(*lane).place.to_string());
        }
        command
    }

    /// Applies a batch of one lane, and then moves its position.
    fn apply(&self, lane: Lane, entries: Vec<Value>) -> Result<(), Interrupted> {
        let mut place = self.hub.position(lane).place;
        let mut last = Vec::new();
        let mut whole = true;
        for entry in entries {
            let [id, fields] = pair(entry)?;
            let next = bytes(id).and_then(|id| Place::parse(&id)).ok_or(Interrupted::Form)?;
            if !place.is_followed_by(next) {
                self.note_gap(&mut whole);
            }
            place = next;
            last = array(fields).and_then(|fields| fields.into_iter().nth(1)).and_then(bytes).unwrap_or_default();
            match self.tags.read_change(lane, &last) {
                Ok(change) => self.hub.followers.tell(&change),
                Err(Forged) => {
                    self.hub.forged();
                    self.note_gap(&mut whole);
                }
            }
        }
        self.hub.moved(lane, place, last);
        Ok(())
    }

    /// Tells a gap as soon as it is seen, once for each batch.
    fn note_gap(&self, whole: &mut bool) {
        if std::mem::take(whole) {
            self.hub.gap();
        }
    }
}

fn pair(value: Value) -> Result<[Value; 2], Interrupted> {
    array(value).and_then(|values| values.try_into().ok()).ok_or(Interrupted::Form)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[test]
    fn only_the_next_number_of_the_same_data_set_follows() {
        let place = |set, number| Place { set, number };
        assert!(place(7, 3).is_followed_by(place(7, 4)));
        assert!(!place(7, 3).is_followed_by(place(7, 5)));
        assert!(!place(7, 3).is_followed_by(place(8, 4)));
        assert!(!place(7, 3).is_followed_by(place(8, 0)), "what was before in the new set was missed too");
        assert!(place(0, 0).is_followed_by(place(8, 0)));
        assert!(!place(0, 0).is_followed_by(place(8, 1)));
        assert_eq!(Place::parse(b"18-2"), Some(place(18, 2)));
        assert_eq!(Place::parse(b"18"), None);
    }

    #[test]
    fn a_gap_in_one_lane_waits_until_all_are_heard() {
        #[derive(Default)]
        struct Heard(Mutex<Vec<Feed>>);
        impl Follower for Heard {
            fn apply(&self, _: &crate::warm::change::Change) {}
            fn feed(&self, feed: Feed) {
                self.0.lock().expect("no panic").push(feed);
            }
        }
        let at = Timestamp::from_secs;
        let (hub, heard) = (Hub::new(Arc::new(ManualClock::at(at(1)))), Arc::new(Heard::default()));
        let lanes: Vec<Lane> = Lane::all().collect();
        hub.follow(heard.clone());
        hub.gap();
        hub.heard(&lanes[..15], at(2));
        assert_eq!(*heard.0.lock().expect("no panic"), [Feed::Silent(at(1))]);
        hub.heard(&lanes[15..], at(2));
        hub.silent(&lanes[..1]);
        hub.silent(&lanes[1..2]);
        hub.heard(&lanes[..2], at(3));
        let all = [Feed::Silent(at(1)), Feed::Gap, Feed::Silent(at(2)), Feed::Live];
        assert_eq!(*heard.0.lock().expect("no panic"), all);
    }
}
