//! `aldgate up`: everything in one process, on embedded defaults.
//!
//! The backend runs on its own Tokio runtime behind a Unix socket, the demonstration service on another, the gateway
//! on Pingora's. The warm tier is the embedded one, on the backend's own store, unless the configuration names another.

use super::cold_tier::{self, ColdTier, Ground};
use super::edge::{self, Edge, Start};
use super::place::{Place, Role};
use super::{CannotStart, banner, demo, ports, runtime};
use aldgate_backend::OnMessage;
use aldgate_core::time::Clock;
use aldgate_gateway::config::{AccessLog, Config};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Runs until a signal.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn up(start: &Start<'_>) -> Result<(), CannotStart> {
    let config = &start.config;
    let mut place = Place::claim(config, Role::Backend)?;
    ports::all_free(config)?;
    let backend_runtime = runtime("backend", config.edge.threads)?;
    let demo_runtime = runtime("demo", 1)?;
    let (edge, cold_tier) = backend_runtime.block_on(assemble(start, &mut place))?;
    if let Some(listen) = config.demo {
        demo_runtime.block_on(demo::serve(listen, demo_of(config, edge.state.clock.clone())))?;
    }
    let ran = edge.run(Role::Backend, &backend_runtime);
    backend_runtime.block_on(cold_tier.end());
    demo_runtime.shutdown_timeout(Duration::ZERO);
    backend_runtime.shutdown_timeout(cold_tier::END);
    ran
}

async fn assemble(start: &Start<'_>, place: &mut Place) -> Result<(Edge, ColdTier), CannotStart> {
    let config = &start.config;
    let (ground, signing_key) = Ground::open(config).await?;
    let edge = Edge::assemble(start, signing_key, &ground.shared)?;
    ground.tier.count_forgeries(edge.state.metrics.clone());
    let cold_tier = ColdTier::start(config, edge.state.key_set.clone(), ground, place, on_message(config)?).await?;
    Ok((edge, cold_tier))
}

fn demo_of(config: &Config, clock: Arc<dyn Clock>) -> demo::Demo {
    let http = config.edge.http.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
    demo::Demo {
        gate: edge::reachable(http),
        host: config.login_host.clone(),
        issuer: config.issuer.clone(),
        clock,
        verifier: tokio::sync::Mutex::new(None),
    }
}

/// Messages are shown in the terminal, for whoever tries Aldgate out; but not where standard output is the access log,
/// and never by a backend alone: codes are no log's affair.
fn on_message(config: &Config) -> Result<Option<OnMessage>, CannotStart> {
    if config.access_log == AccessLog::Stdout {
        return Ok(None);
    }
    banner::show_messages().map(Some).map_err(|error| CannotStart::because("cannot start threads", error))
}
