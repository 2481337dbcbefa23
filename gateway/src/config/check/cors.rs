//! `[route.cors]`: which pages of other origins may use a route.

use super::relying_party::{host_of, is_origin};
use super::{Faults, span};
use crate::config::file::{FileCors, FileRoute};
use aldgate_core::identity_header;
use aldgate_core::policy::cors::Cors;
use aldgate_core::policy::route::{Route, Target};
use std::sync::Arc;
use std::time::Duration;

const ORIGINS_MAX: usize = 100; // Each is compared with the request's.
const NAMES_MAX: usize = 100; // All of them go into one header.
const MAX_AGE: Duration = Duration::from_mins(5);
const MAX_AGE_MAX: Duration = Duration::from_hours(24); // No browser remembers for longer.
const STANDS_ABOVE: &str = "stands above already";

/// The route with its policy for pages of other origins, if the file gives it one.
pub(super) fn with_cors(path: &str, route: Route, file: &FileRoute, faults: &mut Faults) -> Route {
    let cors = file.cors.as_ref().map(|file| Arc::new(cors(&format!("{path}.cors"), file, &route, faults)));
    Route { cors, ..route }
}

fn cors(path: &str, file: &FileCors, route: &Route, faults: &mut Faults) -> Cors {
    if matches!(&route.target, Target::Service(service) if service.upstream.is_none()) {
        let message = "goes with a service that has an upstream: the proxy in front of any other answers its browsers";
        faults.add(path, message);
    }
    let max_age_path = format!("{path}.max_age");
    let max_age = span(&max_age_path, file.max_age.as_deref(), MAX_AGE, faults);
    if max_age > MAX_AGE_MAX {
        faults.add(&max_age_path, "must be at most 24h");
    }
    Cors {
        origins: origins(&format!("{path}.origins"), file.origins.as_deref().unwrap_or_default(), faults),
        methods: methods(&format!("{path}.methods"), file.methods.as_deref(), route, faults),
        headers: names(&format!("{path}.headers"), file.headers.as_deref(), faults),
        expose: names(&format!("{path}.expose"), file.expose.as_deref(), faults),
        credentials: file.credentials.unwrap_or(false),
        max_age,
    }
}

fn origins(path: &str, origins: &[String], faults: &mut Faults) -> Vec<String> {
    if origins.is_empty() || origins.len() > ORIGINS_MAX {
        faults.add(path, format!("must name from 1 to {ORIGINS_MAX} origins"));
    }
    for (at, origin) in origins.iter().enumerate() {
        if let Some(fault) = fault_of_origin(origin, origins.get(..at).unwrap_or_default()) {
            faults.add(&format!("{path}[{at}]"), fault);
        }
    }
    origins.to_vec()
}

fn fault_of_origin(origin: &str, above: &[String]) -> Option<String> {
    let host = host_of(origin);
    let is_local = host == "localhost" || host.ends_with(".localhost");
    if origin == "*" || origin == "null" {
        Some(format!("{origin:?} would let any page read what is somebody's: name each origin"))
    } else if !is_origin(origin) {
        Some(format!("{origin:?} is not an origin as browsers write it, such as \"https://app.example.org\""))
    } else if origin.starts_with("http://") && !is_local {
        Some("must be https, but for localhost: anybody on the way could be that page".into())
    } else {
        above.iter().any(|other| other == origin).then(|| STANDS_ABOVE.into())
    }
}

fn methods(path: &str, methods: Option<&[String]>, route: &Route, faults: &mut Faults) -> Vec<String> {
    let Some(methods) = methods else {
        if !route.takes("GET") {
            faults.add(path, "must be given: without it, it is GET, which the route does not take");
        }
        return vec!["GET".into()];
    };
    if methods.is_empty() {
        faults.add(path, "must name at least one method, or be left out: then it is GET");
    }
    for (at, method) in methods.iter().enumerate() {
        let known = !method.is_empty() && method.len() <= 20 && method.bytes().all(|b| b.is_ascii_uppercase());
        let path = format!("{path}[{at}]");
        if !known || matches!(method.as_str(), "HEAD" | "OPTIONS" | "TRACE" | "CONNECT") {
            faults.add(
                &path,
                "must be a method in capitals such as \"GET\"; HEAD goes with GET, OPTIONS asks for others",
            );
        } else if methods.iter().take(at).any(|other| other == method) {
            faults.add(&path, STANDS_ABOVE);
        } else if !route.takes(method) {
            faults.add(&path, "is not one of the route's own methods");
        }
    }
    methods.to_vec()
}

/// Names of headers, in lower case.
fn names(path: &str, names: Option<&[String]>, faults: &mut Faults) -> Vec<String> {
    let names: Vec<_> = names.unwrap_or_default().iter().map(|name| name.to_ascii_lowercase()).collect();
    if names.len() > NAMES_MAX {
        faults.add(path, format!("must be at most {NAMES_MAX} names"));
    }
    for (at, name) in names.iter().enumerate() {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let path = format!("{path}[{at}]");
        if name.is_empty() || name.len() > 100 || !name.bytes().all(plain) {
            faults.add(&path, "must be the name of a header such as \"content-type\"; there is no \"*\"");
        } else if identity_header::is_ours(name.as_bytes()) || matches!(name.as_str(), "cookie" | "set-cookie") {
            faults.add(&path, "is a header that no page may set or read");
        } else if names.iter().take(at).any(|other| other == name) {
            faults.add(&path, STANDS_ABOVE);
        }
    }
    names
}
