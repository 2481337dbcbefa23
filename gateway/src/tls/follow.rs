//! How rustls is told to serve what the configuration says now: each handshake asks the generation that serves.
//!
//! A handshake that a reload overtakes may be offered by one generation and verified by the next. It never gains by that:
//! the certificate is verified with the newer authorities, and judged again with those of each request ([`super::shown`]).

use crate::state::EdgeState;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Sets of authorities whose names one process can tell to clients. rustls borrows the names from the verifier, so that
/// they cannot be let go when the set is replaced. With more sets, no name is told, and a client chooses freely.
const SUBJECT_SETS_MAX: usize = 64;

/// Serves the certificate of the generation that serves.
pub struct ServedCertificate {
    state: Arc<EdgeState>,
}

impl ServedCertificate {
    /// For a listener of this gateway.
    pub const fn new(state: Arc<EdgeState>) -> Self {
        Self { state }
    }
}

impl fmt::Debug for ServedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServedCertificate")
    }
}

impl ResolvesServerCert for ServedCertificate {
    /// One for all names: hosts are told apart by the request, and no name in the handshake changes what is demanded.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.state.snapshot.load().tls.as_ref()?.identity.certified.clone())
    }
}

/// The names of one set of authorities.
struct Subjects {
    authorities: [u8; 32],
    names: Vec<DistinguishedName>,
}

/// Verifies clients' certificates with the authorities of the generation that serves.
///
/// Every client is asked for one where there are authorities, and those who have none are let in; a certificate that is
/// shown must be good, or the handshake fails (RFC 8446, section 4.4.2.4).
pub struct ClientVerifier {
    state: Arc<EdgeState>,
    algorithms: WebPkiSupportedAlgorithms,
    subjects: [OnceLock<Subjects>; SUBJECT_SETS_MAX],
}

impl ClientVerifier {
    /// For a listener of this gateway.
    pub fn new(state: Arc<EdgeState>) -> Self {
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        Self { state, algorithms, subjects: [const { OnceLock::new() }; SUBJECT_SETS_MAX] }
    }
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientVerifier")
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.state.snapshot.load().tls.as_ref().is_some_and(|tls| tls.authorities().is_some())
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        let generation = self.state.snapshot.load();
        let Some(authorities) = generation.tls.as_ref().and_then(|tls| tls.authorities()) else { return &[] };
        let told = || Subjects { authorities: *authorities.digest(), names: authorities.subjects().to_vec() };
        let mut sets = self.subjects.iter().map(|set| set.get_or_init(told));
        sets.find(|set| set.authorities == *authorities.digest()).map_or(&[], |set| &set.names)
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let generation = self.state.snapshot.load();
        let authorities = generation.tls.as_ref().and_then(|tls| tls.authorities());
        authorities.ok_or(Error::InvalidCertificate(CertificateError::UnknownIssuer))?.verify(own, between, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, own, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, own, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
