//! CPU time as criterion's measurement: of all threads of this process, so that work which a runtime and a database spread
//! over several is counted whole, and a figure a second is one of a core.

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use std::fs;
use std::time::Duration;

/// CPU time of this process, as the kernel counts it for each of its threads. A thread that runs meanwhile is known up to
/// its last tick, so a measurement should last many.
#[derive(Debug)]
pub struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        spent()
    }

    fn end(&self, start: Duration) -> Duration {
        spent().saturating_sub(start)
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// What all threads have used: the first number of `/proc/self/task/*/schedstat`, nanoseconds.
fn spent() -> Duration {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let of_one = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(threads.filter_map(of_one).sum())
}
