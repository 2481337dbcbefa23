//! A connection to the backend that ends when the breaker opens.
//!
//! Pingora reads an answer under one deadline that was set before the request was sent. This connection has no other
//! deadline than that, but it fails whoever waits on it as soon as it is known that nobody answers. Each request has a
//! connection of its own: one that was kept might be closed by a backend that is just ending, and a form that had been
//! sent on it could be repeated by nobody.

use super::Breaker;
use async_trait::async_trait;
use pingora::connectors::L4Connect;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::protocols::l4::stream::Stream;
use pingora::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora::{Error, ErrorType, OrErr as _, Result};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

/// Ends when the breaker opens. In a lock that nobody ever waits for, since Pingora shares connections between threads.
type Opened = Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>;

/// A connection that fails when the breaker opens.
struct Breakable {
    inner: UnixStream,
    opened: Opened,
}

impl fmt::Debug for Breakable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakable").field("inner", &self.inner).finish_non_exhaustive()
    }
}

#[async_trait]
impl L4Connect for Breaker {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let path = address.as_unix().and_then(|address| address.as_pathname());
        let path = path.ok_or_else(|| Error::explain(ErrorType::ConnectNoRoute, "the backend has a Unix socket"))?;
        let mut told = self.told.subscribe();
        let inner = UnixStream::connect(path).await.or_err(ErrorType::ConnectRefused, "the backend's socket")?;
        // The sender is gone: so is the gateway.
        let opened = async move { drop(told.wait_for(|open| *open).await) };
        let connection = Breakable { inner, opened: Mutex::new(Box::pin(opened)) };
        Ok(VirtualSocketStream::new(Box::new(connection)).into())
    }
}

impl Breakable {
    /// What was ready, or that the breaker has opened.
    fn unless_opened<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let opened = self.opened.get_mut().unwrap_or_else(PoisonError::into_inner);
        match polled {
            Poll::Pending if opened.as_mut().poll(context).is_ready() => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the backend does not answer")))
            }
            polled => polled,
        }
    }
}

impl AsyncRead for Breakable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        self.unless_opened(context, polled)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.unless_opened(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl VirtualSocket for Breakable {
    /// Delays and keep-alives are TCP's.
    fn set_socket_option(&self, _: VirtualSockOpt) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::SocketAddr as UnixAddress;
    use std::sync::Arc;
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    async fn connected(breaker: &Breaker) -> (TempDir, Stream, UnixStream) {
        let dir = TempDir::new().expect("a directory");
        let path = dir.path().join("backend.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let address = SocketAddr::Unix(UnixAddress::from_pathname(&path).expect("an address"));
        let here = breaker.connect(&address).await.expect("connected");
        let (there, _) = listener.accept().await.expect("accepted");
        (dir, here, there)
    }

    #[tokio::test]
    async fn who_waits_for_an_answer_is_told_when_the_breaker_opens() {
        let breaker = Arc::new(Breaker::default());
        let (_dir, mut here, _there) = connected(&breaker).await;
        let waiting = tokio::spawn(async move { here.read_u8().await.map_err(|error| error.kind()) });
        tokio::task::yield_now().await;
        breaker.open("for a test");
        assert_eq!(waiting.await.expect("a task"), Err(io::ErrorKind::ConnectionAborted));
    }

    #[tokio::test]
    async fn a_breaker_that_was_open_harms_no_connection_that_is_made_after_it_closed() {
        let breaker = Breaker::default();
        breaker.open("for a test");
        breaker.close();
        assert!(!breaker.is_open());
        let (_dir, mut here, mut there) = connected(&breaker).await;
        there.write_all(b"a").await.expect("written");
        assert_eq!(here.read_u8().await.expect("whole"), b'a');
    }
}
