//! The door of the hot path: a hit among few and among many sessions, a forged cookie, no cookie, a public route; and
//! the floor that they stand on.
//!
//! Run with `cargo bench -p aldgate-benches --bench decide`.

use aldgate_benches::{HOST, hot, session, snapshot};
use aldgate_core::decide::{Lookup, Presented, decide};
use aldgate_core::id::SessionId;
use aldgate_core::session::cookie::Found;
use aldgate_core::testing::world;
use aldgate_core::time::Timestamp;
use criterion::{Criterion, criterion_group, criterion_main};
use ring::hmac;
use std::hint::black_box;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // As in the gateway: where entries lie is part of the cost.

/// So many people come in turn: what the caches of the processor hold of one is gone before they come again.
const PEOPLE: u64 = 1_000_000;

/// A session without any order: the multiplier is a prime, and no factor of any of the sizes.
fn any(n: u64, sessions: u64) -> SessionId {
    session(n.wrapping_mul(2_654_435_761) % sessions)
}

/// The time goes on: each decision comes a 64th of a millisecond after the one before, so that every visit is a new use.
fn later(turn: u64) -> Timestamp {
    world::NOW.plus(Duration::from_millis(turn / 64))
}

const fn presented<'a>(path: &'a str, token: Found<'a>) -> Presented<'a> {
    Presented { host: HOST, method: "GET", path, token, access_token: false, certificate: None }
}

fn benches(c: &mut Criterion) {
    let snapshot = snapshot();
    for (name, sessions) in [("10 thousand", 10_000), ("a million", 1_000_000), ("10 million", 10_000_000)] {
        let hot = hot(sessions);
        let tokens: Vec<_> =
            (0..sessions.min(PEOPLE)).map(|n| snapshot.tag_keys.token(any(n, sessions), HOST)).collect();
        let (mut visitors, mut turn) = (tokens.iter().cycle(), 0);
        c.bench_function(&format!("decide/hot hit, any of {name}"), |b| {
            b.iter(|| {
                let token = Found::One(visitors.next().map_or(b"", |token| token.as_bytes()));
                turn += 1;
                decide(black_box(&presented("/app/page", token)), &Lookup::NotYet, &snapshot, &hot, later(turn))
            });
        });
    }
    let hot = hot(1_000);
    // Of the right period, with a tag that is wrong in its last character: the whole price of a forgery.
    let genuine = snapshot.tag_keys.token(session(1), HOST);
    let last = if genuine.ends_with('A') { 'B' } else { 'A' };
    let forged: String = genuine.chars().take(genuine.len() - 1).chain([last]).collect();
    for (name, path, token) in [
        ("forged cookie", "/app/page", Found::One(forged.as_bytes())),
        ("no cookie", "/app/page", Found::Nothing),
        ("public route", "/assets/aldgate.css", Found::Nothing),
    ] {
        let presented = presented(path, token);
        c.bench_function(&format!("decide/{name}"), |b| {
            b.iter(|| decide(black_box(&presented), &Lookup::NotYet, &snapshot, &hot, world::NOW));
        });
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    c.bench_function("floor/one HMAC-SHA-256 of 17 bytes", |b| b.iter(|| hmac::sign(&key, black_box(&[1; 17]))));
}

criterion_group!(decide_benches, benches);
criterion_main!(decide_benches);
