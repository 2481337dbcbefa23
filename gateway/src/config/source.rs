//! A configuration as it was read: its text, and the checksum by which operators know what serves.

use super::Config;
use super::fault::Fault;
use ring::digest::{SHA256, digest};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Far more than the routes of a nation need; a file that never ends must not be read to its end.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bytes of the digest that are shown: enough to tell configurations apart.
const CHECKSUM_BYTES: usize = 8;

/// The text of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    text: String,
    digest: [u8; 32],
}

impl Source {
    /// A text.
    pub fn of(text: String) -> Self {
        let digest = sha256(text.as_bytes());
        Self { text, digest }
    }

    /// Reads a file; without one, the defaults stand.
    ///
    /// # Errors
    /// One fault: the file cannot be read.
    pub fn read(path: Option<&Path>) -> Result<Self, Fault> {
        let Some(path) = path else { return Ok(Self::of(String::new())) };
        let fault = |message: &str| Fault::new(&path.display().to_string(), message);
        let bytes = bounded(path, BYTES_MAX).map_err(|error| fault(&error.to_string()))?;
        String::from_utf8(bytes).map(Self::of).map_err(|_| fault("is not text in UTF-8"))
    }

    /// Checks it.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn config(&self) -> Result<Config, Vec<Fault>> {
        Config::parse(&self.text)
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The SHA-256 digest of the text.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The first 16 hexadecimal digits of the digest: the beginning of what `sha256sum FILE` says.
    pub fn checksum(&self) -> String {
        checksum(&self.digest)
    }
}

/// A file cannot be read whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// Not at all.
    #[error("cannot be read: {0}")]
    Failed(#[from] std::io::Error),
    /// It is larger than any that makes sense.
    #[error("is larger than {0} bytes")]
    TooLarge(u64),
}

/// Reads a file that must not be larger than `max` bytes.
pub(crate) fn bounded(path: &Path, max: u64) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= max) { Ok(bytes) } else { Err(Unread::TooLarge(max)) }
}

/// The SHA-256 digest of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut whole = [0; 32];
    whole.copy_from_slice(digest(&SHA256, bytes).as_ref());
    whole
}

/// The beginning of a digest, as it is shown.
pub(crate) fn checksum(digest: &[u8; 32]) -> String {
    digest.iter().take(CHECKSUM_BYTES).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // Writing to a String does not fail.
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_beginning_of_sha256sum() {
        assert_eq!(Source::of(String::new()).checksum(), "e3b0c44298fc1c14");
    }

    #[test]
    fn a_file_without_end_is_not_read_to_its_end() {
        let fault = Source::read(Some(Path::new("/dev/zero"))).expect_err("a fault");
        assert!(fault.to_string().contains("larger than 16777216 bytes"), "{fault}");
    }
}
