//! A person on a page of a service behind the gate: on a public route, or on one that demands a session.

use super::{Sessions, expect};
use crate::client::{Connection, Failure, request};
use http_body_util::Full;
use hyper::Uri;
use hyper::header::COOKIE;

/// The persona.
#[derive(Debug)]
pub(crate) struct Proxied {
    /// The page.
    pub(crate) path: Uri,
    /// The sessions with which it is asked for; none on a public route.
    pub(crate) sessions: Option<Sessions>,
}

impl Proxied {
    /// Asks once.
    pub(super) async fn act(&self, connection: &mut Connection, number: u64) -> Result<(), Failure> {
        let mut request = request(connection.target(), &self.path, Full::default());
        if let Some(session) = self.sessions.as_ref().and_then(|sessions| sessions.of(number)) {
            request.headers_mut().insert(COOKIE, session);
        }
        expect(connection.exchange(request).await?, 200)?;
        Ok(())
    }
}
