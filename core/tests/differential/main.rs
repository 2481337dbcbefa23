//! Core's verification of assertions against webauthn-rs, on ten thousand spoilt answers (WebAuthn Level 3, 7.2).
//!
//! Goal: two implementations that share no code agree on what is accepted; where they do not, the difference is one
//! of a short list with a reason ([`difference::KnownDifference`]). And nothing forged is accepted.
//!
//! Method: software passkeys (ES256, ES384, RS256; webauthn-rs verifies no Ed25519) are registered with both, from the
//! same bytes. Their good answers are then spoilt: bits, bytes, members and whole fields, in what is signed and around
//! it, with the old signature or with a new one by the right key. Both get the same request body. Whatever is
//! accepted must be in the *ledger*, the set of all messages that the credential's own key has signed; and if it was
//! signed anew, an oracle reads once more, by other code, that it says what an authentication must say.
//!
//! The seed is printed; `ALDGATE_DIFFERENTIAL_SEED` sets another.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod difference;
mod oracle;
mod spoil;
#[path = "../support/mod.rs"]
mod support;
mod world;

use difference::{KnownDifference, Read};
use spoil::{Random, mutation};
use std::collections::BTreeMap;
use world::{ByCore, ByReference, World};

const SEED: u64 = 20_261_123;
const MUTATIONS: usize = 10_000;

#[test]
fn both_accept_every_good_answer() {
    let world = World::new();
    for (n, subject) in world.subjects.iter().enumerate() {
        let body = subject.good.body();
        let (core, reference) = (world.by_core(&body), world.by_reference(&body));
        assert!(
            matches!((&core, &reference), (ByCore::Accepted, ByReference::Accepted)),
            "{n}: {core:?}, {reference:?}"
        );
        let read = Read::new(&body).expect("readable");
        assert!(read.answer == subject.good && world.is_in_ledger(&read.answer));
        world.oracle(&read.answer);
    }
}

#[test]
fn ten_thousand_spoilt_answers_are_judged_alike() {
    let seed = std::env::var("ALDGATE_DIFFERENTIAL_SEED").ok().map_or(SEED, |seed| seed.parse().expect("a number"));
    println!("ALDGATE_DIFFERENTIAL_SEED={seed}");
    let (mut world, mut random) = (World::new(), Random(seed));
    let (mut accepted, mut unchanged, mut refused) = (0, 0, 0);
    let mut differences: BTreeMap<KnownDifference, usize> = BTreeMap::new();
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    for n in 0..MUTATIONS {
        let body = mutation(&mut world, &mut random);
        let (core, reference) = (world.by_core(&body), world.by_reference(&body));
        let shown = || format!("seed {seed}, {n}: {core:?}, {reference:?}: {}", String::from_utf8_lossy(&body));
        // Nothing forged, whoever accepts it; and what core accepts is what it should be.
        let one_accepts = matches!(core, ByCore::Accepted) || matches!(reference, ByReference::Accepted);
        let read = if one_accepts { Read::new(&body) } else { None };
        if let Some(read) = &read {
            assert!(world.is_in_ledger(&read.answer), "forged: {}", shown());
        }
        if matches!(core, ByCore::Accepted) {
            let read = read.as_ref().unwrap_or_else(|| panic!("accepted but not readable: {}", shown()));
            world.oracle(&read.answer);
            unchanged += usize::from(world.subjects.iter().any(|subject| subject.good == read.answer));
        }
        *refusals.entry(format!("{core:?}")).or_default() += 1;
        match (&core, &reference) {
            (ByCore::Accepted, ByReference::Accepted) => accepted += 1,
            (ByCore::Accepted, _) | (_, ByReference::Accepted) => {
                let known = read.and_then(|read| read.explains(&world, &core, &reference));
                *differences.entry(known.unwrap_or_else(|| panic!("unknown difference: {}", shown()))).or_default() +=
                    1;
            }
            _ => refused += 1,
        }
    }
    println!("{MUTATIONS} mutations: both accept {accepted}, both refuse {refused}, they differ on {differences:?}");
    println!("accepted by core with all fields as they were: {unchanged}; core's outcomes: {refusals:#?}");
    let seen: Vec<_> = differences.into_keys().collect();
    assert_eq!(seen, KnownDifference::ALL, "each known difference is still one");
}
