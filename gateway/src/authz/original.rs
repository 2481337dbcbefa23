//! The request that a proxy asks about, made of what the proxy says of it.
//!
//! Every statement must stand there once, and all that are made must agree: a second statement is either a
//! misconfigured proxy that passes its client's headers on, or that client (threats: forged forwarding headers). What
//! is missing is never guessed. Only the headers that the gate itself looks at are taken over.

use super::Dialect;
use aldgate_core::session::cookie;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use std::net::{IpAddr, SocketAddr};

/// The method, as the proxies of each family call it.
const ORIGINAL_METHOD: &str = "x-original-method";
const FORWARDED_METHOD: &str = "x-forwarded-method";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_URI: &str = "x-forwarded-uri";
const ORIGINAL_URI: &str = "x-original-uri";
const ORIGINAL_URL: &str = "x-original-url";
const HOST: &str = "host";

/// All by which a proxy speaks of a request.
const SPOKEN: [&str; 9] = [
    HOST,
    ORIGINAL_METHOD,
    ORIGINAL_URI,
    ORIGINAL_URL,
    FORWARDED_METHOD,
    FORWARDED_PROTO,
    FORWARDED_HOST,
    FORWARDED_FOR,
    FORWARDED_URI,
];

/// What stands before the original path in a question of Envoy's.
const ENVOY_PREFIX: &str = "/authz/envoy";

/// Names for what is no header of its own.
const ITS_METHOD: &str = "the method";
const ITS_PATH: &str = "the path";

const METHOD_BYTES_MAX: usize = 20; // The longest registered one has 17.
const TARGET_BYTES_MAX: usize = 8 * 1024; // What most servers take for a request line.

/// The headers that the gate looks at.
static LOOKED_AT: [HeaderName; 11] = [
    http::header::COOKIE,
    http::header::AUTHORIZATION,
    HeaderName::from_static("dpop"),
    http::header::ORIGIN,
    http::header::ACCEPT,
    http::header::ACCEPT_LANGUAGE,
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
    http::header::SEC_WEBSOCKET_KEY,
    http::header::ACCESS_CONTROL_REQUEST_METHOD,
    http::header::USER_AGENT,
];

/// How the client spoke to the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In plain text.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in an address.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// WebSockets are requests too: Traefik names them by a scheme of their own.
    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "http" | "ws" => Some(Self::Http),
            "https" | "wss" => Some(Self::Https),
            _ => None,
        }
    }
}

/// A request as it came to the proxy, in one meaning.
#[derive(Debug)]
pub struct OriginalRequest {
    /// Method, path and query, `Host` as the client wrote it, and the headers that the gate looks at.
    pub header: RequestHeader,
    /// How the client spoke to the proxy.
    pub scheme: Scheme,
    /// The client's address, if the proxy says it.
    pub client: Option<IpAddr>,
}

