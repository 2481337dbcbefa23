//! Metrics, as verbs of the domain. Every label is a closed enum; every handle is resolved at start, so that a
//! request costs an atomic addition and no string.

use crate::admission::{Admission, Asked, NotAdmitted};
use crate::door::handshake::Failed;
use crate::door::places::NoPlace;
use crate::problem::Problem;
use crate::tls::Tls;
use aldgate_core::hot::{Fill, Held, Hot};
use aldgate_core::policy::cost::CostClass;
use aldgate_core::time::Timestamp;
use aldgate_core::verdict::Verdict;
use aldgate_core::warm::change::{Change, Feed, Follower};
use aldgate_core::webauthn::assertion::AssertionRefused;
use prometheus::{
    Encoder as _, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Buckets around what people notice: below a millisecond for the edge, seconds for a slow service.
const SECONDS: [f64; 12] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0];

/// Who answered a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// The edge itself.
    Edge,
    /// The identity backend.
    Backend,
    /// A service behind the gate.
    Service,
    /// The private listener, asked by a proxy that stands in front of a service.
    Authz,
}

impl AnsweredBy {
    const ALL: [Self; 4] = [Self::Edge, Self::Backend, Self::Service, Self::Authz];

    /// The label, and the word in the access log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Backend => "backend",
            Self::Service => "service",
            Self::Authz => "authz",
        }
    }
}

/// What came of a request in the fast lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneOutcome {
    /// The client has the service's answer.
    Answered,
    /// Its connection had ended unused, and the general way took the request over.
    HandedBack,
    /// There was no whole answer.
    Failed,
}

/// What came of an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenResult {
    /// It stands.
    Accepted,
    /// It is worth nothing here.
    Refused,
    /// It could not be told.
    Unavailable,
}

/// How a passkey log-in at the edge ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginOutcome {
    /// A session was opened.
    Settled,
    /// The request could not be read.
    Malformed,
    /// No, expired or alien challenge.
    Challenge,
    /// Somebody had used the challenge.
    ChallengeUsed,
    /// The passkey is not registered.
    UnknownCredential,
    /// Its account is disabled.
    AccountDisabled,
    /// One of the steps of WebAuthn section 7.2 refused.
    Refused(AssertionRefused),
    /// Warm did not answer.
    Unavailable,
}

impl LoginOutcome {
    const PLAIN: [(Self, &'static str); 7] = [
        (Self::Settled, "settled"),
        (Self::Malformed, "malformed"),
        (Self::Challenge, "challenge"),
        (Self::ChallengeUsed, "challenge_used"),
        (Self::UnknownCredential, "unknown_credential"),
        (Self::AccountDisabled, "account_disabled"),
        (Self::Unavailable, "unavailable"),
    ];
}

const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const VERDICTS: [&str; 5] = ["allow", "refuse", "challenge", "needs_lookup", "needs_grant"];
const TOKENS: [&str; 3] = ["accepted", "refused", "unavailable"];
const ISSUER_ANSWERS: [&str; 2] = ["read", "failed"];
const LANE: [&str; 3] = ["answered", "handed_back", "failed"];
const LOOKUPS: [&str; 3] = ["found", "nothing", "unavailable"];

/// A look-up in warm, by its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupResult {
    /// The record was there.
    Found,
    /// There is none.
    Nothing,
    /// Warm did not answer in time.
    Unavailable,
}

/// All metrics of one process.
pub struct Metrics {
    registry: Registry,
    requests: [[IntCounter; 5]; 4],
    seconds: [Histogram; 4],
    verdicts: [IntCounter; 5],
    lookups: [IntCounter; 3],
    tokens: [IntCounter; 3],
    issuer_answers: [IntCounter; 2],
    lane: [IntCounter; 3],
    logins: [IntCounter; 7],
    refusals: Vec<(AssertionRefused, IntCounter)>,
    problems: Vec<(Problem, IntCounter)>,
    by_cost: [IntCounter; 4],
    /// Of the platform, and of services.
    admission: [[ClassMetrics; 4]; 2],
    waiting_room: [IntGauge; 2],
    hot: [HotGauges; 4],
    log_lines_dropped: IntCounter,
    config: ConfigMetrics,
    feed: FeedMetrics,
    /// What became of connections.
    pub door: DoorMetrics,
}

