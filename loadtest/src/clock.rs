//! The clocks of the load generator, read here and nowhere else.
//!
//! Measuring is what this crate is for, so it may read clocks; that it does so in one file keeps the rest testable.

#![expect(clippy::disallowed_methods, reason = "a load generator measures; this is its one file that reads clocks")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The monotonic clock.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970-01-01T00:00:00Z.
pub(crate) fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The date and time in UTC, as RFC 3339 with whole seconds.
pub(crate) fn date() -> String {
    let now = OffsetDateTime::from(SystemTime::now());
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}

/// Puts this thread to sleep. Only for threads of our own, never for a runtime's.
pub(crate) fn sleep(span: Duration) {
    std::thread::sleep(span);
}

/// Asks the kernel to end this thread's sleeps within a microsecond of their time, instead of the usual fifty.
/// Best effort: without it each arrival is some 50 µs late, which the measured lag shows.
pub(crate) fn sharpen_sleeps() {
    let Ok(link) = std::fs::read_link("/proc/thread-self") else { return };
    let Some(thread) = link.file_name() else { return };
    let _ = std::fs::write(std::path::Path::new("/proc").join(thread).join("timerslack_ns"), "1000");
}
