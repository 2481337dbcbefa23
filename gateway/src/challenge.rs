//! What somebody is told who has to prove something first: a browser is taken to the sign-in page and back, a program is
//! told what is missing (RFC 6750, section 3; RFC 9470, section 3).

use crate::cors;
use crate::exchange::Exchange;
use crate::hand_off::origin_of;
use crate::problem::Problem;
use crate::refusal::refusal;
use crate::reply::Reply;
use crate::request::is_navigation;
use crate::state::EdgeState;
use aldgate_core::assurance::{Components, IdentityLevel, Vector};
use aldgate_core::policy::demand::{Demand, Lack};
use aldgate_core::policy::platform::BEGIN_HAND_OFF;
use aldgate_core::policy::route::{Access, Route};
use aldgate_core::session::cookie;
use aldgate_core::verdict::{Challenge, TokenRefused};
use pingora::http::RequestHeader;

/// Longest path and query that a browser is sent back to.
const RETURN_TO_BYTES_MAX: usize = 2 * 1024;

/// Answers a challenged request.
pub fn reply(
    route: &Route,
    challenge: &Challenge,
    header: &RequestHeader,
    exchange: &mut Exchange,
    state: &EdgeState,
) -> Reply {
    let problem = problem(challenge);
    exchange.problem = Some(problem);
    let reply = match location(route, challenge, header, state) {
        Some(location) if is_navigation(header) => {
            cors::readable(Reply::empty(303).with("location", location), exchange)
        }
        None if is_navigation(header) => refusal(problem, header, exchange),
        Some(_) | None => {
            let document = problem.document(&exchange.reference, None, None);
            let reply = Reply::typed(problem.status(), "application/problem+json", document);
            cors::readable(reply, exchange)
                .with("www-authenticate", authenticate(route, challenge))
                .with("link", format!("<{}>; rel=\"login\"", sign_in_address(route, state)))
        }
    };
    match challenge {
        Challenge::SignInAgain(_) => reply.with("set-cookie", cookie::clear(cookie::SESSION)),
        Challenge::SignIn | Challenge::Token(_) | Challenge::StepUp(_) => reply,
    }
}

/// The problem that a challenge is, for people and metrics.
pub const fn problem(challenge: &Challenge) -> Problem {
    match challenge {
        Challenge::SignIn | Challenge::SignInAgain(_) => Problem::NotSignedIn,
        Challenge::Token(_) => Problem::TokenInvalid,
        Challenge::StepUp(Lack::Identity(_)) => Problem::IdentityTooLow,
        Challenge::StepUp(Lack::Oneself) => Problem::DelegationForbidden,
        Challenge::StepUp(Lack::Mandate) => Problem::DelegationRequired,
        Challenge::StepUp(Lack::Scope(_)) => Problem::ScopeMissing,
        Challenge::StepUp(Lack::Components(_) | Lack::Freshness(_)) => Problem::StepUp,
    }
}

