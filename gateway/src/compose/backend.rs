//! `aldgate backend`: the identity backend alone, for gateways in other processes. It listens on two Unix sockets, and
//! on no network.

use super::cold_tier::{self, ColdTier, Ground};
use super::edge::Start;
use super::gateway::needs_a_shared_tier;
use super::place::{Place, Role};
use super::{CannotStart, banner, runtime, signal};
use aldgate_gateway::config::{Config, Warm};

/// Runs until a signal.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn backend(start: &Start<'_>) -> Result<(), CannotStart> {
    let config = &start.config;
    if config.warm == Warm::Embedded {
        return Err(needs_a_shared_tier());
    }
    let mut place = Place::claim(config, Role::Backend)?;
    let runtime = runtime("backend", config.edge.threads)?;
    runtime.block_on(async {
        let cold_tier = assemble(config, &mut place).await?;
        banner::backend_ready(config, start.began.elapsed());
        signal::asked_to_end().await;
        cold_tier.end().await;
        Ok(())
    })?;
    runtime.shutdown_timeout(cold_tier::END);
    Ok(())
}

async fn assemble(config: &Config, place: &mut Place) -> Result<ColdTier, CannotStart> {
    let (ground, signing_key) = Ground::open(config).await?;
    ColdTier::start(config, signing_key.key_set(), ground, place, None).await
}
