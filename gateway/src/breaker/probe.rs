//! The question that tells a backend that hangs from one that is slow: `GET /readyz`, on its own socket.
//!
//! Any answer is an answer: what matters is that somebody reads and writes. But for 503, with which the backend says that
//! its database does not answer, and that whoever comes would wait for nothing. The deadline is counted in ticks of this
//! process rather than in time: on a machine that stands still for a moment, the question stands still with it.

use super::Breaker;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::time::sleep;

/// How long it is until the next question.
const PAUSE: Duration = Duration::from_millis(200);

/// How long an answer may take: with the pause before it, less than the second within which a failure must be clean.
const TICK: Duration = Duration::from_millis(100);
const TICKS: u32 = 5;

/// Questions at the start that may find nobody, for a second: in one process with the gateway, the backend listens a
/// moment later. One that listens and says nothing is no such case.
const STARTING: u32 = 50;

type Failed = Box<dyn Error + Send + Sync>;

/// What the backend says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Ready,
    /// That its database does not answer.
    NoDatabase,
}

/// Asks for ever, and opens and closes the breaker by what comes back. To be spawned beside the listeners.
pub async fn watch(breaker: Arc<Breaker>, socket: PathBuf) {
    let mut line = Line { socket, sender: None };
    for _ in 0..STARTING {
        match within_deadline(line.ask()).await {
            Err(error) if does_not_listen_yet(&error) => sleep(TICK / 5).await,
            _ => break,
        }
    }
    loop {
        match within_deadline(line.ask()).await {
            Ok(Said::Ready) => breaker.close(),
            Ok(Said::NoDatabase) => breaker.open("its database does not answer"),
            Err(why) => {
                line.sender = None; // Its answer, should it ever come, is that of a question that is over.
                breaker.open(&why.to_string());
            }
        }
        sleep(PAUSE).await;
    }
}

fn does_not_listen_yet(error: &Failed) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused))
}

async fn within_deadline<T>(asking: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
    let late = async {
        for _ in 0..TICKS {
            sleep(TICK).await;
        }
    };
    tokio::select! {
        biased;
        answered = asking => answered,
        () = late => Err("no answer in time".into()),
    }
}

/// The connection that questions go over; kept, since they are many and all the same.
struct Line {
    socket: PathBuf,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Line {
    /// Asks once; anew on a fresh connection if the kept one is gone, as it is after every restart of the backend.
    async fn ask(&mut self) -> Result<Said, Failed> {
        if let Some(mut sender) = self.sender.take()
            && let Ok(said) = ask_on(&mut sender).await
        {
            self.sender = Some(sender);
            return Ok(said);
        }
        let mut sender = dial(&self.socket).await?;
        let said = ask_on(&mut sender).await?;
        self.sender = Some(sender);
        Ok(said)
    }
}

async fn dial(socket: &Path) -> Result<SendRequest<Empty<Bytes>>, Failed> {
    let stream = UnixStream::connect(socket).await?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection); // Ends with its sender.
    Ok(sender)
}

async fn ask_on(sender: &mut SendRequest<Empty<Bytes>>) -> Result<Said, Failed> {
    sender.ready().await?;
    let question = Request::get("/readyz").header(http::header::HOST, "backend").body(Empty::new())?;
    let answer = sender.send_request(question).await?;
    let status = answer.status();
    answer.into_body().collect().await?; // Of our own backend: nothing, or a page.
    Ok(if status == StatusCode::SERVICE_UNAVAILABLE { Said::NoDatabase } else { Said::Ready })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;
    use tokio::task::AbortHandle;

    /// A backend that answers every question, on a connection or anew.
    fn answering(socket: &Path) -> AbortHandle {
        answering_with(socket, "204 No Content")
    }

    fn answering_with(socket: &Path, status: &'static str) -> AbortHandle {
        let listener = UnixListener::bind(socket).expect("a socket");
        let serving = tokio::spawn(async move {
            let mut answering = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                answering.spawn(async move {
                    while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                        let answer = format!("HTTP/1.1 {status}\r\n{}\r\n", length(status));
                        stream.write_all(answer.as_bytes()).await.expect("written");
                    }
                });
            }
        });
        serving.abort_handle()
    }

    fn length(status: &str) -> &'static str {
        if status.starts_with("204") { "" } else { "content-length: 0\r\n" }
    }

    async fn until(is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("in time");
    }

    #[tokio::test]
    async fn a_backend_that_is_gone_opens_the_breaker_and_one_that_is_back_closes_it() {
        let dir = TempDir::new().expect("a directory");
        let socket = dir.path().join("backend.sock");
        let first = answering(&socket);
        let breaker = Arc::new(Breaker::default());
        breaker.open("for a test");
        let watching = tokio::spawn(watch(breaker.clone(), socket.clone()));
        until(|| !breaker.is_open()).await;
        first.abort();
        std::fs::remove_file(&socket).expect("removed");
        until(|| breaker.is_open()).await;
        let second = answering(&socket);
        until(|| !breaker.is_open()).await;
        second.abort();
        watching.abort();
    }

    #[tokio::test]
    async fn a_backend_that_says_that_its_database_is_away_opens_the_breaker_and_one_of_before_does_not() {
        let dir = TempDir::new().expect("a directory");
        let socket = dir.path().join("backend.sock");
        let away = answering_with(&socket, "503 Service Unavailable");
        let breaker = Arc::new(Breaker::default());
        let watching = tokio::spawn(watch(breaker.clone(), socket.clone()));
        until(|| breaker.is_open()).await;
        away.abort();
        std::fs::remove_file(&socket).expect("removed");
        let knows_no_such_question = answering_with(&socket, "404 Not Found");
        until(|| !breaker.is_open()).await;
        knows_no_such_question.abort();
        watching.abort();
    }

    #[tokio::test]
    async fn a_backend_that_takes_questions_and_says_nothing_opens_the_breaker() {
        let dir = TempDir::new().expect("a directory");
        let socket = dir.path().join("backend.sock");
        let _silent = UnixListener::bind(&socket).expect("a socket");
        let breaker = Arc::new(Breaker::default());
        let watching = tokio::spawn(watch(breaker.clone(), socket));
        until(|| breaker.is_open()).await;
        watching.abort();
    }

    #[tokio::test]
    async fn a_kept_connection_that_the_backend_has_closed_is_no_failure() {
        let dir = TempDir::new().expect("a directory");
        let socket = dir.path().join("backend.sock");
        let first = answering(&socket);
        let mut line = Line { socket: socket.clone(), sender: None };
        assert_eq!(line.ask().await.expect("an answer"), Said::Ready);
        first.abort();
        std::fs::remove_file(&socket).expect("removed");
        let second = answering(&socket);
        assert_eq!(line.ask().await.expect("an answer on a fresh connection"), Said::Ready);
        second.abort();
    }
}
