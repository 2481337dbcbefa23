//! A session: that a person is here, since when, and how they showed who they are.
//!
//! The browser holds a [`token`] in a [`cookie`]; the warm tier holds the [`record`]. The token is the session's
//! random handle and a keyed tag over it: a forged one costs one MAC and no look-up, and a stolen copy of the warm
//! tier opens nothing, since it has no tags. Each host has a token of its own; how a browser gets it there is in
//! [`hand_off`].

pub mod cookie;
pub mod hand_off;
pub mod opened_here;
pub mod record;
pub mod token;
