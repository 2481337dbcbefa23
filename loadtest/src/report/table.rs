//! The report for people: plain text, aligned.

use super::{Figures, PersonaReport, Quantiles, Report};
use std::fmt::Write as _;

/// The whole report.
pub(crate) fn render(report: &Report) -> String {
    let mut out = String::new();
    head(report, &mut out);
    let rows: Vec<(String, &Figures)> = report.personas.iter().flat_map(rows).collect();
    latencies(&rows, &mut out);
    steps(&report.personas, &mut out);
    errors(&report.personas, &mut out);
    costs(&rows, &mut out);
    floor(report, &mut out);
    hashing(report, &mut out);
    verdict(report, &mut out);
    out
}

/// A row for each round, and one for all of them.
fn rows(persona: &PersonaReport) -> Vec<(String, &Figures)> {
    let rounds = (1..).zip(&persona.rounds).map(|(round, figures)| (format!("  round {round}"), figures));
    let total = std::iter::once((persona.persona.to_owned(), &persona.total));
    if persona.rounds.len() > 1 { total.chain(rounds).collect() } else { total.collect() }
}

/// Lines up cells: the first column to the left, the others to the right.
fn align(rows: &[Vec<String>], out: &mut String) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = if column == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

fn millis(quantiles: &Quantiles, value: f64) -> String {
    if quantiles.count == 0 { "-".into() } else { format!("{:.2}", value / 1e3) }
}

fn spread(quantiles: &Quantiles) -> [String; 5] {
    [quantiles.p50, quantiles.p90, quantiles.p99, quantiles.p99_9, quantiles.max].map(|value| millis(quantiles, value))
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn micros(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |value| format!("{value:.1}"))
}

fn head(report: &Report, out: &mut String) {
    let Report { setup, machine, .. } = report;
    let _ = writeln!(out, "aldgate-loadtest {}  {}  {}", report.version, report.started, setup.target);
    let _ = writeln!(out, "machine   {}, {} cores, Linux {}", machine.model, machine.cores, machine.kernel);
    let _ = writeln!(
        out,
        "plan      {} round(s) of {} s after {} s of warm-up, {} arrivals, seed {}, {} connections, {} thread(s)",
        setup.rounds, setup.duration_s, setup.warmup_s, setup.arrivals, setup.seed, setup.connections, setup.threads,
    );
    let _ = writeln!(
        out,
        "people    {} accounts, {} passkeys and {} sessions taking part",
        setup.accounts, setup.authenticators, setup.sessions,
    );
    if report.interrupted {
        out.push_str("\nInterrupted: these are the figures so far.\n");
    }
}

fn latencies(rows: &[(String, &Figures)], out: &mut String) {
    out.push_str("\nLatency from the intended start, in ms\n");
    let mut table =
        vec![cells(["", "offered/s", "achieved/s", "p50", "p90", "p99", "p99.9", "max", "errors", "late", "dropped"])];
    for (name, figures) in rows {
        let mut row =
            vec![name.clone(), format!("{:.1}", figures.offered_per_s), format!("{:.1}", figures.achieved_per_s)];
        row.extend(spread(&figures.latency_us));
        row.extend([percent(figures.errors.share), figures.late.to_string(), figures.dropped.to_string()]);
        table.push(row);
    }
    align(&table, out);
}

fn steps(personas: &[PersonaReport], out: &mut String) {
    let Some(steps) = personas.iter().find_map(|persona| persona.total.steps_us.as_ref()) else { return };
    out.push_str("\nRequests of a passkey log-in, each from its sending, in ms\n");
    let mut table = vec![cells(["", "p50", "p90", "p99", "p99.9", "max"])];
    for (name, quantiles) in [("POST /passkey/login/options", &steps.options), ("POST /passkey/login", &steps.login)] {
        table.push(std::iter::once(name.to_owned()).chain(spread(quantiles)).collect());
    }
    align(&table, out);
}

fn errors(personas: &[PersonaReport], out: &mut String) {
    for persona in personas.iter().filter(|persona| persona.total.errors.total > 0) {
        let errors = &persona.total.errors;
        let statuses = errors.by_status.iter().map(|(status, count)| format!("{count} with status {status}"));
        let kinds = errors.by_kind.iter().map(|(kind, count)| format!("{count} {kind}"));
        let list: Vec<String> = statuses.chain(kinds).collect();
        let _ = writeln!(out, "\nErrors of {}: {}", persona.persona, list.join(", "));
    }
}

