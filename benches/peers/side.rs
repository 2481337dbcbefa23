//! One side of the comparison: who answers, what is asked of it, and whose CPU time counts.

use super::ground::Ground;

/// A side.
pub(crate) struct Side {
    /// What it is called, here and in the aims.
    pub(crate) name: &'static str,
    /// The port that is asked.
    pub(crate) port: u16,
    /// The load generator's persona.
    pub(crate) persona: &'static str,
    /// What is asked for.
    pub(crate) path: &'static str,
    /// Headers that a proxy would add.
    pub(crate) headers: Vec<String>,
    /// The processes that are counted together.
    pub(crate) pids: Vec<u32>,
}

/// An aim: a side costs at most so many times what another does.
pub(crate) struct Aim {
    pub(crate) side: &'static str,
    pub(crate) beside: &'static str,
    pub(crate) at_most: f64,
}

/// What is to be shown.
pub(crate) const AIMS: [Aim; 5] = [
    Aim { side: PROXIED, beside: PUBLIC, at_most: 1.05 },
    Aim { side: PROXIED, beside: NGINX_CHECKER, at_most: 1.0 },
    Aim { side: PROXIED, beside: HAPROXY, at_most: 1.35 },
    Aim { side: DECISION, beside: HAPROXY, at_most: 0.85 },
    Aim { side: FORGED, beside: DECISION, at_most: 1.0 },
];

const HAPROXY: &str = "HAProxy, bare proxy";
const NGINX: &str = "nginx, bare proxy";
const NGINX_CHECKER: &str = "nginx auth_request + a checker that checks nothing";
const NGINX_ALDGATE: &str = "nginx auth_request + Aldgate";
const PROXIED: &str = "Aldgate, proxied, with a session";
/// The same request, its cookie too, to a route that demands nothing: what differs is the check, and what is told of who passed.
const PUBLIC: &str = "Aldgate, proxied, no check";
const STRANGER: &str = "Aldgate, proxied, no check and no cookie";
const PROXIED_SLOW: &str = "Aldgate without the fast lane, with a session";
const PUBLIC_SLOW: &str = "Aldgate without the fast lane, no check";
const DECISION: &str = "Aldgate, decision for a proxy in front";
const FORGED: &str = "Aldgate, decision about a forged cookie";
const SESSION: &str = "Aldgate, session check (GET /session)";
const SESSION_FORGED: &str = "Aldgate, session check with a forged cookie";

/// All sides, the peers first.
pub(crate) fn all(ground: &Ground) -> Vec<Side> {
    let port = |name: &str| ground.port(name);
    let [haproxy, nginx, checker, aldgate, slow] =
        ["haproxy", "nginx", "checker", "aldgate", "slow"].map(|n| ground.pid(n));
    let side = |name, port, persona, path, pids| Side { name, port, persona, path, headers: Vec::new(), pids };
    let asked = |name, persona| Side {
        headers: vec![
            "X-Original-Method: GET".into(),
            format!("X-Original-URL: http://localhost:{}/demo/", port("HTTP")),
            "X-Forwarded-For: 127.0.0.1".into(),
        ],
        ..side(name, port("PRIVATE"), persona, "/authz/nginx", vec![aldgate])
    };
    vec![
        side(HAPROXY, port("HAPROXY"), "proxied-session", "/demo/", vec![haproxy]),
        side(NGINX, port("NGINX_BARE"), "proxied-session", "/demo/", vec![nginx]),
        side(NGINX_CHECKER, port("NGINX_CHECKER"), "proxied-session", "/demo/", vec![nginx, checker]),
        side(NGINX_ALDGATE, port("NGINX_ALDGATE"), "proxied-session", "/demo/", vec![nginx, aldgate]),
        side(PROXIED, port("HTTP"), "proxied-session", "/demo/", vec![aldgate]),
        side(PUBLIC, port("HTTP"), "proxied-session", "/public/", vec![aldgate]),
        side(STRANGER, port("HTTP"), "proxied-public", "/public/", vec![aldgate]),
        side(PROXIED_SLOW, port("SLOW_HTTP"), "proxied-session", "/demo/", vec![slow]),
        side(PUBLIC_SLOW, port("SLOW_HTTP"), "proxied-session", "/public/", vec![slow]),
        asked(DECISION, "returning-session"),
        asked(FORGED, "forged-session"),
        side(SESSION, port("HTTP"), "returning-session", "/session", vec![aldgate]),
        side(SESSION_FORGED, port("HTTP"), "forged-session", "/session", vec![aldgate]),
    ]
}
