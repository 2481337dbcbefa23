//! The backend from the outside: whole journeys over its socket, with a real SQLite file, a clock that is moved by
//! hand, software authenticators, and a browser and a gate of a few lines each (see [`world`]).

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on says why and ends")]

mod abuse;
mod account;
mod hangs_up;
mod language;
mod new_browser;
mod offer;
mod oidc;
mod overtaken;
mod passkey;
mod recover;
mod register;
mod second_step;
mod sign_in;
mod steps;
mod world;
