//! Services that people sign in to, made with other people's software and the samples of `config/clients`, against the
//! real program with a real browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod apache;
mod authlib;
mod ground;
mod openid_client;
#[path = "../browser/person.rs"]
#[allow(dead_code, reason = "some of the steps of the browser's tests")]
mod person;
mod sample;
mod service;
#[path = "../support/mod.rs"]
mod support;
