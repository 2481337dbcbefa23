//! What a run is to do: the options of `run`, parsed and checked before anything is sent.

use crate::arrival::Spacing;
use crate::persona::name::PersonaName;
use crate::threshold::Threshold;
use crate::trouble::Trouble;
use hyper::header::{HeaderName, HeaderValue};
use std::path::PathBuf;
use std::time::Duration;

/// A plan that takes longer is most likely a typing error.
const TIME_CAP_DEFAULT: &str = "30m";

/// A persona, and its own rate if it has one: `passkey-login` or `passkey-login@200`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    /// The persona.
    pub(crate) persona: PersonaName,
    /// Arrivals a second; `--rate` if none is given.
    pub(crate) rate: Option<f64>,
}

fn parse_part(text: &str) -> Result<Part, String> {
    match text.split_once('@') {
        None => Ok(Part { persona: PersonaName::parse(text)?, rate: None }),
        Some((name, rate)) => Ok(Part { persona: PersonaName::parse(name)?, rate: Some(parse_rate(rate)?) }),
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| format!("'{text}' is not a number of requests per second"))?;
    let sensible = (0.01..=1e6).contains(&rate);
    sensible.then_some(rate).ok_or_else(|| format!("{text} requests per second is outside 0.01 to 1,000,000"))
}

/// `300ms`, `10s`, `2m` or `1h`.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| format!("'{text}' is not a span of time such as 10s"))?;
    let secs = match unit {
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        _ => return Err(format!("'{text}' needs a unit: ms, s, m or h")),
    };
    let sensible = (0.0..=86_400.0).contains(&secs);
    sensible.then(|| Duration::from_secs_f64(secs)).ok_or_else(|| format!("'{text}' is longer than a day"))
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or_else(|| format!("'{text}' has no colon"))?;
    let name = name.trim().parse().map_err(|_| format!("'{name}' is not a header's name"))?;
    let value = value.trim().parse().map_err(|_| format!("'{value}' cannot stand in a header"))?;
    Ok((name, value))
}

/// The options of `aldgate-loadtest run`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct Plan {
    /// The gateway, as a browser would name it. Only plain HTTP: measure without TLS in between.
    #[arg(long, default_value = "http://localhost:8080", value_name = "URL")]
    pub(crate) target: String,

    /// The origin that the gateway expects (Host and Origin header, client data), if it is not the target itself.
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,

    /// Who comes: returning-session, forged-session, proxied-session, proxied-public, passkey-login, password-login or
    /// wrong-password, with a rate of its own after an @ if you like. Several are measured in turn, in each round anew.
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',', value_parser = parse_part,
          value_name = "NAME[@RATE]")]
    pub(crate) persona: Vec<Part>,

    /// Measure each window twice, first alone and then with this persona beside it, and say how the p99 has changed.
    #[arg(long, value_parser = parse_part, value_name = "NAME@RATE")]
    pub(crate) beside: Option<Part>,

    /// Fail (exit code 99) if the p99 with --beside is above this many times the p99 alone.
    #[arg(long, default_value_t = 1.5, value_name = "TIMES")]
    pub(crate) beside_max: f64,

    /// Arrivals per second, for each persona without a rate of its own.
    #[arg(long, default_value = "100", value_parser = parse_rate)]
    pub(crate) rate: f64,

    /// How long each window is measured.
    #[arg(long, default_value = "10s", value_parser = parse_span)]
    pub(crate) duration: Duration,

    /// How long each window runs at the same rate before it is measured.
    #[arg(long, default_value = "2s", value_parser = parse_span)]
    pub(crate) warmup: Duration,

    /// How often the whole list of personas is gone through.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rounds: u32,

    /// Kept-alive connections; each carries one request at a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) connections: u32,

    /// How arrivals lie in time.
    #[arg(long, default_value = "poisson", value_enum)]
    pub(crate) arrivals: Spacing,

    /// The seed of the accounts (as given to `populate`) and of the arrivals.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// How many accounts `populate` made.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) accounts: u64,

    /// How many of the accounts take part; their keys are derived before the start (some 0.3 ms of CPU each).
    #[arg(long, default_value_t = 5_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) authenticators: u64,

    /// How many sessions are opened, by real log-ins, for the personas that return with one.
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) sessions: u64,

    /// How many of the accounts take part in password-login; each signs in once before the start.
    #[arg(long, default_value_t = 200, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) passwords: u64,

    /// What returning-session and forged-session ask for.
    #[arg(long, default_value = "/session", value_name = "PATH")]
    pub(crate) session_path: String,

    /// What proxied-session asks for: a route that demands a session.
    #[arg(long, default_value = "/demo/", value_name = "PATH")]
    pub(crate) proxied_path: String,

    /// What proxied-public asks for: a public route.
    #[arg(long, default_value = "/public/", value_name = "PATH")]
    pub(crate) public_path: String,

    /// How long an arrival may take from its intended start; then it counts as a time-out.
    #[arg(long, default_value = "10s", value_parser = parse_span, value_name = "SPAN")]
    pub(crate) timeout: Duration,

    /// Most arrivals waiting or under way; those beyond are dropped, and counted.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) in_flight_max: u32,

    /// Longest that the whole plan may take; a longer plan is refused.
    #[arg(long, default_value = TIME_CAP_DEFAULT, value_parser = parse_span, value_name = "SPAN")]
    pub(crate) time_cap: Duration,

    /// Threads that send and receive (beside the pacer, which mostly sleeps).
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) threads: u32,

    /// Where people log in, if not at the target: for a target that asks a gate, or that is its private listener.
    #[arg(long, value_name = "URL")]
    pub(crate) log_in_at: Option<String>,

    /// A header that every request to the target carries, as 'X-Original-URL: http://localhost/app'. May be given
    /// several times.
    #[arg(long, value_parser = parse_header, value_name = "NAME: VALUE")]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,

    /// The process under test, for its CPU time, or several whose time counts together; found by --pidfile if not given.
    #[arg(long, value_delimiter = ',')]
    pub(crate) pid: Vec<u32>,

    /// Where the process under test wrote its PID.
    #[arg(long, default_value = "data/run/aldgate.pid", value_name = "FILE")]
    pub(crate) pidfile: PathBuf,

    /// Beginnings of the names of the gateway's threads, to tell them from backend and demo in one process.
    #[arg(long, value_delimiter = ',', default_value = crate::generator::GATEWAY_THREADS, value_name = "NAMES")]
    pub(crate) gateway_threads: Vec<String>,

    /// Fail (exit code 99) if this holds, for instance 'p99>50ms', 'errors>0.1%', 'passkey-login:gateway-cpu>200us'.
    /// Figures: p50 p90 p99 p99.9 max mean errors dropped achieved gateway-cpu process-cpu. May be given several times.
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<Threshold>,

    /// The generator counts as the bottleneck (exit code 3) when its own lag at p99 is above this.
    #[arg(long, default_value = "5ms", value_parser = parse_span, value_name = "SPAN")]
    pub(crate) lag_max: Duration,

    /// Also write all figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

