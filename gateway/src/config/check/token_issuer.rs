//! `[[token_issuer]]`: whose access tokens are taken, and how they are judged.

use super::{Faults, span};
use crate::config::file::{FileConfig, FileTokenIssuer};
use crate::config::{Introspection, KeySetPlace, TokenCheck, TokenIssuer};
use aldgate_core::policy::route::Route;
use aldgate_core::token::introspection;
use reqwest::Url;
use std::time::Duration;

const ISSUERS_MAX: usize = 16; // A gateway takes the tokens of one or two.
const REFRESH: Duration = Duration::from_mins(5); // How long a token of a removed key may live.
const REFRESH_MIN: Duration = Duration::from_secs(30); // No set is fetched more often.
const REFRESH_MAX: Duration = Duration::from_mins(30); // A set that is an hour old serves no more.
const CACHE: Duration = Duration::from_secs(30);
const CACHE_MAX: Duration = introspection::USE_MAX; // How long the end of a token may go unnoticed.

pub(super) fn token_issuers(file: &FileConfig, routes: &[Route], faults: &mut Faults) -> Vec<TokenIssuer> {
    let mut issuers: Vec<TokenIssuer> = Vec::new();
    for (at, row) in file.token_issuer.iter().flatten().enumerate() {
        let path = format!("token_issuer[{at}]");
        let Some(issuer) = token_issuer(&path, row, faults) else { continue };
        let asks = |issuer: &TokenIssuer| matches!(issuer.check, TokenCheck::Introspection(_));
        if issuers.iter().any(|other| other.issuer == issuer.issuer) {
            faults.add(&format!("{path}.issuer"), "stands above already");
        }
        if asks(&issuer) && issuers.iter().any(asks) {
            faults.add(
                &format!("{path}.introspection"),
                "one issuer can be asked: an opaque token does not say whose it is",
            );
        }
        issuers.push(issuer);
    }
    if issuers.len() > ISSUERS_MAX {
        faults.add("token_issuer", format!("must be at most {ISSUERS_MAX} tables"));
    }
    if file.token_issuer.is_none() && routes.iter().any(|route| route.access_tokens) {
        faults.add("token_issuer", "is missing: a route takes access tokens, and nobody's would be believed");
    }
    issuers
}

fn token_issuer(path: &str, file: &FileTokenIssuer, faults: &mut Faults) -> Option<TokenIssuer> {
    let named = |key: &str, value: &Option<String>, faults: &mut Faults| {
        let value = value.clone().filter(|text| !text.is_empty() && !text.contains(char::is_control));
        faults.keep(&format!("{path}.{key}"), value.ok_or("is missing"))
    };
    let issuer = named("issuer", &file.issuer, faults);
    let audience = named("audience", &file.audience, faults);
    let check = match (&file.key_set, &file.jwks_uri, &file.introspection) {
        (Some(file_path), None, None) => {
            Some((KeySetPlace::File(file_path.into()), file)).map(|set| key_set(path, set, faults))
        }
        (None, Some(uri), None) => {
            let uri = address(&format!("{path}.jwks_uri"), uri, faults);
            let check = key_set(path, (KeySetPlace::Uri(uri.clone().unwrap_or_default()), file), faults);
            uri.map(|_| check)
        }
        (None, None, Some(endpoint)) => asked(path, endpoint, file, faults),
        _ => {
            faults.add(path, "must have exactly one of key_set, jwks_uri and introspection");
            None
        }
    };
    let dpop_nonce = file.dpop_nonce.unwrap_or(false);
    Some(TokenIssuer { issuer: issuer?, audience: audience?, check: check?, dpop_nonce })
}

fn key_set(path: &str, (place, file): (KeySetPlace, &FileTokenIssuer), faults: &mut Faults) -> TokenCheck {
    for (key, value) in [("client_id", &file.client_id), ("client_secret", &file.client_secret), ("cache", &file.cache)]
    {
        if value.is_some() {
            faults.add(&format!("{path}.{key}"), "goes with introspection only");
        }
    }
    let refresh_path = format!("{path}.refresh");
    let refresh = span(&refresh_path, file.refresh.as_deref(), REFRESH, faults);
    if !(REFRESH_MIN..=REFRESH_MAX).contains(&refresh) {
        faults.add(&refresh_path, "must be from 30s to 30m");
    }
    TokenCheck::KeySet { place, refresh }
}

fn asked(path: &str, endpoint: &str, file: &FileTokenIssuer, faults: &mut Faults) -> Option<TokenCheck> {
    if file.refresh.is_some() {
        faults.add(&format!("{path}.refresh"), "goes with key_set and jwks_uri only");
    }
    let endpoint = address(&format!("{path}.introspection"), endpoint, faults);
    let client_id = faults.keep(&format!("{path}.client_id"), file.client_id.clone().ok_or("is missing"));
    let secret = file.client_secret.clone().ok_or("is missing: the path of a file");
    let client_secret = faults.keep(&format!("{path}.client_secret"), secret);
    let cache_path = format!("{path}.cache");
    let cache = span(&cache_path, file.cache.as_deref(), CACHE, faults);
    if cache > CACHE_MAX {
        faults.add(&cache_path, "must be at most 60s: so long may a token be used after its issuer has ended it");
    }
    let (endpoint, client_id, client_secret) = (endpoint?, client_id?, client_secret?.into());
    Some(TokenCheck::Introspection(Introspection { endpoint, client_id, client_secret, cache }))
}

/// An address that is called: over TLS, or on this machine.
fn address(path: &str, text: &str, faults: &mut Faults) -> Option<String> {
    let is_good = Url::parse(text).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default();
        let loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let guarded = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        guarded && !host.is_empty() && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
    });
    let message = "must be an https address, or an http address on this machine, without user and fragment";
    faults.keep(path, if is_good { Ok(text.to_owned()) } else { Err(message) })
}
