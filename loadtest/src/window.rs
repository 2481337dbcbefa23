//! One window: a persona at a rate, first to warm up, then measured, then until the last answer.

use crate::arrival::{Schedule, Spacing};
use crate::client::{Connection, Failure};
use crate::clock;
use crate::cpu::{self, MachineShares, MachineTime, Spent, Usage};
use crate::generator::OwnUse;
use crate::line::{Arrival, Line};
use crate::measure::{Outcome, Tally};
use crate::pacer::{self, Pace};
use crate::persona::Persona;
use crate::progress::Progress;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between the making of a window and its first arrival: enough for its tasks to be ready.
const LEAD: Duration = Duration::from_millis(20);

/// How often it is looked whether all answers are in.
const LOOK: Duration = Duration::from_millis(20);

/// After Ctrl-C, how long answers are still waited for.
const DRAIN_STOPPED: Duration = Duration::from_secs(1);

/// What a window does.
#[derive(Debug, Clone)]
pub(crate) struct WindowPlan {
    /// What it is called while it runs: persona and round.
    pub(crate) name: String,
    /// How arrivals lie in time.
    pub(crate) spacing: Spacing,
    /// Arrivals a second.
    pub(crate) rate: f64,
    /// The seed, and the label of this window.
    pub(crate) seed: (u64, u64),
    /// The time before it is measured.
    pub(crate) warmup: Duration,
    /// The time that is measured.
    pub(crate) duration: Duration,
    /// How long one arrival may take.
    pub(crate) timeout: Duration,
    /// Most arrivals waiting or under way.
    pub(crate) in_flight_max: usize,
    /// The processes under test.
    pub(crate) pids: Vec<u32>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// All outcomes.
    pub(crate) tally: Tally,
    /// From the first measured moment to the last answer, and never shorter than what was planned.
    pub(crate) span: Duration,
    /// Arrivals planned for this time, a second.
    pub(crate) rate: f64,
    /// Answers and failures while the CPU time was counted.
    pub(crate) counted: u64,
    /// CPU time of the process under test, by groups of threads; absent if it is not known.
    pub(crate) cpu: Option<BTreeMap<String, Spent>>,
    /// Its resident memory at the end.
    pub(crate) resident_kib: Option<u64>,
    /// What the generator took.
    pub(crate) own: OwnUse,
    /// The machine's.
    pub(crate) machine: MachineShares,
    /// Connections that had to be opened again.
    pub(crate) reopened: u64,
}

impl Measured {
    /// The share of the machine's cores that was busy with neither the server nor the generator; zero if the server's
    /// time is not known.
    pub(crate) fn others_share(&self, cores: usize) -> f64 {
        let Some(groups) = &self.cpu else { return 0.0 };
        let ours: Duration = groups.values().map(|spent| spent.running).sum::<Duration>() + self.own.all.running;
        let cores = f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
        (self.machine.busy - ours.as_secs_f64() / (self.own.wall.as_secs_f64() * cores).max(1e-9)).max(0.0)
    }

    /// Several windows of one persona together.
    pub(crate) fn all(windows: &[Self]) -> Self {
        let mut all = Self::default();
        let count = u32::try_from(windows.len()).unwrap_or(u32::MAX).max(1);
        for window in windows {
            all.tally.merge(&window.tally);
            all.span += window.span;
            all.rate += window.rate / f64::from(count);
            all.counted += window.counted;
            for (group, spent) in window.cpu.iter().flatten() {
                all.cpu.get_or_insert_default().entry(group.clone()).or_default().add(*spent);
            }
            all.resident_kib = all.resident_kib.max(window.resident_kib);
            all.own.all.add(window.own.all);
            all.own.busiest.add(window.own.busiest);
            all.own.wall += window.own.wall;
            all.machine.busy += window.machine.busy / f64::from(count);
            all.machine.stolen += window.machine.stolen / f64::from(count);
            all.reopened += window.reopened;
        }
        all
    }
}

