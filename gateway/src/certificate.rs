//! Certificates of clients: how machines, and services that call services, show who they are (mutual TLS).
//!
//! The listener asks every client for one and lets those in who have none; a certificate that is shown must be good,
//! or the handshake fails (RFC 8446, section 4.4.2.4). Whether one is demanded is said by the route. Names are those of
//! the subject alternative name, DNS and URI (RFC 9525, section 2): never the common name, which nobody agreed on how to
//! read.
//!
//! A resumed TLS session carries the certificate of its first handshake, and rustls does not look at it again: it may
//! have run out since. Resumption cannot be switched off through Pingora, so each handshake ends with a verification of
//! its own ([`OnHandshake`]), and each request looks at the dates ([`shown`]): a connection may outlive its certificate.

use aldgate_core::time::{Clock, Timestamp};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pingora::listeners::TlsAccept;
use pingora::protocols::tls::TlsRef;
use pingora::proxy::Session;
use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

/// Names that are kept of one certificate; it is told to services in a header, which has to end somewhere.
const NAMES_MAX: usize = 32;

/// Bytes of a name: a DNS name has 253 at most, a SPIFFE ID 2,048.
const NAME_BYTES_MAX: usize = 2_048;

/// A client's certificate, which the configured authorities vouch for. The client holds its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The SHA-256 digest of its DER form: the thumbprint by which tokens are bound to it (RFC 8705, section 3.1).
    pub sha256: [u8; 32],
    /// Its DNS names, in lower case, and its URIs, as they stand.
    pub names: Vec<String>,
    /// The first moment at which it is good.
    not_before: Timestamp,
    /// The second in which it is good for the last time.
    not_after: Timestamp,
}

/// A certificate that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate cannot be read")]
pub struct UnreadableCertificate;

impl PeerCertificate {
    /// Reads a certificate that was verified.
    ///
    /// # Errors
    /// [`UnreadableCertificate`]; a certificate of which only a part can be read is none.
    pub fn from_der(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| UnreadableCertificate)?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate);
        }
        let alternative = certificate.subject_alternative_name().map_err(|_| UnreadableCertificate)?;
        let names = alternative.into_iter().flat_map(|extension| &extension.value.general_names);
        let validity = certificate.validity();
        let moment = |secs: i64| Timestamp::from_secs(u64::try_from(secs).unwrap_or(0));
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, der).as_ref());
        Ok(Self {
            sha256,
            names: names.filter_map(name).take(NAMES_MAX).collect(),
            not_before: moment(validity.not_before.timestamp()),
            not_after: moment(validity.not_after.timestamp()),
        })
    }

    /// Whether its dates cover a moment (RFC 5280, section 4.1.2.5: both ends are included).
    pub const fn is_good_at(&self, now: Timestamp) -> bool {
        self.not_before.as_secs() <= now.as_secs() && now.as_secs() <= self.not_after.as_secs()
    }

    /// What a service is told, as a dictionary of RFC 9651:
    /// `sha256="<thumbprint as in x5t#S256>", names=("service.example" "spiffe://example/service")`.
    pub fn header_value(&self) -> String {
        let names: Vec<_> = self.names.iter().map(|name| format!("\"{name}\"")).collect();
        format!("sha256=\"{}\", names=({})", URL_SAFE_NO_PAD.encode(self.sha256), names.join(" "))
    }
}

/// A name by which a route can know a client. A URI has a scheme and a DNS name cannot have one, so that a name of one
/// kind never passes for the other.
fn name(name: &GeneralName<'_>) -> Option<String> {
    let name = match name {
        GeneralName::DNSName(name) if is_dns_name(name) => name.to_ascii_lowercase(),
        GeneralName::URI(uri) if is_uri(uri) => (*uri).to_owned(),
        _ => return None,
    };
    Some(name)
}

/// A whole DNS name, without wildcard and final dot, in any case.
pub(crate) fn is_dns_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 253 && name.bytes().all(plain) && name.split('.').all(|label| !label.is_empty())
}

/// A URI that can stand in a header, between quotes.
pub(crate) fn is_uri(uri: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    uri.len() <= NAME_BYTES_MAX && uri.bytes().all(plain) && uri.split_once("://").is_some_and(|(s, _)| !s.is_empty())
}

/// Whose word is taken on clients' certificates.
#[derive(Debug, Clone)]
pub struct Authorities {
    verifier: Arc<dyn ClientCertVerifier>,
}

/// The file of authorities cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the authorities of clients' certificates: {0}")]
pub struct BadAuthorities(String);

