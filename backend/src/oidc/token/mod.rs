//! The token endpoint: a client that has proven itself exchanges what it was given for tokens (RFC 6749, section 3.2).
//!
//! One file a grant type. Whatever a grant rests on (the client, the account, the consent) is judged at every exchange, from
//! the registry and the store, and never believed from a token.

mod code;
mod error;
mod exchange;
mod machine;
mod mint;
mod proven;
mod refresh;
#[cfg(test)]
mod tests;

pub(crate) use error::TokenError;
use error::invalid_grant;
pub(crate) use mint::Tokens;
pub(crate) use proven::Proven;

use super::Provider;
use super::authorize::Present;
use super::bound::Holding;
use super::client::Client;
use super::parameters::Parameters;
use crate::fault::NotDone;
use crate::model::{Account, Consent};
use aldgate_core::id::AccountId;
use aldgate_core::session::record::SessionRecord;
use aldgate_core::time::Timestamp;
use aldgate_core::token::grant::Binding;

/// What an exchange comes to.
type Exchanged<T> = Result<T, NotDone<TokenError>>;

/// The grant type of an assertion that stands for the client itself (RFC 7523, section 2.1).
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The endpoint's path.
const PATH: &str = "/token";

impl Provider {
    /// Exchanges what a request shows for tokens.
    pub(crate) async fn exchange(
        &self,
        parameters: &Parameters,
        holding: Holding<'_>,
        now: Timestamp,
    ) -> Exchanged<Tokens> {
        let grant_type = parameters.get("grant_type");
        if grant_type == Some(JWT_BEARER) {
            let text = parameters
                .get("assertion")
                .ok_or_else(|| NotDone::Refused(TokenError::InvalidRequest("assertion is missing".into())))?;
            let proven = self.proven_by(text, parameters, TokenError::InvalidGrant, PATH, now).await?;
            let binding = self.binding_of(&proven, holding, now).await?;
            return self.for_itself(&proven, parameters, binding, now);
        }
        let proven = self.proven(parameters, PATH, holding.certificate, now).await?;
        let binding = self.binding_of(&proven, holding, now).await?;
        match grant_type {
            Some("authorization_code") => self.redeem(&proven, parameters, binding, now).await,
            Some("refresh_token") => self.refresh(&proven, parameters, binding, now).await,
            Some(exchange::GRANT_TYPE) => self.exchange_token(&proven, parameters, binding, now).await,
            Some("client_credentials") => self.for_itself(&proven, parameters, binding, now),
            Some(_) => Err(NotDone::Refused(TokenError::UnsupportedGrantType)),
            None => Err(NotDone::Refused(TokenError::InvalidRequest("grant_type is missing".into()))),
        }
    }

    /// To what the tokens are bound: the key of a proof, else the certificate of a client that is registered for that; to
    /// nothing only where the profile and the client allow it.
    async fn binding_of(&self, proven: &Proven, holding: Holding<'_>, now: Timestamp) -> Exchanged<Option<Binding>> {
        if let Some(key) = self.proven_key(holding.proof, PATH, now).await? {
            return Ok(Some(Binding::Key(key)));
        }
        let client = proven.client();
        let keyless = || {
            let missing = "this client's tokens are bound to a key: the DPoP header is missing";
            NotDone::Refused(TokenError::InvalidDpopProof(missing.into()))
        };
        if client.is_key_bound() {
            return Err(keyless());
        }
        match holding.certificate.filter(|_| client.is_certificate_bound()) {
            Some(shown) => Ok(Some(Binding::Certificate(*shown.sha256()))),
            None if client.is_certificate_bound() => {
                let missing = "this client's tokens are bound to its certificate: the connection has shown none";
                Err(NotDone::Refused(TokenError::InvalidRequest(missing.into())))
            }
            None if client.profile().rules().bound_tokens => Err(keyless()),
            None => Ok(None),
        }
    }

    /// What a grant rests on, if it still stands: the account, and what its owner allows the client now.
    async fn resting_on(&self, client: &Client, person: &AccountId) -> Exchanged<(Account, Consent)> {
        let account = self.store.account(person).await?.ok_or_else(|| invalid_grant("the account is closed"))?;
        let consent = self.store.consent(person, client.id().as_str()).await?;
        let consent = consent.ok_or_else(|| invalid_grant("the person does not allow it any more"))?;
        Ok((account, consent))
    }

    /// The session in which something was allowed, if it still stands.
    async fn standing_session(&self, person: &Present) -> Exchanged<Option<SessionRecord>> {
        let record = self.warm.session(&person.session).await?;
        Ok(record.filter(|record| record.account == person.account))
    }
}
