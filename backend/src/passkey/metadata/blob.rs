//! The list as it is published: a JWS with the chain of its signer in the header (FIDO Metadata Service v3.1, sections
//! 3.1.6 and 3.2).

use super::chain::{self, Leaf};
use super::entry::{Entry, FileEntry};
use crate::moment::moment;
use aldgate_core::time::Timestamp;
use aldgate_core::token::strict_json;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Longest list that is read: the real one has some 10 MB.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Most certificates of its signer that are read.
const CHAIN_MAX: usize = 8;

/// Who signs it (section 3.2, step 6).
pub(super) const SIGNER: &str = "mds.fidoalliance.org";

/// Extensions of the header that change what the rest means (RFC 7515, section 4.1.11; RFC 7797; RFC 7516).
const EXTENSIONS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// Why a list is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// More than 64 MiB.
    #[error("it is too large")]
    TooLarge,
    /// Not a JWS with the chain of its signer.
    #[error("it is not a JWS with certificates in its header (x5c)")]
    NotSigned,
    /// The root.
    #[error("the root is not one certificate, in PEM or DER")]
    BadRoot,
    /// The chain of its signer.
    #[error("its signer is not mds.fidoalliance.org, or is not certified by the root now")]
    AlienSigner,
    /// Its signature.
    #[error("its signature does not verify")]
    BadSignature,
    /// What it says.
    #[error("what it says is no list of authenticators")]
    Malformed,
}

/// What a list says.
pub(super) struct Payload {
    pub(super) number: u64,
    pub(super) next_update: String,
    pub(super) entries: HashMap<[u8; 16], Entry>,
}

#[derive(Deserialize)]
struct FilePayload {
    no: u64,
    #[serde(rename = "nextUpdate")]
    next_update: String,
    entries: Vec<FileEntry>,
}

/// The day of a moment, as lists write days.
pub(super) fn day_of(moment_of: Timestamp) -> Option<String> {
    moment(moment_of).and_then(|text| text.split('T').next().map(str::to_owned))
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

/// The payload of a list whose signature and signer are good.
pub(super) fn verified(list: &[u8], root: &[u8], now: Timestamp) -> Result<Vec<u8>, BadMetadata> {
    if list.len() > BYTES_MAX {
        return Err(BadMetadata::TooLarge);
    }
    let text = std::str::from_utf8(list).map_err(|_| BadMetadata::NotSigned)?.trim();
    let (signed, signature) = text.rsplit_once('.').ok_or(BadMetadata::NotSigned)?;
    let (header, payload) = signed.split_once('.').ok_or(BadMetadata::NotSigned)?;
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadMetadata::NotSigned);
    let header = strict_json::object(&decoded(header)?).map_err(|_| BadMetadata::NotSigned)?;
    if EXTENSIONS.iter().any(|name| header.contains_key(*name)) {
        return Err(BadMetadata::NotSigned);
    }
    let chain = certificates(header.get("x5c"))?;
    let [leaf, others @ ..] = chain.as_slice() else { return Err(BadMetadata::NotSigned) };
    let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
    if !chain::leads_to(&[read_root(root)?], leaf, &others, Leaf::Server(SIGNER), now) {
        return Err(BadMetadata::AlienSigner);
    }
    verify(header.get("alg"), leaf, signed, &decoded(signature)?)?;
    decoded(payload)
}

/// `x5c` (RFC 7515, section 4.1.6).
fn certificates(x5c: Option<&Value>) -> Result<Vec<Vec<u8>>, BadMetadata> {
    let list = x5c.and_then(Value::as_array).filter(|list| list.len() <= CHAIN_MAX).ok_or(BadMetadata::NotSigned)?;
    let read = |item: &Value| item.as_str().and_then(|text| STANDARD.decode(text).ok());
    list.iter().map(read).collect::<Option<_>>().ok_or(BadMetadata::NotSigned)
}

fn read_root(bytes: &[u8]) -> Result<Vec<u8>, BadMetadata> {
    let der = if bytes.starts_with(b"-----") {
        let pems: Result<Vec<_>, _> = Pem::iter_from_buffer(bytes).collect();
        let pems = pems.map_err(|_| BadMetadata::BadRoot)?;
        let [pem] = pems.as_slice() else { return Err(BadMetadata::BadRoot) };
        pem.contents.clone()
    } else {
        bytes.to_vec()
    };
    let whole = X509Certificate::from_der(&der).is_ok_and(|(rest, _)| rest.is_empty());
    if whole { Ok(der) } else { Err(BadMetadata::BadRoot) }
}

/// The signature, by the key of the leaf and the algorithm of that key: the header only names which of the two it is.
fn verify(algorithm: Option<&Value>, leaf: &[u8], signed: &str, signature: &[u8]) -> Result<(), BadMetadata> {
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| BadMetadata::AlienSigner)?;
    let by: &'static dyn VerificationAlgorithm = match algorithm.and_then(Value::as_str) {
        Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
        Some("ES256") => &ECDSA_P256_SHA256_FIXED,
        _ => return Err(BadMetadata::BadSignature),
    };
    let key = UnparsedPublicKey::new(by, &leaf.public_key().subject_public_key.data);
    key.verify(signed.as_bytes(), signature).map_err(|_| BadMetadata::BadSignature)
}

impl Payload {
    /// Reads what a list says. Entries about authenticators without an AAGUID (UAF, U2F) are passed over.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, BadMetadata> {
        let FilePayload { no, next_update, entries } =
            serde_json::from_slice(payload).map_err(|_| BadMetadata::Malformed)?;
        if !is_day(&next_update) {
            return Err(BadMetadata::Malformed);
        }
        let mut known = HashMap::new();
        for entry in entries {
            let Some((aaguid, entry)) = entry.read()? else { continue };
            if known.insert(aaguid, entry).is_some() {
                return Err(BadMetadata::Malformed);
            }
        }
        Ok(Self { number: no, next_update, entries: known })
    }
}
