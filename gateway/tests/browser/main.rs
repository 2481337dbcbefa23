//! What a person can do, done in a real browser with a virtual authenticator against the real program.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod account;
mod cors;
mod demo;
mod every_page;
mod form_errors;
mod hand_off;
mod https;
mod keyboard;
mod no_script;
mod passkey_offer;
mod passkey_problems;
mod person;
mod register_and_sign_in;
#[path = "../support/mod.rs"]
mod support;
mod waiting_room;
mod watch;
