//! The line itself: who is next, who is inside. Pure; nothing is kept of anybody who waits but one byte.
//!
//! Whoever comes gets the next number. Numbers are called when places are free, and whoever comes back with one that was
//! called goes in, once. Those who do not come back would hold up the rest: whenever fewer than half of the called have
//! come, twice as many are called the next time. So a robot that takes a hundred thousand numbers and goes away costs
//! the people behind it minutes and not hours. How many are inside never depends on who was called: there are as many
//! places as there are.
//!
//! A robot that stays instead holds no more than a share of the places from one address, and none of them for longer than
//! [`LONGEST`], however often it asks.

use aldgate_core::limit::address::Prefix;
use aldgate_core::time::Timestamp;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// Numbers that are remembered, a byte each. Whoever holds an older one goes to the end.
const NUMBERS: u64 = 1 << 20;

/// Longest line: with more, nobody's turn would come today.
const WAITING_MAX: u64 = NUMBERS / 2;

/// How long somebody who was just let in may take to ask for a second page. Most robots never do.
const FIRST: Duration = Duration::from_mins(2);

/// How long somebody is inside at most, whatever they do there: several times what a registration takes, also of somebody
/// who reads slowly. Whose place ends goes to the end of the line, and if nobody waits, in again at once.
const LONGEST: Duration = Duration::from_mins(30);

/// The part of the places that one address may hold, and how many it may hold in any case: a family, an office.
const SHARE: usize = 50;
const SHARE_MIN: u32 = 20;

/// How many requests one place is good for: ten times what any journey takes. A place that is shared with others ends.
const REQUESTS_MAX: u32 = 200;

/// How long the called have to come before more are called in their place: longer than [`POLL_MAX`].
const CALLED: Duration = Duration::from_secs(75);

/// How much faster than one for one numbers are called at most.
const STRIDE_MAX: u64 = 1_024;

/// How often somebody who waits looks again.
const POLL_MIN: Duration = Duration::from_secs(5);
const POLL_MAX: Duration = Duration::from_secs(60);

/// How long it is counted how many are let in, to say how long the others will wait.
const PACE: Duration = Duration::from_secs(60);

/// A number in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Number(pub(super) u64);

/// What somebody who wants in is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// They are inside, under this number.
    In(Number),
    /// They wait.
    Waits(Waiting),
    /// The line is as long as it may be.
    Full,
}

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Their number.
    pub(super) number: Number,
    /// Their place: 1 is the next.
    pub(super) place: u64,
    /// About how long it will be.
    pub(super) about: Duration,
    /// When to look again.
    pub(super) look_again: Duration,
}

struct Inside {
    until: Timestamp,
    ends: Timestamp,
    requests_left: u32,
    from: Option<Prefix>,
}

/// How many places each address holds, of those that hold any.
struct Shares {
    each: u32,
    held: HashMap<Prefix, u32>,
}

impl Shares {
    fn of(people: usize) -> Self {
        Self { each: u32::try_from(people / SHARE).unwrap_or(u32::MAX).max(SHARE_MIN), held: HashMap::new() }
    }

    fn has_room(&self, from: Option<Prefix>) -> bool {
        from.is_none_or(|from| self.held.get(&from).is_none_or(|held| *held < self.each))
    }

    fn take(&mut self, from: Option<Prefix>) {
        if let Some(from) = from {
            *self.held.entry(from).or_default() += 1;
        }
    }

    fn give_back(&mut self, from: Option<Prefix>) {
        let Some(Entry::Occupied(mut held)) = from.map(|from| self.held.entry(from)) else { return };
        match held.get().checked_sub(1) {
            Some(left @ 1..) => _ = held.insert(left),
            _ => _ = held.remove(),
        }
    }
}

/// Who was called lately, and how many of them have come.
struct Calls {
    since: Timestamp,
    called: u64,
    came: u64,
    stride: u64,
}

struct Pace {
    since: Timestamp,
    let_in: u64,
    per_minute: f64,
}

/// The line.
pub(super) struct Line {
    people: usize,
    stay: Duration,
    next: u64,
    up: u64,
    used: Vec<bool>,
    inside: HashMap<u64, Inside>,
    shares: Shares,
    swept: Timestamp,
    calls: Calls,
    pace: Pace,
}

