//! The snapshot: routes and token keys by which each request is judged whole. It is swapped whole when the keys of
//! session tokens rotate.

use crate::config::Config;
use crate::state::EdgeState;
use aldgate_core::decide::Snapshot;
use aldgate_core::policy::platform;
use aldgate_core::policy::route::{DoubledRoute, RouteTable};
use aldgate_core::secret::MasterKey;
use aldgate_core::session::token::TagKeys;
use aldgate_core::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether the keys have to rotate; shorter than the time that the next key is accepted early.
const LOOK: Duration = Duration::from_secs(60);

/// The first snapshot.
///
/// # Errors
/// [`DoubledRoute`], which the configuration's check has refused before.
pub fn first(config: &Config, master: &MasterKey, now: Timestamp) -> Result<Snapshot, DoubledRoute> {
    let mut routes = platform::routes(&config.login_host);
    routes.extend(platform::routes_on_service_hosts(&config.login_host, &config.routes));
    routes.extend(config.routes.iter().cloned());
    Ok(Snapshot { routes: RouteTable::new(routes)?, tag_keys: TagKeys::at(master, now) })
}

/// Rotates the keys of session tokens when their period ends; runs for ever.
pub async fn rotate_keys(state: Arc<EdgeState>) {
    loop {
        let now = state.clock.now();
        let current = state.snapshot.load();
        if now >= current.tag_keys.until() {
            let routes = current.routes.clone();
            state.snapshot.store(Arc::new(Snapshot { routes, tag_keys: TagKeys::at(&state.master, now) }));
            tracing::info!("the keys of session tokens have rotated");
        }
        tokio::time::sleep(LOOK).await;
    }
}
