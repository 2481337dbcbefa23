//! Aldgate's edge on Pingora, as a library.
//!
//! [`edge`] is the life of a request; the [`phase`]s are in the files of their names; what all requests share is
//! [`state::EdgeState`]. The edge judges; it neither creates credentials nor writes the backend's store. Its
//! composition (which warm tier, which backend) is the binary's affair.

pub mod access_log;
pub mod admission;
pub mod assemble;
pub mod asset;
pub mod authz;
pub mod breaker;
pub mod certificate;
pub mod challenge;
pub mod clock;
pub mod cold;
pub mod config;
pub mod cors;
pub mod deadline;
pub mod door;
pub mod edge;
pub mod exchange;
pub mod files;
pub mod framing;
pub mod general;
pub mod hand_off;
pub mod hsts;
pub mod identity;
pub mod lane;
pub mod listener;
pub mod lookup;
pub mod metrics;
pub mod passkey;
pub mod phase;
pub mod private;
pub mod problem;
pub mod receive;
pub mod refusal;
pub mod reload;
pub mod reply;
pub mod request;
pub mod returned;
pub mod snapshot;
pub mod socket;
pub mod state;
pub mod step_up;
pub mod tls;
pub mod token;
pub mod touch;
pub mod upstream;
pub mod waiting_room;
pub mod words;
