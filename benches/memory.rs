//! What an entry of the hot tier takes: resident bytes by the kernel's count, with the gateway's allocator, for moka,
//! for `quick_cache` as it comes, and for each of the maps as they are used.
//!
//! Run with `cargo bench -p aldgate-benches --bench memory`, or with another number of entries: `-- 1000000`. Every
//! row is measured in a process of its own. Linux only.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up has no result")]

use aldgate_benches::{capacity_for, session};
use aldgate_core::hot::{CREDENTIAL_BYTES, Capacity, GONE_BYTES, Hot, HotSession, MintedIdentity};
use aldgate_core::hot::{Held, SESSION_BYTES};
use aldgate_core::id::CredentialDigest;
use aldgate_core::identity_header::IdentityLines;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::testing::authenticator::Authenticator;
use aldgate_core::testing::world;
use aldgate_core::warm::change::{Change, Follower as _};
use aldgate_core::webauthn::credential::CredentialRecord;
use moka::policy::EvictionPolicy;
use std::env;
use std::process::Command;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ENTRIES: u64 = 4_000_000;
const PAGE_BYTES: u64 = 4_096;
const P256_KEY_BYTES: usize = 65;

/// A row of the table: its name, what fills the map with so many entries, and the bytes of an entry's record.
type Row = (&'static str, fn(u64) -> Filled, usize);

const ROWS: [Row; 9] = [
    ("sessions in moka", moka, size_of::<SessionRecord>()),
    ("sessions in quick_cache, as it comes", quick_cache, size_of::<SessionRecord>()),
    ("sessions, as used", sessions, size_of::<SessionRecord>()),
    ("sessions, as used, three times as many offered", overfilled, size_of::<SessionRecord>()),
    ("room for sessions, as used, with none in it", empty, 0),
    ("passkeys (P-256), as used", credentials, size_of::<CredentialRecord>() + P256_KEY_BYTES),
    ("sessions known to have ended (moka)", ended_sessions, 0),
    ("passkeys known to be gone (moka)", retired_credentials, 0),
    ("identities for services, as used (a tenth as many)", identities, 0),
];

/// A full map, kept alive, and how full it says it is.
struct Filled {
    entries: u64,
    counted: Option<Held>,
    _map: Box<dyn std::any::Any>,
}

impl Filled {
    fn hot(hot: Hot, held: impl Fn(&Hot) -> Held) -> Self {
        let held = held(&hot);
        Self { entries: held.entries, counted: Some(held), _map: Box::new(hot) }
    }
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.expect("a number of pages") * PAGE_BYTES
}

fn hot_session(hot: &Hot, n: u64) -> Arc<HotSession> {
    Arc::new(HotSession::new(session(n), world::session_record(), hot.ask(world::NOW)))
}

fn moka(entries: u64) -> Filled {
    let hot = Hot::new(capacity_for(0));
    let cache = moka::sync::Cache::builder().max_capacity(entries).eviction_policy(EvictionPolicy::lru()).build();
    (0..entries).for_each(|n| cache.insert(session(n), hot_session(&hot, n)));
    cache.run_pending_tasks();
    Filled { entries: cache.entry_count(), counted: None, _map: Box::new(cache) }
}

fn quick_cache(entries: u64) -> Filled {
    let hot = Hot::new(capacity_for(0));
    let cache = quick_cache::sync::Cache::new(usize::try_from(entries).expect("a size"));
    (0..entries).for_each(|n| cache.insert(session(n), hot_session(&hot, n)));
    Filled { entries: u64::try_from(cache.len()).expect("a size"), counted: None, _map: Box::new(cache) }
}

fn admit(hot: &Hot, offered: u64) {
    for n in 0..offered {
        hot.admit_session(session(n), world::session_record(), hot.ask(world::NOW));
    }
}

fn sessions(entries: u64) -> Filled {
    let hot = Hot::new(capacity_for(entries));
    admit(&hot, entries);
    Filled::hot(hot, |hot| hot.fill().sessions)
}

fn overfilled(entries: u64) -> Filled {
    let hot = Hot::new(capacity_for(entries));
    admit(&hot, 3 * entries);
    Filled::hot(hot, |hot| hot.fill().sessions)
}

fn empty(entries: u64) -> Filled {
    Filled { entries, counted: None, _map: Box::new(Hot::new(capacity_for(entries))) }
}

fn credentials(entries: u64) -> Filled {
    let hot = Hot::new(Capacity { credentials: entries * CREDENTIAL_BYTES, ..Capacity::LEAST });
    let record = Authenticator::derived(1, 1).record();
    for n in 0..entries {
        let digest = CredentialDigest::of(&n.to_be_bytes());
        hot.admit_credential(Arc::new(CredentialRecord { digest, ..record.clone() }));
    }
    Filled::hot(hot, |hot| hot.fill().credentials)
}

fn gone(entries: u64, bytes: u32, change: impl Fn(u64) -> Change) -> Filled {
    let hot = Hot::new(Capacity { gone: 2 * entries * u64::from(bytes), ..Capacity::LEAST });
    (0..entries).for_each(|n| hot.apply(&change(n)));
    Filled::hot(hot, |hot| hot.fill().gone)
}

fn ended_sessions(entries: u64) -> Filled {
    gone(entries, GONE_BYTES[0], |n| Change::SessionEnded(session(n)))
}

fn retired_credentials(entries: u64) -> Filled {
    gone(entries, GONE_BYTES[1], |n| Change::CredentialRetired(CredentialDigest::of(&n.to_be_bytes())))
}

fn identities(entries: u64) -> Filled {
    let hot = Hot::new(Capacity { identities: entries / 10 * 2_048, ..Capacity::LEAST });
    for n in 0..entries / 10 {
        // The lengths that `identity_header` and a signed assertion have.
        let (jwt, id) = ("v".repeat(620), "v".repeat(22));
        let lines = IdentityLines::of([&jwt, &id, &id, "P5", "Cp.Cd", "1234567890"]).expect("plain");
        let minted = MintedIdentity { service: 1, lines: Arc::new(lines), reuse_until: world::NOW };
        hot.keep_identity(session(n), minted);
    }
    Filled::hot(hot, |hot| hot.fill().identities)
}

fn measure(row: usize, entries: u64) {
    let (name, fill, record) = ROWS.get(row).expect("a row");
    let before = resident();
    let filled = fill(entries);
    let bytes = (resident() - before) as f64 / filled.entries as f64;
    let beyond = bytes - *record as f64;
    let counted =
        filled.counted.map_or_else(String::new, |held| format!("{:.0}", held.bytes as f64 / held.entries as f64));
    println!("{name:<50} {:>9} {bytes:>9.1} {record:>7} {beyond:>9.1} {counted:>8}", filled.entries);
}

fn main() {
    let arguments: Vec<u64> = env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    if let [row, entries] = arguments[..] {
        return measure(usize::try_from(row).expect("a row"), entries);
    }
    let entries = arguments.first().copied().unwrap_or(ENTRIES);
    println!("bytes an entry; SESSION_BYTES = {SESSION_BYTES}, CREDENTIAL_BYTES = {CREDENTIAL_BYTES}");
    println!("{:<50} {:>9} {:>9} {:>7} {:>9} {:>8}", "", "entries", "resident", "record", "beyond", "counted");
    let this = env::current_exe().expect("this program");
    for row in 0..ROWS.len() {
        let status = Command::new(&this).args([row.to_string(), entries.to_string()]).status().expect("a process");
        assert!(status.success(), "row {row} failed");
    }
}
