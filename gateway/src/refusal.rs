//! The edge's own refusals as answers: a page for a person in a browser, a problem document for a program.

use crate::cors;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request;
use http::Method;
use pingora::http::RequestHeader;
use std::time::Duration;

/// Answers with one of the edge's own problems.
pub fn refusal(problem: Problem, header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    refusal_with(problem, header, exchange, None, None)
}

/// The same, with the moment from which it may be tried again.
pub fn refusal_until(
    problem: Problem,
    header: &RequestHeader,
    exchange: &mut Exchange,
    retry_after: Duration,
) -> Reply {
    let secs = retry_after.as_millis().div_ceil(1_000).max(1);
    told(problem, header, exchange, None, None).with("retry-after", secs.to_string())
}

/// A refused method, with those that the route takes (RFC 9110, section 10.2.1). HEAD goes with GET.
pub fn method_not_allowed(allowed: &[String], header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    let head = allowed.iter().any(|method| method == "GET").then_some("HEAD");
    let allowed = allowed.iter().map(String::as_str).chain(head).collect::<Vec<_>>().join(", ");
    refusal(Problem::MethodNotAllowed, header, exchange).with("allow", allowed)
}

/// The same, with what exactly is wrong.
pub fn refusal_with(
    problem: Problem,
    header: &RequestHeader,
    exchange: &mut Exchange,
    detail: Option<&str>,
    field: Option<&str>,
) -> Reply {
    let reply = told(problem, header, exchange, detail, field);
    match problem.status() {
        401 => reply.with("www-authenticate", r#"Bearer realm="aldgate""#),
        503 => reply.with("retry-after", "5"),
        _ => reply,
    }
}

fn told(
    problem: Problem,
    header: &RequestHeader,
    exchange: &mut Exchange,
    detail: Option<&str>,
    field: Option<&str>,
) -> Reply {
    exchange.problem = Some(problem);
    let reply = if request::is_navigation(header) {
        let retry = (problem.status() >= 500 && header.method == Method::GET).then(|| header.uri.path());
        let language = request::language(header);
        Reply::page(problem.status(), language, problem.page(language, &exchange.reference, retry))
    } else {
        let document = problem.document(&exchange.reference, detail, field);
        Reply::typed(problem.status(), "application/problem+json", document)
    };
    cors::readable(reply, exchange)
}
