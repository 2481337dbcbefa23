//! Proof Key for Code Exchange (RFC 7636), by SHA-256 alone: `plain` proves nothing to whoever has read the request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq as _;

/// Bytes of a challenge.
pub(crate) const CHALLENGE_BYTES: usize = 32;

/// RFC 7636, section 4.1.
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

/// What a code is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge([u8; CHALLENGE_BYTES]);

/// Why the parameters of a challenge are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadChallenge {
    /// Not `S256`.
    #[error("code_challenge_method must be S256")]
    Method,
    /// Not 32 bytes in base64url.
    #[error("code_challenge must be the base64url of a SHA-256 digest")]
    Malformed,
    /// A method without a challenge.
    #[error("code_challenge is missing")]
    Missing,
}

impl Challenge {
    /// Reads the two parameters. Without a method the RFC means `plain`, which is refused.
    pub(crate) fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, BadChallenge> {
        let Some(text) = challenge else {
            return if method.is_none() { Ok(None) } else { Err(BadChallenge::Missing) };
        };
        if method != Some("S256") {
            return Err(BadChallenge::Method);
        }
        let mut bytes = [0; CHALLENGE_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(CHALLENGE_BYTES) => Ok(Some(Self(bytes))),
            _ => Err(BadChallenge::Malformed),
        }
    }

    /// From a record.
    pub(crate) const fn from_bytes(bytes: [u8; CHALLENGE_BYTES]) -> Self {
        Self(bytes)
    }

    /// As a record holds it.
    pub(crate) const fn as_bytes(&self) -> &[u8; CHALLENGE_BYTES] {
        &self.0
    }

    fn is_met_by(&self, verifier: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let well_formed = VERIFIER_CHARS.contains(&verifier.len()) && verifier.bytes().all(plain);
        well_formed && bool::from(digest(&SHA256, verifier.as_bytes()).as_ref().ct_eq(&self.0))
    }
}

/// Whether a redemption fits: a challenge needs its verifier, and a verifier needs a challenge (RFC 9700, section 2.1.1:
/// downgrades are blocked both ways).
pub(crate) fn fits(challenge: Option<&Challenge>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => challenge.is_met_by(verifier),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_fits_and_nothing_else() {
        let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).expect("good").expect("one");
        assert!(fits(Some(&challenge), Some(VERIFIER)));
        for other in ["", CHALLENGE, &VERIFIER[1..], &VERIFIER.to_lowercase(), &format!("{VERIFIER} ")] {
            assert!(!fits(Some(&challenge), Some(other)), "{other}");
        }
        assert!(!fits(Some(&challenge), None), "stripped at the token endpoint");
        assert!(!fits(None, Some(VERIFIER)), "stripped at the authorization endpoint");
        assert!(fits(None, None));
    }

    #[test]
    fn only_s256_is_taken() {
        for method in [None, Some("plain"), Some("s256"), Some("")] {
            assert_eq!(Challenge::parse(Some(CHALLENGE), method), Err(BadChallenge::Method), "{method:?}");
        }
        assert_eq!(Challenge::parse(None, Some("S256")), Err(BadChallenge::Missing));
        assert_eq!(Challenge::parse(Some("abc"), Some("S256")), Err(BadChallenge::Malformed));
        assert_eq!(Challenge::parse(None, None), Ok(None));
    }
}
