//! A body in chunks (RFC 9112, section 7.1), byte by byte where it is framing and in one step where it is data.

use super::head::{reads_as, split};
use super::{END, Fault};
use aldgate_core::identity_header;

const SIZE_DIGITS_MAX: usize = 8; // 4 GiB in one chunk.
const EXTENSION_BYTES_MAX: usize = 256; // Nobody sends any.
const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// What a trailer may not say (RFC 9110, section 6.5.1): where a message ends, where it goes and who sends it.
const NOT_IN_TRAILERS: [&[u8]; 8] = [
    b"content-length",
    b"transfer-encoding",
    b"host",
    b"connection",
    b"trailer",
    b"authorization",
    b"cookie",
    b"set-cookie",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size(usize),
    Extension(usize),
    SizeEnd,
    Data(u64),
    DataCr,
    DataLf,
    Trailer,
    End,
}

/// Reads chunks.
pub(super) struct Chunks {
    place: Place,
    size: u64,
    /// From the end of the last chunk's line on, that end included.
    trailer: Vec<u8>,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { place: Place::Size(0), size: 0, trailer: Vec::new() }
    }
}

impl Chunks {
    /// Reads on; whether the body has ended. What follows its end is left alone.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<bool, Fault> {
        while let Some((&byte, rest)) = bytes.split_first() {
            self.place = match (self.place, byte) {
                (Place::Size(digits), byte) if byte.is_ascii_hexdigit() && digits < SIZE_DIGITS_MAX => {
                    self.size = self.size * 16 + u64::from(char::from(byte).to_digit(16).unwrap_or(0));
                    Place::Size(digits + 1)
                }
                (Place::Size(1..), b';') => Place::Extension(0),
                (Place::Size(1..) | Place::Extension(1..), b'\r') => Place::SizeEnd,
                (Place::Extension(n), b'\t' | b' '..=b'~') if n < EXTENSION_BYTES_MAX => Place::Extension(n + 1),
                (Place::SizeEnd, b'\n') if self.size == 0 => {
                    self.trailer.extend_from_slice(b"\r\n");
                    Place::Trailer
                }
                (Place::SizeEnd, b'\n') => Place::Data(std::mem::take(&mut self.size)),
                (Place::Data(left), _) => {
                    let here = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    bytes = &bytes[here..];
                    let left = left - here as u64;
                    self.place = if left == 0 { Place::DataCr } else { Place::Data(left) };
                    continue;
                }
                (Place::DataCr, b'\r') => Place::DataLf,
                (Place::DataLf, b'\n') => Place::Size(0),
                (Place::Trailer, byte) if self.trailer.len() < TRAILER_BYTES_MAX => {
                    self.trailer.push(byte);
                    if self.trailer.ends_with(END) { self.end()? } else { Place::Trailer }
                }
                (Place::End, _) => return Ok(true),
                _ => return Err(Fault::Chunk),
            };
            bytes = rest;
        }
        Ok(self.place == Place::End)
    }

    fn end(&self) -> Result<Place, Fault> {
        let lines = self.trailer.strip_prefix(b"\r\n").and_then(|rest| rest.strip_suffix(b"\r\n"));
        for line in lines.unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r\n").ok_or(Fault::Chunk)?;
            let (name, _) = split(line).map_err(|_| Fault::Chunk)?;
            let forbidden = NOT_IN_TRAILERS.iter().any(|other| reads_as(name, other)) || identity_header::is_ours(name);
            if forbidden || line.iter().any(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f) {
                return Err(Fault::Chunk);
            }
        }
        Ok(Place::End)
    }
}
