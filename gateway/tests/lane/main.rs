//! The fast lane beside the general way, over services that speak raw bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub, reason = "tests")]
#![allow(
    clippy::duplicate_mod,
    reason = "the fuzz target names modules of these tests by their paths, as it must (see `fuzzed`)"
)]

/// So that the fuzz target finds what it takes `libfuzzer_sys` to have.
extern crate self as libfuzzer_sys;
use fuzzed::fuzz_target;

#[path = "../support/mod.rs"]
mod support;

mod agree;
mod differential;
mod failures;
mod framing;
mod fuzzed;
mod hop_by_hop;
mod http2;
mod idle;
mod poisoning;
mod reference;
mod requests;
mod service;
mod streaming;
mod unix_socket;
