//! `aldgate-loadtest run`: prepare, go through the personas in turn and in rounds, judge, report.

use crate::client::Connection;
use crate::clock;
use crate::floor::{self, Floor};
use crate::generator::Judgement;
use crate::hashing::{self, HashingFloor};
use crate::persona::name::PersonaName;
use crate::plan::Plan;
use crate::prepare::Prepared;
use crate::progress::Progress;
use crate::report::table;
use crate::report::{
    FloorReport, GeneratorReport, HashingReport, Machine, PersonaReport, Report, Setup, ThresholdReport,
};
use crate::target;
use crate::threshold;
use crate::trouble::Trouble;
use crate::window::{self, Measured, WindowPlan};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The exit code when the generator itself was the bottleneck.
const EXIT_BOTTLENECK: u8 = 3;

/// How long the floor is measured, before and after.
const FLOOR: Duration = Duration::from_millis(500);

/// The same of hashing, of which one takes tens of milliseconds.
const HASHING: Duration = Duration::from_secs(4);

/// Runs the plan on a runtime of its own and prints the report; gives back the exit code.
///
/// # Errors
/// [`Trouble`], if it cannot be run at all.
pub(crate) fn command(plan: &Plan) -> Result<u8, Trouble> {
    plan.check()?;
    if let Some(path) = &plan.json {
        // Better now than after half an hour.
        write(path, "")?;
    }
    let mut builder = match plan.threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let workers = usize::try_from(plan.threads).unwrap_or(1);
    let runtime = builder.worker_threads(workers).thread_name("sender").enable_all().build();
    let runtime =
        runtime.map_err(|error| Trouble::new(format!("no runtime: {error}"), "see the limits of this user"))?;
    let report = runtime.block_on(run(plan))?;
    print!("{}", table::render(&report));
    if let Some(path) = &plan.json {
        write(path, &report.to_json())?;
    }
    Ok(report.exit_code)
}

fn write(path: &Path, text: &str) -> Result<(), Trouble> {
    std::fs::write(path, text).map_err(|error| {
        Trouble::new(format!("{} cannot be written: {error}", path.display()), "give --json another path")
    })
}

async fn run(plan: &Plan) -> Result<Report, Trouble> {
    let started = clock::date();
    let mut progress = Progress::on_stderr();
    let target = Arc::new(target::find(plan).await?);
    let pids = target::processes(plan)?;
    let log_ins_at = target::for_log_ins(plan, &target).await?;
    let prepared = Prepared::new(plan, &log_ins_at, &mut progress).await?;
    let stop = stop_on_ctrl_c();

    let (before, hashing_before) = (floor_if_needed(plan)?, hashing_if_needed(plan)?);
    let mut course = Course::new(plan, &prepared, &target, pids.clone()).await?;
    course.go(&stop, &mut progress).await?;
    let changed_too_much = course.compare(&mut progress);
    let (after, hashing_after) = (floor_if_needed(plan)?, hashing_if_needed(plan)?);

    let personas = course.reports();
    let thresholds = ThresholdReport::all(&plan.fail_if, &personas);
    let bottleneck = !course.judgement.bottleneck.is_empty();
    let exit_code = match thresholds.iter().all(|threshold| threshold.ok) && !changed_too_much {
        _ if bottleneck => EXIT_BOTTLENECK,
        true => 0,
        false => threshold::EXIT,
    };
    Ok(Report {
        format: Report::FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        command_line: std::env::args().collect(),
        started,
        ended: clock::date(),
        interrupted: *stop.borrow(),
        machine: Machine::this(),
        setup: Setup::of(plan, &prepared, pids),
        floor: before.zip(after).map(|(before, after)| FloorReport::of(before, after, &personas)),
        hashing: hashing_before.zip(hashing_after).map(|(before, after)| HashingReport::of(before, after, &personas)),
        personas,
        generator: GeneratorReport { bottleneck, reasons: course.judgement.bottleneck, notes: course.judgement.notes },
        thresholds,
        exit_code,
    })
}

/// Becomes true at the first Ctrl-C; at the second, the process ends at once.
fn stop_on_ctrl_c() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = stop.send(true);
            eprintln!("\nending early; once more to end at once");
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        }
        // Without a signal handler the run goes to its end; the sender must live as long.
        stop.closed().await;
    });
    stopped
}

fn floor_if_needed(plan: &Plan) -> Result<Option<Floor>, Trouble> {
    let logs_in = plan.persona.iter().any(|part| part.persona == PersonaName::PasskeyLogin);
    logs_in.then(|| floor::measure(FLOOR)).transpose()
}

