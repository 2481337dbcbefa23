//! Admission by class of cost: how often one address may ask, and how many requests may be under way at once.
//!
//! Each class has places of its own, so nobody who asks for something cheap is ever refused, or made to wait, because of
//! what others ask for that is dear. And each class has them twice: what is asked of services takes nothing from those
//! who sign in, whatever cost a service's route says that it has. A place is held by a [`Ticket`] from the moment at
//! which the work may begin until its answer does: how slowly a client sends what it asks, or reads what it is told, is
//! nothing that others wait for. (An upload to a service streams, and so does hold one of the services' places.)
//! Where a queue is configured, whoever finds no place waits for one, in turn and not for long; beyond that, they are told
//! at once.

use crate::config;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::limit::address::Prefix;
use aldgate_core::limit::table::Table;
use aldgate_core::policy::cost::CostClass;
use aldgate_core::policy::route::Target;
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
    platform: [Class; 4],
    services: [Class; 4],
    refused: AtomicU64,
}

/// Of whom something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Of the gate or the backend.
    Platform,
    /// Of a service behind the gate.
    Service,
}

impl Asked {
    /// Of whom a route's target has something asked.
    pub const fn of(target: &Target) -> Self {
        match target {
            Target::Edge(_) | Target::Backend => Self::Platform,
            Target::Service(_) => Self::Service,
        }
    }
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

impl NotAdmitted {
    /// When they may come back.
    pub const fn retry_after(self) -> Duration {
        match self {
            Self::TooOften { retry_after } | Self::Full { retry_after } => retry_after,
        }
    }
}

impl Admission {
    /// Nobody has been admitted yet.
    ///
    /// # Errors
    /// Without randomness, addresses could be chosen that push one another out.
    pub fn new(config: &config::Admission, entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        let [check, passkey, refresh, password] = &config.classes;
        let class = |limits| Class::new(limits, entropy);
        let classes = || Ok::<_, EntropyFailed>([class(check)?, class(passkey)?, class(refresh)?, class(password)?]);
        Ok(Self {
            many_behind: config.many_behind.iter().copied().map(Prefix::of).collect(),
            platform: classes()?,
            services: classes()?,
            refused: AtomicU64::new(0),
        })
    }

    /// Admits a request, at once or after a short wait.
    ///
    /// # Errors
    /// [`NotAdmitted`].
    pub async fn admit(
        &self,
        asked: Asked,
        class: CostClass,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Ticket, NotAdmitted> {
        self.spend(asked, class, client, now)?;
        let Some(places) = &self.class(asked, class).places else { return Ok(Ticket { _place: None }) };
        let place = places.take().await;
        place
            .map(|place| Ticket { _place: Some(place) })
            .ok_or_else(|| NotAdmitted::Full { retry_after: self.come_back() })
    }

    /// Counts a request against its address, and gives it no place: for a proxy in front, which holds those itself.
    ///
    /// # Errors
    /// [`NotAdmitted::TooOften`].
    pub fn spend(
        &self,
        asked: Asked,
        class: CostClass,
        client: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), NotAdmitted> {
        let (Some(addresses), Some(client)) = (&self.class(asked, class).addresses, client) else { return Ok(()) };
        let address = Prefix::of(client);
        if self.many_behind.contains(&address) {
            return Ok(());
        }
        addresses.spend(address, now).map_err(|retry_after| NotAdmitted::TooOften { retry_after })
    }

    /// How many requests of a class are under way, and how many wait.
    pub fn under_way(&self, asked: Asked, class: CostClass) -> (usize, usize) {
        self.class(asked, class).places.as_ref().map_or((0, 0), Places::taken)
    }

    const fn class(&self, asked: Asked, class: CostClass) -> &Class {
        let [check, passkey, refresh, password] = match asked {
            Asked::Platform => &self.platform,
            Asked::Service => &self.services,
        };
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
