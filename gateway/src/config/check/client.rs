//! `[[client]]`: the services that people sign in to by OpenID Connect. What a client may be, the backend knows; here it is
//! only seen that everything is there.

use super::Faults;
use crate::config::file::{FileClient, FileConfig};
use crate::config::{Client, ClientKeys};

pub(super) fn clients(file: &FileConfig, faults: &mut Faults) -> Vec<Client> {
    let asks = file.edge.as_ref().is_some_and(|edge| edge.client_authorities.is_some());
    let rows = file.client.iter().flatten().enumerate();
    rows.filter_map(|(at, row)| client(&format!("client[{at}]"), row, asks, faults)).collect()
}

fn client(path: &str, file: &FileClient, asks_for_certificates: bool, faults: &mut Faults) -> Option<Client> {
    let mut there = |key: &str, missing: bool| {
        if missing {
            faults.add(&format!("{path}.{key}"), "is missing");
        }
    };
    there("id", file.id.is_none());
    there("name", file.name.is_none());
    there("redirect_uris", file.redirect_uris.is_none());
    there("scopes", file.scopes.is_none());
    there("vectors", file.vectors.is_none());
    let by_certificate = file.tls_client_auth_san_dns.is_some() || file.tls_client_auth_san_uri.is_some();
    let bound = file.tls_client_certificate_bound_access_tokens.unwrap_or(false);
    if (by_certificate || bound) && !asks_for_certificates {
        faults.add(path, "needs edge.client_authorities: whose word is taken on certificates");
    }
    let keys = match (&file.public_key, &file.key_set) {
        (Some(pem), None) => Some(ClientKeys::Pem(pem.into())),
        (None, Some(set)) => Some(ClientKeys::Set(set.into())),
        (None, None) if by_certificate => None,
        _ => {
            faults.add(path, "must have exactly one of public_key and key_set, or the name of its certificate");
            return None;
        }
    };
    Some(Client {
        id: file.id.clone()?,
        name: file.name.clone()?,
        profile: file.profile.clone(),
        redirect_uris: file.redirect_uris.clone()?,
        post_logout_redirect_uris: file.post_logout_redirect_uris.clone().unwrap_or_default(),
        scopes: file.scopes.clone()?,
        vectors: file.vectors.clone()?,
        sso_from: file.sso_from.clone().unwrap_or_default(),
        sector: file.sector.clone(),
        backchannel_logout_uri: file.backchannel_logout_uri.clone(),
        backchannel_logout_session_required: file.backchannel_logout_session_required.unwrap_or(false),
        id_token_signed_response_alg: file.id_token_signed_response_alg.clone(),
        requesting_system: file.requesting_system.clone(),
        request_object_signing_alg: file.request_object_signing_alg.clone(),
        require_signed_request_object: file.require_signed_request_object.unwrap_or(false),
        consent_refused: file.consent_refused.clone(),
        machine_scopes: file.machine_scopes.clone().unwrap_or_default(),
        resources: file.resources.clone().unwrap_or_default(),
        serves: file.serves.clone().unwrap_or_default(),
        exchange_for: file.exchange_for.clone().unwrap_or_default(),
        resource_server: file.resource_server.unwrap_or(false),
        tls_client_auth_san_dns: file.tls_client_auth_san_dns.clone(),
        tls_client_auth_san_uri: file.tls_client_auth_san_uri.clone(),
        tls_client_certificate_bound_access_tokens: bound,
        keys,
        disabled: file.disabled.unwrap_or(false),
    })
}
