//! A Redis primary and its replica, which nobody but the test promotes. Killed when dropped.

use super::deployment::Tier;
use super::redis::{DURABLE, Redis, configuration};
use std::path::Path;

pub struct Pair {
    pub primary: Redis,
    pub replica: Redis,
}

impl Pair {
    /// Both, in step.
    pub async fn start() -> Self {
        let primary = Redis::start_with(&DURABLE).await;
        let replica = Redis::replica_of(&primary, &DURABLE).await;
        Self { primary, replica }
    }
}

impl Tier for Pair {
    fn configuration(&self, dir: &Path) -> String {
        configuration(&[&self.primary, &self.replica], dir)
    }
}
