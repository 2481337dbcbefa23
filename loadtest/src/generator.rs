//! Was it the server, or was it us? The generator watches itself, so that a slow generator is never reported as a
//! slow server.

use crate::cpu::Spent;
use crate::measure::Tally;
use std::time::Duration;

/// How the gateway names the threads on which it serves (after its Pingora service).
pub(crate) const GATEWAY_THREADS: &str = "edge";

/// A thread that is on a core for more than this share of a window has nothing left.
const THREAD_SHARE_MAX: f64 = 0.9;

/// A lag above this share of the latency at p99 is worth a word, though the figures still stand.
const LAG_SHARE_NOTED: f64 = 0.25;

/// When programs that are neither the server nor the generator took more than this share of the machine, the figures
/// tell of them too. (The service behind the gate is one of them.)
const OTHERS_SHARE_NOTED: f64 = 0.3;

/// Too few arrivals for a p99 to mean anything.
const LAG_COUNT_MIN: u64 = 100;

/// What the generator itself took in one window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OwnUse {
    /// All its threads.
    pub(crate) all: Spent,
    /// The one that ran most.
    pub(crate) busiest: Spent,
    /// How long the window took.
    pub(crate) wall: Duration,
}

impl OwnUse {
    /// The share of the window that the busiest thread was on a core.
    pub(crate) fn busiest_share(&self) -> f64 {
        self.busiest.running.as_secs_f64() / self.wall.as_secs_f64().max(1e-9)
    }

    /// The share of the window that the busiest thread wanted a core and had none.
    pub(crate) fn waiting_share(&self) -> f64 {
        self.busiest.waiting.as_secs_f64() / self.wall.as_secs_f64().max(1e-9)
    }
}

/// What the generator found out about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// Why the generator was the bottleneck; empty if it was not.
    pub(crate) bottleneck: Vec<String>,
    /// What is worth knowing besides.
    pub(crate) notes: Vec<String>,
}

impl Judgement {
    /// Judges the company that one window had on the machine: `others` is the share of other programs.
    pub(crate) fn add_company(&mut self, window: &str, others: f64) {
        if others > OTHERS_SHARE_NOTED {
            self.notes.push(format!(
                "{window}: other programs took {:.0} % of the machine; measure on a quiet one",
                others * 100.0
            ));
        }
    }

    /// Judges one window, named `window` in the sentences.
    pub(crate) fn add(&mut self, window: &str, own: &OwnUse, tally: &Tally, lag_max: Duration) {
        let busy = own.busiest_share();
        if busy > THREAD_SHARE_MAX {
            self.bottleneck
                .push(format!("{window}: one thread of the generator was busy {:.0} % of the time", busy * 100.0));
        }
        let (lag, latency) = (tally.lag.at(0.99), tally.latency.at(0.99));
        if tally.lag.count() < LAG_COUNT_MIN {
            return;
        }
        if lag > lag_max {
            self.bottleneck.push(format!(
                "{window}: requests started {:.2} ms late at p99 though connections were free (bound {:.2} ms); \
                 the generator waited for a core {:.0} % of the time",
                lag.as_secs_f64() * 1e3,
                lag_max.as_secs_f64() * 1e3,
                own.waiting_share() * 100.0,
            ));
        } else if lag.as_secs_f64() > latency.as_secs_f64() * LAG_SHARE_NOTED {
            self.notes.push(format!(
                "{window}: {:.2} ms of the latency's {:.2} ms at p99 may be the generator's own lag",
                lag.as_secs_f64() * 1e3,
                latency.as_secs_f64() * 1e3,
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Duration = Duration::from_secs(10);
    const LAG_MAX: Duration = Duration::from_millis(5);

    fn judged(busy: f64, lag: Duration) -> Judgement {
        let busiest = Spent { running: WALL.mul_f64(busy), waiting: Duration::ZERO };
        let own = OwnUse { all: busiest, busiest, wall: WALL };
        let mut tally = Tally::default();
        for _ in 0..200 {
            tally.lag.record(lag);
            tally.latency.record(Duration::from_millis(2));
        }
        let mut judgement = Judgement::default();
        judgement.add("round 1", &own, &tally, LAG_MAX);
        judgement
    }

    #[test]
    fn an_idle_and_punctual_generator_is_above_suspicion() {
        assert_eq!(judged(0.3, Duration::from_micros(100)), Judgement::default());
    }

    #[test]
    fn a_thread_without_reserve_is_a_bottleneck() {
        assert!(judged(0.95, Duration::ZERO).bottleneck[0].contains("busy 95 %"));
    }

    #[test]
    fn a_late_start_with_free_connections_is_a_bottleneck() {
        assert!(judged(0.3, Duration::from_millis(6)).bottleneck[0].contains("late at p99"));
    }

    #[test]
    fn company_on_the_machine_is_told() {
        let mut judgement = Judgement::default();
        judgement.add_company("round 1", 0.1);
        assert_eq!(judgement, Judgement::default());
        judgement.add_company("round 1", 0.8);
        assert!(judgement.notes[0].contains("other programs took 80 %"));
    }

    #[test]
    fn a_lag_that_colours_the_latency_is_told() {
        let judgement = judged(0.3, Duration::from_millis(1));
        assert!(judgement.bottleneck.is_empty() && judgement.notes[0].contains("own lag"));
    }
}
