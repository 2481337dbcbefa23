//! `/oauth/register`: clients register themselves (RFC 7591) and look after their registration (RFC 7592).

use super::error::{error, failed, plain, unread};
use super::userinfo::{Scheme, bearer, challenge};
use crate::fault::NotDone;
use crate::http::Shared;
use crate::http::fields::read_body;
use crate::http::json::json_object;
use crate::oidc::client::BadRegistration;
use crate::oidc::client::metadata::Metadata;
use crate::oidc::registration::{Registration, RegistrationRefused};
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// `POST /oauth/register`.
pub(super) async fn register(State(front): State<Shared>, request: Request) -> Response {
    let token = match shown(request.headers()) {
        Ok(token) => token,
        Err(refused) => return *refused,
    };
    let asked = match asked(request, &front, None).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    match front.provider.register_itself(&token, asked, front.clock.now()).await {
        Ok(registration) => (StatusCode::CREATED, told(&front, &registration)).into_response(),
        Err(not_done) => refused(not_done),
    }
}

/// `GET /oauth/register/{id}`.
pub(super) async fn tell(State(front): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let token = match shown(&headers) {
        Ok(token) => token,
        Err(refused) => return *refused,
    };
    match front.provider.own_registration(&id, &token).await {
        Ok(registration) => told(&front, &registration).into_response(),
        Err(not_done) => refused(not_done),
    }
}

/// `PUT /oauth/register/{id}`.
pub(super) async fn change(State(front): State<Shared>, Path(id): Path<String>, request: Request) -> Response {
    let token = match shown(request.headers()) {
        Ok(token) => token,
        Err(refused) => return *refused,
    };
    let asked = match asked(request, &front, Some(&id)).await {
        Ok(asked) => asked,
        Err(refused) => return refused,
    };
    match front.provider.change_own_registration(&id, &token, asked, front.clock.now()).await {
        Ok(registration) => told(&front, &registration).into_response(),
        Err(not_done) => refused(not_done),
    }
}

/// `DELETE /oauth/register/{id}`.
pub(super) async fn remove(State(front): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let token = match shown(&headers) {
        Ok(token) => token,
        Err(refused) => return *refused,
    };
    match front.provider.remove_own_registration(&id, &token, front.clock.now()).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(not_done) => refused(not_done),
    }
}

/// The token of a request.
fn shown(headers: &HeaderMap) -> Result<String, Box<Response>> {
    let token = bearer(headers)?;
    token.ok_or_else(|| Box::new(challenge(Scheme::Bearer, StatusCode::UNAUTHORIZED, None, None)))
}

/// The metadata that a request asks for; for a client that has a name, under no other (RFC 7592, section 2.2).
async fn asked(request: Request, front: &Shared, id: Option<&str>) -> Result<Metadata, Response> {
    let invalid = |description: &str| error(StatusCode::BAD_REQUEST, "invalid_client_metadata", &plain(description));
    let body = read_body(request, front).await.map_err(unread)?;
    let members = json_object(&body).map_err(|bad| invalid(&bad.to_string()))?;
    if id.is_some() && members.get("client_id").and_then(Value::as_str) != id {
        return Err(invalid("client_id is not the one of this address"));
    }
    serde_json::from_value(Value::Object(members)).map_err(|bad| invalid(&bad.to_string()))
}

/// What a client is told of its registration (RFC 7591, section 3.2.1; RFC 7592, section 3).
fn told(front: &Shared, registration: &Registration) -> Json<Value> {
    let mut told = json!(registration.metadata);
    let id = registration.id.as_str();
    told["client_id"] = id.into();
    told["client_id_issued_at"] = registration.created.as_secs().into();
    told["registration_access_token"] = registration.token.as_str().into();
    told["registration_client_uri"] = registration_address(front, id).into();
    told["token_endpoint_auth_method"] = registration.metadata.auth_method().into();
    Json(told)
}

/// Where a client looks after its registration.
pub(in crate::http) fn registration_address(front: &Shared, id: &str) -> String {
    format!("{}/oauth/register/{id}", front.provider.issuer())
}

fn refused(not_done: NotDone<RegistrationRefused>) -> Response {
    match not_done {
        NotDone::Refused(RegistrationRefused::Metadata(faults)) => {
            error(StatusCode::BAD_REQUEST, code(&faults), &plain(&description(&faults)))
        }
        NotDone::Refused(RegistrationRefused::Overtaken) => {
            error(StatusCode::CONFLICT, "invalid_request", "others are changing this client: try again")
        }
        NotDone::Refused(_) => challenge(Scheme::Bearer, StatusCode::UNAUTHORIZED, Some("invalid_token"), None),
        NotDone::Failed(fault) => failed(fault),
    }
}

/// RFC 7591, section 3.2.2.
fn code(faults: &[BadRegistration]) -> &'static str {
    let redirect = faults.iter().all(|fault| fault.field == "redirect_uris");
    if redirect { "invalid_redirect_uri" } else { "invalid_client_metadata" }
}

/// All that is wrong, in one sentence.
fn description(faults: &[BadRegistration]) -> String {
    let one = |fault: &BadRegistration| format!("{} {}", word(fault.field), fault.message);
    faults.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A part of a registration, as metadata call it.
pub(in crate::http) fn word(field: &'static str) -> &'static str {
    match field {
        "name" => "client_name",
        "id" => "client_id",
        "keys" => "jwks",
        "scopes" => "scope",
        other => other,
    }
}
