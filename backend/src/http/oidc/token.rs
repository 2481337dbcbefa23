//! `POST /token`.

use super::error::{error, failed, unread};
use crate::fault::NotDone;
use crate::http::Shared;
use crate::http::fields::{self, read_body};
use crate::http::problem::Problem;
use crate::oidc::parameters::Parameters;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// The parameters of a posted form, or the answer that refuses it.
pub(super) async fn posted(request: Request, front: &Shared) -> Result<Parameters, Response> {
    let is_form = fields::is_form(request.headers());
    let body = read_body(request, front).await.map_err(unread)?;
    if !is_form {
        return Err(unread(Problem::ContentType));
    }
    let parameters = Parameters::read(fields::pairs(&body));
    parameters.map_err(|bad| error(StatusCode::BAD_REQUEST, "invalid_request", &bad.to_string()))
}

/// `POST /token`: whatever the answer is, nobody keeps it.
pub(super) async fn exchange(State(front): State<Shared>, request: Request) -> Response {
    let mut response = match posted(request, &front).await {
        Ok(parameters) => tokens(&front, &parameters).await,
        Err(refused) => refused,
    };
    response.headers_mut().insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

async fn tokens(front: &Shared, parameters: &Parameters) -> Response {
    match front.provider.exchange(parameters, front.clock.now()).await {
        Ok(tokens) => Json(tokens).into_response(),
        Err(NotDone::Refused(refusal)) => {
            tracing::info!(code = refusal.code(), description = refusal.description(), "no tokens were given");
            error(StatusCode::BAD_REQUEST, refusal.code(), refusal.description())
        }
        Err(NotDone::Failed(fault)) => failed(fault),
    }
}
