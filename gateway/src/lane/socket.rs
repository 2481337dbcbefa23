//! A connection to a service, with a deadline for each thing that is waited for.

use bytes::BytesMut;
use pingora::{Error, ErrorType, Result};
use pingora_timeout::timeout;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

/// Where a service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

/// How long what may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To connect.
    pub connect: Duration,
    /// Between two pieces of an answer.
    pub read: Duration,
    /// To take a request's head.
    pub write: Duration,
}

/// A connection.
#[derive(Debug)]
pub enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

impl Socket {
    /// Connects.
    ///
    /// # Errors
    /// The same kinds as Pingora's connector gives, so that the client is told the same.
    pub async fn connect(address: &Address, within: Duration) -> Result<Self> {
        let connecting = async {
            match address {
                Address::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Ok(Self::Tcp(stream))
                }
                Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
            }
        };
        let connected = timeout(within, connecting)
            .await
            .map_err(|_| Error::explain(ErrorType::ConnectTimedout, "connecting to a service").into_up())?;
        connected.map_err(|error: io::Error| {
            let kind = match error.kind() {
                io::ErrorKind::ConnectionRefused => ErrorType::ConnectRefused,
                _ => ErrorType::ConnectError,
            };
            Error::because(kind, "connecting to a service", error).into_up()
        })
    }

    /// Writes everything.
    ///
    /// # Errors
    /// The connection's, or [`io::ErrorKind::TimedOut`].
    pub async fn write(&mut self, bytes: &[u8], within: Duration) -> io::Result<()> {
        let writing = async {
            match self {
                Self::Tcp(stream) => stream.write_all(bytes).await,
                Self::Unix(stream) => stream.write_all(bytes).await,
            }
        };
        timeout(within, writing).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads what has come, zero bytes at the end. Nothing is lost if the wait for it is given up.
    ///
    /// # Errors
    /// The connection's, or [`io::ErrorKind::TimedOut`].
    pub async fn read(&mut self, come: &mut BytesMut, within: Duration) -> io::Result<usize> {
        let reading = async {
            match self {
                Self::Tcp(stream) => stream.read_buf(come).await,
                Self::Unix(stream) => stream.read_buf(come).await,
            }
        };
        timeout(within, reading).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whether an idle connection is still what it was left as: open, and silent. One that has been closed cannot take a
    /// request, and one that says something would have its words taken for the answer to another request.
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0];
        let read = match self {
            Self::Tcp(stream) => stream.try_read(&mut byte),
            Self::Unix(stream) => stream.try_read(&mut byte),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}