/// Everything that counts time, read at one moment.
struct Reading {
    at: Instant,
    target: Option<Usage>,
    own: Usage,
    machine: MachineTime,
}

impl Reading {
    /// Reads on another thread: some hundred small files must not delay arrivals.
    async fn take(pids: &[u32]) -> Self {
        let pids = pids.to_vec();
        let read = move || {
            let root = Path::new(cpu::PROC);
            let target = Usage::read_all(root, &pids);
            let own = Usage::read(root, std::process::id()).unwrap_or_default();
            Self { at: clock::now(), target, own, machine: MachineTime::read(root) }
        };
        let empty = || Self { at: clock::now(), target: None, own: Usage::default(), machine: MachineTime::default() };
        tokio::task::spawn_blocking(read).await.unwrap_or_else(|_| empty())
    }
}

/// Runs a window over the given connections, which it gives back in `connections`.
pub(crate) async fn run(
    plan: &WindowPlan,
    persona: Arc<Persona>,
    connections: &mut Vec<Connection>,
    stop: &watch::Receiver<bool>,
    progress: &mut Progress,
) -> std::io::Result<Measured> {
    let line = Arc::new(Line::new(connections.len(), plan.in_flight_max));
    let tally = Arc::new(Mutex::new(Tally::default()));
    let reopened_before: u64 = connections.iter().map(Connection::reopened).sum();
    let workers: Vec<JoinHandle<Connection>> = connections
        .drain(..)
        .map(|connection| tokio::spawn(work(connection, line.clone(), persona.clone(), tally.clone(), plan.timeout)))
        .collect();

    let start = clock::now() + LEAD;
    let measured_from = start + plan.warmup;
    let end = measured_from + plan.duration;
    let schedule = Schedule::new(plan.spacing, plan.rate, plan.warmup + plan.duration, plan.seed.0, plan.seed.1);
    let pacer = pacer::start(Pace { schedule, start, measured_from, stop: stop.clone() }, line.clone())?;

    let mut watcher = Watcher { plan, line: &line, tally: &tally, progress, stop: stop.clone() };
    watcher.until(measured_from, "warming up").await;
    let (before, counted_before) = (Reading::take(&plan.pids).await, line.done_so_far());
    watcher.until(end, "measuring").await;
    let stopped = *stop.borrow();
    let give_up = if stopped { clock::now() + DRAIN_STOPPED } else { end + plan.timeout };
    watcher.drain(give_up).await;
    let (after, counted_after) = (Reading::take(&plan.pids).await, line.done_so_far());

    give_up_waiting(&line, &tally);
    // The pacer ends by itself: its schedule is over, or it was told to stop.
    let offered = tokio::task::spawn_blocking(move || pacer.join().unwrap_or_default()).await.unwrap_or_default();
    for worker in workers {
        connections.extend(worker.await.ok());
    }
    let reopened: u64 = connections.iter().map(Connection::reopened).sum();
    let mut tally = std::mem::take(&mut *locked(&tally));
    tally.offered = offered;
    tally.dropped = line.dropped();
    let planned = if stopped { clock::now().min(end).saturating_duration_since(measured_from) } else { plan.duration };
    let answered_for = tally.last.map_or(Duration::ZERO, |last| last.saturating_duration_since(measured_from));
    let root = Path::new(cpu::PROC);
    Ok(Measured {
        span: planned.max(answered_for),
        rate: plan.rate,
        counted: counted_after.saturating_sub(counted_before),
        cpu: after.target.as_ref().zip(before.target.as_ref()).map(|(after, before)| after.since(before)),
        resident_kib: plan
            .pids
            .iter()
            .map(|pid| cpu::resident_kib(root, *pid))
            .sum::<Option<u64>>()
            .filter(|_| !plan.pids.is_empty()),
        own: own_use(&before, &after),
        machine: after.machine.since(before.machine),
        reopened: reopened.saturating_sub(reopened_before),
        tally,
    })
}

