//! Asking the warm tier on behalf of a request: under a deadline, and what is found goes to hot.
//!
//! However many requests ask for the same thing at a time, warm is asked once: they wait for one *flight*. The flight
//! is a task of its own, so it does not end with the client whose request began it. Its outcome, a failure too, is for
//! those who waited and is not remembered after it. A late answer is no answer: the request fails closed.

use crate::metrics::{LookupResult, Metrics};
use aldgate_core::decide::Lookup;
use aldgate_core::hot::{Hot, KnownCredential};
use aldgate_core::id::{CredentialDigest, SessionId};
use aldgate_core::seldom::Seldom;
use aldgate_core::time::Timestamp;
use aldgate_core::warm::{Unavailable, Warm};
use aldgate_core::webauthn::credential::CredentialRecord;
use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a request waits for warm. Architecture, section 5: a failure is clean in less than a second.
pub const WARM_DEADLINE: Duration = Duration::from_millis(500);

/// How warm is asked.
pub struct Lookups {
    warm: Arc<dyn Warm>,
    hot: Arc<Hot>,
    metrics: Arc<Metrics>,
    unavailable_told: Seldom,
    sessions: Flights<SessionId, Lookup>,
    credentials: Flights<CredentialDigest, Result<Option<Arc<CredentialRecord>>, Unavailable>>,
}

/// Runs a call to warm under the deadline.
///
/// # Errors
/// [`Unavailable`] also when the deadline passes.
pub async fn under_deadline<T>(call: impl Future<Output = Result<T, Unavailable>>) -> Result<T, Unavailable> {
    let late = |_| Unavailable("no answer in time".into());
    tokio::time::timeout(WARM_DEADLINE, call).await.map_err(late)?
}

/// What is being asked just now. There are never more flights than requests under way, nor any older than the deadline.
struct Flights<K, V>(Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>);

/// Ends a flight, also one that panics: whoever asks next begins another.
struct Landing<K: Eq + Hash, V>(Flights<K, V>, K);

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.0.table().remove(&self.1);
    }
}

impl<K, V> Flights<K, V> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn table(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Flights<K, V>
where
    K: Copy + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the flight for `key`, or begins it with what `ask` makes. `None` if it ended without an outcome.
    async fn join<F>(&self, key: K, ask: impl FnOnce() -> F) -> Option<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut waiting = self.board(key, ask);
        let outcome = waiting.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }

    fn board<F>(&self, key: K, ask: impl FnOnce() -> F) -> watch::Receiver<Option<V>>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut table = self.table();
        if let Some(flight) = table.get(&key) {
            return flight.clone();
        }
        let (outcome, waiting) = watch::channel(None);
        table.insert(key, waiting.clone());
        drop(table);
        let landing = Landing(Self(self.0.clone()), key);
        let question = ask();
        tokio::spawn(async move {
            let answer = question.await;
            drop(landing); // Before the outcome is known: who asks after that asks anew.
            let _ = outcome.send(Some(answer)); // Nobody waits any more: nothing is lost.
        });
        waiting
    }
}

impl Lookups {
    /// Looks up in `warm`, keeps in `hot`.
    pub fn new(warm: Arc<dyn Warm>, hot: Arc<Hot>, metrics: Arc<Metrics>) -> Self {
        let (sessions, credentials) = (Flights::new(), Flights::new());
        Self { warm, hot, metrics, unavailable_told: Seldom::default(), sessions, credentials }
    }

    /// What warm knows of a session, in the form that `decide` takes.
    pub async fn session(&self, session: SessionId, now: Timestamp) -> Lookup {
        let flight = self.sessions.join(session, || {
            let (warm, hot, metrics) = (self.warm.clone(), self.hot.clone(), self.metrics.clone());
            async move { ask_for_session(&*warm, &hot, &metrics, session, now).await }
        });
        let lookup = tokio::time::timeout(WARM_DEADLINE, flight).await.ok().flatten();
        match lookup.unwrap_or(Lookup::Unavailable) {
            // Who boards late may have seen the session end after warm was asked.
            Lookup::Found(_) if self.hot.has_ended(&session, now) => Lookup::Nothing,
            Lookup::Unavailable => {
                if self.unavailable_told.may(now) {
                    tracing::warn!("sessions cannot be looked up: the shared tier does not answer");
                }
                Lookup::Unavailable
            }
            lookup => lookup,
        }
    }

