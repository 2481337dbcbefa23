//! `[[service]]` and `[[route]]`: what stands behind the gate, and who may reach it.

use super::{Faults, certificate, cors, span};
use crate::config::file::{FileConfig, FileDemand, FileRoute, FileService};
use aldgate_core::assurance::{Components, IdentityLevel, UnknownVector, Vector};
use aldgate_core::policy::alias::{Alias, UnknownAlias};
use aldgate_core::policy::cost::CostClass;
use aldgate_core::policy::demand::{Delegation, Demand};
use aldgate_core::policy::platform;
use aldgate_core::policy::route::{Access, PathPattern, Route, RouteTable, Service, Target, WARM_GRACE};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const SERVICES_MAX: usize = 10_000; // Far below the numbers that are kept for the backend.
const WARM_GRACE_MAX: Duration = Duration::from_hours(1); // A shared tier that is away for longer is a disaster.
const SCOPE_BYTES_MAX: usize = 256;
const MAX_AGE_MIN: Duration = Duration::from_secs(30); // Less, and a person would be sent to sign in for ever.

pub(super) fn services_and_routes(
    file: &FileConfig,
    demo: Option<SocketAddr>,
    login_host: &str,
    faults: &mut Faults,
) -> (Vec<Arc<Service>>, Vec<Route>) {
    let mut services: Vec<Arc<Service>> = Vec::new();
    if file.service.as_ref().is_some_and(|rows| rows.len() > SERVICES_MAX) {
        faults.add("service", format!("must be at most {SERVICES_MAX} tables"));
    }
    for (at, row) in file.service.iter().flatten().enumerate() {
        let path = format!("service[{at}]");
        if let Some(service) = service(&path, row, faults) {
            if services.iter().any(|other| other.name == service.name) {
                faults.add(&path, format!("a service named {:?} stands above already", service.name));
            }
            services.push(Arc::new(service));
        }
    }
    let mut routes = Vec::new();
    for (at, row) in file.route.iter().flatten().enumerate() {
        let path = format!("route[{at}]");
        let client_certificate = certificate::demand(&path, row, file.edge.as_ref(), &services, faults);
        let route = route(&path, row, &services, login_host, faults);
        let route = route.map(|route| cors::with_cors(&path, route, row, faults));
        routes.extend(route.map(|route| Route { client_certificate, ..route }));
    }
    if let Some(address) = demo {
        if services.iter().any(|service| service.name == "demo") {
            faults.add("demo.enabled", "must be false where a service of yours is named \"demo\"");
        }
        let service =
            Service { name: "demo".into(), index: 0, upstream: Some(address.to_string()), aliases: Vec::new() };
        let service = Arc::new(service);
        let path = PathPattern::Below("/demo".into());
        let access = Access::Demand(Demand::SIGNED_IN);
        routes.push(Route::new(login_host.into(), path, Target::Service(service.clone()), access));
        services.push(service);
    }
    if let Err(doubled) = RouteTable::new(routes.clone()) {
        faults.add("route", format!("{doubled}; the demo service has /demo/ unless demo.enabled is false"));
    }
    (services, routes)
}

fn service(path: &str, file: &FileService, faults: &mut Faults) -> Option<Service> {
    let name = faults.keep(&format!("{path}.name"), file.name.as_deref().ok_or("is missing"))?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > 63 || !name.bytes().all(plain) || name == platform::BACKEND_AUDIENCE {
        faults.add(&format!("{path}.name"), "must be 1 to 63 of a-z, 0-9 and -, and not the backend's own name");
    }
    let is_socket = |text: &str| text.strip_prefix("unix:").is_some_and(|p| p.starts_with('/') && p.len() < 100);
    let upstream = file.upstream.clone();
    if upstream.as_ref().is_some_and(|text| !is_socket(text) && text.parse::<SocketAddr>().is_err()) {
        faults.add(&format!("{path}.upstream"), "must be an address such as \"127.0.0.1:9000\", or \"unix:/path\"");
    }
    let aliases = aliases(&format!("{path}.aliases"), file.aliases.as_deref().unwrap_or_default(), faults);
    Some(Service { name: name.into(), index: 0, upstream, aliases })
}

fn aliases(path: &str, names: &[String], faults: &mut Faults) -> Vec<Alias> {
    let mut aliases = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let path = format!("{path}[{at}]");
        match name.parse() {
            Ok(alias) if aliases.contains(&alias) => faults.add(&path, "stands there twice"),
            Ok(alias) => aliases.push(alias),
            Err(UnknownAlias) => faults.add(&path, UnknownAlias.to_string()),
        }
    }
    aliases
}

fn route(
    path: &str,
    file: &FileRoute,
    services: &[Arc<Service>],
    login_host: &str,
    faults: &mut Faults,
) -> Option<Route> {
    let host = file.host.as_deref().unwrap_or(login_host).to_ascii_lowercase();
    let pattern = file.path.as_deref().and_then(PathPattern::parse);
    let pattern = faults.keep(
        &format!("{path}.path"),
        pattern.ok_or("must be a plain path such as \"/app/\" (all below) or \"/app\" (itself alone)"),
    );
    let named = file.service.as_deref().and_then(|name| services.iter().find(|s| s.name == name));
    let service = faults.keep(&format!("{path}.service"), named.ok_or("must name one of the [[service]] tables"));
    let access = access(path, file, faults);
    if !is_host_name(&host) && host != login_host {
        faults.add(&format!("{path}.host"), "must be a host name, without scheme and port");
    }
    let is_taken = if host == login_host { platform::is_taken } else { platform::is_taken_on_service_host };
    if pattern.as_ref().is_some_and(is_taken) {
        faults.add(&format!("{path}.path"), "covers a path that the platform itself needs on this host");
    }
    let methods = file.methods.as_deref().map(|methods| self::methods(&format!("{path}.methods"), methods, faults));
    let cost = file.cost.as_deref().map(|cost| self::cost(&format!("{path}.cost"), cost, faults));
    let warm_grace = span(&format!("{path}.warm_grace"), file.warm_grace.as_deref(), WARM_GRACE, faults);
    if warm_grace > WARM_GRACE_MAX {
        faults.add(&format!("{path}.warm_grace"), "must be at most 1h: a session that was ended may pass for so long");
    }
    let access_tokens = file.access_tokens.unwrap_or(false);
    if access_tokens && access.as_ref().is_some_and(|access| *access == Access::Public) {
        faults.add(&format!("{path}.access_tokens"), "goes with access = \"session\" or \"optional\" only");
    }
    Some(Route {
        access_tokens,
        methods,
        cost: cost.unwrap_or_default(),
        warm_grace,
        ..Route::new(host, pattern?, Target::Service(service?.clone()), access?)
    })
}

