//! The edge's own refusals, as people and programs see them. This file alone knows their status codes.
//!
//! A browser gets a page, in the language of whoever looks at it, anything else a problem document (RFC 9457). Both say what happened and what to do next,
//! and carry the request's reference; neither says more about the inside than that.

mod welsh;

use crate::words::Words as Said;
use aldgate_core::language::Language;
use askama::Template;
use serde::Serialize;
use std::collections::BTreeMap;

/// Every refusal of the edge's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The request is malformed; the text names the part.
    BadRequest,
    /// The path has no single meaning.
    AmbiguousPath,
    /// Nobody is signed in.
    NotSignedIn,
    /// The session does not show enough.
    StepUp,
    /// The person's identity is not verified well enough.
    IdentityTooLow,
    /// The person acts for somebody else, and may not here.
    DelegationForbidden,
    /// The person acts for nobody else, and must here.
    DelegationRequired,
    /// The client's certificate is missing, or not one that the route takes.
    CertificateRequired,
    /// The access token is worth nothing here.
    TokenInvalid,
    /// The access token was not given for this.
    ScopeMissing,
    /// The request comes from a page of another origin, which may not do this.
    CrossOrigin,
    /// No route.
    NotFound,
    /// The route does not take this method.
    MethodNotAllowed,
    /// The body came too slowly.
    Timeout,
    /// The body is too large.
    TooLarge,
    /// The body is of another type than the route takes.
    UnsupportedMediaType,
    /// One address asks too often.
    TooManyRequests,
    /// The header section is too large.
    HeadersTooLarge,
    /// The challenge is missing, alien or was changed.
    ChallengeInvalid,
    /// The challenge is too old.
    ChallengeExpired,
    /// The challenge was used before.
    ChallengeUsed,
    /// The passkey is not registered here.
    UnknownCredential,
    /// The passkey is right, and its account is disabled.
    AccountDisabled,
    /// The signature does not verify.
    BadSignature,
    /// The authenticator did not verify the person.
    UserNotVerified,
    /// The person was not present.
    UserNotPresent,
    /// The counter did not grow.
    CounterRegressed,
    /// Another step of the verification refused.
    AssertionRefused,
    /// The hand-off code is not ours, is for another host, or was begun by another browser.
    HandOffInvalid,
    /// The hand-off code is too old.
    HandOffExpired,
    /// The hand-off code was used before.
    HandOffUsed,
    /// A session is handed to this browser again and again, and it never has one.
    HandOffEndless,
    /// Something failed inside.
    Internal,
    /// A service does not answer as HTTP.
    BadGateway,
    /// What is needed does not answer.
    Unavailable,
    /// More is asked for than can be done at once.
    Busy,
    /// More people sign in than can at once.
    Waiting,
    /// A service takes too long.
    GatewayTimeout,
}

/// The words of a problem.
struct Words {
    status: u16,
    slug: &'static str,
    title: &'static str,
    explanation: &'static str,
    next: &'static str,
}

const fn words(
    status: u16,
    slug: &'static str,
    title: &'static str,
    explanation: &'static str,
    next: &'static str,
) -> Words {
    Words { status, slug, title, explanation, next }
}

const TRY_AGAIN: &str = "Try again in a few minutes.";
const START_AGAIN: &str = "Go back to the sign-in page and try again.";