/// Why what the proxy says makes no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOriginal {
    /// The proxy does not say it.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It is said twice.
    #[error("{0} stands there more than once")]
    Doubled(&'static str),
    /// Two statements about one thing differ.
    #[error("{0} and {1} do not agree")]
    Conflict(&'static str, &'static str),
    /// It is no value of its kind.
    #[error("{0} is malformed")]
    Malformed(&'static str),
    /// The client came in plain text to a platform whose sign-in is on TLS.
    #[error("{0} says http, and the platform is on https")]
    PlainText(&'static str),
}

type Said<'a> = Option<(&'static str, &'a str)>;

/// What is said about a request, before it is believed.
struct Statements<'a> {
    method: (&'static str, &'a str),
    scheme: (&'static str, &'a str),
    authority: (&'static str, &'a str),
    target: (&'static str, &'a str),
    client: Said<'a>,
}

impl OriginalRequest {
    /// Reads the question of a proxy. `issuer` is the platform's own origin.
    ///
    /// # Errors
    /// [`NotOriginal`] names the header.
    pub fn over_http(dialect: Dialect, question: &Parts, issuer: &str) -> Result<Self, NotOriginal> {
        let said = Headers::of(&question.headers);
        let statements = match dialect {
            Dialect::Nginx => said.by_nginx()?,
            Dialect::Forward | Dialect::Haproxy => said.by_forwarding()?,
            Dialect::Envoy => said.by_envoy(question)?,
        };
        let kept = question.headers.iter().filter(|(name, _)| LOOKED_AT.contains(name));
        Self::believed(&statements, kept.map(|(name, value)| (name.clone(), value.clone())), issuer)
    }

    /// Reads a question that Envoy asks over gRPC: the parts that it names, and the client's headers.
    ///
    /// # Errors
    /// As [`Self::over_http`].
    pub fn over_grpc(
        parts: &GrpcParts<'_>,
        headers: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        issuer: &str,
    ) -> Result<Self, NotOriginal> {
        let statements = Statements {
            method: (ITS_METHOD, parts.method),
            scheme: ("the scheme", parts.scheme),
            authority: ("the host", parts.host),
            target: (ITS_PATH, parts.path),
            client: parts.client.map(|client| ("the source address", client)),
        };
        for (what, text) in [statements.method, statements.scheme, statements.authority, statements.target] {
            if text.is_empty() {
                return Err(NotOriginal::Missing(what));
            }
        }
        let kept = headers.into_iter().filter(|(name, _)| LOOKED_AT.contains(name));
        Self::believed(&statements, kept, issuer)
    }

    fn believed(
        statements: &Statements<'_>,
        kept: impl IntoIterator<Item = (HeaderName, HeaderValue)>,
        issuer: &str,
    ) -> Result<Self, NotOriginal> {
        let (what, method) = statements.method;
        if method.is_empty() || method.len() > METHOD_BYTES_MAX || !method.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(NotOriginal::Malformed(what));
        }
        let (what, target) = statements.target;
        // A fragment is nothing that a client sends; some servers cut it off and act on what stands before it.
        let plain = |b: u8| b.is_ascii_graphic() && b != b'#';
        if !target.starts_with('/') || target.len() > TARGET_BYTES_MAX || !target.bytes().all(plain) {
            return Err(NotOriginal::Malformed(what));
        }
        let mut header = RequestHeader::build_no_case(method, target.as_bytes(), Some(LOOKED_AT.len() + 1))
            .map_err(|_| NotOriginal::Malformed(what))?;
        let (what, scheme) = statements.scheme;
        let scheme = Scheme::parse(scheme).ok_or(NotOriginal::Malformed(what))?;
        if scheme == Scheme::Http && !issuer.starts_with("http://") {
            return Err(NotOriginal::PlainText(what));
        }
        let (what, authority) = statements.authority;
        header.insert_header(http::header::HOST, authority).map_err(|_| NotOriginal::Malformed(what))?;
        for (name, value) in kept {
            header.append_header(name, value).map_err(|_| NotOriginal::Malformed("a header"))?;
        }
        let client = statements.client.map(|(what, text)| address(text).ok_or(NotOriginal::Malformed(what)));
        Ok(Self { header, scheme, client: client.transpose()? })
    }
}

/// What Envoy says of a request over gRPC; empty where it says nothing.
#[derive(Debug, Clone, Copy)]
pub struct GrpcParts<'a> {
    /// The method.
    pub method: &'a str,
    /// The scheme.
    pub scheme: &'a str,
    /// The host, with its port if the client wrote one.
    pub host: &'a str,
    /// Path and query.
    pub path: &'a str,
    /// The client's address.
    pub client: Option<&'a str>,
}

/// The address that the nearest proxy saw: the last of a list, with or without its port.
fn address(text: &str) -> Option<IpAddr> {
    let last = text.rsplit(',').next().unwrap_or(text).trim();
    let bare = last.trim_matches(['[', ']']);
    bare.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// What one address says of a request; nothing where there is none.
#[derive(Default)]
struct Url<'a> {
    scheme: Said<'a>,
    authority: Said<'a>,
    target: Said<'a>,
}

/// How often something is said.
#[derive(Clone, Copy)]
enum Times<'a> {
    Never,
    Once(&'a HeaderValue),
    More,
}

/// What stands under each name of [`SPOKEN`], in its order: found in one walk, since a proxy asks with each request.
struct Headers<'a>([Times<'a>; SPOKEN.len()]);

