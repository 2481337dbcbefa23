//! Recovery codes: ten secrets on paper, for whoever has lost the telephone (NIST SP 800-63B-4, section 3.1.2).
//!
//! Each has 80 bits, so a keyed digest keeps it as safe as a slow hash would, and the database alone opens nothing. They
//! are shown once. A code is one row, and whoever deletes the row has used it: once under any race.

use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::AccountId;
use aldgate_core::secret::{MasterKey, Purpose, Secret};
use ring::hmac;

/// Codes that are made at a time.
pub(crate) const CODES: usize = 10;

/// Characters of a code, of five bits each.
const CHARS: usize = 16;

const GROUP_CHARS: usize = 4;

/// Crockford's base32, in small letters: nothing in it looks like anything else.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A code.
#[derive(Debug, PartialEq)]
pub(crate) struct RecoveryCode(Secret<[u8; CHARS]>);

/// What was entered is no recovery code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotARecoveryCode;

impl RecoveryCode {
    /// A new code.
    pub(crate) fn random(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        let bytes: [u8; CHARS] = entropy.bytes()?;
        Ok(Self(Secret::new(bytes.map(|byte| ALPHABET[usize::from(byte & 31)]))))
    }

    /// Reads what a person typed, in whatever case and however it is grouped.
    pub(crate) fn parse(text: &str) -> Result<Self, NotARecoveryCode> {
        let mut chars = [0; CHARS];
        let mut len = 0;
        for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-') {
            let char = match byte.to_ascii_lowercase() {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                other => other,
            };
            *chars.get_mut(len).filter(|_| ALPHABET.contains(&char)).ok_or(NotARecoveryCode)? = char;
            len += 1;
        }
        if len == CHARS { Ok(Self(Secret::new(chars))) } else { Err(NotARecoveryCode) }
    }

    /// The code in groups, for the one page that shows it.
    pub(crate) fn shown(&self) -> String {
        let groups = self.0.expose().chunks(GROUP_CHARS).filter_map(|group| std::str::from_utf8(group).ok());
        groups.collect::<Vec<_>>().join("-")
    }
}

/// The deployment's key for digests of codes.
pub(crate) struct RecoveryCodes(hmac::Key);

impl RecoveryCodes {
    /// Derives the key.
    pub(crate) fn of(master: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, master.derive(Purpose::RecoveryCode, 0).expose()))
    }

    /// By what an account's code is kept.
    pub(crate) fn digest(&self, account: &AccountId, code: &RecoveryCode) -> [u8; 32] {
        let tag = hmac::sign(&self.0, &[account.as_bytes(), &code.0.expose()[..]].concat());
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::{SeededEntropy, world};

    #[test]
    fn a_code_is_read_as_people_copy_it() {
        let code = RecoveryCode::random(&SeededEntropy::new(4)).expect("entropy");
        let shown = code.shown();
        assert_eq!((shown.len(), shown.matches('-').count()), (19, 3), "{shown}");
        for text in [shown.clone(), shown.to_uppercase(), shown.replace('-', " "), format!(" {shown}\t")] {
            assert_eq!(RecoveryCode::parse(&text), Ok(RecoveryCode::parse(&shown).expect("a code")), "{text}");
        }
        assert_eq!(RecoveryCode::parse("OIl0-0000-0000-0000"), RecoveryCode::parse("0110-0000-0000-0000"));
        for text in ["", "0000-0000-0000-000", "0000-0000-0000-00000", "uuuu-0000-0000-0000", "é000-0000-0000-000"] {
            assert!(RecoveryCode::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_code_is_one_accounts() {
        let codes = RecoveryCodes::of(&world::master_key());
        let code = RecoveryCode::parse("0000-0000-0000-0000").expect("a code");
        let digest = |byte| codes.digest(&AccountId::from_bytes([byte; 16]), &code);
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1), digest(2));
        assert_eq!(format!("{code:?}"), "RecoveryCode(Secret(…))");
    }
}
