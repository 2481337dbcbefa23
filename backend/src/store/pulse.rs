//! Whether the database answers at all.
//!
//! A backend whose database has stopped takes requests and keeps people waiting for each deadline that there is, so it says
//! in time that it is of no use ([`super::Store::answers`]). PostgreSQL is asked for nothing, ten times a second, on a
//! connection of its own: one of the pool's would wait behind those that are at work, and a database that is slow is not
//! one that has stopped. The deadline is counted in ticks of this process, so that one which stood still itself does not
//! blame the database. SQLite is a part of this process and has no pulse of its own.

use super::Server;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Error};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// How long it is until the next question.
const PAUSE: Duration = Duration::from_millis(100);

/// How long an answer may take. With the pause, and what a gateway needs to ask in its turn (its `breaker/probe.rs`), less
/// than the second within which a failure must be clean.
const TICK: Duration = Duration::from_millis(50);
const TICKS: u32 = 8;

/// The pulse of one database.
pub(super) struct Pulse {
    server: Option<Server>,
    stopped: AtomicBool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Silent {
    #[error("no answer in time")]
    Late,
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Pulse {
    /// Of a database in this process.
    pub(super) const fn of_this_process() -> Self {
        Self { server: None, stopped: AtomicBool::new(false) }
    }

    /// Of a server, which has answered just now.
    pub(super) fn of(server: &Server) -> Self {
        Self { server: Some(server.clone()), stopped: AtomicBool::new(false) }
    }

    /// Whether it was there when it was asked last.
    pub(super) fn beats(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }

    /// Asks for ever.
    pub(super) async fn watch(&self) {
        let Some(server) = &self.server else { return };
        let mut line = None;
        loop {
            match within_deadline(ask(server, &mut line)).await {
                Ok(()) if self.stopped.swap(false, Ordering::Relaxed) => tracing::info!("the database answers again"),
                Ok(()) => {}
                Err(error) => {
                    line = None; // Its answer, should it ever come, is that to a question that is over.
                    if !self.stopped.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "the database does not answer: people are refused until it does");
                    }
                }
            }
            sleep(PAUSE).await;
        }
    }
}

/// Asks once; anew on a fresh connection if the kept one is gone, as it is after every restart of the server.
async fn ask(server: &Server, line: &mut Option<PgConnection>) -> Result<(), Silent> {
    if let Some(mut kept) = line.take()
        && kept.ping().await.is_ok()
    {
        *line = Some(kept);
        return Ok(());
    }
    let mut fresh = server.dial().await?;
    fresh.ping().await?;
    *line = Some(fresh);
    Ok(())
}

async fn within_deadline(asking: impl Future<Output = Result<(), Silent>>) -> Result<(), Silent> {
    let late = async {
        for _ in 0..TICKS {
            sleep(TICK).await;
        }
    };
    tokio::select! {
        biased;
        answered = asking => answered,
        () = late => Err(Silent::Late),
    }
}
