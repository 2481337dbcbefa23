//! The OpenID provider over HTTP: read what came, one call into [`crate::oidc`], write what comes of it.

mod authorize;
mod end_session;
mod error;
mod metadata;
mod register;
mod token;
mod userinfo;

use super::{JSON_BYTES_MAX, Shared, form_limit};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub(super) use register::{registration_address, word};

/// The provider's routes.
pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/authorize", get(authorize::begin).post(authorize::begin_posted))
        .route("/authorize/resume", get(authorize::resume))
        .route("/authorize/consent", post(authorize::answer))
        .route("/authorize/without", post(authorize::without))
        .route("/token", post(token::exchange))
        .route("/logout", get(end_session::show).post(end_session::posted))
        .route("/logout/confirm", post(end_session::confirm))
        .route("/par", post(token::push))
        .route("/introspect", post(token::introspect))
        .route("/revoke", post(token::revoke))
        .route("/userinfo", get(userinfo::tell).post(userinfo::tell_posted).patch(userinfo::keep))
        .route("/trustmark", get(metadata::trustmark_of_departments))
        .route("/trustmark/{host}", get(metadata::trustmark))
        .route("/.well-known/did.json", get(metadata::did))
        .route("/.well-known/openid-configuration", get(metadata::configuration))
        .route("/.well-known/jwks.json", get(metadata::key_set))
        .layer(form_limit())
        .merge(registrations())
}

fn registrations() -> Router<Shared> {
    Router::new()
        .route("/oauth/register", post(register::register))
        .route("/oauth/register/{id}", get(register::tell).put(register::change).delete(register::remove))
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
}