impl<'a> Headers<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let mut said = [Times::Never; SPOKEN.len()];
        for (name, value) in headers {
            let place = SPOKEN.iter().position(|spoken| *spoken == name.as_str());
            if let Some(times) = place.and_then(|place| said.get_mut(place)) {
                *times = if matches!(times, Times::Never) { Times::Once(value) } else { Times::More };
            }
        }
        Self(said)
    }

    fn times(&self, name: &'static str) -> Times<'a> {
        let said = SPOKEN.iter().zip(&self.0).find(|(spoken, _)| **spoken == name);
        said.map_or(Times::Never, |(_, times)| *times)
    }

    fn one(&self, name: &'static str) -> Result<Said<'a>, NotOriginal> {
        let value = match self.times(name) {
            Times::Never => return Ok(None),
            Times::More => return Err(NotOriginal::Doubled(name)),
            Times::Once(value) => value,
        };
        match value.to_str() {
            Ok(text) if !text.is_empty() => Ok(Some((name, text))),
            Ok(_) | Err(_) => Err(NotOriginal::Malformed(name)),
        }
    }

    /// The same where a comma can only part two values.
    fn word(&self, name: &'static str) -> Result<Said<'a>, NotOriginal> {
        let said = self.one(name)?;
        if said.is_some_and(|(_, text)| text.contains(',')) { Err(NotOriginal::Doubled(name)) } else { Ok(said) }
    }

    /// `X-Original-URL`, in its three parts.
    fn url(&self) -> Result<Url<'a>, NotOriginal> {
        let Some((name, url)) = self.one(ORIGINAL_URL)? else { return Ok(Url::default()) };
        let (scheme, rest) = url.split_once("://").ok_or(NotOriginal::Malformed(name))?;
        let (authority, path) = rest.split_at(rest.find('/').ok_or(NotOriginal::Malformed(name))?);
        Ok(Url { scheme: Some((name, scheme)), authority: Some((name, authority)), target: Some((name, path)) })
    }

    fn method(&self) -> Result<Said<'a>, NotOriginal> {
        agreed(self.word(ORIGINAL_METHOD)?, self.word(FORWARDED_METHOD)?, |a, b| a == b)
    }

    fn scheme(&self, url: &Url<'a>) -> Result<Said<'a>, NotOriginal> {
        agreed(url.scheme, self.word(FORWARDED_PROTO)?, |a, b| {
            Scheme::parse(a).is_some() && Scheme::parse(a) == Scheme::parse(b)
        })
    }

    fn authority(&self, url: &Url<'a>) -> Result<Said<'a>, NotOriginal> {
        more_exact(url.authority, self.word(FORWARDED_HOST)?)
    }

    fn target(&self, url: &Url<'a>) -> Result<Said<'a>, NotOriginal> {
        let original = agreed(url.target, self.one(ORIGINAL_URI)?, |a, b| a == b)?;
        agreed(original, self.one(FORWARDED_URI)?, |a, b| a == b)
    }

    /// nginx says method and address; an older configuration says the path only, beside `Host` and the scheme.
    fn by_nginx(&self) -> Result<Statements<'a>, NotOriginal> {
        require(self.word(ORIGINAL_METHOD)?, ORIGINAL_METHOD)?;
        let by_path = self.one(ORIGINAL_URL)?.is_none();
        if by_path {
            require(self.one(ORIGINAL_URI)?, ORIGINAL_URL)?;
        }
        let url = self.url()?;
        let authority = match self.authority(&url)? {
            None => self.word(HOST)?,
            said => said,
        };
        self.statements(self.method()?, self.scheme(&url)?, authority, self.target(&url)?)
    }

    /// Traefik, Caddy and our own script for HAProxy say four things in four headers.
    fn by_forwarding(&self) -> Result<Statements<'a>, NotOriginal> {
        require(self.word(FORWARDED_METHOD)?, FORWARDED_METHOD)?;
        require(self.word(FORWARDED_PROTO)?, FORWARDED_PROTO)?;
        require(self.word(FORWARDED_HOST)?, FORWARDED_HOST)?;
        require(self.one(FORWARDED_URI)?, FORWARDED_URI)?;
        let url = self.url()?;
        self.statements(self.method()?, self.scheme(&url)?, self.authority(&url)?, self.target(&url)?)
    }

    /// Envoy repeats the request itself, without its body.
    fn by_envoy(&self, question: &'a Parts) -> Result<Statements<'a>, NotOriginal> {
        let path = question.uri.path_and_query().and_then(|path| path.as_str().strip_prefix(ENVOY_PREFIX));
        let path = path.ok_or(NotOriginal::Malformed(ITS_PATH))?;
        require(self.word(FORWARDED_PROTO)?, FORWARDED_PROTO)?;
        let host = require(self.word(HOST)?, HOST)?;
        let method = agreed(Some((ITS_METHOD, question.method.as_str())), self.method()?, |a, b| a == b)?;
        let url = self.url()?;
        let target = agreed(Some((ITS_PATH, path)), self.target(&url)?, |a, b| a == b)?;
        self.statements(method, self.scheme(&url)?, more_exact(Some(host), self.authority(&url)?)?, target)
    }

    fn statements(
        &self,
        method: Said<'a>,
        scheme: Said<'a>,
        authority: Said<'a>,
        target: Said<'a>,
    ) -> Result<Statements<'a>, NotOriginal> {
        Ok(Statements {
            method: require(method, ITS_METHOD)?,
            scheme: require(scheme, FORWARDED_PROTO)?,
            authority: require(authority, FORWARDED_HOST)?,
            target: require(target, ITS_PATH)?,
            client: self.one(FORWARDED_FOR)?,
        })
    }
}

fn require<'a>(said: Said<'a>, name: &'static str) -> Result<(&'static str, &'a str), NotOriginal> {
    said.ok_or(NotOriginal::Missing(name))
}

