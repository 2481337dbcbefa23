//! The pages of signing out.

use crate::words::Words;
use askama::Template;

/// `GET /sign-out`: here, or everywhere. Two forms, to `/sign-out` and to `/sign-out/everywhere`.
#[derive(Debug, Template)]
#[template(path = "sign_out.html")]
pub(crate) struct SignOut<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// Who is signed in.
    pub(crate) email: &'a str,
}

/// `GET /signed-out`: it is done.
#[derive(Debug, Template)]
#[template(path = "signed_out.html")]
pub(crate) struct SignedOut {
    /// In which language.
    pub(crate) words: Words,
    /// True if every session of the account was ended.
    pub(crate) everywhere: bool,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, rendered};
    use super::{SignOut, SignedOut};
    use crate::words::Words;

    #[test]
    fn there_are_two_ways_to_sign_out() {
        let html = rendered(&SignOut { words: Words::ENGLISH, email: HOSTILE });
        assert!(html.contains("<form method=\"post\" action=\"/sign-out\">"), "{html}");
        assert!(html.contains("<form method=\"post\" action=\"/sign-out/everywhere\">"), "{html}");
    }

    #[test]
    fn it_says_how_far_it_went() {
        assert!(rendered(&SignedOut { words: Words::ENGLISH, everywhere: true }).contains("all your other devices"));
        assert!(!rendered(&SignedOut { words: Words::ENGLISH, everywhere: false }).contains("all your other devices"));
    }
}
