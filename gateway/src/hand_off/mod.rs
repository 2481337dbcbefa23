//! Many hosts, one login: how a session that was opened on the log-in host becomes known on a service's host.
//!
//! A cookie for a parent domain would be readable by every host below it, and every host could plant one. So there is
//! none: each host has a `__Host-aldgate` cookie of its own, whose tag covers the host. The session is one and the same;
//! ending it ends all of its tokens at once. A browser fetches its token for a host by a walk over the log-in host:
//!
//! ```text
//!  app.example                        login.example
//!  ───────────                        ─────────────
//!  GET /x          no session
//!   │ 303
//!  GET /.aldgate/sign-in   [begin]
//!   │ sets a random cookie B
//!   └────────303───────────────────►  GET /hand-off?host=app.example&binding=SHA-256(B)&return_to=/x   [give]
//!                                      │ nobody is signed in, or something is lacking:
//!                                      │   303 /sign-in?return_to=/hand-off…, and back here
//!                                      │ session there: seals (session, host, binding, time)
//!  GET /.aldgate/hand-off?code=…  ◄────┘ 303
//!   │ [take] opens, consumes once, compares with B, looks the session up,
//!   │ sets __Host-aldgate = token(session, app.example)
//!   │ 303
//!  GET /x          the session is known
//! ```
//!
//! **What an attacker can choose**, since everything in an address can be chosen, and what follows:
//!
//! - `host`: it must be a host that has routes here; a code for it is sent there and opens there alone.
//! - `return_to`: it is a path of the host that reads it ([`return_to`]), never another site.
//! - `binding`: with the attacker's own, the code that the victim's browser carries fits the attacker's cookie. It is
//!   in no page, no `Referer` and no log of ours, and it is spent when the victim's browser presents it, which comes
//!   first. The other way round (login CSRF), a victim who is led to the attacker's link holds no cookie that fits.
//! - `why`: it can make the log-in host ask for a sign-in; it cannot spare one. What a route demands is judged by the
//!   service's host alone, after the walk as before it.
//!
//! **No walk is endless.** A step-up leaves the walk with `why` taken off, so it asks a person once; and a browser that
//! has been handed a session a few times within seconds, and still comes without one, gets a page ([`attempts`]).
//!
//! Everything depends on the `Host` of the request alone, so the walk is the same behind a proxy of somebody else's
//! that passes `/.aldgate/` on to the gate.

pub mod attempts;
mod begin;
pub mod binding;
mod give;
mod go_on;
mod origin;
mod query;
pub mod return_to;
mod take;
mod why;

use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::refusal::refusal;
use crate::reply::Reply;
use crate::request;
use crate::state::EdgeState;
use aldgate_core::policy::platform::BEGIN_HAND_OFF;
use aldgate_core::policy::route::HandOffStep;
use aldgate_core::verdict::Permit;
use origin::login_origin;
pub use origin::origin_of;
use pingora::http::RequestHeader;
use return_to::ReturnTo;

/// Answers a step of a hand-off.
pub async fn answer(
    step: HandOffStep,
    permit: &Permit,
    header: &RequestHeader,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Reply {
    if !request::is_for_the_whole_window(header) {
        return refusal(Problem::BadRequest, header, exchange);
    }
    match step {
        HandOffStep::Begin => begin::answer(header, exchange, state),
        HandOffStep::Give => give::answer(permit, header, exchange, state),
        HandOffStep::Take => take::answer(permit, header, exchange, state).await,
        HandOffStep::SignOut => {
            let login = login_origin(exchange.tls, state);
            go_on::reply(header, &format!("{login}/sign-out"))
        }
    }
}

/// A step that failed: a page with a button that begins the walk again, or a problem document.
fn failed(problem: Problem, return_to: &ReturnTo, header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    if !request::is_navigation(header) {
        return refusal(problem, header, exchange);
    }
    exchange.problem = Some(problem);
    let again = format!("{BEGIN_HAND_OFF}?return_to={}", return_to.for_travel());
    let language = request::language(header);
    Reply::page(problem.status(), language, problem.page(language, &exchange.reference, Some(&again)))
}
