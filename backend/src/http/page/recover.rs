//! The pages of getting an account back, and those that ask once more before something is done.

use super::Errors;
use crate::journey::UndoRefused;
use crate::link_token::LinkRefused;
use crate::store::{ContactKind, TakenAway};
use crate::words::Words;
use askama::Template;

/// `GET`, `POST /reset`: which account's password? Posts `email`.
#[derive(Debug, Template)]
#[template(path = "reset_email.html")]
pub(crate) struct ResetEmail<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What was entered, or nothing.
    pub(crate) email: &'a str,
    /// Errors of `email`.
    pub(crate) errors: Errors,
}

/// `POST /reset`: a message was sent, whatever it says.
#[derive(Debug, Template)]
#[template(path = "reset_sent.html")]
pub(crate) struct ResetSent<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// Where it went.
    pub(crate) email: &'a str,
}

/// `GET`, `POST /reset/new`: the new password. Posts `token` and `password`.
#[derive(Debug, Template)]
#[template(path = "reset_password.html")]
pub(crate) struct ResetPassword<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The token of the link.
    pub(crate) token: &'a str,
    /// The account's address, for password managers.
    pub(crate) email: &'a str,
    /// Errors of `password`.
    pub(crate) errors: Errors,
    /// Shortest password, in characters.
    pub(crate) least: usize,
}

/// What a link was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkPurpose {
    /// A new password.
    Reset,
    /// Taking a change of contact back.
    Undo(Option<ContactKind>),
    /// Saying that it was not they.
    NotMe,
}

/// A link that does nothing any more.
#[derive(Debug, Template)]
#[template(path = "link_problem.html")]
pub(crate) struct LinkProblem {
    /// In which language.
    pub(crate) words: Words,
    /// What it was for.
    pub(crate) purpose: LinkPurpose,
    /// Why it does nothing.
    pub(crate) why: LinkRefused,
}

impl LinkProblem {
    /// Of a link that takes a change back.
    pub(crate) const fn of_undo(words: Words, refusal: UndoRefused) -> Self {
        Self { words, purpose: LinkPurpose::Undo(refusal.of), why: refusal.why }
    }

    const fn title(&self) -> &'static str {
        match self.why {
            LinkRefused::Expired => self.words.link_expired(),
            LinkRefused::Used => self.words.link_used(),
            LinkRefused::Broken => self.words.link_broken(),
        }
    }

    const fn explanation(&self) -> &'static str {
        match (self.why, self.purpose) {
            (LinkRefused::Expired, LinkPurpose::Reset) => self.words.link_expired_reset(),
            (LinkRefused::Expired, LinkPurpose::Undo(_)) => self.words.link_expired_undo(),
            (LinkRefused::Expired, LinkPurpose::NotMe) => self.words.link_expired_not_me(),
            (LinkRefused::Used, _) => self.words.link_used_why(),
            (LinkRefused::Broken, _) => self.words.link_broken_why(),
        }
    }

    /// The code by which a help desk knows it, as NHS login's help centre has them.
    const fn reference(&self) -> Option<&'static str> {
        match (self.purpose, self.why) {
            (LinkPurpose::Reset, LinkRefused::Expired) => Some("CID2021"),
            (LinkPurpose::Reset, LinkRefused::Used) => Some("CID2022"),
            (LinkPurpose::Reset, LinkRefused::Broken) => Some("CID2023"),
            (LinkPurpose::Undo(Some(ContactKind::Mobile)), LinkRefused::Expired) => Some("CID3002"),
            (LinkPurpose::Undo(Some(ContactKind::Mobile)), LinkRefused::Used) => Some("CID3003"),
            (LinkPurpose::Undo(Some(ContactKind::Landline)), LinkRefused::Expired) => Some("CID3009"),
            (LinkPurpose::Undo(Some(ContactKind::Landline)), LinkRefused::Used) => Some("CID3010"),
            _ => None,
        }
    }
}

/// Something that is asked once more before it is done. Posts `token`, if there is one, to `action`.
#[derive(Debug, Template)]
#[template(path = "confirm.html")]
pub(crate) struct Confirm<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// The question.
    pub(crate) heading: &'a str,
    /// What happens then.
    pub(crate) explanation: &'a str,
    /// The button that does it.
    pub(crate) button: &'a str,
    /// Where it is posted to.
    pub(crate) action: &'a str,
    /// The token of the link that led here, or nothing.
    pub(crate) token: &'a str,
    /// Where one goes who does not want it.
    pub(crate) cancel: &'a str,
}

