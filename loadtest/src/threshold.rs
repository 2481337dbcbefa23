//! Conditions under which a run counts as failed: `--fail-if 'p99>50ms'`, `--fail-if 'passkey-login:errors>0.1%'`.

use crate::persona::name::PersonaName;
use std::fmt;
use std::str::FromStr;

/// The exit code when one is met; k6 uses the same.
pub(crate) const EXIT: u8 = 99;

/// A figure that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// Latency from the intended start, in microseconds.
    P50,
    /// As above.
    P90,
    /// As above.
    P99,
    /// As above.
    P999,
    /// As above.
    Max,
    /// As above.
    Mean,
    /// Failed arrivals, as a share of the offered.
    Errors,
    /// Dropped arrivals, as a share of the offered.
    Dropped,
    /// Answers as expected, per second.
    Achieved,
    /// CPU of the gateway's threads, in microseconds a request.
    GatewayCpu,
    /// CPU of the whole process, in microseconds a request.
    ProcessCpu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Micros,
    Share,
    PerSecond,
}

impl Metric {
    const NAMES: [(&'static str, Self); 11] = [
        ("p50", Self::P50),
        ("p90", Self::P90),
        ("p99", Self::P99),
        ("p99.9", Self::P999),
        ("max", Self::Max),
        ("mean", Self::Mean),
        ("errors", Self::Errors),
        ("dropped", Self::Dropped),
        ("achieved", Self::Achieved),
        ("gateway-cpu", Self::GatewayCpu),
        ("process-cpu", Self::ProcessCpu),
    ];

    fn parse(text: &str) -> Result<Self, BadThreshold> {
        let known = Self::NAMES.iter().find(|(name, _)| *name == text);
        known.map(|(_, metric)| *metric).ok_or_else(|| {
            let names: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            BadThreshold(format!("'{text}' is not a figure; known are {}", names.join(", ")))
        })
    }

    const fn unit(self) -> Unit {
        match self {
            Self::Errors | Self::Dropped => Unit::Share,
            Self::Achieved => Unit::PerSecond,
            _ => Unit::Micros,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// One condition, met when the run is to fail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Threshold {
    expression: String,
    /// For one persona, or for each.
    pub(crate) persona: Option<PersonaName>,
    /// The figure.
    pub(crate) metric: Metric,
    comparison: Comparison,
    bound: f64,
}

/// Why an expression is not a threshold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadThreshold(String);

impl fmt::Display for BadThreshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadThreshold {}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

impl FromStr for Threshold {
    type Err = BadThreshold;

    fn from_str(text: &str) -> Result<Self, BadThreshold> {
        let bad = |fault: &str| BadThreshold(format!("{fault}; write for instance 'p99>50ms' or 'errors>0.1%'"));
        let at = text.find(['>', '<']).ok_or_else(|| bad("there is no '>' or '<'"))?;
        let (left, right) = text.split_at(at);
        let (comparison, bound) = [
            (">=", Comparison::AtLeast),
            ("<=", Comparison::AtMost),
            (">", Comparison::Above),
            ("<", Comparison::Below),
        ]
        .iter()
        .find_map(|(sign, comparison)| right.strip_prefix(sign).map(|bound| (*comparison, bound.trim())))
        .ok_or_else(|| bad("there is no '>' or '<'"))?;
        let (persona, metric) = match left.split_once(':') {
            None => (None, left),
            Some((name, metric)) => (Some(PersonaName::parse(name.trim()).map_err(BadThreshold)?), metric),
        };
        let metric = Metric::parse(metric.trim())?;
        let bound = parse_bound(bound, metric.unit()).map_err(|fault| bad(&fault))?;
        Ok(Self { expression: text.to_owned(), persona, metric, comparison, bound })
    }
}

fn parse_bound(text: &str, unit: Unit) -> Result<f64, String> {
    let number_end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(number_end);
    let number: f64 = number.parse().map_err(|_| format!("'{text}' does not begin with a number"))?;
    let factor = match (unit, suffix.trim()) {
        (Unit::Micros, "us" | "µs") => 1.0,
        (Unit::Micros, "ms") => 1e3,
        (Unit::Micros, "s") => 1e6,
        (Unit::Share, "%") => 0.01,
        (Unit::PerSecond, "" | "/s") => 1.0,
        (Unit::Micros, _) => return Err(format!("'{text}' needs the unit us, ms or s")),
        (Unit::Share, _) => return Err(format!("'{text}' needs a percent sign")),
        (Unit::PerSecond, _) => return Err(format!("'{text}' is not a number per second")),
    };
    Ok(number * factor)
}

impl Threshold {
    /// Whether a value meets it, so that the run fails. A figure that was not measured fails too: a check that cannot
    /// be made must not pass.
    pub(crate) fn is_met(&self, value: Option<f64>) -> bool {
        value.is_none_or(|value| match self.comparison {
            Comparison::Above => value > self.bound,
            Comparison::AtLeast => value >= self.bound,
            Comparison::Below => value < self.bound,
            Comparison::AtMost => value <= self.bound,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Threshold {
        text.parse().expect(text)
    }

    #[test]
    fn latencies_take_a_unit_of_time() {
        let threshold = parsed("p99>50ms");
        assert_eq!((threshold.metric, threshold.persona), (Metric::P99, None));
        assert!(!threshold.is_met(Some(50_000.0)));
        assert!(threshold.is_met(Some(50_000.1)));
        assert!(parsed("max >= 1.5s").is_met(Some(1_500_000.0)));
        assert!(parsed("p99.9>300us").is_met(Some(301.0)));
    }

    #[test]
    fn shares_take_a_percent_sign_and_rates_none() {
        assert!(parsed("errors>0.1%").is_met(Some(0.0011)));
        assert!(!parsed("errors>0.1%").is_met(Some(0.0009)));
        assert!(parsed("achieved<950").is_met(Some(949.0)));
        assert!(parsed("dropped>0%").is_met(Some(1e-9)));
    }

    #[test]
    fn one_persona_may_be_named() {
        let threshold = parsed("passkey-login:gateway-cpu>150us");
        assert_eq!(threshold.persona, Some(PersonaName::PasskeyLogin));
        assert_eq!(threshold.metric, Metric::GatewayCpu);
        assert_eq!(threshold.to_string(), "passkey-login:gateway-cpu>150us");
    }

    #[test]
    fn what_was_not_measured_fails() {
        assert!(parsed("gateway-cpu>1s").is_met(None));
    }

    #[test]
    fn what_cannot_be_read_is_explained() {
        let fault = |text: &str| text.parse::<Threshold>().expect_err(text).to_string();
        assert!(fault("p99").contains("there is no '>'"));
        assert!(fault("p98>1ms").contains("known are p50, p90"));
        assert!(fault("p99>50").contains("unit us, ms or s"));
        assert!(fault("errors>0.1").contains("percent"));
        assert!(fault("p99>ms").contains("number"));
        assert!(fault("nobody:p99>1ms").contains("nobody"));
    }
}
