//! Passkey log-in at the edge: options and log-in, without the backend.

pub mod binding;
pub mod body;
pub mod login;
pub mod options;
