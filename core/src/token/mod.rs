//! Signed tokens, over `jsonwebtoken` with ring: one algorithm a key, chosen by us and never by a token's header.
//!
//! What the gate itself says of a request is an [`identity_assertion`]. What somebody shows the gate is an
//! [`access_token`] (RFC 9068) or what its issuer says of it ([`introspection`], RFC 7662), which an
//! [`authorization`] header carries and a [`dpop`] proof may have to accompany (RFC 9449); either becomes a [`grant`].

pub mod access_token;
pub mod authorization;
pub mod certificate_assertion;
pub mod claims;
pub mod dpop;
pub mod dpop_nonce;
mod ended;
pub mod family;
pub mod grant;
pub mod identity_assertion;
pub mod introspection;
pub mod jws;
pub mod kept;
pub mod key_set;
pub mod ring_provider;
pub mod strict_json;
pub mod target_uri;
pub mod verifying_key;
