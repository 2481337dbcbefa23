//! How soon a revocation holds at every gateway: three of them on one server, each with copies of its own.

use crate::server::Server;
use crate::tier::{self, Gateway};
use aldgate_core::warm::Warm as _;
use std::time::Duration;
use tokio::time::Instant;

const REVOCATIONS: u64 = 2_000;

const GATEWAYS: usize = 3;

/// What must hold of 999 in 1,000.
const BOUND: Duration = Duration::from_millis(100);

/// Until when the machine of the test may take for one; only so that a revocation which is never heard of fails.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_one_gateway_ends_is_refused_by_the_others_within_a_tenth_of_a_second() {
    let server = Server::start(&[]).await;
    let mut gateways = Vec::new();
    for _ in 0..GATEWAYS {
        gateways.push(Gateway::over(tier::on(&server).await));
    }
    // Every lane, and each gateway revokes in its turn.
    let openings: Vec<_> = (0..REVOCATIONS).map(|n| tier::opening(n.to_le_bytes()[0], n)).collect();
    let mut spans = Vec::new();
    for (n, opening) in openings.iter().enumerate() {
        let one = &gateways[n % GATEWAYS];
        one.warm.open_session(opening).await.expect("opened");
        gateways.iter().for_each(|gateway| gateway.admit(opening));
        assert!(gateways.iter().all(|gateway| gateway.believes(&opening.session)));
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
    let at = |share: usize| spans[(spans.len() * share).div_ceil(1_000).clamp(1, spans.len()) - 1];
    let [min, max] = [spans.first(), spans.last()].map(|span| span.expect("some"));
    println!(
        "{REVOCATIONS} revocations, from the call until all {GATEWAYS} gateways refuse: min {min:?}, p50 {:?}, p99 {:?}, \
         p99.9 {:?}, max {max:?}",
        at(500),
        at(990),
        at(999),
    );
    assert!(at(999) < BOUND);
    assert!(
        gateways.iter().all(|gateway| gateway.warm.feed_state().gaps == 0),
        "each heard by the feed, none by a gap"
    );
}
