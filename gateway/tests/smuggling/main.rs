//! Request smuggling (RFC 9112, section 11.2): whatever is sent to the gate, the service behind it gets whole requests
//! that mean one thing, and the gate answers each as itself. Real edge, raw bytes on both sides.
//!
//! A file a theme; in each, tables of attacks with their names. [`gate`] says what must hold for every one of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]

mod answers;
mod chunks;
mod gate;
mod http2;
mod lengths;
mod lines;
mod mixtures;
mod nominations;
mod pipelines;
mod strict;
#[path = "../support/mod.rs"]
mod support;
mod switching;
mod targets;
mod upstream;
