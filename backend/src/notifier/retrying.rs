//! A carrier that tries again: a person waits for their code, so only for as long as a person waits.

use super::{Message, NotSent, Notifier};
use aldgate_core::time::Timestamp;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// What is waited for before each further try.
const WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// All tries together. An answer may take ten seconds; what else it needs has the rest.
const IN_ALL: Duration = Duration::from_secs(7);

/// Tries again what may pass.
pub(crate) struct Retrying(pub(crate) Arc<dyn Notifier>);

#[async_trait]
impl Notifier for Retrying {
    async fn send(&self, message: &Message, now: Timestamp) -> Result<(), NotSent> {
        let tries = async {
            let mut last = self.0.send(message, now).await;
            for wait in WAITS {
                match last {
                    Err(NotSent::Unreachable(_) | NotSent::Busy(_)) => tokio::time::sleep(wait).await,
                    settled => return settled,
                }
                last = self.0.send(message, now).await;
            }
            last
        };
        tokio::time::timeout(IN_ALL, tries).await.unwrap_or(Err(NotSent::Unreachable("whatever carries messages")))
    }
}
