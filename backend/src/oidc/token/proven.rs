//! How a client proves itself at every endpoint that programs ask: by an assertion that it has signed (RFC 7523), or by
//! the certificate of its connection (RFC 8705, section 2.1). Which of the two is registered, and the other is refused.

use super::{Exchanged, PATH, TokenError};
use crate::fault::NotDone;
use crate::oidc::Provider;
use crate::oidc::client::Client;
use crate::oidc::client_assertion::{ASSERTION_TYPE, AssertionRules, Audience, ProvenClient, UnverifiedAssertion};
use crate::oidc::parameters::Parameters;
use aldgate_core::time::Timestamp;
use aldgate_core::token::certificate_assertion::ShownCertificate;
use std::sync::Arc;

/// A client that has just proven itself. This file alone makes one.
pub(crate) struct Proven {
    client: Arc<Client>,
}

impl Proven {
    /// Which one.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn by_assertion(client: Arc<Client>, _proof: &ProvenClient) -> Self {
        Self { client }
    }

    /// The client, if the certificate has the name that is registered for it.
    fn by_certificate(client: Arc<Client>, shown: &ShownCertificate) -> Option<Self> {
        let named = client.certificate_name().is_some_and(|name| shown.has(name));
        named.then_some(Self { client })
    }
}

impl Provider {
    /// The client that asks at an endpoint of ours.
    pub(crate) async fn proven(
        &self,
        parameters: &Parameters,
        path: &str,
        certificate: Option<&ShownCertificate>,
        now: Timestamp,
    ) -> Exchanged<Proven> {
        let invalid = |description: &str| NotDone::Refused(TokenError::InvalidClient(description.to_owned()));
        if let Some(proven) = self.proven_by_certificate(parameters, certificate).map_err(NotDone::Refused)? {
            return Ok(proven);
        }
        if parameters.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(invalid("client_assertion_type must be that of a JWT"));
        }
        let text = parameters.get("client_assertion").ok_or_else(|| invalid("client_assertion is missing"))?;
        self.proven_by(text, parameters, TokenError::InvalidClient, path, now).await
    }

    /// The client that `client_id` names, where that one proves itself by a certificate; nothing where it does otherwise.
    fn proven_by_certificate(
        &self,
        parameters: &Parameters,
        certificate: Option<&ShownCertificate>,
    ) -> Result<Option<Proven>, TokenError> {
        let client = parameters.get("client_id").and_then(|id| self.registry.in_use(id));
        let Some(client) = client.filter(|client| client.certificate_name().is_some()) else { return Ok(None) };
        let proven = certificate.and_then(|shown| Proven::by_certificate(client, shown));
        let refusal = "this client proves itself by a certificate with its registered name, and none was shown";
        proven.map(Some).ok_or_else(|| TokenError::InvalidClient(refusal.into()))
    }

    /// The client, by an assertion; whatever is wrong with it is refused in the terms of `refusal`. Beside the token
    /// endpoint and the issuer, an assertion may be meant for the endpoint that is asked (RFC 9126, section 2; many
    /// libraries do so everywhere), where its profile does not want the issuer alone.
    pub(super) async fn proven_by(
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
        if client.certificate_name().is_some() {
            return Err(invalid("this client proves itself by its certificate"));
        }
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
        Ok(Proven::by_assertion(client, &proof))
    }
}
