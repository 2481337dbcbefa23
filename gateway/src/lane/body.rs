//! The body of a service's answer: its pieces without their framing, and the proof that it has ended (RFC 9112,
//! sections 6.3 and 7.1).
//!
//! No I/O: it takes from the front of what has come. Pieces are handed on as they come; nothing is gathered but the head
//! of one chunk and the trailer section, both bounded.

use super::head::BadAnswer;
use bytes::{Bytes, BytesMut};

/// The longest line that begins a chunk, with its extensions.
pub const CHUNK_LINE_BYTES_MAX: usize = 1024;

/// The longest trailer section.
pub const TRAILER_BYTES_MAX: usize = 16 * 1024;

/// Digits of a chunk's size: 2^60 bytes are more than anybody sends, and far from what a u64 holds.
const CHUNK_DIGITS_MAX: usize = 15;

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Nothing,
    /// After so many bytes.
    Length(u64),
    /// After the last chunk and its trailer section.
    Chunked,
    /// When the connection does.
    UntilClose,
}

/// What a body's next step is.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A piece; never empty.
    Piece(Bytes),
    /// More has to come first.
    More,
    /// The body has ended.
    Ended,
}

/// The connection was closed before the answer had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was closed in the middle of the answer")]
pub struct Truncated;

/// Proof that an answer has ended by its own framing, that nothing follows it, and that the service keeps the connection:
/// holding one means that the connection may carry another request.
#[derive(Debug)]
pub struct Reusable(());

/// A body that is being read.
#[derive(Debug)]
pub struct Body {
    state: State,
    /// Whether the head leaves the connection open.
    keeps: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Length(u64),
    /// At the beginning of a chunk's line.
    ChunkLine,
    /// So many bytes of the chunk are to come.
    Chunk(u64),
    /// The CRLF after a chunk's bytes.
    ChunkEnd,
    /// After the last chunk; so many bytes of its trailer section have been taken.
    Trailer(usize),
    UntilClose,
    /// Ended; by its own framing or by the connection's end.
    Ended {
        delimited: bool,
    },
}

impl Body {
    pub(super) const fn new(framing: Framing, keeps: bool) -> Self {
        let state = match framing {
            Framing::Nothing | Framing::Length(0) => State::Ended { delimited: true },
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkLine,
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, keeps }
    }

    /// Whether only the connection's end ends it.
    pub fn is_until_close(&self) -> bool {
        self.state == State::UntilClose
    }

    /// Whether it has ended.
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Takes the next piece from the front of what has come.
    ///
    /// # Errors
    /// [`BadAnswer`]: the connection can not be used any more.
    pub fn step(&mut self, come: &mut BytesMut) -> Result<Step, BadAnswer> {
        loop {
            match self.state {
                State::Ended { .. } => return Ok(Step::Ended),
                State::UntilClose if come.is_empty() => return Ok(Step::More),
                State::UntilClose => return Ok(Step::Piece(come.split().freeze())),
                State::Length(left) => {
                    let Some((piece, left)) = piece(come, left) else { return Ok(Step::More) };
                    self.state = if left == 0 { State::Ended { delimited: true } } else { State::Length(left) };
                    return Ok(Step::Piece(piece));
                }
                State::Chunk(left) => {
                    let Some((piece, left)) = piece(come, left) else { return Ok(Step::More) };
                    self.state = if left == 0 { State::ChunkEnd } else { State::Chunk(left) };
                    return Ok(Step::Piece(piece));
                }
                State::ChunkLine => {
                    let Some(line) = line(come, CHUNK_LINE_BYTES_MAX).map_err(|_| BadAnswer::BadChunk)? else {
                        return Ok(Step::More);
                    };
                    let size = chunk_size(&line)?;
                    self.state = if size == 0 { State::Trailer(0) } else { State::Chunk(size) };
                }
                State::ChunkEnd => match come.as_ref() {
                    [b'\r', b'\n', ..] => {
                        let _ = come.split_to(2);
                        self.state = State::ChunkLine;
                    }
                    [] | [b'\r'] => return Ok(Step::More),
                    _ => return Err(BadAnswer::BadChunk),
                },
                State::Trailer(taken) => {
                    let most = TRAILER_BYTES_MAX.saturating_sub(taken);
                    let Some(line) = line(come, most).map_err(|_| BadAnswer::BadTrailer)? else {
                        return Ok(Step::More);
                    };
                    self.state = if line.is_empty() {
                        State::Ended { delimited: true }
                    } else {
                        is_field(&line).then_some(()).ok_or(BadAnswer::BadTrailer)?;
                        State::Trailer(taken + line.len() + 2)
                    };
                }
            }
        }
    }

    /// The connection has ended, after everything that came was taken.
    ///
    /// # Errors
    /// [`Truncated`] unless that is how the body ends, or it has ended before.
    pub fn closed(&mut self) -> Result<(), Truncated> {
        match self.state {
            State::Ended { .. } => Ok(()),
            State::UntilClose => {
                self.state = State::Ended { delimited: false };
                Ok(())
            }
            _ => Err(Truncated),
        }
    }

    /// The proof that the connection may carry another request, if there is one; `left` is what has come and was not
    /// taken.
    pub const fn reusable(self, left: &[u8]) -> Option<Reusable> {
        if matches!(self.state, State::Ended { delimited: true }) && self.keeps && left.is_empty() {
            Some(Reusable(()))
        } else {
            None
        }
    }
}

/// As much of a body or chunk as has come, and how much of it is left then; nothing if nothing has come.
fn piece(come: &mut BytesMut, left: u64) -> Option<(Bytes, u64)> {
    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(come.len());
    if taken == 0 {
        return None;
    }
    Some((come.split_to(taken).freeze(), left.saturating_sub(taken as u64)))
}

/// A line is longer than it may be, or ends in LF alone.
struct BadLine;

/// The next line without its CRLF, once it is whole; at most so many bytes with it.
fn line(come: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, BadLine> {
    let Some(feed) = come.iter().take(most).position(|byte| *byte == b'\n') else {
        return if come.len() >= most { Err(BadLine) } else { Ok(None) };
    };
    let mut line = come.split_to(feed + 1);
    line.truncate(feed);
    if line.last() != Some(&b'\r') {
        return Err(BadLine);
    }
    line.truncate(feed - 1);
    Ok(Some(line))
}

/// `chunk-size [ chunk-ext ]` (RFC 9112, section 7.1); what an extension says is not heard, but it may hold no control
/// character.
fn chunk_size(line: &[u8]) -> Result<u64, BadAnswer> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, rest) = line.split_at(end);
    let extension = rest.trim_ascii_start();
    let well_formed = (extension.is_empty() && rest.is_empty() || extension.first() == Some(&b';'))
        && !rest.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    if digits.is_empty() || digits.len() > CHUNK_DIGITS_MAX || !well_formed {
        return Err(BadAnswer::BadChunk);
    }
    let digits = std::str::from_utf8(digits).map_err(|_| BadAnswer::BadChunk)?;
    u64::from_str_radix(digits, 16).map_err(|_| BadAnswer::BadChunk)
}

/// Whether a line of the trailer section is one field.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let (name, value) = line.split_at(colon);
    http::HeaderName::from_bytes(name).is_ok() && !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
}
