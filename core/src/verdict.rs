//! The verdict: the one answer of [`crate::decide::decide`].

use crate::hot::HotSession;
use crate::id::SessionId;
use crate::policy::demand::Lack;
use crate::policy::route::Route;
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
    /// It may not pass yet: the person has to prove something first.
    Challenge(Arc<Route>, Challenge),
    /// It cannot be told without the warm tier's record of this session.
    NeedsLookup(SessionId),
}

/// Proof that a request may pass by this route. Only `decide` makes one.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    session: Option<Arc<HotSession>>,
    touch_due: bool,
}

impl Permit {
    pub(crate) const fn new(route: Arc<Route>, session: Option<Arc<HotSession>>, touch_due: bool) -> Self {
        Self { route, session, touch_due }
    }

    /// The route that it passes by.
    pub const fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The standing session, where the route looks at sessions and there is one.
    pub const fn session(&self) -> Option<&Arc<HotSession>> {
        self.session.as_ref()
    }

    /// Whether the time of use should be written to warm, by the receiver of this permit.
    pub const fn touch_due(&self) -> bool {
        self.touch_due
    }
}

/// Why nothing would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No route covers the host and path.
    NoRoute,
    /// The path has no single meaning.
    AmbiguousPath,
    /// The person's identity is not verified well enough.
    IdentityTooLow(crate::assurance::IdentityLevel),
}

/// What the person has to prove first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// Who they are: there is no session cookie.
    SignIn,
    /// Who they are: the cookie opens no standing session and should be removed.
    SignInAgain(NoSession),
    /// Something more, or more lately, than the session shows.
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
