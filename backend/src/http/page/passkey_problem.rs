//! Why a passkey did not work, told to a person; and that an account is disabled, however they wanted to sign in to it.
//!
//! `passkey.js` comes here with a slug: the last part of a problem document's type, or a reason of the browser's own.
//! The slugs are a closed list, so that a link can make this page say nothing that we have not written.

use crate::words::Words;
use askama::Template;

/// `GET /sign-in/problem?reason=…&during=…&return_to=…`.
#[derive(Debug, Template)]
#[template(path = "passkey_problem.html")]
pub(crate) struct PasskeyProblem<'a> {
    /// In which language.
    pub(crate) words: Words,
    /// What went wrong.
    pub(crate) reason: PasskeyReason,
    /// What the person was doing, which says where "Try again" leads.
    pub(crate) ceremony: PasskeyCeremony,
    /// The path to go to in the end, already validated. Only signing in needs it.
    pub(crate) return_to: &'a str,
}

/// The button of `passkey.js` that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasskeyCeremony {
    /// Signing in.
    SignIn,
    /// The first passkey of a new account.
    Register,
    /// One more passkey of an account.
    Add,
}

impl PasskeyCeremony {
    /// The ceremony that `during` names. Anything else, or nothing, is signing in.
    pub(crate) fn from_slug(slug: &str) -> Self {
        match slug {
            "register" => Self::Register,
            "add" => Self::Add,
            _ => Self::SignIn,
        }
    }
}

/// Why a passkey did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasskeyReason {
    /// No account has this passkey.
    UnknownCredential,
    /// The passkey is right, or what else was shown, and its account is disabled.
    AccountDisabled,
    /// The signature is not the passkey's.
    BadSignature,
    /// The authenticator did not check who used it.
    UserNotVerified,
    /// The authenticator did not see that anybody used it.
    UserNotPresent,
    /// The challenge was too old.
    ChallengeExpired,
    /// The challenge was used before.
    ChallengeUsed,
    /// The signature counter went back: the passkey may have been copied.
    CounterRegression,
    /// The person or the browser gave up.
    Cancelled,
    /// The browser or the authenticator cannot do it.
    NotSupported,
    /// Everything that has no reason of its own.
    Refused,
    /// Something of ours is down, or the network is.
    Unavailable,
    /// The new passkey was not accepted.
    RegistrationRefused,
    /// The authenticator holds a passkey of this account already.
    AlreadyRegistered,
}

impl PasskeyReason {
    /// Every reason.
    pub(crate) const ALL: [Self; 14] = [
        Self::UnknownCredential,
        Self::AccountDisabled,
        Self::BadSignature,
        Self::UserNotVerified,
        Self::UserNotPresent,
        Self::ChallengeExpired,
        Self::ChallengeUsed,
        Self::CounterRegression,
        Self::Cancelled,
        Self::NotSupported,
        Self::Refused,
        Self::Unavailable,
        Self::RegistrationRefused,
        Self::AlreadyRegistered,
    ];

