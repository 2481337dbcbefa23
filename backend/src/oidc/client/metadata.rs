//! A client's metadata in the words of dynamic registration (RFC 7591, section 2; OpenID Connect Dynamic Client
//! Registration, section 2): what comes in a registration, what lies in the store, what an administrator reads.
//!
//! A member that is not known is passed over, as RFC 7591 demands; one that is known and asks for what is not done here is
//! refused, since a client that believes something else about itself than we do is a danger to its people.

use super::relied_on::ReliedOn;
use super::{BadRegistration, Client, PublicKeys, Registration};
use crate::oidc::profile::Rules;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a client may exchange for tokens.
const GRANT_TYPES: [&str; 5] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
];

/// Metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata {
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// Scopes with a space between them.
    pub(crate) scope: String,
    /// Its public keys; `jwks_uri` is not taken: nothing is fetched from where somebody else says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backchannel_logout_uri: Option<String>,
    /// OpenID Connect Back-Channel Logout's, section 2.2: whether it must be told which session has ended.
    pub(crate) backchannel_logout_session_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_endpoint_auth_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_client_auth_san_dns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls_client_auth_san_uri: Option<String>,
    pub(crate) tls_client_certificate_bound_access_tokens: bool,
    /// RFC 9449's: whether its tokens are bound to a key, always.
    pub(crate) dpop_bound_access_tokens: bool,
    /// RFC 9126's: whether it must push its requests.
    pub(crate) require_pushed_authorization_requests: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grant_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token_signed_response_alg: Option<String>,
    /// RFC 9101's: the one algorithm of its request objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_object_signing_alg: Option<String>,
    /// RFC 9101's: whether each of its requests must be signed.
    pub(crate) require_signed_request_object: bool,
    /// Ours: what it is told of somebody who does not agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) consent_refused: Option<String>,
    /// Ours: whose rules hold for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<String>,
    /// Ours: the sector in which it knows people by one name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sector: Option<String>,
    /// OpenID Connect Core's, section 8.1: an address whose host is that sector. It is an administrator who says that it is,
    /// and nothing is fetched from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sector_identifier_uri: Option<String>,
    /// Ours: how well it may ask people to be known.
    pub(crate) vectors: Vec<String>,
    /// Ours: clients whose log-ins it may continue.
    pub(crate) sso_from: Vec<String>,
    /// Ours: what it may ask for itself.
    pub(crate) machine_scopes: Vec<String>,
    /// Ours: what its access tokens say that the system is which asks for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) requesting_system: Option<String>,
    /// Ours: whether it may ask what tokens of other clients are worth.
    pub(crate) resource_server: bool,
    /// Ours: the services for which it may ask for tokens (RFC 8707).
    pub(crate) resources: Vec<String>,
    /// Ours: the services that it stands for.
    pub(crate) serves: Vec<String>,
    /// Ours: the services for which it may exchange tokens (RFC 8693).
    pub(crate) exchange_for: Vec<String>,
    /// What else it would rely on.
    #[serde(flatten)]
    pub(crate) relied_on: ReliedOn,
}

impl Metadata {
    /// The client that it describes, under a name.
    ///
    /// # Errors
    /// Everything that is wrong with it as a client; what is not done for any is [`Metadata::unsupported`].
    pub(crate) fn client(&self, id: &str) -> Result<Client, Vec<BadRegistration>> {
        let client = Client::register(&self.registration(id))?;
        Ok(client.held_to(self.require_pushed_authorization_requests, self.dpop_bound_access_tokens))
    }

