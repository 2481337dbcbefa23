//! Certificates of clients: how machines, and services that call services, show who they are (mutual TLS).
//!
//! Names are those of the subject alternative name, DNS and URI (RFC 9525, section 2): never the common name, which
//! nobody agreed on how to read. Who vouches for a certificate is in [`crate::tls`]; whether one is demanded is said by
//! the route.

use aldgate_core::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

/// Names that are kept of one certificate. Those beyond are not known: no route is opened by them.
const NAMES_MAX: usize = 32;

/// Bytes of a name: a DNS name has 253 at most, a SPIFFE ID 2,048.
const NAME_BYTES_MAX: usize = 2_048;

/// Bytes of all names that are kept: they are told to services in one header, and servers take 8 KiB in all.
const ALL_NAMES_BYTES_MAX: usize = 4_096;

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
    /// Reads a certificate that has just been verified: whoever holds the value relies on that.
    ///
    /// # Errors
    /// [`UnreadableCertificate`]; a certificate of which only a part can be read is none.
    pub(crate) fn of_verified(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| UnreadableCertificate)?;
        if !rest.is_empty() {
            return Err(UnreadableCertificate);
        }
        let alternative = certificate.subject_alternative_name().map_err(|_| UnreadableCertificate)?;
        let names = alternative.into_iter().flat_map(|extension| &extension.value.general_names).filter_map(name);
        let validity = certificate.validity();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, der).as_ref());
        Ok(Self {
            sha256,
            names: bounded(names),
            not_before: moment(validity.not_before),
            not_after: moment(validity.not_after),
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

/// The names, until they are too many or too long.
fn bounded(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut left = ALL_NAMES_BYTES_MAX;
    let fits = |name: &String| {
        let rest = left.checked_sub(name.len());
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    names.take(NAMES_MAX).take_while(fits).collect()
}

/// A date of a certificate. Those before 1970 are all in the past.
fn moment(date: ASN1Time) -> Timestamp {
    Timestamp::from_secs(u64::try_from(date.timestamp()).unwrap_or(0))
}

/// The second in which a certificate is good for the last time.
///
/// # Errors
/// [`UnreadableCertificate`].
pub(crate) fn not_after(der: &[u8]) -> Result<Timestamp, UnreadableCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|_| UnreadableCertificate)?;
    Ok(moment(certificate.validity().not_after))
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
        PeerCertificate::of_verified(made.der()).expect("readable")
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
        let long: Vec<_> = (0..5).map(|n| uri(&format!("spiffe://example/{n}{}", "a".repeat(1_500)))).collect();
        let kept = certificate(&long).names;
        assert_eq!(kept.len(), 2, "what is told of them fits in a header");
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
        assert!(PeerCertificate::of_verified(der).is_ok());
        assert!(PeerCertificate::of_verified(&der[..der.len() - 1]).is_err());
        assert!(PeerCertificate::of_verified(&[der, &b"x"[..]].concat()).is_err());
        assert!(PeerCertificate::of_verified(b"").is_err());
    }
}
