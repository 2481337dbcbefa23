//! `client_credentials` (RFC 6749, section 4.4) and `urn:ietf:params:oauth:grant-type:jwt-bearer` (RFC 7523, section 2.1):
//! a client asks for itself, about nobody. The token is not of a grant: it ends with its time, with the client, or alone,
//! when the client ends it.

use super::mint::Tokens;
use super::{Exchanged, Proven, TokenError};
use crate::fault::{Fault, NotDone};
use crate::oidc::Provider;
use crate::oidc::bound::confirmation;
use crate::oidc::client::Client;
use crate::oidc::parameters::Parameters;
use crate::oidc::resource::Resources;
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Binding;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

impl Provider {
    /// A token for the client itself.
    pub(super) fn for_itself(
        &self,
        proven: &Proven,
        parameters: &Parameters,
        binding: Option<Binding>,
        now: Timestamp,
    ) -> Exchanged<Tokens> {
        let client = proven.client();
        if client.machine_scopes().is_empty() {
            return Err(NotDone::Refused(TokenError::UnauthorizedClient));
        }
        let scope = asked_for(client, parameters.get("scope")).map_err(NotDone::Refused)?;
        let own = Resources::default().narrowed(parameters, &self.issuer);
        let resources = own.or_else(|_| Resources::asked(parameters, client.resources()))?;
        let access_token = self.machine_token(client, &scope, &resources, binding, now)?;
        Ok(Tokens::of_machine(access_token, client.profile().rules().access_token, scope, binding))
    }

    fn machine_token(
        &self,
        client: &Client,
        scope: &str,
        resources: &Resources,
        binding: Option<Binding>,
        now: Timestamp,
    ) -> Result<String, Fault> {
        let rules = client.profile().rules();
        let id: [u8; 16] = self.entropy.bytes()?;
        let mut claims = json!({
            "iss": self.issuer,
            "sub": client.id().as_str(),
            "aud": resources.audience(&self.issuer),
            "client_id": client.id().as_str(),
            "iat": now.as_secs(),
            "exp": now.plus(rules.access_token).as_secs(),
            "jti": URL_SAFE_NO_PAD.encode(id),
            "scope": scope,
            "token_use": "access",
            "version": 0,
        });
        if let Some(binding) = &binding {
            claims["cnf"] = confirmation(binding);
        }
        Ok(self.keys.sign(rules.signing, rules.access_token_kind, &claims, now)?)
    }
}

/// What is asked for, of what the client is registered for; all of that, if nothing is said.
fn asked_for(client: &Client, scope: Option<&str>) -> Result<String, TokenError> {
    let Some(text) = scope else { return Ok(client.machine_scopes().join(" ")) };
    let mut scopes: Vec<&str> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        if !client.machine_scopes().iter().any(|registered| registered == scope) {
            return Err(TokenError::InvalidScope("scope holds one that this client is not approved for".into()));
        }
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() { Err(TokenError::InvalidScope("scope is empty".into())) } else { Ok(scopes.join(" ")) }
}
