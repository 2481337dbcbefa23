//! Diagnostics on standard error. Pingora's own lines come through the same subscriber.

use tracing_subscriber::EnvFilter;

/// What is said without `RUST_LOG`: warnings, and that another configuration was taken over; but not Pingora's line for
/// each connection that a scanner breaks off, which the metrics count, nor for each request that failed, which the
/// access log has.
const QUIETLY: &str = "warn,aldgate_gateway::reload=info,\
     pingora_core::services::listening=off,pingora_core::apps=off,pingora_proxy=off";

/// Sets up diagnostics.
pub(crate) fn diagnostics() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(QUIETLY));
    // An error means that somebody has set up diagnostics before: then they stand.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}
