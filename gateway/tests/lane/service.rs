//! A service that notes the bytes which it receives and answers with those that it is told to, in the pieces that it is
//! told to; and a client that reads answers byte for byte.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use crate::support::world::World;

/// What the service does with one request.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Written one after the other, with a pause between.
    pub pieces: Vec<Vec<u8>>,
    /// Whether the connection is closed then.
    pub close: bool,
}

impl Script {
    pub fn whole(answer: impl Into<Vec<u8>>) -> Self {
        Self { pieces: vec![answer.into()], close: false }
    }

    pub fn closing(self) -> Self {
        Self { close: true, ..self }
    }
}

#[derive(Default)]
struct Kept {
    scripts: VecDeque<Script>,
    always: Option<Script>,
    received: Vec<Vec<u8>>,
    accepted: usize,
    open: usize,
    ended: usize,
    speaking: usize,
}

#[derive(Clone)]
pub struct Service {
    kept: Arc<Mutex<Kept>>,
    hang_up: Arc<tokio::sync::Notify>,
    /// As the configuration names it.
    pub upstream: String,
}

impl Service {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let service = Self::at(listener.local_addr().expect("an address").to_string());
        let accepting = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("no delay");
                accepting.accept(stream);
            }
        });
        service
    }

    /// One that listens on a Unix socket.
    pub fn start_at(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a socket");
        let service = Self::at(format!("unix:{}", path.display()));
        let accepting = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepting.accept(stream);
            }
        });
        service
    }

    /// One that nobody has started: nothing listens at the address.
    pub fn at(upstream: String) -> Self {
        Self { kept: Arc::default(), hang_up: Arc::default(), upstream }
    }

    fn accept(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        self.lock(|kept| (kept.accepted, kept.open) = (kept.accepted + 1, kept.open + 1));
        let service = self.clone();
        tokio::spawn(async move {
            service.serve(stream).await;
            service.lock(|kept| (kept.open, kept.ended) = (kept.open - 1, kept.ended + 1));
        });
    }

    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut come = Vec::new();
        let mut piece = [0; 4096];
        loop {
            while let Some(end) = come.windows(4).position(|w| w == b"\r\n\r\n") {
                let head: Vec<u8> = come.drain(..end + 4).collect();
                let script = self.lock(|kept| {
                    kept.received.push(head);
                    kept.speaking += 1;
                    kept.scripts.pop_front().or_else(|| kept.always.clone())
                });
                let Some(script) = script else { return self.lock(|kept| kept.speaking -= 1) };
                for (at, piece) in script.pieces.iter().enumerate() {
                    if at > 0 {
                        pause().await;
                    }
                    if stream.write_all(piece).await.is_err() {
                        return self.lock(|kept| kept.speaking -= 1);
                    }
                }
                self.lock(|kept| kept.speaking -= 1);
                if script.close {
                    return;
                }
            }
            tokio::select! {
                read = stream.read(&mut piece) => match read {
                    Ok(n @ 1..) => come.extend_from_slice(&piece[..n]),
                    _ => return,
                },
                () = self.hang_up.notified() => return,
            }
        }
    }

    fn lock<T>(&self, with: impl FnOnce(&mut Kept) -> T) -> T {
        with(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next request is answered so.
    pub fn next(&self, script: Script) {
        self.lock(|kept| kept.scripts.push_back(script));
    }

    /// All requests are answered so, when nothing else is said.
    pub fn always(&self, script: Script) {
        self.lock(|kept| kept.always = Some(script));
    }

    /// The heads that were received since the last time.
    pub fn received(&self) -> Vec<Vec<u8>> {
        self.lock(|kept| std::mem::take(&mut kept.received))
    }

    pub fn accepted(&self) -> usize {
        self.lock(|kept| kept.accepted)
    }

    pub fn ended(&self) -> usize {
        self.lock(|kept| kept.ended)
    }

    /// Closes every connection that waits for a request.
    pub fn hang_up(&self) {
        self.hang_up.notify_waiters();
    }

    /// Whether everything that was to be said has been taken.
    pub fn said_all(&self) -> bool {
        self.lock(|kept| kept.speaking == 0)
    }

    /// Waits until nothing more will be said to the requests that came, and what was said has arrived.
    pub async fn has_said_all(&self) {
        while self.lock(|kept| kept.speaking > 0) {
            tokio::task::yield_now().await;
        }
        pause().await;
    }

    /// Forgets scripts that nobody used.
    pub fn forget(&self) {
        self.lock(|kept| kept.scripts.clear());
    }
}

/// Long enough for what was written to be read apart from what follows: a few turns of the runtime, which has one thread.
pub async fn pause() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

/// A world whose public route `/raw/` leads to the service, with the lane open or closed.
pub async fn world(service: &Service, lane: bool) -> World {
    world_with(service, lane, "").await
}

/// The same with more in its configuration.
pub async fn world_with(service: &Service, lane: bool, more: &str) -> World {
    World::with(&format!(
        "[edge]\nfast_lane = {lane}\n[[service]]\nname = \"raw\"\nupstream = \"{}\"\n[[route]]\npath = \"/raw/\"\nservice = \"raw\"\naccess = \"public\"\n[[route]]\npath = \"/known/\"\nservice = \"raw\"\n{more}",
        service.upstream
    ))
    .await
}

/// What a client has been told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The heads of interim answers, and the final one: status line, and fields with their names in small letters.
    pub heads: Vec<(String, Vec<(String, String)>)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Whether the answer was whole.
    pub whole: bool,
}

