//! What people read on the edge's own pages, in English and Welsh; what they read of a problem is in
//! [`crate::problem`].
//!
//! **The Welsh has not been reviewed by a native speaker yet.** It must be before it is shown to the public.

use aldgate_core::language::Language;
use std::time::Duration;

/// The messages in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words(pub Language);

/// Declares messages: `key: "English", "Cymraeg";`.
macro_rules! words {
    ($($key:ident: $english:literal, $welsh:literal;)*) => {
        impl Words {
            $(
                pub(crate) const fn $key(self) -> &'static str {
                    match self.0 {
                        Language::English => $english,
                        Language::Welsh => $welsh,
                    }
                }
            )*
        }

        #[cfg(test)]
        const TEXTS: &[(&str, &str, &str)] = &[$((stringify!($key), $english, $welsh)),*];
    };
}

words! {
    skip_to_content: "Skip to main content", "Neidio i'r prif gynnwys";
    footer: "Aldgate is one account for signing in to public services.",
        "Mae Aldgate yn un cyfrif ar gyfer mewngofnodi i wasanaethau cyhoeddus.";
    reference: "Reference:", "Cyfeirnod:";
    try_again: "Try again", "Rhoi cynnig arall arni";
    go_to_start: "Go to the start page", "Mynd i'r dudalen gychwyn";

    one_moment: "One moment", "Un eiliad";
    being_taken: "You are being taken to the page that you asked for.",
        "Rydych yn cael eich tywys i'r dudalen y gofynnoch amdani.";
    go_on: "Continue", "Parhau";

    in_a_queue: "You are in a queue", "Rydych mewn ciw";
    many_sign_in: "Many people are signing in just now. We will let you in when it is your turn.",
        "Mae llawer o bobl yn mewngofnodi ar hyn o bryd. Byddwn yn eich gadael i mewn pan ddaw eich tro.";
    your_place: "Your place", "Eich lle";
    your_wait: "Your wait", "Eich amser aros";
    look_again: "Look again now", "Edrych eto nawr";
    if_passkey: "If you have a passkey", "Os oes gennych allwedd mynediad";
    no_need_to_wait: "You do not need to wait.", "Nid oes angen i chi aros.";
    sign_in_with_a_passkey: "Sign in with a passkey", "Mewngofnodi gydag allwedd mynediad";
    passkeys_need_script: "Passkeys need JavaScript, and it is switched off in this browser.",
        "Mae angen JavaScript ar allweddi mynediad, ac mae wedi'i ddiffodd yn y porwr hwn.";
    back_to_the_queue: "Go back to the queue", "Mynd yn ôl i'r ciw";
    passkey_waiting: "Waiting for your passkey…", "Yn aros am eich allwedd mynediad…";
    passkey_signing_in: "Signing you in…", "Yn eich mewngofnodi…";
    less_than_a_minute: "less than a minute", "llai na munud";
}

impl Words {
    /// The language's tag, for `lang`.
    pub(crate) const fn lang(self) -> &'static str {
        self.0.tag()
    }

    /// The title of a page that tells a place in a queue.
    pub(crate) fn place_in_the_queue(self, place: u64) -> String {
        match self.0 {
            Language::English => format!("Place {place} in the queue"),
            Language::Welsh => format!("Lle {place} yn y ciw"),
        }
    }

    /// How often a page looks again.
    pub(crate) fn keep_this_page_open(self, secs: u64) -> String {
        match self.0 {
            Language::English => {
                format!("Keep this page open. It looks again by itself every {secs} seconds, and you keep your place.")
            }
            Language::Welsh => format!(
                "Cadwch y dudalen hon ar agor. Mae'n edrych eto ohoni'i hun bob {secs} eiliad, a byddwch yn cadw eich lle."
            ),
        }
    }

    /// About how long something takes.
    pub(crate) fn about(self, wait: Duration) -> String {
        let (minutes, hours) = (wait.as_secs().div_ceil(60), wait.as_secs().div_ceil(60) / 60);
        match (self.0, minutes) {
            (_, 0 | 1) => self.less_than_a_minute().into(),
            (Language::English, 2..60) => format!("about {minutes} minutes"),
            (Language::Welsh, 2..60) => format!("tua {minutes} munud"),
            (Language::English, 60..120) => format!("about an hour and {} minutes", minutes - 60),
            (Language::Welsh, 60..120) => format!("tua awr a {} munud", minutes - 60),
            (Language::English, _) => format!("about {hours} hours"),
            (Language::Welsh, _) => format!("tua {hours} awr"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_something_and_not_the_same() {
        for (key, english, welsh) in TEXTS {
            assert!(!english.trim().is_empty() && !welsh.trim().is_empty() && english != welsh, "{key}");
        }
    }

    #[test]
    fn a_wait_is_said_in_words() {
        let said = |language, secs| Words(language).about(Duration::from_secs(secs));
        for (secs, english, welsh) in [
            (30, "less than a minute", "llai na munud"),
            (61, "about 2 minutes", "tua 2 munud"),
            (3_900, "about an hour and 5 minutes", "tua awr a 5 munud"),
            (10_000, "about 2 hours", "tua 2 awr"),
        ] {
            assert_eq!((said(Language::English, secs), said(Language::Welsh, secs)), (english.into(), welsh.into()));
        }
    }
}
