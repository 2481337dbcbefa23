//! `GET /hand-off` on the log-in host: gives the session that stands here to a service's host, after a sign-in if need
//! be.

use super::query::{BadQuery, Query};
use super::return_to::ReturnTo;
use super::why::Why;
use super::{go_on, login_origin, origin_of};
use crate::challenge::percent_encoded;
use crate::exchange::Exchange;
use crate::problem::Problem;
use crate::refusal::refusal;
use crate::reply::Reply;
use crate::state::EdgeState;
use aldgate_core::decide::Snapshot;
use aldgate_core::id::SessionId;
use aldgate_core::policy::path::NormalPath;
use aldgate_core::policy::platform::{GIVE_HAND_OFF, TAKE_HAND_OFF};
use aldgate_core::policy::route::{EdgeEndpoint, HandOffStep, Target};
use aldgate_core::session::hand_off::{self, Binding};
use aldgate_core::verdict::Permit;
use pingora::http::RequestHeader;

/// What a service's host asks for. Whoever can write an address can ask.
struct Asked {
    host: String,
    return_to: ReturnTo,
    binding: Binding,
    why: Why,
}

/// The request does not say for whom, or for nobody whom we serve.
struct BadAsk;

impl From<BadQuery> for BadAsk {
    fn from(_: BadQuery) -> Self {
        Self
    }
}

impl Asked {
    fn read(header: &RequestHeader, snapshot: &Snapshot) -> Result<Self, BadAsk> {
        let query = Query::of(header);
        let host = query.one("host")?.filter(|host| takes_sessions(host, snapshot)).ok_or(BadAsk)?;
        let binding = query.one("binding")?.and_then(|text| text.parse().ok()).ok_or(BadAsk)?;
        let return_to = ReturnTo::parse(query.one("return_to")?.as_deref());
        Ok(Self { host, return_to, binding, why: Why::parse(query.one("why")?.as_deref()) })
    }

    /// To the sign-in page, and back to this step. `why` is left behind: a sign-in is the answer to it, and if it was
    /// not enough, the service's host says so again.
    fn sign_in_first(&self) -> Reply {
        let (host, return_to, binding) = (&self.host, self.return_to.for_travel(), &self.binding);
        let back = format!("{GIVE_HAND_OFF}?host={host}&return_to={return_to}&binding={binding}");
        let location = format!("/sign-in?return_to={}{}", percent_encoded(&back), self.why.parameter());
        Reply::empty(303).with("location", location).with("referrer-policy", "no-referrer")
    }

    /// To the service's host, with a code.
    fn give(&self, session: SessionId, header: &RequestHeader, exchange: &mut Exchange, state: &EdgeState) -> Reply {
        let sealed = hand_off::seal(&state.master, session, &self.binding, &self.host, exchange.now, &*state.entropy);
        let Ok(code) = sealed else { return refusal(Problem::Internal, header, exchange) };
        let (origin, return_to) =
            (origin_of(&self.host, login_origin(exchange.tls, state)), self.return_to.for_travel());
        go_on::reply(header, &format!("{origin}{TAKE_HAND_OFF}?code={code}&return_to={return_to}"))
    }
}

/// Whether a host, written as we write it, is one that hand-offs lead to.
fn takes_sessions(host: &str, snapshot: &Snapshot) -> bool {
    let Ok(path) = NormalPath::parse(TAKE_HAND_OFF) else { return false };
    let route = snapshot.routes.find(host, path);
    route.ok().flatten().is_some_and(|route| {
        route.host == host && route.target == Target::Edge(EdgeEndpoint::HandOff(HandOffStep::Take))
    })
}

/// Gives a session, or asks for a sign-in.
pub(super) fn answer(permit: &Permit, header: &RequestHeader, exchange: &mut Exchange, state: &EdgeState) -> Reply {
    let Ok(asked) = Asked::read(header, &exchange.generation) else {
        return refusal(Problem::BadRequest, header, exchange);
    };
    match permit.session() {
        Some(session) if !asked.why.needs_proof() => asked.give(session.session, header, exchange, state),
        Some(_) | None => asked.sign_in_first(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::snapshot::Generations;

    /// What the sign-in page takes as its own way back; its sealed cookie has no place for more.
    const RETURN_TO_BYTES_MAX: usize = 2 * 1024;

    #[test]
    fn the_longest_way_back_fits_into_the_sign_in_pages_own() {
        let host = "a".repeat(253);
        let return_to = ReturnTo::parse(Some(&format!("/{}", "b".repeat(1_599))));
        let asked = Asked { host, return_to, binding: Binding::of(b"x"), why: Why::Passkey };
        assert_eq!(asked.return_to.for_travel().len(), 1_600);
        let reply = asked.sign_in_first();
        let location = reply.headers.iter().find(|(name, _)| *name == "location").expect("a location").1.as_str();
        let escaped = location.strip_prefix("/sign-in?return_to=").and_then(|rest| rest.strip_suffix("&why=passkey"));
        let escaped = escaped.expect("the parameters");
        // Each escape is one byte once the page has read it.
        let length = escaped.len() - 2 * escaped.matches('%').count();
        assert!(length <= RETURN_TO_BYTES_MAX, "{length}");
    }

    #[test]
    fn hosts_that_look_at_no_session_take_none() {
        let text = r#"
            [demo]
            enabled = false
            [[service]]
            name = "a"
            upstream = "127.0.0.1:1"
            [[route]]
            host = "www.example"
            path = "/"
            service = "a"
            access = "public"
            [[route]]
            host = "app.example"
            path = "/"
            service = "a"
            access = "optional"
        "#;
        let config = Config::parse(text).expect("a configuration");
        let generations = Generations::of(&config);
        let snapshot = generations.load();
        assert!(takes_sessions("app.example", &snapshot));
        for host in ["www.example", "localhost", "App.example", "example", ""] {
            assert!(!takes_sessions(host, &snapshot), "{host}");
        }
    }
}
