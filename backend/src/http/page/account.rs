//! The pages behind the log-in: the account, its passkeys, its sessions, its password.

use crate::words::Words;
use askama::Template;

use super::Errors;

/// `GET /account`: all there is, with the ways to change it.
#[derive(Debug, Template)]
#[template(path = "account.html")]
pub(crate) struct Account<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The account's address.
    pub(crate) email: &'a str,
    /// How many passkeys it has.
    pub(crate) passkeys: usize,
    /// How many live sessions it has, this one included.
    pub(crate) sessions: usize,
    /// True if it has a password.
    pub(crate) has_password: bool,
    /// True if it asks for a second step.
    pub(crate) has_second_step: bool,
    /// How many services it shares something with.
    pub(crate) services: usize,
    /// What the browser's own list is told.
    pub(crate) signal: PasskeySignal<'a>,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

impl Account<'_> {
    fn passkeys_text(&self) -> String {
        match self.passkeys {
            0 => self.words.none().to_owned(),
            1 => self.words.one_passkey().to_owned(),
            many => self.words.several_passkeys(many),
        }
    }

    fn services_text(&self) -> String {
        match self.services {
            0 => self.words.none().to_owned(),
            some => self.words.count_of(some),
        }
    }

    const fn second_step_text(&self) -> &'static str {
        if self.has_second_step { self.words.set() } else { self.words.not_set() }
    }

    fn sessions_text(&self) -> String {
        match self.sessions {
            0 | 1 => self.words.here_only().to_owned(),
            many => self.words.in_places(many),
        }
    }
}

/// `GET /account/passkeys`: each passkey, to rename or remove.
#[derive(Debug, Template)]
#[template(path = "passkeys.html")]
pub(crate) struct Passkeys<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The passkeys, in the order to show them.
    pub(crate) rows: Vec<PasskeyRow>,
    /// What the browser's own list is told.
    pub(crate) signal: PasskeySignal<'a>,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

impl Passkeys<'_> {
    fn add_text(&self) -> &'static str {
        if self.rows.is_empty() { self.words.add_a_passkey() } else { self.words.add_another_passkey() }
    }
}

/// What the browser's own list of passkeys is told, so that it offers none that is gone, under the present name.
#[derive(Debug)]
pub(crate) struct PasskeySignal<'a> {
    /// The RP ID.
    pub(crate) rp_id: &'a str,
    /// The user handle, in base64url.
    pub(crate) user: String,
    /// The account's address.
    pub(crate) name: &'a str,
    /// The credential IDs, in base64url, with spaces between.
    pub(crate) accepted: String,
}

/// One passkey as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct PasskeyRow {
    /// The credential ID in base64url, as it stands in the path.
    pub(crate) id: String,
    /// What its owner calls it.
    pub(crate) name: String,
    /// The day it was created: "12 March 2026".
    pub(crate) created: String,
    /// When it was last used, if ever.
    pub(crate) last_used: Option<String>,
    /// True if it is backed up (the backup state of its credential record).
    pub(crate) synced: bool,
    /// Where the picture of its model is, if there is one.
    pub(crate) picture: Option<String>,
    /// False for the only way into the account.
    pub(crate) removable: bool,
}

/// `GET /account/passkeys/add`: one more passkey.
#[derive(Debug, Template)]
#[template(path = "passkey_add.html")]
pub(crate) struct PasskeyAdd {
    /// In which language.
    pub(crate) words: Words,
}

/// `GET`, `POST /account/passkey-offer`: a passkey for whoever has just signed in with a password, on the way to where they
/// go. Posts `return_to`: not now.
#[derive(Debug, Template)]
#[template(path = "passkey_offer.html")]
pub(crate) struct PasskeyOffer<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The path to go to in the end, already validated.
    pub(crate) return_to: &'a str,
    /// What the browser's own list is told.
    pub(crate) signal: PasskeySignal<'a>,
}

/// `GET`, `POST /account/passkeys/{id}/rename`: a name for a passkey. Posts `name`.
#[derive(Debug, Template)]
#[template(path = "passkey_rename.html")]
pub(crate) struct PasskeyRename<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The credential ID in base64url.
    pub(crate) id: &'a str,
    /// The present name, or what was entered.
    pub(crate) name: &'a str,
    /// Errors of `name`.
    pub(crate) errors: Errors,
}

