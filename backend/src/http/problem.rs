//! What goes wrong, as people and programs are told: the one file that knows status codes.
//!
//! A page says what happened and what to do; a passkey ceremony gets a problem document (RFC 9457) with a `type` of
//! `urn:aldgate:problem:<slug>`. No fault of ours says more than that there is one: the rest is in the log.

use super::page;
use super::render::rendered;
use crate::fault::{Fault, NotDone};
use crate::journey::PasskeyRefused;
use crate::oidc::jws::NotSigned;
use crate::passkey::AnswerRefused;
use crate::password::HashingFault;
use crate::store::StoreError;
use aldgate_core::webauthn::challenge::ChallengeRefused;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// When to come back, in seconds, if something of ours is busy or down.
const RETRY_AFTER_SECS: HeaderValue = HeaderValue::from_static("5");

/// Where problem documents are answered with: the ceremonies, which a script asks for.
const CEREMONIES: &str = "/passkey/";

/// Where programs ask, and no browser.
const PROGRAMS: [&str; 5] = ["/token", "/par", "/introspect", "/revoke", "/userinfo"];

/// The slug of [`Problem::NotSignedIn`]: the page for passkey problems leads on from it instead of explaining it.
pub(super) const NOT_SIGNED_IN: &str = "not-signed-in";

/// Why a request is not answered with what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// A field of a form, a member of a body or a header is missing or cannot be read.
    BadField(&'static str),
    /// The body is too long.
    TooLong,
    /// The body is no form.
    ContentType,
    /// Another site sent it.
    ForeignOrigin,
    /// Nobody is signed in, or not lately enough.
    NotSignedIn,
    /// There is no such page or thing.
    NotFound,
    /// Not with this method.
    MethodNotAllowed,
    /// The address has got an account in the meantime.
    AccountExists,
    /// The passkey is registered already.
    AlreadyRegistered,
    /// The passkey does not stand, or the account has too many.
    RegistrationRefused,
    /// The ceremony took too long.
    ChallengeExpired,
    /// The ceremony was ended before.
    ChallengeUsed,
    /// We are busy, or something of ours is down.
    Unavailable,
    /// Something of ours is broken.
    Broken,
}

/// How a page stands that is shown for the first time, or again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// As asked.
    Fine,
    /// With errors in its form.
    WithErrors,
    /// With the word that this was tried too often.
    Exhausted,
    /// With the word that it cannot be done as things are.
    Conflict,
}

impl Shown {
    /// The status of the answer.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Fine => StatusCode::OK,
            Self::WithErrors => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Exhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Conflict => StatusCode::CONFLICT,
        }
    }
}

/// Status, slug, title, explanation, and what to do now.
type Told = (StatusCode, &'static str, &'static str, &'static str, &'static str);

const GO_BACK: &str = "Go back and try again.";
const LATER: &str = "Try again in a few minutes.";

