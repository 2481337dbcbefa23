//! Moments as people read them: "12 March 2026", "12 March 2026 at 9:41am UTC".
//!
//! The backend does not know where somebody is, so a time of day says its zone.

use crate::words::Words;
use aldgate_core::time::Timestamp;
use time::{Month, OffsetDateTime};

fn utc(moment: Timestamp) -> OffsetDateTime {
    let secs = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(secs).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// A day.
pub(super) fn day(moment: Timestamp, words: Words) -> String {
    let at = utc(moment);
    format!("{} {} {}", at.day(), month(at.month(), words), at.year())
}

const fn month(month: Month, words: Words) -> &'static str {
    match month {
        Month::January => words.january(),
        Month::February => words.february(),
        Month::March => words.march(),
        Month::April => words.april(),
        Month::May => words.may(),
        Month::June => words.june(),
        Month::July => words.july(),
        Month::August => words.august(),
        Month::September => words.september(),
        Month::October => words.october(),
        Month::November => words.november(),
        Month::December => words.december(),
    }
}

/// A time of day.
pub(super) fn time_of_day(moment: Timestamp, words: Words) -> String {
    let at = utc(moment);
    let (hour, half) = match at.hour() {
        0 => (12, words.morning()),
        hour @ 1..12 => (hour, words.morning()),
        12 => (12, words.afternoon()),
        hour => (hour - 12, words.afternoon()),
    };
    format!("{hour}:{:02}{half} UTC", at.minute())
}

/// A day and a time.
pub(super) fn day_and_time(moment: Timestamp, words: Words) -> String {
    words.day_at_time(&day(moment, words), &time_of_day(moment, words))
}

/// From when on something may be tried again: the next whole minute.
pub(super) fn try_again_after(until: Timestamp, now: Timestamp, words: Words) -> String {
    let until = Timestamp::from_secs(until.as_secs().div_ceil(60) * 60);
    if utc(until).date() == utc(now).date() { time_of_day(until, words) } else { day_and_time(until, words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::language::Language;

    const EN: Words = Words::ENGLISH;

    #[test]
    fn moments_read_like_moments() {
        let at = |secs: u64| Timestamp::from_secs(1_773_273_600 + secs); // 12 March 2026, midnight.
        assert_eq!(day(at(0), EN), "12 March 2026");
        assert_eq!(day_and_time(at(0), EN), "12 March 2026 at 12:00am UTC");
        assert_eq!(time_of_day(at(9 * 3_600 + 41 * 60), EN), "9:41am UTC");
        assert_eq!(time_of_day(at(12 * 3_600), EN), "12:00pm UTC");
        assert_eq!(time_of_day(at(23 * 3_600 + 59 * 60), EN), "11:59pm UTC");
        assert_eq!(try_again_after(at(61), at(0), EN), "12:02am UTC");
        assert_eq!(try_again_after(at(86_400), at(0), EN), "13 March 2026 at 12:00am UTC");
        let welsh = Words(Language::Welsh);
        assert_eq!(day_and_time(at(13 * 3_600), welsh), "12 Mawrth 2026 am 1:00yp UTC");
    }
}
