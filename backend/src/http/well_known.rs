//! What programs look for at well-known addresses (RFC 8615) about passkeys.

use super::Shared;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// `GET /.well-known/webauthn`: the origins that may use our passkeys beside our own (WebAuthn Level 3, section 5.11.1).
pub(super) async fn related_origins(State(front): State<Shared>) -> Json<Value> {
    Json(json!({"origins": front.journeys.registration.related_origins()}))
}

/// `GET /.well-known/passkey-endpoints`: where people make and look after passkeys (W3C, "A Well-Known URL for Relying
/// Party Passkey Endpoints").
pub(super) async fn passkey_endpoints(State(front): State<Shared>) -> Json<Value> {
    let origin = front.origins.first().map_or("", String::as_str);
    Json(json!({"enroll": format!("{origin}/account/passkeys/add"), "manage": format!("{origin}/account/passkeys")}))
}
