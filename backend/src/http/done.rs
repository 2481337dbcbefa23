//! What was just done, as the next page says it: a closed list in `?done=…`, so that a link can make no page of ours
//! say what we have not written.

use super::fields::Query;

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
}

impl Done {
    const ALL: [Self; 7] = [
        Self::CodeSent,
        Self::PasskeyAdded,
        Self::PasskeyRenamed,
        Self::PasskeyRemoved,
        Self::SessionEnded,
        Self::PasswordChanged,
        Self::SignedOutEverywhere,
    ];

    /// What the query says.
    pub(super) fn of(query: &Query) -> Option<Self> {
        let slug = query.text("done")?;
        Self::ALL.into_iter().find(|done| done.told().0 == slug)
    }

    /// The notice that the query asks for.
    pub(super) fn notice(query: &Query) -> Option<&'static str> {
        Self::of(query).map(|done| done.told().1)
    }

    /// The page with the word that this was done.
    pub(super) fn after(self, page: &str) -> String {
        format!("{page}?done={}", self.told().0)
    }

    const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::CodeSent => ("code-sent", "We have sent a new code"),
            Self::PasskeyAdded => ("passkey-added", "Your passkey was added"),
            Self::PasskeyRenamed => ("passkey-renamed", "Your passkey was renamed"),
            Self::PasskeyRemoved => ("passkey-removed", "Your passkey was removed"),
            Self::SessionEnded => ("session-ended", "You are signed out there"),
            Self::PasswordChanged => ("password-changed", "Your password was saved"),
            Self::SignedOutEverywhere => ("everywhere", "You are signed out everywhere"),
        }
    }
}