/// `GET`, `POST /account/passkeys/{id}/remove`: are you sure? Posts nothing but itself.
#[derive(Debug, Template)]
#[template(path = "passkey_remove.html")]
pub(crate) struct PasskeyRemove<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The credential ID in base64url.
    pub(crate) id: &'a str,
    /// What its owner calls it.
    pub(crate) name: &'a str,
    /// True if nothing else lets its owner in: the page then says so and has no form.
    pub(crate) last_way_in: bool,
}

/// `GET /account/sessions`: every session of the account. Each other one can be ended by
/// `POST /account/sessions/{id}/end`.
#[derive(Debug, Template)]
#[template(path = "sessions.html")]
pub(crate) struct Sessions<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The sessions, in the order to show them.
    pub(crate) rows: Vec<SessionRow>,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

/// One session as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct SessionRow {
    /// What names the session in the path. Not its token.
    pub(crate) id: String,
    /// The browser and system: "Chrome on Windows".
    pub(crate) device: String,
    /// When it began: "12 March 2026 at 9:41am".
    pub(crate) started: String,
    /// When it was last seen.
    pub(crate) last_seen: String,
    /// What opened it.
    pub(crate) how: SignInMethod,
    /// True for the session that asks.
    pub(crate) this_one: bool,
}

/// What opened a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignInMethod {
    /// A passkey.
    Passkey,
    /// A password.
    Password,
}

impl SignInMethod {
    /// As the summary says it.
    pub(crate) const fn text(self, words: Words) -> &'static str {
        match self {
            Self::Passkey => words.with_a_passkey(),
            Self::Password => words.with_a_password(),
        }
    }
}

/// `GET`, `POST /account/password`: a new password, or the first. Posts `current_password` (if there is one) and
/// `new_password`.
#[derive(Debug, Template)]
#[template(path = "password_change.html")]
pub(crate) struct PasswordChange<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// True if there is one to change.
    pub(crate) has_password: bool,
    /// Errors of `current_password` and `new_password`.
    pub(crate) errors: Errors,
    /// The account's address, for password managers.
    pub(crate) email: &'a str,
    /// Shortest new password, in characters.
    pub(crate) least: usize,
}

