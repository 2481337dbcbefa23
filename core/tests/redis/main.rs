//! The warm tier on Redis, against real servers of Debian's package that each test starts for itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access;
mod attack;
mod bounds;
mod cluster;
mod cold;
mod conformance;
mod cost;
mod feed;
mod race;
mod relay;
mod replacement;
mod sample;
mod server;
mod tier;
