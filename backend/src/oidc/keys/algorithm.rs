//! The algorithms by which the provider signs (RFC 7518, section 3.1; RFC 8037, section 3.1): RS512 as NHS login does,
//! ES256 as GOV.UK One Login does, RS256 for clients that know no other (OpenID Connect Core, section 15.1), and with PS256
//! and EdDSA all that FAPI 2.0 allows (Security Profile, section 5.4).

use std::fmt;
use std::str::FromStr;

/// An algorithm that signs. Each has keys of its own (RFC 8725, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

/// No algorithm of ours has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signing algorithms are ES256, EdDSA, RS512, PS256 and RS256")]
pub struct NoSuchAlgorithm;

impl SigningAlgorithm {
    /// All of them; those whose keys are made at once come first.
    pub const ALL: [Self; 5] = [Self::Es256, Self::EdDsa, Self::Rs512, Self::Ps256, Self::Rs256];

    /// Its name in a JWS header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SigningAlgorithm {
    type Err = NoSuchAlgorithm;

    fn from_str(text: &str) -> Result<Self, NoSuchAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(NoSuchAlgorithm)
    }
}
