//! For tests, benches and the load generator only (feature `testing`): a clock that is moved by hand, randomness
//! from a seed, a software authenticator with derived keys, an issuer of access tokens, a small whole world, and the suite
//! that every warm tier passes.

pub mod authenticator;
pub mod conformance;
pub mod token_issuer;
pub mod world;

use crate::entropy::{Entropy, EntropyFailed};
use crate::time::{Clock, Timestamp};
use ring::digest::{SHA256, digest};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now`.
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicU64::new(now.as_millis()))
    }

    /// Moves it on.
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that look random and are the same for the same seed: SHA-256 over seed and counter.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// Entropy from a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        for chunk in out.chunks_mut(32) {
            let n = self.drawn.fetch_add(1, Ordering::SeqCst);
            let block = digest(&SHA256, &[self.seed.to_be_bytes(), n.to_be_bytes()].concat());
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
        Ok(())
    }
}
