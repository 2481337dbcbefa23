//! A client signs a person out here (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Nobody is sent anywhere but to an address that the client has registered for it, byte by byte; and a session ends
//! without a question only if the hint is an ID token of this very session. Otherwise anybody could sign people out by a
//! link.

use super::Provider;
use super::authorize::Present;
use super::client::{Client, RedirectUri};
use super::grant_record::GrantRecord;
use super::parameters::Parameters;
use super::token_name::Named;
use crate::fault::Fault;
use aldgate_core::time::Timestamp;
use aldgate_core::token::claims::Claims;
use aldgate_core::token::jws::Compact;
use std::sync::Arc;

/// Longest `state` that is given back.
const STATE_BYTES_MAX: usize = 512;

/// Longest hint that is read.
const HINT_BYTES_MAX: usize = 4 * 1024;

/// Where a person goes once they are signed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// The address.
    pub(crate) address: String,
    /// Its origin.
    pub(crate) origin: String,
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndSession {
    /// Where the person goes in the end, if that is the client's to say.
    pub(crate) destination: Option<Destination>,
    /// The log-in that the hint is about.
    pub(crate) hinted: Option<Present>,
}

/// Why a request to sign out is not followed. The person is told; nobody is sent anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndSessionRefused {
    /// The hint is no ID token of ours, or of another client than is named.
    #[error("id_token_hint is not an ID token that we gave this service")]
    Hint,
    /// No client, or none that is known, or the address is not registered for it.
    #[error("post_logout_redirect_uri is not registered for this service")]
    Address,
    /// The state is too long to be given back.
    #[error("state is longer than 512 characters")]
    State,
}

impl Provider {
    /// Reads what a client asks for.
    pub(crate) async fn end_session(
        &self,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Result<EndSession, EndSessionRefused>, Fault> {
        let hint = match parameters.get("id_token_hint") {
            None => None,
            Some(text) => match self.hint(text, now).await? {
                Some(hint) => Some(hint),
                None => return Ok(Err(EndSessionRefused::Hint)),
            },
        };
        let named = parameters.get("client_id");
        let client = match (&hint, named) {
            (Some((client, _)), Some(named)) if client.id().as_str() != named => {
                return Ok(Err(EndSessionRefused::Hint));
            }
            (Some((client, _)), _) => Some(client.clone()),
            (None, Some(named)) => self.registry.in_use(named),
            (None, None) => None,
        };
        let destination = destination(client.as_deref(), parameters);
        let hinted = hint.and_then(|(_, person)| person);
        Ok(destination.map(|destination| EndSession { destination, hinted }))
    }

    /// The client and the log-in of an ID token of ours, however old; the log-in, if its grant is still known.
    async fn hint(&self, text: &str, now: Timestamp) -> Result<Option<(Arc<Client>, Option<Present>)>, Fault> {
        let jws = Compact::parse(text).ok().filter(|_| text.len() <= HINT_BYTES_MAX);
        let Some(jws) = jws else { return Ok(None) };
        let Some(key_id) = jws.key_id() else { return Ok(None) };
        let Some(key) = self.keys.verifying(key_id, now).await? else { return Ok(None) };
        let claims = key.verify(&jws).ok().and_then(|payload| Claims::read(payload).ok());
        let Some(claims) = claims.filter(|claims| claims.text("iss").ok().flatten() == Some(&self.issuer)) else {
            return Ok(None);
        };
        let text = |name| claims.text(name).ok().flatten();
        let client = text("aud").and_then(|id| self.registry.in_use(id));
        let grant = text("jti").and_then(|name| self.names.grant(Named::Id, name));
        let (Some(client), Some(grant)) = (client, grant) else { return Ok(None) };
        let grant = self.store.grant(&grant).await?.filter(|grant| grant.client == client.id().as_str());
        let person = grant.and_then(|grant| {
            let record = GrantRecord::decode(&grant.record)?;
            Some(Present { account: grant.account, session: record.session })
        });
        Ok(Some((client, person)))
    }
}

fn destination(client: Option<&Client>, parameters: &Parameters) -> Result<Option<Destination>, EndSessionRefused> {
    let Some(text) = parameters.get("post_logout_redirect_uri") else { return Ok(None) };
    let uri: &RedirectUri =
        client.and_then(|client| client.post_logout_redirect_uri(text)).ok_or(EndSessionRefused::Address)?;
    let state = parameters.get("state");
    if state.is_some_and(|state| state.len() > STATE_BYTES_MAX) {
        return Err(EndSessionRefused::State);
    }
    let state: Vec<_> = state.map(|state| ("state", state)).into_iter().collect();
    Ok(Some(Destination { address: uri.with(&state), origin: uri.origin().to_owned() }))
}
