//! One-time codes: six digits that show that somebody reads an address of mail.
//!
//! A code is derived, never stored: HMAC-SHA-256 over the journey, the number of the sending and the canonical address,
//! modulo a million. So whoever holds the database learns no code, and a code is good for one journey, one sending and
//! one address. How often a code may be tried and that it works once are the journey's affair (NIST SP 800-63B-4,
//! section 3.1.3.2).

use aldgate_core::secret::{MasterKey, Purpose, Secret};
use ring::hmac;
use std::time::Duration;

/// Digits of a code: a million codes, of which five may be tried.
pub(crate) const DIGITS: usize = 6;

/// How long a code is good for: mail may take some minutes, and the page says so.
pub(crate) const LIFETIME: Duration = Duration::from_mins(15);

/// The same for one that is sent to a telephone (NIST SP 800-63B-4, section 3.1.3.2: ten minutes at most).
pub(crate) const SPOKEN_LIFETIME: Duration = Duration::from_mins(10);

const CODES: u64 = 1_000_000; // 10^DIGITS. Taking 64 bits modulo this favours no code by more than 1 in 10^13.

/// Six digits.
#[derive(Debug, PartialEq)]
pub(crate) struct Code(Secret<[u8; DIGITS]>);

/// What was entered is not six digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotACode;

impl Code {
    /// Reads what a person typed. Spaces between the digits are welcome.
    pub(crate) fn parse(text: &str) -> Result<Self, NotACode> {
        let mut digits = [0; DIGITS];
        let mut len = 0;
        for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
            *digits.get_mut(len).filter(|_| byte.is_ascii_digit()).ok_or(NotACode)? = byte;
            len += 1;
        }
        if len == DIGITS { Ok(Self(Secret::new(digits))) } else { Err(NotACode) }
    }

    /// The digits, for the message that carries them.
    pub(crate) fn expose(&self) -> &str {
        std::str::from_utf8(self.0.expose()).unwrap_or_default()
    }
}

/// What a code is good for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion<'a> {
    /// The journey.
    pub(crate) journey: &'a [u8; 16],
    /// The number of the sending within it.
    pub(crate) sending: u8,
    /// The canonical address.
    pub(crate) address: &'a str,
}

/// The deployment's key for codes.
pub(crate) struct OneTimeCodes(hmac::Key);

impl OneTimeCodes {
    /// Derives the key.
    pub(crate) fn of(master: &MasterKey) -> Self {
        let secret = master.derive(Purpose::OneTimeCode, 0);
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// The code of an occasion. Compare codes with `==`, which takes constant time.
    pub(crate) fn code(&self, occasion: Occasion<'_>) -> Code {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(occasion.journey);
        context.update(&[occasion.sending]);
        context.update(occasion.address.as_bytes());
        let tag = context.sign();
        let head = tag.as_ref().first_chunk::<8>().copied().unwrap_or_default();
        let mut rest = u64::from_be_bytes(head) % CODES;
        let mut digits = [b'0'; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        Code(Secret::new(digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> OneTimeCodes {
        OneTimeCodes::of(&MasterKey::new([1; 32]))
    }

    #[test]
    fn each_occasion_has_a_code_of_its_own() {
        let occasion = Occasion { journey: &[1; 16], sending: 1, address: "a@b.example" };
        let code = codes().code(occasion);
        assert_eq!(code, codes().code(occasion));
        assert_eq!(code.expose().len(), DIGITS);
        for other in [
            Occasion { journey: &[2; 16], ..occasion },
            Occasion { sending: 2, ..occasion },
            Occasion { address: "b@b.example", ..occasion },
        ] {
            assert_ne!(code, codes().code(other));
        }
    }

    #[test]
    fn what_people_type_is_read() {
        assert_eq!(Code::parse(" 12 34 56\t").map(|code| code.expose().to_owned()), Ok("123456".to_owned()));
        for text in ["", "12345", "1234567", "12345a", "१२३४५६", "-12345", "1 2 3 4 5 6 7"] {
            assert_eq!(Code::parse(text), Err(NotACode), "{text}");
        }
    }

    #[test]
    fn a_code_does_not_print() {
        assert_eq!(format!("{:?}", Code::parse("123456")), "Ok(Code(Secret(…)))");
    }
}
