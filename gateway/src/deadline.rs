//! A deadline for the whole header of an HTTP/1 request.
//!
//! Pingora bounds the wait between two reads, not the sum: a client that sends a byte now and then could hold a
//! connection for hours (slow headers, "slowloris"). [`DeadlineIo`] wraps the connection and fails its reads once a
//! header has taken too long: from the accepted connection for the first request, from the first byte for later ones.
//! It is disarmed when the header is complete and armed again when the request is over. Over HTTP/2 a connection
//! carries many requests at once and has bounds of its own.
//!
//! As it sees every byte before Pingora does, the strict reader of [`crate::framing`] stands here too.

use crate::door::stream::wraps_stream;
use crate::framing::{Fault, Reader};
use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::http::ServerSession;
use pingora::protocols::{ALPN, Stream};
use pingora::server::ShutdownWatch;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a header may take.
pub const HEADER_DEADLINE: Duration = Duration::from_secs(10);

/// An application whose HTTP/1 connections have the deadline.
pub struct WithDeadline<A> {
    app: Arc<A>,
}

impl<A> WithDeadline<A> {
    /// Wraps an application.
    pub const fn new(app: Arc<A>) -> Self {
        Self { app }
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> ServerApp for WithDeadline<A> {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let many_requests_at_once = matches!(stream.selected_alpn_proto(), Some(ALPN::H2));
        let stream = if many_requests_at_once { stream } else { Box::new(DeadlineIo::new(stream)) };
        self.app.process_new(stream, shutdown).await
    }

    async fn cleanup(&self) {
        self.app.cleanup().await;
    }
}

/// The header of this request is complete.
pub fn header_is_complete(session: &ServerSession) {
    if let Some(io) = connection(session) {
        io.armed.store(false, Ordering::Relaxed);
        io.reset.store(true, Ordering::Relaxed);
    }
}

/// This request is over; the next header on the connection has a deadline of its own.
pub fn request_is_over(session: &ServerSession) {
    if let Some(io) = connection(session) {
        io.armed.store(true, Ordering::Relaxed);
        io.over.store(true, Ordering::Relaxed);
    }
}

/// What the strict reader says about an HTTP/1 request whose header has so many bytes.
///
/// # Errors
/// The fault, for which the request is refused; one, too, where no such reader stands on the connection.
pub fn header_as_sent(session: &ServerSession, bytes: usize) -> Result<(), Fault> {
    connection(session).map_or(Err(Fault::Disagreement), |io| io.reader.head(bytes))
}

/// Why the connection can be read no further, if it was what came on it.
pub fn fault(session: &ServerSession) -> Option<Fault> {
    connection(session).and_then(|io| io.reader.fault())
}

/// Bounds each read to so many bytes, or no longer.
pub fn read_at_most(session: &ServerSession, bytes: Option<usize>) {
    if let Some(io) = connection(session) {
        io.at_most.store(bytes.unwrap_or(usize::MAX), Ordering::Relaxed);
    }
}

/// What has come on a connection behind the header of its request, while nothing of the body was read.
pub fn behind_header(stream: &Stream) -> &[u8] {
    of(stream).map_or(&[], |io| io.reader.behind_head())
}

fn connection(session: &ServerSession) -> Option<&DeadlineIo> {
    session.stream().and_then(of)
}

fn of(stream: &Stream) -> Option<&DeadlineIo> {
    stream.as_any().downcast_ref()
}

/// A connection whose reads fail when a header takes too long.
struct DeadlineIo {
    inner: Stream,
    /// Whether a header is being read or waited for.
    armed: AtomicBool,
    /// Whether what is kept below belongs to a header that was completed.
    reset: AtomicBool,
    /// Whether the header has begun.
    begun: bool,
    /// Runs only while a header that has begun is waited for: the usual one comes in one piece and needs no timer.
    deadline: Option<Pin<Box<Sleep>>>,
    /// What has come, read strictly.
    reader: Reader,
    /// Whether the request that the reader has read is over.
    over: AtomicBool,
    /// The most bytes that a read gives.
    at_most: AtomicUsize,
}

wraps_stream!(DeadlineIo, write);

impl DeadlineIo {
    fn new(inner: Stream) -> Self {
        Self {
            inner,
            armed: AtomicBool::new(true),
            reset: AtomicBool::new(false),
            begun: true,
            deadline: None,
            reader: Reader::default(),
            over: AtomicBool::new(false),
            at_most: AtomicUsize::new(usize::MAX),
        }
    }

