//! What the provider says of itself: its metadata (OpenID Connect Discovery, section 3; RFC 8414), with the words that NHS
//! login uses, and its trustmark (RFC 8485, section 5).

use super::Provider;
use super::claim::Claim;
use super::scope::Scope;
use super::trust::Words;
use aldgate_core::language::Language;
use aldgate_core::token::dpop::ALGORITHMS;
use serde_json::{Value, json};

/// What may be told of people. The list is NHS login's, word by word; some of it is announced and never told.
const CLAIMS: [&str; 32] = [
    "iss",
    "aud",
    "sub",
    "family_name",
    "given_name",
    "email",
    "email_verified",
    "phone_number",
    "phone_number_verified",
    "landline_number",
    "landline_number_verified",
    "birthdate",
    "nhs_number",
    "gp_integration_credentials",
    "delegations",
    "gp_registration_details",
    "im1_token",
    "auth_time",
    "jti",
    "nonce",
    "vot",
    "vtm",
    "exp",
    "ods_code",
    "user_id",
    "linkage_key",
    "surname",
    "iat",
    "gp_ods_code",
    "gp_user_id",
    "gp_linkage_key",
    "client_user_metadata",
];

/// The last of that list.
const IDENTITY_LEVEL: &str = "identity_proofing_level";

/// What can be exchanged for tokens.
const GRANT_TYPES: [&str; 4] =
    ["authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer"];

/// The one that NHS login does not have.
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

impl Provider {
    /// The metadata: as NHS login says it, and what it does not have where there are clients that are served otherwise.
    pub(crate) fn metadata(&self) -> Value {
        let mut said = self.as_nhs_login_says();
        if self.registry.has_others_than_nhs() {
            for (name, value) in self.for_others() {
                said[name] = value;
            }
            for (name, value) in self.mutual_tls.then(|| self.for_certificates()).into_iter().flatten() {
                said[name] = value;
            }
        }
        said
    }

    fn for_others(&self) -> [(&'static str, Value); 19] {
        let at = |path: &str| json!(format!("{}{path}", self.issuer));
        let client_signing = json!(["RS512", "ES256", "PS256", "EdDSA", "RS256"]);
        let core_identity = Claim::CoreIdentity.as_str();
        [
            ("trustmarks", json!(self.trustmark(Words::OneLogin))),
            ("claims_supported", CLAIMS.into_iter().chain([IDENTITY_LEVEL, core_identity]).collect()),
            ("backchannel_logout_supported", json!(true)),
            ("backchannel_logout_session_supported", json!(true)),
            ("end_session_endpoint", at("/logout")),
            ("pushed_authorization_request_endpoint", at("/par")),
            ("introspection_endpoint", at("/introspect")),
            ("introspection_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
            ("introspection_endpoint_auth_signing_alg_values_supported", client_signing.clone()),
            ("revocation_endpoint", at("/revoke")),
            ("revocation_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
            ("revocation_endpoint_auth_signing_alg_values_supported", client_signing.clone()),
            ("request_object_signing_alg_values_supported", client_signing.clone()),
            ("token_endpoint_auth_signing_alg_values_supported", client_signing),
            ("id_token_signing_alg_values_supported", json!(["RS512", "ES256", "PS256", "EdDSA", "RS256"])),
            ("subject_types_supported", json!(["public", "pairwise"])),
            ("prompt_values_supported", json!(["none", "login", "consent", "select_account"])),
            ("dpop_signing_alg_values_supported", json!(ALGORITHMS.split(' ').collect::<Vec<_>>())),
            ("grant_types_supported", GRANT_TYPES.into_iter().chain([TOKEN_EXCHANGE]).collect()),
        ]
    }

    /// Where certificates are asked for, they are at the same addresses (RFC 8705, section 5).
    fn for_certificates(&self) -> [(&'static str, Value); 5] {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let methods = json!(["private_key_jwt", "tls_client_auth"]);
        let aliases = json!({
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "pushed_authorization_request_endpoint": at("/par"),
            "introspection_endpoint": at("/introspect"),
            "revocation_endpoint": at("/revoke"),
        });
        [
            ("tls_client_certificate_bound_access_tokens", json!(true)),
            ("mtls_endpoint_aliases", aliases),
            ("token_endpoint_auth_methods_supported", methods.clone()),
            ("introspection_endpoint_auth_methods_supported", methods.clone()),
            ("revocation_endpoint_auth_methods_supported", methods),
        ]
    }

    fn as_nhs_login_says(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        let claims: Vec<&str> = CLAIMS.into_iter().chain([IDENTITY_LEVEL]).collect();
        json!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "userinfo_endpoint": at("/userinfo"),
            "registration_endpoint": at("/oauth/register"),
            "jwks_uri": at("/.well-known/jwks.json"),
            "scopes_supported": Scope::ALL.map(Scope::as_str),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": GRANT_TYPES,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS512"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS512"],
            "claims_supported": claims,
            "display_values_supported": ["page", "touch"],
            "code_challenge_methods_supported": ["S256"],
            "ui_locales_supported": Language::ALL.map(Language::tag),
            "claims_parameter_supported": true,
            "request_parameter_supported": true,
            "request_object_signing_alg_values_supported": ["RS512"],
            "require_signed_request_object": false,
            "request_uri_parameter_supported": false,
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Where the trustmark is that says what these words mean: what tokens name as `vtm`. `Cm` is one thing to NHS login and
    /// another to One Login, so that each has its own.
    pub(crate) fn trustmark(&self, words: Words) -> String {
        match words {
            Words::Nhs => format!("{}/trustmark/{}", self.issuer, self.host),
            Words::OneLogin => format!("{}/trustmark", self.issuer),
        }
    }

    /// The trustmark of One Login's words.
    pub(crate) fn trustmark_of_departments(&self) -> Value {
        json!({
            "idp": self.issuer,
            "trustmark_provider": self.issuer,
            "P": ["P0", "P1", "P2"],
            "C": ["Cl", "Cl.Cm"],
        })
    }

    /// The trustmark of a host; nothing for a host that is not ours.
    pub(crate) fn trustmark_of(&self, host: &str) -> Option<Value> {
        (host == self.host).then(|| {
            json!({
                "idp": self.issuer,
                "trustmark_provider": self.issuer,
                "P": ["P0", "P5", "P9"],
                "C": ["Cp", "Cd", "Ck", "Cm"],
            })
        })
    }
}
