//! The head of a service's answer: status line and header section (RFC 9112, sections 4 and 5), and what it says about
//! where the answer ends (section 6.3).
//!
//! No I/O: bytes in, a header and a [`Body`] out. It is stricter than the standard asks of a recipient. Whatever a second
//! reader could take another way is refused, since the next answer on the connection would then belong to somebody else:
//!
//! - lines end in CRLF and nothing else; no line is folded; no control character; nothing before the status line;
//! - one `Content-Length` of digits, or one `Transfer-Encoding: chunked` in HTTP/1.1, never both and never twice;
//! - at most [`HEAD_BYTES_MAX`] and [`HEADERS_MAX`].

use super::body::{Body, Framing};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Version};
use memchr::memchr;
use pingora::http::ResponseHeader;
use std::mem::MaybeUninit;

/// The longest head. Services send a few hundred bytes; a long `Set-Cookie` a few thousand.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The most fields that a head may have.
pub const HEADERS_MAX: usize = 128;

/// Why an answer is not passed on. The connection that it came on is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// The head is longer than [`HEAD_BYTES_MAX`] or has more than [`HEADERS_MAX`] fields.
    #[error("its head is too large")]
    HeadTooLarge,
    /// A line ends in LF alone.
    #[error("a line of its head ends in LF alone")]
    BareLineFeed,
    /// It is no HTTP/1 head.
    #[error("its head is malformed")]
    Malformed,
    /// It can be read in more than one way where it ends.
    #[error("where it ends can be read in more than one way")]
    AmbiguousEnd,
    /// It has a transfer coding that this lane does not know.
    #[error("its transfer coding is unknown")]
    UnknownCoding,
    /// It switches protocols, which nobody has asked for.
    #[error("it switches protocols unasked")]
    SwitchesProtocols,
    /// More interim answers than [`super::INTERIM_MAX`].
    #[error("it has too many interim answers")]
    TooManyInterim,
    /// A chunk is malformed.
    #[error("a chunk of its body is malformed")]
    BadChunk,
    /// A trailer field is malformed, or the trailer section is too large.
    #[error("its trailer section is malformed")]
    BadTrailer,
}

/// The method asked with, as far as it changes where an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `HEAD`: the answer never has a body.
    Head,
    /// Any other.
    Other,
}

/// A head that was read whole.
#[derive(Debug)]
pub struct Head {
    /// Status, reason and fields, as they came.
    pub header: Box<ResponseHeader>,
    /// What follows.
    pub body: Body,
}

/// Looks for the end of a head, and goes on where it stopped when more has come.
#[derive(Debug, Default)]
pub struct HeadReader {
    /// How far the bytes are known to be whole lines.
    lines: usize,
}

impl HeadReader {
    /// Takes the head from the front of what has come, once it is whole. The bytes that are left belong to the body.
    ///
    /// # Errors
    /// [`BadAnswer`]: the connection can not be used any more.
    pub fn take(&mut self, come: &mut BytesMut, asked: Asked) -> Result<Option<Head>, BadAnswer> {
        let Some(end) = self.end(come)? else { return Ok(None) };
        self.lines = 0;
        parse(&come.split_to(end).freeze(), asked).map(Some)
    }

    /// The length of the head with its empty line, if that has come.
    fn end(&mut self, come: &[u8]) -> Result<Option<usize>, BadAnswer> {
        loop {
            let rest = come.get(self.lines..).unwrap_or_default();
            let Some(feed) = memchr(b'\n', rest) else { break };
            if feed == 0 || rest.get(feed - 1) != Some(&b'\r') {
                return Err(BadAnswer::BareLineFeed);
            }
            if feed == 1 && self.lines == 0 {
                return Err(BadAnswer::Malformed); // An empty line before the status line.
            }
            self.lines += feed + 1;
            if self.lines > HEAD_BYTES_MAX {
                return Err(BadAnswer::HeadTooLarge);
            }
            if feed == 1 {
                return Ok(Some(self.lines));
            }
        }
        if come.len() > HEAD_BYTES_MAX { Err(BadAnswer::HeadTooLarge) } else { Ok(None) }
    }
}

/// What the fields say about the connection and the end of the message.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    chunked: bool,
    closes: bool,
}

impl Said {
    fn hear(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), BadAnswer> {
        if *name == CONTENT_LENGTH {
            let length = digits(value).ok_or(BadAnswer::AmbiguousEnd)?;
            if self.length.replace(length).is_some() {
                return Err(BadAnswer::AmbiguousEnd);
            }
        } else if *name == TRANSFER_ENCODING {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(BadAnswer::UnknownCoding);
            }
            if std::mem::replace(&mut self.chunked, true) {
                return Err(BadAnswer::AmbiguousEnd);
            }
        } else if *name == CONNECTION {
            self.closes |=
                value.split(|byte| *byte == b',').any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"));
        }
        Ok(())
    }
}

fn parse(head: &Bytes, asked: Asked) -> Result<Head, BadAnswer> {
    let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, head, &mut fields) {
        Ok(httparse::Status::Complete(end)) if end == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(BadAnswer::HeadTooLarge),
        Ok(_) | Err(_) => return Err(BadAnswer::Malformed),
    }
    let (Some(code @ 100..), Some(minor)) = (parsed.code, parsed.version) else { return Err(BadAnswer::Malformed) };
    let mut header =
        ResponseHeader::build_no_case(code, Some(parsed.headers.len() + 3)).map_err(|_| BadAnswer::Malformed)?;
    header.set_version(if minor == 1 { Version::HTTP_11 } else { Version::HTTP_10 });
    header.set_reason_phrase(parsed.reason).map_err(|_| BadAnswer::Malformed)?;
    let mut said = Said::default();
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| BadAnswer::Malformed)?;
        said.hear(&name, field.value)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value)).map_err(|_| BadAnswer::Malformed)?;
        header.append_header(name, value).map_err(|_| BadAnswer::Malformed)?;
    }
    let body = Body::new(framing(code, minor, &said, asked)?, minor == 1 && !said.closes);
    Ok(Head { header: Box::new(header), body })
}

/// RFC 9112, section 6.3, in its order.
fn framing(code: u16, minor: u8, said: &Said, asked: Asked) -> Result<Framing, BadAnswer> {
    if said.chunked && (minor == 0 || said.length.is_some()) {
        return Err(BadAnswer::AmbiguousEnd);
    }
    match code {
        101 => Err(BadAnswer::SwitchesProtocols),
        // Section 6.1 and RFC 9110, section 8.6: they may not have these, so whoever sends them means something else.
        100..=199 if said.chunked || said.length.is_some() => Err(BadAnswer::AmbiguousEnd),
        204 if said.chunked || said.length.is_some_and(|length| length > 0) => Err(BadAnswer::AmbiguousEnd),
        100..=199 | 204 | 304 => Ok(Framing::Nothing),
        _ if asked == Asked::Head => Ok(Framing::Nothing),
        _ if said.chunked => Ok(Framing::Chunked),
        _ => Ok(said.length.map_or(Framing::UntilClose, Framing::Length)),
    }
}

/// A number of digits only: no sign, no list, no space within.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
