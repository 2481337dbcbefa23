//! Second phase: may it pass? Asks the core's one door, fetches what it needs, asks once more.

use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::request::cookies;
use crate::state::EdgeState;
use crate::token::{self, ShowingRequest};
use aldgate_core::decide::{Lookup, Presented, decide};
use aldgate_core::policy::route::Route;
use aldgate_core::session::cookie::{self, Found};
use aldgate_core::verdict::{Challenge, Permit, Refusal, Verdict};
use pingora::http::RequestHeader;
use std::sync::Arc;

/// The judgement on a request.
#[derive(Debug)]
pub enum Judgement {
    /// It may pass.
    Pass(Permit),
    /// The person has to prove something first.
    Challenge(Arc<Route>, Challenge),
    /// The route does not take its method; these it takes.
    Method(Arc<[String]>),
    /// It may not pass.
    Refuse(Problem),
}

/// Judges an admitted request.
pub async fn judge(header: &RequestHeader, exchange: &Exchange, state: &EdgeState) -> Judgement {
    let cookie = cookie::find(cookies(header), cookie::SESSION);
    match ask(header, exchange, state, cookie, &Lookup::NotYet) {
        Verdict::NeedsLookup(session) => {
            let lookup = state.lookups.session(session, exchange.now).await;
            settled(ask(header, exchange, state, cookie, &lookup), state, exchange)
        }
        Verdict::NeedsGrant(_) => {
            let lookup = exchange.generation.tokens.lookup(&showing(header, exchange, state), exchange.now).await;
            settled(ask(header, exchange, state, cookie, &lookup), state, exchange)
        }
        verdict => settled(verdict, state, exchange),
    }
}

/// The request as its client sent it. Where another proxy ends TLS before the gate, the client came by the scheme of
/// the log-in origin.
fn showing<'a>(header: &'a RequestHeader, exchange: &'a Exchange, state: &EdgeState) -> ShowingRequest<'a> {
    let scheme = if exchange.tls || state.issuer.starts_with("https://") { "https" } else { "http" };
    ShowingRequest {
        headers: &header.headers,
        method: header.method.as_str(),
        scheme,
        authority: &exchange.authority,
        path: header.uri.path(),
        certificate: exchange.certificate.as_deref().map(|certificate| certificate.sha256),
    }
}

fn ask(header: &RequestHeader, exchange: &Exchange, state: &EdgeState, cookie: Found<'_>, lookup: &Lookup) -> Verdict {
    let presented = Presented {
        host: &exchange.host,
        method: header.method.as_str(),
        path: header.uri.path(),
        token: cookie,
        access_token: token::is_shown(&header.headers),
        certificate: exchange.certificate.as_deref().map(|certificate| certificate.names.as_slice()),
    };
    let verdict = decide(&presented, lookup, &exchange.generation, &state.hot, exchange.now);
    state.metrics.verdict(&verdict);
    verdict
}

fn settled(verdict: Verdict, state: &EdgeState, exchange: &Exchange) -> Judgement {
    match verdict {
        Verdict::Allow(permit) => {
            if let (true, Some(session)) = (permit.touch_due(), permit.session())
                && state.touches.note(session.session, exchange.now).is_err()
            {
                state.hot.touch_again(&session.session);
            }
            Judgement::Pass(permit)
        }
        Verdict::Challenge(route, challenge) => Judgement::Challenge(route, challenge),
        Verdict::Refuse(Refusal::Method(methods)) => Judgement::Method(methods),
        Verdict::Refuse(refusal) => Judgement::Refuse(problem(&refusal)),
        // The core does not ask twice; if it did, nobody would pass.
        Verdict::NeedsLookup(_) | Verdict::NeedsGrant(_) => Judgement::Refuse(Problem::Internal),
    }
}

const fn problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::NoRoute => Problem::NotFound,
        Refusal::AmbiguousPath => Problem::AmbiguousPath,
        Refusal::Method(_) => Problem::MethodNotAllowed,
        Refusal::Certificate => Problem::CertificateRequired,
        Refusal::Undecidable => Problem::Unavailable,
    }
}
