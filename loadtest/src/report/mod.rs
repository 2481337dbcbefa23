//! What a run found out, as data. [`table`] shows it to people; its JSON form, for programs and for the capacity
//! report, is the serialisation of these structs. Every name ends in its unit: `_us`, `_s`, `_per_s`, `_kib`; a share
//! is a number from 0 to 1.

pub(crate) mod table;

use crate::cpu::Spent;
use crate::floor::Floor;
use crate::hashing::HashingFloor;
use crate::measure::{Durations, Tally};
use crate::persona::name::PersonaName;
use crate::threshold::{Metric, Threshold};
use crate::window::Measured;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The form of the JSON; it grows when a member changes its meaning or goes.
const FORMAT: u32 = 1;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// The form of this document.
    pub(crate) format: u32,
    /// The tool's version.
    pub(crate) version: &'static str,
    /// The command line, word by word.
    pub(crate) command_line: Vec<String>,
    /// When the run began and ended (RFC 3339, UTC).
    pub(crate) started: String,
    /// As above.
    pub(crate) ended: String,
    /// Whether Ctrl-C ended it before its time.
    pub(crate) interrupted: bool,
    /// The machine that all of it ran on.
    pub(crate) machine: Machine,
    /// What was asked for.
    pub(crate) setup: Setup,
    /// What each persona met with, in the plan's order.
    pub(crate) personas: Vec<PersonaReport>,
    /// The floor under a passkey log-in, if one was in the plan.
    pub(crate) floor: Option<FloorReport>,
    /// The floor under a sign-in with a password, if one was in the plan.
    pub(crate) hashing: Option<HashingReport>,
    /// What the generator says of itself.
    pub(crate) generator: GeneratorReport,
    /// Each condition, and whether it held.
    pub(crate) thresholds: Vec<ThresholdReport>,
    /// The exit code.
    pub(crate) exit_code: u8,
}

/// The machine.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// The processor's model.
    pub(crate) model: String,
    /// The kernel's release.
    pub(crate) kernel: String,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Setup {
    /// The gateway.
    pub(crate) target: String,
    /// The processes whose CPU time was read, together.
    pub(crate) pids: Vec<u32>,
    /// Poisson or even.
    pub(crate) arrivals: &'static str,
    /// The seed.
    pub(crate) seed: u64,
    /// Accounts in the population.
    pub(crate) accounts: u64,
    /// Of those, how many took part with a passkey.
    pub(crate) authenticators: usize,
    /// Sessions that were opened before the windows.
    pub(crate) sessions: usize,
    /// Connections.
    pub(crate) connections: u32,
    /// The generator's threads, without the pacer.
    pub(crate) threads: u32,
    /// Rounds.
    pub(crate) rounds: u32,
    /// Seconds of warm-up and of measuring, a window.
    pub(crate) warmup_s: f64,
    /// As above.
    pub(crate) duration_s: f64,
    /// Seconds until an arrival counts as timed out.
    pub(crate) timeout_s: f64,
    /// Most arrivals waiting or under way.
    pub(crate) in_flight_max: u32,
}

/// One persona.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PersonaReport {
    /// Its name.
    pub(crate) persona: &'static str,
    /// All rounds together.
    pub(crate) total: Figures,
    /// Each round.
    pub(crate) rounds: Vec<Figures>,
}