impl Line {
    /// Nobody is here. So many `people` may be inside, each for `stay` since their last request.
    pub(super) fn new(people: usize, stay: Duration, now: Timestamp) -> Self {
        Self {
            people,
            stay,
            next: 0,
            up: 0,
            used: vec![false; usize::try_from(NUMBERS).unwrap_or(0)],
            inside: HashMap::new(),
            shares: Shares::of(people),
            swept: now,
            calls: Calls { since: now, called: 0, came: 0, stride: 1 },
            // As if everybody inside took five minutes.
            pace: Pace { since: now, let_in: 0, per_minute: people as f64 / 5.0 },
        }
    }

    /// Somebody wants in, with the number that they hold, if it is ours; from an address that is counted, or from one that
    /// stands for many people.
    pub(super) fn ask(&mut self, held: Option<Number>, from: Option<Prefix>, now: Timestamp) -> Told {
        self.sweep(now);
        let number = match held.filter(|held| self.stands(*held)) {
            Some(held) => held,
            None if self.next - self.up >= WAITING_MAX => return Told::Full,
            None => self.give(),
        };
        self.call(now);
        if number.0 < self.up && self.inside.len() < self.people && self.shares.has_room(from) {
            self.let_in(number, from, now);
            return Told::In(number);
        }
        Told::Waits(self.waiting(number))
    }

    /// Somebody who was let in makes another request. False if their place has ended.
    pub(super) fn goes_on(&mut self, number: Number, now: Timestamp) -> bool {
        let Some(inside) = self.inside.get_mut(&number.0) else { return false };
        if now >= inside.until || inside.requests_left == 0 {
            self.leaves(number);
            return false;
        }
        inside.requests_left -= 1;
        inside.until = now.plus(self.stay).min(inside.ends);
        true
    }

    /// Somebody has done what they came for; their place is free.
    pub(super) fn leaves(&mut self, number: Number) {
        if let Some(inside) = self.inside.remove(&number.0) {
            self.shares.give_back(inside.from);
        }
    }

    /// How many are inside, and how many numbers wait.
    pub(super) fn held(&self) -> (usize, u64) {
        (self.inside.len(), self.next - self.up)
    }

    fn give(&mut self) -> Number {
        let number = Number(self.next);
        self.next += 1;
        if let Some(used) = self.use_of(number) {
            *used = false;
        }
        number
    }

    /// Whether a number may still be used.
    fn stands(&mut self, number: Number) -> bool {
        let known = number.0 < self.next && number.0 + NUMBERS > self.next;
        known && self.use_of(number).is_some_and(|used| !*used)
    }

    fn use_of(&mut self, number: Number) -> Option<&mut bool> {
        usize::try_from(number.0 % NUMBERS).ok().and_then(|at| self.used.get_mut(at))
    }

    fn let_in(&mut self, number: Number, from: Option<Prefix>, now: Timestamp) {
        if let Some(used) = self.use_of(number) {
            *used = true;
        }
        self.calls.came += 1;
        self.pace.let_in += 1;
        self.shares.take(from);
        let (until, ends) = (now.plus(FIRST.min(self.stay)), now.plus(LONGEST.max(self.stay)));
        self.inside.insert(number.0, Inside { until, ends, requests_left: REQUESTS_MAX, from });
    }

    /// Frees the places whose time is over; at most once a second.
    fn sweep(&mut self, now: Timestamp) {
        if now.since(self.swept) >= Duration::from_secs(1) || now < self.swept {
            for (_, gone) in self.inside.extract_if(|_, inside| now >= inside.until) {
                self.shares.give_back(gone.from);
            }
            self.swept = now;
        }
    }