    /// A passkey's record: from hot, else from warm.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn credential(
        &self,
        credential: &CredentialDigest,
        now: Timestamp,
    ) -> Result<Option<Arc<CredentialRecord>>, Unavailable> {
        match self.hot.credential(credential, now) {
            KnownCredential::Here(here) => return Ok(Some(here)),
            KnownCredential::Gone => return Ok(None),
            KnownCredential::Nothing => {}
        }
        let credential = *credential;
        let flight = self.credentials.join(credential, || {
            let (warm, hot, metrics) = (self.warm.clone(), self.hot.clone(), self.metrics.clone());
            async move { ask_for_credential(&*warm, &hot, &metrics, credential, now).await }
        });
        let answered = under_deadline(async { Ok(flight.await) }).await?;
        answered.unwrap_or_else(|| Err(Unavailable("the look-up ended without an answer".into())))
    }
}

async fn ask_for_session(warm: &dyn Warm, hot: &Hot, metrics: &Metrics, session: SessionId, now: Timestamp) -> Lookup {
    let asked = hot.ask(now);
    let found = under_deadline(warm.session(&session)).await;
    count(metrics, &found);
    match found {
        Err(unavailable) => {
            tracing::debug!(%unavailable, "a session could not be looked up");
            Lookup::Unavailable
        }
        Ok(None) => {
            hot.note_absent_session(session, asked);
            Lookup::Nothing
        }
        Ok(Some(record)) => hot.admit_session(session, record, asked).map_or(Lookup::Nothing, Lookup::Found),
    }
}

async fn ask_for_credential(
    warm: &dyn Warm,
    hot: &Hot,
    metrics: &Metrics,
    credential: CredentialDigest,
    now: Timestamp,
) -> Result<Option<Arc<CredentialRecord>>, Unavailable> {
    let asked = hot.ask(now);
    let found = under_deadline(warm.credential(&credential)).await;
    count(metrics, &found);
    let Some(record) = found? else {
        hot.note_absent_credential(credential, asked);
        return Ok(None);
    };
    Ok(hot.admit_credential(Arc::new(record)))
}

fn count<T>(metrics: &Metrics, result: &Result<Option<T>, Unavailable>) {
    metrics.looked_up(match result {
        Ok(Some(_)) => LookupResult::Found,
        Ok(None) => LookupResult::Nothing,
        Err(_) => LookupResult::Unavailable,
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;
    use tokio::task::JoinSet;

    /// A question that is answered when the gate opens, and counts how often it was asked.
    struct Question {
        asked: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
    }

    impl Question {
        fn new() -> Self {
            Self { asked: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
        }

        fn ask(&self) -> impl Future<Output = usize> + Send + 'static {
            let (asked, gate) = (self.asked.clone(), self.gate.clone());
            async move {
                let n = asked.fetch_add(1, Ordering::SeqCst) + 1;
                drop(gate.acquire().await.expect("open"));
                n
            }
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        while !condition() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_thousand_who_ask_the_same_are_one_question() {
        let (flights, question) = (Arc::new(Flights::new()), Arc::new(Question::new()));
        let mut tasks = JoinSet::new();
        let joined = Arc::new(AtomicUsize::new(0));
        for _ in 0..1_000 {
            let (flights, question, joined) = (flights.clone(), question.clone(), joined.clone());
            tasks.spawn(async move {
                let waiting = flights.join(7_u8, || question.ask());
                joined.fetch_add(1, Ordering::SeqCst);
                waiting.await
            });
        }
        until(|| joined.load(Ordering::SeqCst) == 1_000 && question.asked.load(Ordering::SeqCst) == 1).await;
        question.gate.add_permits(1);
        let outcomes = tasks.join_all().await;
        assert!(outcomes.iter().all(|outcome| *outcome == Some(1)));
        assert_eq!(question.asked.load(Ordering::SeqCst), 1);
        assert!(flights.table().is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn the_flight_goes_on_without_the_one_who_began_it() {
        let (flights, question) = (Arc::new(Flights::new()), Question::new());
        let leader = tokio::spawn({
            let (flights, ask) = (flights.clone(), question.ask());
            async move { flights.join(7_u8, || ask).await }
        });
        until(|| question.asked.load(Ordering::SeqCst) == 1).await;
        let follower = tokio::spawn({
            let (flights, ask) = (flights.clone(), question.ask());
            async move { flights.join(7, || ask).await }
        });
        leader.abort();
        assert!(leader.await.is_err());
        question.gate.add_permits(1);
        assert_eq!(follower.await.expect("a task"), Some(1));
    }

    #[tokio::test]
    async fn an_outcome_is_not_remembered_and_a_panic_leaves_nothing_behind() {
        let (flights, question) = (Flights::new(), Question::new());
        question.gate.add_permits(2);
        assert_eq!(flights.join(7_u8, || question.ask()).await, Some(1));
        assert_eq!(flights.join(7, || question.ask()).await, Some(2));
        assert_eq!(flights.join(7, || async { panic!("on purpose") }).await, None);
        assert_eq!(flights.join(7, || question.ask()).await, Some(3));
        assert_eq!(flights.join(8, || question.ask()).await, Some(4), "another key is another question");
    }
}
