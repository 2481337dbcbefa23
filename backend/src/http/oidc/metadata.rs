//! What the provider says of itself, to whoever asks.

use crate::http::Shared;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

/// For how long the key set may be kept: a new key is announced for much longer before it signs.
const KEPT: &str = "public, max-age=600";

/// `GET /.well-known/openid-configuration`.
pub(super) async fn configuration(State(front): State<Shared>) -> Response {
    ([(header::CACHE_CONTROL, KEPT)], Json(front.provider.metadata())).into_response()
}

/// `GET /.well-known/jwks.json`.
pub(super) async fn key_set(State(front): State<Shared>) -> Result<Response, Problem> {
    let ring = front.provider.keys.ring();
    if ring.is_empty() {
        return Err(Problem::Unavailable); // An empty set would be kept for as long as any other.
    }
    let kind = (header::CONTENT_TYPE, "application/jwk-set+json");
    Ok(([kind, (header::CACHE_CONTROL, KEPT)], ring.document().clone()).into_response())
}

/// `GET /.well-known/did.json`.
pub(super) async fn did(State(front): State<Shared>) -> Result<Response, Problem> {
    let document = front.provider.did_document().ok_or(Problem::Unavailable)?;
    Ok(([(header::CACHE_CONTROL, KEPT)], Json(document)).into_response())
}

/// `GET /trustmark`: of the words of GOV.UK One Login.
pub(super) async fn trustmark_of_departments(State(front): State<Shared>) -> Response {
    ([(header::CACHE_CONTROL, KEPT)], Json(front.provider.trustmark_of_departments())).into_response()
}

/// `GET /trustmark/{host}`: of the words of NHS login.
pub(super) async fn trustmark(State(front): State<Shared>, Path(host): Path<String>) -> Result<Response, Problem> {
    let trustmark = front.provider.trustmark_of(&host).ok_or(Problem::NotFound)?;
    Ok(([(header::CACHE_CONTROL, KEPT)], Json(trustmark)).into_response())
}
