//! Delivers what the store keeps to be delivered later ([`crate::store::delivery`]), each kind by its own deliverer.
//!
//! At least once: whoever receives must bear a second time (a delivery has an id by which it is known). A try has a
//! deadline, well within the lease; what failed is tried again after pauses that double, until its time is over. What
//! never can be delivered is given up at once, and said. As many are tried at once as there are places: whatever is slow
//! holds its own place only, and only what has a place is taken from the store.

use crate::store::delivery::{Due, Kind};
use crate::store::{Store, StoreError};
use aldgate_core::entropy::Entropy;
use aldgate_core::time::{Clock, Timestamp};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// How many are tried at once.
const PLACES: usize = 32;

/// How long a try may take.
const TRY_MAX: Duration = Duration::from_secs(20);

/// How long nobody else takes what is being tried: longer than a try, and the writing down of how it ended.
const LEASE: Duration = Duration::from_mins(1);

/// How often it is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);

/// The pause after the first try; it doubles with each.
const PAUSE: Duration = Duration::from_secs(2);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// Why something was not delivered. The text is for the log, and holds nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    /// It may work later: not reached, or told to come again.
    NotNow(String),
    /// It never will: refused for good.
    Never(String),
}

/// Delivers one kind.
#[async_trait]
pub trait Deliverer: Send + Sync {
    /// What kind.
    fn kind(&self) -> Kind;

    /// Tries once. It may be dropped at its deadline, and it may be asked for the same again.
    ///
    /// # Errors
    /// [`Undelivered`].
    async fn deliver(&self, due: &Due, now: Timestamp) -> Result<(), Undelivered>;
}

/// What was tried, and how that ended.
type Tried = (Due, Result<(), Undelivered>);

async fn try_one(deliverer: Option<Arc<dyn Deliverer>>, due: Due, now: Timestamp) -> Tried {
    let not_now = |why: &str| Err(Undelivered::NotNow(why.into()));
    let tried = match deliverer {
        // Of a later version, perhaps, that runs beside this one.
        None => not_now("this process delivers none of that kind"),
        Some(deliverer) => match tokio::time::timeout(TRY_MAX, deliverer.deliver(&due, now)).await {
            Ok(tried) => tried,
            Err(_) => not_now("no answer in time"),
        },
    };
    (due, tried)
}

/// The deliveries of a store.
pub struct Deliveries {
    store: Store,
    deliverers: HashMap<&'static str, Arc<dyn Deliverer>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Deliveries {
    /// Of this store, by these.
    pub fn new(
        store: Store,
        deliverers: Vec<Arc<dyn Deliverer>>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let deliverers = deliverers.into_iter().map(|deliverer| (deliverer.kind().0, deliverer)).collect();
        Self { store, deliverers, clock, entropy }
    }

