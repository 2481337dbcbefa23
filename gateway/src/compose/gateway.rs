//! `aldgate gateway`: the edge alone, one of several over one shared warm tier. It holds no database; with the backend
//! down it still opens and judges sessions.

use super::edge::{Edge, Start};
use super::hand_over::Sockets;
use super::place::{Place, Role};
use super::tier::Tier;
use super::{CannotStart, keys, ports, runtime};
use aldgate_core::cold::Cold;
use aldgate_core::entropy::Entropy;
use aldgate_core::secret::MasterKey;
use aldgate_core::time::Clock;
use aldgate_gateway::assemble::Shared;
use aldgate_gateway::clock::{Stopwatch, SystemClock, SystemEntropy};
use aldgate_gateway::cold::SocketCold;
use aldgate_gateway::config::{Redis, Warm};
use std::sync::Arc;
use std::time::Duration;

/// Runs until a signal, or until another one takes over.
///
/// # Errors
/// One line that says what to do.
pub(crate) fn gateway(start: &Start<'_>) -> Result<(), CannotStart> {
    run(start, false)
}

/// The same with the listening sockets of the one that runs; see [`super::hand_over`].
///
/// # Errors
/// One line that says what to do.
pub(crate) fn take_over(start: &Start<'_>) -> Result<(), CannotStart> {
    run(start, true)
}

fn run(start: &Start<'_>, takes_over: bool) -> Result<(), CannotStart> {
    let Warm::Redis(redis) = &start.config.warm else { return Err(needs_a_shared_tier()) };
    let config = &start.config;
    if config.demo.is_some() {
        return Err(CannotStart("the demonstration service is of `aldgate up` alone: set demo.enabled = false".into()));
    }
    let place = if takes_over {
        Place::inherit(config, Role::Gateway)?
    } else {
        let place = Place::claim(config, Role::Gateway)?;
        ports::all_free(config)?;
        place
    };
    let runtime = runtime("warm", config.edge.threads)?;
    let edge = runtime.block_on(assemble(start, redis))?;
    let sockets = Sockets::in_data(&config.data);
    let before = takes_over.then(|| sockets.ask()).transpose()?;
    let ran = edge.run_replaceable(Role::Gateway, &runtime, &sockets, before);
    runtime.shutdown_timeout(Duration::ZERO);
    drop(place);
    ran
}

/// What `gateway` and `backend` say where the configuration names a tier of one process.
pub(crate) fn needs_a_shared_tier() -> CannotStart {
    CannotStart("gateways share a warm tier: set warm.kind to \"redis\", or run everything with: aldgate up".into())
}

/// How long a start waits for the shared tier: a primary that has just died is replaced within that.
const TIER_WITHIN: Duration = Duration::from_secs(15);

/// The shortest pause between two attempts; the longest is twice that, so that many gateways do not come in step.
const PAUSE: Duration = Duration::from_millis(250);

/// Connects to the shared tier; while it is being replaced, again and again, and says so.
async fn connect(
    redis: &Redis,
    master: &MasterKey,
    clock: &Arc<dyn Clock>,
    cold: Arc<dyn Cold>,
    entropy: &dyn Entropy,
) -> Result<Tier, CannotStart> {
    let begun = Stopwatch::start();
    loop {
        let error = match Tier::redis(redis, master, clock.clone(), cold.clone()).await {
            Ok(tier) => return Ok(tier),
            Err(error) if begun.elapsed() >= TIER_WITHIN => return Err(error),
            Err(error) => error,
        };
        tracing::warn!(%error, "this gateway starts when the shared tier answers");
        let [spread] = entropy.bytes().unwrap_or_default();
        tokio::time::sleep(PAUSE + PAUSE.mul_f32(f32::from(spread) / 256.0)).await;
    }
}

async fn assemble(start: &Start<'_>, redis: &Redis) -> Result<Edge, CannotStart> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
    let keys = keys::that_exist(&start.config.keys, &*entropy)?;
    let master = Arc::new(keys.master);
    let cold = Arc::new(SocketCold::new(start.config.cold_socket()));
    let tier = connect(redis, &master, &clock, cold, &*entropy).await?;
    let shared = Shared { master, clock, entropy, warm: tier.warm.clone() };
    let edge = Edge::assemble(start, keys.signing, &shared)?;
    tier.count_forgeries(edge.state.metrics.clone());
    Ok(edge)
}
