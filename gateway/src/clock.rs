//! The one file of this crate that reads clocks and draws randomness.

use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::time::{Clock, Timestamp};
use ring::rand::{SecureRandom as _, SystemRandom as RingRandom};
use std::time::{Duration, Instant, SystemTime};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "here the time enters")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Measures how long something took, for metrics only: nothing is decided by it.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    #[expect(clippy::disallowed_methods, reason = "for metrics only")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The system's randomness, through ring.
#[derive(Debug, Clone)]
pub struct SystemEntropy(RingRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self(RingRandom::new())
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        self.0.fill(out).map_err(|_| EntropyFailed)
    }
}
