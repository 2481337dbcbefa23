//! The authorization request (OpenID Connect Core, section 3.1.2; NHS login, EIS 3.4.1): read as [`AuthorizationRequest`], which
//! is a request that its client may make; judged against who is there ([`judge`]); kept over a sign-in ([`resume`]); and
//! led from step to step ([`flow`]).
//!
//! Two kinds of refusal are two types: what is wrong before the redirect URI is known to be the client's is told to the
//! person on a page of ours ([`Unaddressed`]); what is wrong after it is told to the client ([`Refusal`]), also when it is we
//! who have failed ([`Unserved`]).

mod flow;
mod incoming;
mod judge;
mod object;
mod push;
mod read;
mod refusal;
pub(crate) mod resume;

pub(crate) use flow::{Lacking, Next};
pub(crate) use judge::Why;
pub(crate) use object::{ObjectName, ObjectRefused};
pub(crate) use refusal::{ErrorCode, Refusal, Unaddressed, Unserved};

use super::claim::ClaimSet;
use super::claims_request::AskedClaims;
use super::client::{Client, RedirectUri};
use super::hint::Called;
use super::pkce::Challenge;
use super::resource::Resources;
use super::scope::Scopes;
use aldgate_core::assurance::Vector;
use aldgate_core::id::{AccountId, SessionId, SingleUse};
use aldgate_core::language::Language;
use aldgate_core::time::Timestamp;
use object::LIFE_MAX;
use resume::LIFETIME;
use std::sync::Arc;
use std::time::Duration;

/// Longest `state` and `nonce`: a request has to fit into an address while its person signs in.
pub(crate) const STATE_BYTES_MAX: usize = 512;

/// What a client wants of a person who is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// Nothing in particular: sign in if nobody is.
    AsNeeded,
    /// No page at all: an answer, or an error.
    None,
    /// Sign in, even if somebody is.
    Login,
    /// Ask for consent, even if it was given.
    Consent,
    /// Both.
    LoginAndConsent,
}

impl Prompt {
    /// Whether somebody has to sign in for the request.
    pub(crate) const fn wants_login(self) -> bool {
        matches!(self, Self::Login | Self::LoginAndConsent)
    }

    /// Whether somebody has to agree for the request.
    pub(crate) const fn wants_consent(self) -> bool {
        matches!(self, Self::Consent | Self::LoginAndConsent)
    }
}

/// A person who is there: in a session of this browser, or vouched for by another client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Present {
    /// Who.
    pub(crate) account: AccountId,
    /// In which session.
    pub(crate) session: SessionId,
}

/// A request that its client may make.
#[derive(Debug, Clone)]
pub(crate) struct AuthorizationRequest {
    /// Who asks.
    pub(crate) client: Arc<Client>,
    /// Where the answer goes: one of the client's.
    pub(crate) redirect_uri: RedirectUri,
    /// What it asks to know: all of it approved, `openid` among it.
    pub(crate) scopes: Scopes,
    /// For which services it wants its access tokens: all of them its own to ask for.
    pub(crate) resources: Resources,
    /// What it asks to know besides, claim by claim: all of it what its client may ask for.
    pub(crate) claims: AskedClaims,
    /// Given back as it came.
    pub(crate) state: Option<String>,
    /// For the ID token.
    pub(crate) nonce: Option<String>,
    /// How well the person must be known: one of these; never empty.
    pub(crate) vectors: Vec<Vector>,
    /// What it wants of a person who is there.
    pub(crate) prompt: Prompt,
    /// How long ago the person may have signed in, where that counts.
    pub(crate) max_age: Option<Duration>,
    /// To what the code is bound.
    pub(crate) challenge: Option<Challenge>,
    /// In which language its client has spoken with the person, of those that we speak.
    pub(crate) language: Option<Language>,
    /// Whether somebody without an account may be shown how to get one.
    pub(crate) allow_registration: bool,
    /// When the request came: what `prompt=login` wants must happen after it.
    pub(crate) began: Timestamp,
    /// The thumbprint of the key to which its tokens shall be bound (RFC 9449, section 10).
    pub(crate) key: Option<[u8; 32]>,
    /// What it is good once by, if by anything.
    pub(crate) once: Option<Once>,
    /// Whom it must be about, if its client has said that.
    pub(crate) about: Option<Called>,
}

/// By what a request is good for one code. Until then it may be opened again: browsers load pages twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Once {
    /// The name under which its client has pushed it (RFC 9126, section 4).
    Pushed([u8; 16]),
    /// The `jti` of its object.
    Object(ObjectName),
}

impl Once {
    /// How long after a request came it is remembered that it was used: the same object may have been opened again until
    /// its end, and that may still wait.
    const REMEMBERED: Duration = Duration::from_mins(1).saturating_add(LIFE_MAX).saturating_add(LIFETIME);

    /// What is used up.
    fn single_use(self) -> SingleUse {
        match self {
            Self::Pushed(name) => SingleUse::of(&[b"pushed-request\0".as_slice(), &name].concat()),
            Self::Object(ObjectName(name)) => SingleUse::of(&[b"request-object\0".as_slice(), &name].concat()),
        }
    }

    /// What a client is told that uses it again.
    const fn used_before(self) -> (ErrorCode, &'static str) {
        match self {
            Self::Pushed(_) => (ErrorCode::InvalidRequestUri, "request_uri was used before"),
            Self::Object(_) => (ErrorCode::InvalidRequestObject, "request was used before"),
        }
    }
}

impl AuthorizationRequest {
    /// What a person is asked to tell that the scopes do not tell.
    pub(crate) fn claims_beside_scopes(&self) -> ClaimSet {
        self.claims.all().not_told_by(self.scopes)
    }

    /// A refusal of this request.
    pub(crate) fn refuse(&self, error: ErrorCode, description: impl Into<String>) -> Refusal {
        Refusal {
            error,
            description: description.into(),
            redirect_uri: self.redirect_uri.clone(),
            state: self.state.clone(),
        }
    }
}