impl Problem {
    /// Every problem, for metrics.
    pub const ALL: [Self; 38] = [
        Self::BadRequest,
        Self::AmbiguousPath,
        Self::NotSignedIn,
        Self::StepUp,
        Self::IdentityTooLow,
        Self::DelegationForbidden,
        Self::DelegationRequired,
        Self::CertificateRequired,
        Self::TokenInvalid,
        Self::ScopeMissing,
        Self::CrossOrigin,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Timeout,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::TooManyRequests,
        Self::HeadersTooLarge,
        Self::ChallengeInvalid,
        Self::ChallengeExpired,
        Self::ChallengeUsed,
        Self::UnknownCredential,
        Self::AccountDisabled,
        Self::BadSignature,
        Self::UserNotVerified,
        Self::UserNotPresent,
        Self::CounterRegressed,
        Self::AssertionRefused,
        Self::HandOffInvalid,
        Self::HandOffExpired,
        Self::HandOffUsed,
        Self::HandOffEndless,
        Self::Internal,
        Self::BadGateway,
        Self::Unavailable,
        Self::Busy,
        Self::Waiting,
        Self::GatewayTimeout,
    ];

    const fn words(self) -> Words {
        match self {
            Self::BadRequest => words(
                400,
                "bad-request",
                "There is a problem with this request",
                "The request could not be understood.",
                "Check what was sent and try again.",
            ),
            Self::AmbiguousPath => words(
                400,
                "ambiguous-path",
                "There is a problem with this address",
                "The address can be read in more than one way.",
                "Check the address and try again.",
            ),
            Self::NotSignedIn => words(
                401,
                "not-signed-in",
                "You need to sign in",
                "This page is only for people who have signed in.",
                "Sign in and try again.",
            ),
            Self::StepUp => words(
                401,
                "step-up",
                "You need to sign in again",
                "This page needs a newer or a stronger sign-in than you have now.",
                "Sign in again to go on.",
            ),
            Self::IdentityTooLow => words(
                401, // RFC 9470, section 3: also where no sign-in of ours helps, a token's issuer may know a way.
                "identity-too-low",
                "You need to prove who you are",
                "This page is only for people who have proved who they are.",
                "Ask the service how you can prove who you are.",
            ),
            Self::DelegationForbidden => words(
                403,
                "delegation-forbidden",
                "You cannot do this for somebody else",
                "This page is only for people who act for themselves.",
                "Stop acting for somebody else, then try again.",
            ),
            Self::DelegationRequired => words(
                403,
                "delegation-required",
                "You can only do this for somebody else",
                "This page is only for people who act for somebody else.",
                "Ask the service how you can act for somebody else.",
            ),
            Self::CertificateRequired => words(
                403,
                "certificate-required",
                "This page is not for your device",
                "This address is only for devices that show a certificate which it knows.",
                "Use a device that was set up for this service.",
            ),
            Self::TokenInvalid => words(
                401,
                "token-invalid",
                "You need to sign in",
                "The access token cannot be used here.",
                "Get a new access token and try again.",
            ),
            Self::ScopeMissing => words(
                403,
                "scope-missing",
                "This is not allowed",
                "The access token was not given for this.",
                "Get an access token with the scope that is named, and try again.",
            ),
            Self::CrossOrigin => words(
                403,
                "cross-origin",
                "This page cannot be used from another site",
                "The request came from a page of another site, which is not allowed to do this here.",
                "Go to the service itself and try again.",
            ),
            Self::NotFound => words(
                404,
                "not-found",
                "Page not found",
                "There is nothing at this address.",
                "If you typed the address, check that it is correct.",
            ),
            Self::MethodNotAllowed => words(
                405,
                "method-not-allowed",
                "This cannot be done here",
                "This address does not take that kind of request.",
                "Go back and try again.",
            ),
            Self::Timeout => words(
                408,
                "timeout",
                "The request took too long",
                "Your request did not arrive in time.",
                "Check your connection and try again.",
            ),
            Self::TooLarge => words(
                413,
                "too-large",
                "The request is too large",
                "More was sent than this address takes.",
                "Send less and try again.",
            ),
            Self::UnsupportedMediaType => words(
                415,
                "unsupported-media-type",
                "There is a problem with this request",
                "This address takes application/json only.",
                "Send JSON with the header Content-Type: application/json.",
            ),
            Self::TooManyRequests => words(
                429,
                "too-many-requests",
                "You have tried too often",
                "Too many requests came from your internet connection in a short time.",
                "Wait a minute, then try again.",
            ),
            Self::HeadersTooLarge => words(
                431,
                "headers-too-large",
                "The request is too large",
                "The request's headers are too large.",
                "Clear the cookies of this site and try again.",
            ),
            Self::ChallengeInvalid => words(
                400,
                "challenge-invalid",
                "Your passkey could not be used",
                "The sign-in was started somewhere else, or too much time has passed.",
                START_AGAIN,
            ),
            Self::ChallengeExpired => words(
                400,
                "challenge-expired",
                "Your sign-in took too long",
                "A sign-in must be finished within 5 minutes.",
                START_AGAIN,
            ),
            Self::ChallengeUsed => words(
                409,
                "challenge-used",
                "This sign-in was already used",
                "Each sign-in can be used only once.",
                START_AGAIN,
            ),
            Self::UnknownCredential => words(
                401,
                "unknown-credential",
                "Your passkey was not recognised",
                "This passkey does not belong to any account here.",
                "Use another passkey or another way to sign in.",
            ),
            Self::AccountDisabled => words(
                403,
                "account-disabled",
                "Your account has been stopped",
                "Your passkey is right, but nobody can sign in to this account.",
                "Ask the help desk of the service that you want to use.",
            ),
            Self::BadSignature => words(
                401,
                "bad-signature",
                "Your passkey could not be checked",
                "The answer of your passkey was not correct.",
                START_AGAIN,
            ),
            Self::UserNotVerified => words(
                401,
                "user-not-verified",
                "Your device did not check that it was you",
                "You need to unlock your passkey, for example with your face, your fingerprint or a PIN.",
                START_AGAIN,
            ),
            Self::UserNotPresent => words(
                401,
                "user-not-present",
                "Your device did not check that you were there",
                "You need to touch or unlock your passkey yourself.",
                START_AGAIN,
            ),
            Self::CounterRegressed => words(
                401,
                "counter-regression",
                "Your passkey may have been copied",
                "Somebody else may be using a copy of this passkey.",
                "Sign in another way, then remove this passkey from your account.",
            ),
            Self::AssertionRefused => {
                words(401, "refused", "Your passkey could not be used", "The sign-in was refused.", START_AGAIN)
            }
            Self::HandOffInvalid => words(
                400,
                "hand-off-invalid",
                "We could not sign you in here",
                "Signing in to this site was not started in this browser, or your browser does not keep our cookies.",
                "Try again. If you see this page again, allow cookies for this site.",
            ),
            Self::HandOffExpired => words(
                400,
                "hand-off-expired",
                "Signing in took too long",
                "We could not take you to this site in time.",
                "Try again. You may not need to sign in again.",
            ),
            Self::HandOffUsed => words(
                409,
                "hand-off-used",
                "This link was already used",
                "The link that signs you in to this site works only once.",
                "Try again. You may not need to sign in again.",
            ),
            Self::HandOffEndless => words(
                400,
                "hand-off-endless",
                "We could not keep you signed in here",
                "We signed you in to this site several times, but your browser never showed that you are signed in.",
                "Allow cookies for this site, then try again.",
            ),
            Self::Internal => {
                words(500, "internal", "Sorry, there is a problem", "Something went wrong on our side.", TRY_AGAIN)
            }
            Self::BadGateway => words(
                502,
                "bad-gateway",
                "Sorry, this service is not working",
                "The service behind this page gave no proper answer.",
                TRY_AGAIN,
            ),
            Self::Unavailable => words(
                503,
                "unavailable",
                "Sorry, this is not available just now",
                "A part that is needed for this does not answer.",
                TRY_AGAIN,
            ),
            Self::Busy => words(
                503,
                "busy",
                "Many people are using this service",
                "There are more people here just now than we can help at the same time. Nothing is lost.",
                "Wait a few seconds, then try again. If you have a passkey, you can sign in with it straight away.",
            ),
            Self::Waiting => words(
                503,
                "waiting",
                "You are in a queue",
                "Many people are signing in just now. Everybody is let in when it is their turn.",
                "Ask again later with the cookie that came with this answer: it holds your place.",
            ),
            Self::GatewayTimeout => words(
                504,
                "gateway-timeout",
                "Sorry, this service is too slow",
                "The service behind this page took too long.",
                TRY_AGAIN,
            ),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.words().status
    }

    /// The last part of the problem's type, and the metric's label.
    pub const fn slug(self) -> &'static str {
        self.words().slug
    }