/// The figures of one window, or of several together.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// The rate that was planned.
    pub(crate) offered_per_s: f64,
    /// Answers as expected, a second.
    pub(crate) achieved_per_s: f64,
    /// Arrivals in the schedule.
    pub(crate) offered: u64,
    /// Of those, answered as expected.
    pub(crate) answered: u64,
    /// Started more than 10 ms after their moment.
    pub(crate) late: u64,
    /// Not started at all, since too many waited already.
    pub(crate) dropped: u64,
    /// Failures.
    pub(crate) errors: Errors,
    /// From the intended start to the end of the answer.
    pub(crate) latency_us: Quantiles,
    /// From the sending to the end of the answer.
    pub(crate) service_us: Quantiles,
    /// Of a log-in: its two requests, each from its sending.
    pub(crate) steps_us: Option<StepQuantiles>,
    /// CPU time of the process under test.
    pub(crate) cpu: Option<Cpu>,
    /// Its resident memory in the end.
    pub(crate) resident_kib: Option<u64>,
    /// What the generator took.
    pub(crate) generator: Own,
    /// Shares of the machine's time: busy by anyone, and given to other guests.
    pub(crate) machine_busy_share: f64,
    /// As above.
    pub(crate) machine_stolen_share: f64,
    /// Connections that the other side closed, or that broke, and were opened again.
    pub(crate) reopened: u64,
}

/// Failures.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Errors {
    /// All of them.
    pub(crate) total: u64,
    /// As a share of the offered.
    pub(crate) share: f64,
    /// By status, where an answer came with another than expected.
    pub(crate) by_status: BTreeMap<u16, u64>,
    /// By kind, where none came.
    pub(crate) by_kind: BTreeMap<&'static str, u64>,
}

/// A distribution, in microseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Quantiles {
    /// How many values.
    pub(crate) count: u64,
    /// The mean.
    pub(crate) mean: f64,
    /// The median.
    pub(crate) p50: f64,
    /// As named.
    pub(crate) p90: f64,
    /// As named.
    pub(crate) p99: f64,
    /// 99.9 %.
    pub(crate) p99_9: f64,
    /// The largest.
    pub(crate) max: f64,
}

/// The two requests of a log-in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StepQuantiles {
    /// `POST /passkey/login/options`.
    pub(crate) options: Quantiles,
    /// `POST /passkey/login`.
    pub(crate) login: Quantiles,
}

/// CPU time of the process under test, in microseconds a request (of a log-in: a whole log-in).
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cpu {
    /// Of the gateway's threads; absent if none has such a name.
    pub(crate) gateway_us: Option<f64>,
    /// Of all threads.
    pub(crate) process_us: f64,
    /// By groups of threads.
    pub(crate) by_threads_us: BTreeMap<String, f64>,
    /// The same threads waiting for a core.
    pub(crate) waiting_by_threads_us: BTreeMap<String, f64>,
}

/// What the generator took.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Own {
    /// CPU time of all its threads, in microseconds a request.
    pub(crate) cpu_us: f64,
    /// Share of the window that its busiest thread was on a core.
    pub(crate) busiest_thread_share: f64,
    /// Share of the window that this thread wanted a core and had none.
    pub(crate) waiting_share: f64,
    /// From the intended start to the sending, where a connection was free.
    pub(crate) lag_us: Quantiles,
}

/// The floor, measured before and after.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FloorReport {
    /// Before the first window.
    pub(crate) before: Floor,
    /// After the last.
    pub(crate) after: Floor,
    /// CPU of the gateway's threads a log-in, over one bare verification.
    pub(crate) gateway_cpu_per_login_over_verify: Option<f64>,
    /// CPU of the whole process a log-in, over one bare verification.
    pub(crate) process_cpu_per_login_over_verify: Option<f64>,
}

/// What hashing alone allows, measured before and after.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HashingReport {
    /// Before the first window.
    pub(crate) before: HashingFloor,
    /// After the last.
    pub(crate) after: HashingFloor,
    /// Sign-ins a second, over hashes a second alone.
    pub(crate) achieved_over_alone: Option<f64>,
}

/// What the generator says of itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GeneratorReport {
    /// Whether it was the bottleneck, so that the figures say little about the server.
    pub(crate) bottleneck: bool,
    /// Why.
    pub(crate) reasons: Vec<String>,
    /// What is worth knowing besides.
    pub(crate) notes: Vec<String>,
}

