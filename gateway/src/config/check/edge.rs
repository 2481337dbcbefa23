//! `[edge]` and `[demo]`: the listeners.

use super::{Faults, THREADS_MAX, count, listener, span};
use crate::config::Edge;
use crate::config::file::{FileDemo, FileEdge};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

const HTTP: &str = "127.0.0.1:8080";
const HTTPS: &str = "127.0.0.1:8443";
const PRIVATE: &str = "127.0.0.1:8081";
const AUTHZ_GRPC: &str = "127.0.0.1:8082";
const DEMO: &str = "127.0.0.1:8090";
const DRAIN: Duration = Duration::from_secs(1); // Long enough for a page; a developer's Ctrl-C should not wait longer.
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
        reuse_port: file.reuse_port.unwrap_or(false),
        announce,
        drain,
        certificate,
        client_authorities,
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
