//! The cold tier's side of the few facts of which a shared tier keeps copies: what is missing there is asked for here.
//!
//! A gateway in another process asks over a Unix socket of its own, which no request from outside can reach: nothing is
//! ever forwarded to it. `GET /credential/DIGEST` answers with the record's bytes (`CredentialRecord::encode`), or 404.

use crate::store::Store;
use aldgate_core::cold::Cold;
use aldgate_core::id::CredentialDigest;
use aldgate_core::warm::Unavailable;
use aldgate_core::webauthn::credential::CredentialRecord;
use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use std::future::Future;
use tokio::net::UnixListener;

/// The facts of a store, for whoever is in the same process.
#[derive(Clone)]
pub struct StoreCold(Store);

impl StoreCold {
    /// Of this store.
    pub const fn new(store: Store) -> Self {
        Self(store)
    }

    /// Answers gateways on a socket until `shutdown` is done.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn serve(
        self,
        listener: UnixListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let router = Router::new().route("/credential/{digest}", get(credential)).with_state(self);
        axum::serve(listener, router.into_make_service()).with_graceful_shutdown(shutdown).await
    }
}

#[async_trait]
impl Cold for StoreCold {
    async fn credential(&self, credential: &CredentialDigest) -> Result<Option<CredentialRecord>, Unavailable> {
        Ok(self.0.credential(credential).await?)
    }
}

async fn credential(State(cold): State<StoreCold>, Path(digest): Path<String>) -> Response {
    let Ok(digest) = digest.parse() else { return StatusCode::BAD_REQUEST.into_response() };
    match cold.credential(&digest).await {
        Ok(Some(record)) => record.encode().into_response(),
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::warn!(%error, "a gateway was not told of a passkey");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
