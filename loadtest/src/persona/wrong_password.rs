//! Somebody who tries to sign in with a password, and does not know it.
//!
//! Everybody comes from an address of their own and with an e-mail address that nobody has. To the server that costs what
//! a right password costs, the hash of one included, and no limit of one client or one account is met. What is expected
//! is the page that says "not correct" (422).

use super::expect;
use super::journey::sign_in;
use crate::client::{Connection, Failure};

/// The persona.
#[derive(Debug)]
pub(crate) struct WrongPassword {
    /// Tells the people of one run from those of another.
    pub(crate) seed: u64,
}

impl WrongPassword {
    /// Tries once.
    pub(super) async fn act(&self, connection: &Connection, number: u64) -> Result<(), Failure> {
        let email = format!("nobody-{}-{number}@load.example", self.seed);
        expect(sign_in(connection, number, &email, "not+the+password", None).await?, 422).map(|_| ())
    }
}
