//! Aldgate's domain and hot path.
//!
//! This crate is pure: it opens no socket, reads no file, and takes the time and all randomness as arguments. It knows
//! nothing of HTTP servers, of the backend or of the load generator. What it lacks it returns as a need
//! ([`verdict::Verdict::NeedsLookup`]), and the shell goes and gets it.
//!
//! The door of the hot path is [`decide::decide`]; the door of a passkey log-in is [`webauthn::assertion::verify`].
//! The traits of the shared tier are in [`warm`]; the caches of one process are in [`hot`].

pub mod assurance;
pub mod cold;
pub mod decide;
pub mod device;
pub mod entropy;
pub mod hot;
pub mod id;
pub mod identity_header;
pub mod language;
pub mod limit;
pub mod policy;
pub mod secret;
pub mod seldom;
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod tls_ticket;
pub mod token;
pub mod verdict;
pub mod warm;
pub mod webauthn;
