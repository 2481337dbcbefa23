//! The pages of signing in: the address (or a passkey), and the password.

use crate::words::Words;
use askama::Template;

use super::Errors;

/// `GET`, `POST /sign-in`: who are you? Posts `email` and `return_to`; a passkey needs neither.
#[derive(Debug, Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignIn<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What was entered, or nothing.
    pub(crate) email: &'a str,
    /// Errors of `email`.
    pub(crate) errors: Errors,
    /// The path to go to in the end, already validated.
    pub(crate) return_to: &'a str,
    /// Why whoever is signed in has to do it again, as a sentence of our own.
    pub(crate) reason: Option<&'static str>,
    /// Whether somebody without an account is shown how to get one.
    pub(crate) registration: bool,
    /// What was just done.
    pub(crate) notice: Option<&'static str>,
}

/// `GET`, `POST /sign-in/password`: the password. Posts `email`, `password` and `return_to`.
#[derive(Debug, Template)]
#[template(path = "sign_in_password.html")]
pub(crate) struct SignInPassword<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The address entered before.
    pub(crate) email: &'a str,
    /// Errors of `password`.
    pub(crate) errors: Errors,
    /// The path to go to in the end, already validated.
    pub(crate) return_to: &'a str,
}

#[cfg(test)]
mod tests {
    use super::super::Errors;
    use super::super::testing::{HOSTILE, one_error, rendered, rendered_with_error};
    use super::{SignIn, SignInPassword};
    use crate::words::Words;

    #[test]
    fn passkeys_are_offered_in_the_field_and_on_a_button() {
        let html = rendered(&SignIn {
            words: Words::ENGLISH,
            email: "",
            errors: Errors::none(),
            return_to: "/account",
            reason: None,
            registration: true,
            notice: None,
        });
        assert!(html.contains("autocomplete=\"username webauthn\" type=\"email\""), "{html}");
        assert!(html.contains("data-passkey=\"sign-in\" data-return-to=\"/account\" hidden>"), "{html}");
        assert!(html.contains("href=\"/register?return_to=%2Faccount\""), "{html}");
    }

    #[test]
    fn an_address_that_was_not_accepted_comes_back() {
        let reason = Some("For your security, sign in again to change how you sign in.");
        let page = SignIn {
            words: Words::ENGLISH,
            email: HOSTILE,
            errors: one_error("email"),
            return_to: HOSTILE,
            reason,
            registration: false,
            notice: None,
        };
        let html = rendered_with_error(&page, "email");
        assert!(html.contains("For your security"), "{html}");
        assert!(!html.contains("Create an account"), "{html}");
    }

    #[test]
    fn the_password_page_carries_the_address_on() {
        let page = SignInPassword {
            words: Words::ENGLISH,
            email: "a@b.example",
            errors: one_error("password"),
            return_to: HOSTILE,
        };
        let html = rendered_with_error(&page, "password");
        assert!(html.contains("name=\"email\" value=\"a@b.example\" autocomplete=\"username\" hidden>"), "{html}");
        assert!(html.contains("autocomplete=\"current-password\""), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }
}
