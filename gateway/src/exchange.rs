//! One request on its way through the phases: the only thing that passes from one phase to the next.

use crate::admission::Ticket;
use crate::certificate::PeerCertificate;
use crate::clock::Stopwatch;
use crate::metrics::AnsweredBy;
use crate::phase::record::Unfinished;
use crate::problem::Problem;
use crate::snapshot::Generation;
use crate::state::EdgeState;
use aldgate_core::policy::cors::Sharing;
use aldgate_core::time::Timestamp;
use aldgate_core::verdict::Permit;
use std::net::IpAddr;
use std::sync::Arc;

/// What the phases know of a request.
pub struct Exchange {
    /// The reference, for logs, problem documents and services.
    pub reference: String,
    /// What it is judged and forwarded by, from its beginning to its end.
    pub generation: Arc<Generation>,
    /// When the request's header had been read; every rule about time uses this moment.
    pub now: Timestamp,
    /// For metrics.
    pub stopwatch: Stopwatch,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Whether the client came over TLS.
    pub tls: bool,
    /// The certificate that the client has shown, where the listener asks for one.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// The host without port, once admitted.
    pub host: String,
    /// The host as the client wrote it, once admitted.
    pub authority: String,
    /// What its route says about pages of other origins, where it says something.
    pub sharing: Option<Sharing>,
    /// Proof that it may pass, once judged.
    pub permit: Option<Permit>,
    /// Its place among the requests of its class, from its admission until its answer begins. Who reads slowly what they
    /// are told holds nobody up.
    pub ticket: Option<Ticket>,
    /// The body of a request to one of the edge's own endpoints that has places, read before it takes one.
    pub body: Option<Vec<u8>>,
    /// What is kept of it should it end in the middle of its body.
    pub unfinished: Option<Unfinished>,
    /// The value of a `Set-Cookie` that goes with the backend's answer.
    pub cookie: Option<String>,
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
        Self::new(reference(state.run_id, state.next_request()), state.clock.now(), state.snapshot.current())
    }

    /// A request whose header has just been read.
    pub fn new(reference: String, now: Timestamp, generation: Arc<Generation>) -> Self {
        Self {
            reference,
            generation,
            now,
            stopwatch: Stopwatch::start(),
            client: None,
            tls: false,
            certificate: None,
            host: String::new(),
            authority: String::new(),
            sharing: None,
            permit: None,
            ticket: None,
            body: None,
            unfinished: None,
            cookie: None,
            answered_by: AnsweredBy::Edge,
            problem: None,
            body_bytes: 0,
        }
    }
}

/// The reference of a request by its number: `{run:08x}-{number:x}`, written by hand since each request needs it, and
/// [`format!`] takes eight times as long.
fn reference(run: u32, number: u64) -> String {
    let digits = |number: u64, count: u32| {
        (0..count).rev().filter_map(move |place| char::from_digit(((number >> (4 * place)) & 0xf) as u32, 16))
    };
    let needed = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    digits(u64::from(run), 8).chain(['-']).chain(digits(number, needed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_the_run_and_the_number_in_hexadecimal() {
        for (run, number) in [(0, 0), (1, 1), (0x00ab_cdef, 0xf), (u32::MAX, 0x10), (7, u64::MAX)] {
            assert_eq!(reference(run, number), format!("{run:08x}-{number:x}"));
        }
    }
}
