//! Last phase: what is kept of a request. Metrics always, a line of the access log if it is on.

use crate::access_log::Line;
use crate::clock::Stopwatch;
use crate::deadline;
use crate::door::watch;
use crate::exchange::Exchange;
use crate::metrics::AnsweredBy;
use crate::problem::Problem;
use crate::state::EdgeState;
use aldgate_core::policy::cost::CostClass;
use aldgate_core::policy::route::Target;
use http::request::Parts;
use pingora::protocols::http::ServerSession;
use std::sync::Arc;

/// Keeps what is to be kept of a request whose answer was written, or will not be; the connection may go on.
pub fn ended(session: &ServerSession, exchange: &mut Exchange, state: &EdgeState) {
    if let Some(unfinished) = exchange.unfinished.take() {
        unfinished.finish();
    }
    let status = session.response_written().map_or(0, |response| response.status.as_u16());
    record(session.req_header(), status, exchange, state);
    watch::body_is_over();
    deadline::request_is_over(session);
}

/// Keeps what is to be kept; the status is zero if the client went away.
pub fn record(header: &Parts, status: u16, exchange: &Exchange, state: &EdgeState) {
    let took = exchange.stopwatch.elapsed();
    state.metrics.answered(exchange.answered_by, status, took);
    if let Some(permit) = &exchange.permit {
        state.metrics.permitted(permit.route().cost);
    }
    if let Some(problem) = exchange.problem {
        state.metrics.refused(problem);
    }
    if state.access_log.is_on() {
        state.access_log.add(line(header, exchange, status, took.as_micros()));
    }
}

/// A request whose body is still on its way to a service. If that comes too late, the request is given up in the midst
/// of whatever it waits for ([`watch`]), and nothing that follows is run: dropped then, this keeps what there is to keep.
pub struct Unfinished(Option<Box<Kept>>);

struct Kept {
    line: Option<Line>,
    by: AnsweredBy,
    class: Option<CostClass>,
    problem: Option<Problem>,
    stopwatch: Stopwatch,
    state: Arc<EdgeState>,
}

impl Unfinished {
    /// A permitted request, whose body is awaited from now on.
    pub fn begin(header: &Parts, exchange: &Exchange, state: &Arc<EdgeState>) -> Self {
        Self(Some(Box::new(Kept {
            line: state.access_log.is_on().then(|| line(header, exchange, 0, 0)),
            by: exchange.answered_by,
            class: exchange.permit.as_ref().map(|permit| permit.route().cost),
            problem: Some(Problem::Timeout),
            stopwatch: exchange.stopwatch,
            state: state.clone(),
        })))
    }

    /// The body has come; it is something else that the request may end for.
    pub fn body_has_come(&mut self) {
        if let Some(kept) = &mut self.0 {
            kept.problem = None;
        }
    }

    fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(kept) = self.0.take() else { return };
        let Kept { line, by, class, problem, stopwatch, state } = *kept;
        let took = stopwatch.elapsed();
        state.metrics.answered(by, 0, took);
        if let Some(class) = class {
            state.metrics.permitted(class);
        }
        if let Some(problem) = problem {
            state.metrics.refused(problem);
        }
        if let Some(line) = line {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            state.access_log.add(Line { problem: problem.map(Problem::slug), micros, ..line });
        }
    }
}

fn line(header: &Parts, exchange: &Exchange, status: u16, micros: u128) -> Line {
    let permit = exchange.permit.as_ref();
    let service = permit.and_then(|permit| match &permit.route().target {
        Target::Service(service) => Some(service.name.clone()),
        Target::Edge(_) | Target::Backend => None,
    });
    Line {
        at: exchange.now.as_millis(),
        request: exchange.reference.clone(),
        client: exchange.client,
        method: header.method.as_str().into(),
        host: exchange.host.as_str().into(),
        path: header.uri.path().into(),
        status,
        by: exchange.answered_by.as_str(),
        service,
        problem: exchange.problem.map(crate::problem::Problem::slug),
        session: permit.and_then(aldgate_core::verdict::Permit::session).map(|s| s.session.to_string()),
        micros: u64::try_from(micros).unwrap_or(u64::MAX),
    }
}