fn hashing_if_needed(plan: &Plan) -> Result<Option<HashingFloor>, Trouble> {
    let signs_in = plan.persona.iter().any(|part| part.persona == PersonaName::PasswordLogin);
    signs_in.then(|| hashing::measure(HASHING)).transpose()
}

fn no_thread(error: std::io::Error) -> Trouble {
    Trouble::new(format!("no thread could be started: {error}"), "see this user's limits")
}

/// The windows of a plan, and what came of them.
struct Course<'a> {
    plan: &'a Plan,
    pids: Vec<u32>,
    parts: Vec<Part>,
    beside: Option<Beside>,
    connections: Vec<Connection>,
    judgement: Judgement,
}

/// A persona on its course.
struct Part {
    name: PersonaName,
    rate: f64,
    persona: Arc<crate::persona::Persona>,
    windows: Vec<Measured>,
    beside: Vec<Measured>,
}

/// A persona that comes at the same time, and what came of it.
struct Beside {
    name: PersonaName,
    rate: f64,
    persona: Arc<crate::persona::Persona>,
    connections: Vec<Connection>,
    windows: Vec<Measured>,
}

impl<'a> Course<'a> {
    async fn new(
        plan: &'a Plan,
        prepared: &Prepared,
        target: &Arc<crate::client::Target>,
        pids: Vec<u32>,
    ) -> Result<Self, Trouble> {
        let mut parts = Vec::new();
        for part in &plan.persona {
            let persona = prepared.persona(part.persona, plan, target).await?;
            parts.push(Part {
                name: part.persona,
                rate: plan.rate_of(*part),
                persona,
                windows: Vec::new(),
                beside: Vec::new(),
            });
        }
        let connections = || (0..plan.connections).map(|_| Connection::new(target.clone())).collect();
        let beside = match plan.beside {
            None => None,
            Some(part) => {
                let persona = prepared.persona(part.persona, plan, target).await?;
                let (name, rate) = (part.persona, plan.rate_of(part));
                Some(Beside { name, rate, persona, connections: connections(), windows: Vec::new() })
            }
        };
        Ok(Self { plan, pids, parts, beside, connections: connections(), judgement: Judgement::default() })
    }

    /// All rounds, or as many as there is time for until the run is stopped.
    async fn go(&mut self, stop: &watch::Receiver<bool>, progress: &mut Progress) -> Result<(), Trouble> {
        let begun = clock::now();
        for round in 1..=self.plan.rounds {
            for index in 0..self.parts.len() {
                if *stop.borrow() {
                    return Ok(());
                }
                if begun.elapsed() > self.plan.time_cap {
                    self.judgement.notes.push(format!("the time cap ended the run in round {round}"));
                    return Ok(());
                }
                self.window(round, index, stop, progress).await?;
            }
        }
        Ok(())
    }

    async fn window(
        &mut self,
        round: u32,
        index: usize,
        stop: &watch::Receiver<bool>,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        let plan = self.plan;
        let window = WindowPlan {
            name: format!("{}, round {round} of {}", part.name.as_str(), plan.rounds),
            spacing: plan.arrivals,
            rate: part.rate,
            seed: (plan.seed, u64::from(round) << 8 | part.name as u64),
            warmup: plan.warmup,
            duration: plan.duration,
            timeout: plan.timeout,
            in_flight_max: usize::try_from(plan.in_flight_max).unwrap_or(usize::MAX),
            pids: self.pids.clone(),
        };
        let measured = window::run(&window, part.persona.clone(), &mut self.connections, stop, progress)
            .await
            .map_err(no_thread)?;
        self.judgement.add(&window.name, &measured.own, &measured.tally, plan.lag_max);
        self.judgement.add_company(&window.name, measured.others_share(Machine::cores()));
        progress.say(&format!(
            "{}: {} of {} answered, {} failed, p50 {:.2} ms, p99 {:.2} ms",
            window.name,
            measured.tally.answered,
            measured.tally.offered,
            measured.tally.errors(),
            measured.tally.latency.at(0.5).as_secs_f64() * 1e3,
            measured.tally.latency.at(0.99).as_secs_f64() * 1e3,
        ));
        part.windows.push(measured);
        self.window_beside(index, window, stop, progress).await
    }

