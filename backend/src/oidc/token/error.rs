//! Why an exchange is refused (RFC 6749, section 5.2).

use crate::fault::NotDone;
use crate::oidc::resource::BadTarget;

/// A refusal, as the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// A parameter is missing, doubled or unreadable.
    InvalidRequest(String),
    /// The client has not proven itself.
    InvalidClient(String),
    /// What it shows is worth nothing, or nothing any more.
    InvalidGrant(String),
    /// The client is not registered for this kind of grant.
    UnauthorizedClient,
    /// The proof of a key is missing or wrong (RFC 9449, section 5).
    InvalidDpopProof(String),
    /// A pushed request that may not be made: the code and what is wrong.
    Request(&'static str, String),
    /// A kind of grant that is not known.
    UnsupportedGrantType,
    /// More than was allowed, or nothing that is known.
    InvalidScope(String),
    /// A service for which it may not have a token (RFC 8707, section 2).
    InvalidTarget(String),
}

impl TokenError {
    /// The code on the wire.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::InvalidDpopProof(_) => "invalid_dpop_proof",
            Self::Request(code, _) => code,
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope(_) => "invalid_scope",
            Self::InvalidTarget(_) => "invalid_target",
        }
    }

    /// What is wrong, for whoever writes the client.
    pub(crate) fn description(&self) -> &str {
        match self {
            Self::InvalidRequest(what)
            | Self::InvalidClient(what)
            | Self::InvalidGrant(what)
            | Self::InvalidScope(what)
            | Self::InvalidTarget(what)
            | Self::InvalidDpopProof(what)
            | Self::Request(_, what) => what,
            Self::UnauthorizedClient => "this client is not registered for this grant_type",
            Self::UnsupportedGrantType => {
                "grant_type must be authorization_code, refresh_token, client_credentials, jwt-bearer or token-exchange"
            }
        }
    }
}

/// A refusal of what a client shows for a token (RFC 6749, section 5.2: `invalid_grant`).
pub(super) fn invalid_grant(what: &str) -> NotDone<TokenError> {
    NotDone::Refused(TokenError::InvalidGrant(what.to_owned()))
}

impl From<BadTarget> for NotDone<TokenError> {
    fn from(bad: BadTarget) -> Self {
        Self::Refused(TokenError::InvalidTarget(bad.to_string()))
    }
}
