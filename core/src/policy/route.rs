//! Routes: which host and path go to which upstream, and who may pass. No route matches: nothing passes.

use crate::policy::alias::Alias;
use crate::policy::cors::Cors;
use crate::policy::cost::CostClass;
use crate::policy::demand::Demand;
use crate::policy::path::{AmbiguousPath, NormalPath};
use std::borrow::Cow;
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
    /// Its number: the key of a session's cached assertions. Within a process, one number never means two names. Given
    /// by the process that serves it; zero in a configuration.
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

    /// The pattern as the laxest server would read it: see [`as_read_laxly`].
    fn read_laxly(&self) -> Self {
        match self {
            Self::Exact(text) => Self::Exact(as_read_laxly(text)),
            Self::Below(prefix) => Self::Below(as_read_laxly(prefix)),
        }
    }

    /// Whether this is the pattern for all below this very path.
    fn begins_at(&self, bare: &str) -> bool {
        matches!(self, Self::Below(prefix) if prefix == bare)
    }
}

/// A path as the laxest server would read it: escapes undone (`%40` is `@`; both may stand in a path), full-width forms
/// for what they look like, and letters without regard to case, in every script. The escapes of a path in normal form
/// are those of whole characters, and none of them is a separator in any form.
fn as_read_laxly(path: &str) -> String {
    let mut read = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        let escaped = if byte == b'%' { digit(0).zip(digit(1)) } else { None };
        let escaped = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        read.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    let narrow = String::from_utf8_lossy(&read).chars().map(narrow).collect::<String>();
    // Some letters are equal by their capitals only (U+017F, U+0131).
    narrow.to_uppercase().to_lowercase()
}

