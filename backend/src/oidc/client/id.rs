//! The name of a client: given at registration, never changed, public (RFC 6749, section 2.2).

use std::fmt;

/// Longest name: it travels inside every code.
const ID_BYTES_MAX: usize = 64;

/// A client's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(String);

/// The text is not the name of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters: letters, digits and any of - . _ ~ : /")]
pub struct NotAClientId;

impl ClientId {
    /// Reads a name.
    ///
    /// # Errors
    /// [`NotAClientId`].
    pub fn parse(text: &str) -> Result<Self, NotAClientId> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte);
        let fits = (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain);
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAClientId) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_short() {
        for good in ["nhs-app", "a", "https://rp.example/x", &"a".repeat(64)] {
            assert_eq!(ClientId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "a b", "a\"b", "é", "a\n", "a%20", &"a".repeat(65)] {
            assert_eq!(ClientId::parse(bad), Err(NotAClientId), "{bad:?}");
        }
    }
}
