//! What the users do, one file a kind. Each takes a connection and the number of its arrival, and acts once.

mod journey;
pub(crate) mod name;
pub(crate) mod passkey_login;
pub(crate) mod password_login;
pub(crate) mod proxied;
pub(crate) mod returning_session;
pub(crate) mod wrong_password;

use crate::client::{Answer, Connection, Failure};
use crate::measure::Steps;
use crate::random::mix;
use hyper::header::HeaderValue;
use std::sync::Arc;

/// A persona, with all that it needs.
#[derive(Debug)]
pub(crate) enum Persona {
    /// Comes back with a session and asks the edge about it.
    Returning(returning_session::ReturningSession),
    /// Asks for a page of a service, with or without a session.
    Proxied(proxied::Proxied),
    /// Logs in with a passkey.
    Login(passkey_login::PasskeyLogin),
    /// Signs in with a password.
    Password(password_login::PasswordLogin),
    /// Tries to, with a wrong one.
    WrongPassword(wrong_password::WrongPassword),
}

impl Persona {
    /// Acts once.
    ///
    /// # Errors
    /// [`Failure`], if it did not get what it came for.
    pub(crate) async fn act(&self, connection: &mut Connection, number: u64) -> Result<Option<Steps>, Failure> {
        match self {
            Self::Returning(persona) => persona.act(connection, number).await.map(|()| None),
            Self::Proxied(persona) => persona.act(connection, number).await.map(|()| None),
            Self::Login(persona) => persona.act(connection, number).await.map(|(_, steps)| Some(steps)),
            Self::Password(persona) => persona.act(connection, number).await.map(|()| None),
            Self::WrongPassword(persona) => persona.act(connection, number).await.map(|()| None),
        }
    }
}

/// `Cookie` headers of open sessions.
#[derive(Debug, Clone)]
pub(crate) struct Sessions(pub(crate) Arc<[HeaderValue]>);

impl Sessions {
    /// Sessions that nobody opened: each cookie with another last character, whose tag is that of none.
    pub(crate) fn forged(&self) -> Self {
        let forge = |cookie: &HeaderValue| {
            let mut bytes = cookie.as_bytes().to_vec();
            if let Some(last) = bytes.last_mut() {
                *last = if *last == b'A' { b'B' } else { b'A' };
            }
            HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| cookie.clone())
        };
        Self(self.0.iter().map(forge).collect())
    }

    /// The session with which arrival `number` comes: any of them, but always the same one.
    fn of(&self, number: u64) -> Option<HeaderValue> {
        let count = u64::try_from(self.0.len()).ok()?;
        let index = usize::try_from(mix(number).checked_rem(count)?).ok()?;
        self.0.get(index).cloned()
    }
}

/// Takes an answer with the expected status only.
fn expect(answer: Answer, status: u16) -> Result<Answer, Failure> {
    if answer.status == status { Ok(answer) } else { Err(Failure::Status(answer.status)) }
}
