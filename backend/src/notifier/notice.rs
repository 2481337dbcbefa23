//! What there is to say, and in which words.

use super::{Channel, Links};
use crate::words::Words;
use aldgate_core::secret::Secret;
use serde::{Deserialize, Serialize};

/// Where a forgotten password is replaced.
pub(crate) const NEW_PASSWORD: &str = "/reset/new";

/// Where a change of contact is taken back.
pub(crate) const CANCEL_CHANGE: &str = "/cancel-change";

/// Where somebody says that it was not they.
pub(crate) const NOT_ME: &str = "/not-me";

/// A token of ours, for the link that carries it.
pub(crate) type Token = Secret<String>;

/// What was changed about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Changed {
    /// It has one more passkey.
    PasskeyAdded,
    /// It has one passkey less.
    PasskeyRemoved,
    /// It has another password, or its first.
    Password,
    /// A browser signed in in which nobody had signed in before.
    NewBrowser,
    /// It asks for a second step that it did not ask for before, or for another.
    SecondStepSet,
    /// It asks for one second step less.
    SecondStepRemoved,
    /// It has new recovery codes.
    RecoveryCodes,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// It has another address: this goes to the new one.
    Email,
}

/// What there is to say.
#[derive(Debug)]
pub(crate) enum Notice {
    /// Somebody, we hope the owner of the address or telephone, was asked for this code.
    Code {
        /// The code.
        code: Secret<String>,
        /// How long it lasts.
        minutes: u64,
    },
    /// Somebody wants an account, or this address for theirs, and there is one already.
    AlreadyRegistered,
    /// Somebody forgot the password, and says that the account is theirs.
    Reset(Token),
    /// As before, but there is no account.
    NoAccount,
    /// The account was changed; the token is for saying that it was not they.
    Changed(Changed, Token),
    /// A way to reach the account's owner was changed, and this goes to the old one.
    ContactChanged(Token),
    /// The account was locked, since somebody said that it was not they; the token is for a new password.
    Locked(Token),
    /// The account was closed.
    Closed,
}

impl Notice {
    /// The code that it carries.
    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Code { code, .. } => Some(code.expose()),
            _ => None,
        }
    }

    /// Subject and text.
    pub(super) fn texts(&self, channel: Channel, links: &Links, words: Words) -> (String, String) {
        let (subject, body): (&str, String) = match self {
            Self::Code { code, minutes } => (words.your_code_subject(), told(code.expose(), *minutes, channel, words)),
            Self::AlreadyRegistered => (words.already_registered_subject(), words.already_registered_body().to_owned()),
            Self::Reset(token) => (words.reset_subject(), words.reset_body(&links.to(NEW_PASSWORD, token.expose()))),
            Self::NoAccount => (words.no_account_subject(), words.no_account_body().to_owned()),
            Self::Changed(what, token) => {
                let (subject, body) = what.texts(words);
                let not_me = words.if_not_you(&links.to(NOT_ME, token.expose()));
                (subject, format!("{body}\n\n{not_me}"))
            }
            Self::ContactChanged(token) => {
                let link = links.to(CANCEL_CHANGE, token.expose());
                (words.contact_changed_subject(), words.contact_changed_body(&link))
            }
            Self::Locked(token) => (words.locked_subject(), words.locked_body(&links.to(NEW_PASSWORD, token.expose()))),
            Self::Closed => (words.closed_subject(), words.closed_body().to_owned()),
        };
        (subject.to_owned(), body)
    }
}

/// A code as its channel takes it: a call reads digit by digit, and twice.
fn told(code: &str, minutes: u64, channel: Channel, words: Words) -> String {
    match channel {
        Channel::Email => words.your_code(code, minutes),
        Channel::Text => words.your_code_as_text(code, minutes),
        Channel::Voice => {
            let digits: Vec<String> = code.chars().map(String::from).collect();
            words.your_code_spoken(&digits.join(", "))
        }
    }
}

impl Changed {
    const fn texts(self, words: Words) -> (&'static str, &'static str) {
        match self {
            Self::PasskeyAdded => (words.passkey_added_subject(), words.passkey_added_body()),
            Self::PasskeyRemoved => (words.passkey_removed_subject(), words.passkey_removed_body()),
            Self::Password => (words.password_changed_subject(), words.password_changed_body()),
            Self::NewBrowser => (words.new_browser_subject(), words.new_browser_body()),
            Self::SecondStepSet => (words.second_step_set_subject(), words.second_step_set_body()),
            Self::SecondStepRemoved => (words.second_step_removed_subject(), words.second_step_removed_body()),
            Self::RecoveryCodes => (words.recovery_codes_subject(), words.recovery_codes_body()),
            Self::RecoveryCodeUsed => (words.recovery_code_used_subject(), words.recovery_code_used_body()),
            Self::Email => (words.email_changed_subject(), words.email_changed_body()),
        }
    }

    /// Every kind.
    #[cfg(test)]
    const ALL: [Self; 9] = [
        Self::PasskeyAdded,
        Self::PasskeyRemoved,
        Self::Password,
        Self::NewBrowser,
        Self::SecondStepSet,
        Self::SecondStepRemoved,
        Self::RecoveryCodes,
        Self::RecoveryCodeUsed,
        Self::Email,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::language::Language;

    const ORIGIN: &str = "https://login.example";

    fn all() -> Vec<Notice> {
        let token = || Secret::new("tOkEn".to_owned());
        let mut all: Vec<_> = Changed::ALL.map(|what| Notice::Changed(what, token())).into();
        all.extend([
            Notice::Code { code: Secret::new("123456".to_owned()), minutes: 10 },
            Notice::AlreadyRegistered,
            Notice::Reset(token()),
            Notice::NoAccount,
            Notice::ContactChanged(token()),
            Notice::Locked(token()),
            Notice::Closed,
        ]);
        all
    }

    #[test]
    fn links_lead_to_us_alone_and_one_message_alone_holds_a_code() {
        let links = Links::new(ORIGIN.to_owned());
        for (notice, language) in all().iter().flat_map(|notice| Language::ALL.map(|language| (notice, language))) {
            for channel in [Channel::Email, Channel::Text, Channel::Voice] {
                let (subject, body) = notice.texts(channel, &links, Words(language));
                let ours = body.matches(&format!("{ORIGIN}/")).count();
                assert_eq!(body.matches("://").count(), ours, "{body}");
                assert!(ours <= 1 && !body.contains("www."), "{body}");
                assert_eq!(ours == 1, body.contains("?token=tOkEn"), "{body}");
                assert!(!subject.contains("://") && !subject.contains("123456"), "{subject}");
                let digits: String = body.chars().filter(char::is_ascii_digit).collect();
                assert_eq!(digits.contains("123456"), notice.code().is_some(), "{body}");
            }
        }
    }

    #[test]
    fn a_text_message_is_one_message() {
        let code = Notice::Code { code: Secret::new("123456".to_owned()), minutes: 10 };
        for language in Language::ALL {
            let (_, body) = code.texts(Channel::Text, &Links::new(ORIGIN.to_owned()), Words(language));
            assert!(body.len() <= 160 && body.is_ascii(), "{body}");
        }
    }
}
