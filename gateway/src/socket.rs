//! One question over a Unix socket of the backend's, on a connection of its own: for what is asked seldom.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::path::Path;
use tokio::net::UnixStream;

/// Asks; gives the status and the whole body. The caller bounds the time.
///
/// # Errors
/// When nobody listens there, the connection breaks, or the answer is longer than `answer_bytes_max`.
pub async fn ask(
    socket: &Path,
    question: http::request::Builder,
    body: Bytes,
    answer_bytes_max: usize,
) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let question: Request<Full<Bytes>> = question.header(http::header::HOST, "backend").body(Full::new(body))?;
    let exchange = async {
        let answer = sender.send_request(question).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), answer_bytes_max).collect().await?;
        Ok((status, body.to_bytes()))
    };
    tokio::select! {
        answered = exchange => answered,
        Err(error) = connection => Err(error.into()),
    }
}