    /// The same window again, with the persona that comes at the same time, if there is one.
    async fn window_beside(
        &mut self,
        index: usize,
        window: WindowPlan,
        stop: &watch::Receiver<bool>,
        progress: &mut Progress,
    ) -> Result<(), Trouble> {
        let (Some(part), Some(beside)) = (self.parts.get_mut(index), &mut self.beside) else { return Ok(()) };
        let second = WindowPlan {
            name: format!("{} beside {}", beside.name.as_str(), window.name),
            rate: beside.rate,
            seed: (window.seed.0, window.seed.1 | 1 << 40),
            pids: Vec::new(),
            ..window.clone()
        };
        let first = WindowPlan { name: format!("{}, beside {}", window.name, beside.name.as_str()), ..window };
        let mut unseen = Progress::silent();
        let (measured, other) = tokio::join!(
            window::run(&first, part.persona.clone(), &mut self.connections, stop, progress),
            window::run(&second, beside.persona.clone(), &mut beside.connections, stop, &mut unseen),
        );
        let (measured, other) = (measured.map_err(no_thread)?, other.map_err(no_thread)?);
        self.judgement.add(&first.name, &measured.own, &measured.tally, self.plan.lag_max);
        part.beside.push(measured);
        beside.windows.push(other);
        Ok(())
    }

    /// Says of each persona how its p99 has changed; true if one has by more than it may, or could not be compared.
    fn compare(&mut self, progress: &mut Progress) -> bool {
        let Some(beside) = &self.beside else { return false };
        let p99 = |windows: &[Measured]| Measured::all(windows).tally.latency.at(0.99).as_secs_f64() * 1e3;
        let other = Measured::all(&beside.windows).tally;
        let mut too_much = false;
        for part in &self.parts {
            let (alone, together) = (p99(&part.windows), p99(&part.beside));
            let ratio = together / alone;
            too_much |= ratio.is_nan() || ratio > self.plan.beside_max;
            let note = format!(
                "{}: p99 {alone:.3} ms alone, {together:.3} ms beside {}@{} ({} offered, {} as expected, {} refused or \
                 failed): {ratio:.2} times, {} is allowed",
                part.name.as_str(),
                beside.name.as_str(),
                beside.rate,
                other.offered,
                other.answered,
                other.errors(),
                self.plan.beside_max,
            );
            progress.say(&note);
            self.judgement.notes.push(note);
        }
        too_much
    }

    fn reports(&self) -> Vec<PersonaReport> {
        let met = self.parts.iter().filter(|part| !part.windows.is_empty());
        met.map(|part| PersonaReport::of(part.name, &part.windows, &self.plan.gateway_threads)).collect()
    }
}

impl Setup {
    fn of(plan: &Plan, prepared: &Prepared, pids: Vec<u32>) -> Self {
        Self {
            target: plan.target.clone(),
            pids,
            arrivals: plan.arrivals.name(),
            seed: plan.seed,
            accounts: plan.accounts,
            authenticators: prepared.passkeys(),
            sessions: prepared.sessions(),
            connections: plan.connections,
            threads: plan.threads,
            rounds: plan.rounds,
            warmup_s: plan.warmup.as_secs_f64(),
            duration_s: plan.duration.as_secs_f64(),
            timeout_s: plan.timeout.as_secs_f64(),
            in_flight_max: plan.in_flight_max,
        }
    }
}

impl Machine {
    fn cores() -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    fn this() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            cores: Self::cores(),
            model: model.map_or_else(|| "unknown processor".into(), |(_, name)| name.trim().to_owned()),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl HashingReport {
    fn of(before: HashingFloor, after: HashingFloor, personas: &[PersonaReport]) -> Self {
        let alone = (before.hashes_per_s + after.hashes_per_s) / 2.0;
        let sign_in = personas.iter().find(|persona| persona.persona == PersonaName::PasswordLogin.as_str());
        Self { before, after, achieved_over_alone: sign_in.map(|sign_in| sign_in.total.achieved_per_s / alone) }
    }
}

impl FloorReport {
    fn of(before: Floor, after: Floor, personas: &[PersonaReport]) -> Self {
        let verify_us = (before.verify_us + after.verify_us) / 2.0;
        let login = personas.iter().find(|persona| persona.persona == PersonaName::PasskeyLogin.as_str());
        let cpu = login.and_then(|login| login.total.cpu.as_ref());
        Self {
            before,
            after,
            gateway_cpu_per_login_over_verify: cpu.and_then(|cpu| cpu.gateway_us).map(|us| us / verify_us),
            process_cpu_per_login_over_verify: cpu.map(|cpu| cpu.process_us / verify_us),
        }
    }
}
