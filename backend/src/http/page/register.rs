//! The pages of creating an account: address, code, method, done.

use crate::words::Words;
use askama::Template;

use super::Errors;

/// `GET`, `POST /register`: which address is yours? Posts `email` and `return_to`.
#[derive(Debug, Template)]
#[template(path = "register_email.html")]
pub(crate) struct RegisterEmail<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What was entered, or nothing.
    pub(crate) email: &'a str,
    /// Errors of `email`.
    pub(crate) errors: Errors,
    /// The path to go to in the end, already validated.
    pub(crate) return_to: &'a str,
}

/// `GET`, `POST /register/code`: the code that was sent. Posts `code`; a second form posts to
/// `/register/code/resend`.
#[derive(Debug, Template)]
#[template(path = "register_code.html")]
pub(crate) struct RegisterCode<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// Where the code went.
    pub(crate) email: &'a str,
    /// Errors of `code`.
    pub(crate) errors: Errors,
    /// What was just done: "We have sent a new code".
    pub(crate) notice: Option<&'a str>,
}

/// `GET /register/method`: a passkey, or a password instead.
#[derive(Debug, Template)]
#[template(path = "register_method.html")]
pub(crate) struct RegisterMethod<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The address that the passkey will stand for.
    pub(crate) email: &'a str,
}

/// `GET`, `POST /register/password`: a new password. Posts `password` (and `username`, for password managers alone).
#[derive(Debug, Template)]
#[template(path = "register_password.html")]
pub(crate) struct RegisterPassword<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The address that the password will stand for.
    pub(crate) email: &'a str,
    /// Errors of `password`.
    pub(crate) errors: Errors,
    /// Shortest password, in characters.
    pub(crate) least: usize,
}

/// `GET /register/done`: the account stands.
#[derive(Debug, Template)]
#[template(path = "register_done.html")]
pub(crate) struct RegisterDone<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The account's address.
    pub(crate) email: &'a str,
    /// The path to go on to, already validated.
    pub(crate) continue_to: &'a str,
}

#[cfg(test)]
mod tests {
    use super::super::Errors;
    use super::super::testing::{HOSTILE, one_error, rendered, rendered_with_error};
    use super::{RegisterCode, RegisterDone, RegisterEmail, RegisterMethod, RegisterPassword};
    use crate::words::Words;

    #[test]
    fn the_address_comes_back_with_its_error() {
        let page =
            RegisterEmail { words: Words::ENGLISH, email: HOSTILE, errors: one_error("email"), return_to: HOSTILE };
        let html = rendered_with_error(&page, "email");
        assert!(html.contains("aria-describedby=\"email-hint email-error\""), "{html}");
        assert!(html.contains("value=\"&#34;&#62;&#60;script&#62;"), "{html}");
    }

    #[test]
    fn a_first_visit_has_no_error() {
        let html = rendered(&RegisterEmail {
            words: Words::ENGLISH,
            email: "",
            errors: Errors::none(),
            return_to: "/account?tab=1&x=y",
        });
        assert!(html.contains("<title>What is your email address? - Aldgate</title>"), "{html}");
        assert!(!html.contains("role=\"alert\""), "{html}");
        assert!(html.contains("aria-describedby=\"email-hint\">"), "{html}");
        assert!(html.contains("<input type=\"hidden\" name=\"return_to\" value=\"/account?tab=1&#38;x=y\">"), "{html}");
        assert!(html.contains("/sign-in?return_to=%2Faccount%3Ftab%3D1%26x%3Dy"), "{html}");
    }

    #[test]
    fn the_code_is_asked_for_as_one() {
        let html = rendered_with_error(
            &RegisterCode { words: Words::ENGLISH, email: HOSTILE, errors: one_error("code"), notice: None },
            "code",
        );
        assert!(html.contains("autocomplete=\"one-time-code\" type=\"text\" inputmode=\"numeric\""), "{html}");
        assert!(html.contains("action=\"/register/code/resend\""), "{html}");
    }

    #[test]
    fn a_new_code_is_announced() {
        let page = RegisterCode {
            words: Words::ENGLISH,
            email: "a@b.example",
            errors: Errors::none(),
            notice: Some("We have sent a new code"),
        };
        let html = rendered(&page);
        assert!(html.contains("role=\"alert\"") && html.contains("We have sent a new code"), "{html}");
    }

    #[test]
    fn the_passkey_button_waits_for_its_module() {
        let html = rendered(&RegisterMethod { words: Words::ENGLISH, email: HOSTILE });
        assert!(html.contains("data-passkey=\"register\" hidden>"), "{html}");
        assert!(html.contains("src=\"/assets/passkey.js\""), "{html}");
        assert!(html.contains("<noscript>") && html.contains("href=\"/register/password\""), "{html}");
    }

    #[test]
    fn a_password_manager_learns_whose_password_it_is() {
        let html = rendered_with_error(
            &RegisterPassword { words: Words::ENGLISH, email: "a@b.example", errors: one_error("password"), least: 8 },
            "password",
        );
        assert!(html.contains("value=\"a@b.example\" autocomplete=\"username\" hidden>"), "{html}");
        assert!(html.contains("autocomplete=\"new-password\" type=\"password\""), "{html}");
        assert!(html.contains("<h1 class=\"label-heading\"><label for=\"password\">"), "{html}");
    }

    #[test]
    fn the_end_leads_on() {
        let html = rendered(&RegisterDone { words: Words::ENGLISH, email: HOSTILE, continue_to: "/account" });
        assert!(html.contains("href=\"/account\">Continue</a>"), "{html}");
    }
}
