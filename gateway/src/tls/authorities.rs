//! Whose word is taken on clients' certificates.

use crate::certificate::PeerCertificate;
use crate::config::source::sha256;
use aldgate_core::time::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DistinguishedName, RootCertStore};
use std::sync::Arc;
use std::time::Duration;

/// Authorities in one file. A handshake names each of them to the client.
const AUTHORITIES_MAX: usize = 100;

/// Bytes of their names: with each handshake, so much is sent to whoever asks.
const SUBJECT_BYTES_MAX: usize = 16 * 1024;

/// The configured authorities.
#[derive(Debug, Clone)]
pub struct Authorities {
    verifier: Arc<dyn ClientCertVerifier>,
    digest: [u8; 32],
}

/// The file of authorities cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAuthorities {
    /// It is not PEM.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// One of them is no certificate that can vouch for others, or there is none.
    #[error("{0}")]
    Unusable(String),
    /// There are too many.
    #[error("at most {AUTHORITIES_MAX} authorities, and {SUBJECT_BYTES_MAX} bytes of their names")]
    TooMany,
}

impl Authorities {
    /// Reads PEM text of certificates.
    ///
    /// # Errors
    /// [`BadAuthorities`], also if there is none in it.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadAuthorities> {
        let unusable = |error: &dyn std::fmt::Display| BadAuthorities::Unusable(error.to_string());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| BadAuthorities::Unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
            if roots.len() > AUTHORITIES_MAX {
                return Err(BadAuthorities::TooMany);
            }
        }
        if roots.subjects().iter().map(|subject| subject.as_ref().len()).sum::<usize>() > SUBJECT_BYTES_MAX {
            return Err(BadAuthorities::TooMany);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.allow_unauthenticated().build().map_err(|error| unusable(&error))?;
        Ok(Self { verifier, digest: sha256(pem) })
    }

    /// The SHA-256 digest of the text: authorities of one digest vouch for the same certificates.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Their names, by which a client finds out which of its certificates to show.
    pub fn subjects(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    /// Verifies a chain, the client's own certificate and what stands between it and an authority (RFC 5280, section 6):
    /// signatures, dates, and that it is one for clients (`id-kp-clientAuth`).
    ///
    /// # Errors
    /// What rustls says of it, for the alert.
    pub fn verify(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        at: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verifier.verify_client_cert(own, between, at)
    }

    /// The client's certificate of a chain, if the authorities vouch for it at this moment.
    pub fn vouch_for(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Option<PeerCertificate> {
        let (own, between) = chain.split_first()?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
        self.verify(own, between, at).ok()?;
        PeerCertificate::of_verified(own).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    fn authority() -> String {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate").pem()
    }

    #[test]
    fn a_file_without_authorities_is_none() {
        for text in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(matches!(Authorities::from_pem(text.as_bytes()), Err(BadAuthorities::Unusable(_))), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_cut_off_within_a_certificate_is_refused() {
        let (first, second) = (authority(), authority());
        let half = format!("{first}{}", &second[..second.len() / 2]);
        assert!(Authorities::from_pem(half.as_bytes()).is_err());
        assert!(Authorities::from_pem(format!("{first}{second}").as_bytes()).is_ok());
    }

    #[test]
    fn authorities_without_end_are_refused() {
        let many = authority().repeat(AUTHORITIES_MAX + 1);
        assert_eq!(Authorities::from_pem(many.as_bytes()).map(drop), Err(BadAuthorities::TooMany));
    }
}
