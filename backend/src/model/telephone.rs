//! Telephone numbers, in the international form (ITU-T E.164): `+` and at most 15 digits, the country first.
//!
//! A person in the United Kingdom writes a number in many ways; each is read, and so is any number that is written with
//! its country. Whether a number can be reached, only a sent code can tell. What costs whoever is called more than a
//! call (premium rate, personal numbers, pagers) is refused: nobody is to earn by our calling them.

use std::fmt;

/// The United Kingdom's country code, which the Crown dependencies share.
const UK: &str = "44";

/// Fewest digits after the `+` (the shortest numbers in use) and most (E.164).
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// Longest text that is looked at.
const TEXT_BYTES_MAX: usize = 64;

/// A number.
#[derive(Clone, PartialEq, Eq)]
pub struct PhoneNumber(String);

/// How a number is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneKind {
    /// By text message.
    Mobile,
    /// By a call.
    Landline,
}

/// Why a text is no number that we write to or call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPhoneNumber {
    /// Nothing was typed.
    Empty,
    /// It holds something that is neither a digit nor a sign between digits.
    NotDigits,
    /// Too few digits, or too many.
    Length,
    /// A number that costs more than a call, or that is no person's telephone.
    NotAPersons,
}

impl PhoneNumber {
    /// Reads what a person typed.
    ///
    /// # Errors
    /// [`BadPhoneNumber`].
    pub fn parse(text: &str) -> Result<Self, BadPhoneNumber> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadPhoneNumber::Empty);
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(BadPhoneNumber::Length);
        }
        let digits = international(text)?;
        if let Some(national) = digits.strip_prefix(UK) {
            judge_uk(national)?;
        } else if !DIGITS.contains(&digits.len()) || digits.starts_with('0') {
            return Err(BadPhoneNumber::Length);
        }
        Ok(Self(format!("+{digits}")))
    }

    /// The international form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How it is reached. Of other countries' numbers it cannot be told; they get a text message.
    pub fn kind(&self) -> PhoneKind {
        match self.national().and_then(|national| national.chars().next()) {
            Some('1' | '2' | '3') => PhoneKind::Landline,
            _ => PhoneKind::Mobile,
        }
    }

    /// Enough for its owner to know it by, and too little for anybody else: its last three digits.
    pub fn ending(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(3)..).unwrap_or_default()
    }

    /// The numbers that it is among which may all be one owner's: all but its last four digits.
    pub(crate) fn block(&self) -> &str {
        self.0.get(..self.0.len().saturating_sub(4)).unwrap_or_default()
    }

    fn national(&self) -> Option<&str> {
        self.0.strip_prefix('+')?.strip_prefix(UK)
    }
}

/// Longest country code, with whatever of an area code tells countries apart that share one (ITU-T E.164, section 6).
const CODE_DIGITS_MAX: usize = 7;

/// The United Kingdom, and Ireland.
const SERVED: [&str; 2] = [UK, "353"];

/// The countries whose numbers are written to and called. In others a message may cost whoever sends it many times as
/// much, and whoever owns the number may earn by it (artificially inflated traffic).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Countries(Vec<String>);

/// Not the code of a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be country codes, such as \"44\": 1 to 7 digits without a sign before them")]
pub struct BadCountryCode;

impl Default for Countries {
    fn default() -> Self {
        Self(SERVED.map(str::to_owned).into())
    }
}

impl Countries {
    /// Those of these codes.
    ///
    /// # Errors
    /// [`BadCountryCode`].
    pub fn parse<'a>(codes: impl IntoIterator<Item = &'a str>) -> Result<Self, BadCountryCode> {
        let is_code = |code: &str| {
            (1..=CODE_DIGITS_MAX).contains(&code.len())
                && !code.starts_with('0')
                && code.bytes().all(|byte| byte.is_ascii_digit())
        };
        let read = |code: &'a str| if is_code(code) { Ok(code.to_owned()) } else { Err(BadCountryCode) };
        codes.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a number is in one of them. No code is the beginning of another country's.
    pub(crate) fn serve(&self, number: &PhoneNumber) -> bool {
        let digits = number.0.trim_start_matches('+');
        self.0.iter().any(|code| digits.starts_with(code.as_str()))
    }
}

/// The digits of the international form, whatever was written between them.
fn international(text: &str) -> Result<String, BadPhoneNumber> {
    // "+44 (0)20 7946 0000": the nought in brackets is not dialled with the country code.
    let text = text.replacen("(0)", "", usize::from(text.starts_with('+') || text.starts_with("00")));
    let (plus, rest) = text.strip_prefix('+').map_or((false, text.as_str()), |rest| (true, rest));
    let between = |c: &char| !matches!(c, ' ' | '-' | '(' | ')' | '.' | '\u{a0}' | '\u{2010}'..='\u{2013}');
    let digits: String = rest.chars().filter(between).collect();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadPhoneNumber::NotDigits);
    }
    Ok(match (plus, digits.strip_prefix("00"), digits.strip_prefix('0')) {
        (true, ..) => digits,
        (false, Some(abroad), _) => abroad.to_owned(),
        (false, None, Some(national)) => format!("{UK}{national}"),
        (false, None, None) if digits.starts_with(UK) && digits.len() == 12 => digits,
        (false, None, None) => return Err(BadPhoneNumber::Length),
    })
}

