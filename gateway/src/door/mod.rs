//! The way in: what happens to a connection before its first request.
//!
//! Pingora accepts it; here it takes a place under the caps ([`places`]), makes its TLS handshake under a deadline
//! ([`handshake`]) and goes on to the proxy. And the way out: what becomes of idle connections when listening has stopped. What is refused is counted and said in the log once in a while, never once
//! for each: whoever floods us chooses how often it happens.

mod frames;
pub mod handshake;
pub mod places;
pub(crate) mod stream;
pub mod tickets;
pub mod watch;

use crate::config;
use crate::state::EdgeState;
use aldgate_core::seldom::Seldom;
use async_trait::async_trait;
use frames::FramedIo;
use handshake::Handshakes;
use pingora::apps::ServerApp;
use pingora::protocols::{ALPN, Stream};
use pingora::server::ShutdownWatch;
use places::{Place, Places};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;
use watch::Watched;

/// The part of the drain for which idle connections are left open: the rest is for what comes on them last.
const IDLE_LINGERS: f32 = 0.75;

/// An application behind the door.
pub struct Door<A> {
    app: Arc<A>,
    state: Arc<EdgeState>,
    places: Arc<Places>,
    /// The address at which TLS is spoken, and how.
    tls: Option<(SocketAddr, Handshakes)>,
    full_told: Seldom,
    /// How long idle connections are left open once listening has stopped.
    linger: Duration,
}

impl<A> Door<A> {
    /// A door for the public listeners.
    ///
    /// # Errors
    /// [`handshake::CannotShake`] when there shall be TLS and cannot be.
    pub fn new(app: Arc<A>, config: &config::Edge, state: &Arc<EdgeState>) -> Result<Self, handshake::CannotShake> {
        let handshakes = match config.https {
            Some(address) => Some((address, Handshakes::new(state)?)),
            None => None,
        };
        let places = Arc::new(Places::new(&config.connections));
        let linger = config.drain.mul_f32(IDLE_LINGERS);
        Ok(Self { app, state: state.clone(), places, tls: handshakes, full_told: Seldom::default(), linger })
    }

    /// A place for the connection; none if it is to be closed, which is also its end if it has gone already.
    fn place(&self, stream: &Stream) -> Option<Place> {
        let digest = stream.get_socket_digest()?;
        let address = digest.peer_addr()?.as_inet()?.ip();
        let taken = self.places.take(address);
        if let Err(full) = taken {
            self.state.metrics.door.refused(full);
            if self.full_told.may(self.state.clock.now()) {
                tracing::warn!(%address, "a connection was closed: {full}");
            }
        }
        taken.ok()
    }

    /// How TLS is spoken with this connection, if it came to the address where it is.
    fn handshakes(&self, stream: &Stream) -> Option<&Handshakes> {
        let (address, handshakes) = self.tls.as_ref()?;
        let digest = stream.get_socket_digest()?;
        let local = digest.local_addr()?.as_inet()?;
        let same = address.ip().is_unspecified() || address.ip().to_canonical() == local.ip().to_canonical();
        (same && address.port() == local.port()).then_some(handshakes)
    }
}

#[async_trait]
impl<A: ServerApp + Send + Sync + 'static> ServerApp for Door<A> {
    async fn process_new(self: &Arc<Self>, stream: Stream, shutdown: &ShutdownWatch) -> Option<Stream> {
        let place = self.place(&stream)?;
        let stream = match self.handshakes(&stream) {
            None => stream,
            Some(handshakes) => handshakes.shake(stream).await.ok()?,
        };
        let framed = matches!(stream.selected_alpn_proto(), Some(ALPN::H2));
        let stream = if framed { Box::new(FramedIo::new(stream)) } else { stream };
        let again = Watched::new(self.app.process_new(stream, shutdown)).await;
        if again.is_none() {
            self.state.metrics.door.cut();
        }
        drop(place);
        // The proxy keeps a connection to its end. One that came back would have lost its place and its TLS.
        drop(again);
        None
    }

    /// Listening has stopped. Whoever closes an idle connection races with the request that its client is just sending;
    /// so clients are told with their next answer ([`EdgeState::closing`]), and not before now: one that was told while
    /// the listener stood would come back to it.
    async fn cleanup(&self) {
        self.state.closing.store(true, Ordering::Relaxed);
        sleep(self.linger).await;
        self.app.cleanup().await;
    }
}
