//! When a key is made, when it signs, when it goes: a function of the keys that there are and of the time.
//!
//! A key is published from the moment at which it is made, signs from the one at which it begins until the next of its
//! algorithm begins, and is published until the last token that it signed has expired. Clients keep a key set for
//! hours, so the next key is made [`Rules::announce`] before it begins. Where nobody was there to make it in time, the
//! old key signs on until the new one has been announced for as long as any other: a key that is late harms nobody, a
//! key that no client knows refuses everybody.

use aldgate_core::time::Timestamp;
use std::time::Duration;

/// What a deployment decides about its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// For how long a key is published before it signs. Longer than any client keeps a key set.
    pub announce: Duration,
    /// For how long a key signs.
    pub period: Duration,
    /// For how long after its last signature a key is published: as long as anything that it signed is shown to
    /// anybody.
    pub outlive: Duration,
    /// Bits of an RSA key.
    pub rsa_bits: RsaBits,
}

/// How large RSA keys are: what ring signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RsaBits {
    /// 2,048, the least that FAPI 2.0 allows (Security Profile, section 5.4).
    B2048,
    /// 3,072: a third of the speed.
    B3072,
    /// 4,096: a sixth.
    B4096,
}

impl RsaBits {
    /// As a number.
    pub const fn get(self) -> usize {
        match self {
            Self::B2048 => 2_048,
            Self::B3072 => 3_072,
            Self::B4096 => 4_096,
        }
    }
}

impl Default for Rules {
    /// A day, 90 days, a day (an ID token lives for an hour, and is shown again as a hint while a session lasts), 2,048.
    fn default() -> Self {
        Self {
            announce: Duration::from_hours(24),
            period: Duration::from_hours(24 * 90),
            outlive: Duration::from_hours(24),
            rsa_bits: RsaBits::B2048,
        }
    }
}

/// When a key was made and when it begins to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    /// Which key of its algorithm: 1 and up.
    pub(crate) number: u32,
    /// Published from then on.
    pub(crate) made: Timestamp,
    /// Signs from then on.
    pub(crate) begins: Timestamp,
}

/// What has to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key is to be made.
    Make(Term),
    /// Whatever the key of this number signed has expired.
    Forget(u32),
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Published, and will sign.
    Announced,
    /// Signs.
    Signs,
    /// Signs no more; published until then.
    Outlives(Timestamp),
}

/// The terms of one algorithm's keys, oldest first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule<'a> {
    terms: &'a [Term],
    rules: Rules,
}

impl<'a> Schedule<'a> {
    /// Of these terms, in the order of their numbers.
    pub(crate) const fn of(terms: &'a [Term], rules: Rules) -> Self {
        Self { terms, rules }
    }

    /// What is due. To be asked again after each step that is done.
    pub(crate) fn due(&self, now: Timestamp) -> Option<Step> {
        let Some(newest) = self.terms.last() else {
            return Some(Step::Make(Term { number: 1, made: now, begins: now }));
        };
        let ends = newest.begins.plus(self.rules.period);
        if now.plus(self.rules.announce) >= ends {
            return Some(Step::Make(self.next_after(*newest, now, ends)));
        }
        let gone = |term: &&Term| matches!(self.standing(**term, now), Standing::Outlives(until) if until <= now);
        self.terms.iter().find(gone).map(|term| Step::Forget(term.number))
    }

    /// The next key, if somebody wants one now: `None` if it is announced already.
    pub(crate) fn rotation(&self, now: Timestamp) -> Option<Term> {
        match self.terms.last() {
            None => Some(Term { number: 1, made: now, begins: now }),
            Some(newest) if newest.begins > now => None,
            Some(newest) => Some(self.next_after(*newest, now, now)),
        }
    }

    /// The key that takes the place of all others at once.
    pub(crate) fn replacement(&self, now: Timestamp) -> Term {
        let number = self.terms.last().map_or(1, |newest| newest.number.saturating_add(1));
        Term { number, made: now, begins: now }
    }

    /// The key that signs: the newest that has begun. If none has, as when the clock of whoever made the first one is
    /// ahead of ours, the first.
    pub(crate) fn signs(&self, now: Timestamp) -> Option<Term> {
        self.terms.iter().rfind(|term| term.begins <= now).or(self.terms.first()).copied()
    }

    /// How a key of these stands.
    pub(crate) fn standing(&self, term: Term, now: Timestamp) -> Standing {
        let Some(signs) = self.signs(now) else { return Standing::Announced };
        if term.number > signs.number {
            return Standing::Announced;
        }
        let next = self.terms.iter().find(|other| other.number > term.number && other.begins <= now);
        match next {
            Some(next) if term.number < signs.number => Standing::Outlives(next.begins.plus(self.rules.outlive)),
            _ => Standing::Signs,
        }
    }

