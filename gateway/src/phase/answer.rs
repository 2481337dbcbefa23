//! What the edge answers by itself: its own endpoints.

use crate::exchange::Exchange;
use crate::hand_off;
use crate::passkey::{login, options};
use crate::problem::Problem;
use crate::refusal::refusal;
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::policy::route::EdgeEndpoint;
use aldgate_core::token::identity_assertion::vector_of_trust;
use aldgate_core::verdict::Permit;
use http::Method;
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;

/// Answers a permitted request to one of the edge's own endpoints.
pub async fn endpoint(
    endpoint: EdgeEndpoint,
    permit: &Permit,
    session: &mut ServerSession,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Reply {
    let method = session.req_header().method.clone();
    let reads = matches!(method, Method::GET | Method::HEAD);
    match endpoint {
        EdgeEndpoint::LoginOptions if method == Method::POST => options::answer(session, exchange, state).await,
        EdgeEndpoint::Login if method == Method::POST => login::answer(permit, session, exchange, state).await,
        EdgeEndpoint::Session if reads => who(permit, session.req_header(), exchange),
        EdgeEndpoint::KeySet if reads => {
            Reply::json(200, state.key_set.clone()).with("cache-control", "public, max-age=300")
        }
        EdgeEndpoint::Asset if reads => asset(session.req_header(), exchange, state),
        // A look that is not meant (HEAD) must not use up a code.
        EdgeEndpoint::HandOff(step) if method == Method::GET => {
            hand_off::answer(step, permit, session.req_header(), exchange, state).await
        }
        EdgeEndpoint::HandOff(_) => not_allowed("GET", session.req_header(), exchange),
        EdgeEndpoint::Reserved => refusal(Problem::NotFound, session.req_header(), exchange),
        EdgeEndpoint::LoginOptions | EdgeEndpoint::Login => not_allowed("POST", session.req_header(), exchange),
        EdgeEndpoint::Session | EdgeEndpoint::KeySet | EdgeEndpoint::Asset => {
            not_allowed("GET, HEAD", session.req_header(), exchange)
        }
    }
}

fn not_allowed(allowed: &str, header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    refusal(Problem::MethodNotAllowed, header, exchange).with("allow", allowed)
}

/// `GET /session`: who one is.
fn who(permit: &Permit, header: &RequestHeader, exchange: &mut Exchange) -> Reply {
    let Some(session) = permit.session() else { return refusal(Problem::Internal, header, exchange) };
    let record = &session.record;
    let idle_until = session.seen().plus(record.idle).min(record.expires);
    Reply::json(
        200,
        format!(
            r#"{{"account":"{}","session":"{}","auth_time":{},"vot":"{}","idle_until":{},"expires":{}}}"#,
            record.account,
            session.session,
            record.authenticated.as_secs(),
            vector_of_trust(record),
            idle_until.as_secs(),
            record.expires.as_secs(),
        ),
    )
}

fn asset(header: &RequestHeader, exchange: &mut Exchange, state: &EdgeState) -> Reply {
    let Some(asset) = state.assets.find(header.uri.path()) else {
        return refusal(Problem::NotFound, header, exchange);
    };
    let fresh =
        header.headers.get(http::header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let reply = if fresh { Reply::empty(304) } else { Reply::typed(200, asset.media_type, asset.bytes.clone()) };
    reply.with("cache-control", "public, max-age=300").with("etag", asset.etag.clone())
}