impl Problem {
    const fn told(self) -> Told {
        match self {
            Self::BadField(_) => (
                StatusCode::BAD_REQUEST,
                "bad-request",
                "We could not read what was sent",
                "Something was missing from the request, or had a form that we do not know.",
                GO_BACK,
            ),
            Self::TooLong => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "bad-request",
                "Too much was sent",
                "The request was longer than anything that we ask for.",
                GO_BACK,
            ),
            Self::ContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "bad-request",
                "We could not read what was sent",
                "The request did not come from a form of ours.",
                GO_BACK,
            ),
            Self::ForeignOrigin => (
                StatusCode::FORBIDDEN,
                "foreign-origin",
                "This did not come from our pages",
                "Another website may have tried to do something in your name. Nothing was done.",
                "If you wanted to do this, start again from our start page.",
            ),
            Self::NotSignedIn => (
                StatusCode::UNAUTHORIZED,
                NOT_SIGNED_IN,
                "You need to sign in",
                "You are not signed in, or it is too long ago for this.",
                "Sign in and try again.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not-found",
                "Page not found",
                "There is nothing at this address.",
                "Check that you entered the address correctly.",
            ),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This cannot be done here",
                "The request does not fit this address.",
                GO_BACK,
            ),
            Self::AccountExists => (
                StatusCode::CONFLICT,
                "registration-refused",
                "You already have an account",
                "An account with this email address was created in the meantime.",
                "Sign in to use it.",
            ),
            Self::AlreadyRegistered => (
                StatusCode::CONFLICT,
                "already-registered",
                "This passkey is already registered",
                "The passkey belongs to an account already.",
                "Use another device or security key.",
            ),
            Self::RegistrationRefused => (
                StatusCode::BAD_REQUEST,
                "registration-refused",
                "We could not create your passkey",
                "Your device offered a passkey that we cannot accept. Nothing has changed.",
                "Try again with another device or security key, or use a password.",
            ),
            Self::ChallengeExpired => (
                StatusCode::BAD_REQUEST,
                "challenge-expired",
                "This took too long",
                "For your security, a request to create a passkey lasts 5 minutes.",
                "Try again.",
            ),
            Self::ChallengeUsed => (
                StatusCode::CONFLICT,
                "challenge-used",
                "This request was already used",
                "For your security, each request to create a passkey works only once.",
                "Try again.",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Sorry, this is not working right now",
                "There is a problem with our service, or many people are using it.",
                LATER,
            ),
            Self::Broken => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "unavailable",
                "Sorry, there is a problem with our service",
                "Something went wrong on our side.",
                LATER,
            ),
        }
    }

    /// As a page.
    fn page(self) -> Response {
        let (status, _, title, explanation, what_next) = self.told();
        rendered(status, &page::Problem { title, explanation, what_next })
    }

    /// As a problem document.
    fn document(self) -> Response {
        let (status, slug, title, explanation, _) = self.told();
        let kind = format!("urn:aldgate:problem:{slug}");
        let mut body = json!({"type": kind, "title": title, "status": status.as_u16(), "detail": explanation});
        if let Self::BadField(field) = self {
            body["field"] = field.into();
        }
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }

    /// As whoever asked for this path understands it.
    pub(super) fn for_path(self, path: &str) -> Response {
        let for_programs = path.starts_with(CEREMONIES) || PROGRAMS.contains(&path);
        let mut response = if for_programs { self.document() } else { self.page() };
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECS);
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.for_path("/")
    }
}

/// The same for whoever reads problem documents.
#[derive(Debug)]
pub(super) struct Document(Problem);

impl IntoResponse for Document {
    fn into_response(self) -> Response {
        self.0.for_path(CEREMONIES)
    }
}

impl<P: Into<Problem>> From<P> for Document {
    fn from(problem: P) -> Self {
        Self(problem.into())
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match &fault {
            // Whoever storms us with passwords would write a line for each; the gate counts them as 5xx.
            Fault::Hashing(HashingFault::Busy) => tracing::debug!("more passwords than can be hashed"),
            fault => tracing::error!(error = %fault, "a request failed"),
        }
        match fault {
            Fault::Store(StoreError::Busy)
            | Fault::Warm(_)
            | Fault::Hashing(HashingFault::Busy)
            | Fault::Entropy(_)
            | Fault::NotSent(_)
            | Fault::NotSigned(NotSigned::NoKey(_)) => Self::Unavailable,
            Fault::Store(StoreError::Broken(_))
            | Fault::Hashing(HashingFault::Broken)
            | Fault::Keys(_)
            | Fault::NotSigned(_)
            | Fault::Invariant(_) => Self::Broken,
        }
    }
}

impl From<PasskeyRefused> for Problem {
    fn from(refusal: PasskeyRefused) -> Self {
        tracing::info!(?refusal, "a passkey was not registered");
        match refusal {
            PasskeyRefused::Answer(AnswerRefused::Challenge(ChallengeRefused::Expired)) => Self::ChallengeExpired,
            PasskeyRefused::Answer(_) | PasskeyRefused::TooMany => Self::RegistrationRefused,
            PasskeyRefused::ChallengeUsed => Self::ChallengeUsed,
            PasskeyRefused::AlreadyRegistered => Self::AlreadyRegistered,
            PasskeyRefused::AccountExists => Self::AccountExists,
        }
    }
}

impl<R: Into<Problem>> From<NotDone<R>> for Problem {
    fn from(not_done: NotDone<R>) -> Self {
        match not_done {
            NotDone::Refused(refusal) => refusal.into(),
            NotDone::Failed(fault) => fault.into(),
        }
    }
}
