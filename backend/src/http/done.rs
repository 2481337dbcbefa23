//! What was just done, as the next page says it: a closed list in `?done=…`, so that a link can make no page of ours
//! say what we have not written.

use super::fields::Query;
use crate::words::Words;

/// What was just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    CodeSent,
    PasskeyAdded,
    PasskeyRenamed,
    PasskeyRemoved,
    SessionEnded,
    PasswordChanged,
    SignedOutEverywhere,
    SecondStepSet,
    SecondStepRemoved,
    BrowserForgotten,
    EmailChanged,
    PasswordReset,
    SharingStopped,
}

impl Done {
    const ALL: [Self; 13] = [
        Self::CodeSent,
        Self::PasskeyAdded,
        Self::PasskeyRenamed,
        Self::PasskeyRemoved,
        Self::SessionEnded,
        Self::PasswordChanged,
        Self::SignedOutEverywhere,
        Self::SecondStepSet,
        Self::SecondStepRemoved,
        Self::BrowserForgotten,
        Self::EmailChanged,
        Self::PasswordReset,
        Self::SharingStopped,
    ];

    /// What the query says.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let slug = query.text("done")?;
        Self::ALL.into_iter().find(|done| done.slug() == slug)
    }

    /// The notice that the query asks for.
    pub(super) fn notice(query: &Query, words: Words) -> Option<&'static str> {
        Self::of(query).map(|done| done.told(words))
    }

    /// The page with the word that this was done.
    pub(super) fn after(self, page: &str) -> String {
        format!("{page}?done={}", self.slug())
    }

    const fn slug(self) -> &'static str {
        match self {
            Self::CodeSent => "code-sent",
            Self::PasskeyAdded => "passkey-added",
            Self::PasskeyRenamed => "passkey-renamed",
            Self::PasskeyRemoved => "passkey-removed",
            Self::SessionEnded => "session-ended",
            Self::PasswordChanged => "password-changed",
            Self::SignedOutEverywhere => "everywhere",
            Self::SecondStepSet => "second-step-set",
            Self::SecondStepRemoved => "second-step-removed",
            Self::BrowserForgotten => "browser-forgotten",
            Self::EmailChanged => "email-changed",
            Self::PasswordReset => "password-reset",
            Self::SharingStopped => "sharing-stopped",
        }
    }

    const fn told(self, words: Words) -> &'static str {
        match self {
            Self::CodeSent => words.new_code_sent(),
            Self::PasskeyAdded => words.done_passkey_added(),
            Self::PasskeyRenamed => words.done_passkey_renamed(),
            Self::PasskeyRemoved => words.done_passkey_removed(),
            Self::SessionEnded => words.done_session_ended(),
            Self::PasswordChanged => words.done_password_changed(),
            Self::SignedOutEverywhere => words.done_signed_out_everywhere(),
            Self::SecondStepSet => words.done_second_step_set(),
            Self::SecondStepRemoved => words.done_second_step_removed(),
            Self::BrowserForgotten => words.done_browser_forgotten(),
            Self::EmailChanged => words.done_email_changed(),
            Self::PasswordReset => words.done_password_reset(),
            Self::SharingStopped => words.done_sharing_stopped(),
        }
    }
}
