//! What somebody is told who has to prove something first: a browser is taken to the sign-in page and back, a program
//! is told what is missing (RFC 6750, section 3; RFC 9470, section 3).

use crate::cors;
use crate::exchange::Exchange;
use crate::hand_off::origin_of;
use crate::problem::Problem;
use crate::refusal::refusal;
use crate::reply::Reply;
use crate::request::is_navigation;
use crate::state::EdgeState;
use crate::step_up;
use crate::token;
use aldgate_core::assurance::Components;
use aldgate_core::policy::demand::Lack;
use aldgate_core::policy::platform::BEGIN_HAND_OFF;
use aldgate_core::policy::route::Route;
use aldgate_core::session::cookie;
use aldgate_core::token::dpop;
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
    // Who shows a token is a program, whatever it accepts.
    let person = is_navigation(header) && !(route.access_tokens && token::is_shown(&header.headers));
    let reply = if person {
        match location(route, challenge, header, state) {
            Some(location) => cors::readable(Reply::empty(303).with("location", location), exchange),
            None => refusal(problem, header, exchange),
        }
    } else {
        let document = problem.document(&exchange.reference, None, None);
        let reply = Reply::typed(problem.status(), "application/problem+json", document);
        cors::readable(reply, exchange)
            .with("www-authenticate", authenticate(route, challenge))
            .with("link", format!("<{}>; rel=\"login\"", sign_in_address(route, state)))
    };
    match challenge {
        Challenge::SignInAgain(_) => reply.with("set-cookie", cookie::clear(cookie::SESSION)),
        Challenge::Token(TokenRefused::ProofNonce) => {
            reply.with("dpop-nonce", exchange.generation.tokens.nonce(exchange.now))
        }
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

/// The value of `WWW-Authenticate` (RFC 6750, section 3; RFC 9449, section 7.1).
pub fn authenticate(route: &Route, challenge: &Challenge) -> String {
    let error = |error: &str, what: &str, rest: &str| {
        format!(r#"Bearer realm="aldgate", error="{error}", error_description="{what}"{rest}"#)
    };
    let insufficient =
        |what: &str, lack| error("insufficient_user_authentication", what, &step_up::parameters(route, lack));
    match challenge {
        Challenge::SignIn if route.access_tokens => {
            format!(r#"Bearer realm="aldgate", DPoP realm="aldgate", algs="{}""#, dpop::ALGORITHMS)
        }
        Challenge::SignIn => r#"Bearer realm="aldgate""#.to_owned(),
        Challenge::SignInAgain(_) => error("invalid_token", "The session has ended", ""),
        Challenge::Token(refused) => match proof_error(*refused) {
            None => error("invalid_token", &refused.to_string(), ""),
            Some(code) => format!(
                r#"DPoP realm="aldgate", error="{code}", error_description="{refused}", algs="{}""#,
                dpop::ALGORITHMS
            ),
        },
        Challenge::StepUp(Lack::Oneself) => error("access_denied", "One can only act for oneself here", ""),
        Challenge::StepUp(Lack::Mandate) => error("access_denied", "One can only act for somebody else here", ""),
        Challenge::StepUp(Lack::Scope(scope)) => {
            error("insufficient_scope", "The access token was not given for this", &format!(r#", scope="{scope}""#))
        }
        Challenge::StepUp(lack @ Lack::Freshness(_)) => insufficient("A more recent sign-in is needed", lack),
        Challenge::StepUp(lack @ Lack::Components(_)) => insufficient("A stronger sign-in is needed", lack),
        Challenge::StepUp(lack @ Lack::Identity(_)) => insufficient("A verified identity is needed", lack),
    }
}

/// The error code where the next attempt has to be made with a DPoP proof, or with another one (RFC 9449, section 7.1).
const fn proof_error(refused: TokenRefused) -> Option<&'static str> {
    match refused {
        TokenRefused::Unproven => Some("invalid_token"),
        TokenRefused::Proof | TokenRefused::ProofReplayed => Some("invalid_dpop_proof"),
        TokenRefused::ProofNonce => Some("use_dpop_nonce"),
        TokenRefused::Malformed
        | TokenRefused::Issuer
        | TokenRefused::Signature
        | TokenRefused::Audience
        | TokenRefused::OutOfDate
        | TokenRefused::Revoked
        | TokenRefused::Uncertified => None,
    }
}

/// Where a person signs in for a route's host: on the log-in host at once, on any other by a hand-off.
fn sign_in_address(route: &Route, state: &EdgeState) -> String {
    if route.host == state.login_host {
        format!("{}/sign-in", state.issuer)
    } else {
        format!("{}{BEGIN_HAND_OFF}", origin_of(&route.host, &state.issuer))
    }
}

/// Where a browser goes to prove what is missing: a path of the host that it asked, since what begins with a slash
/// works behind any proxy. `None` where no sign-in would help.
pub fn location(route: &Route, challenge: &Challenge, header: &RequestHeader, state: &EdgeState) -> Option<String> {
    let why = match challenge {
        Challenge::SignIn => "",
        Challenge::SignInAgain(_) => "&why=ended",
        Challenge::StepUp(Lack::Components(parts)) if !step_up::can_be_shown(*parts) => return None,
        Challenge::StepUp(Lack::Components(parts)) if parts.meets(Components::PASSKEY) => "&why=passkey",
        Challenge::StepUp(Lack::Components(parts)) if parts.meets(Components::DEVICE) => "&why=second-step",
        Challenge::StepUp(Lack::Freshness(_)) if step_up::only_a_passkey_does(route) => "&why=passkey",
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
    use aldgate_core::policy::demand::Demand;
    use aldgate_core::policy::route::{Access, PathPattern, Target};
    use std::time::Duration;

    #[test]
    fn the_way_back_is_escaped_whole() {
        let escaped = percent_encoded("/demo/?a=1&b=%2F&return_to=/x");
        assert_eq!(escaped, "/demo/%3Fa%3D1%26b%3D%252F%26return_to%3D/x");
    }

    fn route(access_tokens: bool) -> Route {
        let path = PathPattern::parse("/a/").expect("a pattern");
        let route = Route::new("a".into(), path, Target::Backend, Access::Demand(Demand::SIGNED_IN));
        Route { access_tokens, ..route }
    }

    #[test]
    fn programs_are_told_what_is_missing() {
        let step_up = |access_tokens| {
            let max_age = Some(Duration::from_mins(15));
            let route =
                Route { access: Access::Demand(Demand { max_age, ..Demand::SIGNED_IN }), ..route(access_tokens) };
            authenticate(&route, &Challenge::StepUp(Lack::Freshness(Duration::from_mins(15))))
        };
        assert!(step_up(false).contains(r#"max_age="900""#));
        assert!(authenticate(&route(false), &Challenge::SignIn).starts_with("Bearer realm="));
        let both = authenticate(&route(true), &Challenge::SignIn);
        assert_eq!(both, r#"Bearer realm="aldgate", DPoP realm="aldgate", algs="ES256 ES384 EdDSA PS256""#);
    }

    #[test]
    fn who_shows_a_token_is_told_what_is_wrong_in_the_words_of_the_standards() {
        for (refused, scheme, code) in [
            (TokenRefused::Malformed, "Bearer", "invalid_token"),
            (TokenRefused::Issuer, "Bearer", "invalid_token"),
            (TokenRefused::Signature, "Bearer", "invalid_token"),
            (TokenRefused::Audience, "Bearer", "invalid_token"),
            (TokenRefused::OutOfDate, "Bearer", "invalid_token"),
            (TokenRefused::Revoked, "Bearer", "invalid_token"),
            (TokenRefused::Uncertified, "Bearer", "invalid_token"),
            (TokenRefused::Unproven, "DPoP", "invalid_token"),
            (TokenRefused::Proof, "DPoP", "invalid_dpop_proof"),
            (TokenRefused::ProofReplayed, "DPoP", "invalid_dpop_proof"),
            (TokenRefused::ProofNonce, "DPoP", "use_dpop_nonce"),
        ] {
            let told = authenticate(&route(true), &Challenge::Token(refused));
            assert!(told.starts_with(&format!("{scheme} realm=\"aldgate\", error=\"{code}\"")), "{told}");
            assert_eq!(told.contains("algs="), scheme == "DPoP", "{told}");
        }
    }
}
