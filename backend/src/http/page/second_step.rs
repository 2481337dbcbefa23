//! The pages of second steps, recovery codes and remembered browsers, and those of new contacts.

use super::Errors;
use crate::journey::Contact;
use crate::words::Words;
use askama::Template;

/// `GET /account/second-step`: all there is, with the ways to change it.
#[derive(Debug, Template)]
#[template(path = "second_step.html")]
pub(crate) struct SecondStepPage<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// One of each kind, set or not.
    pub(crate) rows: Vec<StepRow>,
    /// Recovery codes that are left.
    pub(crate) codes: usize,
    /// Browsers that are remembered.
    pub(crate) browsers: usize,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

/// One kind of second step.
#[derive(Debug)]
pub(crate) struct StepRow {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its name where something is done to it.
    pub(crate) of: &'static str,
    /// What is known of it.
    pub(crate) value: String,
    /// Where it is removed.
    pub(crate) remove: String,
    /// Whether there is one.
    pub(crate) set: bool,
}

/// `GET`, `POST /account/second-step/phone`: a telephone number. Posts `phone`.
#[derive(Debug, Template)]
#[template(path = "second_step_phone.html")]
pub(crate) struct SecondStepPhone<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What was entered, or nothing.
    pub(crate) phone: &'a str,
    /// Errors of `phone`.
    pub(crate) errors: Errors,
}

/// `GET`, `POST /account/second-step/app`: the key, and the first code. Posts `code`.
#[derive(Debug, Template)]
#[template(path = "second_step_app.html")]
pub(crate) struct SecondStepApp<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The key as text.
    pub(crate) secret: &'a str,
    /// Cells along a side of the picture.
    pub(crate) side: usize,
    /// Its dark cells, as a path.
    pub(crate) path: &'a str,
    /// Errors of `code`.
    pub(crate) errors: Errors,
}

/// `GET`, `POST /account/prove`: the code that was sent to a new contact. Posts `code`.
#[derive(Debug, Template)]
#[template(path = "prove_contact.html")]
pub(crate) struct ProveContact<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The contact.
    pub(crate) contact: &'a str,
    /// Whether it is an address.
    pub(crate) is_email: bool,
    /// Errors of `code`.
    pub(crate) errors: Errors,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

impl<'a> ProveContact<'a> {
    /// For a contact.
    pub(crate) fn of_contact(words: Words, contact: &'a Contact, errors: Errors, notice: Option<&'a str>) -> Self {
        let is_email = matches!(contact, Contact::Email(_));
        Self { words, contact: contact.as_str(), is_email, errors, notice }
    }

    const fn heading(&self) -> &'static str {
        if self.is_email { self.words.check_your_email() } else { self.words.check_your_phone() }
    }

    const fn sent(&self) -> &'static str {
        if self.is_email { self.words.code_sent_to() } else { self.words.code_sent_to_phone() }
    }

    const fn of(&self) -> &'static str {
        if self.is_email { self.words.of_your_email_address() } else { self.words.of_your_number() }
    }

    const fn change_href(&self) -> &'static str {
        if self.is_email { "/account/email" } else { "/account/second-step/phone" }
    }
}

/// `GET /account/recovery-codes`: how many are left. A form makes new ones.
#[derive(Debug, Template)]
#[template(path = "recovery_codes.html")]
pub(crate) struct RecoveryCodesPage {
    /// In which language.
    pub(crate) words: Words,
    /// How many.
    pub(crate) left: usize,
}

/// `POST /account/recovery-codes`: the new ones, this once.
#[derive(Template)]
#[template(path = "recovery_codes_shown.html")]
pub(crate) struct RecoveryCodesShown {
    /// In which language.
    pub(crate) words: Words,
    /// The codes.
    pub(crate) codes: Vec<String>,
}

/// `GET /account/browsers`: the remembered ones, each to forget.
#[derive(Debug, Template)]
#[template(path = "browsers.html")]
pub(crate) struct Browsers<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The browsers, in the order to show them.
    pub(crate) rows: Vec<BrowserRow>,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

/// One remembered browser.
#[derive(Debug)]
pub(crate) struct BrowserRow {
    /// What names it in the path.
    pub(crate) id: String,
    /// The browser and system.
    pub(crate) device: String,
    /// Since when.
    pub(crate) created: String,
    /// When it was last used to sign in.
    pub(crate) used: String,
}

/// `GET`, `POST /account/email`: a new address. Posts `email`.
#[derive(Debug, Template)]
#[template(path = "email_change.html")]
pub(crate) struct EmailChangePage<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What was entered, or nothing.
    pub(crate) email: &'a str,
    /// Errors of `email`.
    pub(crate) errors: Errors,
}

/// `GET`, `POST /account/close`: are you sure? Posts `email`, which must be the account's.
#[derive(Debug, Template)]
#[template(path = "account_close.html")]
pub(crate) struct AccountClose<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The account's address.
    pub(crate) account: &'a str,
    /// Errors of `email`.
    pub(crate) errors: Errors,
}

impl AccountClose<'_> {
    fn label(&self) -> String {
        self.words.close_confirm(self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, one_error, rendered, rendered_with_error};
    use super::*;

    const EN: Words = Words::ENGLISH;

    #[test]
    fn what_is_set_can_be_removed_and_nothing_else() {
        let row = |set| StepRow {
            name: "App",
            of: "app",
            value: HOSTILE.to_owned(),
            remove: "/account/second-step/app/remove".to_owned(),
            set,
        };
        let page = |set| SecondStepPage { words: EN, rows: vec![row(set)], codes: 3, browsers: 1, notice: None };
        assert!(rendered(&page(true)).contains("/account/second-step/app/remove"));
        let html = rendered(&page(false));
        assert!(!html.contains("/remove") && html.contains("3 left"), "{html}");
    }

    #[test]
    fn a_contact_is_typed_and_then_proven() {
        rendered_with_error(&SecondStepPhone { words: EN, phone: HOSTILE, errors: one_error("phone") }, "phone");
        rendered_with_error(&EmailChangePage { words: EN, email: HOSTILE, errors: one_error("email") }, "email");
        for is_email in [true, false] {
            let errors = one_error("code");
            let page = ProveContact { words: EN, contact: HOSTILE, is_email, errors, notice: None };
            rendered_with_error(&page, "code");
        }
    }

    #[test]
    fn an_app_is_given_its_key_twice() {
        let page =
            SecondStepApp { words: EN, secret: "GEZD GNBV", side: 45, path: "M4 4h1v1h-1z", errors: one_error("code") };
        let html = rendered_with_error(&page, "code");
        assert!(html.contains("viewBox=\"0 0 45 45\"") && html.contains("GEZD GNBV"), "{html}");
    }

    #[test]
    fn codes_and_browsers_are_listed() {
        assert!(!rendered(&RecoveryCodesPage { words: EN, left: 0 }).contains("take the place of those"));
        let html = rendered(&RecoveryCodesShown { words: EN, codes: vec!["0000-1111".to_owned(); 10] });
        assert_eq!(html.matches("<li>0000-1111</li>").count(), 10, "{html}");
        let row = BrowserRow { id: "x".into(), device: HOSTILE.into(), created: "c".into(), used: "u".into() };
        assert!(
            rendered(&Browsers { words: EN, rows: vec![row], notice: None }).contains("/account/browsers/x/forget")
        );
        rendered_with_error(&AccountClose { words: EN, account: HOSTILE, errors: one_error("email") }, "email");
    }
}
