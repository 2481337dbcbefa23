//! Writes on PostgreSQL: each job in a transaction of its own, many at once, run again when another has overtaken it.
//!
//! Jobs decide on what they read, so they run as if they ran alone (`SERIALIZABLE`, which is also CockroachDB's only
//! level): where two cannot both have, the database refuses one, and it is run again on the state that the other left.
//! A job therefore changes nothing but the database, as on SQLite ([`super::writer`]).
//!
//! A job that has begun runs to its end, whoever asked for it may be gone (a browser hangs up): its followers hear of
//! what was committed. A connection that breaks during a commit leaves it unknown whether it took place; such a job is
//! not run again, and its caller is told of a failure.

use super::StoreError;
use super::job::{Given, Write};
use super::sql::Connection;
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Most jobs that run or wait for a connection; beyond it, refusing is kinder than queueing.
pub(super) const JOBS_MAX: usize = 1024;

/// How often a job is run again. Of as many jobs as there are connections that all want the same row, one gets through
/// at a time, and the pauses between the tries grow; whoever has lost so often would wait for seconds.
const RETRIES_MAX: u32 = 20;

/// The pause before a try is drawn below this, doubled with each: about as long as a transaction takes.
const PAUSE: Duration = Duration::from_millis(4);
const PAUSE_MAX: Duration = Duration::from_millis(250);

/// Writes, as the store sees it.
#[derive(Clone)]
pub(super) struct Transactions {
    pool: PgPool,
    given: Given,
    places: Arc<Semaphore>,
}

impl Transactions {
    pub(super) fn new(pool: PgPool, given: Given) -> Self {
        Self { pool, given, places: Arc::new(Semaphore::new(JOBS_MAX)) }
    }

    /// Writes; returns when it is committed and every follower has heard.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Outcome, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let this = self.clone();
        let run = tokio::spawn(async move {
            let _place = place;
            this.run(&write).await
        });
        run.await.unwrap_or_else(|error| Err(StoreError::Broken(format!("a write did not end: {error}"))))
    }

    async fn run<W: Write>(&self, write: &W) -> Result<W::Outcome, StoreError> {
        let mut tries = 0;
        loop {
            // Whoever gets no connection in time waits no longer: others wait too.
            let connection = Connection::begin(&self.pool, W::ISOLATION).await?;
            match self.once(connection, write).await {
                Err(StoreError::Busy) if tries < RETRIES_MAX => {
                    tokio::time::sleep(self.pause(tries)).await;
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// A transaction that is dropped before it is committed is rolled back.
    async fn once<W: Write>(&self, mut connection: Connection, write: &W) -> Result<W::Outcome, StoreError> {
        let mut tx = self.given.tx(&mut connection);
        let outcome = write.write(&mut tx).await?;
        let changes = tx.changes;
        connection.end().await?;
        changes.iter().for_each(|change| self.given.followers.tell(change));
        Ok(outcome)
    }

    /// Somewhere between nothing and a span that doubles with each try, so that those who overtook one another do not
    /// meet again.
    fn pause(&self, tries: u32) -> Duration {
        let longest = PAUSE.saturating_mul(1 << tries.min(16)).min(PAUSE_MAX);
        let drawn = self.given.sealer.entropy().bytes::<1>().map_or(u8::MAX, |[byte]| byte);
        longest * u32::from(drawn) / u32::from(u8::MAX)
    }

    /// Closes the connections, once what runs has ended.
    pub(super) async fn close(&self) {
        self.places.close();
        self.pool.close().await;
    }
}
