//! Last phase: what is kept of a request. Metrics always, a line of the access log if it is on.

use crate::access_log::Line;
use crate::deadline;
use crate::door::watch;
use crate::exchange::Exchange;
use crate::state::EdgeState;
use aldgate_core::policy::route::Target;
use http::request::Parts;
use pingora::protocols::http::ServerSession;

/// Keeps what is to be kept of a request whose answer was written, or will not be; the connection may go on.
pub fn ended(session: &ServerSession, exchange: &Exchange, state: &EdgeState) {
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
        method: header.method.as_str().to_owned(),
        host: exchange.host.clone(),
        path: header.uri.path().to_owned(),
        status,
        by: exchange.answered_by.as_str(),
        service,
        problem: exchange.problem.map(crate::problem::Problem::slug),
        session: permit.and_then(aldgate_core::verdict::Permit::session).map(|s| s.session.to_string()),
        micros: u64::try_from(micros).unwrap_or(u64::MAX),
    }
}
