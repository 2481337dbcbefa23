//! Third phase: is there room for it? What costs little is let pass; what is dear waits for a place, or is told when to
//! come back.

use crate::admission::{Asked, NotAdmitted, Ticket};
use crate::exchange::Exchange;
use crate::passkey::login;
use crate::problem::Problem;
use crate::receive;
use crate::refusal::{refusal, refusal_until};
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::policy::cost::CostClass;
use aldgate_core::policy::route::{EdgeEndpoint, Target};
use aldgate_core::verdict::Permit;
use http::Method;
use pingora::protocols::http::ServerSession;

/// Admits a permitted request. What is answered here or by the backend has been read by then: whoever sends a form
/// slowly, or a passkey's answer, holds no place meanwhile.
///
/// # Errors
/// The answer for whoever is not admitted.
pub async fn limit(session: &mut ServerSession, exchange: &mut Exchange, state: &EdgeState) -> Result<Ticket, Reply> {
    let Some(route) = exchange.permit.as_ref().map(Permit::route) else {
        return Err(refusal(Problem::Internal, session.req_header(), exchange));
    };
    let method = &session.req_header().method;
    let (asked, class) = (Asked::of(&route.target), route.cost_of(method.as_str()));
    match &route.target {
        Target::Backend if class > CostClass::Passkey => whole(session, exchange).await?,
        Target::Edge(EdgeEndpoint::Login) if *method == Method::POST => {
            exchange.body = Some(login::receive(session, exchange, state).await?);
        }
        Target::Edge(_) | Target::Backend | Target::Service(_) => {}
    }
    let admitted = state.admission.admit(asked, class, exchange.client, exchange.now).await;
    let ticket = admitted.map_err(|why| {
        state.metrics.not_admitted(asked, class, why);
        let problem = match why {
            NotAdmitted::TooOften { .. } => Problem::TooManyRequests,
            NotAdmitted::Full { .. } => Problem::Busy,
        };
        refusal_until(problem, session.req_header(), exchange, why.retry_after())
    })?;
    if let Some(room) = &state.waiting_room {
        room.enter(session.req_header(), exchange)?;
    }
    Ok(ticket)
}

/// Reads a form for the backend.
async fn whole(session: &mut ServerSession, exchange: &mut Exchange) -> Result<(), Reply> {
    receive::whole(session).await.map_err(|problem| {
        session.set_keepalive(None);
        refusal(problem, session.req_header(), exchange)
    })
}
