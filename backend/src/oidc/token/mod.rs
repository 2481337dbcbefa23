//! The token endpoint: a client that has proven itself exchanges what it was given for tokens (RFC 6749, section 3.2).
//!
//! One file a grant type. Whatever a grant rests on (the client, the account, the consent) is judged at every exchange, from
//! the registry and the store, and never believed from a token.

mod code;
mod error;
mod machine;
mod mint;
mod refresh;

pub(crate) use error::TokenError;
pub(crate) use mint::Tokens;

use super::Provider;
use super::authorize::Present;
use super::client::Client;
use super::client_assertion::{ASSERTION_TYPE, AssertionRules, Audience, ProvenClient, UnverifiedAssertion};
use super::parameters::Parameters;
use crate::fault::NotDone;
use crate::model::Account;
use aldgate_core::id::AccountId;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use std::sync::Arc;

/// What an exchange comes to.
type Exchanged<T> = Result<T, NotDone<TokenError>>;

/// The grant type of an assertion that stands for the client itself (RFC 7523, section 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The endpoint's path.
const PATH: &str = "/token";

/// A client that has just proven itself.
pub(crate) struct Proven {
    client: Arc<Client>,
    /// That it has.
    _proof: ProvenClient,
}

impl Proven {
    /// Which one.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

impl Provider {
    /// Exchanges what a request shows for tokens.
    pub(crate) async fn exchange(
        &self,
        parameters: &Parameters,
        proof: Option<&str>,
        now: Timestamp,
    ) -> Exchanged<Tokens> {
        let grant_type = parameters.get("grant_type");
        if grant_type == Some(JWT_BEARER) {
            let text = parameters
                .get("assertion")
                .ok_or_else(|| NotDone::Refused(TokenError::InvalidRequest("assertion is missing".into())))?;
            let proven = self.proven_by(text, parameters, TokenError::InvalidGrant, PATH, now).await?;
            let key = self.key_of(&proven, proof, now).await?;
            return self.for_itself(&proven, parameters, key, now);
        }
        let proven = self.proven(parameters, PATH, now).await?;
        let key = self.key_of(&proven, proof, now).await?;
        match grant_type {
            Some("authorization_code") => self.redeem(&proven, parameters, key, now).await,
            Some("refresh_token") => self.refresh(&proven, parameters, key, now).await,
            Some("client_credentials") => self.for_itself(&proven, parameters, key, now),
            Some(_) => Err(NotDone::Refused(TokenError::UnsupportedGrantType)),
            None => Err(NotDone::Refused(TokenError::InvalidRequest("grant_type is missing".into()))),
        }
    }

    /// The key to which the tokens are bound; none only where the profile allows that.
    async fn key_of(&self, proven: &Proven, proof: Option<&str>, now: Timestamp) -> Exchanged<Option<[u8; 32]>> {
        let key = self.proven_key(proof, PATH, now).await?;
        if key.is_none() && proven.client.profile().rules().bound_tokens {
            let missing = "this client's tokens are bound to a key: the DPoP header is missing";
            return Err(NotDone::Refused(TokenError::InvalidDpopProof(missing.into())));
        }
        Ok(key)
    }

    /// The client that asks at an endpoint of ours, by the assertion that it has signed (RFC 7523, section 2.2).
    pub(crate) async fn proven(&self, parameters: &Parameters, path: &str, now: Timestamp) -> Exchanged<Proven> {
        let invalid = |description: &str| NotDone::Refused(TokenError::InvalidClient(description.to_owned()));
        if parameters.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(invalid("client_assertion_type must be that of a JWT"));
        }
        let text = parameters.get("client_assertion").ok_or_else(|| invalid("client_assertion is missing"))?;
        self.proven_by(text, parameters, TokenError::InvalidClient, path, now).await
    }

    /// The client, by an assertion; whatever is wrong with it is refused in the terms of `refusal`. Beside the token
    /// endpoint and the issuer, an assertion may be meant for the endpoint that is asked (RFC 9126, section 2; many
    /// libraries do so everywhere), where its profile does not want the issuer alone.
    async fn proven_by(
        &self,
        text: &str,
        parameters: &Parameters,
        refusal: fn(String) -> TokenError,
        path: &str,
        now: Timestamp,
    ) -> Exchanged<Proven> {
        let invalid = |description: &str| NotDone::Refused(refusal(description.to_owned()));
        let unverified = UnverifiedAssertion::parse(text).map_err(|refused| invalid(&refused.to_string()))?;
        let client = self.registry.in_use(unverified.client_id()).ok_or_else(|| invalid("the client is not known"))?;
        if parameters.get("client_id").is_some_and(|id| id != client.id().as_str()) {
            return Err(invalid("client_id is another client's than client_assertion"));
        }
        let [token, asked] = [PATH, path].map(|path| format!("{}{path}", self.issuer));
        let names = [token.as_str(), asked.as_str(), self.issuer.as_str()];
        let rules = client.profile().rules();
        let rules = AssertionRules {
            algorithms: rules.client_signing,
            audience: if rules.issuer_alone { Audience::Only(&self.issuer) } else { Audience::OneOf(&names) },
            life_max: rules.assertion_life,
        };
        let unspent = unverified.verify(client.keys(), rules, now).map_err(|refused| invalid(&refused.to_string()))?;
        let proof = unspent.spend(&*self.warm).await?.map_err(|refused| invalid(&refused.to_string()))?;
        Ok(Proven { client: client.clone(), _proof: proof })
    }

    /// The account that a grant rests on, if it still stands and its owner has not taken back what they
    /// allowed the client.
    async fn resting_on(&self, client: &Client, person: &AccountId) -> Exchanged<Account> {
        let gone = |what: &str| NotDone::Refused(TokenError::InvalidGrant(what.to_owned()));
        let account = self.store.account(person).await?.ok_or_else(|| gone("the account is closed"))?;
        let consent = self.store.consent(person, client.id().as_str()).await?;
        if consent.is_some() { Ok(account) } else { Err(gone("the person does not allow it any more")) }
    }

    /// The session in which something was allowed, if it still stands.
    async fn standing_session(&self, person: &Present) -> Exchanged<Option<SessionRecord>> {
        let record = self.warm.session(&person.session).await?;
        Ok(record.filter(|record| record.account == person.account))
    }
}