    fn registration(&self, id: &str) -> Registration {
        let keys = self.jwks.as_ref().map(|jwks| PublicKeys::Set(Value::Object(jwks.clone()).to_string().into_bytes()));
        Registration {
            id: id.to_owned(),
            name: self.client_name.clone(),
            profile: self.profile.clone(),
            redirect_uris: self.redirect_uris.clone(),
            post_logout_redirect_uris: self.post_logout_redirect_uris.clone(),
            sector: self.sector_named(),
            scopes: self.scope.split_ascii_whitespace().map(str::to_owned).collect(),
            vectors: self.vectors.clone(),
            sso_from: self.sso_from.clone(),
            machine_scopes: self.machine_scopes.clone(),
            resource_server: self.resource_server,
            resources: self.resources.clone(),
            serves: self.serves.clone(),
            exchange_for: self.exchange_for.clone(),
            tls_client_auth_san_dns: self.tls_client_auth_san_dns.clone(),
            tls_client_auth_san_uri: self.tls_client_auth_san_uri.clone(),
            tls_client_certificate_bound_access_tokens: self.tls_client_certificate_bound_access_tokens,
            keys,
            backchannel_logout_uri: self.backchannel_logout_uri.clone(),
            backchannel_logout_session_required: self.backchannel_logout_session_required,
            id_token_signed_response_alg: self.id_token_signed_response_alg.clone(),
            requesting_system: self.requesting_system.clone(),
            request_object_signing_alg: self.request_object_signing_alg.clone(),
            require_signed_request_object: self.require_signed_request_object,
            consent_refused: self.consent_refused.clone(),
            ..Registration::default()
        }
    }

    /// The sector that it names, in one way or the other.
    pub(crate) fn sector_named(&self) -> Option<String> {
        self.sector.clone().or_else(|| self.sector_of_uri().map(str::to_owned))
    }

    /// The host of its `sector_identifier_uri`, if that is an address.
    fn sector_of_uri(&self) -> Option<&str> {
        let rest = self.sector_identifier_uri.as_deref()?.strip_prefix("https://")?;
        let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
        let plain = host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b));
        (!host.is_empty() && plain).then_some(host)
    }

    /// The members by which it differs from others, by name.
    pub(crate) fn unlike(&self, others: &Self) -> Vec<String> {
        let members = |of: &Self| match serde_json::to_value(of) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        };
        let (own, others) = (members(self), members(others));
        let names: BTreeSet<&String> = own.keys().chain(others.keys()).collect();
        names.into_iter().filter(|name| own.get(*name) != others.get(*name)).cloned().collect()
    }

    /// How it proves itself.
    pub(crate) fn auth_method(&self) -> &'static str {
        let by_certificate = self.tls_client_auth_san_dns.is_some() || self.tls_client_auth_san_uri.is_some();
        if by_certificate { "tls_client_auth" } else { "private_key_jwt" }
    }

    /// What it asks for and is not done here, for a client that is served by these rules.
    pub(crate) fn unsupported(&self, rules: &Rules) -> Vec<BadRegistration> {
        let only = |field, value: Option<&String>, ours: &str| {
            let other = value.filter(|value| *value != ours);
            other.map(|_| BadRegistration { field, message: format!("must be {ours:?}, or left out") })
        };
        let among = |field, values: Option<&Vec<String>>, ours: &[&str]| {
            let other = values.filter(|values| !values.iter().all(|value| ours.contains(&value.as_str())));
            other.map(|_| BadRegistration { field, message: format!("may hold {}", ours.join(" and ")) })
        };
        let fetched = self.jwks_uri.as_ref().map(|_| BadRegistration {
            field: "jwks_uri",
            message: "is not fetched: send the keys themselves as jwks".to_owned(),
        });
        let host = self.sector_of_uri();
        let another = host.is_none() || host != self.sector_named().as_deref();
        let sector = (self.sector_identifier_uri.is_some() && another).then(|| BadRegistration {
            field: "sector_identifier_uri",
            message: "must be an https address whose host is the sector".to_owned(),
        });
        let method = self.token_endpoint_auth_method.as_ref();
        [
            only("token_endpoint_auth_method", method, self.auth_method()),
            among("grant_types", self.grant_types.as_ref(), &GRANT_TYPES),
            among("response_types", self.response_types.as_ref(), &["code"]),
            fetched,
            sector,
        ]
        .into_iter()
        .flatten()
        .chain(self.relied_on.in_vain(rules))
        .collect()
    }
}
