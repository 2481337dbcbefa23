//! Times of use on their way to warm: gathered for a second, written many in one call.
//!
//! The queue is bounded. A time that finds no place in it is refused, and whoever has noted it says so to the session's
//! copy in hot ([`Hot::touch_again`]): the next use tries again. So with more sessions in use than warm can be told of, each
//! is told of later than it should be, and none is forgotten. What a call to warm that fails has lost is told again with a
//! use after a thirtieth of the idle time.
//!
//! [`Hot::touch_again`]: aldgate_core::hot::Hot::touch_again

use crate::lookup::under_deadline;
use aldgate_core::id::SessionId;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::Warm;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

const QUEUE_MAX: usize = 8_192; // What 500,000 people who are all at it bring in a second, each once a minute.
const BATCH_MAX: usize = 512; // Rows that one write may carry.

/// How long times are gathered at most, and how often it is looked whether enough have come for a write.
const GATHER: Duration = Duration::from_secs(1);
const LOOKS: u32 = 20;

/// The sending half.
#[derive(Clone)]
pub struct Touches(Sender<(SessionId, Timestamp)>);

/// The receiving half, to be run as a task.
pub struct TouchWriter {
    queue: Receiver<(SessionId, Timestamp)>,
    warm: Arc<dyn Warm>,
}

/// There is no room for a time of use: it will not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many times of use wait to be written")]
pub struct NoRoom;

/// Both halves.
pub fn touches(warm: Arc<dyn Warm>) -> (Touches, TouchWriter) {
    let (sender, queue) = channel(QUEUE_MAX);
    (Touches(sender), TouchWriter { queue, warm })
}

impl Touches {
    /// Notes that a session was used.
    ///
    /// # Errors
    /// [`NoRoom`]: the session must be touched again.
    pub fn note(&self, session: SessionId, at: Timestamp) -> Result<(), NoRoom> {
        self.0.try_send((session, at)).map_err(|_| NoRoom)
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
            self.gather().await;
        }
    }

    /// Waits until a whole batch has come, but not for long. Where more wait already, not at all.
    async fn gather(&self) {
        for _ in 0..LOOKS {
            if self.queue.len() >= BATCH_MAX {
                return;
            }
            tokio::time::sleep(GATHER / LOOKS).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::testing::world::{NOW, session_record};
    use aldgate_core::warm::Opening;
    use aldgate_core::warm::memory::MemoryWarm;
    use tokio::time::{Instant, sleep};

    const SPAN: Duration = Duration::from_secs(60);

    fn session(n: usize) -> SessionId {
        SessionId::from_bytes((n as u128 + 1).to_be_bytes())
    }

    async fn warm_with(sessions: usize) -> Arc<MemoryWarm> {
        let warm = Arc::new(MemoryWarm::default());
        for n in 0..sessions {
            let opening = Opening { session: session(n), record: session_record(), replaces: None };
            warm.open_session(&opening).await.expect("opened");
        }
        warm
    }

    async fn written(warm: &MemoryWarm, sessions: usize) -> usize {
        let mut written = 0;
        for n in 0..sessions {
            let record = warm.session(&session(n)).await.expect("an answer").expect("a session");
            written += usize::from(record.seen == NOW.plus(SPAN));
        }
        written
    }

    /// Three thousand a second, which is what 180,000 people bring who are all at it.
    #[tokio::test(start_paused = true)]
    async fn as_many_times_are_written_as_come() {
        const COME: usize = 12_000;
        let warm = warm_with(COME).await;
        let (touches, writer) = touches(warm.clone());
        let writing = tokio::spawn(writer.run());
        for n in 0..COME {
            touches.note(session(n), NOW.plus(SPAN)).expect("there is room");
            if n % 30 == 29 {
                sleep(Duration::from_millis(10)).await;
            }
        }
        sleep(2 * GATHER).await;
        assert_eq!(written(&warm, COME).await, COME);
        drop(touches);
        writing.await.expect("it ends with the last sender");
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_are_gathered_and_a_burst_is_written_at_once() {
        let warm = warm_with(QUEUE_MAX).await;
        let (touches, writer) = touches(warm.clone());
        tokio::spawn(writer.run());
        let begun = Instant::now();
        for n in 0..QUEUE_MAX {
            touches.note(session(n), NOW.plus(SPAN)).expect("there is room");
        }
        assert_eq!(touches.note(session(0), NOW.plus(SPAN)), Err(NoRoom), "and no more than that");
        while written(&warm, QUEUE_MAX).await < QUEUE_MAX {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(begun.elapsed() < GATHER / LOOKS, "{:?}", begun.elapsed());
    }
}
