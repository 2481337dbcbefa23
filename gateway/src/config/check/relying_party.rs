//! `[relying_party]`: for whom passkeys are made.

use super::Faults;
use crate::config::file::FileRelyingParty;
use aldgate_core::webauthn::relying_party::{RelyingParty, UserVerification};
use std::net::Ipv6Addr;

/// The host of an origin, without scheme and port.
pub(crate) fn host_of(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => authority.get(..at).unwrap_or(authority),
        _ => authority,
    }
}

/// Whether this is an origin exactly as a browser writes it: scheme, lower-case host, and no default port, path or
/// slash.
pub(super) fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let host = host_of(text);
    let named = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_'));
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = bracketed.map_or(named && !host.is_empty(), |address| address.parse::<Ipv6Addr>().is_ok());
    let port = authority.get(host.len()..).unwrap_or_default();
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| is_written_port(port, scheme));
    matches!(scheme, "http" | "https") && is_host && is_port
}

fn is_written_port(port: &str, scheme: &str) -> bool {
    let is_default = matches!((scheme, port), ("http", "80") | ("https", "443"));
    !is_default && port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
}

pub(super) fn relying_party(file: &FileRelyingParty, faults: &mut Faults) -> RelyingParty {
    let id = file.id.as_deref().unwrap_or("localhost");
    let origins =
        file.origins.clone().unwrap_or_else(|| vec!["http://localhost:8080".into(), "https://localhost:8443".into()]);
    let embedders = file.embedders.clone().unwrap_or_default();
    let related = file.related.clone().unwrap_or_default();
    if origins.is_empty() {
        faults.add("relying_party.origins", "must name at least the origin that people sign in at");
    }
    for (key, list) in [("origins", &origins), ("related", &related), ("embedders", &embedders)] {
        for (at, origin) in list.iter().enumerate().filter(|(_, origin)| !is_origin(origin)) {
            faults.add(
                &format!("relying_party.{key}[{at}]"),
                format!("{origin:?} is not an origin as browsers write it, such as \"https://login.example.org\""),
            );
        }
    }
    for (at, origin) in origins.iter().enumerate() {
        let host = host_of(origin);
        if host != id && !host.ends_with(&format!(".{id}")) {
            faults.add(&format!("relying_party.origins[{at}]"), format!("{host:?} is neither {id:?} nor below it"));
        }
        if origin.starts_with("http://") && host != "localhost" && !host.ends_with(".localhost") {
            faults.add(&format!("relying_party.origins[{at}]"), "passkeys need https, but for localhost");
        }
    }
    for (at, origin) in related.iter().enumerate().filter(|(_, origin)| !origin.starts_with("https://")) {
        faults.add(&format!("relying_party.related[{at}]"), format!("{origin:?} must be https"));
    }
    let user_verification = match file.user_verification.as_deref() {
        None | Some("required") => UserVerification::Required,
        Some("preferred") => UserVerification::Preferred,
        Some(_) => {
            faults.add("relying_party.user_verification", "must be \"required\" or \"preferred\"");
            UserVerification::Required
        }
    };
    let mut rp = RelyingParty::new(id, file.name.as_deref().unwrap_or("Aldgate"), origins, user_verification);
    rp.embedders = embedders;
    rp.related = related;
    rp
}
