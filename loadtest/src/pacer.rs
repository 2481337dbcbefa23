//! The thread that releases arrivals at their moments.
//!
//! It is a thread of its own because the runtime's timers tick once a millisecond, which is several times the latency
//! that is to be measured. It sleeps between arrivals, and never waits for a connection.

use crate::arrival::Schedule;
use crate::clock;
use crate::line::{Arrival, Line};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The thread's name, by which its CPU time is told apart.
pub(crate) const THREAD: &str = "pacer";

/// Longest sleep in one go, so that Ctrl-C is noticed at low rates too.
const NAP_MAX: Duration = Duration::from_millis(50);

/// What the pacer follows.
pub(crate) struct Pace {
    /// The moments.
    pub(crate) schedule: Schedule,
    /// When the window (its warm-up) starts.
    pub(crate) start: Instant,
    /// From when on arrivals are measured.
    pub(crate) measured_from: Instant,
    /// Becomes true when the run is to end.
    pub(crate) stop: watch::Receiver<bool>,
}

/// Starts the thread. It gives back how many measured arrivals it released or dropped, that is: offered.
pub(crate) fn start(pace: Pace, line: Arc<Line>) -> std::io::Result<JoinHandle<u64>> {
    std::thread::Builder::new().name(THREAD.into()).spawn(move || {
        clock::sharpen_sleeps();
        follow(pace, &line)
    })
}

fn follow(pace: Pace, line: &Line) -> u64 {
    let mut offered = 0;
    for (number, offset) in (0..).zip(pace.schedule) {
        let intended = pace.start + offset;
        if !sleep_until(intended, &pace.stop) {
            break;
        }
        let measured = intended >= pace.measured_from;
        offered += u64::from(measured);
        line.offer(Arrival { number, intended, measured, free: false });
    }
    offered
}

/// False if the run was stopped meanwhile.
fn sleep_until(moment: Instant, stop: &watch::Receiver<bool>) -> bool {
    loop {
        if *stop.borrow() {
            return false;
        }
        let left = moment.saturating_duration_since(clock::now());
        if left.is_zero() {
            return true;
        }
        clock::sleep(left.min(NAP_MAX));
    }
}
