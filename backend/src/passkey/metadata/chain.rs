//! Chains of certificates (RFC 5280, section 6), by webpki: from a leaf over what came with it to a root that we know.

use aldgate_core::time::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, ring};

/// What authenticators and the Metadata Service are certified with.
static ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 9] = [
    ring::ECDSA_P256_SHA256,
    ring::ECDSA_P256_SHA384,
    ring::ECDSA_P384_SHA256,
    ring::ECDSA_P384_SHA384,
    ring::ED25519,
    ring::RSA_PKCS1_2048_8192_SHA256,
    ring::RSA_PKCS1_2048_8192_SHA384,
    ring::RSA_PKCS1_2048_8192_SHA512,
    ring::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
];

/// Whatever a leaf says it may be used for: attestation certificates have no usage of their own to name.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, mut named: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        named.try_for_each(|usage| usage.map(|_| ()))
    }
}

/// What a leaf is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    /// An authenticator's statements.
    Attestation,
    /// A server of this name: roots of the web certify whoever asks, so that only the name tells one from another.
    Server(&'static str),
}

/// Whether a leaf leads to one of the roots. A root that cannot be read leads nowhere.
pub(super) fn leads_to(roots: &[Vec<u8>], leaf: &[u8], others: &[&[u8]], is: Leaf, now: Timestamp) -> bool {
    let roots: Vec<_> = roots.iter().map(|root| CertificateDer::from(root.as_slice())).collect();
    let anchors: Vec<_> = roots.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
    let others: Vec<_> = others.iter().map(|other| CertificateDer::from(*other)).collect();
    let leaf = CertificateDer::from(leaf);
    let Ok(leaf) = EndEntityCert::try_from(&leaf) else { return false };
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
    let path = match is {
        Leaf::Attestation => leaf.verify_for_usage(&ALGORITHMS, &anchors, &others, now, AnyUsage, None, None),
        Leaf::Server(name) => {
            let named =
                ServerName::try_from(name).is_ok_and(|name| leaf.verify_is_valid_for_subject_name(&name).is_ok());
            if !named {
                return false;
            }
            leaf.verify_for_usage(&ALGORITHMS, &anchors, &others, now, KeyUsage::server_auth(), None, None)
        }
    };
    path.is_ok()
}
