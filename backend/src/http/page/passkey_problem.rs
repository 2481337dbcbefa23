//! Why a passkey did not work, told to a person.
//!
//! `passkey.js` comes here with a slug: the last part of a problem document's type, or a reason of the browser's own.
//! The slugs are a closed list, so that a link can make this page say nothing that we have not written.

use askama::Template;

/// `GET /sign-in/problem?reason=…&during=…&return_to=…`.
#[derive(Debug, Template)]
#[template(path = "passkey_problem.html")]
pub(crate) struct PasskeyProblem<'a> {
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
    pub(crate) const ALL: [Self; 13] = [
        Self::UnknownCredential,
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
        self.texts().slug
    }

    /// The heading.
    pub(crate) const fn title(self) -> &'static str {
        self.texts().title
    }

    /// What happened.
    pub(crate) const fn explanation(self) -> &'static str {
        self.texts().explanation
    }

    /// What the person can do now.
    pub(crate) const fn what_next(self) -> &'static str {
        self.texts().what_next
    }

    const fn texts(self) -> Texts {
        match self {
            Self::UnknownCredential => Texts {
                slug: "unknown-credential",
                title: "We do not recognise this passkey",
                explanation: "The passkey you used does not belong to an Aldgate account. It may have been removed.",
                what_next: "Try again with another passkey, or sign in with a password.",
            },
            Self::BadSignature => Texts {
                slug: "bad-signature",
                title: "We could not check your passkey",
                explanation: "The answer from your device does not fit this passkey, so we could not be sure it was you.",
                what_next: "Try again. If it happens again, use another passkey or a password.",
            },
            Self::UserNotVerified => Texts {
                slug: "user-not-verified",
                title: "Your device did not check that it was you",
                explanation: "We only accept a passkey when your device has checked your fingerprint, your face or your PIN.",
                what_next: "Set up a screen lock or a PIN on your device or security key, then try again.",
            },
            Self::UserNotPresent => Texts {
                slug: "user-not-present",
                title: "Your device did not see you use the passkey",
                explanation: "We only accept a passkey when somebody was there to use it.",
                what_next: "Try again. Touch your security key, or say yes on your device, when you are asked.",
            },
            Self::ChallengeExpired => Texts {
                slug: "challenge-expired",
                title: "You ran out of time",
                explanation: "For your security, you have 5 minutes to use your passkey.",
                what_next: "Try again.",
            },
            Self::ChallengeUsed => Texts {
                slug: "challenge-used",
                title: "This request was already used",
                explanation: "For your security, each request to use a passkey works only once. You may have pressed a button twice.",
                what_next: "Try again.",
            },
            Self::CounterRegression => Texts {
                slug: "counter-regression",
                title: "We could not accept this passkey",
                explanation: "This passkey may have been copied. To keep your account safe, we did not accept it.",
                what_next: "Sign in another way. Then remove this passkey from your account and create a new one.",
            },
            Self::Cancelled => Texts {
                slug: "cancelled",
                title: "You did not use your passkey",
                explanation: "The request was cancelled, or it ran out of time.",
                what_next: "Try again when you are ready, or use a password.",
            },
            Self::NotSupported => Texts {
                slug: "not-supported",
                title: "You cannot use a passkey here",
                explanation: "This browser or device does not support the passkeys that we need.",
                what_next: "Use a password, or try again with another browser or device.",
            },
            Self::Refused => Texts {
                slug: "refused",
                title: "We could not use your passkey",
                explanation: "Something went wrong while we checked your passkey.",
                what_next: "Try again. If it happens again, use a password.",
            },
            Self::Unavailable => Texts {
                slug: "unavailable",
                title: "Sorry, passkeys are not working right now",
                explanation: "There is a problem with our service, or you are not connected to the internet.",
                what_next: "Check your connection and try again in a few minutes.",
            },
            Self::RegistrationRefused => Texts {
                slug: "registration-refused",
                title: "We could not create your passkey",
                explanation: "Your device offered a passkey that we cannot accept. Nothing has changed on your account.",
                what_next: "Try again with another device or security key, or use a password.",
            },
            Self::AlreadyRegistered => Texts {
                slug: "already-registered",
                title: "You already have a passkey here",
                explanation: "The device or password manager you chose already keeps a passkey for your account.",
                what_next: "You can use that passkey to sign in, or choose another device or security key.",
            },
        }
    }
}

/// What a reason says.
struct Texts {
    slug: &'static str,
    title: &'static str,
    explanation: &'static str,
    what_next: &'static str,
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, rendered};
    use super::{PasskeyCeremony, PasskeyProblem, PasskeyReason};

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
            let page = PasskeyProblem { reason, ceremony: PasskeyCeremony::SignIn, return_to: HOSTILE };
            let html = rendered(&page);
            assert!(html.contains(reason.title()) && html.contains(reason.what_next()), "{html}");
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
            let page = PasskeyProblem { reason: PasskeyReason::Cancelled, ceremony, return_to: "/account" };
            assert!(rendered(&page).contains(path), "{during}");
        }
    }
}