fn methods(path: &str, methods: &[String], faults: &mut Faults) -> Arc<[String]> {
    if methods.is_empty() {
        faults.add(path, "must name at least one method, or be left out");
    }
    for (at, method) in methods.iter().enumerate() {
        let known = !method.is_empty() && method.len() <= 20 && method.bytes().all(|b| b.is_ascii_uppercase());
        if !known || matches!(method.as_str(), "HEAD" | "TRACE" | "CONNECT") {
            let message =
                "must be a method in capitals such as \"GET\"; HEAD goes with GET, TRACE and CONNECT never pass";
            faults.add(&format!("{path}[{at}]"), message);
        }
    }
    methods.into()
}

fn cost(path: &str, text: &str, faults: &mut Faults) -> CostClass {
    let named = CostClass::ALL.into_iter().find(|class| class.as_str() == text);
    let message = "must be \"check\", \"passkey\", \"refresh\" or \"password\"";
    faults.keep(path, named.ok_or(message)).unwrap_or_default()
}

/// A name as it stands in `Host` and in the addresses that browsers are sent to.
fn is_host_name(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    !host.is_empty() && host.len() <= 253 && host.bytes().all(plain)
}

fn access(path: &str, file: &FileRoute, faults: &mut Faults) -> Option<Access> {
    match (file.access.as_deref(), &file.demand) {
        (Some("public"), None) => Some(Access::Public),
        (Some("optional"), None) => Some(Access::Optional),
        (Some("session") | None, file) => {
            let none = FileDemand::default();
            Some(Access::Demand(demand(path, file.as_ref().unwrap_or(&none), faults)))
        }
        (Some("public" | "optional"), Some(_)) => {
            faults.add(&format!("{path}.demand"), "goes with access = \"session\" only");
            None
        }
        (Some(_), _) => {
            faults.add(&format!("{path}.access"), "must be \"public\", \"optional\" or \"session\"");
            None
        }
    }
}

fn demand(path: &str, file: &FileDemand, faults: &mut Faults) -> Demand {
    let identity = file
        .identity
        .as_deref()
        .unwrap_or("P0")
        .parse()
        .map_err(|e: aldgate_core::assurance::UnknownLevel| e.to_string());
    let components = match file.authenticator.as_deref() {
        None => Ok(Components::NONE),
        Some("password") => Ok(Components::PASSWORD),
        Some("passkey") => Ok(Components::PASSKEY),
        Some(_) => Err("must be \"password\" or \"passkey\""),
    };
    let max_age_path = format!("{path}.demand.max_age");
    let max_age = file.max_age.as_deref().map(|text| span(&max_age_path, Some(text), MAX_AGE_MIN, faults));
    if max_age.is_some_and(|max_age| max_age < MAX_AGE_MIN) {
        faults.add(&max_age_path, "must be at least 30s: a sign-in takes a moment");
    }
    let delegation = match file.delegation.as_deref() {
        None | Some("forbidden") => Delegation::Forbidden,
        Some("allowed") => Delegation::Allowed,
        Some("required") => Delegation::Required,
        Some(_) => {
            faults.add(&format!("{path}.demand.delegation"), "must be \"forbidden\", \"allowed\" or \"required\"");
            Delegation::Forbidden
        }
    };
    let vectors = file.vectors.as_deref().map(|texts| vectors(&format!("{path}.demand.vectors"), texts, faults));
    let scopes: Option<Arc<[String]>> = file.scopes.as_ref().map(|scopes| scopes.as_slice().into());
    // RFC 6749, section 3.3.
    let is_scope = |text: &str| {
        (1..=SCOPE_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'))
    };
    if scopes.as_deref().is_some_and(|scopes| scopes.is_empty() || !scopes.iter().all(|scope| is_scope(scope))) {
        faults.add(&format!("{path}.demand.scopes"), "must name at least one scope, each without spaces and quotes");
    }
    Demand {
        identity: faults.keep(&format!("{path}.demand.identity"), identity).unwrap_or(IdentityLevel::P9),
        components: faults.keep(&format!("{path}.demand.authenticator"), components).unwrap_or(Components::PASSKEY),
        max_age,
        vectors,
        delegation,
        scopes,
    }
}

fn vectors(path: &str, texts: &[String], faults: &mut Faults) -> Arc<[Vector]> {
    if texts.is_empty() {
        faults.add(path, "must name at least one vector of trust, or be left out");
    }
    let read = |(at, text): (usize, &String)| {
        let vector = text.parse().map_err(|error: UnknownVector| error.to_string());
        faults.keep(&format!("{path}[{at}]"), vector)
    };
    texts.iter().enumerate().filter_map(read).collect()
}
