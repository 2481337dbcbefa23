//! The OpenID provider: the protocol, without HTTP.

pub mod client_assertion;
pub mod jws;
pub mod keys;
