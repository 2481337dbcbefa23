//! Which pages of other origins may use a route and read its answers (the CORS protocol of the Fetch standard, section
//! 3.2). The policy is the gate's: a service behind a route that has one is not asked.

use std::sync::Arc;
use std::time::Duration;

/// Longest list of header names in a preflight that is read. Each name is compared with each that is allowed.
const ASKED_BYTES_MAX: usize = 2 * 1024;

/// What a route allows to pages of other origins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// The exact origins. Never `*` and never `null`: an answer behind the gate is somebody's.
    pub origins: Vec<String>,
    /// The methods, in upper case. HEAD goes with GET.
    pub methods: Vec<String>,
    /// The request headers, in lower case.
    pub headers: Vec<String>,
    /// The response headers that a page may read besides the few that every page may, in lower case.
    pub expose: Vec<String>,
    /// Whether cookies may be sent along.
    pub credentials: bool,
    /// How long a browser may remember a preflight's answer.
    pub max_age: Duration,
}

/// What a browser asks before it lets a page send a request that is not simple.
#[derive(Debug, Clone, Copy)]
pub struct Preflight<'a> {
    /// The page's origin.
    pub origin: &'a str,
    /// The method that it would use.
    pub method: &'a str,
    /// The headers that it would set, with commas between, as the browser lists them.
    pub headers: &'a str,
}

impl Cors {
    /// Whether pages of this origin are allowed: compared whole, byte for byte.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == origin)
    }

    /// Whether pages of other origins may use a method; methods are compared byte for byte (`patch` is not `PATCH`).
    pub fn takes(&self, method: &str) -> bool {
        let method = if method == "HEAD" { "GET" } else { method };
        self.methods.iter().any(|taken| taken == method)
    }

    /// Whether everything that a preflight asks for is allowed. A list of names longer than any that could be is not
    /// read.
    pub fn grants(&self, asked: &Preflight<'_>) -> bool {
        let mut names = asked.headers.split(',').map(str::trim).filter(|name| !name.is_empty());
        asked.headers.len() <= ASKED_BYTES_MAX
            && self.allows(asked.origin)
            && self.takes(asked.method)
            && names.all(|name| self.headers.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)))
    }
}

/// A route's policy as it applies to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sharing {
    /// The policy.
    pub cors: Arc<Cors>,
    /// The origin of the page that asks, if it is one that the policy allows.
    pub reader: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors() -> Cors {
        Cors {
            origins: vec!["https://app.example.org".into()],
            methods: vec!["GET".into(), "PUT".into()],
            headers: vec!["content-type".into(), "x-own".into()],
            expose: Vec::new(),
            credentials: true,
            max_age: Duration::from_mins(5),
        }
    }

    #[test]
    fn an_origin_is_allowed_whole_or_not_at_all() {
        assert!(cors().allows("https://app.example.org"));
        for origin in [
            "",
            "null",
            "*",
            "http://app.example.org",
            "https://app.example.org:8443",
            "https://app.example.org.evil.example",
            "https://evil.example/https://app.example.org",
            "https://xapp.example.org",
            "https://APP.example.org",
            "https://app.example.org/",
        ] {
            assert!(!cors().allows(origin), "{origin}");
        }
    }

    #[test]
    fn a_preflight_is_granted_whole_or_not_at_all() {
        let granted =
            |method, headers| cors().grants(&Preflight { origin: "https://app.example.org", method, headers });
        for (method, headers) in [("GET", ""), ("HEAD", ""), ("PUT", "content-type"), ("PUT", "Content-Type, X-Own,")] {
            assert!(granted(method, headers), "{method} {headers}");
        }
        for (method, headers) in [("POST", ""), ("put", ""), ("", ""), ("PUT", "x-other"), ("PUT", "x-own,x-other")] {
            assert!(!granted(method, headers), "{method} {headers}");
        }
        let endless = "x-own,".repeat(ASKED_BYTES_MAX);
        assert!(!granted("PUT", endless.as_str()));
        assert!(!cors().grants(&Preflight { origin: "null", method: "GET", headers: "" }));
    }
}
