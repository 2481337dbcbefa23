//! Second phase: may it pass? Asks the core's one door, fetches what it needs, asks once more.

use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::request::cookies;
use crate::state::EdgeState;
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
    let token = cookie::find(cookies(header), cookie::SESSION);
    match ask(header, exchange, state, token, &Lookup::NotYet) {
        Verdict::NeedsLookup(session) => {
            let lookup = state.lookups.session(session, exchange.now).await;
            settled(ask(header, exchange, state, token, &lookup), state, exchange)
        }
        verdict => settled(verdict, state, exchange),
    }
}

fn ask(header: &RequestHeader, exchange: &Exchange, state: &EdgeState, token: Found<'_>, lookup: &Lookup) -> Verdict {
    let presented = Presented {
        host: &exchange.host,
        method: header.method.as_str(),
        path: header.uri.path(),
        token,
        access_token: false,
        certificate: exchange.certificate.as_deref().map(|certificate| certificate.names.as_slice()),
    };
    let verdict = decide(&presented, lookup, &exchange.generation, &state.hot, exchange.now);
    state.metrics.verdict(&verdict);
    verdict
}

fn settled(verdict: Verdict, state: &EdgeState, exchange: &Exchange) -> Judgement {
    match verdict {
        Verdict::Allow(permit) => {
            if let (true, Some(session)) = (permit.touch_due(), permit.session()) {
                state.touches.note(session.session, exchange.now);
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
