//! Look-ups and admissions of the hot tier at a million sessions: moka, `quick_cache` as it comes, and the map as it is
//! used. What each takes in memory is measured by the bench `memory`.
//!
//! Run with `cargo bench -p aldgate-benches --bench hot`.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has no result")]

use aldgate_benches::{capacity_for, session};
use aldgate_core::hot::{Hot, HotSession, Known, MintedIdentity};
use aldgate_core::id::SessionId;
use aldgate_core::identity_header::IdentityLines;
use aldgate_core::testing::world;
use aldgate_core::warm::change::{Change, Follower as _};
use criterion::{Criterion, criterion_group, criterion_main};
use moka::policy::EvictionPolicy;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTRIES: u64 = 1_000_000;
const THREADS: u64 = 2;

/// A number that visits all others in no order: a prime, far from any power of two.
const STRIDE: u64 = 2_654_435_761;

/// A map that is full of the sessions `0..ENTRIES`.
trait Map: Sync {
    fn get(&self, id: &SessionId) -> bool;
    fn put(&self, id: SessionId);
}

fn hot_session(id: SessionId, hot: &Hot) -> Arc<HotSession> {
    Arc::new(HotSession::new(id, world::session_record(), hot.ask(world::NOW)))
}

struct Moka(moka::sync::Cache<SessionId, Arc<HotSession>>, Hot);

impl Map for Moka {
    fn get(&self, id: &SessionId) -> bool {
        self.0.get(id).is_some()
    }

    fn put(&self, id: SessionId) {
        self.0.insert(id, hot_session(id, &self.1));
    }
}

struct QuickCache(quick_cache::sync::Cache<SessionId, Arc<HotSession>>, Hot);

impl Map for QuickCache {
    fn get(&self, id: &SessionId) -> bool {
        self.0.get(id).is_some()
    }

    fn put(&self, id: SessionId) {
        self.0.insert(id, hot_session(id, &self.1));
    }
}

impl Map for Hot {
    fn get(&self, id: &SessionId) -> bool {
        matches!(self.session(id, world::NOW), Known::Confirmed(_))
    }

    fn put(&self, id: SessionId) {
        self.admit_session(id, world::session_record(), self.ask(world::NOW));
    }
}

fn full<M: Map>(map: M) -> M {
    (0..ENTRIES).for_each(|n| map.put(session(n)));
    map
}

/// The time that `turns` calls take on each of several threads at once.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn together(turns: u64, call: impl Fn(u64) + Sync) -> Duration {
    let started = Instant::now();
    thread::scope(|scope| {
        for number in 0..THREADS {
            let call = &call;
            scope.spawn(move || (0..turns).for_each(|turn| call(turn * THREADS + number)));
        }
    });
    started.elapsed()
}

fn measure(c: &mut Criterion, name: &str, map: &impl Map) {
    let turn = Cell::new(0_u64);
    let next = || turn.replace(turn.get() + 1);
    let kept = |n: u64| session(n.wrapping_mul(STRIDE) % ENTRIES);
    let unknown = |n: u64| session((1 << 62) + n.wrapping_mul(STRIDE) % ENTRIES);
    c.bench_function(&format!("hot/hit/{name}"), |b| b.iter(|| map.get(black_box(&kept(next())))));
    c.bench_function(&format!("hot/miss/{name}"), |b| b.iter(|| map.get(black_box(&unknown(next())))));
    c.bench_function(&format!("hot/hit, {THREADS} threads/{name}"), |b| {
        b.iter_custom(|turns| together(turns, |n| _ = black_box(map.get(&kept(n)))));
    });
    c.bench_function(&format!("hot/admission when full/{name}"), |b| {
        b.iter(|| map.put(session(ENTRIES + next())));
    });
    c.bench_function(&format!("hot/hit 9 in 10, else admission, {THREADS} threads/{name}"), |b| {
        b.iter_custom(|turns| {
            let base = (1 << 40) + (next() << 32); // Sessions that no round before this one has seen.
            together(turns, |n| match n % 20 {
                0 | 1 => map.put(session(base + n)),
                _ => _ = black_box(map.get(&kept(n))),
            })
        });
    });
}

/// What is no copy: tombstones, asked for where there is none; and identities.
fn measure_the_rest(c: &mut Criterion) {
    let hot = Hot::new(capacity_for(ENTRIES));
    (0..1_000).for_each(|n| hot.apply(&Change::SessionEnded(session(n))));
    let turn = Cell::new(0_u64);
    let next = || turn.replace(turn.get() + 1) % 500;
    c.bench_function("hot/an ended session", |b| b.iter(|| hot.session(black_box(&session(next())), world::NOW)));
    let value = "v".repeat(100);
    let lines = Arc::new(IdentityLines::of([value.as_str(); 6]).expect("plain"));
    let reuse_until = world::NOW.plus(Duration::from_secs(30));
    for n in 0..500 {
        hot.keep_identity(session(n), MintedIdentity { service: 1, lines: lines.clone(), reuse_until });
    }
    c.bench_function("hot/an identity", |b| b.iter(|| hot.identity(black_box(session(next())), 1, world::NOW)));
    let moka = moka::sync::CacheBuilder::new(1_000).segments(4).build();
    (0..500).for_each(|n| moka.insert((session(n), 1_u16), (lines.clone(), reuse_until)));
    let key = |n: u64| (session(n), 1_u16);
    c.bench_function("hot/an identity, were it in moka", |b| b.iter(|| moka.get(black_box(&key(next())))));
    c.bench_function(&format!("hot/an identity, {THREADS} threads"), |b| {
        b.iter_custom(|turns| together(turns, |n| drop(black_box(hot.identity(session(n % 500), 1, world::NOW)))));
    });
    c.bench_function("hot/an identity is kept", |b| {
        b.iter(|| {
            let minted = MintedIdentity { service: 1, lines: lines.clone(), reuse_until };
            hot.keep_identity(session(next()), minted);
        });
    });
}

fn benches(c: &mut Criterion) {
    let nothing = || Hot::new(capacity_for(0));
    let moka = moka::sync::Cache::builder().max_capacity(ENTRIES).eviction_policy(EvictionPolicy::lru()).build();
    measure(c, "moka", &full(Moka(moka, nothing())));
    let entries = usize::try_from(ENTRIES).expect("a size");
    measure(c, "quick_cache", &full(QuickCache(quick_cache::sync::Cache::new(entries), nothing())));
    measure(c, "as used", &full(Hot::new(capacity_for(ENTRIES))));
    measure_the_rest(c);
}

criterion_group!(hot_benches, benches);
criterion_main!(hot_benches);
