//! Third phase: is there room for it? What costs little is let pass; what is dear waits for a place, or is told when to
//! come back.

use crate::admission::{NotAdmitted, Ticket};
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::receive;
use crate::refusal::{refusal, refusal_until};
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::policy::cost::CostClass;
use aldgate_core::policy::route::Target;
use pingora::protocols::http::ServerSession;

/// Admits a permitted request.
///
/// # Errors
/// The answer for whoever is not admitted.
pub async fn limit(session: &mut ServerSession, exchange: &mut Exchange, state: &EdgeState) -> Result<Ticket, Reply> {
    let Some(permit) = &exchange.permit else {
        return Err(refusal(Problem::Internal, session.req_header(), exchange));
    };
    let class = permit.route().cost_of(session.req_header().method.as_str());
    if class > CostClass::Passkey && permit.route().target == Target::Backend {
        // Whoever sends a form slowly holds no place meanwhile.
        if let Err(problem) = receive::whole(session).await {
            session.set_keepalive(None);
            return Err(refusal(problem, session.req_header(), exchange));
        }
    }
    let admitted = state.admission.admit(class, exchange.client, exchange.now).await;
    let ticket = admitted.map_err(|why| {
        state.metrics.not_admitted(class, why);
        let (problem, retry_after) = match why {
            NotAdmitted::TooOften { retry_after } => (Problem::TooManyRequests, retry_after),
            NotAdmitted::Full { retry_after } => (Problem::Busy, retry_after),
        };
        refusal_until(problem, session.req_header(), exchange, retry_after)
    })?;
    if let Some(room) = &state.waiting_room {
        room.enter(session.req_header(), exchange)?;
    }
    Ok(ticket)
}
