//! The two calls of a registration ceremony, made by `passkey.js`. Both speak JSON, also when they refuse.

use super::Shared;
use super::answer;
use super::asker::Asker;
use super::done::Done;
use super::fields::read_body;
use super::problem::{Document, Problem};
use crate::journey::{Finished, Journey, Registrant, Stage};
use crate::passkey::RegistrationResponse;
use axum::Json;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

impl Asker {
    fn registrant(&self) -> Result<Registrant<'_>, Problem> {
        let registrant = Registrant::of(self.identity.as_ref(), self.journey.as_ref(), self.caller.now);
        registrant.map_err(|_| Problem::NotSignedIn)
    }
}

/// Who asks, as [`Asker`] reads it, but refused with a document.
async fn split(front: &Shared, request: Request) -> Result<(Asker, Request), Document> {
    let (mut parts, body) = request.into_parts();
    let asker = Asker::from_request_parts(&mut parts, front).await?;
    Ok((asker, Request::from_parts(parts, body)))
}

/// `POST /passkey/register/options`.
pub(super) async fn options(State(front): State<Shared>, request: Request) -> Result<Response, Document> {
    let (asker, _) = split(&front, request).await?;
    let options = front.journeys.passkey_options(asker.registrant()?, asker.caller.now).await?;
    Ok(Json(options).into_response())
}

/// `POST /passkey/register`.
pub(super) async fn register(State(front): State<Shared>, request: Request) -> Result<Response, Document> {
    let (asker, request) = split(&front, request).await?;
    let registrant = asker.registrant()?;
    let body = read_body(request, &front).await?;
    let response = RegistrationResponse::parse(&body).map_err(|bad| Problem::BadField(bad.field))?;
    let next = |path: &str| Json(json!({"next": path})).into_response();
    match front.journeys.register_passkey(registrant, response, &asker.caller).await? {
        Finished::Added => Ok(next(&Done::PasskeyAdded.after("/account/passkeys"))),
        Finished::Registered(session) => {
            let return_to = asker.journey.map(|journey| journey.return_to).unwrap_or_default();
            let journey = Journey { return_to, stage: Stage::Registered };
            let response = answer::with_session(next("/register/done"), &session)?;
            Ok(answer::with_journey(response, &front, &journey, asker.caller.now)?)
        }
    }
}
