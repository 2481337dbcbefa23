//! Third phase: is there room for it? What costs little is let pass; what is dear waits for a place, or is told when to
//! come back.

use crate::admission::{NotAdmitted, Ticket};
use crate::exchange::Exchange;
use crate::passkey::body::BODY_BYTES_MAX;
use crate::problem::Problem;
use crate::refusal::{refusal, refusal_until};
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::policy::cost::CostClass;
use aldgate_core::policy::route::Target;
use pingora::proxy::Session;
use std::time::Duration;

/// How long the body of a form may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// Admits a permitted request.
///
/// # Errors
/// The answer for whoever is not admitted.
pub async fn limit(session: &mut Session, exchange: &mut Exchange, state: &EdgeState) -> Result<Ticket, Reply> {
    let Some(permit) = &exchange.permit else {
        return Err(refusal(Problem::Internal, session.req_header(), exchange));
    };
    let class = permit.route().cost_of(session.req_header().method.as_str());
    if class > CostClass::Passkey && permit.route().target == Target::Backend {
        let read = tokio::time::timeout(BODY_DEADLINE, read_ahead(session)).await;
        if let Err(problem) = read.unwrap_or(Err(Problem::Timeout)) {
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

/// Waits for the whole body of a form: whoever sends it slowly holds no place meanwhile. Pingora keeps it, and sends it
/// on when the request goes on; what the backend takes fits into what Pingora keeps.
async fn read_ahead(session: &mut Session) -> Result<(), Problem> {
    if session.as_mut().is_body_done() {
        return Ok(());
    }
    session.as_mut().enable_retry_buffering();
    let mut bytes = 0;
    while let Some(piece) = session.as_mut().read_request_body().await.map_err(|_| Problem::BadRequest)? {
        bytes += piece.len();
        if bytes > BODY_BYTES_MAX {
            return Err(Problem::TooLarge);
        }
    }
    Ok(())
}