impl PasswordChange<'_> {
    fn heading(&self) -> &'static str {
        if self.has_password { self.words.change_your_password() } else { self.words.add_a_password() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Errors;
    use super::super::testing::{HOSTILE, one_error, rendered, rendered_with_error};
    use super::{
        Account, PasskeyAdd, PasskeyOffer, PasskeyRemove, PasskeyRename, PasskeyRow, PasskeySignal, Passkeys,
        PasswordChange, SessionRow, Sessions, SignInMethod,
    };
    use crate::words::Words;

    fn passkey(removable: bool) -> PasskeyRow {
        PasskeyRow {
            id: "AbC_-9".to_owned(),
            name: HOSTILE.to_owned(),
            created: "12 March 2026".to_owned(),
            last_used: None,
            synced: false,
            picture: Some("/account/authenticators/7".to_owned()),
            removable,
        }
    }

    fn signal() -> PasskeySignal<'static> {
        PasskeySignal { rp_id: "localhost", user: "AQEB".to_owned(), name: HOSTILE, accepted: "AA BB".to_owned() }
    }

    fn session(this_one: bool) -> SessionRow {
        SessionRow {
            id: "s1".to_owned(),
            device: HOSTILE.to_owned(),
            started: "12 March 2026".to_owned(),
            last_seen: "today".to_owned(),
            how: SignInMethod::Password,
            this_one,
        }
    }

    #[test]
    fn the_account_counts_in_words_that_fit() {
        let page = Account {
            words: Words::ENGLISH,
            email: HOSTILE,
            passkeys: 1,
            sessions: 3,
            has_password: false,
            has_second_step: true,
            services: 2,
            signal: signal(),
            notice: Some(HOSTILE),
        };
        let html = rendered(&page);
        assert!(html.contains("1 passkey<") && html.contains("In 3 places") && html.contains("Not set"), "{html}");
        assert!(!html.contains("Make signing in safer"), "{html}");
    }

    #[test]
    fn an_account_without_passkeys_is_offered_one() {
        let page = Account {
            words: Words::ENGLISH,
            email: "a@b.example",
            passkeys: 0,
            sessions: 1,
            has_password: true,
            has_second_step: false,
            services: 0,
            signal: signal(),
            notice: None,
        };
        let html = rendered(&page);
        assert!(html.contains("href=\"/account/passkeys/add\"") && html.contains("Here only"), "{html}");
        assert!(!html.contains("role=\"alert\""), "{html}");
    }

    #[test]
    fn an_offer_stands_in_nobodys_way() {
        let html = rendered(&PasskeyOffer { words: Words::ENGLISH, return_to: "/demo?a=1&b=2", signal: signal() });
        assert!(
            html.contains("<noscript><meta http-equiv=\"refresh\" content=\"0; url=/demo?a=1&#38;b=2\"></noscript>"),
            "{html}"
        );
        assert!(html.contains("name=\"return_to\" value=\"/demo?a=1&#38;b=2\"") && html.contains("Not now"), "{html}");
        assert!(html.contains("data-passkey=\"add\"") && html.contains("data-failed=\""), "{html}");
        rendered(&PasskeyOffer { words: Words::ENGLISH, return_to: HOSTILE, signal: signal() });
    }

    #[test]
    fn the_only_way_in_cannot_be_removed() {
        let html =
            rendered(&Passkeys { words: Words::ENGLISH, rows: vec![passkey(false)], signal: signal(), notice: None });
        assert!(html.contains("/account/passkeys/AbC_-9/rename"), "{html}");
        assert!(!html.contains("/remove\"") && html.contains("only way to sign in"), "{html}");
        let html = rendered(&PasskeyRemove { words: Words::ENGLISH, id: "AbC_-9", name: HOSTILE, last_way_in: true });
        assert!(!html.contains("<form") && html.contains("href=\"/account/password\""), "{html}");
    }

    #[test]
    fn any_other_passkey_can_be_removed() {
        let html = rendered(&Passkeys {
            words: Words::ENGLISH,
            rows: vec![passkey(true), passkey(true)],
            signal: signal(),
            notice: Some("Removed"),
        });
        assert_eq!(html.matches("/account/passkeys/AbC_-9/remove\"").count(), 2, "{html}");
        assert!(html.contains("Add another passkey"), "{html}");
        let html = rendered(&PasskeyRemove { words: Words::ENGLISH, id: "AbC_-9", name: HOSTILE, last_way_in: false });
        assert!(html.contains("<form method=\"post\" action=\"/account/passkeys/AbC_-9/remove\">"), "{html}");
    }

    #[test]
    fn no_passkeys_is_said() {
        assert!(
            rendered(&Passkeys { words: Words::ENGLISH, rows: Vec::new(), signal: signal(), notice: None })
                .contains("You have no passkeys.")
        );
    }

    #[test]
    fn a_passkey_is_added_by_the_module() {
        let html = rendered(&PasskeyAdd { words: Words::ENGLISH });
        assert!(html.contains("data-passkey=\"add\" hidden>") && html.contains("<noscript>"), "{html}");
    }

    #[test]
    fn a_name_that_was_not_accepted_comes_back() {
        let page = PasskeyRename { words: Words::ENGLISH, id: "../x", name: HOSTILE, errors: one_error("name") };
        let html = rendered_with_error(&page, "name");
        assert!(html.contains("action=\"/account/passkeys/..%2Fx/rename\""), "{html}");
    }

    #[test]
    fn every_other_session_can_be_ended() {
        let html =
            rendered(&Sessions { words: Words::ENGLISH, rows: vec![session(true), session(false)], notice: None });
        assert_eq!(html.matches("action=\"/account/sessions/s1/end\"").count(), 1, "{html}");
        assert!(html.contains("Sign out<span class=\"visually-hidden\"> of "), "the button says which: {html}");
        assert!(html.contains("A password"), "{html}");
    }

    #[test]
    fn the_current_password_is_asked_for_if_there_is_one() {
        let page = PasswordChange {
            words: Words::ENGLISH,
            has_password: true,
            errors: one_error("current_password"),
            email: HOSTILE,
            least: 8,
        };
        let html = rendered_with_error(&page, "current_password");
        assert!(html.contains("<title>Error: Change your password - Aldgate</title>"), "{html}");
        let page = PasswordChange {
            words: Words::ENGLISH,
            has_password: false,
            errors: Errors::none(),
            email: HOSTILE,
            least: 15,
        };
        let html = rendered(&page);
        assert!(html.contains("Add a password") && !html.contains("current_password"), "{html}");
    }
}
