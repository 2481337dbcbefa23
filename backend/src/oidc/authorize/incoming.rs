//! A request as it comes: what it says beside an object, or in one, and who it says it is about. Whatever way it comes by,
//! it comes through here. Whatever can fail of ours comes after its client is known ([`Provider::about`]).

use super::object::{VerifiedObject, Verifying};
use super::read::{Made, NotRead, Read, Way, read};
use super::{AuthorizationRequest, ErrorCode, Once, Refusal, Unaddressed};
use crate::fault::NotDone;
use crate::oidc::Provider;
use crate::oidc::claims_request::BadClaims;
use crate::oidc::parameters::Parameters;
use aldgate_core::time::Timestamp;
use std::borrow::Cow;

/// A request, and what another client says about who is there: still to be verified.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The request.
    pub(super) request: AuthorizationRequest,
    /// `asserted_login_identity`, as it came.
    pub(super) assertion: Option<String>,
    /// `id_token_hint`, as it came, where it counts.
    pub(super) hint: Option<String>,
}

impl Provider {
    /// A request that has come.
    pub(super) fn incoming(&self, parameters: &Parameters, way: Way, now: Timestamp) -> Result<Incoming, NotRead> {
        let object = self.object(parameters, now)?;
        let signed = object.is_some();
        let (parameters, name) = match object {
            Some(VerifiedObject { parameters, name }) => (Cow::Owned(parameters), name),
            None => (Cow::Borrowed(parameters), None),
        };
        let Read { mut request, assertion, hint } = read(&parameters, &self.registry, Made { way, signed }, now)?;
        request.once = name.map(Once::Object);
        Ok(Incoming { request, assertion, hint })
    }

    /// The object of a request, if it has one.
    fn object(&self, parameters: &Parameters, now: Timestamp) -> Result<Option<VerifiedObject>, Unaddressed> {
        let Some(text) = parameters.get("request") else { return Ok(None) };
        if parameters.get("request_uri").is_some() {
            return Err(Unaddressed::Parameters("request and request_uri cannot be used together".into()));
        }
        let verifying = Verifying { registry: &self.registry, issuer: &self.issuer, now };
        let verified = verifying.verify(text, parameters.get("client_id")).ok_or(Unaddressed::Client)?;
        verified.map(Some).map_err(Unaddressed::Object)
    }

    /// The request, about the person of its hint, if it has one (OpenID Connect Core, section 3.1.2.1).
    pub(super) async fn about(
        &self,
        mut request: AuthorizationRequest,
        hint: Option<&str>,
        now: Timestamp,
    ) -> Result<AuthorizationRequest, NotDone<Refusal>> {
        let Some(hint) = hint else { return Ok(request) };
        let hint = self.hint(hint, now).await?.filter(|hint| hint.client.id() == request.client.id());
        let Some(hint) = hint else {
            let what = "id_token_hint is not an ID token that we gave this client";
            return Err(NotDone::Refused(request.refuse(ErrorCode::InvalidRequest, what)));
        };
        if request.about.is_some_and(|about| about != hint.person) {
            return Err(NotDone::Refused(request.refuse(ErrorCode::InvalidRequest, BadClaims::Subject.to_string())));
        }
        request.about = Some(hint.person);
        Ok(request)
    }
}
