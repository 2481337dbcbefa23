//! How many connections there may be to a listener for this machine. They share the process's files with those of
//! everybody else: a proxy that leaks connections must not close the gate.

use crate::state::EdgeState;
use aldgate_core::seldom::Seldom;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The places of one listener.
pub struct Places {
    free: Semaphore,
    full_told: Seldom,
}

impl Places {
    /// So many.
    pub fn new(connections: usize) -> Self {
        Self { free: Semaphore::new(connections), full_told: Seldom::default() }
    }

    /// A place for a connection, until it is dropped; none if it is to be closed.
    pub fn take(&self, state: &EdgeState) -> Option<SemaphorePermit<'_>> {
        let place = self.free.try_acquire().ok();
        if place.is_none() {
            state.metrics.door.private_refused();
            if self.full_told.may(state.clock.now()) {
                tracing::warn!("a private listener has as many connections as it may have: another one was closed");
            }
        }
        place
    }
}
