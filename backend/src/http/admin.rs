//! What administrators do with clients while the provider runs (with accounts: [`super::account_admin`]). It is on a Unix socket of its own, which only the user
//! may open whom the backend runs as: no request from outside can reach it, and who can open it could change the
//! database too.
//!
//! | | |
//! |---|---|
//! | `GET /clients` | all clients by name, a thousand at a time: `after` one, at most `limit` |
//! | `POST /clients` | registers one: metadata of RFC 7591 with `client_id`, and `profile`, `vectors`, `sso_from` |
//! | `GET /clients/{id}` | all that is registered of one; `ETag` is its revision |
//! | `PUT /clients/{id}` | replaces that, whole; with `If-Match` only if it is still of that revision |
//! | `DELETE /clients/{id}` | forgets it, for good |
//! | `POST /clients/{id}/disable`, `/enable` | out of use from the answer on, and into use again |
//! | `POST /clients/{id}/registration-access-token` | another token for its own registration (RFC 7592), in the place of any |
//! | `POST /initial-access-tokens` | leave to register one client: `profile`, `scope`, `vectors`, `sector` |

use super::Shared;
use super::fields::Query;
use super::json::json_object;
use super::oidc::{registration_address, word};
use super::problem::Problem;
use crate::fault::{Fault, NotDone};
use crate::oidc::client::metadata::Metadata;
use crate::oidc::registration::{Administered, Invitation, RegistrationRefused};
use crate::oidc::registry::Listed;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// Longest body: metadata with a key set.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Most clients of one answer: some hundred bytes each.
const LISTED_MAX: usize = 1_000;

/// The routes.
pub(crate) fn router(front: Shared) -> Router {
    Router::new()
        .route("/clients", get(list).post(register))
        .route("/clients/{id}", get(tell).put(change).delete(remove))
        .route("/clients/{id}/disable", post(disable))
        .route("/clients/{id}/enable", post(enable))
        .route("/clients/{id}/registration-access-token", post(renew_token))
        .route("/initial-access-tokens", post(invite))
        .merge(super::account_admin::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(front)
}

async fn list(State(front): State<Shared>, query: Query) -> Response {
    let limit = match query.text("limit").map(str::parse::<usize>) {
        None => LISTED_MAX,
        Some(Ok(limit)) if (1..=LISTED_MAX).contains(&limit) => limit,
        Some(_) => return problem(StatusCode::BAD_REQUEST, "limit must be a number from 1 to 1000"),
    };
    let after = query.text("after").unwrap_or_default();
    let mut clients = front.provider.clients();
    clients.retain(|one| one.client.id().as_str() > after);
    let more = clients.len() > limit;
    clients.truncate(limit);
    let mut told = json!({ "clients": clients.iter().map(listed).collect::<Vec<_>>() });
    if let Some(last) = clients.last().filter(|_| more) {
        told["next"] = last.client.id().as_str().into();
    }
    Json(told).into_response()
}

fn listed(listed: &Listed) -> Value {
    json!({
        "client_id": listed.client.id().as_str(),
        "client_name": listed.client.name(),
        "configured": listed.configured,
        "disabled": listed.disabled,
    })
}

/// The metadata of a body, and the name that it says.
fn metadata(body: &Bytes) -> Result<(Option<String>, Metadata), Box<Response>> {
    let refused = |bad: &dyn std::fmt::Display| Box::new(problem(StatusCode::BAD_REQUEST, &bad.to_string()));
    let members = json_object(body).map_err(|bad| refused(&bad))?;
    let id = match members.get("client_id") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => return Err(refused(&"client_id is no text")),
    };
    let metadata = serde_json::from_value(Value::Object(members)).map_err(|bad| refused(&bad))?;
    Ok((id, metadata))
}

async fn register(State(front): State<Shared>, body: Bytes) -> Response {
    let (id, metadata) = match metadata(&body) {
        Ok((Some(id), metadata)) => (id, metadata),
        Ok((None, _)) => return problem(StatusCode::BAD_REQUEST, "client_id is missing"),
        Err(refused) => return *refused,
    };
    match front.provider.register(&id, &metadata, front.clock.now()).await {
        Ok(()) => {
            tracing::info!(client = id, "a client was registered");
            (StatusCode::CREATED, Json(json!({ "client_id": id }))).into_response()
        }
        Err(not_done) => refused(not_done),
    }
}

async fn tell(State(front): State<Shared>, Path(id): Path<String>) -> Response {
    match front.provider.client(&id).await {
        Ok(client) => told(&client),
        Err(not_done) => refused(not_done),
    }
}

