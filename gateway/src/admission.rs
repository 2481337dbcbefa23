//! Admission by class of cost: how often one address may ask, and how many requests may be under way at once.
//!
//! Each class has places of its own, so nobody who asks for something cheap is ever refused, or made to wait, because of
//! what others ask for that is dear. A place is held by a [`Ticket`] until the request has ended. Where a queue is
//! configured, whoever finds no place waits for one, in turn and not for long; beyond that, they are told at once.

use crate::config;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::limit::address::Prefix;
use aldgate_core::limit::table::Table;
use aldgate_core::policy::cost::CostClass;
use aldgate_core::time::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a request waits in a queue at most: less than a person waits who sees nothing happen.
const WAIT: Duration = Duration::from_secs(2);

/// When to come back if everything is full, in seconds: spread out, so that those who were refused together do not come
/// back together.
const COME_BACK: std::ops::Range<u64> = 5..15;

/// Who may ask for what.
pub struct Admission {
    many_behind: Vec<Prefix>,
    classes: [Class; 4],
    refused: AtomicU64,
}

/// What holds for one class.
struct Class {
    addresses: Option<Table>,
    places: Option<Places>,
}

struct Places {
    at_once: Arc<Semaphore>,
    at_once_max: usize,
    queue: Semaphore,
    queue_max: usize,
}

/// A place, until it is dropped. Where a class has no bound, there is nothing to hold.
#[derive(Debug)]
#[must_use]
pub struct Ticket {
    _place: Option<OwnedSemaphorePermit>,
}

/// Why somebody is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// Their address asks too often.
    TooOften {
        /// How long it has to wait.
        retry_after: Duration,
    },
    /// All places are taken, and so is the queue.
    Full {
        /// When to come back.
        retry_after: Duration,
    },
}

impl Admission {
    /// Nobody has been admitted yet.
    ///
    /// # Errors
    /// Without randomness, addresses could be chosen that push one another out.
    pub fn new(config: &config::Admission, entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        let [check, passkey, refresh, password] = &config.classes;
        let class = |limits| Class::new(limits, entropy);
        Ok(Self {
            many_behind: config.many_behind.iter().copied().map(Prefix::of).collect(),
            classes: [class(check)?, class(passkey)?, class(refresh)?, class(password)?],
            refused: AtomicU64::new(0),
        })
    }

    /// Admits a request, at once or after a short wait.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(&self, class: CostClass, client: Option<IpAddr>, now: Timestamp) -> Result<Ticket, NotAdmitted> {
        let class = self.class(class);
        if let (Some(addresses), Some(client)) = (&class.addresses, client) {
            let address = Prefix::of(client);
            if !self.many_behind.contains(&address) {
                let spent = addresses.spend(address, now);
                spent.map_err(|retry_after| NotAdmitted::TooOften { retry_after })?;
            }
        }
        let Some(places) = &class.places else { return Ok(Ticket { _place: None }) };
        let place = places.take().await;
        place
            .map(|place| Ticket { _place: Some(place) })
            .ok_or_else(|| NotAdmitted::Full { retry_after: self.come_back() })
    }

    /// How many requests of a class are under way, and how many wait.
    pub fn under_way(&self, class: CostClass) -> (usize, usize) {
        self.class(class).places.as_ref().map_or((0, 0), Places::taken)
    }

    const fn class(&self, class: CostClass) -> &Class {
        let [check, passkey, refresh, password] = &self.classes;
        match class {
            CostClass::Check => check,
            CostClass::Passkey => passkey,
            CostClass::Refresh => refresh,
            CostClass::Password => password,
        }
    }

    fn come_back(&self) -> Duration {
        let spread = self.refused.fetch_add(1, Ordering::Relaxed) % (COME_BACK.end - COME_BACK.start);
        Duration::from_secs(COME_BACK.start + spread)
    }
}

impl Class {
    fn new(limits: &config::ClassLimits, entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        let key = entropy.bytes()?;
        let addresses = limits.per_address.map(|rate| Table::new(rate, key));
        Ok(Self { addresses, places: limits.places.as_ref().map(Places::new) })
    }
}

impl Places {
    fn new(places: &config::Places) -> Self {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let (at_once_max, queue_max) = (count(places.at_once), count(places.queue));
        let (at_once, queue) = (Arc::new(Semaphore::new(at_once_max)), Semaphore::new(queue_max));
        Self { at_once, at_once_max, queue, queue_max }
    }

    fn taken(&self) -> (usize, usize) {
        let under_way = self.at_once_max.saturating_sub(self.at_once.available_permits());
        (under_way, self.queue_max.saturating_sub(self.queue.available_permits()))
    }

    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.at_once).try_acquire_owned() {
            return Some(place);
        }
        let _in_the_queue = self.queue.try_acquire().ok()?;
        let place = tokio::time::timeout(WAIT, Arc::clone(&self.at_once).acquire_owned()).await;
        place.ok()?.ok()
    }
}