    /// Delivers, for as long as it is polled.
    pub async fn run(&self) {
        let (mut tries, mut failing) = (JoinSet::new(), false);
        loop {
            let worked = self.take_and_note(&mut tries).await;
            match &worked {
                Err(error) if !failing => tracing::warn!(%error, "what is to be delivered waits for the database"),
                Ok(_) if failing => tracing::warn!("what is to be delivered is delivered again"),
                _ => {}
            }
            failing = worked.is_err();
            tokio::select! {
                Some(tried) = tries.join_next() => self.note_joined(tried).await.unwrap_or_else(|error| {
                    tracing::debug!(%error, "how a delivery ended was not noted: it is tried again");
                }),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Tries all that are due, and whatever they lead to. Gives how many.
    ///
    /// # Errors
    /// [`StoreError`]. What was taken is tried again when its lease ends.
    pub async fn deliver_due(&self) -> Result<usize, StoreError> {
        let (mut tries, mut count) = (JoinSet::new(), 0);
        loop {
            count += self.take_and_note(&mut tries).await?;
            match tries.join_next().await {
                Some(tried) => self.note_joined(tried).await?,
                None => return Ok(count),
            }
        }
    }

    /// Notes how those ended that have, and begins to try as many as have places then. Gives how many.
    async fn take_and_note(&self, tries: &mut JoinSet<Tried>) -> Result<usize, StoreError> {
        while let Some(tried) = tries.try_join_next() {
            self.note_joined(tried).await?;
        }
        let places = u32::try_from(PLACES.saturating_sub(tries.len())).unwrap_or(0);
        if places == 0 {
            return Ok(0);
        }
        let taken = self.store.take_due(self.clock.now(), LEASE, places).await?;
        let count = taken.len();
        for due in taken {
            tries.spawn(try_one(self.deliverers.get(due.kind.as_str()).cloned(), due, self.clock.now()));
        }
        Ok(count)
    }

    /// One that panicked is nobody's: its lease ends.
    async fn note_joined(&self, tried: Result<Tried, JoinError>) -> Result<(), StoreError> {
        match tried {
            Ok((due, tried)) => self.note(&due, tried).await,
            Err(_) => Ok(()),
        }
    }

    /// Writes down how a try ended.
    async fn note(&self, due: &Due, tried: Result<(), Undelivered>) -> Result<(), StoreError> {
        let Due { id, kind, attempts, expires, .. } = due;
        let why = match tried {
            Ok(()) => return self.store.delivered(id).await,
            Err(Undelivered::Never(why)) => {
                tracing::error!(delivery = %id, %kind, %why, "something is not delivered, and never will be");
                return self.store.delivered(id).await;
            }
            Err(Undelivered::NotNow(why)) => why,
        };
        let next = self.clock.now().plus(self.pause(*attempts));
        if next >= *expires {
            tracing::error!(delivery = %id, %kind, %why, tries = attempts + 1, "something was not delivered in its time");
            return self.store.delivered(id).await;
        }
        tracing::debug!(delivery = %id, %kind, %why, "something is delivered later");
        self.store.postpone(id, next).await
    }

    /// Half of a pause that doubles with each try, and as much again as is drawn: those that failed together do not all
    /// come back together.
    fn pause(&self, attempts: u32) -> Duration {
        let longest = PAUSE.saturating_mul(1 << attempts.min(16)).min(PAUSE_MAX);
        let drawn = self.entropy.bytes::<1>().map_or(u8::MAX, |[byte]| byte);
        longest / 2 + longest / 2 * u32::from(drawn) / u32::from(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Home;
    use aldgate_core::testing::world::NOW;
    use aldgate_core::testing::{ManualClock, SeededEntropy};
    use std::sync::Mutex;

    const TEST: Kind = Kind("test");

    /// Gives the answers that it was told to give, in order; then it delivers.
    #[derive(Default)]
    struct Told {
        answers: Mutex<Vec<Undelivered>>,
        delivered: Mutex<Vec<Vec<u8>>>,
    }

    #[async_trait]
    impl Deliverer for Told {
        fn kind(&self) -> Kind {
            TEST
        }

        async fn deliver(&self, due: &Due, _: Timestamp) -> Result<(), Undelivered> {
            match self.answers.lock().expect("no panic").pop() {
                Some(answer) => Err(answer),
                None => {
                    self.delivered.lock().expect("no panic").push(due.payload.clone());
                    Ok(())
                }
            }
        }
    }

    struct World {
        home: Home,
        clock: Arc<ManualClock>,
        told: Arc<Told>,
        deliveries: Deliveries,
    }

    async fn world(answers: Vec<Undelivered>) -> World {
        let home = Home::new().await;
        let (clock, told) = (Arc::new(ManualClock::at(NOW)), Arc::new(Told::default()));
        *told.answers.lock().expect("no panic") = answers;
        let entropy = Arc::new(SeededEntropy::new(1));
        let deliveries = Deliveries::new(home.store.clone(), vec![told.clone()], clock.clone(), entropy);
        World { home, clock, told, deliveries }
    }

    async fn add(world: &World, kind: Kind, lifetime: Duration) {
        world.home.store.deliver_later(kind, b"payload", NOW, lifetime).await.expect("written");
    }

    fn not_now() -> Undelivered {
        Undelivered::NotNow("told to".into())
    }

    #[tokio::test]
    async fn what_fails_is_tried_again_after_growing_pauses_and_delivered_once() {
        let world = world(vec![not_now(), not_now()]).await;
        add(&world, TEST, Duration::from_hours(1)).await;
        assert_eq!(world.deliveries.deliver_due().await, Ok(1));
        assert_eq!(world.deliveries.deliver_due().await, Ok(0), "not at once");
        world.clock.advance(PAUSE);
        assert_eq!(world.deliveries.deliver_due().await, Ok(1));
        world.clock.advance(PAUSE / 2);
        assert_eq!(world.deliveries.deliver_due().await, Ok(0), "the pause has doubled");
        world.clock.advance(PAUSE * 2);
        assert_eq!(world.deliveries.deliver_due().await, Ok(1));
        assert_eq!(*world.told.delivered.lock().expect("no panic"), [b"payload".to_vec()]);
        world.clock.advance(Duration::from_hours(2));
        assert_eq!(world.deliveries.deliver_due().await, Ok(0), "it is done");
    }

    #[tokio::test]
    async fn what_never_can_be_delivered_or_has_had_its_time_is_given_up() {
        let world = world(vec![not_now(), Undelivered::Never("told to".into())]).await;
        add(&world, TEST, Duration::from_hours(1)).await;
        assert_eq!(world.deliveries.deliver_due().await, Ok(1));
        add(&world, TEST, Duration::from_millis(500)).await;
        assert_eq!(world.deliveries.deliver_due().await, Ok(1), "the next try would come too late");
        world.clock.advance(Duration::from_hours(2));
        assert_eq!(world.deliveries.deliver_due().await, Ok(0));
        assert!(world.told.delivered.lock().expect("no panic").is_empty());
    }

    #[tokio::test]
    async fn what_nobody_here_delivers_waits_for_somebody_who_does() {
        let world = world(vec![]).await;
        add(&world, Kind("of a later version"), Duration::from_hours(1)).await;
        add(&world, TEST, Duration::from_hours(1)).await;
        assert_eq!(world.deliveries.deliver_due().await, Ok(2));
        assert_eq!(world.told.delivered.lock().expect("no panic").len(), 1);
        world.clock.advance(Duration::from_mins(2));
        assert_eq!(world.deliveries.deliver_due().await, Ok(1), "it is there still");
    }
}
