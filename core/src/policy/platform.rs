//! The platform's own routes: what the edge and the backend answer on the log-in host, and the few things that the edge
//! answers on every service's host.
//!
//! They stand in the same table as the services' routes and are judged by the same door. A configured route may not
//! cover any of them. On every host the prefix [`RESERVED`] is the platform's alone; on a service's host it needs
//! nothing else but the path of the key set.

use crate::policy::cost::CostClass;
use crate::policy::demand::Demand;
use crate::policy::path::NormalPath;
use crate::policy::route::{Access, EdgeEndpoint, HandOffStep, PathPattern, Route, Target};
use std::collections::BTreeMap;
use std::time::Duration;

/// The audience of the identity assertions that the backend gets: it stands behind the gate as a service does.
pub const BACKEND_AUDIENCE: &str = "aldgate-backend";

/// The content security policy of every page: nothing but this host's own stylesheet, module, icon and forms.
pub const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How recently a person must have proved who they are before they may change how they sign in.
pub const FRESH: Duration = Duration::from_mins(15);

const SIGNED_IN: Access = Access::Demand(Demand::SIGNED_IN);
const SIGNED_IN_LATELY: Access = Access::Demand(Demand { max_age: Some(FRESH), ..Demand::SIGNED_IN });

/// What no service may have on any host.
pub const RESERVED: &str = "/.aldgate/";

/// Where a browser on a service's host goes to get a session there.
pub const BEGIN_HAND_OFF: &str = "/.aldgate/sign-in";

/// Where the log-in host gives a session to a service's host.
pub const GIVE_HAND_OFF: &str = "/hand-off";

/// Where a service's host takes it.
pub const TAKE_HAND_OFF: &str = "/.aldgate/hand-off";

const KEY_SET: &str = "/.well-known/aldgate/jwks.json";
const ASSETS: &str = "/.aldgate/assets/";

const EDGE: [(&str, EdgeEndpoint, Access); 8] = [
    ("/passkey/login/options", EdgeEndpoint::LoginOptions, Access::Public),
    ("/passkey/login", EdgeEndpoint::Login, Access::Optional),
    ("/session", EdgeEndpoint::Session, SIGNED_IN),
    (KEY_SET, EdgeEndpoint::KeySet, Access::Public),
    ("/assets/", EdgeEndpoint::Asset, Access::Public),
    (GIVE_HAND_OFF, EdgeEndpoint::HandOff(HandOffStep::Give), Access::Optional),
    (ASSETS, EdgeEndpoint::Asset, Access::Public),
    (RESERVED, EdgeEndpoint::Reserved, Access::Public),
];

/// On every host that a service has. A session that stands already makes a failed hand-off harmless, so `Take` looks.
const ON_SERVICE_HOSTS: [(&str, EdgeEndpoint, Access); 6] = [
    (BEGIN_HAND_OFF, EdgeEndpoint::HandOff(HandOffStep::Begin), Access::Public),
    (TAKE_HAND_OFF, EdgeEndpoint::HandOff(HandOffStep::Take), Access::Optional),
    ("/.aldgate/sign-out", EdgeEndpoint::HandOff(HandOffStep::SignOut), Access::Public),
    (ASSETS, EdgeEndpoint::Asset, Access::Public),
    (RESERVED, EdgeEndpoint::Reserved, Access::Public),
    (KEY_SET, EdgeEndpoint::KeySet, Access::Public),
];

const BACKEND: [(&str, Access); 47] = [
    ("/", Access::Optional),
    ("/register", Access::Optional),
    ("/register/", Access::Optional),
    ("/register/password", Access::Optional),
    ("/passkey/register", Access::Optional),
    ("/passkey/register/options", Access::Optional),
    ("/sign-in", Access::Optional),
    ("/sign-in/", Access::Optional),
    ("/sign-in/password", Access::Optional),
    ("/sign-out", Access::Optional),
    ("/sign-out/", Access::Optional),
    ("/signed-out", Access::Public),
    ("/language/", Access::Public),
    ("/.well-known/webauthn", Access::Public),
    ("/.well-known/passkey-endpoints", Access::Public),
    ("/account/", SIGNED_IN),
    // The list of passkeys needs no fresh proof; whatever changes how one signs in does.
    ("/account/passkeys", SIGNED_IN),
    ("/account/passkeys/", SIGNED_IN_LATELY),
    ("/account/password", SIGNED_IN_LATELY),
    // The OpenID provider. A browser comes to the first four; to the others come programs, with credentials of their own.
    ("/authorize", Access::Optional),
    ("/authorize/", Access::Optional),
    ("/logout", Access::Optional),
    ("/logout/", Access::Optional),
    ("/token", Access::Public),
    ("/par", Access::Public),
    ("/introspect", Access::Public),
    ("/revoke", Access::Public),
    ("/userinfo", Access::Public),
    ("/oauth/register", Access::Public),
    ("/oauth/register/", Access::Public),
    ("/trustmark", Access::Public),
    ("/trustmark/", Access::Public),
    ("/.well-known/did.json", Access::Public),
    ("/.well-known/openid-configuration", Access::Public),
    ("/.well-known/jwks.json", Access::Public),
    ("/account/email", SIGNED_IN_LATELY),
    ("/account/prove", SIGNED_IN_LATELY),
    ("/account/prove/", SIGNED_IN_LATELY),
    ("/account/second-step", SIGNED_IN),
    ("/account/second-step/", SIGNED_IN_LATELY),
    ("/account/recovery-codes", SIGNED_IN_LATELY),
    ("/account/data.json", SIGNED_IN_LATELY),
    ("/account/close", SIGNED_IN_LATELY),
    // Whoever follows a link of ours need not be signed in.
    ("/reset", Access::Optional),
    ("/reset/new", Access::Optional),
    ("/not-me", Access::Optional),
    ("/cancel-change", Access::Optional),
];

