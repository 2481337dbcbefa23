//! What goes wrong, as people and programs are told: the one file that knows status codes.
//!
//! A page says what happened and what to do; a passkey ceremony gets a problem document (RFC 9457) with a `type` of
//! `urn:aldgate:problem:<slug>`. No fault of ours says more than that there is one: the rest is in the log.

use super::page;
use super::render::rendered;
use crate::fault::{Fault, NotDone};
use crate::journey::PasskeyRefused;
use crate::notifier::NotSent;
use crate::oidc::jws::NotSigned;
use crate::oidc::keys::KeysFailed;
use crate::passkey::AnswerRefused;
use crate::password::HashingFault;
use crate::store::StoreError;
use crate::words::Words;
use aldgate_core::webauthn::challenge::ChallengeRefused;
use axum::Extension;
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
    /// No message can go to this address or number.
    Undeliverable,
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
    /// With the word that something of ours is down.
    Unavailable,
}

impl Shown {
    /// The status of the answer.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Fine => StatusCode::OK,
            Self::WithErrors => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Exhausted => StatusCode::TOO_MANY_REQUESTS,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Status, slug, title, explanation, and what to do now.
type Told = (StatusCode, &'static str, &'static str, &'static str, &'static str);

impl Problem {
    const fn told(self, words: Words) -> Told {
        let (status, slug) = self.named();
        let (title, explanation, what_next) = match self {
            Self::BadField(_) => (words.could_not_read(), words.could_not_read_why(), words.go_back_and_try_again()),
            Self::TooLong => (words.too_much(), words.too_much_why(), words.go_back_and_try_again()),
            Self::ContentType => (words.could_not_read(), words.no_form_why(), words.go_back_and_try_again()),
            Self::ForeignOrigin => (words.not_from_us(), words.not_from_us_why(), words.not_from_us_next()),
            Self::NotSignedIn => (words.need_to_sign_in(), words.need_to_sign_in_why(), words.need_to_sign_in_next()),
            Self::NotFound => (words.page_not_found(), words.page_not_found_why(), words.page_not_found_next()),
            Self::MethodNotAllowed => {
                (words.cannot_be_done_here(), words.cannot_be_done_here_why(), words.go_back_and_try_again())
            }
            Self::AccountExists => (words.account_exists(), words.account_exists_why(), words.account_exists_next()),
            Self::AlreadyRegistered => (words.passkey_taken(), words.passkey_taken_why(), words.passkey_taken_next()),
            Self::RegistrationRefused => {
                (words.registration_refused(), words.passkey_refused_why(), words.registration_refused_next())
            }
            Self::ChallengeExpired => (words.took_too_long(), words.took_too_long_why(), words.try_again_sentence()),
            Self::ChallengeUsed => (words.challenge_used(), words.creation_used_why(), words.try_again_sentence()),
            Self::Undeliverable => (words.undeliverable(), words.undeliverable_why(), words.undeliverable_next()),
            Self::Unavailable => (words.not_working(), words.not_working_why(), words.try_again_later()),
            Self::Broken => (words.broken(), words.broken_why(), words.try_again_later()),
        };
        (status, slug, title, explanation, what_next)
    }

    const fn named(self) -> (StatusCode, &'static str) {
        match self {
            Self::BadField(_) => (StatusCode::BAD_REQUEST, "bad-request"),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "bad-request"),
            Self::ContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad-request"),
            Self::ForeignOrigin => (StatusCode::FORBIDDEN, "foreign-origin"),
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, NOT_SIGNED_IN),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::AccountExists => (StatusCode::CONFLICT, "registration-refused"),
            Self::AlreadyRegistered => (StatusCode::CONFLICT, "already-registered"),
            Self::RegistrationRefused => (StatusCode::BAD_REQUEST, "registration-refused"),
            Self::ChallengeExpired => (StatusCode::BAD_REQUEST, "challenge-expired"),
            Self::ChallengeUsed => (StatusCode::CONFLICT, "challenge-used"),
            Self::Undeliverable => (StatusCode::UNPROCESSABLE_ENTITY, "undeliverable"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "unavailable"),
        }
    }

    /// As a page.
    fn page(self, words: Words) -> Response {
        let (status, _, title, explanation, what_next) = self.told(words);
        rendered(status, &page::Problem { words, title, explanation, what_next })
    }

    /// As a problem document.
    fn document(self, words: Words) -> Response {
        let (status, slug, title, explanation, _) = self.told(words);
        let kind = format!("urn:aldgate:problem:{slug}");
        let mut body = json!({"type": kind, "title": title, "status": status.as_u16(), "detail": explanation});
        if let Self::BadField(field) = self {
            body["field"] = field.into();
        }
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
    }

    /// As whoever asked for this path understands it, in their language.
    pub(super) fn told_at(self, path: &str, words: Words) -> Response {
        let for_programs = path.starts_with(CEREMONIES) || PROGRAMS.contains(&path);
        let mut response = if for_programs { self.document(words) } else { self.page(words) };
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECS);
        }
        response
    }
}

/// An answer that has no text yet: [`super::speech::speak`] knows for whom it is, and gives it one.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, _) = self.named();
        (status, Extension(self)).into_response()
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match &fault {
            // Whoever storms us with passwords would write a line for each; the gate counts them as 5xx.
            Fault::Hashing(HashingFault::Busy) => tracing::debug!("more passwords than can be hashed"),
            // Whoever types nonsense would write a line for each.
            Fault::NotSent(NotSent::Refused(why)) => tracing::info!(why, "a message was not taken"),
            Fault::Store(StoreError::SessionEnded) => {
                tracing::debug!("a session ended before what was asked for in it")
            }
            fault => tracing::error!(error = %fault, "a request failed"),
        }
        match fault {
            Fault::NotSent(NotSent::Refused(_)) => Self::Undeliverable,
            Fault::Store(StoreError::SessionEnded) => Self::NotSignedIn,
            Fault::Store(StoreError::Busy)
            | Fault::Keys(KeysFailed::Store(StoreError::Busy))
            | Fault::Warm(_)
            | Fault::Late(_)
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
            PasskeyRefused::Stronger => Self::NotSignedIn,
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
