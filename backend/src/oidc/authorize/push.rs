//! Requests that a client pushes to us by itself and names in the browser (PAR, RFC 9126).
//!
//! What the client gets is the request, sealed: nothing is stored. It is bound to its client, opened for at most five
//! minutes, and good for one code; until then it may be opened again, since browsers load pages twice.

use super::incoming::Incoming;
use super::read::{NotRead, Way};
use super::resume::Waiting;
use super::{AuthorizationRequest, ErrorCode, ObjectRefused, Once, Unaddressed};
use crate::fault::NotDone;
use crate::oidc::Provider;
use crate::oidc::parameters::Parameters;
use crate::oidc::token::{Proven, TokenError};
use aldgate_core::time::Timestamp;
use minicbor::{Decode, Encode};
use serde::Serialize;
use std::time::Duration;

/// How long a request can be opened after it was pushed (FAPI 2.0 Security Profile, section 5.3.2.2: less than 600 s).
pub(super) const LIFETIME: Duration = Duration::from_mins(5);

/// What every reference begins with (RFC 9126, section 2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// A request as it was pushed.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Sealed {
    #[n(0)]
    request: Waiting,
    #[n(1)]
    expires: u64,
}

/// The answer to a client that pushes a request.
#[derive(Debug, Serialize)]
pub(crate) struct Pushed {
    request_uri: String,
    expires_in: u64,
}

/// What a `request_uri` of ours refers to; nothing for an address elsewhere.
pub(super) fn reference(request_uri: &str) -> Option<&str> {
    request_uri.strip_prefix(PREFIX)
}

impl Provider {
    /// Takes a request from its client. `key` is the one to which the client has bound it by a proof.
    pub(crate) async fn push(
        &self,
        proven: &Proven,
        parameters: &Parameters,
        key: Option<[u8; 32]>,
        now: Timestamp,
    ) -> Result<Pushed, NotDone<TokenError>> {
        let invalid = |what: &str| NotDone::Refused(TokenError::InvalidRequest(what.to_owned()));
        if parameters.get("request_uri").is_some() {
            return Err(invalid("request_uri cannot be pushed"));
        }
        let parameters = parameters.clone().with("client_id", proven.client().id().as_str());
        let incoming = self.incoming(&parameters, Way::Pushed, now);
        let Incoming { request, assertion, hint } = incoming.map_err(|why| NotDone::Refused(refusal(why)))?;
        if assertion.is_some() {
            return Err(invalid("asserted_login_identity cannot be pushed"));
        }
        let request = self.about(request, hint.as_deref(), now).await;
        let mut request = request.map_err(|why| why.in_terms(|why| refusal(NotRead::Refused(why))))?;
        if request.key.is_some() && key.is_some() && request.key != key {
            return Err(invalid("dpop_jkt is not the key of the proof"));
        }
        request.key = request.key.or(key);
        // An object comes from the client itself here, which has no reason to push it twice.
        if self.use_up(&request).await?.is_err() {
            return Err(NotDone::Refused(refusal(Unaddressed::Object(ObjectRefused::Replayed).into())));
        }
        request.once = Some(Once::Pushed(self.entropy.bytes()?));
        let sealed = Sealed { request: Waiting::of(&request), expires: now.plus(LIFETIME).as_millis() };
        let request_uri = format!("{PREFIX}{}", self.pushes.seal(&sealed, now)?);
        Ok(Pushed { request_uri, expires_in: LIFETIME.as_secs() })
    }

    /// The request that a client has pushed, as if it came now.
    pub(super) fn pushed(
        &self,
        parameters: &Parameters,
        reference: &str,
        now: Timestamp,
    ) -> Result<AuthorizationRequest, Unaddressed> {
        let sealed: Sealed = self.pushes.open(reference, now).ok_or(Unaddressed::Expired)?;
        if now.as_millis() >= sealed.expires {
            return Err(Unaddressed::Expired);
        }
        let request = sealed.request.resume(&self.registry, now)?;
        if parameters.get("client_id") != Some(request.client.id().as_str()) {
            return Err(Unaddressed::Client);
        }
        Ok(AuthorizationRequest { began: now, ..request })
    }
}

/// What the client is told itself, since it asks by itself.
fn refusal(why: NotRead) -> TokenError {
    match why {
        NotRead::Unaddressed(Unaddressed::Object(why)) => {
            TokenError::Request(ErrorCode::InvalidRequestObject.as_str(), why.to_string())
        }
        NotRead::Unaddressed(why) => TokenError::InvalidRequest(why.to_string()),
        NotRead::Refused(refusal) => TokenError::Request(refusal.error.as_str(), refusal.description),
    }
}
