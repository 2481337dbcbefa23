//! Whether a replica has what a primary has just written: what was used up once must stay used up when its primary is lost
//! for good and a replica takes its place.
//!
//! Replication is asynchronous, so that an acknowledged `SET … NX` alone may be known nowhere else. Whoever has claimed a
//! single-use value waits here until one replica of that primary has it (`WAIT 1`): those that take a primary's place are
//! chosen by how much they have. One that hangs is waited for until the primary has given it up (`repl-timeout`), and whoever
//! claims something meanwhile is refused. Where a primary has no replica in step (`ROLE`), nobody is waited for; where a replica
//! that was cut off a moment ago may take its place all the same, `min-replicas-to-write 1` is what refuses every write until
//! one is there again. A replica that came within the last second may not be waited for yet.
//!
//! It has a connection of its own, since `WAIT` holds up what comes behind it. Many who wait share one question: each key's
//! life is renewed, which is a write that comes after the claim, and says whether the claim is there at all.

use crate::warm::Unavailable;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{ErrorKind, Pipeline, RedisError, ServerErrorKind, Value, pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often it is looked whether the primary has a replica.
const LOOK: Duration = Duration::from_secs(1);

/// Most who may wait for the next question; whoever comes then is refused.
const WAITING_MAX: usize = 8_192;

/// Most who share one question, so that it stays a short step for the server.
const TOGETHER_MAX: usize = 512;

/// Why it is not known that a replica has something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unwitnessed {
    /// There is a replica, and it has not said so in time.
    #[error("no replica has it yet")]
    NotReplicated,
    /// It is not there: another server has taken the primary's place without it, or its slot has moved.
    #[error("what was written is not there any more")]
    Gone,
    /// The gateways' user may not ask.
    #[error("this user may not WAIT: give it +wait, as config/redis/users.acl does")]
    NotAllowed,
    /// The connection, or whoever is at its end.
    #[error("{0}")]
    Broken(String),
}

impl From<Unwitnessed> for Unavailable {
    fn from(why: Unwitnessed) -> Self {
        Self(format!("Redis: {why}"))
    }
}

impl From<RedisError> for Unwitnessed {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::NotAllowed,
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// A key that was written, and for how long it is to be remembered, in milliseconds.
struct Ask {
    name: Vec<u8>,
    life: u64,
    told: oneshot::Sender<Result<(), Unwitnessed>>,
}

/// Whoever is asked about one primary.
#[derive(Clone)]
pub(super) struct Witness {
    asks: mpsc::Sender<Ask>,
    replicated: Arc<AtomicBool>,
}

impl Witness {
    /// Over a connection to the primary that nobody else uses; `deadline` is how long a replica may take.
    ///
    /// # Errors
    /// [`Unwitnessed`].
    pub(super) async fn over(link: MultiplexedConnection, deadline: Duration) -> Result<Self, Unwitnessed> {
        let replicated = Arc::new(AtomicBool::new(false));
        let mut asking = Asking { link, deadline, replicated: Arc::clone(&replicated) };
        asking.look().await?;
        asking.wait(0).await?; // Whether that is allowed at all is known from the start.
        let (asks, received) = mpsc::channel(WAITING_MAX);
        tokio::spawn(asking.run(received));
        Ok(Self { asks, replicated })
    }

    /// Whether the primary had a replica when it was last looked at.
    pub(super) fn is_replicated(&self) -> bool {
        self.replicated.load(Ordering::Relaxed)
    }

