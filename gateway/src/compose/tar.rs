//! A tar archive (POSIX.1-1988 `ustar`, with the sizes of its successors): a header of 512 bytes before each file, files in
//! blocks of 512 bytes, two empty blocks at the end. Any tar unpacks it.

use aldgate_core::time::Timestamp;
use std::io::{Error, Read, Write};

const BLOCK_BYTES: usize = 512;

/// Longest name in a header.
const NAME_BYTES_MAX: usize = 100;

/// Sizes beyond this do not fit their eleven octal digits (8 GiB), and are written in base 256, as GNU tar does.
const OCTAL_MAX: u64 = 0o777_7777_7777;

/// An archive that is being written.
pub(super) struct Archive<W: Write>(W);

impl<W: Write> Archive<W> {
    /// Into there.
    pub(super) const fn to(to: W) -> Self {
        Self(to)
    }

    /// Writes a file of so many bytes, for its owner alone.
    ///
    /// # Errors
    /// When a file is not as long as was said, or cannot be written.
    pub(super) fn file(
        &mut self,
        name: &str,
        length: u64,
        modified: Timestamp,
        from: &mut impl Read,
    ) -> Result<(), Error> {
        self.0.write_all(&header(name, length, modified).ok_or_else(|| Error::other("its name is too long"))?)?;
        let written = std::io::copy(&mut from.take(length), &mut self.0)?;
        if written != length {
            return Err(Error::other("it has become shorter"));
        }
        let over = usize::try_from(length % 512).unwrap_or(0);
        let padding = [0; BLOCK_BYTES];
        self.0.write_all(padding.get(..(BLOCK_BYTES - over) % BLOCK_BYTES).unwrap_or_default())
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn end(mut self) -> Result<(), Error> {
        self.0.write_all(&[0; 2 * BLOCK_BYTES])?;
        self.0.flush()
    }
}

fn header(name: &str, length: u64, modified: Timestamp) -> Option<[u8; BLOCK_BYTES]> {
    let mut header = [0; BLOCK_BYTES];
    let mut put = |at: usize, bytes: &[u8]| header.get_mut(at..at + bytes.len()).map(|to| to.copy_from_slice(bytes));
    put(0, Some(name.as_bytes()).filter(|name| name.len() <= NAME_BYTES_MAX)?)?;
    put(100, b"0000600\0")?; // Mode.
    put(108, b"0000000\0")?; // Owner: whoever unpacks it.
    put(116, b"0000000\0")?;
    put(124, &size(length))?;
    put(136, format!("{:011o}\0", modified.as_secs()).as_bytes())?;
    put(148, b"        ")?; // The checksum is counted as spaces.
    put(156, b"0")?; // A file.
    put(257, b"ustar\x0000")?;
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    let sum = format!("{sum:06o}\0 ");
    header.get_mut(148..156)?.copy_from_slice(sum.as_bytes());
    Some(header)
}

fn size(length: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if length > OCTAL_MAX {
        field[0] = 0x80;
        field[4..].copy_from_slice(&length.to_be_bytes());
    } else {
        field.copy_from_slice(format!("{length:011o}\0").as_bytes());
    }
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_octal_as_long_as_they_fit() {
        assert_eq!(&size(5), b"00000000005\0");
        assert_eq!(&size(OCTAL_MAX), b"77777777777\0");
        assert_eq!(size(OCTAL_MAX + 1), [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_and_not_cut() {
        assert!(header(&"x".repeat(101), 1, Timestamp::default()).is_none());
    }
}
