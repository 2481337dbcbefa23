//! A person who comes back: `GET /session` with a session cookie. The edge answers by itself; nothing is proxied.

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
}

impl ReturningSession {
    /// Asks once.
    pub(super) async fn act(&self, connection: &mut Connection, number: u64) -> Result<(), Failure> {
        let mut request = request(connection.target(), &self.path, Full::default());
        if let Some(session) = self.sessions.of(number) {
            request.headers_mut().insert(COOKIE, session);
        }
        expect(connection.exchange(request).await?, 200)?;
        Ok(())
    }
}