    fn poll_inner(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let at_most = self.at_most.load(Ordering::Relaxed);
        if buffer.remaining() <= at_most {
            return Pin::new(&mut self.inner).poll_read(context, buffer);
        }
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(at_most));
        let result = Pin::new(&mut self.inner).poll_read(context, &mut part);
        let read = part.filled().len();
        buffer.advance(read);
        result
    }

    /// Ready with an error once the deadline has passed.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if !(self.armed.load(Ordering::Relaxed) && self.begun) {
            return Poll::Pending;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(HEADER_DEADLINE)));
        deadline.as_mut().poll(context).map(|()| io::Error::new(io::ErrorKind::TimedOut, "the header took too long"))
    }
}

impl AsyncRead for DeadlineIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reset.swap(false, Ordering::Relaxed) {
            self.begun = false;
            self.deadline = None;
        }
        if self.deadline.is_some()
            && let Poll::Ready(error) = self.poll_deadline(context)
        {
            return Poll::Ready(Err(error));
        }
        if self.over.load(Ordering::Relaxed) {
            self.over.store(false, Ordering::Relaxed);
            self.reader.next();
        }
        let before = buffer.filled().len();
        match self.poll_inner(context, buffer) {
            Poll::Pending => Poll::Ready(Err(ready!(self.poll_deadline(context)))),
            Poll::Ready(result) => {
                self.begun |= buffer.filled().len() > before;
                if let Err(fault) = self.reader.read(&buffer.filled()[before..]) {
                    buffer.set_filled(before);
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, fault)));
                }
                Poll::Ready(result)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    async fn read_until_cut(io: &mut DeadlineIo) -> (usize, Duration, io::Result<usize>) {
        let started = Instant::now();
        let (mut total, mut piece) = (0, [0; 64]);
        loop {
            match io.read(&mut piece).await {
                Ok(n @ 1..) => total += n,
                end => return (total, started.elapsed(), end),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_a_byte_at_a_time_is_cut_at_the_deadline() {
        let (mut client, server) = duplex(64);
        let mut io = DeadlineIo::new(Box::new(server));
        tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(100)).await;
            }
        });
        let (bytes, took, end) = read_until_cut(&mut io).await;
        assert_eq!(end.map_err(|e| e.kind()), Err(io::ErrorKind::TimedOut));
        assert!(bytes >= 90 && took <= HEADER_DEADLINE + Duration::from_millis(200), "{bytes} in {took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_is_cut_too() {
        let (_client, server) = duplex(64);
        let mut io = DeadlineIo::new(Box::new(server));
        let (_, took, end) = read_until_cut(&mut io).await;
        assert!(end.is_err() && took <= HEADER_DEADLINE + Duration::from_millis(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_and_an_idle_connection_are_not_its_affair() {
        let (mut client, server) = duplex(64);
        let mut io = DeadlineIo::new(Box::new(server));
        client.write_all(b"header").await.expect("written");
        let mut piece = [0; 64];
        assert_eq!(io.read(&mut piece).await.expect("the header"), 6);
        io.armed.store(false, Ordering::Relaxed);
        io.reset.store(true, Ordering::Relaxed);
        tokio::spawn(async move {
            sleep(HEADER_DEADLINE * 2).await;
            client.write_all(b"body").await.expect("written");
            sleep(HEADER_DEADLINE * 2).await;
            client.write_all(b"next").await.expect("written");
            sleep(HEADER_DEADLINE * 2).await;
        });
        assert_eq!(io.read(&mut piece).await.expect("a late body"), 4);
        io.reset.store(true, Ordering::Relaxed);
        io.armed.store(true, Ordering::Relaxed);
        assert_eq!(io.read(&mut piece).await.expect("a late next request"), 4);
        let begun = Instant::now();
        assert!(io.read(&mut piece).await.is_err(), "whose header is never finished");
        assert!(begun.elapsed() <= HEADER_DEADLINE + Duration::from_millis(10));
    }
}
