//! WebAuthn Level 3 as the edge needs it: the challenge, what the client and the authenticator say, the compact
//! credential record, and the assertion's verification (section 7.2).
//!
//! Registration (section 7.1) is the backend's; what both need to read (client data, authenticator data, the public
//! key) is here once.

pub mod assertion;
pub mod attestation_object;
pub mod authenticator_data;
pub mod challenge;
pub mod client_data;
pub mod credential;
pub mod json;
pub mod public_key;
pub mod relying_party;
