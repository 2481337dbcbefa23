//! The TLS handshake: TLS 1.2 and 1.3, suites with forward secrecy only, nothing early (0-RTT is off), HTTP/2 preferred.
//!
//! Each handshake is served with the certificate, and asks for those of clients with the authorities, that the
//! configuration names then. The whole of it has a deadline. One that fails is counted, not logged: scanners fail all day.

use super::stream::wraps_stream;
use super::tickets::Tickets;
use crate::metrics::Metrics;
use crate::state::EdgeState;
use crate::tls::follow::{ClientVerifier, ServedCertificate};
use crate::tls::shown::KeepShown;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::Stream;
use pingora::protocols::tls::server::handshake_with_callback;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::timeout;

/// How long a handshake may take, from the accepted connection on.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Tickets that a TLS 1.3 client is given: it may open two connections at once the next time.
const TICKETS: usize = 2;

/// The listener cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum CannotShake {
    /// It has no certificate.
    #[error("there is no certificate")]
    NoCertificate,
    /// The versions and suites do not go together.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Why a handshake failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It took too long.
    #[error("the handshake took too long")]
    Deadline,
    /// The client went away.
    #[error("the client went away during the handshake")]
    Closed,
    /// No version, suite or certificate that both sides take, or not TLS at all.
    #[error("the handshake failed")]
    Refused,
}

/// Makes the handshakes of one listener.
pub struct Handshakes {
    acceptor: Acceptor,
    metrics: Arc<Metrics>,
    deadline: Duration,
}

impl Handshakes {
    /// For a listener of this gateway.
    ///
    /// # Errors
    /// [`CannotShake`].
    pub fn new(state: &Arc<EdgeState>) -> Result<Self, CannotShake> {
        let acceptor = Acceptor::from_server_config(Arc::new(server_config(state)?));
        Ok(Self { acceptor, metrics: state.metrics.clone(), deadline: HANDSHAKE_DEADLINE })
    }

    /// The same with another deadline.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Makes the handshake on a connection that was just accepted.
    ///
    /// # Errors
    /// [`Failed`]: the connection is closed, and it is counted.
    pub async fn shake(&self, stream: Stream) -> Result<Stream, Failed> {
        let ended = Arc::new(AtomicBool::new(false));
        let wire = Wire { inner: stream, ended: ended.clone() };
        let shaken = timeout(self.deadline, handshake_with_callback(&self.acceptor, wire, &KeepShown)).await;
        let shaken = match shaken {
            Ok(Ok(stream)) => Ok(stream),
            Err(_) => Err(Failed::Deadline),
            Ok(Err(_)) if ended.load(Ordering::Relaxed) => Err(Failed::Closed),
            Ok(Err(_)) => Err(Failed::Refused),
        };
        self.metrics.door.shaken(shaken.as_ref().err().copied());
        shaken.map(|stream| Box::new(stream) as Stream)
    }
}

/// How TLS is spoken.
///
/// # Errors
/// [`CannotShake`].
fn server_config(state: &Arc<EdgeState>) -> Result<ServerConfig, CannotShake> {
    if state.snapshot.load().tls.is_none() {
        return Err(CannotShake::NoCertificate);
    }
    let builder =
        ServerConfig::builder_with_provider(Arc::new(provider())).with_protocol_versions(&[&TLS13, &TLS12])?;
    let mut config = builder
        .with_client_cert_verifier(Arc::new(ClientVerifier::new(state.clone())))
        .with_cert_resolver(Arc::new(ServedCertificate::new(state.clone())));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ignore_client_order = true;
    config.ticketer = Arc::new(Tickets::new(state));
    config.send_tls13_tickets = TICKETS;
    // What a process remembers by itself helps nobody after a restart, and would resume TLS 1.2.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(config)
}

/// Each suite agrees on fresh keys and authenticates what it encrypts. They stand in our order, which is the one that
/// counts: a handshake hashes some thirty times, and SHA-256 has instructions of its own where SHA-384 has none, which
/// is a twelfth of all that a handshake costs.
fn provider() -> CryptoProvider {
    use ring::cipher_suite::{
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, TLS13_AES_128_GCM_SHA256,
        TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
    };
    use ring::kx_group::{SECP256R1, SECP384R1, X25519};
    let cipher_suites = vec![
        TLS13_AES_128_GCM_SHA256,
        TLS13_AES_256_GCM_SHA384,
        TLS13_CHACHA20_POLY1305_SHA256,
        TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ];
    CryptoProvider { cipher_suites, kx_groups: vec![X25519, SECP256R1, SECP384R1], ..ring::default_provider() }
}

/// A connection below TLS, which tells whether it was the client that ended it.
struct Wire {
    inner: Stream,
    ended: Arc<AtomicBool>,
}

wraps_stream!(Wire, write);

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if !matches!(polled, Poll::Pending | Poll::Ready(Ok(())))
            || polled.is_ready() && buffer.filled().len() == before
        {
            self.ended.store(true, Ordering::Relaxed);
        }
        polled
    }
}
