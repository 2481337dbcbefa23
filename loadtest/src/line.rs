//! The waiting line between the schedule and the connections.
//!
//! The pacer puts arrivals in, whether or not a connection is free; connections take them out, first come first
//! served. The line is bounded: an arrival that finds `in_flight_max` others waiting or under way is *dropped*, and
//! counted, so that a dead server costs neither memory nor silence.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;

/// One request that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    /// Its number within the window, from 0.
    pub(crate) number: u64,
    /// When the schedule wants it to start; its latency counts from here.
    pub(crate) intended: Instant,
    /// False during the warm-up.
    pub(crate) measured: bool,
    /// Whether a connection was free when it was released: what it waits then is the generator's own lag.
    pub(crate) free: bool,
}

/// The line of one window.
#[derive(Debug)]
pub(crate) struct Line {
    state: Mutex<State>,
    ready: Semaphore,
    connections: usize,
    in_flight_max: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Arrival>,
    under_way: usize,
    done: u64,
    dropped: u64,
}

impl Line {
    /// An empty line in front of `connections` connections.
    pub(crate) fn new(connections: usize, in_flight_max: usize) -> Self {
        let state = Mutex::new(State { waiting: VecDeque::with_capacity(in_flight_max), ..State::default() });
        Self { state, ready: Semaphore::new(0), connections, in_flight_max }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an arrival in, or drops it when the line is full.
    pub(crate) fn offer(&self, mut arrival: Arrival) {
        let mut state = self.state();
        let present = state.waiting.len() + state.under_way;
        if present >= self.in_flight_max {
            state.dropped += u64::from(arrival.measured);
            return;
        }
        arrival.free = present < self.connections;
        state.waiting.push_back(arrival);
        drop(state);
        self.ready.add_permits(1);
    }

    /// The next arrival, as soon as there is one; `None` once the line is closed. The taker calls [`Line::done`].
    pub(crate) async fn take(&self) -> Option<Arrival> {
        self.ready.acquire().await.ok()?.forget();
        let mut state = self.state();
        let arrival = state.waiting.pop_front()?;
        state.under_way += 1;
        Some(arrival)
    }

    /// Says that a taken arrival has been answered or has failed.
    pub(crate) fn done(&self) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        state.done += 1;
    }

    /// Whether nobody waits and nothing is under way.
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.state();
        state.waiting.is_empty() && state.under_way == 0
    }

    /// How many arrivals were answered or failed so far, the warm-up's included.
    pub(crate) fn done_so_far(&self) -> u64 {
        self.state().done
    }

    /// How many measured arrivals were dropped so far.
    pub(crate) fn dropped(&self) -> u64 {
        self.state().dropped
    }

    /// Lets no one take any more, and gives back those that still waited.
    pub(crate) fn close(&self) -> Vec<Arrival> {
        let waiting = self.state().waiting.drain(..).collect();
        self.ready.close();
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(number: u64) -> Arrival {
        Arrival { number, intended: crate::clock::now(), measured: true, free: false }
    }

    #[tokio::test]
    async fn first_come_first_served_and_the_overflow_is_counted() {
        let line = Line::new(1, 2);
        for number in 0..5 {
            line.offer(arrival(number));
        }
        assert_eq!(line.dropped(), 3);
        let first = line.take().await.expect("an arrival");
        assert!(first.number == 0 && first.free);
        let second = line.take().await.expect("an arrival");
        assert!(second.number == 1 && !second.free);
        line.offer(arrival(5));
        assert_eq!(line.dropped(), 4, "two are still under way");
        line.done();
        line.offer(arrival(6));
        assert_eq!((line.dropped(), line.done_so_far()), (4, 1));
        assert_eq!(line.close().len(), 1);
        assert!(line.take().await.is_none());
    }
}
