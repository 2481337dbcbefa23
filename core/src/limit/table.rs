//! What each address has done lately, for any number of addresses in a fixed amount of memory.
//!
//! An address belongs to one set of eight places, by a keyed hash that nobody outside knows, so that nobody can choose
//! whom they share a set with. A place whose address owes nothing any more is free: forgetting it changes nothing. If all
//! eight are in use, **whoever owes least is forgotten**, and the newcomer takes their place with a clean sheet:
//!
//! - nobody is refused for what others have done, however many addresses an attacker has;
//! - whoever is at their limit owes most, and is the last to be forgotten;
//! - what an attacker gains is that addresses which have hardly been used are forgotten early. They would have been let
//!   pass anyway: the number of addresses is no limit, with or without a table. What holds then is how many requests of
//!   a class may be under way at once.

use super::address::Prefix;
use super::rate::{Owed, Rate};
use crate::time::Timestamp;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Places of a set: one line of a cache holds four.
const WAYS: usize = 8;

/// Sets that have a lock in common are a 64th of all: with one thread a core, two rarely want the same.
const SHARDS: usize = 64;

/// Sets of a shard.
const SETS: usize = 128;

/// How many addresses are remembered: a megabyte.
pub const ADDRESSES_MAX: usize = SHARDS * SETS * WAYS;

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    address: u64,
    owed: Owed,
}

type Shard = [[Place; WAYS]; SETS];

/// The table of one rate.
pub struct Table {
    rate: Rate,
    key: [u8; 16],
    shards: Box<[Mutex<Shard>]>,
}

impl Table {
    /// An empty table; `key` is random and known to nobody.
    pub fn new(rate: Rate, key: [u8; 16]) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new([[Place::default(); WAYS]; SETS])).collect();
        Self { rate, key, shards }
    }

    /// One more request from an address.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn spend(&self, address: Prefix, now: Timestamp) -> Result<(), Duration> {
        let hash = self.hash(address);
        let (shard, set) = (hash % SHARDS as u64, hash / SHARDS as u64 % SETS as u64);
        let shard = usize::try_from(shard).ok().and_then(|shard| self.shards.get(shard));
        let Some(shard) = shard else { return Ok(()) }; // There is one for every remainder.
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let set = usize::try_from(set).ok().and_then(|set| shard.get_mut(set));
        let Some(place) = set.and_then(|set| place_of(set, address, now)) else { return Ok(()) };
        place.owed = self.rate.spend(place.owed, now)?;
        Ok(())
    }

    fn hash(&self, address: Prefix) -> u64 {
        let mut hasher = DefaultHasher::new(); // SipHash, whose first input is the key here.
        hasher.write(&self.key);
        hasher.write_u64(address.as_u64());
        hasher.finish()
    }
}

/// The place of an address in its set: its own, or else that of whoever owes least, who is forgotten.
fn place_of(set: &mut [Place; WAYS], address: Prefix, now: Timestamp) -> Option<&mut Place> {
    let known = |place: &Place| place.address == address.as_u64() && !place.owed.is_nothing(now);
    if let Some(at) = set.iter().position(known) {
        return set.get_mut(at);
    }
    let place = set.iter_mut().min_by_key(|place| place.owed)?;
    *place = Place { address: address.as_u64(), owed: Owed::default() };
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn address(number: u32) -> Prefix {
        Prefix::of(IpAddr::V4(Ipv4Addr::from_bits(number)))
    }

    fn table(per_second: u32, burst: u32) -> Table {
        Table::new(Rate::new(per_second, Duration::from_secs(1), burst).expect("a rate"), [7; 16])
    }

    fn passed(table: &Table, address: Prefix, tries: usize, now: Timestamp) -> usize {
        (0..tries).filter(|_| table.spend(address, now).is_ok()).count()
    }

    #[test]
    fn addresses_count_apart() {
        let table = table(1, 10);
        assert_eq!(passed(&table, address(1), 50, NOW), 10);
        assert_eq!(passed(&table, address(2), 50, NOW), 10);
        assert_eq!(passed(&table, address(1), 50, NOW.plus(Duration::from_secs(3))), 3);
    }

    #[test]
    fn a_flood_of_a_million_addresses_takes_no_more_memory_frees_nobody_at_their_limit_and_shuts_nobody_out() {
        let table = table(1, 10);
        assert_eq!(table.shards.len() * size_of::<Shard>(), 16 * ADDRESSES_MAX, "a fixed amount of memory");
        let attacker = address(0);
        assert_eq!(passed(&table, attacker, 20, NOW), 10);
        let mut attackers_more = 0;
        for number in 1..=1_000_000 {
            assert!(table.spend(address(number), NOW).is_ok(), "whoever comes for the first time gets in");
            if number % 1_000 == 0 {
                attackers_more += passed(&table, attacker, 1, NOW);
            }
        }
        assert_eq!(attackers_more, 0, "at the limit before the flood, and all through it");
    }

    #[test]
    fn parallel_requests_pass_no_more_than_the_burst() {
        let table = table(1, 10);
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| passed(&table, address(1), 1_000, NOW))).collect();
            threads.into_iter().map(|thread| thread.join().expect("ended")).sum()
        });
        assert_eq!(passed, 10);
    }
}
