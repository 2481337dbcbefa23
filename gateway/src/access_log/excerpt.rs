//! The beginning of a text that somebody else has chosen, and chooses how long.

use serde::Serialize;

/// What stands in the place of the rest.
const CUT: &str = "\u{2026}";

/// At most so many bytes of a text, and a sign that there was more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Excerpt<const BYTES_MAX: usize>(String);

impl<const BYTES_MAX: usize> Excerpt<BYTES_MAX> {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl<const BYTES_MAX: usize> From<&str> for Excerpt<BYTES_MAX> {
    fn from(text: &str) -> Self {
        if text.len() <= BYTES_MAX {
            return Self(text.to_owned());
        }
        let end = text.floor_char_boundary(BYTES_MAX.saturating_sub(CUT.len()));
        Self([text.get(..end).unwrap_or_default(), CUT].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_whole_or_cut_between_characters_and_says_so() {
        let excerpt = |text: &str| Excerpt::<8>::from(text).0;
        assert_eq!(excerpt(""), "");
        assert_eq!(excerpt("12345678"), "12345678");
        assert_eq!(excerpt("123456789"), "12345\u{2026}");
        assert_eq!(excerpt("1234\u{e9}6789"), "1234\u{2026}", "no half of a letter");
        assert!(excerpt(&"\u{1f600}".repeat(9)).len() <= 8);
    }
}
