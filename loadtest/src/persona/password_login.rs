//! A person who signs in with a password: page, address, page, password, as a browser walks it.
//!
//! Everybody comes over a connection of their own, from an address of their own (127.1.0.1 and on: a gateway on this
//! machine sees them so), and with the cookie by which their browser is known since their last sign-in.

use super::expect;
use super::journey::{DEVICE, sign_in};
use crate::client::{Connection, Failure};
use crate::people::{PASSWORD_TYPED, email_address};
use aldgate_core::session::cookie;
use hyper::header::HeaderValue;
use std::sync::{Mutex, PoisonError};

/// The persona.
#[derive(Debug)]
pub(crate) struct PasswordLogin {
    /// The seed that the accounts were made from.
    pub(crate) seed: u64,
    /// The accounts, which take turns; what each one's browser is known by.
    pub(crate) browsers: Box<[Mutex<Option<HeaderValue>>]>,
}

impl PasswordLogin {
    /// So many people with a password, none of them in a browser that is known yet.
    pub(crate) fn new(seed: u64, people: u64) -> Self {
        Self { seed, browsers: (0..people).map(|_| Mutex::default()).collect() }
    }

    /// Signs the next person in.
    pub(super) async fn act(&self, connection: &Connection, number: u64) -> Result<(), Failure> {
        let people = u64::try_from(self.browsers.len()).unwrap_or(u64::MAX);
        let person = number.checked_rem(people).ok_or(Failure::Answer("nobody has a password"))?;
        self.sign_in(connection, person, number).await
    }

    /// Signs one person in, over a connection from the address of this number.
    pub(crate) async fn sign_in(&self, connection: &Connection, person: u64, number: u64) -> Result<(), Failure> {
        let email = email_address(self.seed, person);
        let browser = usize::try_from(person).ok().and_then(|person| self.browsers.get(person));
        let browser = browser.ok_or(Failure::Answer("nobody has a password"))?;
        let known = browser.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = expect(sign_in(connection, number, &email, PASSWORD_TYPED, known.as_ref()).await?, 303)?;
        answer.cookie(cookie::SESSION).ok_or(Failure::Answer("no session cookie"))?;
        if let Some(device) = answer.cookie(DEVICE).and_then(|device| HeaderValue::from_str(device).ok()) {
            *browser.lock().unwrap_or_else(PoisonError::into_inner) = Some(device);
        }
        Ok(())
    }
}
