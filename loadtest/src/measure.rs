//! What is kept of each request: latencies in HDR histograms, and how it ended.
//!
//! `latency` counts from the *intended* start and so holds the wait for a free connection; `service` counts from the
//! sending. Answers as expected and time-outs are in both (a time-out with the time that was waited, so that a stall
//! shows); other failures are counted only, lest quick refusals flatter the figures.

use crate::client::Failure;
use crate::line::Arrival;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// An arrival that starts later than this after its moment counts as late.
pub(crate) const LATE: Duration = Duration::from_millis(10);

/// Longest latency that is told apart: far above any time-out that makes sense.
const LATENCY_MAX: Duration = Duration::from_mins(10);

/// Three significant digits: 0.1 % of the value, in some 150 KiB a histogram.
const DIGITS: u8 = 3;

/// Finest step: a microsecond's thousandths are noise.
const STEP: Duration = Duration::from_micros(1);

/// Durations, in nanoseconds inside.
#[derive(Debug, Clone)]
pub(crate) struct Durations(Histogram<u64>);

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Durations {
    #[expect(clippy::expect_used, reason = "the bounds are constants that hdrhistogram accepts; each test makes one")]
    fn default() -> Self {
        let (low, high) = (nanos(STEP), nanos(LATENCY_MAX));
        Self(Histogram::new_with_bounds(low, high, DIGITS).expect("bounds within the histogram's own"))
    }
}

impl Durations {
    /// Adds one.
    pub(crate) fn record(&mut self, span: Duration) {
        self.0.saturating_record(nanos(span));
    }

    /// Adds all of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        // Both have the same bounds, so nothing can be out of range.
        let _ = self.0.add(&other.0);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value at a quantile in 0..=1.
    pub(crate) fn at(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(quantile))
    }

    /// The mean.
    pub(crate) fn mean(&self) -> Duration {
        Duration::from_secs_f64(self.0.mean() / 1e9)
    }

    /// The longest.
    pub(crate) fn max(&self) -> Duration {
        Duration::from_nanos(self.0.max())
    }
}

/// How long each of the two requests of a log-in took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Steps {
    /// `POST /passkey/login/options`.
    pub(crate) options: Duration,
    /// `POST /passkey/login`.
    pub(crate) login: Duration,
}

/// What became of one arrival.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The arrival.
    pub(crate) arrival: Arrival,
    /// When a connection took it; `None` if none ever did.
    pub(crate) started: Option<Instant>,
    /// When it was answered, or given up.
    pub(crate) finished: Instant,
    /// The steps of a log-in, if it was one; or why it failed.
    pub(crate) result: Result<Option<Steps>, Failure>,
}

/// All outcomes of a window, or of several.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// From the intended start.
    pub(crate) latency: Durations,
    /// From the sending.
    pub(crate) service: Durations,
    /// From the intended start to the sending, where a connection was free: the generator's own lag.
    pub(crate) lag: Durations,
    /// The first request of each log-in, from its sending.
    pub(crate) options: Durations,
    /// The second request of each log-in, from its sending.
    pub(crate) login: Durations,
    /// Arrivals that the schedule held.
    pub(crate) offered: u64,
    /// Those answered as expected.
    pub(crate) answered: u64,
    /// Those that started more than [`LATE`] after their moment.
    pub(crate) late: u64,
    /// Those that found the line full.
    pub(crate) dropped: u64,
    /// Failures with a status that was not expected.
    pub(crate) by_status: BTreeMap<u16, u64>,
    /// All other failures.
    pub(crate) by_kind: BTreeMap<&'static str, u64>,
    /// The end of the last one.
    pub(crate) last: Option<Instant>,
}

