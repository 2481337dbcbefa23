//! NHS numbers (NHS Data Dictionary, "NHS NUMBER"): ten digits, of which the last one checks the others by modulus 11.
//!
//! That a number is well formed is all that is known here. Whether it is given out, and to whom, the Personal
//! Demographics Service says to whoever verifies a person. Numbers of Scotland and Northern Ireland have the same form.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Digits of a number.
const DIGITS: usize = 10;

/// The modulus of the check digit.
const MODULUS: u32 = 11;

/// An NHS number.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NhsNumber([u8; DIGITS]);

/// Why a text is not an NHS number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNhsNumber {
    /// Not ten digits.
    #[error("an NHS number has ten digits")]
    NotTenDigits,
    /// The last digit does not check the others: one of them was mistyped.
    #[error("the last digit of the NHS number does not fit the others")]
    CheckDigit,
}

impl NhsNumber {
    /// Reads what stands on a letter or a person typed: digits, with spaces or hyphens between them.
    ///
    /// # Errors
    /// [`BadNhsNumber`].
    pub fn parse(text: &str) -> Result<Self, BadNhsNumber> {
        let mut digits = [0; DIGITS];
        let mut count = 0;
        for c in text.trim().chars().filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')) {
            let digit = u8::try_from(c).ok().filter(u8::is_ascii_digit).ok_or(BadNhsNumber::NotTenDigits)?;
            *digits.get_mut(count).ok_or(BadNhsNumber::NotTenDigits)? = digit;
            count += 1;
        }
        if count < DIGITS {
            return Err(BadNhsNumber::NotTenDigits);
        }
        if checks(&digits) { Ok(Self(digits)) } else { Err(BadNhsNumber::CheckDigit) }
    }

    /// The ten digits, without spaces.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // Digits are text.
    }
}

/// The first nine digits weigh 10 to 2, and the last one weighs 1: together they are a multiple of eleven. A check digit of ten,
/// which no digit is, is of no number.
fn checks(digits: &[u8; DIGITS]) -> bool {
    let weighed = digits.iter().zip((1..=10).rev()).map(|(digit, weight)| u32::from(digit - b'0') * weight);
    weighed.sum::<u32>() % MODULUS == 0
}

impl fmt::Debug for NhsNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NhsNumber(…)")
    }
}

impl TryFrom<String> for NhsNumber {
    type Error = BadNhsNumber;

    fn try_from(text: String) -> Result<Self, BadNhsNumber> {
        Self::parse(&text)
    }
}

impl From<NhsNumber> for String {
    fn from(number: NhsNumber) -> Self {
        number.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_it_is_spaced() {
        for text in ["9000000009", "900 000 0009", " 900-000-0009 ", "900\u{a0}000\u{a0}0009"] {
            let number = NhsNumber::parse(text).expect("a number");
            assert_eq!((number.as_str(), format!("{number:?}").as_str()), ("9000000009", "NhsNumber(…)"));
        }
        for text in ["9000000017", "9912003071", "9912003888", "9686368973", "9434765919"] {
            assert!(NhsNumber::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_for_its_own_reason() {
        for text in ["", "900000000", "90000000091", "900000000x", "٩000000009", "123456789"] {
            assert_eq!(NhsNumber::parse(text), Err(BadNhsNumber::NotTenDigits), "{text}");
        }
        for text in ["4447685222", "8527685222", "9434760001", "9658526933", "9000000008"] {
            assert_eq!(NhsNumber::parse(text), Err(BadNhsNumber::CheckDigit), "{text}");
        }
    }

    #[test]
    fn each_digit_counts() {
        let good = "9434765919";
        for at in 0..DIGITS {
            for digit in b'0'..=b'9' {
                let mut other = good.as_bytes().to_vec();
                other[at] = digit;
                let other = String::from_utf8(other).expect("text");
                assert_eq!(NhsNumber::parse(&other).is_ok(), other == good, "{other}");
            }
        }
    }

    #[test]
    fn it_is_kept_as_its_digits() {
        let number = NhsNumber::parse("943 476 5919").expect("a number");
        let text = serde_json::to_string(&number).expect("JSON");
        assert_eq!(text, "\"9434765919\"");
        assert_eq!(serde_json::from_str::<NhsNumber>(&text).expect("a number"), number);
        assert!(serde_json::from_str::<NhsNumber>("\"123\"").is_err());
    }
}
