//! How many connections there may be, in all and from one address.
//!
//! An address counts as [`Prefix`] says: an IPv6 one with its /64. The table has an entry for it only while it has a
//! connection, so it is no larger than the cap on all.

use crate::config::{Connections, Network};
use aldgate_core::limit::address::Prefix;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Parts of the table, each with a lock of its own.
const PARTS: usize = 16;

/// Why there is no place for another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// Its address has as many as one may have.
    #[error("one address has as many connections as it may have")]
    Address,
    /// There are as many as there may be.
    #[error("there are as many connections as there may be")]
    All,
}

/// The places of one gateway.
pub struct Places {
    cap: u32,
    per_address: Option<NonZeroU32>,
    uncapped: Vec<Network>,
    taken: AtomicU32,
    table: [Mutex<HashMap<Prefix, u32>>; PARTS],
}

/// A connection's place, given back when dropped.
pub struct Place {
    places: Arc<Places>,
    counted: Option<Prefix>,
}

impl Places {
    /// As many as the configuration says.
    pub fn new(config: &Connections) -> Self {
        Self {
            cap: config.all.get(),
            per_address: config.per_address,
            uncapped: config.uncapped.clone(),
            taken: AtomicU32::new(0),
            table: [const { None::<()> }; PARTS].map(|_| Mutex::default()),
        }
    }

    /// How many are taken.
    pub fn taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes a place for a connection from this address.
    ///
    /// # Errors
    /// [`NoPlace`]: the connection is to be closed.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Place, NoPlace> {
        if self.taken.fetch_add(1, Ordering::Relaxed) >= self.cap {
            self.taken.fetch_sub(1, Ordering::Relaxed);
            return Err(NoPlace::All);
        }
        let mut place = Place { places: self.clone(), counted: None };
        let Some(cap) = self.per_address else { return Ok(place) };
        if self.uncapped.iter().any(|network| network.contains(address)) {
            return Ok(place);
        }
        let subscriber = Prefix::of(address);
        let mut table = self.part(subscriber);
        let count = table.entry(subscriber).or_default();
        if *count >= cap.get() {
            return Err(NoPlace::Address);
        }
        *count += 1;
        place.counted = Some(subscriber);
        Ok(place)
    }

    fn part(&self, subscriber: Prefix) -> MutexGuard<'_, HashMap<Prefix, u32>> {
        // The last bits differ most; which part an address lies in is no secret, the map's own hash is.
        let part = &self.table[subscriber.as_u64() as usize % PARTS];
        part.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::Relaxed);
        let Some(subscriber) = self.counted else { return };
        if let Entry::Occupied(mut entry) = self.places.part(subscriber).entry(subscriber) {
            match entry.get().checked_sub(1) {
                Some(left @ 1..) => _ = entry.insert(left),
                _ => _ = entry.remove(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all: u32, per_address: u32, uncapped: &[&str]) -> Arc<Places> {
        let uncapped = uncapped.iter().map(|text| text.parse().expect("a network")).collect();
        let all = NonZeroU32::new(all).expect("a cap");
        Arc::new(Places::new(&Connections { all, per_address: NonZeroU32::new(per_address), uncapped }))
    }

    fn entries(places: &Places) -> usize {
        places.table.iter().map(|part| part.lock().expect("a lock").len()).sum()
    }

    fn take(places: &Arc<Places>, address: &str) -> Result<Place, NoPlace> {
        places.take(address.parse().expect("an address"))
    }

    #[test]
    fn one_address_cannot_take_the_places_of_others() {
        let places = places(100, 2, &[]);
        let held = [take(&places, "192.0.2.1"), take(&places, "192.0.2.1")];
        assert_eq!(take(&places, "192.0.2.1").err(), Some(NoPlace::Address));
        assert_eq!(take(&places, "::ffff:192.0.2.1").err(), Some(NoPlace::Address), "the same, on a socket for both");
        assert!(take(&places, "192.0.2.2").is_ok());
        assert_eq!(places.taken(), 2, "a refused one takes none");
        drop(held);
        assert!(take(&places, "192.0.2.1").is_ok(), "a place that was given back");
    }

    #[test]
    fn a_subscriber_of_ipv6_is_its_64() {
        let places = places(100, 1, &[]);
        let _held = take(&places, "2001:db8:0:1::1").expect("a place");
        assert_eq!(take(&places, "2001:db8:0:1:ffff::2").err(), Some(NoPlace::Address));
        assert!(take(&places, "2001:db8:0:2::1").is_ok());
    }

    #[test]
    fn the_cap_on_all_holds_for_everybody_and_the_other_not_for_balancers() {
        let places = places(3, 1, &["10.0.0.0/8"]);
        let held: Vec<_> = (0..3).map(|_| take(&places, "10.1.2.3").expect("a place")).collect();
        assert_eq!(take(&places, "10.1.2.3").err(), Some(NoPlace::All));
        assert_eq!(take(&places, "192.0.2.1").err(), Some(NoPlace::All));
        drop(held);
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn the_table_is_empty_when_nobody_is_connected() {
        let places = places(10_000, 3, &[]);
        let address = |n: u32| IpAddr::from(n.to_be_bytes());
        let held: Vec<_> = (0..5_000).map(|n| places.take(address(n / 2)).expect("a place")).collect();
        assert_eq!(entries(&places), 2_500);
        drop(held);
        assert_eq!((entries(&places), places.taken()), (0, 0));
    }

    #[test]
    fn places_are_not_given_twice_by_threads_that_race() {
        let places = places(1_000, 50, &[]);
        let taken: usize = std::thread::scope(|scope| {
            let race = || (0..100).filter_map(|_| take(&places, "192.0.2.1").ok()).collect::<Vec<_>>();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(race)).collect();
            let held: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a thread")).collect();
            held.iter().map(Vec::len).sum()
        });
        assert_eq!((taken, places.taken(), entries(&places)), (50, 0, 0));
    }
}
