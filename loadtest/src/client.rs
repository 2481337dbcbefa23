//! One kept-alive HTTP/1.1 connection to the system under test, over hyper.
//!
//! The connection's own future is driven by whoever waits for the answer: no task and no channel hop beside the
//! request, since the generator shares its cores with what it measures. A connection handles one request at a time,
//! and is opened again when the other side has closed it.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::net::{TcpSocket, TcpStream};

/// Longest body that is kept; ours are some hundred bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Why a request got no answer, or not the expected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection could be opened.
    Connect,
    /// The connection broke before the answer was complete.
    Closed,
    /// No answer within the time allowed, counted from the intended start.
    Timeout,
    /// Answered with another status than expected.
    Status(u16),
    /// Answered with the expected status, but what a browser would need is missing.
    Answer(&'static str),
    /// Longer than [`BODY_BYTES_MAX`].
    TooLong,
}

impl Failure {
    /// The kind, for counting; a status is counted by its number.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Closed => "closed",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Answer(what) => what,
            Self::TooLong => "body too long",
        }
    }
}

/// Where requests go.
#[derive(Debug)]
pub(crate) struct Target {
    /// The socket address that was found reachable.
    pub(crate) address: SocketAddr,
    /// The `Host` header.
    pub(crate) host: HeaderValue,
    /// The `Origin` header, and the origin of the client data.
    pub(crate) origin: String,
    /// What every request carries besides.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The value of the cookie `name` that this answer sets, if it sets one that is not empty.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        self.headers.get_all(hyper::header::SET_COOKIE).iter().find_map(|header| {
            let value = header.to_str().ok()?.strip_prefix(name)?.strip_prefix('=')?;
            value.split(';').next().filter(|value| !value.is_empty())
        })
    }
}

/// A request to `path` of the target.
pub(crate) fn request(target: &Target, path: &Uri, body: Full<Bytes>) -> Request<Full<Bytes>> {
    let mut request = Request::new(body);
    *request.uri_mut() = path.clone();
    request.headers_mut().insert(hyper::header::HOST, target.host.clone());
    request.headers_mut().extend(target.headers.iter().cloned());
    request
}

/// A connection of the pool; opened when first used.
pub(crate) struct Connection {
    target: Arc<Target>,
    from: Option<IpAddr>,
    link: Option<Link>,
    opened: u64,
}

struct Link {
    sender: SendRequest<Full<Bytes>>,
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
    ended: bool,
}

impl Connection {
    /// A connection that is not open yet.
    pub(crate) const fn new(target: Arc<Target>) -> Self {
        Self { target, from: None, link: None, opened: 0 }
    }

    /// The same from another address of this machine.
    pub(crate) const fn from(target: Arc<Target>, address: IpAddr) -> Self {
        Self { target, from: Some(address), link: None, opened: 0 }
    }

    /// The target.
    pub(crate) const fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// How often it had to be opened again.
    pub(crate) const fn reopened(&self) -> u64 {
        self.opened.saturating_sub(1)
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// [`Failure`] when there is no whole answer. The next exchange then uses a fresh connection.
    pub(crate) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        // The link is taken out while it is used: an exchange that is cut short leaves none behind.
        let mut link = self.ready().await?;
        let answer = link.exchange(request).await?;
        if !link.ended {
            self.link = Some(link);
        }
        Ok(answer)
    }

    /// An open link that takes a request: the kept one, unless the other side has closed it, else a new one.
    async fn ready(&mut self) -> Result<Link, Failure> {
        if let Some(mut link) = self.link.take()
            && link.ready().await.is_ok()
        {
            return Ok(link);
        }
        let mut link = Link::open(self.target.address, self.from).await?;
        self.opened += 1;
        link.ready().await?;
        Ok(link)
    }
}

async fn connect(address: SocketAddr, from: Option<IpAddr>) -> std::io::Result<TcpStream> {
    let Some(from) = from else { return TcpStream::connect(address).await };
    let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.connect(address).await
}

impl Link {
    async fn open(address: SocketAddr, from: Option<IpAddr>) -> Result<Self, Failure> {
        let stream = connect(address, from).await.map_err(|_| Failure::Connect)?;
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Connect)?;
        Ok(Self { sender, driver: Box::pin(driver), ended: false })
    }

    /// Polls the connection itself, unless it has ended.
    fn poll_driver(&mut self, context: &mut Context<'_>) {
        if !self.ended {
            self.ended = self.driver.as_mut().poll(context).is_ready();
        }
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        poll_fn(|context| {
            // First the connection: it notices a close by the other side.
            self.poll_driver(context);
            if self.ended {
                return Poll::Ready(Err(Failure::Closed));
            }
            self.sender.poll_ready(context).map_err(|_| Failure::Closed)
        })
        .await
    }

    /// Waits for `future` and drives the connection meanwhile.
    async fn drive<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Failure> {
        let mut future = pin!(future);
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            self.poll_driver(context);
            match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Ok(output)),
                Poll::Pending if self.ended => Poll::Ready(Err(Failure::Closed)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let answering = self.sender.send_request(request);
        let response = self.drive(answering).await?.map_err(|_| Failure::Closed)?;
        let (head, body) = Response::into_parts(response);
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: self.body(body).await? })
    }

    /// Reads a body; one that comes in one piece, as ours do, is not copied.
    async fn body(&mut self, mut incoming: Incoming) -> Result<Bytes, Failure> {
        let mut whole = Bytes::new();
        while let Some(frame) = self.drive(incoming.frame()).await? {
            let Ok(data) = frame.map_err(|_| Failure::Closed)?.into_data() else { continue };
            if whole.len() + data.len() > BODY_BYTES_MAX {
                return Err(Failure::TooLong);
            }
            whole = if whole.is_empty() {
                data
            } else {
                let mut joined = BytesMut::from(whole.as_ref());
                joined.extend_from_slice(&data);
                joined.freeze()
            };
        }
        Ok(whole)
    }
}
