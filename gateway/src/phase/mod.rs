//! The phases of a request, one a file, none of which imports another. What passes between them is the
//! [`crate::exchange::Exchange`].

pub mod admit;
pub mod answer;
pub mod forward;
pub mod judge;
pub mod limit;
pub mod record;

/// What follows a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// The next phase.
    Continue,
    /// Nothing: the client has its answer.
    Answered,
}
