//! What must hold when something is down (ARCHITECTURE.md, section 5), each row with real processes: one is killed
//! (SIGKILL) or made to hang (SIGSTOP), people go on meanwhile, and nobody is let in who was not before.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod backend;
mod cluster;
mod drain;
mod feed;
mod load;
mod mixed;
mod people;
mod replacement;
#[path = "../support/mod.rs"]
mod support;
mod take_over;
mod units;
mod warm;
