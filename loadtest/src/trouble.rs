//! An error for the person at the terminal: what went wrong, and what to do next.

use std::fmt;

/// What went wrong, and the next step.
#[derive(Debug)]
pub(crate) struct Trouble {
    what: String,
    next: String,
}

impl Trouble {
    /// Names the fault and the next step, each as a phrase without a full stop.
    pub(crate) fn new(what: impl fmt::Display, next: impl fmt::Display) -> Self {
        Self { what: what.to_string(), next: next.to_string() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  next: {}", self.what, self.next)
    }
}

impl std::error::Error for Trouble {}
