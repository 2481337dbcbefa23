//! When requests are to start: an open-loop schedule, fixed by rate, spacing and seed before the first is sent.
//!
//! Open loop means that no arrival depends on an answer: people do not wait for strangers' log-ins before they start
//! their own. A server that stalls meets all the arrivals of its stall, and each one's latency counts from the moment
//! in this schedule, not from when the generator got round to sending it (no coordinated omission).

use crate::random::Random;
use std::time::Duration;

/// How arrivals lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Spacing {
    /// Independent people: exponential gaps, so bursts happen as they do in life.
    Poisson,
    /// A metronome: equal gaps.
    Even,
}

impl Spacing {
    /// Its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Even => "even",
        }
    }
}

/// The moments of all arrivals of one window, as spans from its start, in order.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    spacing: Spacing,
    gap_secs: f64,
    random: Random,
    at_secs: f64,
    span_secs: f64,
}

impl Schedule {
    /// Arrivals at `rate` a second for `span`. The same seed and label give the same schedule.
    pub(crate) fn new(spacing: Spacing, rate: f64, span: Duration, seed: u64, label: u64) -> Self {
        let random = Random::new(seed, label);
        Self { spacing, gap_secs: 1.0 / rate, random, at_secs: 0.0, span_secs: span.as_secs_f64() }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.at_secs += match self.spacing {
            Spacing::Even => self.gap_secs,
            Spacing::Poisson => -(1.0 - self.random.unit()).ln() * self.gap_secs,
        };
        (self.at_secs < self.span_secs).then(|| Duration::from_secs_f64(self.at_secs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(20);

    fn schedule(spacing: Spacing, seed: u64, label: u64) -> Vec<Duration> {
        Schedule::new(spacing, 1_000.0, SPAN, seed, label).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_arrivals_and_another_seed_or_label_others() {
        let first = schedule(Spacing::Poisson, 7, 1);
        assert_eq!(first, schedule(Spacing::Poisson, 7, 1));
        assert_ne!(first, schedule(Spacing::Poisson, 8, 1));
        assert_ne!(first, schedule(Spacing::Poisson, 7, 2));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_independent_people() {
        let arrivals = schedule(Spacing::Poisson, 7, 1);
        let count = arrivals.len() as f64;
        assert!((count - 20_000.0).abs() < 5.0 * 20_000_f64.sqrt(), "{count}");
        // Exponential gaps: their standard deviation is their mean.
        let gaps: Vec<f64> = arrivals.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "{}", variance.sqrt() / mean);
    }

    #[test]
    fn even_arrivals_are_a_metronome() {
        let arrivals = schedule(Spacing::Even, 7, 1);
        assert!((19_999..=20_000).contains(&arrivals.len()));
        assert!(arrivals.windows(2).all(|pair| (pair[1] - pair[0]).abs_diff(Duration::from_millis(1)).as_nanos() < 3));
    }

    #[test]
    fn arrivals_are_in_order_and_within_the_window() {
        let arrivals = schedule(Spacing::Poisson, 3, 3);
        assert!(arrivals.is_sorted());
        assert!(arrivals.last().is_some_and(|last| *last < SPAN));
    }
}
