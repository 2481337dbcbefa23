//! What administrators do with clients while the provider runs. It is on a Unix socket of its own, which only the user
//! may open whom the backend runs as: no request from outside can reach it, and who can open it could change the
//! database too.
//!
//! | | |
//! |---|---|
//! | `GET /clients` | all clients |
//! | `POST /clients` | registers one: metadata of RFC 7591 with `client_id`, and `profile`, `vectors`, `sso_from` |
//! | `POST /clients/{id}/disable`, `/enable` | out of use from the answer on, and into use again |
//! | `POST /initial-access-tokens` | leave to register one client: `profile`, `scope`, `vectors`, `sector` |

use super::Shared;
use super::json::json_object;
use super::oidc::word;
use super::problem::Problem;
use crate::fault::NotDone;
use crate::oidc::client::metadata::Metadata;
use crate::oidc::registration::{Invitation, RegistrationRefused};
use crate::oidc::registry::Listed;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// Longest body: metadata with a key set.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The routes.
pub(crate) fn router(front: Shared) -> Router {
    Router::new()
        .route("/clients", get(list).post(register))
        .route("/clients/{id}/disable", post(disable))
        .route("/clients/{id}/enable", post(enable))
        .route("/initial-access-tokens", post(invite))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(front)
}

async fn list(State(front): State<Shared>) -> Json<Value> {
    let clients = front.provider.clients();
    Json(json!({ "clients": clients.iter().map(listed).collect::<Vec<_>>() }))
}

fn listed(listed: &Listed) -> Value {
    json!({
        "client_id": listed.client.id().as_str(),
        "client_name": listed.client.name(),
        "configured": listed.configured,
        "disabled": listed.disabled,
    })
}

async fn register(State(front): State<Shared>, body: Bytes) -> Response {
    let members = match json_object(&body) {
        Ok(members) => members,
        Err(bad) => return problem(StatusCode::BAD_REQUEST, &bad.to_string()),
    };
    let Some(id) = members.get("client_id").and_then(Value::as_str).map(str::to_owned) else {
        return problem(StatusCode::BAD_REQUEST, "client_id is missing, or no text");
    };
    let metadata: Metadata = match serde_json::from_value(Value::Object(members)) {
        Ok(metadata) => metadata,
        Err(bad) => return problem(StatusCode::BAD_REQUEST, &bad.to_string()),
    };
    match front.provider.register(&id, &metadata, front.clock.now()).await {
        Ok(()) => {
            tracing::info!(client = id, "a client was registered");
            (StatusCode::CREATED, Json(json!({ "client_id": id }))).into_response()
        }
        Err(not_done) => refused(not_done),
    }
}

async fn disable(State(front): State<Shared>, Path(id): Path<String>) -> Response {
    set_disabled(&front, &id, true).await
}

async fn enable(State(front): State<Shared>, Path(id): Path<String>) -> Response {
    set_disabled(&front, &id, false).await
}

async fn set_disabled(front: &Shared, id: &str, disabled: bool) -> Response {
    match front.provider.set_disabled(id, disabled, front.clock.now()).await {
        Ok(()) => {
            tracing::info!(client = id, disabled, "a client was put out of use, or into use again");
            StatusCode::NO_CONTENT.into_response()
        }
        Err(not_done) => refused(not_done),
    }
}

async fn invite(State(front): State<Shared>, body: Bytes) -> Response {
    let members = json_object(&body).map_err(|bad| bad.to_string());
    let invitation = members.and_then(|members| {
        serde_json::from_value::<Invitation>(Value::Object(members)).map_err(|bad| bad.to_string())
    });
    let invitation = match invitation {
        Ok(invitation) => invitation,
        Err(bad) => return problem(StatusCode::BAD_REQUEST, &bad),
    };
    match front.provider.invite(&invitation, front.clock.now()) {
        Ok(token) => (StatusCode::CREATED, Json(json!({ "initial_access_token": token }))).into_response(),
        Err(fault) => refused(NotDone::Failed(fault)),
    }
}

fn refused(not_done: NotDone<RegistrationRefused>) -> Response {
    match not_done {
        NotDone::Refused(RegistrationRefused::Metadata(faults)) => {
            let faults: Vec<_> =
                faults.iter().map(|fault| format!("{} {}", word(fault.field), fault.message)).collect();
            problem(StatusCode::BAD_REQUEST, &faults.join("; "))
        }
        NotDone::Refused(RegistrationRefused::Taken) => {
            problem(StatusCode::CONFLICT, "there is a client of this client_id already")
        }
        NotDone::Refused(RegistrationRefused::NotFound | RegistrationRefused::InvalidToken) => {
            problem(StatusCode::NOT_FOUND, "there is no such client")
        }
        NotDone::Failed(fault) => match Problem::from(fault) {
            Problem::Unavailable => problem(StatusCode::SERVICE_UNAVAILABLE, "try again in a moment"),
            _ => problem(StatusCode::INTERNAL_SERVER_ERROR, "something of ours is broken: see the log"),
        },
    }
}

fn problem(status: StatusCode, detail: &str) -> Response {
    let document = json!({ "status": status.as_u16(), "detail": detail });
    (status, [(axum::http::header::CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
}
