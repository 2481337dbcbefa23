//! What is known of one model (FIDO Metadata Service v3.1, sections 3.1.1 to 3.1.4; FIDO Metadata Statement v3.1).

use super::blob::BadMetadata;
use crate::passkey::name::PasskeyName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use uuid::Uuid;

/// Largest picture that is kept.
const ICON_BYTES_MAX: usize = 64 * 1024;

/// What a picture of ours begins with. Others could hold scripts, and no browser of ours needs them.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const PNG_URL: &str = "data:image/png;base64,";

/// Statuses of a model that nobody may rely on (section 3.1.4).
const WITHDRAWN: [&str; 5] = [
    "REVOKED",
    "USER_VERIFICATION_BYPASS",
    "ATTESTATION_KEY_COMPROMISE",
    "USER_KEY_REMOTE_COMPROMISE",
    "USER_KEY_PHYSICAL_COMPROMISE",
];

/// A model.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What it is called.
    pub(crate) name: Option<PasskeyName>,
    /// Its picture, a PNG.
    pub(crate) icon: Option<Bytes>,
    /// The certificates of its makers.
    pub(super) roots: Vec<Vec<u8>>,
    withdrawn: Vec<Withdrawal>,
}

/// Why nobody may rely on it.
#[derive(Debug, Clone)]
enum Withdrawal {
    /// It is broken.
    OfModel,
    /// Authenticators with this certificate are.
    OfCertificate(Vec<u8>),
}

#[derive(Deserialize)]
pub(super) struct FileEntry {
    aaguid: Option<String>,
    #[serde(rename = "metadataStatement")]
    statement: Option<FileStatement>,
    #[serde(rename = "statusReports", default)]
    reports: Vec<FileReport>,
}

#[derive(Deserialize)]
struct FileStatement {
    #[serde(default)]
    description: String,
    #[serde(rename = "attestationRootCertificates", default)]
    roots: Vec<String>,
    icon: Option<String>,
}

#[derive(Deserialize)]
struct FileReport {
    status: String,
    certificate: Option<String>,
}

impl FileEntry {
    /// The AAGUID and what is known of it; nothing for an authenticator without one.
    pub(super) fn read(self) -> Result<Option<([u8; 16], Entry)>, BadMetadata> {
        let Some(aaguid) = self.aaguid else { return Ok(None) };
        let aaguid = Uuid::parse_str(&aaguid).map_err(|_| BadMetadata::Malformed)?;
        let reports = self.reports.into_iter().filter(|report| WITHDRAWN.contains(&report.status.as_str()));
        let withdrawn = reports.map(FileReport::read).collect::<Result<_, _>>()?;
        let statement = self.statement;
        let roots = statement.iter().flat_map(|statement| &statement.roots).map(|text| certificate(text));
        let entry = Entry {
            roots: roots.collect::<Result<_, _>>()?,
            name: statement.as_ref().and_then(|statement| PasskeyName::shortened(&statement.description)),
            icon: statement.and_then(|statement| icon(&statement.icon?)),
            withdrawn,
        };
        Ok(Some((aaguid.into_bytes(), entry)))
    }
}

impl FileReport {
    fn read(self) -> Result<Withdrawal, BadMetadata> {
        let of_one = self.certificate.filter(|text| !text.is_empty());
        of_one.map_or(Ok(Withdrawal::OfModel), |text| certificate(&text).map(Withdrawal::OfCertificate))
    }
}

/// Base64 (RFC 4648, section 4); lists break lines in it.
fn certificate(text: &str) -> Result<Vec<u8>, BadMetadata> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|_| BadMetadata::Malformed)
}

/// A picture that is none is left out: it is for the eye alone.
fn icon(url: &str) -> Option<Bytes> {
    let bytes = STANDARD.decode(url.strip_prefix(PNG_URL)?).ok()?;
    (bytes.len() <= ICON_BYTES_MAX && bytes.starts_with(PNG)).then(|| bytes.into())
}

impl Entry {
    /// Whether nobody may rely on the model, or on those that show these certificates.
    pub(super) fn is_withdrawn(&self, certificates: &[&[u8]]) -> bool {
        self.withdrawn.iter().any(|withdrawal| match withdrawal {
            Withdrawal::OfModel => true,
            Withdrawal::OfCertificate(one) => certificates.contains(&one.as_slice()),
        })
    }
}