/// A condition of `--fail-if`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ThresholdReport {
    /// As given.
    pub(crate) expression: String,
    /// For which persona it was judged.
    pub(crate) persona: &'static str,
    /// The figure, in microseconds, as a share, or a second; absent if it was not measured.
    pub(crate) value: Option<f64>,
    /// False if the condition holds, so that the run fails.
    pub(crate) ok: bool,
}

impl Report {
    /// The form of the documents that this version writes.
    pub(crate) const FORMAT: u32 = FORMAT;

    /// The JSON document.
    pub(crate) fn to_json(&self) -> String {
        // Structs of numbers and text: nothing in them can fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

fn micros(span: Duration) -> f64 {
    // A tenth of a microsecond is finer than anything that is measured here.
    (span.as_secs_f64() * 1e7).round() / 10.0
}

/// `count` as a number to divide by or to multiply with.
#[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
const fn number(count: u64) -> f64 {
    count as f64
}

fn share(part: u64, whole: u64) -> f64 {
    number(part) / number(whole.max(1))
}

impl Quantiles {
    /// Of a histogram.
    pub(crate) fn of(durations: &Durations) -> Self {
        Self {
            count: durations.count(),
            mean: micros(durations.mean()),
            p50: micros(durations.at(0.5)),
            p90: micros(durations.at(0.9)),
            p99: micros(durations.at(0.99)),
            p99_9: micros(durations.at(0.999)),
            max: micros(durations.max()),
        }
    }
}

impl Cpu {
    fn of(groups: &BTreeMap<String, Spent>, requests: u64, gateway_threads: &[String]) -> Self {
        let each = |span: Duration| micros(span.div_f64(number(requests.max(1))));
        let sum = |of: &dyn Fn(&str) -> bool| -> Duration {
            groups.iter().filter(|(name, _)| of(name)).map(|(_, spent)| spent.running).sum()
        };
        let is_gateway = |name: &str| gateway_threads.iter().any(|start| name.starts_with(start.as_str()));
        let running = groups.iter().map(|(name, spent)| (name.clone(), each(spent.running)));
        let waiting = groups.iter().map(|(name, spent)| (name.clone(), each(spent.waiting)));
        Self {
            gateway_us: groups.keys().any(|name| is_gateway(name)).then(|| each(sum(&is_gateway))),
            process_us: each(sum(&|_| true)),
            by_threads_us: running.collect(),
            waiting_by_threads_us: waiting.collect(),
        }
    }
}

impl Figures {
    /// Of one window.
    pub(crate) fn of(measured: &Measured, gateway_threads: &[String]) -> Self {
        let tally = &measured.tally;
        let own = &measured.own;
        let is_login = tally.options.count() > 0;
        let steps = || StepQuantiles { options: Quantiles::of(&tally.options), login: Quantiles::of(&tally.login) };
        let each = |span: Duration| micros(span.div_f64(number(measured.counted.max(1))));
        Self {
            offered_per_s: measured.rate,
            achieved_per_s: number(tally.answered) / measured.span.as_secs_f64().max(1e-9),
            offered: tally.offered,
            answered: tally.answered,
            late: tally.late,
            dropped: tally.dropped,
            errors: Errors::of(tally),
            latency_us: Quantiles::of(&tally.latency),
            service_us: Quantiles::of(&tally.service),
            steps_us: is_login.then(steps),
            cpu: measured.cpu.as_ref().map(|groups| Cpu::of(groups, measured.counted, gateway_threads)),
            resident_kib: measured.resident_kib,
            generator: Own {
                cpu_us: each(own.all.running),
                busiest_thread_share: own.busiest_share(),
                waiting_share: own.waiting_share(),
                lag_us: Quantiles::of(&tally.lag),
            },
            machine_busy_share: measured.machine.busy,
            machine_stolen_share: measured.machine.stolen,
            reopened: measured.reopened,
        }
    }

    /// The value of a figure that thresholds know.
    pub(crate) fn value(&self, metric: Metric) -> Option<f64> {
        let latency = |value: f64| (self.latency_us.count > 0).then_some(value);
        match metric {
            Metric::P50 => latency(self.latency_us.p50),
            Metric::P90 => latency(self.latency_us.p90),
            Metric::P99 => latency(self.latency_us.p99),
            Metric::P999 => latency(self.latency_us.p99_9),
            Metric::Max => latency(self.latency_us.max),
            Metric::Mean => latency(self.latency_us.mean),
            Metric::Errors => (self.offered > 0).then_some(self.errors.share),
            Metric::Dropped => (self.offered > 0).then(|| share(self.dropped, self.offered)),
            Metric::Achieved => Some(self.achieved_per_s),
            Metric::GatewayCpu => self.cpu.as_ref().and_then(|cpu| cpu.gateway_us),
            Metric::ProcessCpu => self.cpu.as_ref().map(|cpu| cpu.process_us),
        }
    }
}

impl Errors {
    fn of(tally: &Tally) -> Self {
        Self {
            total: tally.errors(),
            share: share(tally.errors(), tally.offered),
            by_status: tally.by_status.clone(),
            by_kind: tally.by_kind.clone(),
        }
    }
}

impl PersonaReport {
    /// Of all windows of a persona, at least one.
    pub(crate) fn of(persona: PersonaName, windows: &[Measured], gateway_threads: &[String]) -> Self {
        let rounds = windows.iter().map(|window| Figures::of(window, gateway_threads)).collect();
        let total = Figures::of(&Measured::all(windows), gateway_threads);
        Self { persona: persona.as_str(), total, rounds }
    }
}

impl ThresholdReport {
    /// Judges all conditions against the totals.
    pub(crate) fn all(thresholds: &[Threshold], personas: &[PersonaReport]) -> Vec<Self> {
        let pairs = thresholds.iter().flat_map(|threshold| personas.iter().map(move |persona| (threshold, persona)));
        pairs
            .filter(|(threshold, persona)| threshold.persona.is_none_or(|name| name.as_str() == persona.persona))
            .map(|(threshold, persona)| {
                let value = persona.total.value(threshold.metric);
                let ok = !threshold.is_met(value);
                Self { expression: threshold.to_string(), persona: persona.persona, value, ok }
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cpu::MachineShares;
    use crate::generator::OwnUse;
    use crate::measure::Steps;

    /// A window of a log-in with round figures.
    pub(crate) fn window() -> Measured {
        let mut tally = Tally { offered: 1_000, answered: 998, late: 3, ..Tally::default() };
        for n in 1..=998 {
            tally.latency.record(Duration::from_micros(n));
            tally.service.record(Duration::from_micros(n));
            tally.lag.record(Duration::from_micros(20));
            let steps = Steps { options: Duration::from_micros(100), login: Duration::from_micros(400) };
            tally.options.record(steps.options);
            tally.login.record(steps.login);
        }
        tally.by_status.insert(503, 1);
        tally.by_kind.insert("timeout", 1);
        let spent =
            |micros| Spent { running: Duration::from_micros(micros), waiting: Duration::from_micros(micros / 10) };
        Measured {
            tally,
            span: Duration::from_secs(10),
            rate: 100.0,
            counted: 1_000,
            cpu: Some([("edge".to_owned(), spent(150_000)), ("backend".to_owned(), spent(50_000))].into()),
            resident_kib: Some(40_960),
            own: OwnUse { all: spent(60_000), busiest: spent(50_000), wall: Duration::from_secs(10) },
            machine: MachineShares { busy: 0.25, stolen: 0.0 },
            reopened: 1,
        }
    }

    pub(crate) fn report() -> Report {
        let personas = vec![PersonaReport::of(PersonaName::PasskeyLogin, &[window(), window()], &["edge".into()])];
        let thresholds = ["p99>50ms", "passkey-login:errors>0.1%", "proxied-public:p50>1s"];
        let thresholds: Vec<Threshold> = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
        let floor = Floor { verify_us: 60.0, verify_us_min: 59.0, verifies_per_s_per_core: 16_666.7, batches: 200 };
        Report {
            format: Report::FORMAT,
            version: "0.1.0",
            command_line: vec!["aldgate-loadtest".into(), "run".into()],
            started: "2026-11-23T18:00:00Z".into(),
            ended: "2026-11-23T18:01:00Z".into(),
            interrupted: false,
            machine: Machine { cores: 2, model: "Some Processor".into(), kernel: "6.1.0".into() },
            setup: Setup {
                target: "http://localhost:8080".into(),
                pids: vec![42],
                arrivals: "poisson",
                seed: 7,
                accounts: 10_000,
                authenticators: 5_000,
                sessions: 0,
                connections: 64,
                threads: 1,
                rounds: 2,
                warmup_s: 2.0,
                duration_s: 10.0,
                timeout_s: 10.0,
                in_flight_max: 10_000,
            },
            thresholds: ThresholdReport::all(&thresholds, &personas),
            personas,
            floor: Some(FloorReport {
                before: floor,
                after: floor,
                gateway_cpu_per_login_over_verify: Some(2.5),
                process_cpu_per_login_over_verify: Some(3.3),
            }),
            hashing: Some(HashingReport {
                before: HashingFloor { hashes_per_s: 100.0, threads: 2 },
                after: HashingFloor { hashes_per_s: 100.0, threads: 2 },
                achieved_over_alone: Some(0.93),
            }),
            generator: GeneratorReport { bottleneck: false, reasons: vec![], notes: vec!["a note".into()] },
            exit_code: 99,
        }
    }

    /// Each member's path and the kind of its value; lists by their first element.
    fn shape(path: &str, value: &serde_json::Value, out: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(members) => {
                for (name, member) in members {
                    shape(&format!("{path}.{name}"), member, out);
                }
            }
            serde_json::Value::Array(elements) if !elements.is_empty() => {
                shape(&format!("{path}[]"), &elements[0], out)
            }
            serde_json::Value::Array(_) => out.push(format!("{path}[]")),
            serde_json::Value::Null => out.push(format!("{path}: null")),
            serde_json::Value::Bool(_) => out.push(format!("{path}: bool")),
            serde_json::Value::Number(_) => out.push(format!("{path}: number")),
            serde_json::Value::String(_) => out.push(format!("{path}: text")),
        }
    }

    #[test]
    fn the_json_has_the_golden_shape() {
        let document: serde_json::Value = serde_json::from_str(&report().to_json()).expect("JSON");
        let mut lines = Vec::new();
        shape("", &document, &mut lines);
        lines.sort(); // Whether serde_json keeps the order of members depends on who else is built.
        let golden = include_str!("../../tests/golden/report-shape.txt");
        assert_eq!(lines.join("\n"), golden.trim_end(), "others read this: add members, do not change or remove them");
    }

    #[test]
    fn rounds_add_up_to_the_total() {
        let report = report();
        let total = &report.personas[0].total;
        assert_eq!((total.offered, total.answered, total.errors.total), (2_000, 1_996, 4));
        assert!((total.achieved_per_s - 99.8).abs() < 1e-9);
        let cpu = total.cpu.as_ref().expect("CPU");
        assert_eq!((cpu.gateway_us, cpu.process_us), (Some(150.0), 200.0));
        assert_eq!(cpu.by_threads_us.get("backend"), Some(&50.0));
    }

    #[test]
    fn conditions_are_judged_for_the_personas_that_they_name() {
        let judged: Vec<_> = report().thresholds.into_iter().map(|t| (t.expression, t.ok)).collect();
        assert_eq!(judged, [("p99>50ms".into(), true), ("passkey-login:errors>0.1%".to_owned(), false)]);
    }
}
