//! Routes: which host and path go to which upstream, and who may pass. No route matches: nothing passes.

use crate::policy::alias::Alias;
use crate::policy::cors::Cors;
use crate::policy::cost::CostClass;
use crate::policy::demand::Demand;
use crate::policy::path::{AmbiguousPath, NormalPath};
use std::sync::Arc;
use std::time::Duration;

/// What answers a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The edge itself.
    Edge(EdgeEndpoint),
    /// The identity backend.
    Backend,
    /// A service behind the gate.
    Service(Arc<Service>),
}

/// What the edge answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EdgeEndpoint {
    /// `POST /passkey/login/options`.
    LoginOptions,
    /// `POST /passkey/login`.
    Login,
    /// `GET /session`.
    Session,
    /// `GET /.well-known/aldgate/jwks.json`: the keys that services verify identity assertions with.
    KeySet,
    /// `GET /assets/…`.
    Asset,
    /// A step of a hand-off.
    HandOff(HandOffStep),
    /// Whatever else stands below the reserved prefix: nothing.
    Reserved,
}

/// The steps by which a service's host gets a token of a session, in the order in which a browser takes them; and how
/// it is sent to end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandOffStep {
    /// `GET /.aldgate/sign-in` on the service's host.
    Begin,
    /// `GET /hand-off` on the log-in host.
    Give,
    /// `GET /.aldgate/hand-off` on the service's host.
    Take,
    /// `GET /.aldgate/sign-out` on the service's host.
    SignOut,
}

/// A service behind the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name: the audience of the assertions that it gets.
    pub name: String,
    /// Its place in the table of services; the key of a session's cached assertions.
    pub index: u16,
    /// Where it listens: `host:port` as a socket address, or `unix:/path`. `None` for one that stands behind another
    /// proxy, which asks this gate about each request.
    pub upstream: Option<String>,
    /// The other gateways' header names by which it is told who a request is for, beside this gate's own.
    pub aliases: Vec<Alias>,
}

/// Who may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Everybody. No session is looked at, and the service is told nothing.
    Public,
    /// Everybody; a standing session is made known.
    Optional,
    /// Whoever's session meets the demand.
    Demand(Demand),
}

/// How a route's path is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PathPattern {
    /// This path only.
    Exact(String),
    /// This path and everything below it; held without the last slash (the root is empty).
    Below(String),
}

impl PathPattern {
    /// Reads a pattern: with a slash at its end it means everything below, without one it means itself alone.
    /// `None` unless it is a path in normal form.
    pub fn parse(text: &str) -> Option<Self> {
        NormalPath::parse(text).ok()?;
        Some(match text.strip_suffix('/') {
            Some(prefix) => Self::Below(prefix.into()),
            None => Self::Exact(text.into()),
        })
    }

