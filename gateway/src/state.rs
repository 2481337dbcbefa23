//! What all requests of one gateway share.

use crate::access_log::AccessLog;
use crate::admission::Admission;
use crate::asset::Assets;
use crate::breaker::Breaker;
use crate::lookup::Lookups;
use crate::metrics::Metrics;
use crate::snapshot::Generations;
use crate::token::key_news::KeyNews;
use crate::touch::Touches;
use crate::waiting_room::WaitingRoom;
use aldgate_core::entropy::Entropy;
use aldgate_core::hot::Hot;
use aldgate_core::secret::MasterKey;
use aldgate_core::seldom::Seldom;
use aldgate_core::session::opened_here::OpenedHere;
use aldgate_core::session::record::Lifetimes;
use aldgate_core::time::Clock;
use aldgate_core::token::identity_assertion::SigningKey;
use aldgate_core::token::kept::KeptTokens;
use aldgate_core::warm::Warm;
use aldgate_core::webauthn::challenge::ChallengeKey;
use aldgate_core::webauthn::relying_party::RelyingParty;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The place of the backend among a session's cached assertions; services count from zero.
pub const BACKEND_INDEX: u16 = u16::MAX;

/// The parts of one gateway.
pub struct EdgeState {
    /// Routes, token keys, upstreams, certificates and token issuers, as they stand now.
    pub snapshot: Generations,
    /// This process's copies.
    pub hot: Arc<Hot>,
    /// The shared tier.
    pub warm: Arc<dyn Warm>,
    /// How warm is asked.
    pub lookups: Lookups,
    /// Whether the OpenID provider's keys have changed.
    pub key_news: Arc<KeyNews>,
    /// What has been verified of access tokens, and which were revoked: over all reloads.
    pub kept_tokens: Arc<KeptTokens>,
    /// Times of use on their way to warm.
    pub touches: Touches,
    /// How much may be asked for.
    pub admission: Admission,
    /// Where people wait who want to sign in, if there is such a room.
    pub waiting_room: Option<WaitingRoom>,
    /// Files that the edge serves.
    pub assets: Assets,
    /// When it was said last that log-ins cannot be settled.
    pub log_ins_told: Seldom,
    /// Whether the backend answers.
    pub breaker: Arc<Breaker>,
    /// When it was said last that the backend does not answer.
    pub backend_told: Seldom,
    /// For whom passkeys are made.
    pub relying_party: RelyingParty,
    /// The key of challenges.
    pub challenge_key: ChallengeKey,
    /// The key of what browsers show of the accounts that were opened in them.
    pub opened_here: OpenedHere,
    /// The key of identity assertions.
    pub signing_key: SigningKey,
    /// Its public half, as services fetch it.
    pub key_set: String,
    /// The origin that people sign in at.
    pub issuer: String,
    /// The host of the log-in pages.
    pub login_host: String,
    /// How long sessions last.
    pub lifetimes: Lifetimes,
    /// The deployment's key of keys, for the token keys of the next period.
    pub master: Arc<MasterKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// One line a request.
    pub access_log: AccessLog,
    /// Whether this gateway takes part; false while it drains.
    pub ready: AtomicBool,
    /// Whether plain requests to services take the fast lane ([`crate::lane`]).
    pub fast_lane: bool,
    /// Whether listening has stopped, so that the answer to a request is the last on its connection.
    pub closing: AtomicBool,
    /// The first half of this process's request references.
    pub run_id: u32,
    /// How many requests have been begun; the second half.
    pub requests: AtomicU64,
}

impl EdgeState {
    /// The next request's number.
    pub fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }
}
