//! One request on its way through the phases: the only thing that passes from one phase to the next.

use crate::clock::Stopwatch;
use crate::metrics::AnsweredBy;
use crate::problem::Problem;
use crate::state::EdgeState;
use aldgate_core::time::Timestamp;
use aldgate_core::verdict::Permit;
use std::net::IpAddr;

/// What the phases know of a request.
pub struct Exchange {
    /// The reference, for logs, problem documents and services.
    pub reference: String,
    /// When the request's header had been read; every rule about time uses this moment.
    pub now: Timestamp,
    /// For metrics.
    pub stopwatch: Stopwatch,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Whether the client came over TLS.
    pub tls: bool,
    /// The host without port, once admitted.
    pub host: String,
    /// The host as the client wrote it, once admitted.
    pub authority: String,
    /// Proof that it may pass, once judged.
    pub permit: Option<Permit>,
    /// Who answers.
    pub answered_by: AnsweredBy,
    /// Why the edge refused, if it did.
    pub problem: Option<Problem>,
    /// Bytes of body that went to the backend so far.
    pub body_bytes: usize,
}

impl Exchange {
    /// The next request of a gateway, whose header has just been read.
    pub fn begin(state: &EdgeState) -> Self {
        Self::new(format!("{:08x}-{:x}", state.run_id, state.next_request()), state.clock.now())
    }

    /// A request whose header has just been read.
    pub fn new(reference: String, now: Timestamp) -> Self {
        Self {
            reference,
            now,
            stopwatch: Stopwatch::start(),
            client: None,
            tls: false,
            host: String::new(),
            authority: String::new(),
            permit: None,
            answered_by: AnsweredBy::Edge,
            problem: None,
            body_bytes: 0,
        }
    }
}
