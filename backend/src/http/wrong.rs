//! What is wrong with what a person entered, in their words and at its field.

use super::dates::try_again_after;
use super::page::{Errors, FieldError};
use crate::journey::{Caller, Exhausted};
use crate::model::BadEmailAddress;
use crate::password::PasswordRefused;

/// What is wrong with an address, at its field.
pub(super) fn bad_email(bad: BadEmailAddress) -> Errors {
    FieldError::new("email", bad.to_string()).into()
}

/// What is wrong with a new password, at its field.
pub(super) fn bad_password(field: &'static str, refusal: PasswordRefused) -> Errors {
    let message = match refusal {
        PasswordRefused::Empty => "Enter a password",
        PasswordRefused::TooShort => "Password must be 8 characters or more",
        PasswordRefused::TooLong => "Password must be 256 characters or fewer",
        PasswordRefused::EmailAddress => "Password must not be your email address",
        PasswordRefused::Common => "This password is one of those that are tried first. Choose another",
    };
    FieldError::new(field, message).into()
}

/// The error that says when to come back.
pub(super) fn too_many(field: &'static str, refusal: Exhausted, caller: &Caller) -> Errors {
    let after = try_again_after(refusal.until, caller.now);
    FieldError::new(field, format!("You have tried too many times. Try again after {after}")).into()
}

/// The same for passwords, which somebody else may have tried: what else leads in is said with it.
pub(super) fn too_many_passwords(field: &'static str, refusal: Exhausted, caller: &Caller) -> Errors {
    let after = try_again_after(refusal.until, caller.now);
    let message = format!(
        "Too many passwords were tried, here or somewhere else. Try again after {after}, sign in with a passkey, or use \
         a browser in which you have signed in before"
    );
    FieldError::new(field, message).into()
}
