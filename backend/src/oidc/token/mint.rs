//! The tokens that a client gets, and what they say (NHS login, EIS 4.2 and 4.3).

use crate::fault::Fault;
use crate::model::{Account, GrantId, Person};
use crate::oidc::Provider;
use crate::oidc::bound::confirmation;
use crate::oidc::claim::ClaimSet;
use crate::oidc::claims::Telling;
use crate::oidc::client::Client;
use crate::oidc::jws::Kind;
use crate::oidc::scope::Scopes;
use crate::oidc::token_name::Named;
use aldgate_core::assurance::Vector;
use aldgate_core::id::SessionId;
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Binding;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The answer of the token endpoint (RFC 6749, section 5.1).
#[derive(Debug, Serialize)]
pub(crate) struct Tokens {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
}

impl Tokens {
    /// The same as the answer to an exchange of tokens (RFC 8693, section 2.2.1).
    pub(super) fn of_exchange(self) -> Self {
        Self { issued_token_type: Some(super::exchange::ACCESS_TOKEN), ..self }
    }

    /// A token of a client's own.
    pub(super) fn of_machine(access_token: String, life: Duration, scope: String, binding: Option<Binding>) -> Self {
        let expires_in = life.as_secs();
        let token_type = token_type(binding.as_ref());
        Self {
            access_token,
            token_type,
            expires_in,
            refresh_token: None,
            scope,
            id_token: None,
            issued_token_type: None,
        }
    }
}

/// RFC 6750, and RFC 9449, section 5. A token that is bound to a certificate is shown as it is.
const fn token_type(binding: Option<&Binding>) -> &'static str {
    match binding {
        Some(Binding::Key(_)) => "DPoP",
        Some(Binding::Certificate(_)) | None => "bearer",
    }
}

/// What tokens are made of.
pub(super) struct Minting<'a> {
    /// For whom.
    pub(super) client: &'a Client,
    /// Of which grant.
    pub(super) grant: GrantId,
    /// About whom.
    pub(super) account: &'a Account,
    /// What was verified of them.
    pub(super) person: &'a Person,
    /// What the tokens are good for.
    pub(super) scopes: Scopes,
    /// For whom the access token is.
    pub(super) audience: Value,
    /// What the ID token says besides, claim by claim.
    pub(super) in_id_token: ClaimSet,
    /// The vector of trust that was met.
    pub(super) vector: Vector,
    /// When the person had last proved who they are.
    pub(super) authenticated: Timestamp,
    /// To what the access token is bound.
    pub(super) binding: Option<Binding>,
    /// How long the access token lives.
    pub(super) life: Duration,
    /// Who acts for the person, if somebody does (RFC 8693, section 4.1).
    pub(super) act: Option<Value>,
    /// Now.
    pub(super) now: Timestamp,
}

impl Minting<'_> {
    fn telling(&self) -> Telling<'_> {
        Telling {
            account: self.account,
            person: self.person,
            scopes: self.scopes,
            asked: self.in_id_token,
            level: self.vector.identity,
            rules: self.client.profile().rules(),
        }
    }
}

impl Provider {
    /// The tokens; with an ID token where there is a `nonce` to answer or none was asked for.
    pub(super) fn mint(
        &self,
        of: &Minting<'_>,
        id_token: Option<String>,
        refresh_token: Option<String>,
    ) -> Result<Tokens, Fault> {
        Ok(Tokens {
            access_token: self.access_token(of)?,
            token_type: token_type(of.binding.as_ref()),
            expires_in: of.life.as_secs(),
            refresh_token,
            scope: of.scopes.to_string(),
            id_token,
            issued_token_type: None,
        })
    }

    /// What every token says.
    fn common(&self, of: &Minting<'_>, kind: Named, expires: Timestamp) -> Result<Map<String, Value>, Fault> {
        let words = of.client.profile().rules().trust;
        let claims = json!({
            "iss": self.issuer,
            "sub": self.subject(of.client, &of.account.id),
            "iat": of.now.as_secs(),
            "exp": expires.as_secs(),
            "jti": self.names.name(kind, &of.grant, &*self.entropy)?,
            "auth_time": of.authenticated.as_secs(),
            "vot": words.tell(of.vector),
            "vtm": self.trustmark(words),
        });
        let Value::Object(claims) = claims else { return Err(Fault::Invariant("an object is an object")) };
        Ok(claims)
    }

    fn access_token(&self, of: &Minting<'_>) -> Result<String, Fault> {
        let rules = of.client.profile().rules();
        let mut claims = self.common(of, Named::Access, of.now.plus(of.life))?;
        let mut put = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        put("aud", of.audience.clone());
        put("client_id", of.client.id().as_str().into());
        put("scope", of.scopes.to_string().into());
        put("token_use", "access".into());
        put("version", 0.into());
        if let Some(binding) = &of.binding {
            put("cnf", confirmation(binding));
        }
        if let Some(number) = of.telling().nhs_number() {
            put("nhs_number", number.into());
            if of.act.is_none() {
                put("reason_for_request", "patientaccess".into());
                put("requesting_patient", number.into());
                if let Some(system) = of.client.requesting_system() {
                    put("requesting_system", system.into());
                }
            }
        }
        if let Some(act) = &of.act {
            put("act", act.clone());
        }
        Ok(self.keys.sign(rules.signing, rules.access_token_kind, &claims, of.now)?)
    }

    /// An ID token (OpenID Connect Core, section 2).
    pub(super) fn id_token(&self, of: &Minting<'_>, session: &SessionId, nonce: Option<&str>) -> Result<String, Fault> {
        let life = of.client.profile().rules().id_token;
        let mut claims = self.common(of, Named::Id, of.now.plus(life))?;
        claims.extend(of.telling().in_id_token());
        claims.insert("aud".into(), of.client.id().as_str().into());
        claims.insert("token_use".into(), "id".into());
        if of.client.logout().is_some() {
            claims.insert("sid".into(), self.sessions.name(session, of.client.id().as_str()).into());
        }
        if let Some(nonce) = nonce {
            claims.insert("nonce".into(), nonce.into());
        }
        Ok(self.keys.sign(of.client.id_token_signing(), Kind::Jwt, &claims, of.now)?)
    }
}
