//! The two calls of a registration ceremony, made by `passkey.js`. Both speak JSON, also when they refuse.

use super::Shared;
use super::answer::{self, Answer};
use super::asker::Asker;
use super::done::Done;
use super::errand::Errand;
use super::fields::read_body;
use super::problem::Problem;
use crate::journey::{Finished, Journey, Registrant, Stage};
use crate::passkey::RegistrationResponse;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse as _;
use serde_json::{Value, json};

impl Asker {
    fn registrant(&self) -> Result<Registrant<'_>, Problem> {
        let registrant = Registrant::of(self.identity.as_ref(), self.journey.as_ref(), self.caller.now);
        registrant.map_err(|_| Problem::NotSignedIn)
    }
}

/// `POST /passkey/register/options`.
pub(super) async fn options(State(front): State<Shared>, asker: Asker, request: Request) -> Answer {
    let body = read_body(request, &front).await?;
    let body: Option<Value> = serde_json::from_slice(&body).ok();
    let conditional = body.is_some_and(|body| body["mediation"] == "conditional");
    let options = front.journeys.passkey_options(asker.registrant()?, conditional, asker.caller.now).await?;
    Ok(Json(options).into_response())
}

/// `POST /passkey/register`.
pub(super) async fn register(State(front): State<Shared>, asker: Asker, errand: Errand, request: Request) -> Answer {
    let registrant = asker.registrant()?;
    let body = read_body(request, &front).await?;
    let response = RegistrationResponse::parse(&body).map_err(|bad| Problem::BadField(bad.field))?;
    let next = |path: &str| Json(json!({"next": path})).into_response();
    match front.journeys.register_passkey(registrant, response, &asker.caller).await? {
        Finished::Added => errand.leading_on(next(errand.or(&Done::PasskeyAdded.after("/account/passkeys")))),
        Finished::Registered(session) => {
            let return_to = asker.journey.map(|journey| journey.return_to).unwrap_or_default();
            let journey = Journey { return_to, stage: Stage::Registered };
            let response = answer::with_session(next("/register/done"), &session)?;
            answer::with_journey(response, &front, &journey, asker.caller.now)
        }
    }
}
