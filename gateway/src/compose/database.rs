//! The database that the configuration asks for.

use super::{CannotStart, tier};
use aldgate_backend::store::{Server, ServerOptions, Store};
use aldgate_core::entropy::Entropy;
use aldgate_core::secret::MasterKey;
use aldgate_gateway::config::{self, Config};
use std::sync::Arc;

/// Opens it, and brings it up to date. To be called on the runtime that it shall live on.
///
/// # Errors
/// One line that says what to do.
pub(crate) async fn open(config: &Config, master: &MasterKey, entropy: Arc<dyn Entropy>) -> Result<Store, CannotStart> {
    let opened = match &config.store {
        config::Store::Embedded => Store::open(&config.database(), master, entropy).await,
        config::Store::Postgres(postgres) => {
            Store::connect(&server(postgres)?, postgres.connections, master, entropy).await
        }
    };
    opened.map_err(|error| CannotStart(error.to_string()))
}

/// The server that the configuration names.
///
/// # Errors
/// One line that names the key.
pub(crate) fn server(postgres: &config::Postgres) -> Result<Server, CannotStart> {
    let password = postgres.password_file.as_deref();
    let said = ServerOptions {
        url: postgres.url.clone(),
        password: password.map(|path| tier::password(path, "store.password_file")).transpose()?,
        authorities: postgres.ca.clone(),
    };
    Server::new(said).map_err(|bad| CannotStart(format!("store.url {bad}")))
}
