//! What a token is worth now, for whoever is shown one (RFC 7662), and its end before its time (RFC 7009).
//!
//! A client may ask about its own tokens; one that is registered as a resource server, about everybody's, or about those
//! that are for the services that it stands for. About anything else the answer is the same as about a token that there never was.
//!
//! What is told of an access token is what is left of it now: what its person allows no more and what its client may ask for no
//! more is taken from it though it says it itself.

use super::Provider;
use super::client::Client;
use super::grant_record::GrantRecord;
use super::jws::Kind;
use super::resource::ResourceUri;
use super::scope::Scopes;
use super::token::{Proven, TokenError};
use super::token_name::Named;
use crate::fault::{Fault, NotDone};
use crate::model::{Grant, GrantId};
use crate::oidc::parameters::Parameters;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::family;
use serde_json::{Map, Value, json};

/// What of an access token's claims an introspection tells.
const TOLD: [&str; 13] =
    ["iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope", "auth_time", "vot", "cnf", "act", "may_act"];

/// A token that somebody has shown, and that is good now.
enum Shown {
    /// An access token: its claims.
    Access(Map<String, Value>),
    /// The refresh token that is the good one of its family.
    Refresh(Grant),
}

impl Shown {
    /// For whom it is; a refresh token is for nobody but its client.
    fn audience(&self) -> Option<&Value> {
        match self {
            Self::Access(claims) => claims.get("aud"),
            Self::Refresh(_) => None,
        }
    }

    fn client(&self) -> Option<&str> {
        match self {
            Self::Access(claims) => claims.get("client_id").and_then(Value::as_str),
            Self::Refresh(grant) => Some(&grant.client),
        }
    }
}

impl Provider {
    /// Says what a token is worth (RFC 7662, section 2.2).
    pub(crate) async fn introspect(
        &self,
        asking: &Proven,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Value, NotDone<TokenError>> {
        let inactive = json!({"active": false});
        let Some(shown) = self.shown(token(parameters)?, now).await? else { return Ok(inactive) };
        let client = asking.client();
        let may_know = client.is_resource_server_of(shown.audience()) || shown.client() == Some(client.id().as_str());
        if !may_know {
            return Ok(inactive);
        }
        Ok(match shown {
            Shown::Access(mut claims) => {
                claims.retain(|name, _| TOLD.contains(&name.as_str()));
                claims.insert("active".into(), true.into());
                let kind =
                    if claims.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some()) { "DPoP" } else { "Bearer" };
                claims.insert("token_type".into(), kind.into());
                Value::Object(claims)
            }
            Shown::Refresh(grant) => {
                let scopes = GrantRecord::decode(&grant.record).map(|record| record.scopes).unwrap_or_default();
                self.told_of_refresh(&grant, scopes)
            }
        })
    }

    fn told_of_refresh(&self, grant: &Grant, scopes: Scopes) -> Value {
        json!({
            "active": true,
            "iss": self.issuer,
            "sub": self.registry.find(&grant.client).map(|client| self.subject(&client, &grant.account)),
            "client_id": grant.client,
            "scope": scopes.to_string(),
            "iat": grant.created.as_secs(),
            "exp": grant.expires.as_secs(),
        })
    }

    /// The same as a signed answer for whoever asked (RFC 9701, section 5).
    pub(crate) fn sign_introspection(&self, asking: &Client, told: &Value, now: Timestamp) -> Result<String, Fault> {
        let claims = json!({
            "iss": self.issuer,
            "aud": asking.id().as_str(),
            "iat": now.as_secs(),
            "token_introspection": told,
        });
        Ok(self.keys.sign(asking.profile().rules().signing, Kind::Introspection, &claims, now)?)
    }

    /// Ends a token that was given to the client, and its grant if that is the client's too (RFC 7009, section 2.1). Nothing
    /// is said of whether there was one.
    pub(crate) async fn revoke(
        &self,
        asking: &Proven,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), NotDone<TokenError>> {
        let (token, client) = (token(parameters)?, asking.client().id().as_str());
        if let Some(refresh) = self.refresh_tokens.read(token, now) {
            self.end_grant_of(client, &refresh.grant, now).await?; // An older one of the family ends it as well.
            return Ok(());
        }
        let Some(claims) = self.own_claims(token, now).await? else { return Ok(()) };
        if !is_access(&claims) || claims.text("client_id").ok().flatten() != Some(client) {
            return Ok(());
        }
        let of_its_grant = match self.grant_of(&claims) {
            Some(grant) => self.end_grant_of(client, &grant, now).await?,
            None => false,
        };
        if !of_its_grant {
            self.end_alone(&claims).await?; // The client has it for itself, or from another's grant by exchange.
        }
        Ok(())
    }

    /// Ends a grant, if it is a client's. False if it is not.
    async fn end_grant_of(&self, client: &str, id: &GrantId, now: Timestamp) -> Result<bool, Fault> {
        let own = self.store.grant(id).await?.is_some_and(|grant| grant.client == client);
        if own {
            self.end_grant(id, now).await?;
        }
        Ok(own)
    }

    /// Ends a grant: here, and in every gateway.
    pub(super) async fn end_grant(&self, id: &GrantId, now: Timestamp) -> Result<(), Fault> {
        if self.store.revoke_grant(id, now).await? {
            self.herald.tell().await;
        }
        Ok(())
    }

