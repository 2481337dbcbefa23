//! The warm tier where there is one machine: on the backend's own store, in the gateway's process.

#[cfg(test)]
mod conformance;
pub mod embedded;