/// The ASCII character of a full-width form (U+FF01 to U+FF5E).
fn narrow(c: char) -> char {
    match u32::from(c) {
        wide @ 0xff01..=0xff5e => char::from_u32(wide - 0xfee0).unwrap_or(c),
        _ => c,
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

    /// Whether the method matters to the judgement: then a service must not act on another, whatever a header asks.
    pub const fn judges_method(&self) -> bool {
        self.methods.is_some() || self.cors.is_some()
    }

    /// How dear the answer to a method is. The backend hashes passwords that were posted; its pages are pages. Of a
    /// service only its configuration knows, and says it for every method.
    pub fn cost_of(&self, method: &str) -> CostClass {
        let reads = matches!(method, "GET" | "HEAD");
        if reads && self.target == Target::Backend { self.cost.min(CostClass::Refresh) } else { self.cost }
    }

    /// Whether the route takes a method; HEAD goes with GET.
    pub fn takes(&self, method: &str) -> bool {
        let method = if method == "HEAD" { "GET" } else { method };
        self.methods.as_ref().is_none_or(|taken| taken.iter().any(|one| one == method))
    }
}

/// All routes, arranged so that a request meets those alone that may cover it.
///
/// A pattern covers a path only if it is the whole path, or what stands before one of its slashes. So the rows lie in
/// buckets by a hash of host and pattern, and one walk along the path looks into one bucket at each slash, however many
/// routes there are. Whoever finds paths that share a bucket makes a comparison necessary, and no more.
#[derive(Debug, Clone, Default)]
pub struct RouteTable {
    /// A power of two of them. In each the rows of one host and pattern stand as they were given.
    buckets: Box<[Vec<Row>]>,
    shares: bool,
}

/// A route, and its pattern as the laxest server would read it.
#[derive(Debug, Clone)]
struct Row {
    route: Arc<Route>,
    lax: PathPattern,
}

impl Row {
    fn is_of(&self, host: &str, lax: LaxText<'_>) -> bool {
        let same = match (&self.lax, lax) {
            (PathPattern::Exact(ours), LaxText::Exact(text)) => ours.as_bytes().eq_ignore_ascii_case(text),
            (PathPattern::Below(ours), LaxText::Below(text)) => ours.as_bytes().eq_ignore_ascii_case(text),
            (PathPattern::Exact(_), LaxText::Below(_)) | (PathPattern::Below(_), LaxText::Exact(_)) => false,
        };
        same && self.route.host.eq_ignore_ascii_case(host)
    }
}

/// The text of a pattern that would cover a path.
#[derive(Debug, Clone, Copy)]
enum LaxText<'a> {
    Exact(&'a [u8]),
    Below(&'a [u8]),
}

/// A hash of what has been read so far, the same for either case of an ASCII letter.
#[derive(Debug, Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn of_host(host: &str) -> Self {
        Self(0).and(host.as_bytes())
    }

    fn and(self, bytes: &[u8]) -> Self {
        const CASE: u64 = 0x2020_2020_2020_2020;
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 by the golden ratio: mixes upwards.
        let mix = |hash: u64, word: u64| ((hash ^ (word | CASE)).wrapping_mul(ODD)).rotate_left(29);
        let (words, rest) = bytes.as_chunks::<8>();
        let hash = words.iter().fold(self.0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(0, |word, byte| (word << 8) | u64::from(*byte));
        Self(mix(hash, rest))
    }

    fn of_pattern(host: &str, lax: &str) -> Self {
        let segments = lax.as_bytes().split(|byte| *byte == b'/').skip(1);
        segments.fold(Self::of_host(host), |hash, segment| hash.and(segment))
    }
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
        let shares = routes.iter().any(|route| route.cors.is_some());
        let mut buckets = vec![Vec::new(); (2 * routes.len()).next_power_of_two()];
        for route in routes {
            let row = Row { lax: route.path.read_laxly(), route: Arc::new(route) };
            let (PathPattern::Exact(text) | PathPattern::Below(text)) = &row.lax;
            let at = bucket_of(Hash::of_pattern(&row.route.host, text), buckets.len());
            if let Some(bucket) = buckets.get_mut(at) {
                bucket.push(row);
            }
        }
        Ok(Self { buckets: buckets.into(), shares })
    }

    /// Whether any route has a policy for pages of other origins: where none has, none is looked for.
    pub const fn shares(&self) -> bool {
        self.shares
    }

    /// The most specific route for a host (any case, without port) and path.
    ///
    /// A server may undo escapes, compare paths without regard to case, and take one with a slash at its end for the
    /// same without. If one that does would find a more specific route than one that does not, the two would serve by
    /// different rules, and there is no answer. Where a route for all below stands beside the one for the path itself,
    /// both rules are the operator's own; and a slash matters only where both lead to one server.
    ///
    /// # Errors
    /// [`AmbiguousPath`] then.
    pub fn find(&self, host: &str, path: NormalPath<'_>) -> Result<Option<&Arc<Route>>, AmbiguousPath> {
        let read = if path.has_escapes() { as_read_laxly(path.as_str()).into() } else { Cow::from(path.as_str()) };
        let route = match self.most_specific(host, read.as_bytes()) {
            Some(row) if row.route.path.covers(path) => &row.route,
            Some(_) => return Err(AmbiguousPath),
            None => return Ok(None),
        };
        let (Some(bare), Some(bare_as_read)) = (path.as_str().strip_suffix('/'), read.strip_suffix('/')) else {
            return Ok(Some(route));
        };
        let hidden = || self.is_hidden(host, bare_as_read, route);
        if !route.path.begins_at(bare) && hidden() { Err(AmbiguousPath) } else { Ok(Some(route)) }
    }

    /// The most specific row for a path as it is read laxly: the whole path before any prefix, a longer prefix before a
    /// shorter one.
    fn most_specific(&self, host: &str, read: &[u8]) -> Option<&Row> {
        let (mut hash, mut length, mut found) = (Hash::of_host(host), 0, None);
        for segment in read.split(|byte| *byte == b'/').skip(1) {
            // `length` bytes are before the slash that begins this segment.
            let prefix = LaxText::Below(read.get(..length)?);
            found = self.rows(hash).iter().find(|row| row.is_of(host, prefix)).or(found);
            hash = hash.and(segment);
            length += 1 + segment.len();
        }
        let whole = |row: &&Row| row.is_of(host, LaxText::Exact(read));
        let below = |row: &&Row| row.is_of(host, LaxText::Below(read));
        let rows = self.rows(hash);
        rows.iter().find(whole).or_else(|| rows.iter().find(below)).or(found)
    }

    /// Whether a route for the path without its last slash leads where this one does.
    fn is_hidden(&self, host: &str, bare_as_read: &str, route: &Route) -> bool {
        let rows = self.rows(Hash::of_pattern(host, bare_as_read)).iter();
        let mut bare = rows.filter(|row| row.is_of(host, LaxText::Exact(bare_as_read.as_bytes())));
        bare.any(|row| row.route.target == route.target)
    }

    fn rows(&self, hash: Hash) -> &[Row] {
        self.buckets.get(bucket_of(hash, self.buckets.len())).map_or(&[], Vec::as_slice)
    }
}