/// Whether the path is one of those on which people sign in or register.
pub fn is_way_in(path: &str) -> bool {
    let below = |start| path.strip_prefix(start).is_some_and(|rest: &str| rest.is_empty() || rest.starts_with('/'));
    below("/sign-in") || below("/register")
}

/// The root page only: `PathPattern::parse("/")` would mean everything.
fn pattern(path: &str) -> Option<PathPattern> {
    if path == "/" { Some(PathPattern::Exact("/".into())) } else { PathPattern::parse(path) }
}

/// How dear an answer of the backend's is. Where a posted password is hashed, that; elsewhere its pages and forms.
fn backend_cost(path: &str) -> CostClass {
    match path {
        "/sign-in/password" | "/register/password" | "/account/password" | "/reset/new" => CostClass::Password,
        _ => CostClass::Refresh,
    }
}

/// The platform's routes for the log-in host.
pub fn routes(host: &str) -> Vec<Route> {
    let row = |path: &str, target, access: &Access, cost| {
        let route = |path| Route { cost, ..Route::new(host.to_ascii_lowercase(), path, target, access.clone()) };
        pattern(path).map(route)
    };
    let edge = EDGE.iter().filter_map(|(path, endpoint, access)| {
        let cost = if *endpoint == EdgeEndpoint::Login { CostClass::Passkey } else { CostClass::Check };
        row(path, Target::Edge(*endpoint), access, cost)
    });
    let backend = BACKEND.iter().filter_map(|(path, access)| row(path, Target::Backend, access, backend_cost(path)));
    edge.chain(backend).collect()
}

/// The platform's routes on each other host that a configured route names. Where no route looks at a session, none is
/// handed over.
pub fn routes_on_service_hosts(login_host: &str, configured: &[Route]) -> Vec<Route> {
    let mut hosts: BTreeMap<&str, bool> = BTreeMap::new();
    for route in configured.iter().filter(|route| !route.host.eq_ignore_ascii_case(login_host)) {
        *hosts.entry(&route.host).or_default() |= route.access != Access::Public;
    }
    hosts.into_iter().flat_map(|(host, sessions)| routes_on_service_host(host, sessions)).collect()
}

fn routes_on_service_host(host: &str, sessions: bool) -> impl Iterator<Item = Route> {
    let rows = ON_SERVICE_HOSTS.iter().filter(move |row| sessions || !matches!(row.1, EdgeEndpoint::HandOff(_)));
    rows.filter_map(move |(path, endpoint, access)| {
        pattern(path).map(|path| Route::new(host.to_owned(), path, Target::Edge(*endpoint), access.clone()))
    })
}

/// Whether a configured pattern on the log-in host would take a path of the platform's.
pub fn is_taken(pattern_of_service: &PathPattern) -> bool {
    let ours = EDGE.iter().map(|row| row.0).chain(BACKEND.iter().map(|row| row.0));
    takes_one_of(pattern_of_service, ours)
}

/// Whether a configured pattern on another host would take a path of the platform's.
pub fn is_taken_on_service_host(pattern_of_service: &PathPattern) -> bool {
    takes_one_of(pattern_of_service, ON_SERVICE_HOSTS.iter().map(|row| row.0))
}

fn takes_one_of(pattern_of_service: &PathPattern, ours: impl Iterator<Item = &'static str>) -> bool {
    ours.filter_map(pattern).any(|ours| match (&ours, pattern_of_service) {
        (PathPattern::Exact(a), PathPattern::Exact(b)) => a == b,
        (PathPattern::Below(_), PathPattern::Exact(b)) => NormalPath::parse(b).is_ok_and(|b| ours.covers(b)),
        (PathPattern::Below(a) | PathPattern::Exact(a), PathPattern::Below(b)) => {
            // A service may take the root: the platform's routes are more specific, but the start page is one of them.
            a == b
                || (a.starts_with(&format!("{b}/")) && !b.is_empty())
                || (is_below(&ours) && b.starts_with(&format!("{a}/")))
        }
    })
}

