//! `packed` statements (WebAuthn Level 3, section 8.2): what one holds, and the verification of those about Ed25519 keys, which
//! webauthn-rs does not know. It verifies all others ([`super::statement`]).
//!
//! Whoever made the certificates is not looked at here: that is held against the list of models ([`super::metadata`]).

use aldgate_core::webauthn::authenticator_data::AttestedCredential;
use aldgate_core::webauthn::public_key::{EDDSA, ES256, ES384, RS256};
use minicbor::Decoder;
use minicbor::decode::Error;
use rustls::pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, ring};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::AttributeTypeAndValue;

/// Most certificates of one statement that are read.
pub(super) const CHAIN_MAX: usize = 8;

/// The extension that names the model, `id-fido-gen-ce-aaguid` (1.3.6.1.4.1.45724.1.1.4), in DER.
const MODEL: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0xe5, 0x1c, 0x01, 0x01, 0x04];

/// What stands before the 16 bytes of a model in that extension: an octet string of that length.
const OCTETS: [u8; 2] = [0x04, 0x10];

/// The organizational unit of whoever attests (section 8.2.1).
const UNIT: &str = "Authenticator Attestation";

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed<'a> {
    algorithm: i64,
    signature: &'a [u8],
    /// The leaf first; none where the passkey attests itself.
    pub(super) certificates: Vec<&'a [u8]>,
}

/// Not such a statement, or not a true one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotPacked;

impl<'a> Packed<'a> {
    /// Reads a statement.
    pub(super) fn parse(statement: &'a [u8]) -> Result<Self, NotPacked> {
        Self::read(statement).map_err(|_| NotPacked)
    }

    fn read(statement: &'a [u8]) -> Result<Self, Error> {
        let malformed = || Error::message("not a packed statement");
        let mut cbor = Decoder::new(statement);
        let members = cbor.map()?.ok_or_else(malformed)?;
        let (mut algorithm, mut signature, mut certificates) = (None, None, None);
        for _ in 0..members {
            let doubled = match cbor.str()? {
                "alg" => algorithm.replace(cbor.i64()?).is_some(),
                "sig" => signature.replace(cbor.bytes()?).is_some(),
                "x5c" => certificates.replace(chain(&mut cbor)?.ok_or_else(malformed)?).is_some(),
                _ => {
                    cbor.skip()?;
                    false
                }
            };
            if doubled {
                return Err(malformed());
            }
        }
        let (algorithm, signature) = algorithm.zip(signature).ok_or_else(malformed)?;
        Ok(Self { algorithm, signature, certificates: certificates.unwrap_or_default() })
    }

    /// The verification procedure of section 8.2, over authenticator data and the hash of the client data.
    pub(super) fn verify(
        &self,
        authenticator_data: &[u8],
        client_data_hash: &[u8],
        attested: &AttestedCredential<'_>,
    ) -> Result<(), NotPacked> {
        let signed = [authenticator_data, client_data_hash].concat();
        let Some(leaf) = self.certificates.first() else {
            // Self attestation: by the passkey's own key, and its own algorithm.
            let own = self.algorithm == attested.public_key.algorithm();
            let verified = attested.public_key.verify(&signed, self.signature);
            return if own && verified.is_ok() { Ok(()) } else { Err(NotPacked) };
        };
        let der = CertificateDer::from(*leaf);
        let certificate = EndEntityCert::try_from(&der).map_err(|_| NotPacked)?; // Of version 3, as section 8.2.1 wants it.
        certificate.verify_signature(self.by()?, &signed, self.signature).map_err(|_| NotPacked)?;
        if meets_requirements(leaf, attested.aaguid).unwrap_or(false) { Ok(()) } else { Err(NotPacked) }
    }

    /// How the leaf's key signs, as the statement says; whether it is such a key, the verification shows.
    fn by(&self) -> Result<&'static dyn SignatureVerificationAlgorithm, NotPacked> {
        match self.algorithm {
            ES256 => Ok(ring::ECDSA_P256_SHA256),
            ES384 => Ok(ring::ECDSA_P384_SHA384),
            EDDSA => Ok(ring::ED25519),
            RS256 => Ok(ring::RSA_PKCS1_2048_8192_SHA256),
            _ => Err(NotPacked),
        }
    }
}

/// `x5c`; `None` if it is empty or longer than anybody needs.
fn chain<'a>(cbor: &mut Decoder<'a>) -> Result<Option<Vec<&'a [u8]>>, Error> {
    let count = cbor.array()?.and_then(|count| usize::try_from(count).ok());
    let Some(count) = count.filter(|count| (1..=CHAIN_MAX).contains(count)) else { return Ok(None) };
    (0..count).map(|_| cbor.bytes()).collect::<Result<_, _>>().map(Some)
}

/// Section 8.2.1: what an attestation certificate says of itself. `None` where it cannot be read.
fn meets_requirements(leaf: &[u8], aaguid: [u8; 16]) -> Option<bool> {
    let (rest, leaf) = X509Certificate::from_der(leaf).ok()?;
    let subject = leaf.subject();
    let unit = text(subject.iter_organizational_unit())?;
    let named = [text(subject.iter_country())?, text(subject.iter_organization())?, text(subject.iter_common_name())?];
    let no_authority = !leaf.basic_constraints().ok()??.value.ca;
    let mut models = leaf.extensions().iter().filter(|extension| extension.oid.as_bytes() == MODEL);
    let of_model = match (models.next(), models.next()) {
        (None, _) => true,
        (Some(model), None) => !model.critical && *model.value == [&OCTETS[..], &aaguid].concat()[..],
        (Some(_), Some(_)) => false,
    };
    Some(rest.is_empty() && unit == UNIT && named.iter().all(|name| !name.is_empty()) && no_authority && of_model)
}

/// The text of the one attribute of a kind.
fn text<'s, 'a: 's>(mut attributes: impl Iterator<Item = &'s AttributeTypeAndValue<'a>>) -> Option<&'s str> {
    let first = attributes.next()?.as_str().ok()?;
    attributes.next().is_none().then_some(first)
}