fn own_use(before: &Reading, after: &Reading) -> OwnUse {
    let mut all = Spent::default();
    after.own.since(&before.own).values().for_each(|spent| all.add(*spent));
    OwnUse { all, busiest: after.own.busiest_since(&before.own), wall: after.at.saturating_duration_since(before.at) }
}

fn locked(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes the line; whoever still waits has waited in vain.
fn give_up_waiting(line: &Line, tally: &Mutex<Tally>) {
    let finished = clock::now();
    for arrival in line.close() {
        locked(tally).record(&Outcome { arrival, started: None, finished, result: Err(Failure::Timeout) });
    }
}

/// Serves arrivals over one connection until the line is closed.
async fn work(
    mut connection: Connection,
    line: Arc<Line>,
    persona: Arc<Persona>,
    tally: Arc<Mutex<Tally>>,
    timeout: Duration,
) -> Connection {
    while let Some(arrival) = line.take().await {
        let started = clock::now();
        let result = attempt(&mut connection, &persona, &arrival, timeout).await;
        let outcome = Outcome { arrival, started: Some(started), finished: clock::now(), result };
        locked(&tally).record(&outcome);
        line.done();
    }
    connection
}

async fn attempt(
    connection: &mut Connection,
    persona: &Persona,
    arrival: &Arrival,
    timeout: Duration,
) -> Result<Option<crate::measure::Steps>, Failure> {
    let deadline = (arrival.intended + timeout).into();
    let attempt = persona.act(connection, arrival.number);
    tokio::time::timeout_at(deadline, attempt).await.unwrap_or(Err(Failure::Timeout))
}

/// Waits for the moments of a window, and says how far it is.
struct Watcher<'a> {
    plan: &'a WindowPlan,
    line: &'a Line,
    tally: &'a Mutex<Tally>,
    progress: &'a mut Progress,
    stop: watch::Receiver<bool>,
}

impl Watcher<'_> {
    /// Until a moment, or until the run is stopped.
    async fn until(&mut self, moment: Instant, doing: &str) {
        loop {
            let left = moment.saturating_duration_since(clock::now());
            if left.is_zero() || *self.stop.borrow() {
                return;
            }
            let nap = tokio::time::sleep(left.min(Duration::from_millis(250)));
            tokio::select! {
                () = nap => {}
                _ = self.stop.wait_for(|stopped| *stopped) => return,
            }
            self.show(doing, left);
        }
    }

    /// Until all answers are in, or a moment is reached.
    async fn drain(&mut self, give_up: Instant) {
        while !self.line.is_empty() && clock::now() < give_up {
            tokio::time::sleep(LOOK).await;
            self.show("waiting for the last answers,", give_up.saturating_duration_since(clock::now()));
        }
    }

    fn show(&mut self, doing: &str, left: Duration) {
        let (tally, plan) = (self.tally, self.plan);
        self.progress.show(|| {
            let tally = locked(tally);
            format!(
                "{}: {doing} {:.0} s left, {} answered, {} failed, p50 {:.2} ms, p99 {:.2} ms",
                plan.name,
                left.as_secs_f64(),
                tally.answered,
                tally.errors(),
                tally.latency.at(0.5).as_secs_f64() * 1e3,
                tally.latency.at(0.99).as_secs_f64() * 1e3,
            )
        });
    }
}

#[cfg(test)]
mod tests {
    //! Goal: coordinated omission is not hidden. Method: a server that answers at once, but for one stall of a second,
    //! over few connections. A generator that waits for answers before it goes on would see one slow request a
    //! connection; here everyone who came during the stall must be seen to have waited.

    use super::*;
    use crate::client::Target;
    use crate::persona::Sessions;
    use crate::persona::returning_session::ReturningSession;
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::header::HeaderValue;
    use hyper::service::service_fn;
    use hyper::{Response, Uri};
    use hyper_util::rt::TokioIo;
    use std::convert::Infallible;
    use std::net::SocketAddr;
    use tokio::net::TcpListener;

