//! `[signing_keys]`: when the keys change with which the OpenID provider signs.

use super::{Faults, span};
use crate::config::KeyPeriods;
use crate::config::file::FileSigningKeys;
use std::time::Duration;

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

const ANNOUNCE: Duration = DAY;
const PERIOD: Duration = Duration::from_hours(24 * 90);
const KEEP: Duration = DAY;

const ANNOUNCE_MIN: Duration = HOUR; // Clients keep a key set for hours; gateways for half of one at most.
const ANNOUNCE_MAX: Duration = Duration::from_hours(24 * 30);
const PERIOD_MIN: Duration = DAY;
const PERIOD_MAX: Duration = Duration::from_hours(24 * 400); // A year, and time to notice.
const KEEP_MIN: Duration = Duration::from_hours(2); // An ID token lives for one, and clocks differ.

pub(super) fn signing_keys(file: Option<&FileSigningKeys>, faults: &mut Faults) -> KeyPeriods {
    let text = |read: fn(&FileSigningKeys) -> &Option<String>| file.and_then(|file| read(file).as_deref());
    let announce = span("signing_keys.announce", text(|file| &file.announce), ANNOUNCE, faults);
    let period = span("signing_keys.period", text(|file| &file.period), PERIOD, faults);
    let keep = span("signing_keys.keep", text(|file| &file.keep), KEEP, faults);
    if !(ANNOUNCE_MIN..=ANNOUNCE_MAX).contains(&announce) {
        faults.add("signing_keys.announce", "must be from 1h to 30d: clients keep a key set for hours");
    }
    if !(PERIOD_MIN..=PERIOD_MAX).contains(&period) {
        faults.add("signing_keys.period", "must be from 1d to 400d");
    }
    if announce > period / 2 {
        faults.add("signing_keys.announce", "must be at most half of signing_keys.period");
    }
    if !(KEEP_MIN..=period.max(KEEP_MIN)).contains(&keep) {
        faults.add(
            "signing_keys.keep",
            "must be at least 2h, longer than any token lives, and at most signing_keys.period",
        );
    }
    KeyPeriods { announce, period, keep }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(announce: Option<&str>, period: Option<&str>, keep: Option<&str>) -> Result<KeyPeriods, Vec<String>> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let file = FileSigningKeys { announce: text(announce), period: text(period), keep: text(keep) };
        let mut faults = Faults(Vec::new());
        let periods = signing_keys(Some(&file), &mut faults);
        if faults.0.is_empty() { Ok(periods) } else { Err(faults.0.iter().map(ToString::to_string).collect()) }
    }

    #[test]
    fn what_is_not_said_is_a_day_ninety_days_and_a_day() {
        let periods = KeyPeriods { announce: DAY, period: DAY * 90, keep: DAY };
        assert_eq!(read(None, None, None), Ok(periods));
        let others = KeyPeriods { announce: HOUR, period: DAY, keep: HOUR * 2 };
        assert_eq!(read(Some("1h"), Some("1d"), Some("2h")), Ok(others));
    }

    #[test]
    fn no_key_signs_unknown_and_none_goes_before_what_it_signed() {
        for (announce, period, keep) in [
            (Some("59m"), None, None),
            (Some("31d"), None, None),
            (None, Some("23h"), None),
            (None, Some("401d"), None),
            (Some("13h"), Some("1d"), None),
            (None, None, Some("1h")),
            (None, None, Some("91d")),
            (Some("a day"), None, None),
        ] {
            let faults = read(announce, period, keep).expect_err("a fault");
            assert!(faults.iter().all(|fault| fault.contains("signing_keys.")), "{faults:?}");
        }
    }
}
