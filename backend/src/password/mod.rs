//! Passwords: which ones are taken, and how they are kept (NIST SP 800-63B-4, section 3.1.1; OWASP ASVS 5.0, V6.2).
//!
//! Length and a list of what everybody tries are all the rules there are: no composition rules, no expiry, no
//! truncation. A password is verified exactly as it was typed.

mod hashing;

pub(crate) use hashing::{HashingFault, Passwords, Verdict};

use crate::model::EmailAddress;
use aldgate_core::secret::Secret;

/// Shortest password, in characters (NIST SP 800-63B-4, section 3.1.1.2, where it may be used with another factor).
pub(crate) const PASSWORD_CHARS_MIN: usize = 8;

/// Longest password, in bytes: no passphrase is longer, and hashing has a bound.
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;

/// The passwords that are tried first, one a line, in lower case; only such as are long enough otherwise.
const COMMON: &str = include_str!("common.txt");

/// A password as somebody typed it, which may be any text.
pub(crate) type Typed = Secret<String>;

/// Why a new password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordRefused {
    /// Nothing was entered.
    Empty,
    /// Fewer than [`PASSWORD_CHARS_MIN`] characters.
    TooShort,
    /// More than [`PASSWORD_BYTES_MAX`] bytes.
    TooLong,
    /// It is the e-mail address, or what stands before its `@`.
    EmailAddress,
    /// Everybody tries it.
    Common,
}

/// Proof that a password meets the rules: only such a one is hashed for keeping.
pub(crate) struct NewPassword(Typed);

impl NewPassword {
    /// Judges a password that somebody wants to have.
    pub(crate) fn parse(typed: Typed, email: &EmailAddress) -> Result<Self, PasswordRefused> {
        let text = typed.expose().as_str();
        let lower = Secret::new(text.to_lowercase());
        let lower = lower.expose().as_str();
        let address = email.as_str().to_lowercase();
        let local = address.split('@').next().unwrap_or_default();
        if text.is_empty() {
            Err(PasswordRefused::Empty)
        } else if text.len() > PASSWORD_BYTES_MAX {
            Err(PasswordRefused::TooLong)
        } else if text.chars().count() < PASSWORD_CHARS_MIN {
            Err(PasswordRefused::TooShort)
        } else if lower == address || lower == local {
            Err(PasswordRefused::EmailAddress)
        } else if COMMON.lines().any(|common| common == lower) {
            Err(PasswordRefused::Common)
        } else {
            Ok(Self(typed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<PasswordRefused> {
        let email = EmailAddress::parse("Florence.Nightingale@hospital.example").expect("address");
        NewPassword::parse(Secret::new(text.to_owned()), &email).err()
    }

    #[test]
    fn length_and_a_list_are_the_only_rules() {
        use PasswordRefused::*;
        for (text, expected) in [
            ("", Some(Empty)),
            ("1234567", Some(TooShort)),
            ("ééééééé", Some(TooShort)),
            ("éééééééé", None),
            ("        ", None),
            ("correct horse", None),
            ("Password1", Some(Common)),
            ("florence.nightingale@hospital.EXAMPLE", Some(EmailAddress)),
            ("florence.nightingale", Some(EmailAddress)),
        ] {
            assert_eq!(refusal(text), expected, "{text}");
        }
        assert_eq!(refusal(&"x".repeat(256)), None);
        assert_eq!(refusal(&"x".repeat(257)), Some(TooLong));
    }

    #[test]
    fn the_list_is_in_lower_case_without_doubles_and_holds_only_what_is_long_enough() {
        let mut lines: Vec<_> = COMMON.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() >= PASSWORD_CHARS_MIN && **line == line.to_lowercase()));
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), all);
        assert!(all >= 190, "{all}");
    }
}
