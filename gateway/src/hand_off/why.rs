//! Why a service's host sends somebody to the log-in host, as far as the sign-in page says something about it.

/// Why a walk was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Nobody is signed in there.
    SignIn,
    /// The session that was known there has ended.
    Ended,
    /// A newer or stronger proof is needed.
    StepUp,
    /// A second step is needed.
    SecondStep,
    /// A passkey is needed.
    Passkey,
}

impl Why {
    /// Reads a parameter; what is unknown says nothing.
    pub(super) fn parse(text: Option<&str>) -> Self {
        match text {
            Some("ended") => Self::Ended,
            Some("step-up") => Self::StepUp,
            Some("second-step") => Self::SecondStep,
            Some("passkey") => Self::Passkey,
            _ => Self::SignIn,
        }
    }

    /// Whether the person has to prove something even if a session stands.
    pub(super) const fn needs_proof(self) -> bool {
        matches!(self, Self::StepUp | Self::SecondStep | Self::Passkey)
    }

    /// As the last parameter of a query.
    pub(super) const fn parameter(self) -> &'static str {
        match self {
            Self::SignIn => "",
            Self::Ended => "&why=ended",
            Self::StepUp => "&why=step-up",
            Self::SecondStep => "&why=second-step",
            Self::Passkey => "&why=passkey",
        }
    }
}
