//! How soon a revocation holds at every gateway: three of them on one server, each with copies of its own.
//!
//! The bound is asked of the feed, not of the machine: where a round does not hold it, because the machine stood still
//! for a moment, another one may. What is slow by itself is slow in each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![expect(dead_code, reason = "what is shared with the other tests on Redis")]

#[path = "redis/sample.rs"]
mod sample;
#[path = "redis/server.rs"]
mod server;
#[path = "redis/tier.rs"]
mod tier;

use aldgate_core::warm::Warm as _;
use server::{Server, eventually};
use std::time::Duration;
use tier::Gateway;
use tokio::time::Instant;

const REVOCATIONS: u64 = 2_000;

const GATEWAYS: usize = 3;

/// What must hold of 999 in 1,000.
const BOUND: Duration = Duration::from_millis(100);

const ROUNDS: u64 = 3;

/// Only so that a revocation which is never heard of fails.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_one_gateway_ends_is_refused_by_the_others_within_a_tenth_of_a_second() {
    let server = Server::start(&[]).await;
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(Gateway::over(tier::on(&server).await));
    }
    for round in 0..ROUNDS {
        let spans = revoke(&gateways, round).await;
        let at = |share: usize| spans[(spans.len() * share).div_ceil(1_000).clamp(1, spans.len()) - 1];
        println!(
            "{REVOCATIONS} revocations, from the call until all {GATEWAYS} gateways refuse: min {:?}, p50 {:?}, \
             p99 {:?}, p99.9 {:?}, max {:?}",
            at(0),
            at(500),
            at(990),
            at(999),
            at(1_000)
        );
        if at(999) < BOUND {
            assert!(
                gateways.iter().all(|gateway| gateway.warm.feed_state().gaps == 0),
                "heard by the feed, not by a gap"
            );
            return;
        }
    }
    panic!("{BOUND:?} at p99.9 did not hold in any of {ROUNDS} rounds");
}

/// Ends sessions one after another, in every lane and by each gateway in its turn; gives how long each took to be
/// refused everywhere, the shortest first.
async fn revoke(gateways: &[Gateway], round: u64) -> Vec<Duration> {
    let mut spans = Vec::new();
    for n in 0..REVOCATIONS {
        let opening = tier::opening(n.to_le_bytes()[0], round * REVOCATIONS + n);
        let one = &gateways[usize::try_from(n).expect("small") % GATEWAYS];
        one.warm.open_session(&opening).await.expect("opened");
        gateways.iter().for_each(|gateway| gateway.admit(&opening));
        eventually("each lets it in", async || gateways.iter().all(|g| g.believes(&opening.session))).await;
        let begun = Instant::now();
        assert_eq!(one.warm.end_session(&opening.record.account, &opening.session).await, Ok(true));
        assert!(one.refuses(&opening.session), "who revokes refuses at once");
        while !gateways.iter().all(|gateway| gateway.refuses(&opening.session)) {
            tokio::task::yield_now().await;
            assert!(begun.elapsed() < PATIENCE);
        }
        spans.push(begun.elapsed());
    }
    spans.sort();
    spans
}