impl Told {
    pub fn status(&self) -> u16 {
        self.heads.last().and_then(|(line, _)| line.split(' ').nth(1)?.parse().ok()).unwrap_or(0)
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.heads.last().map(|(_, fields)| fields.as_slice()).unwrap_or_default();
        fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// A client's connection.
pub struct Client<S> {
    pub stream: S,
    come: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub const fn new(stream: S) -> Self {
        Self { stream, come: Vec::new() }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("sent");
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece).await {
            Ok(n @ 1..) => {
                self.come.extend_from_slice(&piece[..n]);
                true
            }
            _ => false,
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.come.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.come.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize, into: &mut Vec<u8>) -> bool {
        while self.come.len() < length {
            if !self.more().await {
                into.append(&mut self.come);
                return false;
            }
        }
        into.extend(self.come.drain(..length));
        true
    }

    /// Reads one answer, with the interim ones before it.
    pub async fn answer(&mut self, head_only: bool) -> Told {
        let mut told = Told { heads: Vec::new(), body: Vec::new(), whole: false };
        loop {
            let Some(line) = self.line().await else { return told };
            let mut fields = Vec::new();
            loop {
                let Some(field) = self.line().await else { return told };
                if field.is_empty() {
                    break;
                }
                let (name, value) = field.split_once(": ").unwrap_or((&field, ""));
                fields.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            told.heads.push((line, fields));
            if !(100..200).contains(&told.status()) {
                break;
            }
        }
        told.whole = self.body(&mut told, head_only).await;
        told
    }

    async fn body(&mut self, told: &mut Told, head_only: bool) -> bool {
        if head_only || matches!(told.status(), 204 | 304) {
            return true;
        }
        let mut body = Vec::new();
        let whole = if told
            .values("transfer-encoding")
            .last()
            .is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"))
        {
            self.chunks(&mut body).await
        } else if let Some(length) = told.values("content-length").first() {
            match length.parse() {
                Ok(length) => self.exactly(length, &mut body).await,
                Err(_) => false,
            }
        } else {
            while self.more().await {}
            body.append(&mut self.come);
            true
        };
        told.body = body;
        whole
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let Some(line) = self.line().await else { return false };
            let Ok(size) = usize::from_str_radix(&line, 16) else { return false };
            if !self.exactly(size, body).await || self.line().await.is_none_or(|end| !end.is_empty()) {
                return false;
            }
            if size == 0 {
                return true;
            }
        }
    }

    /// Whether the gateway keeps the connection: it answers another request on it.
    pub async fn is_kept(&mut self) -> bool {
        let request = b"GET /nothing-here HTTP/1.1\r\nhost: localhost:8080\r\n\r\n";
        if self.stream.write_all(request).await.is_err() {
            return false;
        }
        self.line().await.is_some_and(|line| line.starts_with("HTTP/1.1 404"))
    }
}
