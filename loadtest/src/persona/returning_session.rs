//! A person who comes back: `GET /session` with a session cookie. The edge answers by itself; nothing is proxied. And
//! somebody who makes the cookie up, and has to be refused at no greater cost.

use super::{Sessions, expect};
use crate::client::{Connection, Failure, request};
use http_body_util::Full;
use hyper::Uri;
use hyper::header::COOKIE;

/// The persona.
#[derive(Debug)]
pub(crate) struct ReturningSession {
    /// What is asked for.
    pub(crate) path: Uri,
    /// The sessions with which it is asked.
    pub(crate) sessions: Sessions,
    /// The status of the right answer: 200, or 401 for what was made up.
    pub(crate) status: u16,
}

impl ReturningSession {
    /// Asks once.
    pub(super) async fn act(&self, connection: &mut Connection, number: u64) -> Result<(), Failure> {
        let mut request = request(connection.target(), &self.path, Full::default());
        if let Some(session) = self.sessions.of(number) {
            request.headers_mut().insert(COOKIE, session);
        }
        expect(connection.exchange(request).await?, self.status)?;
        Ok(())
    }
}