/// What became of connections before their first request.
pub struct DoorMetrics {
    handshakes: [IntCounter; 4],
    refused: [IntCounter; 3],
    cut: IntCounter,
}

impl DoorMetrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let handshakes = counters(registry, "aldgate_tls_handshakes_total", "TLS handshakes by result.", "result")?;
        let help = "Connections that were closed at once, by the cap that was reached.";
        let refused = counters(registry, "aldgate_connections_refused_total", help, "cap")?;
        Ok(Self {
            handshakes: ["done", "deadline", "closed", "refused"].map(|result| handshakes.with_label_values(&[result])),
            cut: counter(registry, "aldgate_bodies_cut_total", "Requests that were cut because their body was late.")?,
            refused: ["address", "all", "private"].map(|cap| refused.with_label_values(&[cap])),
        })
    }

    /// A TLS handshake ended.
    pub fn shaken(&self, failed: Option<Failed>) {
        let [done, deadline, closed, refused] = &self.handshakes;
        match failed {
            None => done.inc(),
            Some(Failed::Deadline) => deadline.inc(),
            Some(Failed::Closed) => closed.inc(),
            Some(Failed::Refused) => refused.inc(),
        }
    }

    /// A request was cut because its body was late.
    pub fn cut(&self) {
        self.cut.inc();
    }

    /// There was no place for a connection.
    pub fn refused(&self, full: NoPlace) {
        let [address, all, _] = &self.refused;
        match full {
            NoPlace::Address => address.inc(),
            NoPlace::All => all.inc(),
        }
    }

    /// There was no place for a connection of this machine.
    pub fn private_refused(&self) {
        let [.., private] = &self.refused;
        private.inc();
    }
}

/// How the changes of the shared tier arrive.
struct FeedMetrics {
    live: IntGauge,
    gaps: IntCounter,
    changes: IntCounter,
    forged: IntCounter,
}

impl FeedMetrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let live = gauge(registry, "aldgate_feed_live", "1 while every change of the shared tier is heard.")?;
        live.set(1);
        Ok(Self {
            live,
            gaps: counter(registry, "aldgate_feed_gaps_total", "Times that changes were missed for good.")?,
            changes: counter(registry, "aldgate_feed_changes_total", "Changes that were applied to the hot tier.")?,
            forged: counter(
                registry,
                "aldgate_warm_forged_total",
                "Values in the shared tier that were refused because this deployment had not written them there.",
            )?,
        })
    }
}

impl Metrics {
    /// Whether the changes of the shared tier arrive.
    pub fn feed_is_live(&self) -> bool {
        self.feed.live.get() == 1
    }
}

impl Follower for Metrics {
    fn apply(&self, _: &Change) {
        self.feed.changes.inc();
    }

    fn feed(&self, feed: Feed) {
        self.feed.live.set(i64::from(!matches!(feed, Feed::Silent(_))));
        if feed == Feed::Gap {
            self.feed.gaps.inc();
        }
    }
}

/// Which configuration serves, and how reloads ended.
struct ConfigMetrics {
    serves: Info,
    files: Info,
    certificate_not_after: IntGauge,
    applied: IntCounter,
    refused: IntCounter,
    last_was_applied: IntGauge,
    last_at: IntGauge,
}

/// A gauge that is always 1 and says something by its label.
struct Info {
    gauge: IntGaugeVec,
    said: Mutex<Option<String>>,
}

impl Info {
    fn new(registry: &Registry, name: &str, help: &str) -> prometheus::Result<Self> {
        let gauge = IntGaugeVec::new(Opts::new(name, help), &["checksum"])?;
        registry.register(Box::new(gauge.clone()))?;
        Ok(Self { gauge, said: Mutex::default() })
    }

