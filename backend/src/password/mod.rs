//! Passwords: which ones are taken, and how they are kept (NIST SP 800-63B-4, section 3.1.1; OWASP ASVS 5.0, V6.2).
//!
//! Length and what everybody tries are all the rules there are: no composition rules, no expiry, no truncation. A
//! password is verified whole. It is first brought into one form of Unicode (the OpaqueString profile of RFC 8265,
//! section 4.2: NFC, every kind of space as the plain one), since two keyboards may write one password with different
//! bytes; letter case and everything else stays as it was typed.

mod breached;
mod hashing;
mod known;

pub use breached::{Breached, NoFilter};
pub use hashing::{ARGON2ID, PasswordCost};
pub(crate) use hashing::{HashingFault, Passwords, Verdict};

use crate::model::{EmailAddress, PASSWORD_CHARS_MIN};
use aldgate_core::secret::Secret;
use known::Known;
use std::sync::Arc;
use unicode_normalization::UnicodeNormalization as _;

/// Shortest password that is used with another factor, in characters (NIST SP 800-63B-4, section 3.1.1.2).
pub const CHARS_MIN: usize = PASSWORD_CHARS_MIN;

/// Shortest password that is the only factor, in characters (the same).
pub const ALONE_CHARS_MIN: usize = 15;

/// Longest password, in characters: no passphrase is longer, and hashing has a bound.
pub(crate) const CHARS_MAX: usize = 256;

/// The same in bytes of UTF-8.
const BYTES_MAX: usize = CHARS_MAX * 4;

/// A password as somebody typed it, which may be any text, in the one form in which passwords are compared.
pub(crate) struct Typed(Secret<String>);

impl Typed {
    /// Takes what was typed.
    pub(crate) fn new(text: &str) -> Self {
        let mut normal = String::with_capacity(text.len() * 3); // NFC may grow; a string that moves leaves a copy.
        normal.extend(text.chars().map(plain_space).nfc());
        Self(Secret::new(normal))
    }

    /// Whether nothing was typed.
    pub(crate) fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }

    /// The same once more, for whoever must compare it twice.
    pub(crate) fn again(&self) -> Self {
        Self(Secret::new(self.expose().to_owned()))
    }

    fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// RFC 8265, section 4.2.2, rule 2: characters of the category Zs.
const fn plain_space(c: char) -> char {
    match c {
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        other => other,
    }
}

/// What a new password opens an account with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing: whoever knows it is in.
    Nothing,
    /// A second step, which is asked for besides.
    SecondStep,
}

/// Why a new password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordRefused {
    /// Nothing was entered.
    Empty,
    /// Fewer characters than this.
    TooShort(usize),
    /// More than [`CHARS_MAX`] characters.
    TooLong,
    /// It is the e-mail address, or what stands before its `@`.
    EmailAddress,
    /// Everybody tries it, or something that it is made of.
    Common,
    /// It was breached somewhere.
    Breached,
}

/// Proof that a password meets the rules: only such a one is hashed for keeping.
pub(crate) struct NewPassword {
    typed: Typed,
    /// Characters that it has at least, by the strictest rule that it meets; how many there are is nobody's to know.
    at_least: usize,
}

/// The rules of a deployment.
pub(crate) struct Rules {
    alone_chars_min: usize,
    known: Known,
    breached: Arc<Breached>,
}

impl Rules {
    /// Passwords that are the only factor have at least `alone_chars_min` characters.
    pub(crate) fn new(alone_chars_min: usize, breached: Arc<Breached>) -> Self {
        Self { alone_chars_min: alone_chars_min.max(CHARS_MIN), known: Known::new(), breached }
    }

    /// Shortest new password, in characters.
    pub(crate) const fn chars_min(&self, beside: Beside) -> usize {
        match beside {
            Beside::Nothing => self.alone_chars_min,
            Beside::SecondStep => CHARS_MIN,
        }
    }

    /// Judges a password that somebody wants to have.
    pub(crate) fn judge(
        &self,
        typed: Typed,
        email: &EmailAddress,
        beside: Beside,
    ) -> Result<NewPassword, PasswordRefused> {
        let text = typed.expose();
        let chars = text.chars().count();
        let least = self.chars_min(beside);
        let lower = Secret::new(text.to_lowercase());
        let lower = lower.expose().as_str();
        let address = email.as_str().to_lowercase();
        let local = address.split('@').next().unwrap_or_default();
        if text.is_empty() {
            Err(PasswordRefused::Empty)
        } else if chars > CHARS_MAX {
            Err(PasswordRefused::TooLong)
        } else if chars < least {
            Err(PasswordRefused::TooShort(least))
        } else if lower == address || lower == local {
            Err(PasswordRefused::EmailAddress)
        } else if self.known.holds(lower) {
            Err(PasswordRefused::Common)
        } else if self.breached.holds(text) || self.breached.holds(lower) {
            Err(PasswordRefused::Breached)
        } else {
            let at_least = if chars >= self.alone_chars_min { self.alone_chars_min } else { CHARS_MIN };
            Ok(NewPassword { typed, at_least })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "a breached one\n";

    fn refusal(text: &str, beside: Beside) -> Option<PasswordRefused> {
        let (breached, _) = Breached::build(LIST.as_bytes()).expect("a filter");
        let email = EmailAddress::parse("Florence.Nightingale@hospital.example").expect("address");
        Rules::new(ALONE_CHARS_MIN, Arc::new(breached)).judge(Typed::new(text), &email, beside).err()
    }

    #[test]
    fn length_and_what_everybody_tries_are_the_only_rules() {
        use PasswordRefused::*;
        for (text, expected) in [
            ("", Some(Empty)),
            ("1357924", Some(TooShort(8))),
            ("éèéèéèé", Some(TooShort(8))),
            ("éèêëáàâä", None),
            ("𝒶𝒷𝓍𝓎𝓇𝒻𝒾𝓁", None),
            ("correct horse", None),
            ("Password1", Some(Common)),
            ("florence.nightingale@hospital.EXAMPLE", Some(EmailAddress)),
            ("florence.nightingale", Some(EmailAddress)),
            ("a breached one", Some(Breached)),
            ("A Breached One", Some(Breached)),
            ("another breached one", None),
        ] {
            assert_eq!(refusal(text, Beside::SecondStep), expected, "{text}");
        }
        let long: String = (0..64).map(|n| format!("{n:03}🔒")).collect();
        assert_eq!(refusal(&long, Beside::SecondStep), None);
        assert_eq!(refusal(&format!("{long}x"), Beside::SecondStep), Some(TooLong));
    }

    #[test]
    fn a_password_that_is_the_only_factor_is_longer() {
        assert_eq!(refusal("correct horse", Beside::Nothing), Some(PasswordRefused::TooShort(15)));
        assert_eq!(refusal("correct horse b", Beside::Nothing), None);
    }

    #[test]
    fn one_password_written_by_two_keyboards_is_one() {
        for (one, other) in [("ma\u{0301}s caf\u{e9}", "m\u{e1}s\u{a0}cafe\u{301}"), ("\u{212b}", "\u{c5}")] {
            assert_eq!(Typed::new(one).expose(), Typed::new(other).expose());
        }
        assert_ne!(Typed::new("Case").expose(), Typed::new("case").expose());
        assert_ne!(Typed::new("x²").expose(), Typed::new("x2").expose(), "compatibility characters stay apart");
    }
}