    /// Whether the pattern covers a path.
    pub fn covers(&self, path: NormalPath<'_>) -> bool {
        match self {
            Self::Exact(exact) => exact == path.as_str(),
            Self::Below(prefix) => {
                let rest = path.as_str().strip_prefix(prefix.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }

    /// Whether it covers the path for a server that takes `A` and `a` for the same.
    fn covers_in_any_case(&self, path: NormalPath<'_>) -> bool {
        let path = path.as_str();
        match self {
            Self::Exact(exact) => exact.eq_ignore_ascii_case(path),
            Self::Below(prefix) => {
                let start = path.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
                start && path.get(prefix.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }

    /// More specific patterns first: exact before prefix, longer before shorter.
    fn rank(&self) -> (bool, usize) {
        match self {
            Self::Exact(text) => (true, text.len()),
            Self::Below(text) => (false, text.len()),
        }
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Below(text) => write!(f, "{text}/"),
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The host it answers for, in lower case without port.
    pub host: String,
    /// The paths it covers.
    pub path: PathPattern,
    /// What answers.
    pub target: Target,
    /// Who may pass.
    pub access: Access,
    /// The methods that it takes, in upper case; `None` for all.
    pub methods: Option<Arc<[String]>>,
    /// Whether an access token may stand in the place of a session.
    pub access_tokens: bool,
    /// What the client's certificate must be, where one is demanded.
    pub client_certificate: Option<Arc<CertificateDemand>>,
    /// How dear an answer is; for admission when there is more to do than can be done.
    pub cost: CostClass,
    /// For how long after its last confirmation a session may pass while the shared tier does not answer.
    pub warm_grace: Duration,
    /// Which pages of other origins may read the answers.
    pub cors: Option<Arc<Cors>>,
}

/// For how long a route lets a session pass that cannot be confirmed, if it does not say so itself.
pub const WARM_GRACE: Duration = Duration::from_mins(5);

/// What a client's certificate must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateDemand {
    /// One that the configured authorities vouch for.
    Any,
    /// One of these names (DNS or URI names of the certificate), vouched for so.
    Named(Vec<String>),
}

impl Route {
    /// A route that says no more than where it leads and who may pass.
    pub const fn new(host: String, path: PathPattern, target: Target, access: Access) -> Self {
        Self {
            host,
            path,
            target,
            access,
            methods: None,
            access_tokens: false,
            client_certificate: None,
            cost: CostClass::Check,
            warm_grace: WARM_GRACE,
            cors: None,
        }
    }
}

/// All routes, the most specific first.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    routes: Vec<Arc<Route>>,
}

/// Two routes for the same host and path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two routes for {host}{path}")]
pub struct DoubledRoute {
    /// The host.
    pub host: String,
    /// The pattern.
    pub path: PathPattern,
}

impl RouteTable {
    /// Orders the routes.
    ///
    /// # Errors
    /// [`DoubledRoute`] if two cover exactly the same host and pattern.
    pub fn new(routes: Vec<Route>) -> Result<Self, DoubledRoute> {
        for (at, route) in routes.iter().enumerate() {
            if routes.iter().take(at).any(|other| other.host == route.host && other.path == route.path) {
                return Err(DoubledRoute { host: route.host.clone(), path: route.path.clone() });
            }
        }
        let mut routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.path.rank()));
        Ok(Self { routes })
    }

    /// The most specific route for a host (any case, without port) and path.
    ///
    /// A server may compare paths without regard to case. If one that does would find a more specific route than one
    /// that does not, the two would serve by different rules, and there is no answer.
    ///
    /// # Errors
    /// [`AmbiguousPath`] then.
    pub fn find(&self, host: &str, path: NormalPath<'_>) -> Result<Option<&Arc<Route>>, AmbiguousPath> {
        let of_host = |route: &&Arc<Route>| route.host.eq_ignore_ascii_case(host);
        match self.routes.iter().filter(of_host).find(|route| route.path.covers_in_any_case(path)) {
            Some(route) if route.path.covers(path) => Ok(Some(route)),
            Some(_) => Err(AmbiguousPath),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(host: &str, path: &str) -> Route {
        let path = PathPattern::parse(path).expect("pattern");
        Route::new(host.into(), path, Target::Backend, Access::Public)
    }

    fn found(table: &RouteTable, host: &str, path: &str) -> Option<String> {
        let path = NormalPath::parse(path).expect("path");
        let route = table.find(host, path).expect("no other case");
        route.map(|route| format!("{}{}", route.host, route.path))
    }

    #[test]
    fn the_most_specific_route_wins_and_none_means_none() {
        let table = RouteTable::new(vec![route("a", "/x/"), route("a", "/x/y/"), route("a", "/x/y"), route("b", "/")]);
        let table = table.expect("table");
        assert_eq!(found(&table, "a", "/x/y"), Some("a/x/y".into()));
        assert_eq!(found(&table, "A", "/x/y/z"), Some("a/x/y/".into()));
        assert_eq!(found(&table, "a", "/x"), Some("a/x/".into()));
        assert_eq!(found(&table, "a", "/xy"), None);
        assert_eq!(found(&table, "a", "/"), None);
        assert_eq!(found(&table, "b", "/anything"), Some("b/".into()));
        assert_eq!(found(&table, "c", "/"), None);
    }

    #[test]
    fn a_path_that_only_a_lax_server_would_protect_is_refused() {
        let table = RouteTable::new(vec![route("a", "/admin/"), route("a", "/Exact"), route("a", "/")]).expect("table");
        let find = |path| table.find("a", NormalPath::parse(path).expect("path")).map(|found| found.is_some());
        for path in ["/Admin/x", "/ADMIN", "/exact", "/adMin/"] {
            assert_eq!(find(path), Err(AmbiguousPath), "{path}");
        }
        for path in ["/admin/X", "/Exact", "/Other", "/administrator", "/exactly"] {
            assert_eq!(find(path), Ok(true), "{path}");
        }
    }

    #[test]
    fn doubled_routes_are_refused() {
        assert!(RouteTable::new(vec![route("a", "/x/"), route("a", "/x/")]).is_err());
    }
}
