//! What is wrong with an authorization request, and who is told.

use super::ObjectRefused;
use crate::fault::Fault;
use crate::oidc::client::{ConsentRefused, RedirectUri};
use std::fmt;

/// An error that a client is told by its redirect URI (RFC 6749, section 4.1.2.1; OpenID Connect Core, section 3.1.2.6;
/// NHS login, EIS table 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorCode {
    InvalidRequest,
    UnauthorizedClient,
    AccessDenied,
    UnsupportedResponseType,
    InvalidScope,
    /// RFC 8707, section 2.
    InvalidTarget,
    /// `prompt=none`, and nobody is signed in: each profile has a word of its own.
    LoginRequired(&'static str),
    InteractionRequired,
    ConsentRequired,
    /// Nobody, or not this person, can sign in as it is asked for: each profile has a word of its own.
    Unmet(&'static str),
    RequestUriNotSupported,
    InvalidRequestUri,
    InvalidRequestObject,
    RegistrationNotSupported,
    /// Something of ours is busy or down.
    TemporarilyUnavailable,
    /// Something of ours is broken.
    ServerError,
}

impl ErrorCode {
    /// The code on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::LoginRequired(word) | Self::Unmet(word) => word,
            Self::InteractionRequired => "interaction_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::ServerError => "server_error",
        }
    }
}

impl From<ConsentRefused> for ErrorCode {
    fn from(word: ConsentRefused) -> Self {
        match word {
            ConsentRefused::AccessDenied => Self::AccessDenied,
            ConsentRefused::ConsentRequired => Self::ConsentRequired,
        }
    }
}

/// A refusal that goes to the client, by a redirect URI that is known to be its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The error.
    pub(crate) error: ErrorCode,
    /// What is wrong, for whoever writes the client.
    pub(crate) description: String,
    /// Where it goes.
    pub(crate) redirect_uri: RedirectUri,
    /// Given back as it came.
    pub(crate) state: Option<String>,
}

impl Refusal {
    /// The address that tells it; `issuer` is who refuses (RFC 9207).
    pub(crate) fn address(&self, issuer: &str) -> String {
        let mut parameters = vec![("error", self.error.as_str()), ("error_description", &self.description)];
        parameters.extend(self.state.as_deref().map(|state| ("state", state)));
        parameters.push(("iss", issuer));
        self.redirect_uri.with(&parameters)
    }
}

/// A request that its client may make and that we could not serve. The client is told: it can do more for the person than a
/// page of ours, which could only ask them to try again.
#[derive(Debug)]
pub(crate) struct Unserved {
    /// What failed.
    pub(crate) fault: Fault,
    /// Who is told.
    pub(crate) told: Addressee,
}

/// A client, of whose request it is known where its answer goes.
#[derive(Debug)]
pub(crate) struct Addressee {
    refusal: Refusal,
    issuer: String,
}

impl Addressee {
    /// Whoever would be told a refusal.
    pub(super) fn of(refusal: Refusal, issuer: &str) -> Self {
        Self { refusal, issuer: issuer.to_owned() }
    }

    /// The address that tells it of an error (RFC 6749, section 4.1.2.1).
    pub(crate) fn address(self, error: ErrorCode) -> String {
        Refusal { error, ..self.refusal }.address(&self.issuer)
    }
}

/// Why a request is answered with a page: nobody may be redirected to where it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unaddressed {
    /// The parameters cannot be read, or one stands twice.
    Parameters(String),
    /// No client of this name, or none was named.
    Client,
    /// The address is none of the client's, or none was named.
    RedirectUri,
    /// Its object, which is all that it says, is not good.
    Object(ObjectRefused),
    /// What was kept over a sign-in is too old, or was not made here.
    Expired,
}

impl fmt::Display for Unaddressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameters(what) => f.write_str(what),
            Self::Client => f.write_str("client_id is not that of a service we know"),
            Self::RedirectUri => f.write_str("redirect_uri is not registered for this service"),
            Self::Object(why) => write!(f, "{why}"),
            Self::Expired => f.write_str("the request took too long"),
        }
    }
}
