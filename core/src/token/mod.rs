//! Signed tokens, over `jsonwebtoken` with ring: one algorithm a key, chosen by us and never by a token's header.

pub mod grant;
pub mod identity_assertion;
pub mod ring_provider;