    fn next_after(&self, newest: Term, now: Timestamp, earliest: Timestamp) -> Term {
        let begins = earliest.max(now.plus(self.rules.announce));
        Term { number: newest.number.saturating_add(1), made: now, begins }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);
    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);

    /// Keys of one algorithm under a clock.
    struct World {
        terms: Vec<Term>,
        now: Timestamp,
    }

    impl World {
        fn new() -> Self {
            let mut world = Self { terms: Vec::new(), now: START };
            world.settle();
            world
        }

        fn schedule(&self) -> Schedule<'_> {
            Schedule::of(&self.terms, Rules::default())
        }

        /// Does what is due, until nothing is.
        fn settle(&mut self) {
            for _ in 0..10 {
                match self.schedule().due(self.now) {
                    None => return,
                    Some(Step::Make(term)) => self.terms.push(term),
                    Some(Step::Forget(number)) => self.terms.retain(|term| term.number != number),
                }
            }
            panic!("never settled: {:?}", self.terms);
        }

        fn after(&mut self, span: Duration) -> &mut Self {
            self.now = self.now.plus(span);
            self.settle();
            self
        }

        fn signs(&self) -> u32 {
            self.schedule().signs(self.now).expect("a key").number
        }

        fn numbers(&self) -> Vec<u32> {
            self.terms.iter().map(|term| term.number).collect()
        }
    }

    #[test]
    fn the_very_first_key_signs_at_once() {
        let world = World::new();
        assert_eq!(world.terms, [Term { number: 1, made: START, begins: START }]);
        assert_eq!(world.signs(), 1);
        assert_eq!(world.schedule().standing(world.terms[0], START), Standing::Signs);
    }

    #[test]
    fn the_next_key_is_announced_for_a_day_signs_for_90_and_outlives_its_tokens() {
        let mut world = World::new();
        world.after(DAY * 89 - HOUR);
        assert_eq!((world.numbers(), world.signs()), (vec![1], 1));
        world.after(HOUR);
        assert_eq!((world.numbers(), world.signs()), (vec![1, 2], 1), "announced");
        let (first, second) = (world.terms[0], world.terms[1]);
        assert_eq!(second, Term { number: 2, made: START.plus(DAY * 89), begins: START.plus(DAY * 90) });
        assert_eq!(world.schedule().standing(second, world.now), Standing::Announced);
        world.after(DAY - Duration::from_millis(1));
        assert_eq!(world.signs(), 1);
        world.after(Duration::from_millis(1));
        assert_eq!((world.numbers(), world.signs()), (vec![1, 2], 2), "the first outlives its tokens");
        assert_eq!(world.schedule().standing(first, world.now), Standing::Outlives(START.plus(DAY * 91)));
        world.after(DAY - Duration::from_millis(1));
        assert_eq!(world.numbers(), [1, 2]);
        world.after(Duration::from_millis(1));
        assert_eq!(world.numbers(), [2]);
    }

    #[test]
    fn however_long_nobody_was_there_no_key_signs_unannounced() {
        let mut world = World::new();
        world.after(DAY * 1_000);
        assert_eq!((world.numbers(), world.signs()), (vec![1, 2], 1));
        assert_eq!(world.terms[1].begins, world.now.plus(DAY));
        world.after(DAY);
        assert_eq!(world.signs(), 2);
        assert_eq!(world.numbers(), [1, 2], "what the first signed a moment ago has not expired");
    }

    #[test]
    fn under_any_steps_of_the_clock_there_is_one_signer_and_each_was_announced() {
        for step in [HOUR, HOUR * 7, DAY, DAY * 40, DAY * 89, DAY * 90, DAY * 91, DAY * 200] {
            let mut world = World::new();
            for _ in 0..200 {
                let published: Vec<_> = world.terms.clone();
                world.now = world.now.plus(step);
                let signs = world.schedule().signs(world.now).expect("a key");
                assert!(published.contains(&signs), "{step:?}: a key signs that was not published before");
                world.settle();
                assert_eq!(world.signs(), signs.number, "{step:?}: what is done now changes no signer");
                assert!(world.terms.len() <= 3, "{step:?}: {:?}", world.terms);
            }
        }
    }

    #[test]
    fn a_rotation_by_command_is_announced_as_any_other_and_not_made_twice() {
        let mut world = World::new();
        world.after(DAY * 10);
        let next = world.schedule().rotation(world.now).expect("a key");
        assert_eq!(next, Term { number: 2, made: world.now, begins: world.now.plus(DAY) });
        world.terms.push(next);
        assert_eq!(world.schedule().rotation(world.now), None);
        world.after(DAY);
        assert_eq!(world.signs(), 2);
        world.after(DAY * 89);
        assert_eq!(world.numbers(), [2, 3], "its period counts from its own beginning");
    }

    #[test]
    fn a_replacement_signs_at_once() {
        let mut world = World::new();
        world.after(DAY * 89);
        assert_eq!(world.numbers(), [1, 2]);
        let term = world.schedule().replacement(world.now);
        assert_eq!(term, Term { number: 3, made: world.now, begins: world.now });
        world.terms = vec![term];
        world.settle();
        assert_eq!((world.numbers(), world.signs()), (vec![3], 3));
    }

    #[test]
    fn a_first_key_of_a_clock_that_is_ahead_signs_all_the_same() {
        let ahead = Term { number: 1, made: START.plus(HOUR), begins: START.plus(HOUR) };
        let schedule = Schedule::of(std::slice::from_ref(&ahead), Rules::default());
        assert_eq!(schedule.signs(START), Some(ahead));
        assert_eq!(schedule.standing(ahead, START), Standing::Signs);
        assert_eq!(schedule.due(START), None);
    }
}