/// The bucket for a hash, of a power of two of buckets.
const fn bucket_of(hash: Hash, buckets: usize) -> usize {
    // The high bits, which are the best mixed, come lowest by this.
    (hash.0 >> 32) as usize & buckets.wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    fn a_path_that_only_a_server_that_undoes_escapes_would_protect_is_refused() {
        let paths = ["/users/@me/", "/a,b", "/d%2Ce/", "/caf%C3%A9/", "/"];
        let table = RouteTable::new(paths.map(|path| route("a", path)).to_vec()).expect("table");
        let find = |path| {
            let found = table.find("a", NormalPath::parse(path).expect("path"));
            found.map(|route| route.map(|route| route.path.to_string()).unwrap_or_default())
        };
        for path in [
            "/users/%40me/",
            "/users/%40ME",
            "/a%2cb",
            "/a%2Cb/",
            "/d,e/x",
            "/d%2ce/x",
            "/CAF%C3%89/",
            "/u%C5%BFers/@me/",    // A long s.
            "/users/@%EF%BD%8De/", // A full-width m.
        ] {
            assert_eq!(find(path), Err(AmbiguousPath), "{path}");
        }
        for (path, pattern) in [
            ("/users/@me/x%40y", "/users/@me/"),
            ("/users/%40you", "/"),
            ("/a,b", "/a,b"),
            ("/d%2Ce/x", "/d%2Ce/"),
            ("/caf%C3%A9/%E6%97%A5", "/caf%C3%A9/"),
            ("/caf%C3%A8", "/"),
        ] {
            assert_eq!(find(path), Ok(pattern.to_owned()), "{path}");
        }
    }

    #[test]
    fn a_slash_at_the_end_leads_round_no_route() {
        let routes = ["/admin", "/both", "/both/", "/deep/x", "/deep/", "/"].map(|path| route("a", path));
        let table = RouteTable::new(routes.to_vec()).expect("table");
        let find = |path| {
            let found = table.find("a", NormalPath::parse(path).expect("path"));
            found.map(|route| route.map(|route| route.path.to_string()).unwrap_or_default())
        };
        for path in ["/admin/", "/Admin/", "/deep/x/", "/Both/"] {
            assert_eq!(find(path), Err(AmbiguousPath), "{path}");
        }
        let found = [("/admin", "/admin"), ("/both/", "/both/"), ("/both", "/both"), ("/deep/", "/deep/"), ("/", "/")];
        for (path, pattern) in found.into_iter().chain([("/other/", "/"), ("/admin/x", "/"), ("/deep/x/y", "/deep/")]) {
            assert_eq!(find(path), Ok(pattern.to_owned()), "{path}");
        }
    }

    /// What [`RouteTable::find`] says, by asking every row.
    fn found_by_asking_all(
        routes: &[Route],
        host: &str,
        path: NormalPath<'_>,
    ) -> Result<Option<String>, AmbiguousPath> {
        let covers = |pattern: &PathPattern, path: &str| match pattern.read_laxly() {
            PathPattern::Exact(exact) => exact == path,
            PathPattern::Below(prefix) => {
                path.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        };
        let rank = |route: &Route| match route.path.read_laxly() {
            PathPattern::Exact(text) => (true, text.len()),
            PathPattern::Below(text) => (false, text.len()),
        };
        let mut ordered: Vec<_> = routes.iter().filter(|route| route.host.eq_ignore_ascii_case(host)).collect();
        ordered.sort_by_key(|route| std::cmp::Reverse(rank(route)));
        let read = as_read_laxly(path.as_str());
        let Some(route) = ordered.iter().find(|route| covers(&route.path, &read)) else { return Ok(None) };
        if !route.path.covers(path) {
            return Err(AmbiguousPath);
        }
        if let (Some(bare), Some(bare_as_read)) = (path.as_str().strip_suffix('/'), read.strip_suffix('/')) {
            let is_bare = |other: &Route| rank(other).0 && covers(&other.path, bare_as_read);
            if !route.path.begins_at(bare) && ordered.iter().any(|other| is_bare(other)) {
                return Err(AmbiguousPath);
            }
        }
        Ok(Some(route.path.to_string()))
    }

    proptest! {
        #[test]
        fn the_table_finds_what_asking_every_row_finds(
            patterns in proptest::collection::btree_set("[ab]((/|%2C|,)[abA]{1,2}){0,3}/?", 1..12),
            paths in proptest::collection::vec("[abA]((/|%2C|%2c|,)[abAB]{1,2}){0,4}/?", 1..20),
        ) {
            let routes: Vec<_> = patterns.iter().map(|path| route("a", &format!("/{path}"))).collect();
            let table = RouteTable::new(routes.clone()).expect("no two alike");
            for path in paths.iter().chain(&patterns).map(|path| format!("/{path}")) {
                let path = NormalPath::parse(&path).expect("a path");
                let found = table.find("A", path).map(|found| found.map(|route| route.path.to_string()));
                prop_assert_eq!(found, found_by_asking_all(&routes, "A", path));
            }
        }
    }

    #[test]
    fn doubled_routes_are_refused() {
        assert!(RouteTable::new(vec![route("a", "/x/"), route("a", "/x/")]).is_err());
    }
}
