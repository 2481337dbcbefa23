//! How the process ends: Ctrl-C and SIGTERM both drain.
//!
//! Readiness goes first, while everything still serves, for as long as `edge.announce` says: time for a balancer to
//! look elsewhere. Then listening stops, and requests under way have `edge.drain`. A gateway whose listening sockets
//! another process has taken over announces nothing: at its address nothing ends. One that cannot have its addresses has
//! nothing to drain.

use super::ports::Refused;
use aldgate_gateway::state::EdgeState;
use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Watches for the end.
pub(crate) struct Drain {
    /// Whose readiness ends.
    pub(crate) state: Arc<EdgeState>,
    /// How long the end is announced.
    pub(crate) announce: Duration,
    /// Told when another process has the listening sockets.
    pub(crate) replaced: Arc<Notify>,
    /// Told when the addresses cannot be had.
    pub(crate) refused: Arc<Refused>,
}

/// Waits for Ctrl-C or SIGTERM.
pub(crate) async fn asked_to_end() {
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => tracing::error!("signals cannot be watched; the process ends"),
    }
}

#[async_trait]
impl ShutdownSignalWatch for Drain {
    async fn recv(&self) -> ShutdownSignal {
        let announce = tokio::select! {
            () = asked_to_end() => self.announce,
            () = self.replaced.notified() => Duration::ZERO,
            () = self.refused.told() => return ShutdownSignal::FastShutdown,
        };
        self.state.ready.store(false, Ordering::SeqCst);
        tokio::time::sleep(announce).await;
        ShutdownSignal::GracefulTerminate
    }
}