    /// A server that answers at once, but nobody for a second once `stall_at` has passed since its start.
    async fn stalling_server(stall_at: Duration) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let (from, to) = (clock::now() + stall_at, clock::now() + stall_at + Duration::from_secs(1));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answer = service_fn(move |_| async move {
                    if clock::now() >= from {
                        tokio::time::sleep_until(to.into()).await;
                    }
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}"))))
                });
                let server = hyper::server::conn::http1::Builder::new();
                tokio::spawn(server.serve_connection(TokioIo::new(stream), answer));
            }
        });
        address
    }

    fn plan(rate: f64) -> WindowPlan {
        WindowPlan {
            name: "test".into(),
            spacing: Spacing::Even,
            rate,
            seed: (7, 1),
            warmup: Duration::from_millis(200),
            duration: Duration::from_secs(3),
            timeout: Duration::from_secs(5),
            in_flight_max: 1_000,
            pids: vec![std::process::id()],
        }
    }

    fn visitor() -> Arc<Persona> {
        let sessions = Sessions(Arc::from(vec![HeaderValue::from_static("a=b")]));
        Arc::new(Persona::Returning(ReturningSession { path: Uri::from_static("/session"), sessions, status: 200 }))
    }

    fn pool(address: SocketAddr, connections: usize) -> Vec<Connection> {
        let host = HeaderValue::from_static("localhost");
        let target = Arc::new(Target { address, host, origin: "http://localhost".into(), headers: Vec::new() });
        (0..connections).map(|_| Connection::new(target.clone())).collect()
    }

    async fn measured(plan: WindowPlan, address: SocketAddr) -> Measured {
        let (_keep, stop) = watch::channel(false);
        let mut connections = pool(address, 4);
        let measured = run(&plan, visitor(), &mut connections, &stop, &mut Progress::silent()).await.expect("a window");
        assert_eq!(connections.len(), 4, "all connections come back");
        measured
    }

    #[tokio::test]
    async fn a_stall_is_charged_for_everyone_who_came_during_it() {
        let address = stalling_server(Duration::from_millis(1_200)).await;
        let measured = measured(plan(200.0), address).await;
        let tally = &measured.tally;
        assert!((599..=601).contains(&tally.offered), "{}", tally.offered);
        assert_eq!((tally.answered, tally.errors(), tally.dropped), (tally.offered, 0, 0));
        assert!(tally.latency.at(0.999) > Duration::from_millis(900), "{:?}", tally.latency.at(0.999));
        // A third of the window stalled: at p90 half a second and more was waited. Without the intended starts, four
        // requests of 600 (one a connection) would have been slow, and p99 would have looked perfect.
        assert!(tally.latency.at(0.9) > Duration::from_millis(500), "{:?}", tally.latency.at(0.9));
        assert!(tally.service.at(0.99) < Duration::from_millis(500), "{:?}", tally.service.at(0.99));
        assert!(tally.late > 150, "{}", tally.late);
        assert!(measured.cpu.is_some_and(|cpu| !cpu.is_empty()));
    }

    #[tokio::test]
    async fn arrivals_beyond_the_cap_are_counted_as_dropped() {
        let address = stalling_server(Duration::from_millis(700)).await;
        let plan = WindowPlan { in_flight_max: 20, duration: Duration::from_secs(2), ..plan(200.0) };
        let measured = measured(plan, address).await;
        let tally = &measured.tally;
        assert!(tally.dropped > 100, "{}", tally.dropped);
        assert_eq!(tally.answered + tally.dropped, tally.offered);
    }

    #[tokio::test]
    async fn a_server_that_never_answers_ends_in_time_outs() {
        let address = stalling_server(Duration::ZERO).await;
        let quick = Duration::from_millis(300);
        let plan = WindowPlan { timeout: quick, duration: Duration::from_millis(400), ..plan(50.0) };
        let measured = measured(plan, address).await;
        let tally = &measured.tally;
        assert_eq!(tally.errors(), tally.offered);
        assert_eq!(tally.by_kind.get("timeout"), Some(&tally.offered));
        assert!(tally.latency.at(0.5) >= quick.mul_f64(0.99));
    }
}