fn costs(rows: &[(String, &Figures)], out: &mut String) {
    out.push_str("\nCPU time a request (a log-in: a whole log-in), in µs\n");
    let mut table = vec![cells([
        "",
        "gateway",
        "process",
        "generator",
        "gen. busy",
        "lag p50",
        "lag p99",
        "machine busy",
        "stolen",
        "memory MiB",
    ])];
    for (name, figures) in rows {
        let (cpu, own) = (figures.cpu.as_ref(), &figures.generator);
        table.push(vec![
            name.clone(),
            micros(cpu.and_then(|cpu| cpu.gateway_us)),
            micros(cpu.map(|cpu| cpu.process_us)),
            micros(Some(own.cpu_us)),
            format!("{:.0} %", own.busiest_thread_share * 100.0),
            micros(Some(own.lag_us.p50)),
            micros(Some(own.lag_us.p99)),
            format!("{:.0} %", figures.machine_busy_share * 100.0),
            format!("{:.1} %", figures.machine_stolen_share * 100.0),
            figures.resident_kib.map_or_else(|| "-".into(), |kib| format!("{}", kib / 1024)),
        ]);
    }
    align(&table, out);
    for (name, figures) in rows.iter().filter(|(name, _)| !name.starts_with(' ')) {
        match &figures.cpu {
            None => {
                let _ = writeln!(out, "{name}: no CPU time of the server: give --pid, or --pidfile of a running one");
            }
            Some(cpu) => {
                let groups = cpu.by_threads_us.iter().filter(|(_, us)| **us >= 0.05);
                let list: Vec<String> = groups.map(|(group, us)| format!("{group} {us:.1}")).collect();
                let _ = writeln!(out, "{name}, by threads: {}", list.join(", "));
            }
        }
    }
}

fn floor(report: &Report, out: &mut String) {
    let Some(floor) = &report.floor else { return };
    let _ = writeln!(out, "\nFloor: ring's P-256 verification on this machine");
    let _ = writeln!(out, "before    {}", floor.before);
    let _ = writeln!(out, "after     {}", floor.after);
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "not measured".into(), |ratio| format!("{ratio:.2}"));
    let _ = writeln!(
        out,
        "ratio     gateway CPU a log-in / one verification = {}; whole process = {}",
        ratio(floor.gateway_cpu_per_login_over_verify),
        ratio(floor.process_cpu_per_login_over_verify),
    );
}

fn hashing(report: &Report, out: &mut String) {
    let Some(hashing) = &report.hashing else { return };
    let share = hashing.achieved_over_alone.map_or_else(|| "not measured".into(), |share| format!("{share:.3}"));
    let _ = writeln!(out, "\nFloor: hashing alone\nbefore    {}\nafter     {}", hashing.before, hashing.after);
    let _ = writeln!(out, "ratio     sign-ins a second / hashes a second alone = {share}");
}

fn verdict(report: &Report, out: &mut String) {
    out.push('\n');
    for threshold in &report.thresholds {
        let word = if threshold.ok { "ok  " } else { "FAIL" };
        let value = threshold.value.map_or_else(|| "not measured".into(), |value| format!("{value:.4}"));
        let _ = writeln!(out, "{word}  {}: fail if {} (measured {value})", threshold.persona, threshold.expression);
    }
    for note in &report.generator.notes {
        let _ = writeln!(out, "note  {note}");
    }
    if report.generator.bottleneck {
        out.push_str("THE GENERATOR WAS THE BOTTLENECK: these figures say little about the server.\n");
        for reason in &report.generator.reasons {
            let _ = writeln!(out, "      {reason}");
        }
        out.push_str(
            "  next: measure on a quiet machine, lower --rate, or raise --threads where there are cores to spare\n",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn a_person_finds_every_figure() {
        let text = render(&report());
        for expected in [
            "machine   Some Processor, 2 cores",
            "passkey-login",
            "  round 2",
            "Errors of passkey-login: 2 with status 503, 2 timeout",
            "POST /passkey/login/options  0.10",
            "by threads: backend 50.0, edge 150.0",
            "ratio     gateway CPU a log-in / one verification = 2.50",
            "ok    passkey-login: fail if p99>50ms",
            "FAIL  passkey-login: fail if passkey-login:errors>0.1%",
            "note  a note",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        assert!(!text.contains("BOTTLENECK"));
    }

    #[test]
    fn a_bottleneck_is_said_plainly() {
        let mut report = report();
        report.generator.bottleneck = true;
        report.generator.reasons = vec!["busy".into()];
        assert!(render(&report).contains("THE GENERATOR WAS THE BOTTLENECK"));
    }

    #[test]
    fn columns_line_up() {
        let mut out = String::new();
        align(&[cells(["a", "b"]), cells(["µ", "100"])], &mut out);
        assert_eq!(out, "a    b\nµ  100\n");
    }
}
