//! `GET /.aldgate/hand-off` on a service's host: a code in, a session cookie out, once.
//!
//! In this order: open (nothing is looked up for a code that is not ours), consume, compare with this browser's
//! binding, look the session up. A code that was presented is spent, also if what follows refuses it.

use super::query::Query;
use super::return_to::ReturnTo;
use super::{attempts, binding, failed};
use crate::exchange::Exchange;
use crate::lookup::under_deadline;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::decide::Lookup;
use aldgate_core::id::SessionId;
use aldgate_core::session::cookie;
use aldgate_core::session::hand_off::{self, Binding, HandOffRefused};
use aldgate_core::session::record::Standing;
use aldgate_core::verdict::Permit;
use aldgate_core::warm::Unavailable;
use pingora::http::RequestHeader;

/// Why no session was taken.
enum TakeRefused {
    Code(HandOffRefused),
    /// The session has ended meanwhile.
    Ended,
    Unavailable,
}

impl From<HandOffRefused> for TakeRefused {
    fn from(refused: HandOffRefused) -> Self {
        Self::Code(refused)
    }
}

impl From<Unavailable> for TakeRefused {
    fn from(unavailable: Unavailable) -> Self {
        tracing::warn!(%unavailable, "a hand-off could not be consumed");
        Self::Unavailable
    }
}

impl TakeRefused {
    const fn problem(&self) -> Problem {
        match self {
            Self::Code(HandOffRefused::NotOurs | HandOffRefused::OtherBrowser) => Problem::HandOffInvalid,
            Self::Code(HandOffRefused::Expired) => Problem::HandOffExpired,
            Self::Code(HandOffRefused::Used) => Problem::HandOffUsed,
            Self::Ended => Problem::NotSignedIn,
            Self::Unavailable => Problem::Unavailable,
        }
    }
}

/// Takes a session.
pub(super) async fn answer(
    permit: &Permit,
    header: &RequestHeader,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Reply {
    let query = Query::of(header);
    let (Ok(return_to), Ok(code)) = (query.one("return_to"), query.one("code")) else {
        return failed(Problem::BadRequest, &ReturnTo::default(), header, exchange);
    };
    let return_to = ReturnTo::parse(return_to.as_deref());
    match take(code.as_deref().unwrap_or_default(), header, exchange, state).await {
        Ok(session) => {
            let token = state.snapshot.load().tag_keys.token(session, &exchange.host);
            back_to(&return_to)
                .with("set-cookie", cookie::set(cookie::SESSION, &token, None))
                .with("set-cookie", cookie::clear(binding::COOKIE))
                .with("set-cookie", attempts::one_more(header))
        }
        // Another window was faster, or the page was loaded again: this browser has a session here, and keeps it.
        Err(TakeRefused::Code(_) | TakeRefused::Ended) if permit.session().is_some() => back_to(&return_to),
        Err(refused) => failed(refused.problem(), &return_to, header, exchange),
    }
}

/// To the page that was asked for. It is on this very host, so no page's policy stands in the way.
fn back_to(return_to: &ReturnTo) -> Reply {
    Reply::empty(303).with("location", return_to.to_string()).with("referrer-policy", "no-referrer")
}

async fn take(
    code: &str,
    header: &RequestHeader,
    exchange: &Exchange,
    state: &EdgeState,
) -> Result<SessionId, TakeRefused> {
    let opened = hand_off::open(&state.master, code.as_bytes(), &exchange.host, exchange.now)?;
    let (value, expires) = opened.single_use();
    let spent = opened.consumed(under_deadline(state.warm.consume(&value, expires)).await?)?;
    let browser = binding::presented(header).ok_or(HandOffRefused::OtherBrowser)?;
    let session = spent.in_browser(&Binding::of(browser.as_bytes()))?;
    match state.lookups.session(session, exchange.now).await {
        Lookup::Found(found) if found.record.standing(found.seen(), exchange.now) == Standing::Live => Ok(session),
        Lookup::Unavailable => Err(TakeRefused::Unavailable),
        Lookup::Found(_) | Lookup::Nothing | Lookup::NotYet | Lookup::Grant(_) => Err(TakeRefused::Ended),
    }
}
