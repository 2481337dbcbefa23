//! The decision about the request that a proxy asks about: the phases of a request at the edge, in the same order, and
//! nothing more lenient. But for one thing: how many requests are under way at once is the proxy's own affair, which
//! forwards them and sees them end. What is counted here is how often an address asks.

use super::original::{NotOriginal, OriginalRequest, Scheme};
use crate::admission::Asked;
use crate::challenge;
use crate::cors::{self, Crossing};
use crate::exchange::Exchange;
use crate::identity::{self, Told};
use crate::metrics::AnsweredBy;
use crate::phase::judge::Judgement;
use crate::phase::{admit, judge};
use crate::problem::Problem;
use crate::refusal::{method_not_allowed, refusal, refusal_until, refusal_with};
use crate::reply::Reply;
use crate::request::cookies;
use crate::state::EdgeState;
use aldgate_core::policy::route::{Route, Target};
use aldgate_core::session::cookie;
use aldgate_core::verdict::{Challenge, Permit};
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use std::sync::Arc;

/// Where a client shows credentials besides its cookies.
pub static CREDENTIALS: [HeaderName; 2] = [http::header::AUTHORIZATION, HeaderName::from_static("dpop")];

/// What becomes of the original request.
#[derive(Debug)]
pub enum Verdict {
    /// It may go on to its service.
    Allow(Allowed),
    /// Its client gets this answer instead.
    Deny(Denied),
}

/// What the service behind the proxy gets.
#[derive(Debug)]
pub struct Allowed {
    /// The route that it passes by.
    pub route: Arc<Route>,
    /// Who passes, where somebody is known.
    pub told: Option<Told>,
    /// What the service may see of the client's credentials: its cookies without ours, and what it shows in other
    /// headers unless that opened the gate.
    pub credentials: Vec<(HeaderName, HeaderValue)>,
}

/// What the client gets.
#[derive(Debug)]
pub struct Denied {
    /// The answer. `Location`, where it has one, is absolute.
    pub reply: Reply,
    /// `WWW-Authenticate` beside a redirection, for a dialect that cannot say one.
    pub authenticate: Option<String>,
}

