//! Asking the backend for what the warm tier lacks, over the socket that it keeps for gateways.
//!
//! A question is rare (a passkey that Redis has lost) and has a connection of its own; warm asks at most once for a
//! request, under its own deadline.

use aldgate_core::cold::Cold;
use aldgate_core::id::CredentialDigest;
use aldgate_core::warm::Unavailable;
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;

/// How long a question may take: the backend is on this machine, and reads one row.
const DEADLINE: Duration = Duration::from_millis(200);

/// A record is a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// The backend behind its socket.
#[derive(Debug, Clone)]
pub struct SocketCold {
    socket: PathBuf,
}

impl SocketCold {
    /// Behind this socket.
    pub const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    async fn ask(&self, path: &str) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::get(path).header(http::header::HOST, "backend").body(Empty::<Bytes>::new())?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await?;
            Ok((status, body.to_bytes()))
        };
        tokio::select! {
            answered = exchange => answered,
            Err(error) = connection => Err(error.into()),
        }
    }
}

#[async_trait]
impl Cold for SocketCold {
    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        let path = format!("/credential/{credential}");
        let unavailable = |why: String| Unavailable(format!("the backend: {why}"));
        let asked = tokio::time::timeout(DEADLINE, self.ask(&path)).await;
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
