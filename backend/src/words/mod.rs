//! What people read, in English and Welsh: one method a message, so that a page can name none that is missing, and the
//! compiler refuses one that lacks a language or an argument. Sentences for a program are no messages.
//!
//! **The Welsh has not been reviewed by a native speaker yet.** It must be before it is shown to the public.
//!
//! A message with `{}` stands around something that a page marks up itself ([`Words::around`]); one with arguments names
//! them (`{after}`). Numbers stand after a colon in Welsh where English counts ("Nifer: 3"): what follows a numeral
//! there mutates, and no catalogue should have to know how.

use aldgate_core::device::Device;
use aldgate_core::language::Language;

/// Declares messages: `key: "English", "Cymraeg";` or `key(argument: Type): "… {argument} …", "… {argument} …";`.
macro_rules! words {
    (@method $key:ident [] $english:literal, $welsh:literal) => {
        pub(crate) const fn $key(self) -> &'static str {
            match self.0 {
                aldgate_core::language::Language::English => $english,
                aldgate_core::language::Language::Welsh => $welsh,
            }
        }
    };
    (@method $key:ident [$($argument:ident: $type:ty),+] $english:literal, $welsh:literal) => {
        pub(crate) fn $key(self, $($argument: $type),+) -> String {
            match self.0 {
                aldgate_core::language::Language::English => format!($english),
                aldgate_core::language::Language::Welsh => format!($welsh),
            }
        }
    };
    ($($key:ident $(($($argument:ident: $type:ty),+))? : $english:literal, $welsh:literal;)*) => {
        impl crate::words::Words {
            $(words!(@method $key [$($($argument: $type),+)?] $english, $welsh);)*
        }

        /// Key, arguments, English and Welsh of each.
        #[cfg(test)]
        pub(super) const TEXTS: &[crate::words::Text] =
            &[$((stringify!($key), &[$($(stringify!($argument)),+)?], $english, $welsh)),*];
    };
}

mod account;
mod layout;
mod messages;
mod moments;
mod passkey;
mod problem;
mod recover;
mod register;
mod second_step;
mod service;
mod sign_in;
mod wrong;

/// The messages in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) Language);

impl Words {
    /// The messages in English.
    #[cfg(test)]
    pub(crate) const ENGLISH: Self = Self(Language::English);

    /// The language's tag, for `lang` and `hreflang`.
    pub(crate) const fn lang(self) -> &'static str {
        self.0.tag()
    }

    /// The language that one may change to.
    pub(crate) const fn other(self) -> Self {
        match self.0 {
            Language::English => Self(Language::Welsh),
            Language::Welsh => Self(Language::English),
        }
    }

    /// A browser and its system, as far as they are known.
    pub(crate) fn device(self, device: Device) -> String {
        match device.names() {
            ("", "") => self.unknown_browser().to_owned(),
            ("", system) => self.a_browser_on(system),
            (browser, "") => browser.to_owned(),
            (browser, system) => self.browser_on(browser, system),
        }
    }

    /// What stands before and after the `{}` of a message.
    pub(crate) fn around(self, message: &str) -> (&str, &str) {
        message.split_once("{}").unwrap_or((message, ""))
    }
}

/// Key, arguments, English and Welsh.
#[cfg(test)]
type Text = (&'static str, &'static [&'static str], &'static str, &'static str);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn all() -> impl Iterator<Item = &'static Text> {
        [
            account::TEXTS,
            layout::TEXTS,
            messages::TEXTS,
            moments::TEXTS,
            passkey::TEXTS,
            problem::TEXTS,
            recover::TEXTS,
            register::TEXTS,
            second_step::TEXTS,
            service::TEXTS,
            sign_in::TEXTS,
            wrong::TEXTS,
        ]
        .into_iter()
        .flatten()
    }

    /// The names between braces, and how often each stands there.
    fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<_> = text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn both_languages_say_something_with_the_same_arguments() {
        for (key, arguments, english, welsh) in all() {
            for text in [english, welsh] {
                assert!(!text.trim().is_empty() && text.trim() == *text, "{key}: {text:?}");
                let named: BTreeSet<_> = placeholders(text).into_iter().filter(|name| !name.is_empty()).collect();
                assert_eq!(named, arguments.iter().copied().collect(), "{key}: {text}");
            }
            assert_eq!(placeholders(english), placeholders(welsh), "{key}");
        }
    }

    #[test]
    fn what_is_welsh_is_not_english() {
        for (key, _, english, welsh) in all() {
            assert!(english != welsh, "{key} is not translated: {english}");
        }
    }

    #[test]
    fn no_key_stands_twice() {
        let keys: Vec<_> = all().map(|(key, ..)| key).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn a_browser_is_told_in_both_languages() {
        for (agent, english, welsh) in [
            ("Firefox/130.0 Linux", "Firefox on Linux", "Firefox ar Linux"),
            ("Linux", "A browser on Linux", "Porwr ar Linux"),
            ("Firefox/130.0", "Firefox", "Firefox"),
            ("curl/8", "Unknown browser", "Porwr anhysbys"),
        ] {
            let device = Device::from_user_agent(agent);
            assert_eq!((Words::ENGLISH.device(device), device.to_string()), (english.to_owned(), english.to_owned()));
            assert_eq!(Words(Language::Welsh).device(device), welsh);
        }
    }

    #[test]
    fn a_message_is_split_where_something_stands_in_it() {
        assert_eq!(Words::ENGLISH.around("We wrote to {}."), ("We wrote to ", "."));
        assert_eq!(Words::ENGLISH.around("Nothing"), ("Nothing", ""));
    }
}