/// The one of two statements that was made; both, if they agree.
fn agreed<'a>(a: Said<'a>, b: Said<'a>, same: impl Fn(&str, &str) -> bool) -> Result<Said<'a>, NotOriginal> {
    match (a, b) {
        (Some((_, left)), Some((_, right))) if same(left, right) => Ok(a),
        (Some((left, _)), Some((right, _))) => Err(NotOriginal::Conflict(left, right)),
        (None, said) | (said, None) => Ok(said),
    }
}

/// Of two authorities that name one host, the one that names a port too: nginx' `$host` does not.
fn more_exact<'a>(a: Said<'a>, b: Said<'a>) -> Result<Said<'a>, NotOriginal> {
    let one_host = |a: &str, b: &str| {
        let ((host_a, port_a), (host_b, port_b)) = (split_port(a), split_port(b));
        host_a.eq_ignore_ascii_case(host_b) && (port_a.is_none() || port_b.is_none() || port_a == port_b)
    };
    let said = agreed(a, b, one_host)?;
    Ok([a, b].into_iter().flatten().find(|(_, authority)| split_port(authority).1.is_some()).or(said))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether a `Cookie` value that Envoy joined of several with commas hides one of ours behind a comma, where it would
/// be neither found nor taken out.
pub fn hides_a_cookie_of_ours(value: &[u8]) -> bool {
    value.split(|b| *b == b',').skip(1).any(|part| cookie::is_ours(part.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTPS: &str = "https://login.example";

    type Row = (&'static str, &'static str);

    const NGINX: [Row; 4] = [
        ("host", "127.0.0.1:8081"),
        ("x-original-method", "POST"),
        ("x-original-url", "https://app.example/a/b?c=d"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    const FORWARD: [Row; 6] = [
        ("host", "127.0.0.1:8081"),
        ("x-forwarded-method", "POST"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example:8443"),
        ("x-forwarded-uri", "/a/b?c=d"),
        ("x-forwarded-for", "10.0.0.1, 192.0.2.1"),
    ];
    const ENVOY: [Row; 3] = [("host", "app.example"), ("x-forwarded-proto", "https"), ("cookie", "a=1")];

    fn question(method: &str, path: &str, rows: &[Row]) -> RequestHeader {
        let mut header = RequestHeader::build(method, path.as_bytes(), None).expect("header");
        for (name, value) in rows {
            header.append_header(*name, *value).expect("header");
        }
        header
    }

    fn nginx(rows: &[Row]) -> Result<OriginalRequest, NotOriginal> {
        OriginalRequest::over_http(Dialect::Nginx, &question("GET", "/authz/nginx", rows), HTTPS)
    }

    fn forward(rows: &[Row]) -> Result<OriginalRequest, NotOriginal> {
        OriginalRequest::over_http(Dialect::Forward, &question("GET", "/authz/forward", rows), HTTPS)
    }

    fn envoy(path: &str, rows: &[Row]) -> Result<OriginalRequest, NotOriginal> {
        OriginalRequest::over_http(Dialect::Envoy, &question("POST", path, rows), HTTPS)
    }

    fn says(original: &OriginalRequest) -> (String, String, String, Scheme, Option<String>) {
        let header = &original.header;
        let host = header.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        let path = String::from_utf8_lossy(header.raw_path()).into_owned();
        (header.method.to_string(), host.into(), path, original.scheme, original.client.map(|c| c.to_string()))
    }

    fn without(rows: &[Row], name: &str) -> Vec<Row> {
        rows.iter().filter(|row| row.0 != name).copied().collect()
    }

    fn with(rows: &[Row], row: Row) -> Vec<Row> {
        rows.iter().copied().chain([row]).collect()
    }

    #[test]
    fn each_dialect_says_the_same_request() {
        let expected = |host: &str, client: Option<&str>| {
            ("POST".to_owned(), host.to_owned(), "/a/b?c=d".to_owned(), Scheme::Https, client.map(str::to_owned))
        };
        let said = |original: Result<OriginalRequest, NotOriginal>| says(&original.expect("a request"));
        assert_eq!(said(nginx(&NGINX)), expected("app.example", Some("192.0.2.1")));
        assert_eq!(said(forward(&FORWARD)), expected("app.example:8443", Some("192.0.2.1")), "the nearest hop");
        assert_eq!(said(envoy("/authz/envoy/a/b?c=d", &ENVOY)), expected("app.example", None));
        let parts =
            GrpcParts { method: "POST", scheme: "https", host: "app.example", path: "/a/b?c=d", client: Some("::1") };
        let by_grpc = OriginalRequest::over_grpc(&parts, [], HTTPS);
        assert_eq!(said(by_grpc), expected("app.example", Some("::1")));
    }

    #[test]
    fn an_older_configuration_of_nginx_says_the_path_host_and_scheme() {
        let rows = [("host", "app.example"), ("x-original-method", "GET"), ("x-original-uri", "/a")];
        assert_eq!(nginx(&rows).expect_err("no scheme"), NotOriginal::Missing(FORWARDED_PROTO));
        let said = says(&nginx(&with(&rows, ("x-forwarded-proto", "https"))).expect("a request"));
        assert_eq!((said.1.as_str(), said.2.as_str()), ("app.example", "/a"));
    }

    #[test]
    fn what_is_missing_is_never_guessed() {
        for name in ["x-original-method", "x-original-url"] {
            assert_eq!(nginx(&without(&NGINX, name)).expect_err(name), NotOriginal::Missing(name));
        }
        for name in ["x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"] {
            assert_eq!(forward(&without(&FORWARD, name)).expect_err(name), NotOriginal::Missing(name));
            // Not by what another family of proxies would say either: that is the client's own.
            let beside = with(&without(&FORWARD, name), ("x-original-url", "https://app.example:8443/a/b?c=d"));
            assert_eq!(forward(&beside).expect_err(name), NotOriginal::Missing(name));
        }
        for name in ["host", "x-forwarded-proto"] {
            let refused = envoy("/authz/envoy/a", &without(&ENVOY, name)).expect_err(name);
            assert_eq!(refused, NotOriginal::Missing(name));
        }
    }

    #[test]
    fn what_is_said_twice_is_refused() {
        for row in NGINX.iter().skip(1) {
            assert_eq!(nginx(&with(&NGINX, *row)).expect_err(row.0), NotOriginal::Doubled(row.0));
        }
        for row in FORWARD.iter().skip(1) {
            assert_eq!(forward(&with(&FORWARD, *row)).expect_err(row.0), NotOriginal::Doubled(row.0));
        }
        for (name, value) in [
            ("x-forwarded-method", "GET,POST"),
            ("x-forwarded-proto", "https,https"),
            ("x-forwarded-host", "app.example,evil.example"),
        ] {
            let joined = with(&without(&FORWARD, name), (name, value));
            assert_eq!(forward(&joined).expect_err(name), NotOriginal::Doubled(name));
        }
    }

    #[test]
    fn statements_that_differ_are_refused() {
        let conflicts = |result: Result<OriginalRequest, NotOriginal>| matches!(result, Err(NotOriginal::Conflict(..)));
        for row in [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-uri", "/public"),
            ("x-original-uri", "/public"),
            ("x-forwarded-method", "GET"),
        ] {
            assert!(conflicts(nginx(&with(&NGINX, row))), "{row:?}");
        }
        for row in [
            ("x-original-method", "GET"),
            ("x-original-uri", "/public"),
            ("x-original-url", "https://evil.example/a/b?c=d"),
            ("x-original-url", "https://app.example:1/a/b?c=d"),
            ("x-original-url", "https://app.example:8443/public"),
        ] {
            assert!(conflicts(forward(&with(&FORWARD, row))), "{row:?}");
        }
        for row in [("x-forwarded-host", "evil.example"), ("x-forwarded-uri", "/public"), ("x-original-method", "GET")]
        {
            assert!(conflicts(envoy("/authz/envoy/a", &with(&ENVOY, row))), "{row:?}");
        }
    }

    #[test]
    fn two_authorities_of_one_host_give_the_one_with_the_port() {
        let rows = with(&NGINX, ("x-forwarded-host", "App.Example:8443"));
        assert_eq!(says(&nginx(&rows).expect("a request")).1, "App.Example:8443");
    }

    #[test]
    fn what_is_no_method_scheme_path_or_address_is_refused() {
        for (name, value) in [
            ("x-forwarded-method", "get"),
            ("x-forwarded-method", "GET /"),
            ("x-forwarded-method", "AAAAAAAAAAAAAAAAAAAAAAAAA"),
            ("x-forwarded-method", ""),
            ("x-forwarded-proto", "ftp"),
            ("x-forwarded-uri", "a/b"),
            ("x-forwarded-uri", "https://app.example/"),
            ("x-forwarded-uri", "/public#/../secret"),
            ("x-forwarded-uri", "/a b"),
            ("x-forwarded-uri", "/\u{e9}"),
            ("x-forwarded-for", "unknown"),
        ] {
            let rows = with(&without(&FORWARD, name), (name, value));
            assert_eq!(forward(&rows).expect_err(value), NotOriginal::Malformed(name), "{value}");
        }
        let long: &'static str = Box::leak(format!("/{}", "a".repeat(TARGET_BYTES_MAX)).into_boxed_str());
        let rows = with(&without(&FORWARD, "x-forwarded-uri"), ("x-forwarded-uri", long));
        assert_eq!(forward(&rows).expect_err("long"), NotOriginal::Malformed(FORWARDED_URI));
        for url in ["app.example/a", "https://app.example", "https:/app.example/a", "/a"] {
            let rows = with(&without(&NGINX, "x-original-url"), ("x-original-url", url));
            assert_eq!(nginx(&rows).expect_err(url), NotOriginal::Malformed(ORIGINAL_URL));
        }
    }

    #[test]
    fn plain_text_is_for_a_platform_in_plain_text_only() {
        let rows = with(&without(&FORWARD, "x-forwarded-proto"), ("x-forwarded-proto", "http"));
        assert_eq!(forward(&rows).expect_err("http"), NotOriginal::PlainText(FORWARDED_PROTO));
        let question = question("GET", "/authz/forward", &rows);
        assert!(OriginalRequest::over_http(Dialect::Forward, &question, "http://localhost:8080").is_ok());
    }

    #[test]
    fn only_headers_that_the_gate_looks_at_are_taken_over() {
        let rows = with(&with(&FORWARD, ("aldgate-subject", "admin")), ("cookie", "a=1"));
        let header = forward(&rows).expect("a request").header;
        let names: Vec<_> = header.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["host", "cookie"]);
    }

    #[test]
    fn a_cookie_of_ours_behind_a_comma_is_seen() {
        assert!(hides_a_cookie_of_ours(b"a=1,__Host-aldgate=t; b=2"));
        assert!(!hides_a_cookie_of_ours(b"__Host-aldgate=t; a=1,2"));
    }
}
