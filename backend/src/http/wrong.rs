//! What is wrong with what a person entered, in their words and at its field.

use super::dates::try_again_after;
use super::page::{Errors, FieldError};
use super::problem::Shown;
use crate::journey::{Caller, CodeRefused, Exhausted};
use crate::model::BadEmailAddress;
use crate::password::{CHARS_MAX, PasswordRefused};
use crate::words::Words;

/// What is wrong with an address, at its field.
pub(super) fn bad_email(bad: BadEmailAddress, words: Words) -> Errors {
    let message = match bad {
        BadEmailAddress::Empty => words.enter_email(),
        BadEmailAddress::TooLong => words.email_too_long(),
        BadEmailAddress::Whitespace => words.email_spaces(),
        BadEmailAddress::NoAt => words.email_no_at(),
        BadEmailAddress::SeveralAts => words.email_several_ats(),
        BadEmailAddress::NoName => words.email_no_name(),
        BadEmailAddress::NoDomain => words.email_no_domain(),
    };
    FieldError::new("email", message).into()
}

/// What is wrong with a new password, at its field.
pub(super) fn bad_password(field: &'static str, refusal: PasswordRefused, words: Words) -> Errors {
    let message: String = match refusal {
        PasswordRefused::Empty => words.enter_a_password().into(),
        PasswordRefused::TooShort(least) => words.password_too_short(least),
        PasswordRefused::TooLong => words.password_too_long(CHARS_MAX),
        PasswordRefused::EmailAddress => words.password_is_email().into(),
        PasswordRefused::Common => words.password_common().into(),
        PasswordRefused::Breached => words.password_breached().into(),
    };
    FieldError::new(field, message).into()
}

/// Why a code that was sent, or that an app shows, proves nothing, at its field; a wrong one is said to be `wrong`.
pub(super) fn code_refused(refusal: CodeRefused, wrong: &'static str, caller: &Caller) -> (Errors, Shown) {
    let words = caller.words();
    let message = match refusal {
        CodeRefused::Exhausted(refusal) => return (too_many("code", refusal, caller), Shown::Exhausted),
        CodeRefused::Malformed => words.enter_the_code(),
        CodeRefused::Wrong => wrong,
        CodeRefused::Spent => words.code_spent(),
    };
    (FieldError::new("code", message).into(), Shown::WithErrors)
}

/// The error that says when to come back.
pub(super) fn too_many(field: &'static str, refusal: Exhausted, caller: &Caller) -> Errors {
    let words = caller.words();
    let after = try_again_after(refusal.until, caller.now, words);
    FieldError::new(field, words.too_many_times(&after)).into()
}

/// The same for passwords, which somebody else may have tried: what else leads in is said with it.
pub(super) fn too_many_passwords(field: &'static str, refusal: Exhausted, caller: &Caller) -> Errors {
    let words = caller.words();
    let after = try_again_after(refusal.until, caller.now, words);
    FieldError::new(field, words.too_many_passwords(&after)).into()
}
