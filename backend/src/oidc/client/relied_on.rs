//! Members of metadata on whose effect a client would rely, and what is done of each here: of most of them nothing. A client
//! that was told they are registered would believe that nobody reads its answers, or that somebody has just signed in.

use super::BadRegistration;
use crate::oidc::profile::{Rules, SubjectKind};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is not done at all: OpenID Connect Dynamic Client Registration, section 2; Front-Channel Logout, section 2; RFC 8705,
/// section 2.1.2; RFC 9701, section 6; JARM, section 3.
const NOT_DONE: [&str; 18] = [
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "introspection_encrypted_response_alg",
    "introspection_encrypted_response_enc",
    "authorization_signed_response_alg",
    "authorization_encrypted_response_alg",
    "authorization_encrypted_response_enc",
    "default_max_age",
    "default_acr_values",
    "frontchannel_logout_uri",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
];

const SUBJECT_TYPE: &str = "subject_type";
const INTROSPECTION_SIGNING: &str = "introspection_signed_response_alg";
const ASSERTION_SIGNING: &str = "token_endpoint_auth_signing_alg";

/// What is done in one way, which the client's profile says.
const DONE: [&str; 3] = [SUBJECT_TYPE, INTROSPECTION_SIGNING, ASSERTION_SIGNING];

/// Those of them that a client has sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Map<String, Value>", into = "Map<String, Value>")]
pub(crate) struct ReliedOn(Map<String, Value>);

impl From<Map<String, Value>> for ReliedOn {
    fn from(mut members: Map<String, Value>) -> Self {
        let known = |name: &str| NOT_DONE.contains(&name) || DONE.contains(&name);
        members.retain(|name, value| known(name) && !value.is_null());
        Self(members)
    }
}

impl From<ReliedOn> for Map<String, Value> {
    fn from(relied_on: ReliedOn) -> Self {
        relied_on.0
    }
}

impl ReliedOn {
    /// What a client relies on in vain that is served by these rules.
    pub(super) fn in_vain(&self, rules: &Rules) -> Vec<BadRegistration> {
        let sent = |name: &str| self.0.get(name);
        let not_done = NOT_DONE.into_iter().filter(|name| sent(name).is_some()).map(|field| {
            let message = "is not done here: leave it out".to_owned();
            BadRegistration { field, message }
        });
        let otherwise = |(field, ours): (&'static str, Option<String>)| {
            let said = sent(field).filter(|said| said.as_str() != ours.as_deref() || ours.is_none())?;
            let message = ours.map_or_else(|| format!("is not held to {said}: leave it out"), must_be);
            Some(BadRegistration { field, message })
        };
        not_done.chain(done(rules).into_iter().filter_map(otherwise)).collect()
    }
}

/// The one way in which something is done; nothing where there are several.
fn done(rules: &Rules) -> [(&'static str, Option<String>); 3] {
    let subject = match rules.subject {
        SubjectKind::Public => "public",
        SubjectKind::Pairwise => "pairwise",
    };
    let assertion = match rules.client_signing {
        [only] => Some(format!("{only:?}")),
        _ => None,
    };
    [
        (SUBJECT_TYPE, Some(subject.to_owned())),
        (INTROSPECTION_SIGNING, Some(rules.signing.to_string())),
        (ASSERTION_SIGNING, assertion),
    ]
}

fn must_be(ours: impl std::fmt::Debug) -> String {
    format!("must be {ours:?}, or left out")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::profile::Profile;
    use serde_json::json;

    fn in_vain(sent: Value, profile: Profile) -> Vec<&'static str> {
        let relied_on: ReliedOn = serde_json::from_value(sent).expect("members");
        relied_on.in_vain(profile.rules()).iter().map(|bad| bad.field).collect()
    }

    #[test]
    fn what_is_not_done_cannot_be_relied_on() {
        for name in NOT_DONE {
            for value in [json!("RS256"), json!(300), json!([])] {
                assert_eq!(in_vain(json!({ name: value }), Profile::Nhs), [name]);
            }
            assert!(in_vain(json!({ name: null }), Profile::Nhs).is_empty(), "{name}");
        }
    }

    #[test]
    fn what_is_done_may_be_said() {
        let nhs = json!({
            "subject_type": "public", "introspection_signed_response_alg": "RS512",
            "token_endpoint_auth_signing_alg": "RS512", "software_id": "x",
        });
        assert!(in_vain(nhs, Profile::Nhs).is_empty());
        assert!(in_vain(json!({"subject_type": "pairwise"}), Profile::CrossGovernment).is_empty());
        for (sent, profile) in [
            (json!({"subject_type": "pairwise"}), Profile::Nhs),
            (json!({"subject_type": "public"}), Profile::CrossGovernment),
            (json!({"subject_type": ["public"]}), Profile::Nhs),
            (json!({"introspection_signed_response_alg": "RS256"}), Profile::Nhs),
            (json!({"token_endpoint_auth_signing_alg": "PS256"}), Profile::Nhs),
            // Whichever of its keys is used is taken: it would believe that only one is.
            (json!({"token_endpoint_auth_signing_alg": "PS256"}), Profile::Fapi2),
            (json!({"token_endpoint_auth_signing_alg": ""}), Profile::Fapi2),
        ] {
            assert_eq!(in_vain(sent.clone(), profile).len(), 1, "{sent}");
        }
    }
}