    /// The new series stands there before the old one goes, so that nobody who scrapes finds none.
    fn say(&self, checksum: &str) {
        self.gauge.with_label_values(&[checksum]).set(1);
        let before = self.said.lock().unwrap_or_else(PoisonError::into_inner).replace(checksum.to_owned());
        if let Some(before) = before.filter(|before| before != checksum) {
            let _ = self.gauge.remove_label_values(&[&before]);
        }
    }
}

impl ConfigMetrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        let help = "Always 1; the label is the beginning of the SHA-256 digest of the configuration that serves.";
        let serves = Info::new(registry, "aldgate_config_info", help)?;
        let help =
            "Always 1; the label is the beginning of a digest of the certificate chain and authorities that serve.";
        let files = Info::new(registry, "aldgate_tls_files_info", help)?;
        let help = "Until when the TLS listener's certificate is good, seconds since the epoch; 0 without TLS.";
        let certificate_not_after = gauge(registry, "aldgate_tls_certificate_not_after_seconds", help)?;
        let reloads = counters(registry, "aldgate_config_reloads_total", "Reloads by result.", "result")?;
        let help = "1 unless the last reload was refused.";
        let last_was_applied = gauge(registry, "aldgate_config_last_reload_successful", help)?;
        last_was_applied.set(1);
        let help = "When the last reload ended, well or not, seconds since the epoch; 0 before the first.";
        let last_at = gauge(registry, "aldgate_config_last_reload_timestamp_seconds", help)?;
        let [applied, refused] = ["applied", "refused"].map(|result| reloads.with_label_values(&[result]));
        Ok(Self { serves, files, certificate_not_after, applied, refused, last_was_applied, last_at })
    }
}

/// A counter with one label, all of whose values are known.
fn counters(registry: &Registry, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
    let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
    registry.register(Box::new(counters.clone()))?;
    Ok(counters)
}

