//! Putting the gateway's parts together over a warm tier that somebody else has chosen.

use crate::access_log::AccessLog;
use crate::admission::Admission;
use crate::asset::Assets;
use crate::breaker::Breaker;
use crate::config::Config;
use crate::config::fault::Fault;
use crate::files::Files;
use crate::lookup::Lookups;
use crate::metrics::Metrics;
use crate::snapshot::{CannotServe, Generations};
use crate::state::EdgeState;
use crate::token::Tokens;
use crate::token::key_news::KeyNews;
use crate::touch::{TouchWriter, touches};
use crate::waiting_room::WaitingRoom;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::hot::Hot;
use aldgate_core::secret::MasterKey;
use aldgate_core::seldom::Seldom;
use aldgate_core::session::opened_here::OpenedHere;
use aldgate_core::time::Clock;
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_core::token::kept::KeptTokens;
use aldgate_core::warm::Warm;
use aldgate_core::webauthn::challenge::ChallengeKey;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What gateway and backend share.
#[derive(Clone)]
pub struct Shared {
    /// The deployment's key of keys.
    pub master: Arc<MasterKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The warm tier.
    pub warm: Arc<dyn Warm>,
}

/// Why the parts do not fit.
#[derive(Debug, thiserror::Error)]
pub enum CannotAssemble {
    /// The access log cannot be written.
    #[error("cannot write the access log: {0}")]
    AccessLog(#[from] std::io::Error),
    /// Files that the configuration names cannot be used.
    #[error("{}", lines(.0))]
    Files(Vec<Fault>),
    /// It cannot be served.
    #[error(transparent)]
    Serve(#[from] CannotServe),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// Two metrics of one name.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

fn lines(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The gateway's parts, and the task that writes times of use.
///
/// # Errors
/// [`CannotAssemble`].
pub fn assemble(
    config: &Config,
    signing_key: SigningKey,
    shared: &Shared,
) -> Result<(Arc<EdgeState>, TouchWriter), CannotAssemble> {
    let files = Files::read(config).map_err(CannotAssemble::Files)?;
    let metrics = Arc::new(Metrics::new()?);
    let hot = Arc::new(Hot::new(config.hot));
    shared.warm.follow(hot.clone());
    shared.warm.follow(metrics.clone());
    let kept_tokens = Arc::new(KeptTokens::default());
    shared.warm.follow(kept_tokens.clone());
    let key_news = Arc::new(KeyNews::default());
    shared.warm.follow(key_news.clone());
    let (kept, warm) = (kept_tokens.clone(), shared.warm.clone());
    let nobody = Tokens::of_nobody(&config.issuer, kept, &shared.master, warm, metrics.clone());
    let (touches, writer) = touches(shared.warm.clone());
    let state = EdgeState {
        snapshot: Generations::first(config, files, &nobody, &shared.master, shared.clock.now())?,
        lookups: Lookups::new(shared.warm.clone(), hot.clone(), metrics.clone()),
        kept_tokens,
        key_news,
        hot,
        warm: shared.warm.clone(),
        touches,
        admission: Admission::new(&config.admission, &*shared.entropy)?,
        waiting_room: WaitingRoom::new(
            config.waiting_room.as_ref(),
            &config.admission.many_behind,
            &*shared.entropy,
            shared.clock.now(),
        )?,
        assets: Assets::default(),
        log_ins_told: Seldom::default(),
        breaker: Arc::new(Breaker::default()),
        backend_told: Seldom::default(),
        relying_party: config.relying_party.clone(),
        challenge_key: ChallengeKey::of(&shared.master),
        opened_here: OpenedHere::of(&shared.master),
        key_set: signing_key.key_set(),
        signing_key,
        issuer: config.issuer.clone(),
        login_host: config.login_host.clone(),
        lifetimes: config.lifetimes,
        master: shared.master.clone(),
        clock: shared.clock.clone(),
        entropy: shared.entropy.clone(),
        access_log: AccessLog::open(&config.access_log, metrics.clone())?,
        metrics,
        ready: AtomicBool::new(true),
        fast_lane: config.edge.fast_lane,
        closing: AtomicBool::new(false),
        run_id: u32::from_be_bytes(shared.entropy.bytes()?),
        requests: AtomicU64::new(0),
    };
    Ok((Arc::new(state), writer))
}