/// All that is registered of a client, in the words in which it may be put back.
fn told(client: &Administered) -> Response {
    let Administered { listed: Listed { client, configured, disabled }, stored } = client;
    let Some((stored, metadata)) = stored else {
        let mut told = listed(&Listed { client: client.clone(), configured: *configured, disabled: *disabled });
        told["scope"] = client.scopes().to_string().into();
        return Json(told).into_response();
    };
    let mut told = json!(metadata);
    told["client_id"] = stored.id.as_str().into();
    told["client_id_issued_at"] = stored.created.as_secs().into();
    told["token_endpoint_auth_method"] = metadata.auth_method().into();
    told["configured"] = (*configured).into();
    told["disabled"] = (*disabled).into();
    ([(header::ETAG, format!("\"{}\"", stored.revision))], Json(told)).into_response()
}

async fn change(State(front): State<Shared>, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let revision = match headers.get(header::IF_MATCH).map(|value| revision(value.as_bytes())) {
        Some(None) => return problem(StatusCode::BAD_REQUEST, "If-Match must be the ETag of this client"),
        revision => revision.flatten(),
    };
    let metadata = match metadata(&body) {
        Ok((named, _)) if named.as_ref().is_some_and(|named| *named != id) => {
            return problem(StatusCode::BAD_REQUEST, "client_id is not the one of this address");
        }
        Ok((_, metadata)) => metadata,
        Err(refused) => return *refused,
    };
    match front.provider.change(&id, &metadata, revision, front.clock.now()).await {
        Ok(()) => {
            tracing::info!(client = id, "a client was changed");
            tell(State(front), Path(id)).await
        }
        Err(not_done) => refused(not_done),
    }
}

/// The revision in an entity tag (RFC 9110, section 8.8.3).
fn revision(tag: &[u8]) -> Option<u32> {
    let inside = tag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(inside).ok()?.parse().ok()
}

async fn remove(State(front): State<Shared>, Path(id): Path<String>) -> Response {
    match front.provider.remove(&id, front.clock.now()).await {
        Ok(()) => {
            tracing::info!(client = id, "a client was removed");
            StatusCode::NO_CONTENT.into_response()
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

async fn renew_token(State(front): State<Shared>, Path(id): Path<String>) -> Response {
    match front.provider.renew_token(&id, front.clock.now()).await {
        Ok(token) => {
            tracing::info!(client = id, "a client was given another token for its registration");
            let told = json!({
                "client_id": id,
                "registration_access_token": token,
                "registration_client_uri": registration_address(&front, &id),
            });
            (StatusCode::CREATED, Json(told)).into_response()
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
            problem(StatusCode::CONFLICT, "there is a client of this client_id already, or there was one")
        }
        NotDone::Refused(RegistrationRefused::Configured) => {
            problem(StatusCode::CONFLICT, "this client is in the configuration file: change it there")
        }
        NotDone::Refused(RegistrationRefused::OutOfUse) => {
            problem(StatusCode::CONFLICT, "there is no such client in use: enable it first")
        }
        NotDone::Refused(RegistrationRefused::WithoutAddress) => {
            problem(StatusCode::CONFLICT, "a client whose client_id has a slash cannot look after its own registration")
        }
        NotDone::Refused(RegistrationRefused::Overtaken) => {
            problem(StatusCode::PRECONDITION_FAILED, "this client has been changed meanwhile: read it again")
        }
        NotDone::Refused(RegistrationRefused::NotFound | RegistrationRefused::InvalidToken) => {
            problem(StatusCode::NOT_FOUND, "there is no such client")
        }
        NotDone::Failed(fault) => failed(fault),
    }
}

pub(super) fn failed(fault: Fault) -> Response {
    match Problem::from(fault) {
        Problem::Unavailable => problem(StatusCode::SERVICE_UNAVAILABLE, "try again in a moment"),
        _ => problem(StatusCode::INTERNAL_SERVER_ERROR, "something of ours is broken: see the log"),
    }
}

pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let document = json!({ "status": status.as_u16(), "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_what_the_entity_tag_says_and_nothing_else() {
        assert_eq!((revision(b"\"0\""), revision(b"\"4294967295\"")), (Some(0), Some(u32::MAX)));
        for bad in [&b""[..], b"0", b"\"", b"\"\"", b"\"-1\"", b"W/\"1\"", b"*", b"\"1\", \"2\"", b"\"4294967296\""] {
            assert_eq!(revision(bad), None, "{bad:?}");
        }
    }
}