/// Something that was done, and where to go from there.
#[derive(Debug, Template)]
#[template(path = "done.html")]
pub(crate) struct DonePage<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What was done.
    pub(crate) heading: &'a str,
    /// What follows from it.
    pub(crate) explanation: &'a str,
    /// Where to go.
    pub(crate) href: &'a str,
    /// What it says there.
    pub(crate) link: &'a str,
}

/// `POST /cancel-change`: a change was taken back, and what went with it.
#[derive(Debug, Template)]
#[template(path = "undone.html")]
pub(crate) struct Undone {
    /// In which language.
    pub(crate) words: Words,
    /// What was removed. No names of things: whoever added them may have given those.
    pub(crate) removed: Vec<String>,
}

impl Undone {
    /// After a change was taken back.
    pub(crate) fn of(words: Words, taken: TakenAway) -> Self {
        let TakenAway { password, recovery_codes, second_steps, passkeys } = taken;
        let some = |count: u64, line: String| (count > 0).then_some(line);
        let removed = [
            some(passkeys, words.removed_passkeys(passkeys)),
            some(second_steps, words.removed_second_steps(second_steps)),
            recovery_codes.then(|| words.removed_recovery_codes().to_owned()),
            password.then(|| words.removed_password().to_owned()),
        ];
        Self { words, removed: removed.into_iter().flatten().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, one_error, rendered, rendered_with_error};
    use super::*;

    const EN: Words = Words::ENGLISH;

    #[test]
    fn a_forgotten_password_is_replaced_in_three_pages() {
        rendered_with_error(&ResetEmail { words: EN, email: HOSTILE, errors: one_error("email") }, "email");
        assert!(rendered(&ResetSent { words: EN, email: HOSTILE }).contains("within 1 hour"));
        let errors = one_error("password");
        let page = ResetPassword { words: EN, token: HOSTILE, email: HOSTILE, errors, least: 15 };
        let html = rendered_with_error(&page, "password");
        assert!(html.contains("Use 15 characters or more") && html.contains("autocomplete=\"new-password\""), "{html}");
    }

    #[test]
    fn a_link_that_does_nothing_says_why_and_by_which_code() {
        use LinkRefused::{Broken, Expired, Used};
        let undo = |kind| LinkPurpose::Undo(Some(kind));
        for (purpose, why, code) in [
            (LinkPurpose::Reset, Expired, "CID2021"),
            (LinkPurpose::Reset, Used, "CID2022"),
            (LinkPurpose::Reset, Broken, "CID2023"),
            (undo(ContactKind::Mobile), Expired, "CID3002"),
            (undo(ContactKind::Mobile), Used, "CID3003"),
            (undo(ContactKind::Landline), Expired, "CID3009"),
            (undo(ContactKind::Landline), Used, "CID3010"),
        ] {
            let html = rendered(&LinkProblem { words: EN, purpose, why });
            assert!(html.contains(&format!("Reference: {code}")), "{html}");
        }
        for why in [Expired, Used, Broken] {
            let html = rendered(&LinkProblem { words: EN, purpose: LinkPurpose::NotMe, why });
            assert!(!html.contains("Reference"), "{html}");
        }
    }

    #[test]
    fn what_cannot_be_undone_is_asked_for_twice() {
        let page = Confirm {
            words: EN,
            heading: HOSTILE,
            explanation: HOSTILE,
            button: HOSTILE,
            action: "/not-me",
            token: HOSTILE,
            cancel: "/",
        };
        assert!(rendered(&page).contains("<form method=\"post\" action=\"/not-me\">"));
        let page = DonePage { words: EN, heading: HOSTILE, explanation: HOSTILE, href: "/", link: HOSTILE };
        assert!(rendered(&page).contains("href=\"/\""));
    }

    #[test]
    fn what_went_with_a_change_is_told_and_nothing_where_nothing_did() {
        let taken = TakenAway { password: true, recovery_codes: true, second_steps: 2, passkeys: 1 };
        let html = rendered(&Undone::of(EN, taken));
        for line in ["Passkeys: 1", "an authenticator app): 2", "<li>Recovery codes</li>", "<li>The password</li>"] {
            assert!(html.contains(line), "{line}: {html}");
        }
        assert!(!rendered(&Undone::of(EN, TakenAway::default())).contains("<li>"));
    }
}
