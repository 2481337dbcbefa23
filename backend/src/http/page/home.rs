//! The start page.

use crate::words::Words;
use askama::Template;

/// `GET /`: what Aldgate is, and the way in.
#[derive(Debug, Template)]
#[template(path = "home.html")]
pub(crate) struct Home<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The email address of whoever is signed in.
    pub(crate) signed_in: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, rendered};
    use super::Home;
    use crate::words::Words;

    #[test]
    fn a_stranger_may_sign_in_or_create_an_account() {
        let html = rendered(&Home { words: Words::ENGLISH, signed_in: None });
        assert!(html.contains("href=\"/sign-in\"") && html.contains("href=\"/register\""), "{html}");
        assert!(!html.contains("/sign-out"), "{html}");
    }

    #[test]
    fn whoever_is_signed_in_may_see_the_account_or_sign_out() {
        let html = rendered(&Home { words: Words::ENGLISH, signed_in: Some(HOSTILE) });
        assert!(html.contains("href=\"/account\"") && html.contains("href=\"/sign-out\""), "{html}");
        assert!(!html.contains("href=\"/register\""), "{html}");
    }
}