impl Tally {
    /// Counts one outcome; those of the warm-up are left out.
    pub(crate) fn record(&mut self, outcome: &Outcome) {
        let arrival = &outcome.arrival;
        if !arrival.measured {
            return;
        }
        self.last = self.last.max(Some(outcome.finished));
        let started = outcome.started.unwrap_or(outcome.finished);
        let wait = started.saturating_duration_since(arrival.intended);
        self.late += u64::from(wait > LATE);
        if arrival.free {
            self.lag.record(wait);
        }
        let mut times = || {
            self.latency.record(outcome.finished.saturating_duration_since(arrival.intended));
            self.service.record(outcome.finished.saturating_duration_since(started));
        };
        match outcome.result {
            Ok(steps) => {
                times();
                self.answered += 1;
                if let Some(steps) = steps {
                    self.options.record(steps.options);
                    self.login.record(steps.login);
                }
            }
            Err(Failure::Status(status)) => *self.by_status.entry(status).or_default() += 1,
            Err(failure) => {
                if failure == Failure::Timeout {
                    times();
                }
                *self.by_kind.entry(failure.kind()).or_default() += 1;
            }
        }
    }

    /// Adds all of another window.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.lag.merge(&other.lag);
        self.options.merge(&other.options);
        self.login.merge(&other.login);
        self.offered += other.offered;
        self.answered += other.answered;
        self.late += other.late;
        self.dropped += other.dropped;
        for (status, count) in &other.by_status {
            *self.by_status.entry(*status).or_default() += count;
        }
        for (kind, count) in &other.by_kind {
            *self.by_kind.entry(kind).or_default() += count;
        }
        self.last = self.last.max(other.last);
    }

    /// Failures of all kinds; dropped arrivals are counted apart.
    pub(crate) fn errors(&self) -> u64 {
        self.by_status.values().sum::<u64>() + self.by_kind.values().sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(wait_ms: u64, service_ms: u64, result: Result<Option<Steps>, Failure>) -> Outcome {
        let intended = crate::clock::now();
        let started = intended + Duration::from_millis(wait_ms);
        Outcome {
            arrival: Arrival { number: 0, intended, measured: true, free: wait_ms < 5 },
            started: Some(started),
            finished: started + Duration::from_millis(service_ms),
            result,
        }
    }

    #[test]
    fn latency_counts_from_the_intended_start() {
        let mut tally = Tally::default();
        tally.record(&outcome(900, 100, Ok(None)));
        assert_eq!(tally.latency.at(0.5).as_millis(), 1_000);
        assert_eq!(tally.service.at(0.5).as_millis(), 100);
        assert_eq!((tally.late, tally.lag.count()), (1, 0), "no connection was free: not the generator's lag");
    }

    #[test]
    fn quick_refusals_are_counted_but_do_not_flatter_the_latency() {
        let mut tally = Tally::default();
        tally.record(&outcome(0, 1, Err(Failure::Status(503))));
        tally.record(&outcome(0, 1, Err(Failure::Closed)));
        tally.record(&outcome(0, 5_000, Err(Failure::Timeout)));
        assert_eq!((tally.errors(), tally.answered, tally.latency.count()), (3, 0, 1));
        assert_eq!(tally.by_status, BTreeMap::from([(503, 1)]));
        assert_eq!(tally.by_kind, BTreeMap::from([("closed", 1), ("timeout", 1)]));
    }

    #[test]
    fn the_warm_up_leaves_no_trace() {
        let mut tally = Tally::default();
        let mut warm = outcome(0, 1, Ok(None));
        warm.arrival.measured = false;
        tally.record(&warm);
        assert_eq!((tally.answered, tally.latency.count(), tally.last), (0, 0, None));
    }

    #[test]
    fn windows_add_up() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        one.record(&outcome(0, 1, Ok(None)));
        two.record(&outcome(0, 3, Err(Failure::Status(429))));
        two.record(&outcome(0, 3, Ok(None)));
        one.merge(&two);
        assert_eq!((one.answered, one.errors(), one.latency.count()), (2, 1, 2));
        assert_eq!(one.latency.max().as_millis(), 3);
    }
}