    /// Calls as many as there are free places that nobody is on the way to.
    fn call(&mut self, now: Timestamp) {
        let calls = &mut self.calls;
        if now.since(calls.since) >= CALLED {
            let missed = calls.came * 2 < calls.called;
            let stride = if missed { calls.stride * 2 } else { calls.stride / 2 };
            *calls = Calls { since: now, called: 0, came: 0, stride: stride.clamp(1, STRIDE_MAX) };
        }
        let free = u64::try_from(self.people.saturating_sub(self.inside.len())).unwrap_or(u64::MAX);
        let on_their_way = calls.called.saturating_sub(calls.came);
        let more = free.saturating_mul(calls.stride).saturating_sub(on_their_way).min(self.next - self.up);
        self.up += more;
        calls.called += more;
        if now.since(self.pace.since) >= PACE {
            let minutes = now.since(self.pace.since).as_secs_f64() / 60.0;
            self.pace = Pace { since: now, let_in: 0, per_minute: self.pace.let_in as f64 / minutes };
        }
    }

    fn waiting(&self, number: Number) -> Waiting {
        let place = (number.0 + 1).saturating_sub(self.up).max(1);
        let minutes = place as f64 / self.pace.per_minute.max(0.1);
        let about = Duration::from_secs_f64((minutes * 60.0).min(86_400.0));
        Waiting { number, place, about, look_again: (about / 10).clamp(POLL_MIN, POLL_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const STAY: Duration = Duration::from_mins(10);

    fn at(secs: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(secs))
    }

    fn number(told: Told) -> Number {
        match told {
            Told::In(number) | Told::Waits(Waiting { number, .. }) => number,
            Told::Full => panic!("full"),
        }
    }

    fn is_in(told: Told) -> bool {
        matches!(told, Told::In(_))
    }

    /// A line with everybody inside that may be.
    fn full(people: usize) -> (Line, Vec<Number>) {
        let mut line = Line::new(people, STAY, NOW);
        let inside = (0..people).map(|_| line.ask(None, None, NOW)).inspect(|told| assert!(is_in(*told))).map(number);
        let inside = inside.collect();
        (line, inside)
    }

    #[test]
    fn first_come_first_served_and_each_number_once() {
        let (mut line, inside) = full(2);
        let (first, second) = (line.ask(None, None, NOW), line.ask(None, None, NOW));
        let place = |told| match told {
            Told::Waits(waiting) => waiting.place,
            told => panic!("{told:?}"),
        };
        assert_eq!((place(first), place(second)), (1, 2));
        line.leaves(inside[0]);
        assert_eq!(place(line.ask(Some(number(second)), None, NOW)), 1, "the first was called, and is on the way");
        assert!(!is_in(line.ask(None, None, NOW)), "who comes now goes to the end");
        assert!(is_in(line.ask(Some(number(first)), None, NOW)));
        line.leaves(inside[1]);
        assert!(is_in(line.ask(Some(number(second)), None, NOW)));
        line.leaves(number(first));
        let again = line.ask(Some(number(first)), None, NOW);
        assert!(number(again) != number(first), "used");
        assert_eq!(line.held().0, 1 + usize::from(is_in(again)));
    }

    #[test]
    fn a_place_ends_by_itself_and_sooner_for_who_never_comes_back() {
        let (mut line, inside) = full(2);
        assert!(line.goes_on(inside[0], at(60)));
        let waiting = number(line.ask(None, None, at(60)));
        assert!(!is_in(line.ask(Some(waiting), None, at(119))));
        assert!(is_in(line.ask(Some(waiting), None, at(120))), "one never came back");
        assert!(!line.goes_on(inside[1], at(120)));
        assert!(line.goes_on(inside[0], at(600)));
        assert!(!line.goes_on(inside[0], at(1_200)));
    }

    #[test]
    fn a_place_that_is_shared_with_others_ends() {
        let (mut line, inside) = full(1);
        let requests = (0..1_000).filter(|_| line.goes_on(inside[0], NOW)).count();
        assert_eq!(requests, usize::try_from(REQUESTS_MAX).expect("small"));
    }

    fn from(last: u8) -> Option<Prefix> {
        Some(Prefix::of([192, 0, 2, last].into()))
    }

    #[test]
    fn a_place_ends_however_often_somebody_asks() {
        let (mut line, inside) = full(1);
        let waits = number(line.ask(None, None, at(60)));
        let mut ended = None;
        for secs in (60..7_200).step_by(60) {
            if !line.goes_on(inside[0], at(secs)) {
                ended = Some(secs);
                break;
            }
        }
        assert_eq!(ended, Some(LONGEST.as_secs()));
        assert!(is_in(line.ask(Some(waits), None, at(LONGEST.as_secs()))), "and the next one goes in");
        let mut long = Line::new(1, Duration::from_hours(1), NOW);
        let number = number(long.ask(None, None, NOW));
        assert!(long.goes_on(number, at(60)));
        assert!(long.goes_on(number, at(3_599)), "whoever may be silent for an hour has an hour");
    }

    #[test]
    fn one_address_holds_a_share_of_the_places_and_others_go_in() {
        let people = 50 * SHARE;
        let mut line = Line::new(people, STAY, NOW);
        let robots: Vec<_> = (0..people).map(|_| line.ask(None, from(1), NOW)).collect();
        let inside: Vec<_> = robots.iter().filter(|told| is_in(**told)).collect();
        assert_eq!(inside.len(), 50);
        assert!(robots.last().is_some_and(|told| !is_in(*told)));
        // The robots' numbers were called and are not taken up: more are called in their place, within minutes.
        let person = number(line.ask(None, from(2), NOW));
        let behind_many = number(line.ask(None, None, NOW));
        let goes_in = |line: &mut Line, person, from, secs: u64| is_in(line.ask(Some(person), from, at(secs)));
        let let_in = (0..600).step_by(5).find(|secs| goes_in(&mut line, person, from(2), *secs));
        assert!(let_in.is_some_and(|secs| secs < 300), "{let_in:?}");
        assert_eq!(line.shares.held.len(), 2);
        assert!(goes_in(&mut line, behind_many, None, 600));
        assert_eq!(line.shares.held.len(), 0, "nobody is counted who has left, or comes from where many are");
    }

    #[test]
    fn a_share_that_is_given_back_is_there_for_the_next() {
        let mut line = Line::new(100, STAY, NOW);
        let inside: Vec<_> = (0..SHARE_MIN).map(|_| number(line.ask(None, from(1), NOW))).collect();
        let waits = number(line.ask(None, from(1), NOW));
        assert!(!is_in(line.ask(Some(waits), from(1), NOW)));
        line.leaves(inside[0]);
        line.leaves(inside[0]);
        assert!(is_in(line.ask(Some(waits), from(1), NOW)), "once");
        assert!(!is_in(line.ask(None, from(1), NOW)));
        assert!(is_in(line.ask(None, from(1), at(121))), "those who never came back have left");
        assert_eq!(line.shares.held.values().sum::<u32>(), 1);
    }

    #[test]
    fn numbers_that_nobody_comes_back_with_cost_minutes() {
        let (mut line, mut inside) = full(100);
        for _ in 0..100_000 {
            line.ask(None, None, NOW);
        }
        let person = number(line.ask(None, None, NOW));
        let mut let_in = None;
        for secs in (0..7_200).step_by(5) {
            inside.drain(..).for_each(|gone| line.leaves(gone));
            if is_in(line.ask(Some(person), None, at(secs))) {
                let_in = Some(secs);
                break;
            }
        }
        assert!(let_in.is_some_and(|secs| secs < 900), "{let_in:?}");
    }

    #[test]
    fn whatever_comes_no_more_are_inside_than_may_be_and_memory_is_fixed() {
        let (mut line, _) = full(10);
        let mut held = std::collections::VecDeque::new();
        for step in 0..200_000_u64 {
            let now = at(step / 20);
            let address = from(u8::try_from(step % 7).unwrap_or(0));
            let told = line.ask(if step % 3 == 0 { held.pop_front() } else { None }, address, now);
            if let Told::Waits(waiting) = told {
                held.push_back(waiting.number);
            }
            assert!(line.held().0 <= 10);
            assert!(line.shares.held.len() <= 7);
        }
        assert_eq!(line.used.len() as u64, NUMBERS);
        let (mut line, _) = full(1);
        while line.ask(None, None, NOW) != Told::Full {}
        assert_eq!(line.held(), (1, WAITING_MAX));
    }
}
