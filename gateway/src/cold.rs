//! Asking the backend for what the warm tier lacks, over the socket that it keeps for gateways.
//!
//! A question is rare (a passkey that Redis has lost) and has a connection of its own; warm asks at most once for a
//! request. But anybody can sign in with a passkey that nobody has registered, and each of those is asked about too: no
//! more than [`QUESTIONS_MAX`] at once.

use crate::socket;
use aldgate_core::cold::Cold;
use aldgate_core::id::CredentialDigest;
use aldgate_core::warm::Unavailable;
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How long a question may take: the backend is on this machine, and reads one row.
const DEADLINE: Duration = Duration::from_millis(200);

/// A record is a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// How many questions may be under way at once: more than a backend answers within their deadline, it need not see.
const QUESTIONS_MAX: usize = 64;

/// The backend behind its socket.
#[derive(Debug)]
pub struct SocketCold {
    socket: PathBuf,
    places: Semaphore,
}

impl SocketCold {
    /// Behind this socket.
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket, places: Semaphore::const_new(QUESTIONS_MAX) }
    }
}

#[async_trait]
impl Cold for SocketCold {
    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        let path = format!("/credential/{credential}");
        let unavailable = |why: String| Unavailable(format!("the backend: {why}"));
        let _place = self.places.try_acquire().map_err(|_| unavailable("too many questions are under way".into()))?;
        let question = socket::ask(&self.socket, Request::get(path), Bytes::new(), ANSWER_BYTES_MAX);
        let asked = tokio::time::timeout(DEADLINE, question).await;
        let asked = asked.map_err(|_| unavailable("no answer in time".into()))?;
        match asked.map_err(|error| unavailable(error.to_string()))? {
            (StatusCode::OK, body) => {
                let record = CredentialRecord::decode(*credential, &body);
                record.map(Some).ok_or_else(|| unavailable("an answer that cannot be read".into()))
            }
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (status, _) => Err(unavailable(format!("status {status}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::UnixListener;

    #[tokio::test]
    async fn however_many_ask_a_backend_that_hangs_sees_few_of_them() {
        let dir = tempfile::TempDir::new().expect("a directory");
        let socket = dir.path().join("cold.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let seen = Arc::new(AtomicUsize::new(0));
        let count = seen.clone();
        let hanging = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                held.push(stream);
            }
        });
        let cold = SocketCold::new(socket);
        let digests: Vec<_> = (0..=u8::MAX).map(|n| CredentialDigest::of(&[n])).collect();
        let answers = join_all(digests.iter().map(|digest| cold.credential(digest))).await;
        assert!(answers.iter().all(Result::is_err), "nothing is concluded from that");
        assert_eq!(seen.load(Ordering::SeqCst), QUESTIONS_MAX);
        let again = cold.credential(&digests[0]).await.expect_err("it still hangs");
        assert!(again.0.contains("in time"), "the places are free again: {again}");
        hanging.abort();
    }
}
