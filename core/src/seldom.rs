//! Lines of the log that somebody else can cause: nobody who floods us may fill our disk. What came in between the
//! lines is in the counts.

use crate::time::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often one such line is written at most.
const EVERY: Duration = Duration::from_secs(10);

/// When a line was written last.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Option<Timestamp>>);

impl Seldom {
    /// Whether it may be written now; then it has been.
    pub fn may(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let may = last.is_none_or(|last| now < last || now.since(last) >= EVERY);
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
        let seldom = Seldom::default();
        let flood = (0..25_000).map(|millis| Timestamp::from_millis(1_800_000_000_000 + millis));
        assert_eq!(flood.filter(|now| seldom.may(*now)).count(), 3);
        assert!(seldom.may(Timestamp::from_secs(1)), "a clock that was set back silences nothing");
    }
}
