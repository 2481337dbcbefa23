//! What the edge answers by itself: its own endpoints, and its refusals.

use crate::exchange::Exchange;
use crate::passkey::{login, options};
use crate::problem::Problem;
use crate::refusal::refusal;
use crate::reply::Reply;
use crate::request::is_navigation;
use crate::state::EdgeState;
use aldgate_core::assurance::Components;
use aldgate_core::policy::demand::Lack;
use aldgate_core::policy::route::{EdgeEndpoint, Route};
use aldgate_core::session::cookie;
use aldgate_core::token::identity_assertion::vector_of_trust;
use aldgate_core::verdict::{Challenge, Permit};
use http::Method;
use pingora::http::RequestHeader;
use pingora::proxy::Session;

/// Longest path and query that a browser is sent back to.
const RETURN_TO_BYTES_MAX: usize = 2 * 1024;

/// Answers a permitted request to one of the edge's own endpoints.
pub async fn endpoint(
    endpoint: EdgeEndpoint,
    permit: &Permit,
    session: &mut Session,
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

/// Answers a person who has to prove something first: a browser is taken to the sign-in page and back, a program is
/// told what is missing (RFC 6750, section 3; RFC 9470, section 3).
pub fn challenge(
    route: &Route,
    challenge: Challenge,
    header: &RequestHeader,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Reply {
    let problem = match challenge {
        Challenge::SignIn | Challenge::SignInAgain(_) => Problem::NotSignedIn,
        Challenge::StepUp(_) => Problem::StepUp,
    };
    exchange.problem = Some(problem);
    let reply = if is_navigation(header) && route.host == state.login_host {
        Reply::empty(303).with("location", sign_in_location(challenge, header))
    } else {
        let document = problem.document(&exchange.reference, None, None);
        Reply::typed(problem.status(), "application/problem+json", document)
            .with("www-authenticate", authenticate(challenge))
            .with("link", format!("<{}/sign-in>; rel=\"login\"", state.issuer))
    };
    match challenge {
        Challenge::SignInAgain(_) => reply.with("set-cookie", cookie::clear(cookie::SESSION)),
        Challenge::SignIn | Challenge::StepUp(_) => reply,
    }
}

fn authenticate(challenge: Challenge) -> String {
    let step_up = |what: &str, rest: String| {
        format!(r#"Bearer realm="aldgate", error="insufficient_user_authentication", error_description="{what}"{rest}"#)
    };
    match challenge {
        Challenge::SignIn => r#"Bearer realm="aldgate""#.to_owned(),
        Challenge::SignInAgain(_) => {
            r#"Bearer realm="aldgate", error="invalid_token", error_description="The session has ended""#.to_owned()
        }
        Challenge::StepUp(Lack::Freshness(max)) => {
            step_up("A more recent sign-in is needed", format!(r#", max_age="{}""#, max.as_secs()))
        }
        Challenge::StepUp(Lack::Components(parts)) => {
            step_up("A stronger sign-in is needed", format!(r#", acr_values="{parts}""#))
        }
        Challenge::StepUp(Lack::Identity(level)) => {
            step_up("A verified identity is needed", format!(r#", acr_values="{}""#, level.as_str()))
        }
    }
}

fn sign_in_location(challenge: Challenge, header: &RequestHeader) -> String {
    let target = header.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = if target.len() <= RETURN_TO_BYTES_MAX { target } else { header.uri.path() };
    let why = match challenge {
        Challenge::SignIn => "",
        Challenge::SignInAgain(_) => "&why=ended",
        Challenge::StepUp(Lack::Components(parts)) if parts.meets(Components::PASSKEY) => "&why=passkey",
        Challenge::StepUp(_) => "&why=step-up",
    };
    format!("/sign-in?return_to={}{why}", percent_encoded(target))
}

/// Everything but unreserved characters and slashes is escaped (RFC 3986, section 2.3).
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_escaped_whole() {
        let header = RequestHeader::build("GET", b"/demo/?a=1&b=%2F&return_to=/x", None).expect("header");
        let location = sign_in_location(Challenge::SignIn, &header);
        assert_eq!(location, "/sign-in?return_to=/demo/%3Fa%3D1%26b%3D%252F%26return_to%3D/x");
    }

    #[test]
    fn programs_are_told_what_is_missing() {
        let lack = Lack::Freshness(std::time::Duration::from_mins(15));
        assert!(authenticate(Challenge::StepUp(lack)).contains(r#"max_age="900""#));
        assert!(authenticate(Challenge::SignIn).starts_with("Bearer realm="));
    }
}
