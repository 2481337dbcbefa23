//! Lines of the log that somebody else can cause: whoever can write into Redis must not be able to fill our disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often one such line is written at most. What came in between is in the counts.
const EVERY: Duration = Duration::from_secs(10);

/// When a line was written last.
#[derive(Default)]
pub(super) struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Whether it may be written now; then it has been.
    pub(super) fn may(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| now.duration_since(last) >= EVERY);
        if may {
            *last = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_in_ten_seconds() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        let flood = (0..25_000).map(|millis| start + Duration::from_millis(millis));
        assert_eq!(flood.filter(|now| seldom.may(*now)).count(), 3);
    }
}