/// A verdict with the request that it is about, if there was one.
#[derive(Debug)]
pub struct Decision {
    /// The original request's header.
    pub header: Option<RequestHeader>,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// Decides.
pub async fn decide(
    original: Result<OriginalRequest, NotOriginal>,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Decision {
    exchange.answered_by = AnsweredBy::Authz;
    match original {
        Err(why) => {
            // Not louder: a proxy that passes its client's headers on lets that client write this line.
            tracing::debug!(%why, request = exchange.reference, "a proxy asks about no request");
            exchange.problem = Some(Problem::BadRequest);
            let document = Problem::BadRequest.document(&exchange.reference, Some(&why.to_string()), None);
            let reply = Reply::typed(Problem::BadRequest.status(), "application/problem+json", document);
            Decision { header: None, verdict: deny(reply) }
        }
        Ok(original) => {
            let verdict = judged(&original, exchange, state).await;
            Decision { header: Some(original.header), verdict }
        }
    }
}

async fn judged(original: &OriginalRequest, exchange: &mut Exchange, state: &EdgeState) -> Verdict {
    let header = &original.header;
    exchange.client = original.client;
    exchange.tls = original.scheme == Scheme::Https;
    if let Err(problem) = admit::admit(header, exchange) {
        return deny(refusal(problem, header, exchange));
    }
    match cors::cross(header, exchange) {
        Crossing::GoesOn => {}
        Crossing::Granted(_) => return preflight_elsewhere(header, exchange),
        Crossing::Refused(problem) => return deny(refusal(problem, header, exchange)),
    }
    match judge::judge(header, exchange, state).await {
        Judgement::Pass(permit) => match limit(&permit, header, exchange, state) {
            Ok(()) => passed(permit, header, exchange, state),
            Err(reply) => {
                exchange.permit = Some(permit);
                deny(reply)
            }
        },
        Judgement::Refuse(Problem::CertificateRequired) => no_certificate_here(header, exchange),
        Judgement::Refuse(problem) => deny(refusal(problem, header, exchange)),
        Judgement::Method(allowed) => deny(method_not_allowed(&allowed, header, exchange)),
        Judgement::Challenge(route, _) if !is_a_services(&route) => not_here(header, exchange),
        Judgement::Challenge(route, challenge) => challenged(&route, &challenge, original, exchange, state),
    }
}

const fn deny(reply: Reply) -> Verdict {
    Verdict::Deny(Denied { reply, authenticate: None })
}

const fn is_a_services(route: &Route) -> bool {
    matches!(route.target, Target::Service(_))
}

/// The platform's own pages are answered by the public listener, which judges them itself. A proxy that asks about them
/// would serve them from somewhere else.
fn not_here(header: &RequestHeader, exchange: &mut Exchange) -> Verdict {
    let detail = "this path is the gate's own: send it to the gate's public listener without asking";
    deny(refusal_with(Problem::NotFound, header, exchange, Some(detail), None))
}

/// To most proxies 204 means that the request may go on, and a preflight may not: it shows nobody.
fn preflight_elsewhere(header: &RequestHeader, exchange: &mut Exchange) -> Verdict {
    let detail =
        "the proxy does not ask about preflights: it answers them, or sends them to the gate's public listener";
    deny(refusal_with(Problem::CrossOrigin, header, exchange, Some(detail), None))
}

/// A certificate proves something to whoever shook hands with the client, which is the proxy. What a proxy would tell
/// of it in a header is no proof here, and each proxy that is set up carelessly lets its clients write that header.
fn no_certificate_here(header: &RequestHeader, exchange: &mut Exchange) -> Verdict {
    let detail = "this route demands a certificate of the client, which is shown to the gate's own TLS listener only: \
                  send this path there";
    deny(refusal_with(Problem::CertificateRequired, header, exchange, Some(detail), None))
}

/// Whether the client's address may ask so often.
fn limit(permit: &Permit, header: &RequestHeader, exchange: &mut Exchange, state: &EdgeState) -> Result<(), Reply> {
    let (asked, class) = (Asked::of(&permit.route().target), permit.route().cost_of(header.method.as_str()));
    state.admission.spend(asked, class, exchange.client, exchange.now).map_err(|why| {
        state.metrics.not_admitted(asked, class, why);
        refusal_until(Problem::TooManyRequests, header, exchange, why.retry_after())
    })
}

fn passed(permit: Permit, header: &RequestHeader, exchange: &mut Exchange, state: &EdgeState) -> Verdict {
    let route = permit.route().clone();
    let told = identity::for_permit(state, &permit, exchange.now);
    exchange.permit = Some(permit);
    match told {
        _ if !is_a_services(&route) => not_here(header, exchange),
        Err(_) => deny(refusal(Problem::Internal, header, exchange)),
        Ok(told) => {
            let spent = told.as_ref().is_some_and(|told| told.by_token);
            match credentials(header, spent) {
                Some(credentials) => Verdict::Allow(Allowed { route, told, credentials }),
                None => deny(refusal(Problem::Internal, header, exchange)),
            }
        }
    }
}

/// What is left of the client's credentials for the service; `None` if it cannot be written.
fn credentials(header: &RequestHeader, spent: bool) -> Option<Vec<(HeaderName, HeaderValue)>> {
    let mut left = Vec::new();
    if let Some(cookies) = cookie::without_ours(cookies(header)) {
        left.push((http::header::COOKIE, HeaderValue::from_bytes(&cookies).ok()?));
    }
    for name in CREDENTIALS.iter().filter(|_| !spent) {
        let mut values = header.headers.get_all(name).iter();
        // Two are no credential, and which of them a service takes cannot be told.
        if let (Some(value), None) = (values.next(), values.next()) {
            left.push((name.clone(), value.clone()));
        }
    }
    Some(left)
}

fn challenged(
    route: &Route,
    challenge: &Challenge,
    original: &OriginalRequest,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Verdict {
    let mut reply = challenge::reply(route, challenge, &original.header, exchange, state);
    for (_, location) in reply.headers.iter_mut().filter(|(name, _)| *name == "location") {
        if location.starts_with('/') {
            // Traefik would resolve it against this listener.
            *location = format!("{}://{}{location}", original.scheme.as_str(), exchange.authority);
        }
    }
    let authenticate = (reply.status == 303).then(|| challenge::authenticate(route, challenge));
    Verdict::Deny(Denied { reply, authenticate })
}
