//! The clients of the configuration, as the backend takes them: their key files read, every fault of all of them found.

use aldgate_backend::oidc::client::{Client, PublicKeys, Registration};
use aldgate_backend::oidc::logout::reach::{Network, Reach};
use aldgate_backend::oidc::registry::Registry;
use aldgate_gateway::config::fault::Fault;
use aldgate_gateway::config::{ClientKeys, Config};
use std::path::Path;

/// Longest file of keys that is read.
const KEY_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The clients.
///
/// # Errors
/// Every fault, each with the path of its key.
pub(crate) fn registry(config: &Config) -> Result<Registry, Vec<Fault>> {
    let (mut clients, mut faults) = (Vec::new(), Vec::new());
    for (at, client) in config.clients.iter().enumerate() {
        let path = |key: &str| format!("client[{at}].{key}");
        let registration = Registration {
            id: client.id.clone(),
            name: client.name.clone(),
            profile: client.profile.clone(),
            redirect_uris: client.redirect_uris.clone(),
            post_logout_redirect_uris: client.post_logout_redirect_uris.clone(),
            scopes: client.scopes.clone(),
            vectors: client.vectors.clone(),
            sso_from: client.sso_from.clone(),
            sector: client.sector.clone(),
            machine_scopes: client.machine_scopes.clone(),
            resources: client.resources.clone(),
            serves: client.serves.clone(),
            exchange_for: client.exchange_for.clone(),
            tls_client_auth_san_dns: client.tls_client_auth_san_dns.clone(),
            tls_client_auth_san_uri: client.tls_client_auth_san_uri.clone(),
            tls_client_certificate_bound_access_tokens: client.tls_client_certificate_bound_access_tokens,
            resource_server: client.resource_server,
            disabled: client.disabled,
            backchannel_logout_uri: client.backchannel_logout_uri.clone(),
            backchannel_logout_session_required: client.backchannel_logout_session_required,
            id_token_signed_response_alg: client.id_token_signed_response_alg.clone(),
            requesting_system: client.requesting_system.clone(),
            request_object_signing_alg: client.request_object_signing_alg.clone(),
            require_signed_request_object: client.require_signed_request_object,
            consent_refused: client.consent_refused.clone(),
            keys: client
                .keys
                .as_ref()
                .and_then(|place| keys(place).map_err(|error| faults.push(Fault::new(&path("keys"), &error))).ok()),
        };
        match Client::register(&registration) {
            Ok(client) => clients.push(client),
            // A file that cannot be read is told once.
            Err(bad) => faults.extend(
                bad.iter()
                    .filter(|bad| bad.field != "keys" || registration.keys.is_some())
                    .map(|bad| Fault::new(&path(bad.field), &bad.message)),
            ),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Registry::new(clients).map_err(|doubled| vec![Fault::new("client", &doubled.to_string())])
}

/// Which networks the clients may be called in.
///
/// # Errors
/// Every fault, each with the path of its key.
pub(crate) fn reach(config: &Config) -> Result<Reach, Vec<Fault>> {
    let (mut networks, mut faults) = (Vec::new(), Vec::new());
    for (at, text) in config.client_networks.iter().enumerate() {
        match text.parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(bad) => faults.push(Fault::new(&format!("backend.client_networks[{at}]"), &bad.to_string())),
        }
    }
    if faults.is_empty() { Ok(Reach::beyond_public(networks)) } else { Err(faults) }
}

fn keys(place: &ClientKeys) -> Result<PublicKeys, String> {
    match place {
        ClientKeys::Pem(path) => read(path).map(PublicKeys::Pem),
        ClientKeys::Set(path) => read(path).map(PublicKeys::Set),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(told)?.len();
    if length > KEY_FILE_BYTES_MAX {
        return Err(format!("{} is longer than any keys", path.display()));
    }
    std::fs::read(path).map_err(told)
}
