//! A token that is shown in an exchange: of ours, of the kind that it is said to be, and standing now. Whatever ends a
//! grant ends what can be made of its tokens.

use super::{ACCESS_TOKEN, ID_TOKEN, invalid};
use crate::model::Grant;
use crate::oidc::Provider;
use crate::oidc::client::Client;
use crate::oidc::grant_record::GrantRecord;
use crate::oidc::introspection::is_access;
use crate::oidc::parameters::Parameters;
use crate::oidc::resource;
use crate::oidc::scope::Scopes;
use crate::oidc::token::Exchanged;
use crate::oidc::token_name::Named;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::grant::Binding;
use serde_json::Value;
use std::sync::Arc;

/// What a token is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// About whom the new token is.
    Subject,
    /// Who acts.
    Actor,
}

impl Role {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Subject => ("subject_token", "subject_token_type"),
            Self::Actor => ("actor_token", "actor_token_type"),
        }
    }
}

/// A person, by a grant of theirs that stands.
pub(super) struct Person {
    /// The grant.
    pub(super) grant: Grant,
    /// What it allows.
    pub(super) record: GrantRecord,
}

/// A token that is good now.
pub(super) struct Party {
    kind: Named,
    /// What it says.
    pub(super) claims: Claims,
    /// The client to which it was given.
    pub(super) client: Arc<Client>,
    /// When it ends.
    pub(super) expires: Timestamp,
    binding: Option<Binding>,
    person: Option<Person>,
}

impl Party {
    /// The person that it is about; nothing for a token of a client's own.
    pub(super) const fn person(&self) -> Option<&Person> {
        self.person.as_ref()
    }

    /// What it is good for: an ID token for what its grant is.
    pub(super) fn scopes(&self, person: &Person) -> Scopes {
        match self.kind {
            Named::Id => person.record.scopes,
            Named::Access => {
                let said = self.claims.get("scope").and_then(Value::as_str).map(Scopes::requested).unwrap_or_default();
                said.and(person.record.scopes)
            }
        }
    }

    /// Whether a client may exchange it: it was given to that client, or is for a service that the client stands for. One
    /// that is bound is shown by its holder, or becomes one that is bound to something of that service's: it never becomes
    /// a token that anybody can use.
    pub(super) fn may_be_shown_by(&self, client: &Client, shown: Option<Binding>) -> Result<(), &'static str> {
        if self.client.id() == client.id() {
            return self.is_own_of(client, shown);
        }
        let for_its_service = self.kind == Named::Access && client.stands_for(self.claims.get("aud"));
        match (for_its_service, self.binding, shown) {
            (false, _, _) => Err("subject_token was not given to this client, and is for no service of its own"),
            (true, Some(_), None) => Err("subject_token is bound: show a DPoP proof or a certificate of your own"),
            (true, _, _) => Ok(()),
        }
    }

    /// Whether it was given to a client, which holds what it is bound to.
    pub(super) fn is_own_of(&self, client: &Client, shown: Option<Binding>) -> Result<(), &'static str> {
        if self.client.id() != client.id() {
            return Err("actor_token was not given to this client");
        }
        match self.binding {
            Some(_) if self.binding != shown => Err("a token is bound to another key or certificate than was shown"),
            _ => Ok(()),
        }
    }
}

impl Provider {
    /// The token that a request shows in a role, if it shows one.
    pub(super) async fn party(&self, role: Role, parameters: &Parameters, now: Timestamp) -> Exchanged<Option<Party>> {
        let (token, kind) = role.names();
        let (text, kind_of) = match (parameters.get(token), parameters.get(kind)) {
            (None, None) => return Ok(None),
            (Some(text), Some(ACCESS_TOKEN)) => (text, Named::Access),
            (Some(text), Some(ID_TOKEN)) => (text, Named::Id),
            (Some(_), _) => return Err(invalid(format!("{kind} must be that of an access token or of an ID token"))),
            (None, Some(_)) => return Err(invalid(format!("{token} is missing"))),
        };
        let party = self.standing_party(text, kind_of, now).await?;
        party.map(Some).ok_or_else(|| invalid(format!("{token} is none of ours, or none any more")))
    }

    async fn standing_party(&self, text: &str, kind: Named, now: Timestamp) -> Exchanged<Option<Party>> {
        let Some(claims) = self.own_claims(text, now).await? else { return Ok(None) };
        let (Ok(Some(expires)), Ok(binding)) = (claims.date("exp"), claims.binding()) else { return Ok(None) };
        let client = match kind {
            Named::Access => claims.text("client_id").ok().flatten(),
            Named::Id => claims.get("aud").and_then(Value::as_str),
        };
        let Some(client) = client.and_then(|id| self.registry.in_use(id)) else { return Ok(None) };
        if kind == Named::Access && self.has_ended_alone(&claims).await? {
            return Ok(None);
        }
        let person = if kind == Named::Access && self.is_of_a_client(&claims, &client) {
            None
        } else {
            let Some(person) = self.person_of(&claims, kind, now).await? else { return Ok(None) };
            Some(person)
        };
        Ok(Some(Party { kind, claims, client, expires, binding, person }))
    }

    /// The person of a token's grant, if that stands.
    async fn person_of(&self, claims: &Claims, kind: Named, now: Timestamp) -> Exchanged<Option<Person>> {
        let name = claims.text("jti").ok().flatten();
        let Some(id) = name.and_then(|name| self.names.grant(kind, name)) else { return Ok(None) };
        let Some(grant) = self.standing(&id, now).await? else { return Ok(None) };
        Ok(GrantRecord::decode(&grant.record).map(|record| Person { grant, record }))
    }

    /// Whether an access token is one that a client has got for itself.
    fn is_of_a_client(&self, claims: &Claims, client: &Client) -> bool {
        is_access(claims) && resource::names(claims.get("sub"), client.id().as_str())
    }
}
