//! What a person has allowed a client: the grant behind a code, its refresh tokens and its access tokens; and the consent
//! that is remembered, so that the next grant need not be asked for.

use aldgate_core::assurance::IdentityLevel;
use aldgate_core::entropy::{Entropy, EntropyFailed};
use aldgate_core::id::{AccountId, SessionId, TokenDigest};
use aldgate_core::time::Timestamp;

/// A grant's name: random, and the code's that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantId([u8; 16]);

impl GrantId {
    /// A new one.
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        entropy.bytes().map(Self)
    }

    /// Takes bytes that were read from a record of ours.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// A grant: one family of tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its name.
    pub id: GrantId,
    /// Who allowed it.
    pub account: AccountId,
    /// In which session; nothing for one that was made before that was kept.
    pub session: Option<SessionId>,
    /// The client.
    pub client: String,
    /// What exactly was allowed, as the OpenID provider writes it.
    pub record: Vec<u8>,
    /// How often its refresh token was replaced: only the last one is good.
    pub generation: u32,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether it has been ended.
    pub revoked: bool,
}

/// Access tokens that end before their time, which every gateway must hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedTokens {
    /// Of what they have in common ([`aldgate_core::token::family`]).
    pub digest: TokenDigest,
    /// Until when that must be remembered.
    pub until: Timestamp,
}

/// What a person has allowed a client, once and for the next times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// The scopes, as the OpenID provider numbers them.
    pub scopes: u16,
    /// Claims besides, as the OpenID provider numbers them.
    pub claims: u32,
    /// The highest level at which it was allowed.
    pub level: IdentityLevel,
    /// When it was last given.
    pub at: Timestamp,
}

/// A service that a person has allowed something, and what has come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedService {
    /// The client.
    pub client: String,
    /// What it is allowed now.
    pub allowed: Consent,
    /// When it was first allowed anything.
    pub first: Timestamp,
    /// All that it has ever been allowed, in scopes.
    pub scopes_ever: u16,
    /// The same in claims.
    pub claims_ever: u32,
    /// The highest level at which it has ever been allowed something.
    pub level_ever: IdentityLevel,
    /// When a person last signed in to it; `None` if they agreed and never came back from there.
    pub used: Option<Timestamp>,
}
