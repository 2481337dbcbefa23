//! The languages that people are spoken to in: English and Welsh (Welsh Language (Wales) Measure 2011); and which of
//! them a request is answered in. The edge and the backend both answer people, and must not choose otherwise.

use crate::session::cookie::{self, Found};

/// The cookie in which a browser keeps what somebody has chosen.
pub const COOKIE: &str = "__Host-aldgate-language";

/// How long a choice is remembered: a year.
const REMEMBERED_SECS: u64 = 365 * 86_400;

/// The headers that an answer in the right language depends on, besides its address (RFC 9110, section 12.5.5).
pub const VARY: &str = "accept-language, cookie";

/// The parameter by which a service asks for a language (OpenID Connect Core 1.0, section 3.1.2.1).
const LOCALES: &str = "ui_locales";

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
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
    pub const ALL: [Self; 2] = [Self::English, Self::Welsh];

    /// Its tag (RFC 5646).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Welsh => "cy",
        }
    }

    /// Its number, where a byte has to do. None is zero.
    pub const fn number(self) -> u8 {
        match self {
            Self::English => 1,
            Self::Welsh => 2,
        }
    }

    /// The language of a number.
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.number() == number)
    }

    /// The language of a tag, whatever its region: `cy`, `cy-GB`, `EN-us`.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// The language of a request: what it asks for itself, else what was chosen in its browser, else what that prefers.
    pub fn of_request<'a>(
        query: Option<&str>,
        cookies: impl IntoIterator<Item = &'a [u8]>,
        accepted: Option<&str>,
    ) -> Self {
        let asked = query.and_then(Self::of_query);
        asked.or_else(|| Self::chosen(cookies)).or_else(|| Self::accepted(accepted?)).unwrap_or_default()
    }

    /// What a query asks for. One that asks twice asks for nothing.
    pub fn of_query(query: &str) -> Option<Self> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut asked = pairs.filter(|(name, _)| *name == LOCALES).map(|(_, value)| value);
        let (Some(locales), None) = (asked.next(), asked.next()) else { return None };
        Self::of_locales(&locales.replace('+', " ").replace("%20", " "))
    }

    /// What was chosen in the browser that shows these cookies.
    fn chosen<'a>(cookies: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        match cookie::find(cookies, COOKIE) {
            Found::One(value) => Self::of_tag(std::str::from_utf8(value).ok()?),
            Found::Nothing | Found::Several => None,
        }
    }

    /// The `Set-Cookie` of whoever has chosen it.
    pub fn remember(self) -> String {
        cookie::set(COOKIE, self.tag(), Some(REMEMBERED_SECS))
    }

    /// The first of `ui_locales` that we speak (OpenID Connect Core 1.0, section 3.1.2.1: tags with spaces between,
    /// most wanted first).
    pub fn of_locales(locales: &str) -> Option<Self> {
        locales.split(' ').take(RANGES_MAX).find_map(Self::of_tag)
    }

    /// The best of an `Accept-Language` that we speak (RFC 9110, section 12.5.4).
    pub fn accepted(header: &str) -> Option<Self> {
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

    #[test]
    fn what_is_asked_for_comes_before_what_was_chosen_and_that_before_what_is_preferred() {
        use Language::{English, Welsh};
        let cookie = |value: &str| format!("a=b; {COOKIE}={value}").into_bytes();
        let of = |query, cookies: &[&[u8]], accepted| Language::of_request(query, cookies.iter().copied(), accepted);
        assert_eq!(of(None, &[], None), English);
        assert_eq!(of(None, &[], Some("cy")), Welsh);
        assert_eq!(of(None, &[&cookie("en")], Some("cy")), English);
        assert_eq!(of(Some("a=b&ui_locales=fr+cy-GB"), &[&cookie("en")], Some("en")), Welsh);
        assert_eq!(of(Some("ui_locales=fr%20cy"), &[], None), Welsh);
        for nothing in ["ui_locales=fr", "ui_locales=cy&ui_locales=cy", "xui_locales=cy", "ui_locales", ""] {
            assert_eq!(of(Some(nothing), &[], None), English, "{nothing}");
        }
        assert_eq!(of(None, &[&cookie("cy"), &cookie("cy")], Some("en")), English, "one cookie or none");
        assert_eq!(of(None, &[&cookie("\u{e9}")], Some("cy")), Welsh);
    }
}
