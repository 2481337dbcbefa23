//! What a client is told of somebody who does not agree. NHS login names both words among its errors and does not say which
//! one it uses here (EIS, tables 5 and 10), and its clients were written against one of them: each says which.

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsentRefused {
    /// The person has said no (RFC 6749, section 4.1.2.1).
    AccessDenied,
    /// The client cannot do without what the person did not allow (OpenID Connect Core, section 3.1.2.6).
    ConsentRequired,
}

/// Another word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"access_denied\" or \"consent_required\"")]
pub(crate) struct UnknownWord;

impl std::str::FromStr for ConsentRefused {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "access_denied" => Ok(Self::AccessDenied),
            "consent_required" => Ok(Self::ConsentRequired),
            _ => Err(UnknownWord),
        }
    }
}
