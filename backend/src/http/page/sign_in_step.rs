//! The pages of the second step of signing in: the code, another way, a recovery code.

use super::Errors;
use crate::model::second_step::StepKind;
use crate::words::Words;
use askama::Template;

/// `GET`, `POST /sign-in/code`: the code. Posts `code` and `remember`; a second form posts to `/sign-in/code/resend`.
#[derive(Debug, Template)]
#[template(path = "sign_in_code.html")]
pub(crate) struct SignInCode<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// From where the code comes.
    pub(crate) kind: StepKind,
    /// The last digits of the telephone, if it comes from there.
    pub(crate) ending: &'a str,
    /// Errors of `code`.
    pub(crate) errors: Errors,
    /// What was just done.
    pub(crate) notice: Option<&'a str>,
}

impl SignInCode<'_> {
    const fn heading(&self) -> &'static str {
        match self.kind {
            StepKind::Mobile => self.words.enter_the_code_we_sent(),
            StepKind::Landline => self.words.enter_the_code_from_the_call(),
            StepKind::App => self.words.enter_the_code_from_your_app(),
        }
    }

    fn where_it_is(&self) -> String {
        match self.kind {
            StepKind::Mobile => self.words.texted_to(self.ending),
            StepKind::Landline => self.words.called_at(self.ending),
            StepKind::App => self.words.look_into_your_app().to_owned(),
        }
    }
}

/// `GET`, `POST /sign-in/other`: another way. Each form posts `way`.
#[derive(Debug, Template)]
#[template(path = "sign_in_other.html")]
pub(crate) struct SignInOther {
    /// In which language.
    pub(crate) words: Words,
    /// The ways that there are.
    pub(crate) kinds: Vec<StepKind>,
    /// Errors of the choice.
    pub(crate) errors: Errors,
}

impl SignInOther {
    /// A way's name in the form.
    pub(crate) const fn slug(kind: StepKind) -> &'static str {
        match kind {
            StepKind::Mobile => "text",
            StepKind::Landline => "call",
            StepKind::App => "app",
        }
    }

    /// The way of this name.
    pub(crate) fn of_slug(slug: &str) -> Option<StepKind> {
        StepKind::ALL.into_iter().find(|kind| Self::slug(*kind) == slug)
    }

    const fn label(&self, kind: StepKind) -> &'static str {
        match kind {
            StepKind::Mobile => self.words.by_text_message(),
            StepKind::Landline => self.words.by_call(),
            StepKind::App => self.words.by_app(),
        }
    }
}

/// `GET`, `POST /sign-in/recovery-code`: a recovery code. Posts `recovery_code`.
#[derive(Debug, Template)]
#[template(path = "sign_in_recovery.html")]
pub(crate) struct SignInRecovery {
    /// In which language.
    pub(crate) words: Words,
    /// Errors of `recovery_code`.
    pub(crate) errors: Errors,
}

#[cfg(test)]
mod tests {
    use super::super::Errors;
    use super::super::testing::{HOSTILE, one_error, rendered, rendered_with_error};
    use super::{SignInCode, SignInOther, SignInRecovery, StepKind};
    use crate::words::Words;

    #[test]
    fn a_code_is_asked_for_from_where_it_comes() {
        let words = Words::ENGLISH;
        for (kind, heading) in [
            (StepKind::Mobile, "Enter the code we sent you"),
            (StepKind::Landline, "Enter the code from our call"),
            (StepKind::App, "Enter the code from your app"),
        ] {
            let page = SignInCode { words, kind, ending: HOSTILE, errors: one_error("code"), notice: None };
            let html = rendered_with_error(&page, "code");
            assert!(html.contains(&format!("<h1>{heading}</h1>")), "{html}");
            assert_eq!(html.contains("/sign-in/code/resend"), kind != StepKind::App, "{html}");
        }
    }

    #[test]
    fn every_way_is_offered_once_and_a_recovery_code_too() {
        let (words, kinds) = (Words::ENGLISH, StepKind::ALL.to_vec());
        let html = rendered(&SignInOther { words, kinds, errors: Errors::none() });
        assert_eq!(html.matches("name=\"way\"").count(), 3, "{html}");
        assert!(html.contains("href=\"/sign-in/recovery-code\""), "{html}");
        for kind in StepKind::ALL {
            assert_eq!(SignInOther::of_slug(SignInOther::slug(kind)), Some(kind));
        }
        rendered_with_error(&SignInRecovery { words, errors: one_error("recovery_code") }, "recovery_code");
    }
}