/// The value of `WWW-Authenticate`. A step-up is asked for whole, with all that the route demands of a sign-in: a client
/// that were told of one part at a time could get the second by giving up the first, for ever.
pub fn authenticate(route: &Route, challenge: &Challenge) -> String {
    let error = |error: &str, what: &str, rest: &str| {
        format!(r#"Bearer realm="aldgate", error="{error}", error_description="{what}"{rest}"#)
    };
    let step_up = |what: &str, rest: &str| error("insufficient_user_authentication", what, rest);
    match challenge {
        Challenge::SignIn => r#"Bearer realm="aldgate""#.to_owned(),
        Challenge::SignInAgain(_) => error("invalid_token", "The session has ended", ""),
        Challenge::Token(refused @ (TokenRefused::Unproven | TokenRefused::ProofReplayed)) => {
            format!(r#"DPoP realm="aldgate", error="invalid_token", error_description="{refused}""#)
        }
        Challenge::Token(refused) => error("invalid_token", &refused.to_string(), ""),
        Challenge::StepUp(Lack::Oneself) => error("access_denied", "One can only act for oneself here", ""),
        Challenge::StepUp(Lack::Mandate) => error("access_denied", "One can only act for somebody else here", ""),
        Challenge::StepUp(Lack::Scope(scope)) => {
            error("insufficient_scope", "The access token was not given for this", &format!(r#", scope="{scope}""#))
        }
        Challenge::StepUp(lack @ Lack::Freshness(_)) => {
            step_up("A more recent sign-in is needed", &sign_in(route, lack))
        }
        Challenge::StepUp(lack @ Lack::Components(_)) => step_up("A stronger sign-in is needed", &sign_in(route, lack)),
        Challenge::StepUp(Lack::Identity(level)) => {
            step_up("A verified identity is needed", &format!(r#", acr_values="{}""#, level.as_str()))
        }
    }
}

/// The parameters that say which sign-in is needed: with what, if that matters, and how recent.
fn sign_in(route: &Route, lack: &Lack) -> String {
    let demand = demand(route);
    let acr = match lack {
        Lack::Components(parts) => parts.to_string(),
        _ => demand.map(acr_values).unwrap_or_default(),
    };
    let max_age = demand.and_then(|demand| demand.max_age);
    let acr = if acr.is_empty() { acr } else { format!(r#", acr_values="{acr}""#) };
    acr + &max_age.map(|max| format!(r#", max_age="{}""#, max.as_secs())).unwrap_or_default()
}

/// The components of each sign-in that would do, in the order of the configuration.
fn acr_values(demand: &Demand) -> String {
    let mut ways: Vec<Components> = Vec::new();
    for vector in demand.vectors.as_deref().unwrap_or(&[ANY]) {
        let way = vector.components.with(demand.components);
        if way != Components::NONE && !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways.iter().map(Components::to_string).collect::<Vec<_>>().join(" ")
}

const ANY: Vector = Vector { identity: IdentityLevel::P0, components: Components::NONE };

fn demand(route: &Route) -> Option<&Demand> {
    match &route.access {
        Access::Demand(demand) => Some(demand),
        Access::Public | Access::Optional => None,
    }
}

/// Whether a sign-in without a passkey would be met with the next challenge.
fn only_a_passkey_does(route: &Route) -> bool {
    demand(route).is_some_and(|demand| {
        let vectors = demand.vectors.as_deref().unwrap_or(&[ANY]);
        vectors.iter().all(|vector| vector.components.with(demand.components).meets(Components::PASSKEY))
    })
}

/// Whether one sign-in here shows all of these components.
fn can_be_shown(parts: Components) -> bool {
    [Components::PASSKEY, Components::PASSWORD, Components::DEVICE].iter().any(|one| one.meets(parts))
}

/// Where a person signs in for a route's host: on the log-in host at once, on any other by a hand-off.
fn sign_in_address(route: &Route, state: &EdgeState) -> String {
    if route.host == state.login_host {
        format!("{}/sign-in", state.issuer)
    } else {
        format!("{}{BEGIN_HAND_OFF}", origin_of(&route.host, &state.issuer))
    }
}

/// Where a browser goes to prove what is missing: a path of the host that it asked, since what begins with a slash works
/// behind any proxy. `None` where no sign-in would help.
pub fn location(route: &Route, challenge: &Challenge, header: &RequestHeader, state: &EdgeState) -> Option<String> {
    let why = match challenge {
        Challenge::SignIn => "",
        Challenge::SignInAgain(_) => "&why=ended",
        Challenge::StepUp(Lack::Components(parts)) if !can_be_shown(*parts) => return None,
        Challenge::StepUp(Lack::Components(parts)) if parts.meets(Components::PASSKEY) => "&why=passkey",
        Challenge::StepUp(Lack::Freshness(_)) if only_a_passkey_does(route) => "&why=passkey",
        Challenge::StepUp(Lack::Components(_) | Lack::Freshness(_)) => "&why=step-up",
        Challenge::Token(_) => return None,
        Challenge::StepUp(Lack::Identity(_) | Lack::Oneself | Lack::Mandate | Lack::Scope(_)) => return None,
    };
    let page = if route.host == state.login_host { "/sign-in" } else { BEGIN_HAND_OFF };
    let target = header.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let target = if target.len() <= RETURN_TO_BYTES_MAX { target } else { header.uri.path() };
    Some(format!("{page}?return_to={}{why}", percent_encoded(target)))
}

/// Everything but unreserved characters and slashes is escaped (RFC 3986, section 2.3).
pub fn percent_encoded(text: &str) -> String {
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
    use aldgate_core::policy::route::{PathPattern, Target};
    use std::time::Duration;

    #[test]
    fn the_way_back_is_escaped_whole() {
        let escaped = percent_encoded("/demo/?a=1&b=%2F&return_to=/x");
        assert_eq!(escaped, "/demo/%3Fa%3D1%26b%3D%252F%26return_to%3D/x");
    }

    fn route(demand: Demand) -> Route {
        let path = PathPattern::parse("/app/").expect("a pattern");
        Route::new("a".into(), path, Target::Backend, Access::Demand(demand))
    }

    const FIVE_MINUTES: Option<Duration> = Some(Duration::from_mins(5));

    fn passkey_lately() -> Demand {
        Demand { components: Components::PASSKEY, max_age: FIVE_MINUTES, ..Demand::SIGNED_IN }
    }

    #[test]
    fn programs_are_told_all_that_a_sign_in_must_be_whatever_is_missing() {
        let told = |demand: Demand, lack| authenticate(&route(demand), &Challenge::StepUp(lack));
        for lack in [Lack::Components(Components::PASSKEY), Lack::Freshness(Duration::from_mins(5))] {
            let told = told(passkey_lately(), lack);
            assert!(told.contains(r#"error="insufficient_user_authentication""#), "{told}");
            assert!(told.ends_with(r#", acr_values="Cm", max_age="300""#), "{told}");
        }
        let lately = Demand { max_age: FIVE_MINUTES, ..Demand::SIGNED_IN };
        let told_lately = told(lately.clone(), Lack::Freshness(Duration::from_mins(5)));
        assert!(told_lately.contains("max_age") && !told_lately.contains("acr_values"), "{told_lately}");
        let vectors = ["P9.Cp.Cd", "P9.Cm", "P5.Cm"].map(|text| text.parse().expect("a vector"));
        let either = Demand { vectors: Some(vectors.into()), ..lately };
        let told_either = told(either, Lack::Freshness(Duration::from_mins(5)));
        assert!(told_either.ends_with(r#", acr_values="Cp.Cd Cm", max_age="300""#), "{told_either}");
        assert!(authenticate(&route(Demand::SIGNED_IN), &Challenge::SignIn).starts_with("Bearer realm="));
    }

    #[test]
    fn a_sign_in_that_would_be_met_with_the_next_challenge_is_not_asked_for() {
        assert!(only_a_passkey_does(&route(passkey_lately())));
        let vectors = |texts: &[&str]| {
            let vectors = texts.iter().map(|text| text.parse().expect("a vector")).collect();
            route(Demand { vectors: Some(vectors), ..Demand::SIGNED_IN })
        };
        assert!(only_a_passkey_does(&vectors(&["P9.Cm", "P5.Cm"])));
        assert!(!only_a_passkey_does(&vectors(&["P9.Cm", "P5.Cp"])));
        assert!(!only_a_passkey_does(&route(Demand::SIGNED_IN)));
        for (parts, can) in [("P0.Cm", true), ("P0.Cp", true), ("P0.Cp.Cd", false), ("P0.Ck", false)] {
            let vector: Vector = parts.parse().expect("a vector");
            assert_eq!(can_be_shown(vector.components), can, "{parts}");
        }
    }
}