impl Authorities {
    /// Reads a PEM file of certificates.
    ///
    /// # Errors
    /// [`BadAuthorities`], also if there is none in it.
    pub fn read(path: &Path) -> Result<Self, BadAuthorities> {
        let failed = |error: &dyn std::fmt::Display| BadAuthorities(format!("{}: {error}", path.display()));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))? {
            roots.add(certificate.map_err(|error| failed(&error))?).map_err(|error| failed(&error))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.allow_unauthenticated().build().map_err(|error| failed(&error))?;
        Ok(Self { verifier })
    }

    /// What verifies certificates during the handshake.
    pub fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        self.verifier.clone()
    }

    /// Verifies a chain, the client's own certificate first, as at `now`; `None` if it is not good any more.
    fn verify(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Option<PeerCertificate> {
        let (leaf, intermediates) = chain.split_first()?;
        let at = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
        self.verifier.verify_client_cert(leaf, intermediates, at).ok()?;
        PeerCertificate::from_der(leaf).ok()
    }
}

/// Keeps the client's certificate with its connection, once the handshake is over.
pub struct OnHandshake {
    authorities: Authorities,
    clock: Arc<dyn Clock>,
}

impl OnHandshake {
    /// For connections of a listener that asks for certificates.
    pub const fn new(authorities: Authorities, clock: Arc<dyn Clock>) -> Self {
        Self { authorities, clock }
    }
}

#[async_trait]
impl TlsAccept for OnHandshake {
    async fn handshake_complete_callback(&self, tls: &TlsRef) -> Option<Arc<dyn Any + Send + Sync>> {
        let certificate = self.authorities.verify(tls.peer_cert_chain_der()?, self.clock.now())?;
        Some(Arc::new(Arc::new(certificate)))
    }
}

/// The certificate that the client of this request has shown, if it has shown one that is still good.
pub fn shown(session: &Session, now: Timestamp) -> Option<Arc<PeerCertificate>> {
    let tls = session.digest()?.ssl_digest.as_ref()?;
    let certificate = tls.extension.get::<Arc<PeerCertificate>>()?;
    certificate.is_good_at(now).then(|| certificate.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

    fn certificate(names: &[SanType]) -> PeerCertificate {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.to_vec();
        params.distinguished_name.push(DnType::CommonName, "common.example");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        let made = params.self_signed(&KeyPair::generate().expect("a key")).expect("a certificate");
        PeerCertificate::from_der(made.der()).expect("readable")
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().expect("a name"))
    }

    fn uri(name: &str) -> SanType {
        SanType::URI(name.try_into().expect("a name"))
    }

    #[test]
    fn a_certificate_has_its_dns_names_and_uris_and_no_other() {
        let address = SanType::IpAddress([127, 0, 0, 1].into());
        let mail = SanType::Rfc822Name("a@example.org".try_into().expect("a name"));
        let shown = certificate(&[dns("Service.Example"), address, mail, uri("spiffe://Example/Service")]);
        assert_eq!(shown.names, ["service.example", "spiffe://Example/Service"]);
    }

    #[test]
    fn the_common_name_is_no_name() {
        assert!(certificate(&[]).names.is_empty());
    }

    #[test]
    fn a_name_of_one_kind_never_passes_for_the_other() {
        let shown =
            certificate(&[dns("spiffe://example/service"), uri("service.example"), dns("*.example"), dns("a.")]);
        assert!(shown.names.is_empty(), "{shown:?}");
    }

    #[test]
    fn a_name_cannot_break_out_of_the_header() {
        let shown =
            certificate(&[uri("spiffe://a/\" \"b"), uri("spiffe://a/b"), uri("spiffe://a/\\"), uri("x://a\r\n")]);
        let thumbprint = URL_SAFE_NO_PAD.encode(shown.sha256);
        assert_eq!(shown.header_value(), format!("sha256=\"{thumbprint}\", names=(\"spiffe://a/b\")"));
    }

    #[test]
    fn names_without_end_are_cut() {
        let many: Vec<_> = (0..1_000).map(|n| dns(&format!("n{n}.example"))).collect();
        assert_eq!(certificate(&many).names.len(), NAMES_MAX);
    }

    #[test]
    fn both_ends_of_its_dates_are_included() {
        let (first, last) = (1_577_836_800, 1_609_459_200); // 2020-01-01 and 2021-01-01, midnight.
        let good = |secs| certificate(&[]).is_good_at(Timestamp::from_secs(secs));
        assert_eq!([first - 1, first, last, last + 1].map(good), [false, true, true, false]);
    }

    #[test]
    fn bytes_that_are_no_certificate_are_none() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
        let der = made.cert.der();
        assert!(PeerCertificate::from_der(der).is_ok());
        assert!(PeerCertificate::from_der(&der[..der.len() - 1]).is_err());
        assert!(PeerCertificate::from_der(&[der, &b"x"[..]].concat()).is_err());
        assert!(PeerCertificate::from_der(b"").is_err());
    }
}
