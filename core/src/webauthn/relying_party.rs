//! The relying party: for whom passkeys are made, and from which pages they may be used.

use ring::digest::{SHA256, digest};

/// Whether the authenticator must have verified the person (WebAuthn Level 3, section 5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserVerification {
    /// Refuse an assertion without user verification.
    Required,
    /// Ask for it, and accept an assertion without it.
    Preferred,
}

impl UserVerification {
    /// The value in the options' JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
        }
    }
}

/// The relying party's fixed facts, from the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// The RP ID: a host name without scheme or port.
    pub id: String,
    /// SHA-256 of the RP ID, as authenticator data carries it.
    pub id_hash: [u8; 32],
    /// What the person's authenticator shows.
    pub name: String,
    /// The exact origins that may use passkeys, each as a browser writes it (`https://login.example.org`).
    pub origins: Vec<String>,
    /// Exact origins outside the RP ID that may use its passkeys too (section 5.11, related origins).
    pub related: Vec<String>,
    /// The exact top-level origins that may embed the log-in page; empty: none may.
    pub embedders: Vec<String>,
    /// The policy for every ceremony.
    pub user_verification: UserVerification,
}

impl RelyingParty {
    /// A relying party without embedders.
    pub fn new(id: &str, name: &str, origins: Vec<String>, user_verification: UserVerification) -> Self {
        let mut id_hash = [0; 32];
        id_hash.copy_from_slice(digest(&SHA256, id.as_bytes()).as_ref());
        let (related, embedders) = (Vec::new(), Vec::new());
        Self { id: id.into(), id_hash, name: name.into(), origins, related, embedders, user_verification }
    }

    /// Whether a page of this origin may use passkeys.
    pub fn takes(&self, origin: &str) -> bool {
        self.origins.iter().chain(&self.related).any(|ours| ours == origin)
    }
}
