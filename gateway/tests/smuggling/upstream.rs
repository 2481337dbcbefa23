//! A service that writes down every byte that it is sent, connection by connection, and answers with what it read.

use super::strict;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

/// What arrived on one connection.
#[derive(Debug, Default, Clone)]
pub struct Heard {
    pub bytes: Vec<u8>,
    /// Whether the gate has ended it.
    pub ended: bool,
}

/// What has arrived, a connection after the other.
#[derive(Debug, Default, Clone)]
pub struct Log(Arc<Mutex<Vec<Heard>>>);

impl Log {
    pub fn heard(&self) -> Vec<Heard> {
        self.0.lock().expect("the log").clone()
    }

    pub fn bytes(&self) -> usize {
        self.heard().iter().map(|heard| heard.bytes.len()).sum()
    }

    /// Everything, readable.
    pub fn text(&self) -> String {
        self.heard().iter().map(|heard| format!("{}\n---\n", heard.bytes.escape_ascii())).collect()
    }

    fn begin(&self) -> usize {
        let mut log = self.0.lock().expect("the log");
        log.push(Heard::default());
        log.len() - 1
    }

    fn note(&self, connection: usize, bytes: &[u8]) {
        self.0.lock().expect("the log")[connection].bytes.extend_from_slice(bytes);
    }

    fn end(&self, connection: usize) {
        self.0.lock().expect("the log")[connection].ended = true;
    }
}

/// What a service sends for a request: the bytes, and whether it closes then.
#[derive(Debug, Clone)]
pub struct Script {
    pub bytes: Vec<u8>,
    pub closes: bool,
}

/// The answer of a service that works: what it was asked, word for word.
fn echo(request: &strict::Request) -> Script {
    let said = format!("{} {} {}", request.method, request.target, request.body.escape_ascii());
    let length = said.len();
    let said = if request.method == "HEAD" { String::new() } else { said };
    Script { bytes: format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{said}").into_bytes(), closes: false }
}

type Scripted = Arc<dyn Fn(&strict::Request) -> Option<Script> + Send + Sync>;

/// Listens on a free port.
pub async fn tcp(log: Log, scripted: Scripted) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, log.clone(), scripted.clone()));
        }
    });
    address
}

/// Listens where the backend does.
pub fn unix(path: &Path, log: Log) {
    let listener = UnixListener::bind(path).expect("a socket");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, log.clone(), Arc::new(|_| None)));
        }
    });
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, log: Log, scripted: Scripted) {
    let connection = log.begin();
    let mut waiting = Vec::new();
    let mut piece = [0; 8192];
    while let Ok(n @ 1..) = stream.read(&mut piece).await {
        log.note(connection, &piece[..n]);
        waiting.extend_from_slice(&piece[..n]);
        while let Ok((request, rest)) = strict::request(&waiting) {
            waiting = rest.to_vec();
            let script = scripted(&request).unwrap_or_else(|| echo(&request));
            if stream.write_all(&script.bytes).await.is_err() || script.closes {
                log.end(connection);
                return;
            }
        }
    }
    log.end(connection);
}