const RUN_EXAMPLES: &str = "\
Examples:
  Is the gateway quick for people who come back?
    aldgate-loadtest run --persona returning-session --rate 2000 --duration 10s --rounds 3
  What does a passkey log-in cost, beside the bare signature check?
    aldgate-loadtest run --persona passkey-login --rate 200 --accounts 10000 --seed 7 --json login.json
  All personas in turn, three rounds, as a gate in CI:
    aldgate-loadtest run --persona returning-session@2000,proxied-session@1000,passkey-login@200 \\
      --accounts 10000 --seed 7 --fail-if 'p99>50ms' --fail-if 'errors>0.1%'

Exit codes: 0 all well, 1 it could not be run, 2 wrong options, 3 the generator itself was the bottleneck (its figures
say little about the server), 99 a --fail-if condition holds.

Latency counts from the moment at which a request was due, whether or not a connection was free then: a server that
stalls is charged for everyone who came during the stall.";

impl Plan {
    /// The rate of a part.
    pub(crate) fn rate_of(&self, part: Part) -> f64 {
        part.rate.unwrap_or(self.rate)
    }

    /// The origin that the gateway expects, without a slash at its end.
    pub(crate) fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or(&self.target).trim_end_matches('/')
    }

    /// How long it takes, if nothing has to be waited for.
    pub(crate) fn length(&self) -> Duration {
        let windows = u32::try_from(self.persona.len()).unwrap_or(u32::MAX).saturating_mul(self.rounds);
        let times = if self.beside.is_some() { 2 } else { 1 };
        (self.warmup + self.duration).saturating_mul(windows.saturating_mul(times))
    }

    /// What no parser of a single option sees.
    ///
    /// # Errors
    /// [`Trouble`] for a plan that makes no sense.
    pub(crate) fn check(&self) -> Result<(), Trouble> {
        if self.duration.is_zero() {
            return Err(Trouble::new("--duration is zero: nothing would be measured", "give one such as 10s"));
        }
        if self.length() > self.time_cap {
            let what = format!("the plan takes {:?}, longer than the cap of {:?}", self.length(), self.time_cap);
            return Err(Trouble::new(what, "shorten it, or raise --time-cap"));
        }
        for (index, part) in self.persona.iter().enumerate() {
            if self.persona.iter().take(index).any(|earlier| earlier.persona == part.persona) {
                let what = format!("{} is listed twice", part.persona.as_str());
                return Err(Trouble::new(what, "list each persona once; for more rounds, use --rounds"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        plan: Plan,
    }

    fn plan(options: &str) -> Result<Plan, clap::Error> {
        Line::try_parse_from(["run"].into_iter().chain(options.split(' '))).map(|line| line.plan)
    }

    #[test]
    fn several_personas_with_rates_of_their_own() {
        let plan = plan("--persona returning-session@2000,passkey-login --rate 50 --rounds 2").expect("a plan");
        assert_eq!(plan.persona.iter().map(|part| plan.rate_of(*part)).collect::<Vec<_>>(), [2_000.0, 50.0]);
        assert_eq!(plan.length(), Duration::from_secs(48));
        assert!(plan.check().is_ok());
    }

    #[test]
    fn senseless_plans_are_refused_with_advice() {
        let fault = |options: &str| plan(options).expect("parses").check().expect_err(options).to_string();
        assert!(fault("--persona passkey-login --rounds 1000").contains("--time-cap"));
        assert!(fault("--persona passkey-login passkey-login@7").contains("listed twice"));
        assert!(fault("--persona passkey-login --duration 0s").contains("--duration"));
        assert!(plan("--persona nobody").expect_err("unknown").to_string().contains("known are returning-session"));
        assert!(plan("--persona passkey-login --rate 0").is_err());
        assert!(plan("--rate 5").is_err());
    }

    #[test]
    fn spans_of_time() {
        assert_eq!(parse_span("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(parse_span("1.5m"), Ok(Duration::from_secs(90)));
        assert!(parse_span("10").is_err() && parse_span("s").is_err() && parse_span("-1s").is_err());
        assert!(parse_span("25h").is_err());
    }
}
