//! What a person reads in the end: medians, ranges, ratios, and which aims are met.

use super::handshake::Handshakes;
use super::load::Cost;
use super::side::AIMS;
use std::fmt::Write as _;

/// The middle one of several figures, and the least and the greatest.
fn spread(figures: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let at = |place: usize| figures.get(place).copied().unwrap_or(f64::NAN);
    [at(figures.len() / 2), at(0), at(figures.len().saturating_sub(1))]
}

/// The median ratio of two sides, round by round.
fn ratio(of: &[Cost], to: &[Cost]) -> f64 {
    spread(of.iter().zip(to).map(|(of, to)| of.cpu_us / to.cpu_us))[0]
}

/// The table of requests; the first side is what the others are compared with.
pub(crate) fn requests(sides: &[(&str, Vec<Cost>)], rate: u32, seconds: u32) -> String {
    let mut out = format!("{rate} requests a second, {seconds} s a window, CPU time of all of a side's processes\n\n");
    let first = sides.first().map(|(_, costs)| costs.as_slice()).unwrap_or_default();
    out.push_str("| | µs a request (median, least, most) | × the first | p99 | errors |\n|---|---|---|---|---|\n");
    for (name, costs) in sides {
        let [middle, least, most] = spread(costs.iter().map(|cost| cost.cpu_us));
        let p99 = spread(costs.iter().map(|cost| cost.p99_us))[0] / 1e3;
        let errors: u64 = costs.iter().map(|cost| cost.errors).sum();
        let times = ratio(costs, first);
        let _ =
            writeln!(out, "| {name} | {middle:.1} ({least:.1} to {most:.1}) | {times:.2} | {p99:.2} ms | {errors} |");
    }
    out.push_str("\n| aim | | at most | is |\n|---|---|---|---|\n");
    for aim in &AIMS {
        let costs = |name: &str| sides.iter().find(|(side, _)| *side == name).map(|(_, costs)| costs.as_slice());
        let (Some(of), Some(to)) = (costs(aim.side), costs(aim.beside)) else { continue };
        let is = ratio(of, to);
        let verdict = if is <= aim.at_most { "met" } else { "missed" };
        let _ = writeln!(out, "| {} | to: {} | {:.2} | {is:.2}, {verdict} |", aim.side, aim.beside, aim.at_most);
    }
    out
}

/// The table of handshakes.
pub(crate) fn handshakes(rounds: &[[Handshakes; 2]]) -> String {
    let mut out = String::from("| full TLS 1.3 handshakes | µs each (median) | a second and core |\n|---|---|---|\n");
    let us = |at: usize| rounds.iter().filter_map(move |round| round.get(at)).map(|side| side.cpu_us);
    for (at, name) in ["HAProxy", "Aldgate"].iter().enumerate() {
        let [middle, ..] = spread(us(at));
        let _ = writeln!(out, "| {name} | {middle:.0} | {:.0} |", 1e6 / middle);
    }
    let [times, ..] = spread(us(0).zip(us(1)).map(|(haproxy, aldgate)| haproxy / aldgate));
    let _ = writeln!(out, "\nAim: at least 1.90 times HAProxy's a core. Is {times:.2}.");
    out
}
