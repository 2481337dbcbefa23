//! A grant: what a verified access token, JWT or opaque, says. From here on nobody asks which it was.

use crate::assurance::{Components, IdentityLevel, Vector};
use crate::id::TokenDigest;
use crate::time::Timestamp;
use subtle::ConstantTimeEq as _;

/// To what a token is bound (the `cnf` claim, RFC 7800): without it in hand, the token is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// SHA-256 thumbprint of the key that signs the DPoP proofs (`jkt`; RFC 9449, section 6.1).
    Key([u8; 32]),
    /// SHA-256 of the client's certificate (`x5t#S256`; RFC 8705, section 3.1).
    Certificate([u8; 32]),
}

impl Binding {
    /// Whether it is to the certificate of this digest.
    pub fn is_to_certificate(&self, shown: &[u8; 32]) -> bool {
        matches!(self, Self::Certificate(bound) if bool::from(bound.ct_eq(shown)))
    }
}

/// What an access token says, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The token, whole.
    pub token: TokenDigest,
    /// Who gave it.
    pub issuer: String,
    /// For whom it was given: a person, or the client itself.
    pub subject: String,
    /// To which client it was given, if it says so.
    pub client: Option<String>,
    /// For what it was given.
    pub scopes: Vec<String>,
    /// How well the person's identity was verified.
    pub identity: IdentityLevel,
    /// What the person signed in with.
    pub components: Components,
    /// When the person last proved who they are, if it says so.
    pub authenticated: Option<Timestamp>,
    /// Whether the client acts for somebody else than who signed in (the `act` claim; RFC 8693, section 4.1).
    pub delegated: bool,
    /// When it ends.
    pub expires: Timestamp,
    /// To what it is bound.
    pub binding: Option<Binding>,
}

impl Grant {
    /// The vector of trust that its issuer vouches for.
    pub const fn vector_of_trust(&self) -> Vector {
        Vector { identity: self.identity, components: self.components }
    }

    /// About how many bytes it takes in memory.
    pub fn bytes(&self) -> usize {
        let texts = self.issuer.len() + self.subject.len() + self.client.as_ref().map_or(0, String::len);
        let scopes: usize = self.scopes.iter().map(|scope| scope.len() + size_of::<String>()).sum();
        size_of::<Self>() + texts + scopes
    }
}
