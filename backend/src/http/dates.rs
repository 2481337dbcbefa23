//! Moments as people read them: "12 March 2026", "12 March 2026 at 9:41am UK time".
//!
//! As clocks in the United Kingdom show them (Summer Time Order 2002): an hour ahead of UTC from the last Sunday of March
//! to the last of October, 1:00 UTC both. The backend does not know where somebody is, so a time of day says whose it is.

use crate::words::Words;
use aldgate_core::time::Timestamp;
use time::{Date, Duration, Month, OffsetDateTime};

/// What clocks in the United Kingdom show at a moment.
fn shown(moment: Timestamp) -> OffsetDateTime {
    let secs = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
    let utc = OffsetDateTime::from_unix_timestamp(secs).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let ahead = if is_in_summer(utc) { Duration::HOUR } else { Duration::ZERO };
    utc.saturating_add(ahead)
}

fn is_in_summer(utc: OffsetDateTime) -> bool {
    let change = |month| last_sunday_at_one(utc.year(), month);
    match (change(Month::March), change(Month::October)) {
        (Some(begins), Some(ends)) => (begins..ends).contains(&utc),
        _ => false,
    }
}

/// Of a month of 31 days.
fn last_sunday_at_one(year: i32, month: Month) -> Option<OffsetDateTime> {
    let last = Date::from_calendar_date(year, month, 31).ok()?;
    let sunday = last.checked_sub(Duration::days(last.weekday().number_days_from_sunday().into()))?;
    Some(sunday.with_hms(1, 0, 0).ok()?.assume_utc())
}

/// A day.
pub(super) fn day(moment: Timestamp, words: Words) -> String {
    let at = shown(moment);
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
    let at = shown(moment);
    let (hour, half) = match at.hour() {
        0 => (12, words.morning()),
        hour @ 1..12 => (hour, words.morning()),
        12 => (12, words.afternoon()),
        hour => (hour - 12, words.afternoon()),
    };
    words.time_here(&format!("{hour}:{:02}{half}", at.minute()))
}

/// A day and a time.
pub(super) fn day_and_time(moment: Timestamp, words: Words) -> String {
    words.day_at_time(&day(moment, words), &time_of_day(moment, words))
}

/// From when on something may be tried again: the next whole minute.
pub(super) fn try_again_after(until: Timestamp, now: Timestamp, words: Words) -> String {
    let until = Timestamp::from_secs(until.as_secs().div_ceil(60) * 60);
    if shown(until).date() == shown(now).date() { time_of_day(until, words) } else { day_and_time(until, words) }
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
        assert_eq!(day_and_time(at(0), EN), "12 March 2026 at 12:00am UK time");
        assert_eq!(time_of_day(at(9 * 3_600 + 41 * 60), EN), "9:41am UK time");
        assert_eq!(time_of_day(at(12 * 3_600), EN), "12:00pm UK time");
        assert_eq!(time_of_day(at(23 * 3_600 + 59 * 60), EN), "11:59pm UK time");
        assert_eq!(try_again_after(at(61), at(0), EN), "12:02am UK time");
        assert_eq!(try_again_after(at(86_400), at(0), EN), "13 March 2026 at 12:00am UK time");
        let welsh = Words(Language::Welsh);
        assert_eq!(day_and_time(at(13 * 3_600), welsh), "12 Mawrth 2026 am 1:00yp amser y DU");
    }

    #[test]
    fn in_summer_clocks_are_an_hour_ahead() {
        for (utc, here) in [
            (1_774_745_999, "29 March 2026 at 12:59am UK time"),
            (1_774_746_000, "29 March 2026 at 2:00am UK time"),
            (1_782_863_940, "1 July 2026 at 12:59am UK time"), // The day before in UTC.
            (1_792_889_999, "25 October 2026 at 1:59am UK time"),
            (1_792_890_000, "25 October 2026 at 1:00am UK time"),
            (1_806_195_599, "28 March 2027 at 12:59am UK time"),
            (1_806_195_600, "28 March 2027 at 2:00am UK time"),
            (1_711_846_800, "31 March 2024 at 2:00am UK time"), // The last day of the month is a Sunday.
        ] {
            assert_eq!(day_and_time(Timestamp::from_secs(utc), EN), here);
        }
        let evening = Timestamp::from_secs(1_782_863_940);
        let later = Timestamp::from_secs(1_782_864_540);
        assert_eq!(try_again_after(later, evening, EN), "1:09am UK time", "both are the first of July here");
    }
}
