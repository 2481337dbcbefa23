//! `[edge]` and `[demo]`: the listeners.

use super::{Faults, THREADS_MAX, count, listener, span};
use crate::config::file::{FileDemo, FileEdge};
use crate::config::{Connections, Edge};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

const HTTP: &str = "127.0.0.1:8080";
const HTTPS: &str = "127.0.0.1:8443";
const PRIVATE: &str = "127.0.0.1:8081";
const AUTHZ_GRPC: &str = "127.0.0.1:8082";
const DEMO: &str = "127.0.0.1:8090";
const FAST_LANE: bool = true;
const DRAIN: Duration = Duration::from_secs(1); // Long enough for a page; a developer's Ctrl-C should not wait longer.
const CONNECTIONS: i64 = 32_768; // About 2 GiB at the 60 KiB of an idle one over TLS.
const CONNECTIONS_MAX: i64 = 1 << 20;
/// A hospital of ten thousand behind one address: a connection each for the fifth of them who have clicked in the last
/// half minute, after which an idle one is closed.
const PER_ADDRESS: i64 = 2_048;
/// Whoever is on this machine is stopped by other means; proxies that stand there bring everybody's connections.
const UNCAPPED: [&str; 2] = ["127.0.0.0/8", "::1"];
const UNCAPPED_MAX: usize = 64; // Each new connection is compared with all.
const HSTS: Duration = Duration::from_hours(365 * 24); // What the browsers' own list asks for at least.
const DRAIN_MAX: Duration = Duration::from_mins(5); // Orchestrators kill sooner.

pub(super) fn edge(file: &FileEdge, faults: &mut Faults) -> Edge {
    let http = listener("edge.http", file.http.as_deref(), HTTP, faults);
    let https = listener("edge.https", file.https.as_deref(), HTTPS, faults);
    if http.is_none() && https.is_none() {
        faults.add("edge", "at least one of http and https must listen");
    }
    let private = listener("edge.private", file.private.as_deref(), PRIVATE, faults);
    if private.is_none_or(|address| !address.ip().is_loopback()) {
        faults.add(
            "edge.private",
            "must be a loopback address: metrics and whoever asks about requests are for this machine only",
        );
    }
    let authz_grpc = listener("edge.authz_grpc", file.authz_grpc.as_deref(), AUTHZ_GRPC, faults);
    if authz_grpc.is_some_and(|address| !address.ip().is_loopback()) {
        faults.add("edge.authz_grpc", "must be a loopback address: whoever asks there is believed");
    }
    if authz_grpc.is_some() && [http, https, private].contains(&authz_grpc) {
        faults.add("edge.authz_grpc", "is another address of [edge] too");
    }
    let cores = std::thread::available_parallelism().map_or(1, |n| i64::try_from(n.get()).unwrap_or(1));
    let threads = count("edge.threads", file.threads, cores, THREADS_MAX, faults);
    let announce = span("edge.announce", file.announce.as_deref(), Duration::ZERO, faults);
    let drain = span("edge.drain", file.drain.as_deref(), DRAIN, faults);
    for (key, span) in [("edge.announce", announce), ("edge.drain", drain)] {
        if span > DRAIN_MAX {
            faults.add(key, "must be at most 5m");
        }
    }
    if http.is_some() && http == https || private.is_some() && (private == http || private == https) {
        faults.add("edge", "http, https and private must be different addresses");
    }
    let certificate = match (&file.certificate, &file.private_key) {
        (Some(chain), Some(key)) => Some((chain.into(), key.into())),
        (None, None) => None,
        _ => {
            faults.add("edge.certificate", "certificate and private_key go together");
            None
        }
    };
    if certificate.is_none() && file.certificate.is_none() && https.is_some_and(|address| !address.ip().is_loopback()) {
        faults.add("edge.certificate", "is missing: the development certificate serves loopback addresses only");
    }
    let client_authorities = file.client_authorities.as_ref().map(PathBuf::from);
    if client_authorities.is_some() && https.is_none() {
        faults.add("edge.client_authorities", "goes with https: certificates are shown there only");
    }
    Edge {
        http,
        https,
        private: private.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8081))),
        authz_grpc,
        threads: usize::try_from(threads).unwrap_or(1),
        fast_lane: file.fast_lane.unwrap_or(FAST_LANE),
        reuse_port: file.reuse_port.unwrap_or(false),
        announce,
        drain,
        certificate,
        client_authorities,
        connections: connections(file, faults),
        hsts: hsts(file, faults),
    }
}

fn hsts(file: &FileEdge, faults: &mut Faults) -> Option<Duration> {
    match file.hsts.as_deref() {
        // Nobody who develops here wants a browser to refuse http://localhost for a year.
        None => file.certificate.as_ref().map(|_| HSTS),
        Some("" | "off") => None,
        given => Some(span("edge.hsts", given, HSTS, faults)),
    }
}

fn connections(file: &FileEdge, faults: &mut Faults) -> Connections {
    let all = count("edge.connections", file.connections, CONNECTIONS, CONNECTIONS_MAX, faults);
    let per_address = file.connections_per_address.unwrap_or(PER_ADDRESS);
    if !(0..=CONNECTIONS_MAX).contains(&per_address) {
        faults.add("edge.connections_per_address", format!("must be from 0, which is no cap, to {CONNECTIONS_MAX}"));
    }
    let by_default = || UNCAPPED.map(String::from).to_vec();
    let uncapped = file.uncapped.clone().unwrap_or_else(by_default);
    if uncapped.len() > UNCAPPED_MAX {
        faults.add("edge.uncapped", format!("must be at most {UNCAPPED_MAX} networks"));
    }
    let network = |(at, text): (usize, &String)| {
        let parsed = text.parse().map_err(|error| format!("{text:?} is {error}"));
        faults.keep(&format!("edge.uncapped[{at}]"), parsed)
    };
    Connections {
        all: u32::try_from(all).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN),
        per_address: u32::try_from(per_address).ok().and_then(NonZeroU32::new),
        uncapped: uncapped.iter().enumerate().filter_map(network).collect(),
    }
}

pub(super) fn demo(file: Option<&FileDemo>, edge: &Edge, by_default: bool, faults: &mut Faults) -> Option<SocketAddr> {
    if !file.and_then(|demo| demo.enabled).unwrap_or(by_default) {
        return None;
    }
    if edge.http.is_none() {
        faults.add("demo.enabled", "must be false where edge.http does not listen: the demo fetches the key set there");
    }
    let address = listener("demo.listen", file.and_then(|demo| demo.listen.as_deref()), DEMO, faults);
    if address.is_some() && [edge.http, edge.https, Some(edge.private), edge.authz_grpc].contains(&address) {
        faults.add("demo.listen", "is an address of [edge] too");
    }
    address
}
