//! The languages that people are spoken to in: English and Welsh (Welsh Language (Wales) Measure 2011).

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    /// English.
    #[default]
    English,
    /// Welsh.
    Welsh,
}

/// Ranges of an `Accept-Language` or `ui_locales` that are read; nobody reads more languages.
const RANGES_MAX: usize = 16;

impl Language {
    /// Every language.
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Welsh];

    /// Its tag (RFC 5646).
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Welsh => "cy",
        }
    }

    /// The language of a tag, whatever its region: `cy`, `cy-GB`, `EN-us`.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// The first of `ui_locales` that we speak (OpenID Connect Core 1.0, section 3.1.2.1: tags with spaces between,
    /// most wanted first).
    pub(crate) fn of_locales(locales: &str) -> Option<Self> {
        locales.split(' ').take(RANGES_MAX).find_map(Self::of_tag)
    }

    /// The best of an `Accept-Language` that we speak (RFC 9110, section 12.5.4).
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        let ranges = header.split(',').take(RANGES_MAX).filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let language = Self::of_tag(parts.next()?)?;
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1_000), thousandths)?;
            (quality > 0).then_some((quality, language))
        });
        // Of several that are wanted as much, the first.
        ranges.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, language)| language)
    }
}

/// A quality as thousandths; `None` for what is none.
fn thousandths(text: &str) -> Option<u32> {
    let quality: f32 = text.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1,000")]
    (0.0..=1.0).contains(&quality).then_some((quality * 1_000.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_that_we_speak_is_chosen() {
        use Language::{English, Welsh};
        for (header, expected) in [
            ("cy", Some(Welsh)),
            ("cy-GB,en;q=0.8", Some(Welsh)),
            ("en-GB,en;q=0.9,cy;q=0.8", Some(English)),
            ("en;q=0.5, CY ; q=0.7", Some(Welsh)),
            ("fr, cy;q=0.1", Some(Welsh)),
            ("cy;q=0, en;q=0.1", Some(English)),
            ("cy;q=x, en;q=0.1", Some(English)),
            ("fr, de", None),
            ("", None),
            ("cyx", None),
        ] {
            assert_eq!(Language::accepted(header), expected, "{header}");
        }
        assert_eq!(Language::of_locales("fr cy-GB en"), Some(Welsh));
        assert_eq!(Language::of_locales("fr de"), None);
    }
}