    /// The reason with this slug.
    pub(crate) fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.slug() == slug)
    }

    /// Its name in addresses and in `urn:aldgate:problem:…`.
    pub(crate) const fn slug(self) -> &'static str {
        match self {
            Self::UnknownCredential => "unknown-credential",
            Self::AccountDisabled => "account-disabled",
            Self::BadSignature => "bad-signature",
            Self::UserNotVerified => "user-not-verified",
            Self::UserNotPresent => "user-not-present",
            Self::ChallengeExpired => "challenge-expired",
            Self::ChallengeUsed => "challenge-used",
            Self::CounterRegression => "counter-regression",
            Self::Cancelled => "cancelled",
            Self::NotSupported => "not-supported",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::RegistrationRefused => "registration-refused",
            Self::AlreadyRegistered => "already-registered",
        }
    }

    /// Heading, explanation, and what the person can do now.
    const fn told(self, words: Words) -> [&'static str; 3] {
        match self {
            Self::UnknownCredential => {
                [words.unknown_credential(), words.unknown_credential_why(), words.unknown_credential_next()]
            }
            Self::AccountDisabled => {
                [words.account_disabled(), words.account_disabled_why(), words.account_disabled_next()]
            }
            Self::BadSignature => [words.bad_signature(), words.bad_signature_why(), words.bad_signature_next()],
            Self::UserNotVerified => {
                [words.user_not_verified(), words.user_not_verified_why(), words.user_not_verified_next()]
            }
            Self::UserNotPresent => {
                [words.user_not_present(), words.user_not_present_why(), words.user_not_present_next()]
            }
            Self::ChallengeExpired => {
                [words.challenge_expired(), words.challenge_expired_why(), words.try_again_sentence()]
            }
            Self::ChallengeUsed => [words.challenge_used(), words.challenge_used_why(), words.try_again_sentence()],
            Self::CounterRegression => {
                [words.counter_regression(), words.counter_regression_why(), words.counter_regression_next()]
            }
            Self::Cancelled => [words.cancelled(), words.cancelled_why(), words.cancelled_next()],
            Self::NotSupported => [words.not_supported(), words.not_supported_why(), words.not_supported_next()],
            Self::Refused => [words.refused(), words.refused_why(), words.refused_next()],
            Self::Unavailable => [words.unavailable(), words.unavailable_why(), words.unavailable_next()],
            Self::RegistrationRefused => {
                [words.registration_refused(), words.registration_refused_why(), words.registration_refused_next()]
            }
            Self::AlreadyRegistered => {
                [words.already_registered(), words.already_registered_why(), words.already_registered_next()]
            }
        }
    }
}

impl PasskeyProblem<'_> {
    const fn title(&self) -> &'static str {
        self.reason.told(self.words)[0]
    }

    const fn explanation(&self) -> &'static str {
        self.reason.told(self.words)[1]
    }

    /// Whether another way to sign in could help.
    const fn offers_other_ways(&self) -> bool {
        !matches!(self.reason, PasskeyReason::AccountDisabled)
    }

    const fn what_next(&self) -> &'static str {
        self.reason.told(self.words)[2]
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, rendered};
    use super::{PasskeyCeremony, PasskeyProblem, PasskeyReason, Words};

    #[test]
    fn every_slug_leads_back_to_its_reason() {
        for reason in PasskeyReason::ALL {
            assert_eq!(PasskeyReason::from_slug(reason.slug()), Some(reason));
        }
        assert_eq!(PasskeyReason::from_slug(HOSTILE), None);
    }

    #[test]
    fn every_reason_has_a_page() {
        for reason in PasskeyReason::ALL {
            let page =
                PasskeyProblem { words: Words::ENGLISH, reason, ceremony: PasskeyCeremony::SignIn, return_to: HOSTILE };
            let html = rendered(&page);
            assert!(html.contains(page.title()) && html.contains(page.what_next()), "{html}");
        }
    }

    #[test]
    fn no_other_way_into_a_disabled_account_is_offered() {
        for (reason, offered) in [(PasskeyReason::AccountDisabled, false), (PasskeyReason::Refused, true)] {
            let (words, ceremony) = (Words::ENGLISH, PasskeyCeremony::SignIn);
            let html = rendered(&PasskeyProblem { words, reason, ceremony, return_to: "/account" });
            assert_eq!(html.contains("Create an account"), offered, "{html}");
        }
    }

    #[test]
    fn trying_again_leads_back_to_where_the_button_was() {
        for (during, path) in [
            ("sign-in", "href=\"/sign-in?return_to=%2Faccount\">Try again"),
            ("register", "href=\"/register/method\">Try again"),
            ("add", "href=\"/account/passkeys/add\">Try again"),
            (HOSTILE, "href=\"/sign-in?return_to=%2Faccount\">Try again"),
        ] {
            let ceremony = PasskeyCeremony::from_slug(during);
            let page = PasskeyProblem {
                words: Words::ENGLISH,
                reason: PasskeyReason::Cancelled,
                ceremony,
                return_to: "/account",
            };
            assert!(rendered(&page).contains(path), "{during}");
        }
    }
}