/// The number after the country code (Ofcom, National Telephone Numbering Plan).
fn judge_uk(national: &str) -> Result<(), BadPhoneNumber> {
    let is_long_enough = national.len() == 10 || (national.len() == 9 && national.starts_with('1'));
    if !is_long_enough {
        return Err(BadPhoneNumber::Length);
    }
    // 70 are personal numbers, 76 pagers (but for the Isle of Man's mobiles), 8 and 9 special services.
    let is_a_persons = match national.as_bytes() {
        [b'1' | b'2' | b'3', ..] => true,
        [b'7', b'0', ..] => false,
        [b'7', b'6', ..] => national.starts_with("7624"),
        [b'7', ..] => true,
        _ => false,
    };
    if is_a_persons { Ok(()) } else { Err(BadPhoneNumber::NotAPersons) }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_in_all_its_spellings_is_one() {
        for text in [
            "07700 900 123",
            "07700900123",
            "(07700) 900-123",
            "+447700900123",
            "+44 7700 900123",
            "+44 (0)7700 900123",
            "0044 7700 900 123",
            "447700900123",
            " 07700\u{a0}900\u{2011}123 ",
        ] {
            assert_eq!(PhoneNumber::parse(text).map(|number| number.0), Ok("+447700900123".to_owned()), "{text}");
        }
        let number = PhoneNumber::parse("07700 900123").expect("a number");
        assert_eq!((number.ending(), format!("{number:?}").as_str()), ("123", "PhoneNumber(…)"));
        assert_eq!(PhoneNumber::parse(number.as_str()), Ok(number.clone()));
    }

    #[test]
    fn a_number_says_how_it_is_reached() {
        for (text, kind) in [
            ("07700 900123", PhoneKind::Mobile),
            ("07624 900123", PhoneKind::Mobile),
            ("020 7946 0000", PhoneKind::Landline),
            ("0113 496 0000", PhoneKind::Landline),
            ("016977 2345", PhoneKind::Landline),
            ("0306 999 0000", PhoneKind::Landline),
            ("+353 85 012 3456", PhoneKind::Mobile),
        ] {
            assert_eq!(PhoneNumber::parse(text).map(|number| number.kind()), Ok(kind), "{text}");
        }
    }

    #[test]
    fn numbers_of_countries_that_are_not_served_are_not_served_however_they_are_written() {
        let served = |countries: &Countries, text| countries.serve(&PhoneNumber::parse(text).expect("a number"));
        let default = Countries::default();
        for (text, expected) in [
            ("07700 900123", true),
            ("+44 7700 900123", true),
            ("00353 85 012 3456", true),
            ("+994 50 123 4567", false),
            ("00994501234567", false),
            ("+1 876 555 0123", false),
            ("+350 5712 3456", false),
        ] {
            assert_eq!(served(&default, text), expected, "{text}");
        }
        let some = Countries::parse(["44", "1212"]).expect("codes");
        assert!(served(&some, "+1 212 555 0123") && !served(&some, "+1 876 555 0123"));
        assert!(!served(&Countries::parse([]).expect("none"), "07700 900123"));
        for bad in ["", "+44", "044", "44 ", "12345678", "\u{664}\u{664}"] {
            assert_eq!(Countries::parse([bad]), Err(BadCountryCode), "{bad}");
        }
    }

    #[test]
    fn what_is_no_persons_number_is_refused_for_its_own_reason() {
        use BadPhoneNumber::*;
        for (text, expected) in [
            ("", Empty),
            ("call me", NotDigits),
            ("+", NotDigits),
            ("07700 900 12٣", NotDigits),
            ("07700 900123 ext 4", NotDigits),
            ("0770090012", Length),
            ("077009001234", Length),
            ("7700900123", Length),
            ("+0123456789", Length),
            ("+1234567890123456", Length),
            ("0909 879 0000", NotAPersons),
            ("0845 000 0000", NotAPersons),
            ("070 1234 5678", NotAPersons),
            ("07640 123456", NotAPersons),
            ("+44 5612 345678", NotAPersons),
        ] {
            assert_eq!(PhoneNumber::parse(text), Err(expected), "{text}");
        }
        assert_eq!(PhoneNumber::parse(&"0".repeat(65)), Err(Length));
    }
}
