//! The identifiers of the domain: fixed bytes, one newtype each, so that one can never be passed for another.
//!
//! They are made from randomness that the caller gives, never from a counter: an identifier tells nothing about how
//! many there are. None of them is a secret by itself: a session is opened by its token (see [`crate::session`]).

use crate::entropy::{Entropy, EntropyFailed};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use std::fmt;

/// Bytes of an [`AccountId`] and a [`SessionId`].
pub const ID_BYTES: usize = 16;

/// Longest credential ID that WebAuthn allows (Level 3, section 4, "Credential ID").
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1023;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Takes bytes that were read from a record of ours.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes, as stored.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Takes bytes of unknown length; `None` unless the length is right.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnIdentifier;

            fn from_str(text: &str) -> Result<Self, NotAnIdentifier> {
                let mut bytes = [0; $len];
                match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
                    Ok(len) if len == $len => Ok(Self(bytes)),
                    _ => Err(NotAnIdentifier),
                }
            }
        }
    };
}

/// The text is not the base64url form of an identifier of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct NotAnIdentifier;

identifier!(
    /// An account. Also its WebAuthn user handle and the `sub` that services see.
    AccountId,
    ID_BYTES
);
identifier!(
    /// A session's handle: the key of its record in every tier, and the `sid` that services see.
    SessionId,
    ID_BYTES
);
identifier!(
    /// SHA-256 of a credential ID. Credential IDs are up to 1,023 bytes that the authenticator chose; the digest is
    /// fixed-size and evenly spread, and is the key of the record in every tier.
    CredentialDigest,
    32
);
identifier!(
    /// SHA-256 of an access token, whole as it was presented: the key under which a verdict on it is kept. Also of what tokens
    /// have in common, where that is what ends ([`crate::token::family`]).
    TokenDigest,
    32
);
identifier!(
    /// SHA-256 of a value that may be used once (a challenge, a code, a hand-off).
    SingleUse,
    32
);

impl AccountId {
    /// A new, random account ID.
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn random(entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        entropy.bytes().map(Self)
    }

    /// Its lane.
    pub const fn lane(&self) -> Lane {
        Lane(self.0[0] >> 4)
    }
}

impl SessionId {
    /// A new session ID for an account: in the account's lane, and random otherwise (124 bits).
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn random(account: &AccountId, entropy: &dyn Entropy) -> Result<Self, EntropyFailed> {
        entropy.bytes().map(|bytes| Self(bytes).in_lane(account.lane()))
    }

    /// The same handle in a lane.
    #[must_use]
    pub const fn in_lane(mut self, lane: Lane) -> Self {
        self.0[0] = (lane.0 << 4) | (self.0[0] & 0x0f);
        self
    }

    /// The lane of the account whose session it is.
    pub const fn lane(&self) -> Lane {
        Lane(self.0[0] >> 4)
    }
}

/// How many lanes there are.
pub const LANES: usize = 16;

/// A sixteenth of all accounts, by the first four bits of the account's ID. Whatever belongs to an account is kept in
/// its lane: its sessions, the counters of its passkeys, its log-ins and the changes that concern it. So one step on
/// them needs one place of a warm tier that is spread over many, and each lane has one order of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(u8);

impl Lane {
    /// Every lane.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).take(LANES).map(Self)
    }

    /// Its number, less than [`LANES`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

impl CredentialDigest {
    /// The digest of a credential ID as the authenticator gave it.
    pub fn of(credential_id: &[u8]) -> Self {
        Self(sha256(credential_id))
    }
}

impl TokenDigest {
    /// The digest of a token.
    pub fn of(token: &[u8]) -> Self {
        Self(sha256(token))
    }

    /// The lane in which its revocation is told.
    pub const fn lane(&self) -> Lane {
        Lane(self.0[0] >> 4)
    }
}

impl SingleUse {
    /// The digest of a value that may be used once.
    pub fn of(value: &[u8]) -> Self {
        Self(sha256(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = SessionId::from_bytes([7; ID_BYTES]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("".parse::<SessionId>(), Err(NotAnIdentifier));
        assert_eq!(format!("{id}A").parse::<SessionId>(), Err(NotAnIdentifier));
    }

    #[test]
    fn a_session_is_in_the_lane_of_its_account() {
        for lane in Lane::all() {
            let id = SessionId::from_bytes([0x5a; ID_BYTES]).in_lane(lane);
            assert_eq!((id.lane(), id.as_bytes()[0] & 0x0f), (lane, 0x0a));
        }
        let account = AccountId::from_bytes([0xc7; ID_BYTES]);
        assert_eq!(account.lane().index(), 0xc);
        assert_eq!(Lane::all().count(), LANES);
    }
}
