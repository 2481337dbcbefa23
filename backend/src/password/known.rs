//! What everybody tries first, and what everybody makes of it.
//!
//! Two small lists of our own: passwords as they stand, and words from which passwords are made. A guesser's program
//! puts digits and signs around such a word, writes it twice, and swaps letters for figures; so does this. It is a
//! floor, and no replacement for a list of breached passwords ([`super::breached`]), which holds what nobody would think of.

use std::collections::HashSet;

/// Passwords that are tried first, one a line, in lower case; only such as are long enough otherwise.
const COMMON: &str = include_str!("common.txt");

/// Words from which passwords are made, one a line, in lower case.
const WORDS: &str = include_str!("words.txt");

/// Digits and signs around a word that do not make it another.
const AROUND_CHARS_MAX: usize = 6;

/// What is repeated, if it is no longer than this, makes no password however often.
const UNIT_CHARS_MAX: usize = 4;

const ROWS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// The two lists, to be looked up.
pub(super) struct Known {
    passwords: HashSet<&'static str>,
    words: HashSet<&'static str>,
}

impl Known {
    /// The lists of this build.
    pub(super) fn new() -> Self {
        Self { passwords: COMMON.lines().collect(), words: WORDS.lines().collect() }
    }

    /// Whether everybody tries this, or something that it is made of; `lower` is in lower case.
    pub(super) fn holds(&self, lower: &str) -> bool {
        self.passwords.contains(lower)
            || self.is_made_of_a_word(lower)
            || self.repeats_what_is_known(lower)
            || is_a_run(lower)
    }

    fn is_made_of_a_word(&self, lower: &str) -> bool {
        let word = lower.trim_matches(|c: char| !c.is_alphabetic());
        let plain: String = word.chars().map(letter_of).collect();
        [word, &plain].into_iter().any(|word| {
            let around = lower.chars().count() - word.chars().count();
            around <= AROUND_CHARS_MAX && self.words.contains(word)
        })
    }

    fn repeats_what_is_known(&self, lower: &str) -> bool {
        let chars: Vec<char> = lower.chars().collect();
        (1..=chars.len() / 2).filter(|len| chars.len().is_multiple_of(*len)).any(|len| {
            let mut units = chars.chunks(len);
            let first = units.next().unwrap_or_default();
            let word: String = first.iter().collect();
            units.all(|unit| unit == first) && (len <= UNIT_CHARS_MAX || self.words.contains(word.as_str()))
        })
    }
}

/// The letter for which people write a figure or a sign.
const fn letter_of(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        '8' => 'b',
        other => other,
    }
}

/// Characters that follow one another in the alphabet, in the numbers or on the keyboard, either way.
fn is_a_run(lower: &str) -> bool {
    let chars: Vec<u32> = lower.chars().map(u32::from).collect();
    let follows = |step: fn(u32) -> u32| chars.iter().zip(chars.iter().skip(1)).all(|(a, b)| step(*a) == *b);
    let backward: String = lower.chars().rev().collect();
    let on_a_row = |text: &str| ROWS.iter().any(|row| row.repeat(2).contains(text));
    follows(|c| c.wrapping_add(1)) || follows(|c| c.wrapping_sub(1)) || on_a_row(lower) || on_a_row(&backward)
}

#[cfg(test)]
mod tests {
    use super::super::CHARS_MIN;
    use super::*;

    #[test]
    fn what_is_made_of_a_known_word_is_known() {
        let known = Known::new();
        for text in [
            "password1",
            "liverpool2024!",
            "123sunshine",
            "p@ssw0rd",
            "passw0rd!!",
            "letmeinletmein",
            "monkeymonkey",
            "        ",
            "abcabcabc",
            "12345678",
            "87654321",
            "abcdefghij",
            "qwertyui",
            "poiuytrewq",
            "l1verp00l",
        ] {
            assert!(known.holds(text), "{text}");
        }
        for text in ["three random words", "correct horse battery", "liverpool blue kettle", "x7#kq2mz", "éáéèóéèú"]
        {
            assert!(!known.holds(text), "{text}");
        }
    }

    #[test]
    fn the_lists_are_in_lower_case_and_sorted_out() {
        for (name, list, min) in [("common", COMMON, CHARS_MIN), ("words", WORDS, 3)] {
            let lines: Vec<_> = list.lines().collect();
            assert!(lines.iter().all(|line| line.chars().count() >= min && **line == line.to_lowercase()), "{name}");
            assert_eq!(lines.iter().collect::<HashSet<_>>().len(), lines.len(), "{name}: one stands twice");
        }
        assert!(COMMON.lines().count() >= 190);
    }
}