fn counter(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntCounter> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> prometheus::Result<IntGauge> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

/// How one class of cost is admitted.
struct ClassMetrics {
    too_often: IntCounter,
    full: IntCounter,
    under_way: IntGauge,
    waiting: IntGauge,
}

impl ClassMetrics {
    fn new(registry: &Registry) -> prometheus::Result<[[Self; 4]; 2]> {
        let help = "Requests that were not admitted, by who was asked, cost class and reason.";
        let refused = Opts::new("aldgate_admission_refused_total", help);
        let refused = IntCounterVec::new(refused, &["asked", "class", "reason"])?;
        let help = "Requests of a bounded cost class, by who was asked, under way and waiting.";
        let places = IntGaugeVec::new(Opts::new("aldgate_admission_requests", help), &["asked", "class", "state"])?;
        registry.register(Box::new(refused.clone()))?;
        registry.register(Box::new(places.clone()))?;
        Ok(["platform", "service"].map(|asked| {
            CostClass::ALL.map(|class| Self {
                too_often: refused.with_label_values(&[asked, class.as_str(), "address"]),
                full: refused.with_label_values(&[asked, class.as_str(), "full"]),
                under_way: places.with_label_values(&[asked, class.as_str(), "under_way"]),
                waiting: places.with_label_values(&[asked, class.as_str(), "waiting"]),
            })
        }))
    }
}

/// How full one cache of the hot tier is.
struct HotGauges {
    entries: IntGauge,
    bytes: IntGauge,
}

impl HotGauges {
    fn new(registry: &Registry, name: &str, what: &str) -> prometheus::Result<Self> {
        let (entries, bytes) = (format!("aldgate_hot_{name}"), format!("aldgate_hot_{name}_bytes"));
        Ok(Self {
            entries: gauge(registry, &entries, &format!("{what} in the hot tier."))?,
            bytes: gauge(registry, &bytes, &format!("{what} in the hot tier: the memory that they take."))?,
        })
    }

    fn set(&self, held: Held) {
        self.entries.set(i64::try_from(held.entries).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(held.bytes).unwrap_or(i64::MAX));
    }
}

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// When two metrics have one name, which a test would show.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        let requests = IntCounterVec::new(
            Opts::new("aldgate_requests_total", "Requests by who answered and by status class."),
            &["by", "status"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        let seconds = prometheus::HistogramVec::new(
            HistogramOpts::new("aldgate_request_seconds", "Time from the header to the end of the answer.")
                .buckets(SECONDS.to_vec()),
            &["by"],
        )?;
        registry.register(Box::new(seconds.clone()))?;
        let verdicts = counters(&registry, "aldgate_verdicts_total", "Verdicts of the hot path.", "verdict")?;
        let lookups = counters(&registry, "aldgate_warm_lookups_total", "Look-ups in the warm tier.", "result")?;
        let tokens =
            counters(&registry, "aldgate_access_tokens_total", "Access tokens shown, by what came of it.", "result")?;
        let issuer_answers = counters(
            &registry,
            "aldgate_token_issuer_answers_total",
            "Key sets fetched and tokens asked about, by whether the answer could be read.",
            "result",
        )?;
        let lane = counters(
            &registry,
            "aldgate_fast_lane_requests_total",
            "Requests in the fast lane by outcome.",
            "outcome",
        )?;
        let logins = counters(&registry, "aldgate_passkey_logins_total", "Passkey log-ins by outcome.", "outcome")?;
        let refusals = counters(
            &registry,
            "aldgate_assertions_refused_total",
            "Assertions refused, by the step of WebAuthn section 7.2.",
            "step",
        )?;
        let problems = counters(&registry, "aldgate_problems_total", "The edge's own refusals.", "problem")?;
        let by_cost =
            counters(&registry, "aldgate_route_requests_total", "Permitted requests by cost class.", "class")?;
        let build = gauge(&registry, "aldgate_build_info", "Always 1.")?;
        build.set(1);
        let dropped = counter(
            &registry,
            "aldgate_log_lines_dropped_total",
            "Access log lines that did not fit the queue or could not be written.",
        )?;
        Ok(Self {
            requests: AnsweredBy::ALL
                .map(|by| STATUS_CLASSES.map(|class| requests.with_label_values(&[by.as_str(), class]))),
            seconds: AnsweredBy::ALL.map(|by| seconds.with_label_values(&[by.as_str()])),
            verdicts: VERDICTS.map(|verdict| verdicts.with_label_values(&[verdict])),
            lookups: LOOKUPS.map(|result| lookups.with_label_values(&[result])),
            tokens: TOKENS.map(|result| tokens.with_label_values(&[result])),
            issuer_answers: ISSUER_ANSWERS.map(|result| issuer_answers.with_label_values(&[result])),
            lane: LANE.map(|outcome| lane.with_label_values(&[outcome])),
            logins: LoginOutcome::PLAIN.map(|(_, outcome)| logins.with_label_values(&[outcome])),
            refusals: AssertionRefused::ALL
                .iter()
                .map(|step| (*step, refusals.with_label_values(&[snake(&format!("{step:?}")).as_str()])))
                .collect(),
            problems: Problem::ALL.iter().map(|p| (*p, problems.with_label_values(&[p.slug()]))).collect(),
            by_cost: CostClass::ALL.map(|class| by_cost.with_label_values(&[class.as_str()])),
            admission: ClassMetrics::new(&registry)?,
            waiting_room: [
                gauge(&registry, "aldgate_waiting_room_inside", "People who were let in to sign in or register.")?,
                gauge(&registry, "aldgate_waiting_room_waiting", "Numbers in the line that were not called yet.")?,
            ],
            hot: [
                HotGauges::new(&registry, "sessions", "Sessions")?,
                HotGauges::new(&registry, "credentials", "Passkeys")?,
                HotGauges::new(&registry, "gone", "Sessions and passkeys known not to be there,")?,
                HotGauges::new(&registry, "identities", "Identities for services")?,
            ],
            log_lines_dropped: dropped,
            config: ConfigMetrics::new(&registry)?,
            feed: FeedMetrics::new(&registry)?,
            door: DoorMetrics::new(&registry)?,
            registry,
        })
    }

    /// A request was answered.
    pub fn answered(&self, by: AnsweredBy, status: u16, took: Duration) {
        let by = by as usize;
        let class = usize::from(status / 100).saturating_sub(1).min(4);
        if let Some(counter) = self.requests.get(by).and_then(|row| row.get(class)) {
            counter.inc();
        }
        if let Some(seconds) = self.seconds.get(by) {
            seconds.observe(took.as_secs_f64());
        }
    }

    /// `decide` gave a verdict.
    pub fn verdict(&self, verdict: &Verdict) {
        let [allow, refuse, challenge, needs_lookup, needs_grant] = &self.verdicts;
        match verdict {
            Verdict::Allow(_) => allow.inc(),
            Verdict::Refuse(_) => refuse.inc(),
            Verdict::Challenge(..) => challenge.inc(),
            Verdict::NeedsLookup(_) => needs_lookup.inc(),
            Verdict::NeedsGrant(_) => needs_grant.inc(),
        }
    }

    /// A request passed by a route of this class.
    pub fn permitted(&self, class: CostClass) {
        if let Some(counter) = self.by_cost.get(class as usize) {
            counter.inc();
        }
    }

    /// A request of this class was not admitted.
    pub fn not_admitted(&self, asked: Asked, class: CostClass, why: NotAdmitted) {
        if let Some(metrics) = self.admission(asked).get(class as usize) {
            match why {
                NotAdmitted::TooOften { .. } => metrics.too_often.inc(),
                NotAdmitted::Full { .. } => metrics.full.inc(),
            }
        }
    }

    /// How many requests are under way now, and how many wait.
    pub fn places_taken(&self, admission: &Admission) {
        for asked in [Asked::Platform, Asked::Service] {
            for (class, metrics) in CostClass::ALL.into_iter().zip(self.admission(asked)) {
                let (under_way, waiting) = admission.under_way(asked, class);
                metrics.under_way.set(i64::try_from(under_way).unwrap_or(i64::MAX));
                metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
            }
        }
    }

    const fn admission(&self, asked: Asked) -> &[ClassMetrics; 4] {
        let [platform, services] = &self.admission;
        match asked {
            Asked::Platform => platform,
            Asked::Service => services,
        }
    }

    /// How many people are signing in, and how many wait for that.
    pub fn waiting_room(&self, inside: usize, waiting: u64) {
        let [inside_gauge, waiting_gauge] = &self.waiting_room;
        inside_gauge.set(i64::try_from(inside).unwrap_or(i64::MAX));
        waiting_gauge.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Warm was asked.
    pub fn looked_up(&self, result: LookupResult) {
        let [found, nothing, unavailable] = &self.lookups;
        match result {
            LookupResult::Found => found.inc(),
            LookupResult::Nothing => nothing.inc(),
            LookupResult::Unavailable => unavailable.inc(),
        }
    }

    /// An access token was judged.
    pub fn token(&self, result: TokenResult) {
        let [accepted, refused, unavailable] = &self.tokens;
        match result {
            TokenResult::Accepted => accepted.inc(),
            TokenResult::Refused => refused.inc(),
            TokenResult::Unavailable => unavailable.inc(),
        }
    }

    /// A token issuer was asked for its key set or about a token.
    pub fn token_issuer_asked(&self, read: bool) {
        let [answered, failed] = &self.issuer_answers;
        if read { answered.inc() } else { failed.inc() }
    }

    /// A request took the fast lane.
    pub fn carried(&self, outcome: LaneOutcome) {
        if let Some(counter) = self.lane.get(outcome as usize) {
            counter.inc();
        }
    }

    /// So many requests of the fast lane have had this outcome.
    pub fn carried_so_far(&self, outcome: LaneOutcome) -> u64 {
        self.lane.get(outcome as usize).map_or(0, IntCounter::get)
    }

    /// A passkey log-in ended.
    pub fn login(&self, outcome: LoginOutcome) {
        if let LoginOutcome::Refused(step) = outcome {
            self.refusals.iter().filter(|(s, _)| *s == step).for_each(|(_, counter)| counter.inc());
        }
        let at = LoginOutcome::PLAIN.iter().position(|(plain, _)| *plain == outcome);
        if let Some(counter) = at.and_then(|at| self.logins.get(at)) {
            counter.inc();
        }
    }

    /// The edge refused a request.
    pub fn refused(&self, problem: Problem) {
        self.problems.iter().filter(|(p, _)| *p == problem).for_each(|(_, counter)| counter.inc());
    }

    /// Lines of the access log were dropped.
    pub fn log_lines_dropped(&self, lines: u64) {
        self.log_lines_dropped.inc_by(lines);
    }

    /// So many lines have been dropped since the start.
    pub fn log_lines_dropped_so_far(&self) -> u64 {
        self.log_lines_dropped.get()
    }

    /// So many values of the shared tier have been refused as forged since the start.
    pub fn forged(&self, total: u64) {
        self.feed.forged.inc_by(total.saturating_sub(self.feed.forged.get()));
    }

    /// The configuration with this checksum serves from now on, over TLS with these.
    pub fn config_serves(&self, checksum: &str, tls: Option<&Tls>) {
        self.config.serves.say(checksum);
        if let Some(tls) = tls {
            self.config.files.say(&tls.checksum());
            self.config.certificate_not_after.set(seconds(tls.not_after()));
        }
    }

    /// A changed configuration was taken over, or it was refused.
    pub fn reloaded(&self, applied: bool, at: Timestamp) {
        if applied { &self.config.applied } else { &self.config.refused }.inc();
        self.config.last_was_applied.set(applied.into());
        self.config.last_at.set(seconds(at));
    }

    /// The text that Prometheus scrapes.
    pub fn exposition(&self, hot: &Hot) -> Vec<u8> {
        let Fill { sessions, credentials, gone, identities } = hot.fill();
        for (gauges, held) in self.hot.iter().zip([sessions, credentials, gone, identities]) {
            gauges.set(held);
        }
        let mut text = Vec::new();
        // Writing to memory fails only for a metric without a name, which `new` has refused.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

fn seconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_secs()).unwrap_or(i64::MAX)
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, c) in name.char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldgate_core::hot::Capacity;

    #[test]
    fn every_series_stands_there_from_the_start() {
        let metrics = Metrics::new().expect("metrics");
        metrics.answered(AnsweredBy::Edge, 200, Duration::from_millis(1));
        metrics.login(LoginOutcome::Refused(AssertionRefused::BadSignature));
        metrics.feed(Feed::Gap);
        metrics.feed(Feed::Silent(aldgate_core::time::Timestamp::from_secs(1)));
        metrics.forged(2);
        metrics.forged(3);
        let text = metrics.exposition(&Hot::new(Capacity::LEAST));
        let text = String::from_utf8(text).expect("UTF-8");
        for line in [
            "aldgate_requests_total{by=\"edge\",status=\"2xx\"} 1",
            "aldgate_requests_total{by=\"service\",status=\"5xx\"} 0",
            "aldgate_assertions_refused_total{step=\"bad_signature\"} 1",
            "aldgate_passkey_logins_total{outcome=\"settled\"} 0",
            "aldgate_feed_live 0",
            "aldgate_feed_gaps_total 1",
            "aldgate_warm_forged_total 3",
            "aldgate_hot_sessions 0",
            "aldgate_hot_identities_bytes 0",
            "process_cpu_seconds_total",
        ] {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
