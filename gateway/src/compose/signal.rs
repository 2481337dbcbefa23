//! How the process ends: Ctrl-C and SIGTERM both drain. Readiness goes first, so that a balancer looks elsewhere.

use aldgate_gateway::state::EdgeState;
use async_trait::async_trait;
use pingora::server::{ShutdownSignal, ShutdownSignalWatch};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::signal::unix::{SignalKind, signal};

/// Watches for the end.
pub(crate) struct Drain {
    /// Whose readiness ends.
    pub(crate) state: Arc<EdgeState>,
}

#[async_trait]
impl ShutdownSignalWatch for Drain {
    async fn recv(&self) -> ShutdownSignal {
        match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            _ => tracing::error!("signals cannot be watched; the process ends"),
        }
        self.state.ready.store(false, Ordering::SeqCst);
        ShutdownSignal::GracefulTerminate
    }
}