const fn is_below(pattern: &PathPattern) -> bool {
    matches!(pattern, PathPattern::Below(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::route::RouteTable;

    #[test]
    fn every_row_is_a_route() {
        assert_eq!(routes("login.example").len(), EDGE.len() + BACKEND.len());
        assert!(RouteTable::new(routes("login.example")).is_ok());
    }

    #[test]
    fn changes_of_credentials_demand_a_fresh_proof() {
        let table = RouteTable::new(routes("h")).expect("table");
        let access =
            |path| table.find("h", NormalPath::parse(path).expect("path")).expect("one").map(|r| r.access.clone());
        assert_eq!(access("/account/passkeys/add"), Some(SIGNED_IN_LATELY));
        assert_eq!(access("/account/passkeys"), Some(SIGNED_IN));
        assert_eq!(access("/account"), Some(SIGNED_IN));
        assert_eq!(access("/account/sessions"), Some(SIGNED_IN));
        assert_eq!(access("/nothing"), None);
    }

    #[test]
    fn only_a_posted_password_costs_a_hash() {
        let table = RouteTable::new(routes("h")).expect("table");
        let cost = |method, path| {
            let route = table.find("h", NormalPath::parse(path).expect("path")).expect("one").expect("a route");
            route.cost_of(method)
        };
        for path in ["/sign-in/password", "/register/password", "/account/password"] {
            assert_eq!(cost("POST", path), CostClass::Password, "{path}");
            assert_eq!(cost("PUT", path), CostClass::Password, "{path}");
            assert_eq!(cost("GET", path), CostClass::Refresh, "{path}");
            assert_eq!(cost("HEAD", path), CostClass::Refresh, "{path}");
        }
        for path in ["/", "/sign-in", "/sign-in/problem", "/register/code", "/account/sessions", "/passkey/register"] {
            assert_eq!(cost("POST", path), CostClass::Refresh, "{path}");
        }
        assert_eq!(cost("POST", "/passkey/login"), CostClass::Passkey);
        assert_eq!(cost("GET", "/session"), CostClass::Check);
    }

    #[test]
    fn services_cannot_take_the_platforms_paths() {
        let taken = |path: &str| is_taken(&PathPattern::parse(path).expect("pattern"));
        for path in [
            "/session",
            "/account/",
            "/account/x/",
            "/passkey/",
            "/sign-in/x",
            "/assets/a.css",
            "/token",
            "/.well-known/",
        ] {
            assert!(taken(path), "{path}");
        }
        for path in ["/demo/", "/accounts/", "/x", "/"] {
            assert!(!taken(path), "{path}");
        }
    }

    #[test]
    fn the_reserved_prefix_is_no_services_on_any_host() {
        let pattern = |path: &str| PathPattern::parse(path).expect("pattern");
        for path in ["/.aldgate/", "/.aldgate", "/.aldgate/x", "/.aldgate/sign-in", "/.aldgate/x/"] {
            assert!(is_taken(&pattern(path)) && is_taken_on_service_host(&pattern(path)), "{path}");
        }
        assert!(is_taken_on_service_host(&pattern("/.well-known/aldgate/jwks.json")));
        for path in ["/", "/account/", "/session", "/sign-in", "/assets/", "/.aldgat/", "/.aldgate2"] {
            assert!(!is_taken_on_service_host(&pattern(path)), "{path}");
        }
    }

    #[test]
    fn every_other_host_has_the_steps_of_the_hand_off_once() {
        let service = |host: &str, path: &str| {
            Route::new(host.into(), PathPattern::parse(path).expect("pattern"), Target::Backend, SIGNED_IN)
        };
        let configured = [service("a.example", "/"), service("a.example", "/x/"), service("login.example", "/y/")];
        let ours = routes_on_service_hosts("login.example", &configured);
        assert_eq!(ours.len(), ON_SERVICE_HOSTS.len());
        assert!(ours.iter().all(|route| route.host == "a.example"));
        let all = [routes("login.example"), ours, configured.to_vec()].concat();
        let table = RouteTable::new(all).expect("no route twice");
        let target = |host, path| {
            table.find(host, NormalPath::parse(path).expect("path")).expect("one").map(|r| r.target.clone())
        };
        let step = |step| Some(Target::Edge(EdgeEndpoint::HandOff(step)));
        assert_eq!(target("a.example", BEGIN_HAND_OFF), step(HandOffStep::Begin));
        assert_eq!(target("a.example", TAKE_HAND_OFF), step(HandOffStep::Take));
        assert_eq!(target("a.example", "/.aldgate/x"), Some(Target::Edge(EdgeEndpoint::Reserved)));
        assert_eq!(target("a.example", "/.aldgate"), Some(Target::Edge(EdgeEndpoint::Reserved)));
        assert_eq!(target("login.example", GIVE_HAND_OFF), step(HandOffStep::Give));
        assert_eq!(target("login.example", TAKE_HAND_OFF), Some(Target::Edge(EdgeEndpoint::Reserved)));
        assert_eq!(target("b.example", BEGIN_HAND_OFF), None);
    }
}
