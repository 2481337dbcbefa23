//! `[admission]`: how much may be asked for, by class of cost; `[waiting_room]`: how many people sign in at once.

use super::{Faults, span};
use crate::config::file::{FileAdmission, FileClass, FileWaitingRoom};
use crate::config::{Admission, ClassLimits, Places, WaitingRoom};
use aldgate_core::limit::rate::Rate;
use aldgate_core::policy::cost::CostClass;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Addresses that stand for many people: a balancer's, a hospital's. More belong behind a balancer.
const MANY_BEHIND_MAX: usize = 256;

const BURST_MAX: i64 = 1_000_000;
const AT_ONCE_MAX: i64 = 1_000_000; // Each is a connection, of which no process has more.

/// The rate of one address if nothing else is said: so many in a second, so many at once.
///
/// Many people may share an address (a hospital's, a mobile network's), and then come at once. These are rates at which
/// no two addresses take a core, and at which the people of a large hospital come who begin to work at eight.
const fn rate_by_default(class: CostClass) -> Option<(u32, u32)> {
    match class {
        // It costs less than to count it and to refuse it.
        CostClass::Check => None,
        CostClass::Passkey | CostClass::Refresh => Some((50, 500)),
        CostClass::Password => Some((2, 100)),
    }
}

/// How many may be under way if nothing else is said, and how many may wait.
fn places_by_default(class: CostClass, password_threads: u64) -> Places {
    let threads = u32::try_from(password_threads).unwrap_or(u32::MAX);
    match class {
        CostClass::Check => Places { at_once: 0, queue: 0 },
        // As many as a warm tier or a backend that has slowed down to half a second a call may hold up.
        CostClass::Passkey | CostClass::Refresh => Places { at_once: 4_096, queue: 0 },
        // At 40 ms a hash, whoever waits is through in a second and a half: the threads are never idle, and nobody
        // waits for what they have given up.
        CostClass::Password => Places { at_once: threads.saturating_mul(2), queue: threads.saturating_mul(32) },
    }
}

pub(super) fn admission(file: Option<&FileAdmission>, password_threads: u64, faults: &mut Faults) -> Admission {
    let classes = CostClass::ALL.map(|class| {
        let file = file.and_then(|file| match class {
            CostClass::Check => file.check.as_ref(),
            CostClass::Passkey => file.passkey.as_ref(),
            CostClass::Refresh => file.refresh.as_ref(),
            CostClass::Password => file.password.as_ref(),
        });
        let none = FileClass::default();
        limits(class, file.unwrap_or(&none), password_threads, faults)
    });
    Admission { many_behind: many_behind(file.and_then(|file| file.many_behind.as_deref()), faults), classes }
}

/// This machine's own addresses, unless others are named: who comes from there is a proxy in front.
fn many_behind(named: Option<&[String]>, faults: &mut Faults) -> Vec<IpAddr> {
    let Some(named) = named else { return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] };
    if named.len() > MANY_BEHIND_MAX {
        faults.add("admission.many_behind", format!("must be at most {MANY_BEHIND_MAX} addresses"));
    }
    let parse = |(at, text): (usize, &String)| {
        let address = text.parse().map_err(|_| format!("{text:?} is not an address such as \"192.0.2.1\""));
        faults.keep(&format!("admission.many_behind[{at}]"), address)
    };
    named.iter().enumerate().filter_map(parse).collect()
}

fn limits(class: CostClass, file: &FileClass, password_threads: u64, faults: &mut Faults) -> ClassLimits {
    let at = |key: &str| format!("admission.{}.{key}", class.as_str());
    let mut number = |key: &str, value: Option<i64>, min: i64, max: i64, default: u32| {
        let value = value.unwrap_or(default.into());
        if !(min..=max).contains(&value) {
            faults.add(&at(key), format!("must be from {min} to {max}"));
        }
        u32::try_from(value).unwrap_or(default)
    };
    let by_default = rate_by_default(class);
    let burst = number("burst", file.burst, 1, BURST_MAX, by_default.map_or(1, |(_, burst)| burst));
    let places = places_by_default(class, password_threads);
    let at_once = number("at_once", file.at_once, 0, AT_ONCE_MAX, places.at_once);
    let queue = number("queue", file.queue, 0, AT_ONCE_MAX, places.queue);
    let per_address = match file.per_address.as_deref() {
        None => by_default.and_then(|(rate, _)| Rate::new(rate, Duration::from_secs(1), burst)),
        Some("") => None,
        Some(text) => {
            let rate = parse_rate(text, burst);
            let message = || format!("{text:?} is not a rate such as \"20/s\", \"300/m\" or \"1000/h\"");
            faults.keep(&at("per_address"), rate.ok_or_else(message))
        }
    };
    if per_address.is_none() && file.burst.is_some() {
        faults.add(&at("burst"), "goes with per_address");
    }
    ClassLimits { per_address, places: (at_once > 0).then_some(Places { at_once, queue }) }
}

fn parse_rate(text: &str, burst: u32) -> Option<Rate> {
    let (count, unit) = text.split_once('/')?;
    let span = match unit {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_mins(1),
        "h" => Duration::from_hours(1),
        _ => return None,
    };
    Rate::new(count.parse().ok()?, span, burst)
}

const PEOPLE_MAX: i64 = 1_000_000; // Some 64 MB of places.
const STAY: Duration = Duration::from_mins(10); // Long enough to look for a code in the spam folder.
const STAY_MIN: Duration = Duration::from_mins(1);
const STAY_MAX: Duration = Duration::from_hours(1);

pub(super) fn waiting_room(file: Option<&FileWaitingRoom>, faults: &mut Faults) -> Option<WaitingRoom> {
    let people = file.and_then(|file| file.people).unwrap_or(0);
    if !(0..=PEOPLE_MAX).contains(&people) {
        faults.add("waiting_room.people", format!("must be from 0 to {PEOPLE_MAX}"));
    }
    let stay = span("waiting_room.stay", file.and_then(|file| file.stay.as_deref()), STAY, faults);
    if !(STAY_MIN..=STAY_MAX).contains(&stay) {
        faults.add("waiting_room.stay", "must be from 1m to 1h");
    }
    let people = u32::try_from(people).ok().filter(|people| *people > 0)?;
    Some(WaitingRoom { people, stay })
}
