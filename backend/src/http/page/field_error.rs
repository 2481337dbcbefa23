//! What was wrong with an answer, said once at the top of the page and once at the field.

use std::borrow::Cow;

/// One answer that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// The field's `name`, which is its `id` as well: the summary links to it.
    pub(crate) field: &'static str,
    /// What to do about it, as a sentence without a full stop: "Enter an email address".
    pub(crate) message: Cow<'static, str>,
}

impl FieldError {
    /// An error of the field called `field`.
    pub(crate) fn new(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { field, message: message.into() }
    }
}

/// All that was not accepted on one page, in the order of its fields. Empty when the page is asked for the first time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Errors(Vec<FieldError>);

impl Errors {
    /// No error.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    /// True if all answers were accepted, or none was given yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds an error below those there are.
    #[cfg(test)]
    pub(crate) fn push(&mut self, error: FieldError) {
        self.0.push(error);
    }

    /// Every error, in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, FieldError> {
        self.0.iter()
    }

    /// The first message about `field`, which is the one shown at it.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        self.iter().find(|error| error.field == field).map(|error| error.message.as_ref())
    }
}

impl From<Vec<FieldError>> for Errors {
    fn from(errors: Vec<FieldError>) -> Self {
        Self(errors)
    }
}

impl From<FieldError> for Errors {
    fn from(error: FieldError) -> Self {
        Self(vec![error])
    }
}

#[cfg(test)]
mod tests {
    use super::{Errors, FieldError};

    #[test]
    fn a_field_shows_its_first_error() {
        let mut errors = Errors::none();
        assert!(errors.is_empty());
        errors.push(FieldError::new("code", "Enter the code"));
        errors.push(FieldError::new("code", "Enter 6 digits"));
        assert_eq!(errors.of("code"), Some("Enter the code"));
        assert_eq!(errors.of("email"), None);
        assert_eq!(errors.iter().count(), 2);
    }
}