    /// The problem document (RFC 9457). `detail` replaces the explanation, `field` names the part of the request.
    pub fn document(self, reference: &str, detail: Option<&str>, field: Option<&str>) -> String {
        self.document_with(reference, detail, field.map(|field| ("field", field.into())))
    }

    /// The same with members of its own.
    pub fn document_with(
        self,
        reference: &str,
        detail: Option<&str>,
        members: impl IntoIterator<Item = (&'static str, serde_json::Value)>,
    ) -> String {
        let words = self.words();
        let document = Document {
            detail: detail.unwrap_or(words.explanation),
            instance: &["urn:aldgate:request:", reference].concat(),
            status: words.status,
            title: words.title,
            kind: &["urn:aldgate:problem:", words.slug].concat(),
            members: members.into_iter().collect(),
        };
        serde_json::to_string(&document).unwrap_or_default() // Every member is named by a string: it cannot fail.
    }

    /// Title, explanation, and what to do next. Documents are for programs, and say it in English.
    const fn told(self, language: Language) -> [&'static str; 3] {
        match language {
            Language::English => {
                let words = self.words();
                [words.title, words.explanation, words.next]
            }
            Language::Welsh => welsh::told(self),
        }
    }

    /// The page.
    pub fn page(self, language: Language, reference: &str, retry_link: Option<&str>) -> String {
        let [title, explanation, what_next] = self.told(language);
        let page = Page { words: Said(language), title, explanation, what_next, retry_link, reference };
        page.render().unwrap_or_else(|_| title.into())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    detail: &'a str,
    instance: &'a str,
    status: u16,
    title: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(flatten)]
    members: BTreeMap<&'static str, serde_json::Value>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Page<'a> {
    words: Said,
    title: &'a str,
    explanation: &'a str,
    what_next: &'a str,
    retry_link: Option<&'a str>,
    reference: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_words_of_its_own() {
        let mut slugs: Vec<_> = Problem::ALL.iter().map(|p| p.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Problem::ALL.len());
        for problem in Problem::ALL {
            assert!((400..600).contains(&problem.status()));
            assert!(problem.page(Language::English, "ref", None).contains(problem.words().title));
        }
    }

    #[test]
    fn every_problem_is_told_in_welsh_whole() {
        for problem in Problem::ALL {
            let english = problem.told(Language::English);
            for (english, welsh) in english.iter().zip(problem.told(Language::Welsh)) {
                assert!(!welsh.trim().is_empty() && *english != welsh, "{problem:?}: {english}");
            }
            let page = problem.page(Language::Welsh, "r-1", Some("/again"));
            assert!(page.contains("<html lang=\"cy\">") && page.contains("Cyfeirnod: "), "{page}");
            assert!(!page.contains("Try again") && !page.contains("Skip to"), "{page}");
        }
    }

    #[test]
    fn the_document_is_rfc_9457_and_names_the_field() {
        let text = Problem::BadRequest.document("r-1", Some("rawId: is missing"), Some("rawId"));
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(document["type"], "urn:aldgate:problem:bad-request");
        assert_eq!(document["status"], 400);
        assert_eq!(document["field"], "rawId");
        assert_eq!(document["instance"], "urn:aldgate:request:r-1");
    }
}
