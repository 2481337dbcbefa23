//! The one writer of an SQLite database: whatever waits is written in one transaction (group commit).
//!
//! SQLite lets one connection write at a time, and a commit with `synchronous=FULL` waits for the disk (0.2 to 5 ms).
//! So there is one task with one connection and a bounded queue: it takes what waits, writes it all in one
//! `begin immediate … commit`, tells the followers what changed, and only then answers. Nobody waits for a timer: while
//! one batch is being written the next one gathers (experiments, section 4.2).
//!
//! A job that fails must not spoil its neighbours: the batch is rolled back, and each job is run again alone. Jobs are
//! therefore repeatable: they own their input and leave nothing outside the transaction but what they return.
//!
//! Followers are told here, not by the caller, since a caller may go away (a browser hangs up) after the commit.

use super::StoreError;
use super::checkpointer::Checkpointer;
use super::job::{Given, Tx, Write};
use super::settling::Settling;
use super::sql::settling::Start;
use super::sql::{self, Connection};
use aldgate_core::warm::Settlement;
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

/// Most jobs in one transaction: beyond this a batch gains little (4 % from 64 to 512) and its first job waits.
pub(super) const BATCH_JOBS_MAX: usize = 64;

/// Most jobs that wait. At 10,000 a second that is a tenth of a second; beyond it, refusing is kinder than queueing.
pub(super) const QUEUE_JOBS_MAX: usize = 1024;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A job's input, its outcome once it ran, and who waits for it.
struct Asked<I, O> {
    input: I,
    outcome: Option<O>,
    reply: Reply<O>,
}

impl<I, O> Asked<I, O> {
    const fn new(input: I, reply: Reply<O>) -> Self {
        Self { input, outcome: None, reply }
    }

    /// Nobody may be waiting any more; what was written stays written.
    fn answer(self, result: Result<(), StoreError>) {
        let unanswered = || StoreError::Broken("a write gave no outcome".into());
        let _ = self.reply.send(result.and_then(|()| self.outcome.ok_or_else(unanswered)));
    }
}

/// A [`Write`] of any kind.
#[async_trait]
trait AnyWrite: Send {
    async fn write(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;
    fn answer(self: Box<Self>, result: Result<(), StoreError>);
}

#[async_trait]
impl<W: Write> AnyWrite for Asked<W, W::Outcome> {
    async fn write(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.outcome = Some(self.input.write(tx).await?);
        Ok(())
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        Asked::answer(*self, result);
    }
}

/// Settlings are written together, by a few statements for all; anything else by its own.
enum Job {
    Settling(Box<Asked<Settling, Settlement>>),
    Write(Box<dyn AnyWrite>),
    Close(oneshot::Sender<()>),
}

impl Job {
    fn answer(self, result: Result<(), StoreError>) {
        match self {
            Self::Settling(asked) => asked.answer(result),
            Self::Write(asked) => asked.answer(result),
            Self::Close(_) => {}
        }
    }
}

/// The writer, as the store sees it.
#[derive(Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the task that owns the writing connection. It ends when it is closed or nobody can ask it any more.
    pub(super) fn start(connection: Connection, checkpointer: Checkpointer, given: Given) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS_MAX);
        tokio::spawn(Task { connection, checkpointer, queue, given }.run());
        Self(jobs)
    }

    /// Writes; returns when it is durable and every follower has heard.
    pub(super) async fn write<W: Write>(&self, write: W) -> Result<W::Outcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Write(Box::new(Asked::new(write, reply))), answer).await
    }

    /// Settles, together with whatever else is to be settled.
    pub(super) async fn settle(&self, settling: Settling) -> Result<Settlement, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Job::Settling(Box::new(Asked::new(settling, reply))), answer).await
    }

    async fn ask<T>(&self, job: Job, answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
        self.0.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Writes what waits, then closes the connection. Returns when that is done.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.0.send(Job::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

fn closed() -> StoreError {
    StoreError::Broken("the database is closed".into())
}

struct Task {
    connection: Connection,
    checkpointer: Checkpointer,
    queue: mpsc::Receiver<Job>,
    given: Given,
}

impl Task {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_JOBS_MAX);
        let mut closing = Vec::new();
        while self.queue.recv_many(&mut batch, BATCH_JOBS_MAX).await > 0 {
            let mut jobs = Vec::with_capacity(batch.len());
            for job in batch.drain(..) {
                match job {
                    Job::Close(done) => closing.push(done),
                    job => jobs.push(job),
                }
            }
            if !closing.is_empty() {
                self.queue.close(); // What waits is still taken.
            }
            self.write_batch(jobs).await;
            self.checkpointer.note();
        }
        self.checkpointer.end().await; // First: the last connection to close empties the log.
        if let Err(error) = self.connection.end().await {
            tracing::warn!(%error, "the database was not closed in order");
        }
        for done in closing {
            let _ = done.send(());
        }
    }

    /// Writes a batch and answers it. After a failure each job has its own transaction, unless the database itself is
    /// occupied, which each of them would wait for anew.
    async fn write_batch(&mut self, mut jobs: Vec<Job>) {
        match self.transaction(&mut jobs).await {
            Err(StoreError::Broken(_)) if jobs.len() > 1 => {
                for job in jobs {
                    let mut alone = vec![job];
                    let result = self.transaction(&mut alone).await;
                    alone.into_iter().for_each(|job| job.answer(result.clone()));
                }
            }
            result => jobs.into_iter().for_each(|job| job.answer(result.clone())),
        }
    }

    async fn transaction(&mut self, jobs: &mut [Job]) -> Result<(), StoreError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let mut tx = self.given.tx(&mut self.connection);
        let written = write_all(&mut tx, jobs).await;
        let changes = tx.changes;
        match written {
            Ok(()) => changes.iter().for_each(|change| self.given.followers.tell(change)),
            Err(_) => sql::rollback(&mut self.connection).await,
        }
        written
    }
}

/// Writes a batch and commits it. Its jobs were all asked for before any was answered, so any order is a true one:
/// the settlings come last, since they can commit in the same message.
async fn write_all(tx: &mut Tx<'_>, jobs: &mut [Job]) -> Result<(), StoreError> {
    let (mut settlings, mut writes) = (Vec::new(), Vec::new());
    for job in jobs {
        match job {
            Job::Settling(asked) => settlings.push(asked),
            Job::Write(write) => writes.push(write),
            Job::Close(_) => {}
        }
    }
    let start = if writes.is_empty() { Start::Begin } else { Start::Begun };
    if start == Start::Begun {
        sql::begin(tx.connection).await?;
    }
    for write in writes {
        write.write(tx).await?;
    }
    if settlings.is_empty() {
        return sql::commit(tx.connection).await;
    }
    let inputs: Vec<&Settling> = settlings.iter().map(|asked| &asked.input).collect();
    let outcomes = sql::settling::settle_and_commit(tx, &inputs, start).await?;
    for (asked, outcome) in settlings.into_iter().zip(outcomes) {
        asked.outcome = Some(outcome);
    }
    Ok(())
}
