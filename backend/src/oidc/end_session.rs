//! A client signs a person out here (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Nobody is sent anywhere but to an address that the client has registered for it, byte by byte; and a session ends
//! without a question only if the hint is an ID token of this very session. Otherwise anybody could sign people out by a
//! link.

use super::Provider;
use super::authorize::Present;
use super::client::{Client, RedirectUri};
use super::parameters::Parameters;
use crate::fault::Fault;
use aldgate_core::time::Timestamp;

/// Longest `state` that is given back.
const STATE_BYTES_MAX: usize = 512;

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
            (Some(hint), Some(named)) if hint.client.id().as_str() != named => {
                return Ok(Err(EndSessionRefused::Hint));
            }
            (Some(hint), _) => Some(hint.client.clone()),
            (None, Some(named)) => self.registry.in_use(named),
            (None, None) => None,
        };
        let destination = destination(client.as_deref(), parameters);
        let hinted = hint.and_then(|hint| hint.log_in);
        Ok(destination.map(|destination| EndSession { destination, hinted }))
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
