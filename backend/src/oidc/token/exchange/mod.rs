//! `urn:ietf:params:oauth:grant-type:token-exchange` (RFC 8693): a client that was given a token about a person exchanges
//! it for one that is good at another service, for no more than the first one and no longer.
//!
//! What is exchanged is a token of ours that stands now: it names its grant, and so does the new one, which ends with it, or
//! alone, when the client ends it that has it.
//! A client may show what was given to itself, and what is for a service that it stands for; for which services it gets
//! tokens is registered, and nothing if nothing is. Who acts is always said: the person of an actor token, whom the subject
//! token must name (`may_act`), or the client, if it is not the one to which the token was given.

mod act;
mod party;

use super::mint::{Minting, Tokens};
use super::{Exchanged, Proven, TokenError};
use crate::fault::NotDone;
use crate::oidc::Provider;
use crate::oidc::claim::ClaimSet;
use crate::oidc::client::Client;
use crate::oidc::parameters::Parameters;
use crate::oidc::resource::{BadTarget, Resources};
use crate::oidc::scope::Scopes;
use act::Actor;
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Binding;
use party::{Party, Person, Role};
use serde_json::Value;
use std::time::Duration;

/// The grant type (RFC 8693, section 2.1).
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The type of what is given, and of what may be shown (RFC 8693, section 3).
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// A refusal of what is shown (RFC 8693, section 2.2.2).
fn invalid(what: impl Into<String>) -> NotDone<TokenError> {
    NotDone::Refused(TokenError::InvalidRequest(what.into()))
}

impl Provider {
    /// Exchanges a token for one that is good elsewhere.
    pub(super) async fn exchange_token(
        &self,
        proven: &Proven,
        parameters: &Parameters,
        binding: Option<Binding>,
        now: Timestamp,
    ) -> Exchanged<Tokens> {
        let client = proven.client();
        let targets = self.targets(client, parameters)?;
        let subject = self.party(Role::Subject, parameters, now).await?;
        let subject = subject.ok_or_else(|| invalid("subject_token is missing"))?;
        subject.may_be_shown_by(client, binding).map_err(invalid)?;
        let person = subject.person().ok_or_else(|| invalid("subject_token is about no person"))?;
        let actor = self.party(Role::Actor, parameters, now).await?;
        let act = self.acting(client, &subject, actor.as_ref(), binding)?;
        let scopes = narrowed(parameters.get("scope"), subject.scopes(person)).map_err(NotDone::Refused)?;
        let ends = actor.as_ref().map_or(subject.expires, |actor| subject.expires.min(actor.expires));
        let life = client.profile().rules().access_token.min(ends.since(now));
        if life < Duration::from_secs(1) {
            return Err(invalid("subject_token or actor_token has expired"));
        }
        self.exchanged(client, person, Given { scopes, targets: &targets, binding, life, act, now }).await
    }

    /// The services that the new token is for: those that are named, of those for which the client may exchange tokens. It
    /// is never for the provider, which gives tokens to people and their clients.
    fn targets(&self, client: &Client, parameters: &Parameters) -> Exchanged<Resources> {
        if client.exchange_for().is_empty() {
            return Err(NotDone::Refused(TokenError::UnauthorizedClient));
        }
        if parameters.get("requested_token_type").is_some_and(|kind| kind != ACCESS_TOKEN) {
            return Err(invalid(format!("requested_token_type must be {ACCESS_TOKEN}")));
        }
        let targets = Resources::targets(parameters, client.exchange_for())?;
        if targets.has(&self.issuer) { Err(BadTarget::NotRegistered.into()) } else { Ok(targets) }
    }

    /// The `act` of the new token: who acts now, and who did before.
    fn acting(
        &self,
        client: &Client,
        subject: &Party,
        actor: Option<&Party>,
        binding: Option<Binding>,
    ) -> Exchanged<Option<Value>> {
        let before = subject.claims.get("act");
        let actor = match actor {
            Some(actor) => {
                actor.is_own_of(client, binding).map_err(invalid)?;
                match actor.person() {
                    Some(person) => Actor::Person {
                        known_as: self.subject(&subject.client, &person.grant.account),
                        told_as: self.subject(client, &person.grant.account),
                        vector: client.profile().rules().trust.tell(person.record.vector),
                    },
                    None => Actor::Client(client.id().as_str()),
                }
            }
            None if subject.client.id() != client.id() => Actor::Client(client.id().as_str()),
            None => return Ok(before.cloned()),
        };
        actor.may_act(subject.claims.get("may_act"), &self.issuer).map_err(|bad| invalid(bad.to_string()))?;
        actor.after(before, &self.issuer).map(Some).map_err(|bad| invalid(bad.to_string()))
    }

    async fn exchanged(&self, client: &Client, of: &Person, given: Given<'_>) -> Exchanged<Tokens> {
        let account = self.store.account(&of.grant.account).await?;
        let account = account.ok_or_else(|| invalid("the account is closed"))?;
        let person = self.store.person(&account.id).await?;
        let minting = Minting {
            client,
            grant: of.grant.id,
            account: &account,
            person: &person,
            scopes: given.scopes,
            audience: given.targets.audience(&self.issuer),
            in_id_token: ClaimSet::NONE, // There is none.
            vector: of.record.vector,
            authenticated: of.record.authenticated,
            binding: given.binding,
            life: given.life,
            act: given.act,
            now: given.now,
        };
        Ok(self.mint(&minting, None, None)?.of_exchange())
    }
}

/// What of a subject's is given.
struct Given<'a> {
    scopes: Scopes,
    targets: &'a Resources,
    binding: Option<Binding>,
    life: Duration,
    act: Option<Value>,
    now: Timestamp,
}

/// What is asked for, of what the subject token is good for: less, and never more.
fn narrowed(scope: Option<&str>, allowed: Scopes) -> Result<Scopes, TokenError> {
    let invalid = |what: &str| TokenError::InvalidScope(what.to_owned());
    let scopes = scope.map_or(allowed, Scopes::requested);
    if !scopes.is_within(allowed) {
        return Err(invalid("scope is more than the subject_token is good for"));
    }
    if scopes == Scopes::default() { Err(invalid("scope is empty")) } else { Ok(scopes) }
}
