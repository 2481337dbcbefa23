//! The header of a request (RFC 9112, sections 2 to 6), in one pass.

use super::Fault;
use memchr::memchr;

/// How a request's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Length(u64),
    Chunked,
}

/// What a header says about the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) body: Body,
    /// Whether it asks for another protocol that the gate lets pass.
    pub(super) switches: bool,
}

/// The options that a client may set for its connection: what browsers and well-known programs send. Any other name
/// would be that of a header which the next server shall not see.
const OPTIONS: [&[u8]; 5] = [b"keep-alive", b"close", b"upgrade", b"te", b"http2-settings"];

const METHOD_BYTES_MAX: usize = 24; // UPDATEREDIRECTREF has 17.

/// Reads a header; also says how long it is. `None` if it is not complete.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, Fault> {
    let Some((start, mut rest)) = line(bytes)? else { return Ok(None) };
    let (method, http11) = request_line(start)?;
    let mut seen = Seen::default();
    loop {
        let Some((field, after)) = line(rest)? else { return Ok(None) };
        rest = after;
        if field.is_empty() {
            return Ok(Some((seen.head(method, http11)?, bytes.len() - rest.len())));
        }
        let (name, value) = split(field)?;
        seen.note(name, value)?;
    }
}

/// Two parts of some bytes.
type Parts<'a> = (&'a [u8], &'a [u8]);

/// A line without its end, and what follows. A CR or LF alone ends no line; no line has another control character.
fn line(bytes: &[u8]) -> Result<Option<Parts<'_>>, Fault> {
    let Some(end) = memchr(b'\n', bytes) else { return Ok(None) };
    let Some(line) = bytes[..end].strip_suffix(b"\r") else { return Err(Fault::Control) };
    // Without a branch, so that it takes many bytes at a time.
    let controls = line.iter().fold(false, |any, byte| any | ((*byte < b' ') & (*byte != b'\t')) | (*byte == 0x7f));
    if controls { Err(Fault::Control) } else { Ok(Some((line, &bytes[end + 1..]))) }
}

/// `method SP target SP version`, with one space each; the target in visible ASCII and without a fragment.
fn request_line(line: &[u8]) -> Result<(&[u8], bool), Fault> {
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Fault::RequestLine);
    };
    let http11 = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ => return Err(Fault::RequestLine),
    };
    // Every registered method is of these letters. What is left of another message often is not.
    let method_is_one = (1..=METHOD_BYTES_MAX).contains(&method.len())
        && method.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'-');
    let target_is_one = !target.is_empty() && target.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'#');
    if method_is_one && target_is_one { Ok((method, http11)) } else { Err(Fault::RequestLine) }
}

/// A header line's name and value (RFC 9112, section 5): a token, right before the colon. A folded line begins with
/// white space and has no such name.
pub(super) fn split(line: &[u8]) -> Result<Parts<'_>, Fault> {
    let colon = line.iter().position(|byte| !is_token(*byte)).unwrap_or(line.len());
    match line.get(colon) {
        Some(b':') if colon > 0 => Ok((&line[..colon], line[colon + 1..].trim_ascii())),
        _ => Err(Fault::FieldLine),
    }
}

const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// RFC 9110, section 5.6.2.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a name is this one, as the laxest server reads it: CGI and its like turn `-` into `_`, some turn more.
pub(super) fn reads_as(name: &[u8], normal: &[u8]) -> bool {
    let same = |(byte, normal): (&u8, &u8)| {
        byte.to_ascii_lowercase() == *normal || (*normal == b'-' && !byte.is_ascii_alphanumeric())
    };
    name.len() == normal.len() && name.iter().zip(normal).all(same)
}

/// What has been seen of the headers that frame a request.
#[derive(Default)]
struct Seen {
    length: Option<u64>,
    chunked: bool,
    hosts: usize,
    upgrade: bool,
    websocket: bool,
}

impl Seen {
    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        // By length first: most headers are none of these.
        match name.len() {
            14 if reads_as(name, b"content-length") => self.note_length(name, value),
            17 if reads_as(name, b"transfer-encoding") => self.note_coding(name, value),
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.hosts += 1;
                if self.hosts > 1 { Err(Fault::Host) } else { Ok(()) }
            }
            10 if name.eq_ignore_ascii_case(b"connection") => {
                let mut options = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
                let known = |option: &[u8]| OPTIONS.iter().any(|known| option.eq_ignore_ascii_case(known));
                if options.all(known) { Ok(()) } else { Err(Fault::Connection) }
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                if value.eq_ignore_ascii_case(b"100-continue") {
                    Ok(())
                } else {
                    Err(Fault::Expect)
                }
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.websocket = !self.upgrade && value.eq_ignore_ascii_case(b"websocket");
                self.upgrade = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A number without sign, and without a nought before it, which some would take for octal.
    fn note_length(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        let spelled = name[7] == b'-' && self.length.is_none() && !self.chunked;
        let digits = !value.is_empty() && value.len() <= 18 && value.iter().all(u8::is_ascii_digit);
        if !spelled || !digits || (value.len() > 1 && value[0] == b'0') {
            return Err(Fault::Length);
        }
        self.length = Some(value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')));
        Ok(())
    }

    fn note_coding(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        let spelled = name[8] == b'-' && self.length.is_none() && !self.chunked;
        if !spelled || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Fault::Length);
        }
        self.chunked = true;
        Ok(())
    }

    fn head(&self, method: &[u8], http11: bool) -> Result<Head, Fault> {
        if self.chunked && !http11 {
            return Err(Fault::Length);
        }
        let body = match (self.chunked, self.length) {
            (true, _) => Body::Chunked,
            (false, None | Some(0)) => Body::None,
            (false, Some(length)) => Body::Length(length),
        };
        // RFC 9110, section 9.3.1: some servers do not look for a body here and take it for the next request.
        let may_have_none = matches!(method, b"GET" | b"HEAD" | b"TRACE" | b"CONNECT");
        if body != Body::None && (may_have_none || self.websocket) {
            return Err(Fault::Body);
        }
        Ok(Head { body, switches: http11 && self.websocket })
    }
}
