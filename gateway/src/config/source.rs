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
        let mut whole = [0; 32];
        whole.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        Self { text, digest: whole }
    }

    /// Reads a file; without one, the defaults stand.
    ///
    /// # Errors
    /// One fault: the file cannot be read.
    pub fn read(path: Option<&Path>) -> Result<Self, Fault> {
        let Some(path) = path else { return Ok(Self::of(String::new())) };
        let fault = |message: &str| Fault::new(&path.display().to_string(), message);
        let mut text = String::new();
        let file = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text));
        match file {
            Err(error) => Err(fault(&format!("cannot be read: {error}"))),
            Ok(read) if u64::try_from(read).is_ok_and(|read| read <= BYTES_MAX) => Ok(Self::of(text)),
            Ok(_) => Err(fault("is larger than 16 MiB")),
        }
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
        self.digest.iter().take(CHECKSUM_BYTES).fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}"); // Writing to a String does not fail.
            text
        })
    }
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
        assert!(fault.to_string().contains("larger than 16 MiB"), "{fault}");
    }
}
