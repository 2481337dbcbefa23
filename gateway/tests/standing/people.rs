//! People who go on, whatever is down: session checks at a fixed rate, whether earlier ones were answered or not.

use crate::support::http::{Answer, Client};
use crate::support::instance::Instance;
use hyper::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, interval, sleep, timeout};

/// How long something may take that takes a moment; a loaded machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Within which a failure must be clean.
pub(crate) const CLEAN: Duration = Duration::from_secs(1);

pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let until = async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, until).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

/// How often a session is checked in the background: a hundred times a second.
const CHECK: Duration = Duration::from_millis(10);

/// Session checks in the background, each on a connection of its own.
pub(crate) struct Checks {
    pub(crate) answered: Arc<AtomicUsize>,
    pub(crate) failed: Arc<AtomicUsize>,
    task: AbortHandle,
}

impl Checks {
    pub(crate) fn of(client: &Client) -> Self {
        let (answered, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (client, told) = (client.clone(), (answered.clone(), failed.clone()));
        let task = tokio::spawn(async move {
            let mut due = interval(CHECK);
            let mut under_way = JoinSet::new();
            loop {
                due.tick().await;
                let (mut client, (answered, failed)) = (client.clone(), told.clone());
                under_way.spawn(async move {
                    let answer = client.try_send(Method::GET, "/session", &[], "".into()).await;
                    let count = if answer.is_ok_and(|answer| answer.status == 200) { answered } else { failed };
                    count.fetch_add(1, Ordering::SeqCst);
                });
                while under_way.try_join_next().is_some() {}
            }
        });
        Self { answered, failed, task: task.abort_handle() }
    }

    /// How many were answered; none may have failed.
    pub(crate) fn none_failed(&self) -> usize {
        let answered = self.answered.load(Ordering::SeqCst);
        assert_eq!(self.failed.load(Ordering::SeqCst), 0, "checks failed; {answered} did not");
        answered
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Asks for a page as a browser does; gives how long the answer took.
pub(crate) async fn page(client: &mut Client, path: &str) -> (Answer, Duration) {
    let begun = Instant::now();
    let browser = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let answer = timeout(PATIENCE, client.send(Method::GET, path, &browser, "")).await.expect("an answer");
    (answer, begun.elapsed())
}

/// That an answer says: not now, come again; to a person, and in time.
pub(crate) fn is_clean((answer, took): &(Answer, Duration)) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(!answer.header("retry-after").is_empty(), "{answer:?}");
    assert!(answer.body.contains("not available just now"), "{answer:?}");
    assert!(*took < CLEAN, "{took:?}");
}

/// Whoever has no session, or a forged one, or one that has ended, is let in nowhere.
pub(crate) async fn nobody_else_is_let_in(gateway: &Instance, ended: &Client) {
    let mut nobody = gateway.client();
    let mut forger = gateway.client();
    forger.cookies.insert("__Host-aldgate".into(), "A".repeat(64));
    let mut late = gateway.client();
    late.cookies = ended.cookies.clone();
    for client in [&mut nobody, &mut forger, &mut late] {
        let answer = client.get("/session").await;
        assert!(matches!(answer.status.as_u16(), 401 | 503), "{answer:?}");
    }
}

/// Ends this client's session; keeps its cookies, which open nothing now.
pub(crate) async fn sign_out(client: &Client) -> Client {
    let out = ask_to_sign_out(client).await;
    assert_eq!(out.status, 303, "{out:?}");
    client.clone()
}

/// The answer to whoever wants to end this client's session.
pub(crate) async fn ask_to_sign_out(client: &Client) -> Answer {
    let origin = client.origin();
    let form = [("content-type", "application/x-www-form-urlencoded"), ("origin", origin.as_str())];
    client.clone().send(Method::POST, "/sign-out", &form, "").await
}
