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
    /// It may not pass.
    Refuse(Problem),
}

/// Judges an admitted request.
pub async fn judge(header: &RequestHeader, exchange: &Exchange, state: &EdgeState) -> Judgement {
    let token = cookie::find(cookies(header), cookie::SESSION);
    match ask(header, exchange, state, token, &Lookup::NotYet) {
        Verdict::NeedsLookup(session) => match state.lookups.session(session).await {
            Err(unavailable) => {
                tracing::warn!(%unavailable, "a session could not be looked up");
                Judgement::Refuse(Problem::Unavailable)
            }
            Ok(lookup) => match ask(header, exchange, state, token, &lookup) {
                // The core does not ask twice; if it did, nobody would pass.
                Verdict::NeedsLookup(_) => Judgement::Refuse(Problem::Internal),
                verdict => settled(verdict, state, exchange),
            },
        },
        verdict => settled(verdict, state, exchange),
    }
}

fn ask(header: &RequestHeader, exchange: &Exchange, state: &EdgeState, token: Found<'_>, lookup: &Lookup) -> Verdict {
    let presented = Presented { host: &exchange.host, path: header.uri.path(), token };
    let verdict = decide(&presented, lookup, &state.snapshot.load(), &state.hot, exchange.now);
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
        Verdict::Refuse(Refusal::NoRoute) => Judgement::Refuse(Problem::NotFound),
        Verdict::Refuse(Refusal::AmbiguousPath) => Judgement::Refuse(Problem::AmbiguousPath),
        Verdict::Refuse(Refusal::IdentityTooLow(_)) => Judgement::Refuse(Problem::IdentityTooLow),
        Verdict::NeedsLookup(_) => Judgement::Refuse(Problem::Internal),
    }
}
