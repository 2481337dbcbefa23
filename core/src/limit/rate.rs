//! A rate with a burst, by the generic cell rate algorithm (ITU-T I.371): one number says all that is known of somebody,
//! the moment at which nothing they have done counts any more.

use crate::time::Timestamp;
use std::time::Duration;

/// So many in so long, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds that one request counts for.
    each: u64,
    /// Microseconds that may be owed: the burst, less the one that is being made.
    tolerance: u64,
}

/// What has been done, as the moment in microseconds at which it counts no more. Zero: nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Owed(u64);

impl Owed {
    /// Whether nothing counts any more.
    pub(super) const fn is_nothing(self, now: Timestamp) -> bool {
        self.0 <= micros(now)
    }
}

const fn micros(now: Timestamp) -> u64 {
    now.as_millis().saturating_mul(1_000)
}

impl Rate {
    /// `count` in `span`, of which `burst` may come at once. `None` for none at all, and for more than one in a
    /// microsecond.
    pub fn new(count: u32, span: Duration, burst: u32) -> Option<Self> {
        let span = u64::try_from(span.as_micros()).ok()?;
        let each = span.checked_div(count.into()).filter(|each| *each > 0)?;
        Some(Self { each, tolerance: each.checked_mul(u64::from(burst).checked_sub(1)?)? })
    }

    /// One more request: what is owed then.
    ///
    /// # Errors
    /// How long to wait, if it is too early. Then nothing more is owed than before: who goes on asking does not wait
    /// longer for it.
    pub fn spend(self, owed: Owed, now: Timestamp) -> Result<Owed, Duration> {
        let now = micros(now);
        // Nobody can owe more than the burst: if it seems so, the clock was set back.
        let owed = owed.0.clamp(now, now.saturating_add(self.tolerance).saturating_add(self.each));
        match owed.saturating_sub(now).checked_sub(self.tolerance) {
            None | Some(0) => Ok(Owed(owed.saturating_add(self.each))),
            Some(wait) => Err(Duration::from_micros(wait)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn at(millis: u64) -> Timestamp {
        NOW.plus(Duration::from_millis(millis))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let rate = Rate::new(2, Duration::from_secs(1), 3).expect("a rate");
        let mut owed = Owed::default();
        for _ in 0..3 {
            owed = rate.spend(owed, NOW).expect("within the burst");
        }
        assert_eq!(rate.spend(owed, NOW), Err(Duration::from_millis(500)));
        assert_eq!(rate.spend(owed, at(499)), Err(Duration::from_millis(1)));
        owed = rate.spend(owed, at(500)).expect("one more");
        assert!(rate.spend(owed, at(500)).is_err());
        assert!(!owed.is_nothing(at(1_999)) && owed.is_nothing(at(2_000)));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_request_counts() {
        let rate = Rate::new(1, Duration::from_secs(1), 5).expect("a rate");
        let owed = rate.spend(Owed::default(), at(3_600_000)).expect("first");
        assert_eq!(rate.spend(owed, NOW), Err(Duration::from_secs(1)));
        let before = owed;
        assert!(rate.spend(before, at(3_600_000)).is_ok());
    }

    #[test]
    fn senseless_rates_are_none() {
        for (count, secs, burst) in [(0, 1, 1), (1, 0, 1), (1, 1, 0), (2_000_000, 1, 1)] {
            assert_eq!(Rate::new(count, Duration::from_secs(secs), burst), None, "{count}/{secs}s, {burst}");
        }
    }

    proptest! {
        /// Whenever requests come, no span of time sees more than the burst and what the rate gives in it.
        #[test]
        fn no_span_sees_more(gaps in proptest::collection::vec(0_u64..400, 1..200), count in 1_u32..20, burst in 1_u32..9) {
            let rate = Rate::new(count, Duration::from_secs(1), burst).expect("a rate");
            let (mut owed, mut millis, mut passed) = (Owed::default(), 0, Vec::new());
            for gap in gaps {
                millis += gap;
                if let Ok(more) = rate.spend(owed, at(millis)) {
                    owed = more;
                    passed.push(millis);
                }
            }
            for (first, from) in passed.iter().enumerate() {
                for (last, to) in passed.iter().enumerate().skip(first) {
                    let most = f64::from(burst) + f64::from(count) * (to - from) as f64 / 1e3;
                    prop_assert!((last - first + 1) as f64 <= most + 0.01, "{passed:?}");
                }
            }
        }
    }
}
