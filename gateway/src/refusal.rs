//! The edge's own refusals as answers: a page for a person in a browser, a problem document for a program.

use crate::cors;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::request;
use http::Method;
use pingora::http::RequestHeader;

/// Answers with one of the edge's own problems.
pub fn refusal(problem: Problem, header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    refusal_with(problem, header, exchange, None, None)
}

/// The same, with what exactly is wrong.
pub fn refusal_with(
    problem: Problem,
    header: &RequestHeader,
    exchange: &mut Exchange,
    detail: Option<&str>,
    field: Option<&str>,
) -> Reply {
    exchange.problem = Some(problem);
    let reply = if request::is_navigation(header) {
        let retry = (problem.status() >= 500 && header.method == Method::GET).then(|| header.uri.path());
        Reply::page(problem.status(), problem.page(&exchange.reference, retry))
    } else {
        let document = problem.document(&exchange.reference, detail, field);
        Reply::typed(problem.status(), "application/problem+json", document)
    };
    let reply = cors::readable(reply, exchange);
    match problem.status() {
        401 => reply.with("www-authenticate", r#"Bearer realm="aldgate""#),
        503 => reply.with("retry-after", "5"),
        _ => reply,
    }
}
