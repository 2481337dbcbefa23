//! Times of use on their way to warm: gathered for a second, written in one call.
//!
//! The queue is bounded and a time that does not fit is dropped: the session is touched again by a later request, and
//! what is lost is a thirtieth of its idle time at most.

use crate::lookup::under_deadline;
use aldgate_core::id::SessionId;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::Warm;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

const QUEUE_MAX: usize = 8_192; // A second's worth at the design load of 100,000 requests/s, most of which touch nothing.
const BATCH_MAX: usize = 512; // Rows that one write may carry.
const GATHER: Duration = Duration::from_secs(1);

/// The sending half.
#[derive(Clone)]
pub struct Touches(Sender<(SessionId, Timestamp)>);

/// The receiving half, to be run as a task.
pub struct TouchWriter {
    queue: Receiver<(SessionId, Timestamp)>,
    warm: Arc<dyn Warm>,
}

/// Both halves.
pub fn touches(warm: Arc<dyn Warm>) -> (Touches, TouchWriter) {
    let (sender, queue) = channel(QUEUE_MAX);
    (Touches(sender), TouchWriter { queue, warm })
}

impl Touches {
    /// Notes that a session was used.
    pub fn note(&self, session: SessionId, at: Timestamp) {
        let _ = self.0.try_send((session, at)); // Full: a later request will touch it.
    }
}

impl TouchWriter {
    /// Writes until every sender is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
            if let Err(error) = under_deadline(self.warm.touch(&batch)).await {
                tracing::warn!(%error, sessions = batch.len(), "times of use were not written");
            }
            batch.clear();
            tokio::time::sleep(GATHER).await;
        }
    }
}