    /// Waits until a replica has what was written under a name, where the primary has one.
    pub(super) async fn saw(&self, name: &[u8], life: u64) -> Result<(), Unwitnessed> {
        let (told, answer) = oneshot::channel();
        let ask = Ask { name: name.to_vec(), life, told };
        self.asks.try_send(ask).map_err(|_| Unwitnessed::Broken("too many wait for a replica".into()))?;
        answer.await.unwrap_or_else(|_| Err(Unwitnessed::Broken("the connection is gone".into())))
    }
}

/// The one who asks, for as long as somebody may want to know.
struct Asking {
    link: MultiplexedConnection,
    deadline: Duration,
    replicated: Arc<AtomicBool>,
}

impl Asking {
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut together = Vec::new();
        loop {
            let received = tokio::select! {
                received = asks.recv_many(&mut together, TOGETHER_MAX) => Some(received),
                _ = looks.tick() => None,
            };
            match received {
                Some(0) => return, // Nobody has this primary any more.
                Some(_) => self.answer(&mut together).await,
                // What is wrong is told to whoever asks next.
                None => drop(self.look().await),
            }
        }
    }

    async fn answer(&mut self, together: &mut Vec<Ask>) {
        let answers = self.ask(together).await;
        for (at, ask) in together.drain(..).enumerate() {
            let answer = match &answers {
                Ok(answers) => answers.get(at).cloned().unwrap_or(Err(Unwitnessed::Gone)),
                Err(why) => Err(why.clone()),
            };
            let _ = ask.told.send(answer); // Whoever has gone does not want to know.
        }
    }

    /// What becomes of each that is asked about.
    async fn ask(&mut self, together: &[Ask]) -> Result<Vec<Result<(), Unwitnessed>>, Unwitnessed> {
        let mut question = pipe();
        for Ask { name, life, .. } in together {
            question.cmd("PEXPIRE").arg(name).arg(*life);
        }
        question.cmd("ROLE");
        let mut answers = self.send(&question, together.len() + 1).await?;
        let replicas = self.note_role(answers.pop().unwrap_or(Value::Nil))?;
        let known = replicas == 0 || self.wait(1).await? > 0;
        let told = |answer| match answer {
            Value::Int(1) if known => Ok(()),
            Value::Int(1) => Err(Unwitnessed::NotReplicated),
            _ => Err(Unwitnessed::Gone),
        };
        Ok(answers.into_iter().map(told).collect())
    }

    /// Sees whether the primary has a replica.
    async fn look(&mut self) -> Result<(), Unwitnessed> {
        let mut question = pipe();
        question.cmd("ROLE");
        let answer = self.send(&question, 1).await?.pop();
        self.note_role(answer.unwrap_or(Value::Nil)).map(drop)
    }

    /// Waits until so many replicas have all that was written on this connection. Gives how many have.
    async fn wait(&mut self, replicas: u8) -> Result<i64, Unwitnessed> {
        let mut question = pipe();
        let millis = u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX).max(1); // Zero would be for ever.
        question.cmd("WAIT").arg(replicas).arg(millis);
        let answer = self.send(&question, 1).await?.pop().unwrap_or(Value::Nil).extract_error()?;
        match answer {
            Value::Int(replicas) => Ok(replicas),
            _ => Err(Unwitnessed::Broken("WAIT was answered in another form".into())),
        }
    }

    /// Takes the answer to `ROLE`. Gives how many replicas are in step.
    fn note_role(&self, answer: Value) -> Result<usize, Unwitnessed> {
        let Value::Array(parts) = answer.extract_error()? else {
            return Err(Unwitnessed::Broken("ROLE was answered in another form".into()));
        };
        match parts.as_slice() {
            [Value::BulkString(role), _, Value::Array(replicas), ..] if role == b"master" => {
                self.replicated.store(!replicas.is_empty(), Ordering::Relaxed);
                Ok(replicas.len())
            }
            _ => Err(Unwitnessed::Broken("it is no primary any more".into())),
        }
    }

    /// Sends commands; gives an answer for each.
    async fn send(&mut self, question: &Pipeline, answers: usize) -> Result<Vec<Value>, Unwitnessed> {
        let patience = self.deadline.saturating_mul(2);
        match timeout(patience, self.link.req_packed_commands(question, 0, answers)).await {
            Ok(Ok(values)) if values.len() == answers => Ok(values),
            Ok(Ok(_)) => Err(Unwitnessed::Broken("some answers are missing".into())),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Unwitnessed::Broken("no answer in time".into())),
        }
    }
}
