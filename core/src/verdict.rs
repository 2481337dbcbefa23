//! The verdict: the one answer of [`crate::decide::decide`].

use crate::hot::HotSession;
use crate::id::SessionId;
use crate::policy::demand::Lack;
use crate::policy::route::Route;
use crate::token::grant::Grant;
use std::sync::Arc;

/// What shall become of a request. Matched without a wildcard, so that a new variant breaks every place that must
/// think about it.
#[derive(Debug)]
#[must_use]
pub enum Verdict {
    /// It may pass.
    Allow(Permit),
    /// It may not pass, and signing in would not help.
    Refuse(Refusal),
    /// It may not pass yet: something has to be proved first.
    Challenge(Arc<Route>, Challenge),
    /// It cannot be told without the shared tier's record of this session.
    NeedsLookup(SessionId),
    /// It cannot be told without knowing what the presented access token says.
    NeedsGrant(Arc<Route>),
}

/// Who passes.
#[derive(Debug, Clone)]
pub enum Principal {
    /// A person, by their session.
    Session(HotSession),
    /// Whoever holds an access token.
    Grant(Arc<Grant>),
}

/// Proof that a request may pass by this route. Only `decide` makes one.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    principal: Option<Principal>,
    touch_due: bool,
}

impl Permit {
    pub(crate) const fn new(route: Arc<Route>, principal: Option<Principal>, touch_due: bool) -> Self {
        Self { route, principal, touch_due }
    }

    /// The route that it passes by.
    pub const fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// Who passes, where the route looks at that and there is somebody.
    pub const fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    /// The standing session, where it is a session that passes.
    pub const fn session(&self) -> Option<&HotSession> {
        match &self.principal {
            Some(Principal::Session(session)) => Some(session),
            Some(Principal::Grant(_)) | None => None,
        }
    }

    /// Whether the time of use should be written to warm, by the receiver of this permit.
    pub const fn touch_due(&self) -> bool {
        self.touch_due
    }
}

/// Why nothing would help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No route covers the host and path.
    NoRoute,
    /// The path has no single meaning.
    AmbiguousPath,
    /// The route does not take this method; these it takes.
    Method(Arc<[String]>),
    /// The route demands a client's certificate, and this is none that it takes.
    Certificate,
    /// The shared tier does not answer, and the route does not let a session pass for so long without it.
    Undecidable,
}

/// What has to be proved first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// Who they are: there is no credential.
    SignIn,
    /// Who they are: the cookie opens no standing session and should be removed.
    SignInAgain(NoSession),
    /// Who they are: the access token is worth nothing here.
    Token(TokenRefused),
    /// Something more, or more lately, than the credential shows.
    StepUp(Lack),
}

/// Why a cookie that was presented opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoSession {
    /// The cookie stands there twice.
    Ambiguous,
    /// The token was refused by its tag, without a look-up.
    Token(crate::session::token::TokenRefused),
    /// The session was ended, or never was.
    Ended,
    /// It lay unused too long.
    Idle,
    /// Its absolute end has come.
    Expired,
}

/// Why an access token that was presented is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenRefused {
    /// Several, or one in no form that is known.
    #[error("the access token is malformed")]
    Malformed,
    /// Its issuer is not one that this gate knows.
    #[error("the access token's issuer is unknown")]
    Issuer,
    /// No key of the issuer's verifies it: forged, or of a key that was withdrawn.
    #[error("the access token's signature is not its issuer's")]
    Signature,
    /// It was made for somebody else, or is another kind of token.
    #[error("the access token was not made for this")]
    Audience,
    /// Before its time or after it.
    #[error("the access token is out of date")]
    OutOfDate,
    /// It was revoked, or its issuer says that it is not active.
    #[error("the access token was revoked")]
    Revoked,
    /// It is bound to a key and was shown as if it were not, or the other way round; or bound in a way that is not
    /// known.
    #[error("the access token is not shown in the way in which it is bound")]
    Unproven,
    /// It is bound to a certificate that the client did not show.
    #[error("the access token is bound to a certificate that was not shown")]
    Uncertified,
    /// The proof of possession is missing, or not one by its key for this request.
    #[error("the DPoP proof is missing or does not fit the request")]
    Proof,
    /// The proof of possession was used before.
    #[error("the DPoP proof was used before")]
    ProofReplayed,
    /// The proof of possession must carry a nonce that was given out lately.
    #[error("the DPoP proof needs the nonce that is sent with this")]
    ProofNonce,
}
