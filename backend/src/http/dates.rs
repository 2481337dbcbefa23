//! Moments as people read them: "12 March 2026", "12 March 2026 at 9:41am UTC".
//!
//! The backend does not know where somebody is, so a time of day says its zone.

use aldgate_core::time::Timestamp;
use time::OffsetDateTime;

fn utc(moment: Timestamp) -> OffsetDateTime {
    let secs = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(secs).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A day.
pub(super) fn day(moment: Timestamp) -> String {
    let at = utc(moment);
    format!("{} {} {}", at.day(), at.month(), at.year())
}

/// A time of day.
pub(super) fn time_of_day(moment: Timestamp) -> String {
    let at = utc(moment);
    let (hour, half) = match at.hour() {
        0 => (12, "am"),
        hour @ 1..12 => (hour, "am"),
        12 => (12, "pm"),
        hour => (hour - 12, "pm"),
    };
    format!("{hour}:{:02}{half} UTC", at.minute())
}

/// A day and a time.
pub(super) fn day_and_time(moment: Timestamp) -> String {
    format!("{} at {}", day(moment), time_of_day(moment))
}

/// From when on something may be tried again: the next whole minute.
pub(super) fn try_again_after(until: Timestamp, now: Timestamp) -> String {
    let until = Timestamp::from_secs(until.as_secs().div_ceil(60) * 60);
    if day(until) == day(now) { time_of_day(until) } else { day_and_time(until) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_like_moments() {
        let at = |secs: u64| Timestamp::from_secs(1_773_273_600 + secs); // 12 March 2026, midnight.
        assert_eq!(day(at(0)), "12 March 2026");
        assert_eq!(day_and_time(at(0)), "12 March 2026 at 12:00am UTC");
        assert_eq!(time_of_day(at(9 * 3_600 + 41 * 60)), "9:41am UTC");
        assert_eq!(time_of_day(at(12 * 3_600)), "12:00pm UTC");
        assert_eq!(time_of_day(at(23 * 3_600 + 59 * 60)), "11:59pm UTC");
        assert_eq!(try_again_after(at(61), at(0)), "12:02am UTC");
        assert_eq!(try_again_after(at(86_400), at(0)), "13 March 2026 at 12:00am UTC");
    }
}