    /// Ends an access token by its name, and nothing with it.
    async fn end_alone(&self, claims: &Claims) -> Result<(), Fault> {
        if let (Ok(Some(name)), Ok(Some(expires))) = (claims.text("jti"), claims.date("exp")) {
            self.warm.revoke_token(&family::of_name(name), expires).await?;
        }
        Ok(())
    }

    /// Whether an access token was ended alone.
    pub(super) async fn has_ended_alone(&self, claims: &Claims) -> Result<bool, Fault> {
        let Some(name) = claims.text("jti").ok().flatten() else { return Ok(false) };
        Ok(self.warm.token_revoked(&family::of_name(name)).await?)
    }

    fn grant_of(&self, claims: &Claims) -> Option<GrantId> {
        self.names.grant(Named::Access, claims.text("jti").ok().flatten()?)
    }

    /// A token, if it is good now.
    async fn shown(&self, token: &str, now: Timestamp) -> Result<Option<Shown>, Fault> {
        if let Some(refresh) = self.refresh_tokens.read(token, now) {
            let grant = self.standing(&refresh.grant, now).await?;
            return Ok(grant.filter(|grant| grant.generation == refresh.generation).map(Shown::Refresh));
        }
        let Some(claims) = self.own_claims(token, now).await? else { return Ok(None) };
        let client = claims.text("client_id").ok().flatten().and_then(|id| self.registry.in_use(id));
        let (true, Some(client)) = (is_access(&claims), client) else { return Ok(None) };
        if self.has_ended_alone(&claims).await? {
            return Ok(None);
        }
        let Some(audience) = self.audience_left(&client, claims.get("aud")) else { return Ok(None) };
        let own = claims.text("sub").ok().flatten() == Some(client.id().as_str());
        let left = if own {
            left_of_a_clients_own(claims.into_members(), &client)
        } else {
            let Some(id) = self.grant_of(&claims) else { return Ok(None) };
            let Some(grant) = self.standing(&id, now).await? else { return Ok(None) };
            GrantRecord::decode(&grant.record).map(|record| left(claims.into_members(), &client, &record))
        };
        Ok(left.map(|mut members| {
            members.insert("aud".into(), audience);
            Shown::Access(members)
        }))
    }

    /// Those of an `aud` for which a client may still have a token: us, and services of its registration.
    fn audience_left(&self, client: &Client, audience: Option<&Value>) -> Option<Value> {
        let may_be = |name: &Value| {
            let services = client.resources().iter().chain(client.exchange_for()).map(ResourceUri::as_str);
            services.chain([self.issuer.as_str()]).any(|service| name == service)
        };
        match audience? {
            Value::Array(several) => {
                let left: Vec<Value> = several.iter().filter(|name| may_be(name)).cloned().collect();
                (!left.is_empty()).then(|| left.into())
            }
            one => may_be(one).then(|| one.clone()),
        }
    }

    /// A grant whose client, account and consent stand, and that has not ended; its record says what they leave of it.
    pub(crate) async fn standing(&self, id: &GrantId, now: Timestamp) -> Result<Option<Grant>, Fault> {
        let grant = self.store.grant(id).await?.filter(|grant| !grant.revoked && grant.expires > now);
        let Some(grant) = grant else { return Ok(None) };
        let Some(client) = self.registry.in_use(&grant.client) else { return Ok(None) };
        let account = self.store.account(&grant.account).await?;
        let consent = self.store.consent(&grant.account, &grant.client).await?;
        let (Some(_), Some(consent)) = (account, consent) else { return Ok(None) };
        let left = GrantRecord::decode(&grant.record).map(|record| record.within(&client).allowed_by(&consent));
        Ok(left.map(|left| Grant { record: left.encode(), ..grant }))
    }
}

/// An access token as what is left of its grant lets it be.
fn left(mut claims: Map<String, Value>, client: &Client, record: &GrantRecord) -> Map<String, Value> {
    let said = claims.get("scope").and_then(Value::as_str).map(Scopes::requested).unwrap_or_default();
    claims.insert("scope".into(), said.and(record.scopes).to_string().into());
    claims.insert("vot".into(), client.profile().rules().trust.tell(record.vector).into());
    claims
}

/// A token that a client has for itself, with those of its scopes that it may still ask for; nothing if there is none.
fn left_of_a_clients_own(mut claims: Map<String, Value>, client: &Client) -> Option<Map<String, Value>> {
    let said = claims.get("scope").and_then(Value::as_str).unwrap_or_default();
    let left: Vec<&str> = said.split(' ').filter(|one| client.machine_scopes().iter().any(|own| own == one)).collect();
    let left = (!left.is_empty()).then(|| left.join(" "))?;
    claims.insert("scope".into(), left.into());
    Some(claims)
}

/// Whether claims are those of an access token.
pub(super) fn is_access(claims: &Claims) -> bool {
    claims.get("token_use").and_then(Value::as_str) == Some("access")
}

fn token(parameters: &Parameters) -> Result<&str, NotDone<TokenError>> {
    parameters.get("token").ok_or_else(|| NotDone::Refused(TokenError::InvalidRequest("token is missing".into())))
}
