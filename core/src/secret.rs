//! Secrets as a type: wiped when dropped, redacted when printed, compared in constant time.

use ring::hkdf;
use std::fmt;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroize;

/// A secret value. It is read only through [`Secret::expose`], which one can search for.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value that must not be printed.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for the one call that needs it.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

/// Bytes of a [`MasterKey`].
pub const MASTER_KEY_BYTES: usize = 32;

/// The deployment's one key of keys. Every other symmetric key is derived from it for one purpose (HKDF-SHA-256,
/// RFC 5869), so that no two purposes share a key and every gateway that holds the file derives the same ones.
#[derive(Debug)]
pub struct MasterKey(Secret<[u8; MASTER_KEY_BYTES]>);

/// What a derived key is for. The text goes into the derivation; it must never change once in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Tags of session tokens.
    SessionTag,
    /// Tags of WebAuthn challenges.
    Challenge,
    /// Sealing of the journey cookie.
    Journey,
    /// Sealing of identifiers (an e-mail address) at rest.
    IdentifierSeal,
    /// Keyed digests by which identifiers are found.
    IdentifierDigest,
    /// One-time codes.
    OneTimeCode,
    /// Tags of what lies in a warm tier outside our processes.
    WarmTag,
    /// Sealing of hand-off codes.
    HandOff,
    /// Nonces of DPoP proofs.
    DpopNonce,
    /// Tickets by which TLS sessions are resumed.
    TlsTicket,
    /// Cookies of browsers in which an account's password was right before.
    KnownDevice,
    /// Cookies that say which accounts were opened in a browser before.
    OpenedHere,
    /// Tokens of the links in messages.
    Link,
    /// Keyed digests of recovery codes.
    RecoveryCode,
    /// Tags of the audit's entries.
    Audit,
    /// Sealing of authorization codes.
    AuthorizationCode,
    /// Sealing of an authorization request while its person signs in.
    AuthorizationRequest,
    /// Sealing of an authorization request that its client has pushed.
    PushedRequest,
    /// Subjects that differ from sector to sector.
    PairwiseSubject,
    /// Sealing of an authorization request while its person is asked for consent.
    ConsentRequest,
    /// Tags of refresh tokens.
    RefreshToken,
    /// Tags of the names (`jti`) of ID tokens and access tokens.
    TokenName,
    /// Names of sessions, a different one for each client.
    ClientSession,
    /// Tags of the tokens by which a client changes its own registration.
    RegistrationToken,
    /// Sealing of the tokens that let somebody register a client.
    InitialAccess,
    /// Sealing of the OpenID provider's signing keys at rest.
    SigningKeySeal,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::SessionTag => b"aldgate/session-tag/1",
            Self::Challenge => b"aldgate/challenge/1",
            Self::Journey => b"aldgate/journey/1",
            Self::IdentifierSeal => b"aldgate/identifier-seal/1",
            Self::IdentifierDigest => b"aldgate/identifier-digest/1",
            Self::OneTimeCode => b"aldgate/one-time-code/1",
            Self::WarmTag => b"aldgate/warm-tag/1",
            Self::HandOff => b"aldgate/hand-off/1",
            Self::DpopNonce => b"aldgate/dpop-nonce/1",
            Self::TlsTicket => b"aldgate/tls-ticket/1",
            Self::KnownDevice => b"aldgate/known-device/1",
            Self::OpenedHere => b"aldgate/opened-here/1",
            Self::Link => b"aldgate/link/1",
            Self::RecoveryCode => b"aldgate/recovery-code/1",
            Self::Audit => b"aldgate/audit/1",
            Self::AuthorizationCode => b"aldgate/authorization-code/1",
            Self::AuthorizationRequest => b"aldgate/authorization-request/1",
            Self::PushedRequest => b"aldgate/pushed-request/1",
            Self::PairwiseSubject => b"aldgate/pairwise-subject/1",
            Self::ConsentRequest => b"aldgate/consent-request/1",
            Self::RefreshToken => b"aldgate/refresh-token/1",
            Self::TokenName => b"aldgate/token-name/1",
            Self::ClientSession => b"aldgate/client-session/1",
            Self::RegistrationToken => b"aldgate/registration-token/1",
            Self::InitialAccess => b"aldgate/initial-access/1",
            Self::SigningKeySeal => b"aldgate/signing-key-seal/1",
        }
    }
}

struct Len;

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        MASTER_KEY_BYTES
    }
}

impl MasterKey {
    /// Takes the key's bytes.
    pub const fn new(bytes: [u8; MASTER_KEY_BYTES]) -> Self {
        Self(Secret::new(bytes))
    }

    /// The 32-byte key for one purpose and one period (`epoch`; 0 where keys do not rotate).
    #[expect(clippy::expect_used, reason = "HKDF-SHA-256 gives up to 8,160 bytes; 32 cannot fail")]
    pub fn derive(&self, purpose: Purpose, epoch: u64) -> Secret<[u8; MASTER_KEY_BYTES]> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"aldgate");
        let epoch = epoch.to_be_bytes();
        let info = [purpose.label(), &epoch];
        let mut out = [0; MASTER_KEY_BYTES];
        salt.extract(self.0.expose())
            .expand(&info, Len)
            .and_then(|okm| okm.fill(&mut out))
            .expect("32 bytes are within HKDF's bound");
        Secret::new(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_and_epochs_have_keys_of_their_own() {
        let master = MasterKey::new([1; 32]);
        let key = master.derive(Purpose::SessionTag, 0);
        assert_eq!(key, master.derive(Purpose::SessionTag, 0));
        assert_ne!(key, master.derive(Purpose::SessionTag, 1));
        assert_ne!(key, master.derive(Purpose::Challenge, 0));
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", MasterKey::new([0x41; 32])), "MasterKey(Secret(…))");
    }
}
